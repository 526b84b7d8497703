"""The board of `ftp`: this folder and the server's side by side, and a queue of transfers."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.events import Note, Progress
from workbench.core.feed import Batch
from workbench.core.job import Request
from workbench.core.message import Command, Event
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.ftp.job import Ftp
from workbench.mail_ftp.ftp.listing import fit_for_here
from workbench.mail_ftp.ftp.moving import LeftOut, Moved
from workbench.mail_ftp.ftp.staying import FtpChange, FtpFolder, FtpGet, FtpOpen, FtpPut, FtpStep
from workbench.ui.panes.mail_ftp import mailkeys
from workbench.ui.panes.mail_ftp.sessionboard import SessionBoard
from workbench.ui.widgets.ring import Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

LISTED = 20_000
"""Names of a folder of this host that are shown."""

UP = ".."
NAMES = (
    Column("mark", "", width=1),
    Column("name", "name", width=14, flex=1),
    Column("size", "size", width=7, align="right"),
    Column("when", "changed", width=11, priority=1),
)
QUEUE = (
    Column("what", "queue", width=18, flex=1),
    Column("state", "", width=30, flex=2),
)


@dataclass(slots=True)
class Item:
    """A name on either side; `folder` leads on."""

    name: str
    folder: bool
    size: int | None
    when: float | None
    kind: str = ""


@dataclass(slots=True)
class Step:
    """Something that was asked of the session."""

    number: int
    what: str
    state: str = "waits"

    @property
    def over(self) -> bool:
        """Nothing more comes of it."""
        return self.state not in ("waits", "under way")


class FtpBoard(SessionBoard):
    """Two folders; keys as in a file manager."""

    DEFAULT_CSS = """
    FtpBoard .sides { height: 3fr; }
    FtpBoard .side { width: 1fr; }
    FtpBoard .place { height: 1; background: $surface; padding: 0 1; }
    FtpBoard .side:focus-within .place { background: $boost; text-style: bold; }
    FtpBoard #ftp-queue { height: 1fr; max-height: 8; min-height: 3; }
    FtpBoard .about { height: 1; background: $surface; padding: 0 1; }
    FtpBoard #ftp-talk { display: none; height: 3fr; }
    FtpBoard.talk #ftp-talk { display: block; }
    FtpBoard.talk .sides { display: none; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "other", "other side", priority=True, id="ftp.other"),
        Binding("c,f5", "copy_over", "copy", id="ftp.copy"),
        Binding("m,f6", "rename", "rename", id="ftp.rename"),
        Binding("M,f7", "make", "new folder", id="ftp.make"),
        Binding("D,f8", "delete", "delete", id="ftp.delete"),
        Binding("space", "mark", "mark", id="ftp.mark"),
        Binding("backspace", "up", "up", show=False, id="ftp.up"),
        Binding("H", "mode", "chmod", show=False, id="ftp.mode"),
        Binding("r", "again", "look again", show=False, id="ftp.again"),
        Binding("d", "talk", "dialogue", id="ftp.talk"),
        Binding("q", "end", "end", show=False, id="ftp.end"),
        Binding("k", "tls", "TLS", show=False, id="ftp.tls"),
        Binding("s", "send_to", "send to", show=False, id="ftp.send"),
        Binding("y", "copy", "copy name", show=False, id="ftp.name"),
        Binding("e", "export", "export", show=False, id="ftp.export"),
    ]

    protocol = "ftp"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.here = Path.cwd()
        self.clear_values()

    def clear_values(self) -> None:
        """Nothing is known."""
        self.there = ""
        self.remote: list[Item] = []
        self.local: list[Item] = []
        self.marked: dict[str, set[str]] = {"local": set(), "remote": set()}
        self.steps: dict[int, Step] = {}
        self.word = ""
        self.progress = ""
        self._numbers = count(1)
        self._fresh = True

    def prepared(self, request: Request) -> Request:
        """The session stays, unless one thing is asked for that ends it."""
        if not isinstance(request, Ftp):
            return request
        once = (request.output, request.put, request.delete, request.rename, request.mkdir,
                request.chmod)  # fmt: skip
        return request if any(once) else replace(request, stay=True)

    def compose_body(self) -> ComposeResult:
        """Both sides, the queue, or the dialogue."""
        with Horizontal(classes="sides"):
            with Vertical(classes="side"):
                yield Static("", classes="place", markup=False, id="ftp-here")
                yield Table(NAMES, cell=self._cell("local"), value=_value, tone=self._tone("local"),
                            empty="Nothing is here.", id="ftp-local")  # fmt: skip
            with Vertical(classes="side"):
                yield Static("", classes="place", markup=False, id="ftp-there")
                yield Table(NAMES, cell=self._cell("remote"), value=_value,
                            tone=self._tone("remote"), empty="…", id="ftp-remote")  # fmt: skip
        yield Ring(empty="Nothing was said yet.", id="ftp-talk")
        yield Static("", classes="about", markup=False)
        yield Table(QUEUE, cell=_queue_cell, empty="c copies the marked to the other side.",
                    id="ftp-queue")  # fmt: skip

    @property
    def focusable_view(self) -> Widget:
        """The server's side."""
        return self.query_one("#ftp-remote", Table)

    def clear(self) -> None:
        """Nothing is known of the new run."""
        super().clear()
        self.clear_values()
        self._look_here()

    # -- what comes ----------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            self._take(event)
        if batch.ended is not None:
            failed = batch.ended.type == "failed"
            self.say(batch.ended, "bad" if failed else "good")
            self.word = batch.ended.line()
            for one in self.steps.values():
                if not one.over:
                    one.state = "not done: the session has ended"
        self._fresh = True

    def _take(self, event: Event) -> None:
        match event:
            case FtpFolder():
                self.there = event.path
                self.remote = [
                    Item(one.name, one.kind == "folder", one.size, one.modified, one.kind)
                    for one in event.names
                ]
                self.marked["remote"].clear()
            case FtpStep():
                step = self.steps.setdefault(event.number, Step(event.number, event.what))
                step.state = event.state
                self.progress = ""
                if step.over:
                    self._look_here()
                    if not any(not one.over for one in self.steps.values()):
                        self.tell(FtpOpen(self.there))
            case Progress():
                self.progress = event.line()
            case Note() | LeftOut() | Moved():
                self.word = event.line()
                self.say(event, "good" if isinstance(event, Moved) else "warn")
            case _:
                self.say(event, "out" if event.line().startswith(">") else "")

    def _look_here(self) -> None:
        """This host's folder."""
        found: list[Item] = []
        try:
            with os.scandir(self.here) as entries:
                for one in entries:
                    if len(found) == LISTED:
                        self.word = f"more than {LISTED:,} names: the rest is not shown"
                        break
                    try:
                        status = one.stat(follow_symlinks=True)
                    except OSError:
                        continue
                    folder = stat.S_ISDIR(status.st_mode)
                    found.append(Item(one.name, folder, status.st_size, status.st_mtime))
        except OSError as problem:
            self.word = f"{self.here}: {(problem.strerror or '').lower()}"
        self.local = found
        self._fresh = True

    # -- what shows ----------------------------------------------------------------------------

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        super().pulse()
        if not self._fresh:
            return
        self._fresh = False
        self.query_one("#ftp-local", Table).set_rows(_rows(self.local))
        self.query_one("#ftp-remote", Table).set_rows(_rows(self.remote) if self.there else [])
        self._place("#ftp-here", "here", str(self.here))
        self._place("#ftp-there", "there", self.there or "…")
        waiting = [one for one in self.steps.values() if not one.over]
        ended = [one for one in self.steps.values() if one.over]
        shown = [*waiting, *reversed(ended[-100:])]
        for one in shown:
            if one.state == "under way" and self.progress:
                one = replace(one, state=self.progress)
        self.query_one("#ftp-queue", Table).set_rows([(one.number, one) for one in shown])
        target = self.run.request.target() if self.run is not None else ""
        over = self.run is not None and self.run.ended is not None
        self.query_one(".head", Static).update(
            safe(f"ftp {target}   " + ("ended" if over else "tab other side   x ends"))
        )
        words = self.progress or self.word or f"{len(waiting)} waiting" * bool(waiting)
        self.query_one(".about", Static).update(safe(words))

    def _place(self, where: str, side: str, path: str) -> None:
        """A path by its end, which tells more than its beginning."""
        place = self.query_one(where, Static)
        room = max(10, place.size.width - len(side) - 4)
        text = safe(path)
        place.update(f"{side}  {text if len(text) <= room else '…' + text[1 - room :]}")

    def _cell(self, side: str) -> Any:
        def cell(item: Item, key: str, width: int) -> Cell:
            match key:
                case "mark":
                    return "*" if item.name in self.marked[side] else ""
                case "name":
                    return safe(item.name) + ("/" if item.folder else "")
                case "size":
                    return "" if item.folder or item.size is None else amount(item.size)
                case _:
                    return _shown_time(item.when)

        return cell

    def _tone(self, side: str) -> Any:
        def tone(item: Item) -> Tone:
            if item.name in self.marked[side]:
                return "good"
            return "in" if item.folder else ""

        return tone

    # -- keys ------------------------------------------------------------------------------------

    @property
    def side(self) -> str:
        """The side that has the focus: "local" or "remote"."""
        return "local" if self.query_one("#ftp-local", Table).has_focus else "remote"

    @property
    def table(self) -> Table:
        """Its table."""
        return self.query_one(f"#ftp-{self.side}", Table)

    def chosen(self) -> list[Item]:
        """What is marked on this side, else what is under the cursor."""
        items = self.local if self.side == "local" else self.remote
        marked = [one for one in items if one.name in self.marked[self.side]]
        if marked:
            return marked
        key = self.table.cursor_key
        return [one for one in items if one.name == key]

    def _queue(self, what: str, command: Command, number: int) -> None:
        if self.tell(command):
            self.steps[number] = Step(number, what)
            self._fresh = True

    def action_other(self) -> None:
        """To the other side."""
        if self.has_class("talk"):
            self.action_talk()
            return
        other = "remote" if self.side == "local" else "local"
        self.query_one(f"#ftp-{other}", Table).focus()

    def on_table_chosen(self, message: Table.Chosen) -> None:
        """Into a folder; a file is copied to the other side."""
        if message.table.id == "ftp-queue":
            return
        item: Item = message.row
        if not item.folder:
            self.action_copy_over()
        elif self.side == "local":
            self._go_here(self.here.parent if item.name == UP else self.here / item.name)
        else:
            self.tell(FtpOpen(posixpath.normpath(posixpath.join(self.there, item.name))))

    def _go_here(self, path: Path) -> None:
        if os.access(path, os.R_OK | os.X_OK):
            self.here = path
            self.marked["local"].clear()
            self._look_here()
        else:
            self.notify(f"{safe(str(path))} cannot be read", severity="warning")

    def action_up(self) -> None:
        """The folder above."""
        if self.side == "local":
            self._go_here(self.here.parent)
        else:
            self.tell(FtpOpen(posixpath.dirname(self.there.rstrip("/")) or "/"))

    def action_mark(self) -> None:
        """Mark what is under the cursor, or take the mark away, and go on."""
        key = self.table.cursor_key
        if isinstance(key, str) and key != UP:
            self.marked[self.side] ^= {key}
            self._fresh = True
        self.table.action_cursor(1)

    def action_copy_over(self) -> None:
        """Copy to the other side; what is there already is asked about."""
        items = [one for one in self.chosen() if one.name != UP]
        if not items:
            return
        names = {one.name for one in (self.remote if self.side == "local" else self.local)}
        there = [one.name for one in items if one.name in names and not one.folder]
        side = self.side
        if there:
            detail = ", ".join(safe(one) for one in there[:5]) + (" …" if len(there) > 5 else "")
            mailkeys.confirm(
                self, f"Replace {len(there)} that are there already?", detail,
                lambda: self._copy(items, side, overwrite=True),
            )  # fmt: skip
        else:
            self._copy(items, side, overwrite=False)

    def _copy(self, items: list[Item], side: str, *, overwrite: bool) -> None:
        for one in items:
            number = next(self._numbers)
            remote, local = posixpath.join(self.there, one.name), self.here / one.name
            if side == "local":
                put = FtpPut(number, str(local), remote, overwrite)
                self._queue(f"bring {one.name}", put, number)
                continue
            why = fit_for_here(one.name)
            if why:
                self.steps[number] = Step(number, f"fetch {one.name}", f"not done: {why}")
            else:
                get = FtpGet(number, remote, str(local), one.folder, overwrite)
                self._queue(f"fetch {one.name}", get, number)
        self.marked[side].clear()
        self._fresh = True

    def action_make(self) -> None:
        """A new folder on this side."""
        side = self.side

        def make(name: str) -> None:
            if side == "local":
                self._here(lambda: (self.here / name).mkdir())
            else:
                number = next(self._numbers)
                path = posixpath.join(self.there, name)
                change = FtpChange(number, "make folder", path)
                self._queue(f"make folder {name}", change, number)

        mailkeys.ask(self, "New folder", "", "its name", make)

    def action_rename(self) -> None:
        """Another name for what is under the cursor."""
        key, side = self.table.cursor_key, self.side
        if not isinstance(key, str) or key == UP:
            return

        def rename(name: str) -> None:
            if side == "local":
                self._here(lambda: _rename_here(self.here / key, self.here / name))
            else:
                number = next(self._numbers)
                old, new = posixpath.join(self.there, key), posixpath.join(self.there, name)
                self._queue(f"rename {key}", FtpChange(number, "rename", old, new), number)

        mailkeys.ask(self, f"Rename {safe(key)} to", key, "a new name", rename)

    def action_mode(self) -> None:
        """Other permission bits on the server."""
        key = self.table.cursor_key
        if self.side == "local" or not isinstance(key, str) or key == UP:
            return

        def change(bits: str) -> None:
            number = next(self._numbers)
            path = posixpath.join(self.there, key)
            self._queue(f"mode of {key}", FtpChange(number, "mode", path, bits), number)

        mailkeys.ask(self, f"Permission bits of {safe(key)}", "644", "three digits, octal", change)

    def action_delete(self) -> None:
        """Delete on this side, after a question."""
        items, side = [one for one in self.chosen() if one.name != UP], self.side
        if not items:
            return
        detail = ", ".join(safe(one.name) for one in items[:5]) + (" …" if len(items) > 5 else "")
        place = "here" if side == "local" else "on the server"

        def delete() -> None:
            for one in items:
                if side == "local":
                    path = self.here / one.name
                    self._here(path.rmdir if one.folder and not path.is_symlink() else path.unlink)
                else:
                    number = next(self._numbers)
                    what = "remove folder" if one.folder else "delete"
                    path_there = posixpath.join(self.there, one.name)
                    change = FtpChange(number, what, path_there)
                    self._queue(f"{what} {one.name}", change, number)
            self.marked[side].clear()

        mailkeys.confirm(self, f"Delete {len(items)} {place}?", detail, delete)

    def _here(self, change: Any) -> None:
        try:
            change()
        except OSError as problem:
            self.notify(f"not done: {(problem.strerror or '').lower()}", severity="warning")
        self._look_here()

    def action_again(self) -> None:
        """Look at both folders again."""
        self._look_here()
        if self.there:
            self.tell(FtpOpen(self.there))

    def action_copy(self) -> None:
        """Copy the name, or the selected lines of the dialogue."""
        text = str(self.table.cursor_key or "")
        if self.has_class("talk"):
            text = self.query_one("#ftp-talk", Ring).selected_text()
        self.app.copy_to_clipboard(text)
        self.notify("copied")


def _rows(items: list[Item]) -> list[tuple[str, Item]]:
    """The one above first, then folders, then the rest, by name."""
    ordered = sorted(items, key=lambda one: (not one.folder, one.name.lower(), one.name))
    return [(UP, Item(UP, True, None, None)), *((one.name, one) for one in ordered)]


def _value(item: Item, key: str) -> Any:
    return {"name": item.name, "size": item.size or 0, "when": item.when or 0.0}.get(key, "")


def _queue_cell(step: Step, key: str, width: int) -> Cell:
    if key == "what":
        return safe(step.what)
    tone: Tone = "bad" if step.state.startswith("not") else "good" if step.state == "done" else ""
    return safe(step.state), tone


def _shown_time(when: float | None) -> str:
    if when is None:
        return ""
    try:
        at = time.localtime(when)
    except (OverflowError, ValueError, OSError):
        return "?"
    recent = abs(time.time() - when) < 15_552_000
    return time.strftime("%m-%d %H:%M" if recent else "%Y-%m-%d", at)


def _rename_here(old: Path, new: Path) -> None:
    if os.path.lexists(new):
        raise FileExistsError(17, "that name is taken")
    os.rename(old, new)
