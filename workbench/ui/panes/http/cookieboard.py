"""The board of `cookies`: the jar in a table, the rules of the selected one below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.endpoint import EndpointError, parse
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.http.client.cookie_files import Form
from workbench.http.cookies.job import CookieHeader, CookieJudged, CookieListed, Cookies
from workbench.ui.panes.boards import RunBoard
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COLUMNS = (
    Column("sent", "", width=8),
    Column("name", "name", width=10, flex=2),
    Column("value", "value", width=8, flex=3),
    Column("domain", "domain", width=12, flex=2),
    Column("path", "path", width=6, flex=1),
    Column("flags", "for", width=9, flex=1, priority=1),
    Column("life", "until", width=16, priority=2),
)
KEYS = "a add  d delete  D delete its domain  u another URL  w write as"


class CookieBoard(RunBoard):
    """A jar; each edit is a run of the job, and the jar is read anew."""

    DEFAULT_CSS = """
    CookieBoard Table { height: 1fr; min-height: 4; }
    CookieBoard Ring { height: 1fr; max-height: 14; }
    CookieBoard .about { height: auto; max-height: 3; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "add", id="cookies.add"),
        Binding("d", "delete", "delete", id="cookies.delete"),
        Binding("D", "delete_domain", "delete domain", show=False, id="cookies.domain"),
        Binding("u", "url", "URL", id="cookies.url"),
        Binding("w", "write", "write as", id="cookies.write"),
        Binding("y", "copy", "copy", id="cookies.copy"),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.cookies: list[CookieListed] = []
        self.judged: list[CookieJudged] = []
        self.header: CookieHeader | None = None
        self.ended: Event | None = None
        self._version = self._drawn = 0
        self._shown: object = None
        self._after: Cookies | None = None

    def compose_body(self) -> ComposeResult:
        """The jar, the field that goes out, the rules."""
        yield Table(COLUMNS, cell=_cell, value=_value, empty="No cookie is here.", id="jar")
        yield Static("", classes="about", markup=False)
        yield Ring(empty="With a URL (u), the rules of the selected cookie stand here.")

    @property
    def table(self) -> Table:
        """The jar."""
        return self.query_one("#jar", Table)

    @property
    def selected(self) -> CookieListed | None:
        """The cookie under the cursor."""
        key = self.table.cursor_key
        return self.cookies[key] if isinstance(key, int) and key < len(self.cookies) else None

    def clear(self) -> None:
        """Nothing is known of the new run."""
        self.cookies, self.judged = [], []
        self.header = self.ended = None
        self._shown = None
        self._version += 1

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            match event:
                case CookieListed():
                    self.cookies.append(event)
                case CookieJudged():
                    self.judged.append(event)
                case CookieHeader():
                    self.header = event
        if batch.ended is not None:
            self.ended = batch.ended
            after, self._after = self._after, None
            if after is not None and batch.ended.type == "done":
                self.call_later(self._again, after)
        self._version += 1

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.run is not None and self._version != self._drawn:
            self._drawn = self._version
            self.table.set_rows(list(enumerate(self.cookies)))
            ended = f"   {self.ended.line()}" if self.ended is not None else ""
            self.query_one(".head", Static).update(
                safe(f"cookies {self.run.request.target()}{ended}")
            )
            about = self.header.line() if self.header is not None else KEYS
            self.query_one(".about", Static).update(safe(about))
            self._shown = None
        shown = (self._drawn, self.table.cursor_key)
        if shown != self._shown:
            self._shown = shown
            self._draw_rules()

    def _draw_rules(self) -> None:
        ring = self.query_one(Ring)
        ring.clear()
        lines = []
        for one in self.judged:
            text = f"{one.what}: {one.name}: {one.why}"
            lines += _rules(text, one.accepted, one.rules)
        row = self.selected
        if row is not None and row.accepted is not None:
            word = "sent" if row.accepted else "not sent"
            lines += _rules(f"{word}: {row.name}: {row.why}", row.accepted, row.rules)
        elif row is not None:
            lines.append(Line(safe(row.line()), "", row))
        ring.append(lines)

    # -- keys ------------------------------------------------------------------------------------

    @property
    def workbench(self) -> WorkbenchApp:
        """The app."""
        return cast("WorkbenchApp", self.app)

    def _asked(self) -> Cookies | None:
        """What is shown, without the edit that led to it."""
        request = self.run.request if self.run is not None else None
        if not isinstance(request, Cookies):
            return None
        return replace(request, set=(), delete=(), path="", output=None, form="same")

    def _again(self, request: Cookies) -> None:
        if self.run is not None:
            self.begin(partial(self.workbench.runs.start, self.run.job, request))

    def _ask(self, title: str, value: str, hint: str, then: Callable[[str], None]) -> None:
        from workbench.ui.screens.dialog import Ask

        def answered(text: str | None) -> None:
            if text:
                then(text)

        self.app.push_screen(Ask(title, value, f"{hint}   enter takes it   esc closes"), answered)

    def action_url(self) -> None:
        """Ask where the cookies would be sent."""
        request = self._asked()
        if request is None:
            return

        def then(text: str) -> None:
            try:
                self._again(replace(request, url=parse(text, scheme="http")))
            except EndpointError as problem:
                self.notify(str(problem), severity="error")

        self._ask("Sent to which URL?", str(request.url or "http://"), "http:// or https://", then)

    def action_add(self) -> None:
        """Hear a Set-Cookie."""
        request = self._asked()
        if request is None:
            return
        if request.url is None:
            self.notify("first the URL that sets it: u")
            return
        self._ask(
            f"Set-Cookie of {request.url.without_password()}", "name=value; Path=/",
            "Domain= Max-Age= Secure HttpOnly",
            lambda text: self._again(replace(request, set=(text,))),
        )  # fmt: skip

    def action_delete(self) -> None:
        """Take the selected cookie away."""
        self._delete(all_of_domain=False)

    def action_delete_domain(self) -> None:
        """Take away all cookies of the selected one's domain and below it."""
        self._delete(all_of_domain=True)

    def _delete(self, *, all_of_domain: bool) -> None:
        from workbench.ui.screens.dialog import Confirm

        request, row = self._asked(), self.selected
        if request is None or row is None:
            return
        name, path = ("*", "") if all_of_domain else (row.name, row.path)
        what = "all" if all_of_domain else f"{row.name} for {row.path}"

        def answered(yes: bool | None) -> None:
            if yes:
                self._after = request  # what was deleted is a domain's: then all is shown again
                self._again(replace(request, delete=(name,), path=path, domain=row.domain))

        self.app.push_screen(
            Confirm(
                "Delete from the jar?",
                safe(f"{what} of {row.domain} and below it"),
                "deletes",
                "keeps",
            ),
            answered,
        )

    def action_write(self) -> None:
        """Write the jar to another file, in a form that its ending names."""
        request = self._asked()
        if request is None:
            return

        def then(text: str) -> None:
            path = Path(text).expanduser()
            if path.exists():
                self.notify(f"{text} is there already", severity="error")
                return
            form: Form = "lwp" if path.suffix == ".lwp" else "netscape"
            self._again(replace(request, output=path, form=form))

        self._ask(
            "Write the jar where?", "cookies.lwp", ".lwp is LWP's form, else Netscape's", then
        )

    def action_copy(self) -> None:
        """Copy the selected cookie as it goes into Cookie."""
        row = self.selected
        if row is not None:
            self.app.copy_to_clipboard(f"{row.name}={row.value}" if row.name else row.value)
            self.notify("copied")


def _rules(head: str, accepted: bool, rules: tuple[tuple[str, bool, str], ...]) -> list[Line]:
    tone: Tone = "good" if accepted else "warn"
    lines = [Line(safe(head), tone, None)]
    for rule, passed, words in rules:
        lines.append(
            Line(safe(f"   {rule:<8} {'yes' if passed else 'NO '} {words}"),
                 "" if passed else "warn", None)
        )  # fmt: skip
    return lines


def _cell(row: CookieListed, column: str, width: int) -> Cell:
    if column == "sent":
        if row.accepted is None:
            return "-", "dim"
        return ("sent", "good") if row.accepted else ("not sent", "warn")
    return str(getattr(row, column))


def _value(row: CookieListed, column: str) -> Any:
    return str(row.accepted) if column == "sent" else getattr(row, column)
