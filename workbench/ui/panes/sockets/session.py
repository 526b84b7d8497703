"""One session on the screen: its state, its transcript, and the line that sends."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from workbench.core.arguments import UsageError
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Command, Event
from workbench.core.runner import Run
from workbench.core.text import InputError, escape, from_hex, safe, unescape
from workbench.core.units import amount, duration
from workbench.servers.events import Closed, Listening, Opened, Stats
from workbench.sockets.connect import Connect
from workbench.sockets.kernel import KernelView
from workbench.sockets.listen import Listen
from workbench.sockets.record import CAPTURED, as_packets, as_script, as_text
from workbench.sockets.session import (
    Connected,
    Counts,
    Finish,
    Look,
    Options,
    ReadOptions,
    Send,
    SendFile,
    SetOption,
)
from workbench.sockets.transcript import Row, Transcript, View
from workbench.ui.export import Lines
from workbench.ui.panes.sockets.sessionkernel import KernelStrip, OptionsView
from workbench.ui.screens.dialog import Ask
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import LIMIT, Line, Ring
from workbench.ui.widgets.table import Table
from workbench.ui.widgets.tones import Tone

FRAME_BYTES = 200_000
"""Bytes that are drawn of what comes in one frame; the rest only goes by."""

KERNEL_INTERVAL = 0.25
"""Seconds between two looks at the socket while they are shown."""

Mode = Literal["text", "hex", "file"]
MODES: tuple[Mode, ...] = ("text", "hex", "file")
ENDINGS = (("LF", b"\n"), ("CRLF", b"\r\n"), ("none", b""))
_TONES: dict[str, Tone] = {"<": "in", ">": "out", "-": "dim"}
HEX_16_WIDTH = 92
HINTS = {
    "text": r"text to send; escapes such as \r\n and \x00 work",
    "hex": "bytes as hex: 48 65 6c 6c 6f",
    "file": "path of a file to send",
}


class SessionView(Vertical):
    """A conversation over one socket."""

    DEFAULT_CSS = """
    SessionView { width: 1fr; min-width: 38; height: 1fr; border-left: solid $panel; }
    SessionView:focus-within { border-left: solid $primary; }
    SessionView .head { height: 1; background: $panel; }
    SessionView .problem { display: none; height: auto; max-height: 3; color: $text-error; }
    SessionView Ring { height: 1fr; }
    SessionView .send { height: 1; background: $surface; }
    SessionView .send Label { color: $text-accent; padding: 0 1 0 0; }
    SessionView .send Input { width: 1fr; border: none; height: 1; padding: 0;
        background: $surface; }
    SessionView .send Input:focus { border: none; background: $boost; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "mode", "text/hex/file", id="session.mode"),
        Binding("ctrl+g", "whom", "to whom", show=False, id="session.whom"),
        Binding("v", "view", "text or hex", id="session.view"),
        Binding("k", "kernel", "kernel's view", id="session.kernel"),
        Binding("u", "options", "options", id="session.options"),
        Binding("slash", "find", "find", id="session.find"),
        Binding("r", "again", "connect again", id="session.again"),
        Binding("c", "encoding", "encoding", show=False, id="session.encoding"),
        Binding("l", "loop", "event loop", show=False, id="session.loop"),
    ]

    class Opened(Message):
        """The peer has answered."""

        def __init__(self, view: SessionView) -> None:
            super().__init__()
            self.view = view

    class Again(Message):
        """The user wants this session opened anew."""

        def __init__(self, view: SessionView) -> None:
            super().__init__()
            self.view = view

    def __init__(self, number: int) -> None:
        super().__init__(id=f"session-{number}")
        self.number = number
        self.run: Run | None = None
        self.transcript = Transcript(time.time())
        self.view: View = "text"
        self.mode: Mode = "text"
        self._ending = 0
        self.connected: Connected | Listening | None = None
        self.peers: dict[int, str] = {}
        """Of a listener: who is there, by number."""
        self.to = 0
        """To whom a line goes; 0 is everybody."""
        self._counts = Counts(0, 0, 0)
        self._ended: Done | Failed | None = None
        self._failed: Failed | None = None
        """The failure that stands above the line, where all of it can be read."""
        self._lines: list[Line] = []
        self._head = ""
        self._past: list[str] = []
        self.encoding = "utf-8"
        self._options: Options | None = None
        """The options to show with the next frame."""
        self._refusal = ""
        """Why the last option was not set."""

    def compose(self) -> ComposeResult:
        """Head, transcript, what went wrong, the line that sends."""
        yield Static("", classes="head", markup=False)
        yield KernelStrip()
        yield Ring(empty="Type a line below; enter sends it.")
        yield OptionsView()
        yield Static("", classes="problem", markup=False)
        yield FilterLine("type to find; enter goes to the transcript, n and N to other places")
        with Horizontal(classes="send"):
            yield Label("", markup=False)
            yield SendLine()

    def on_mount(self) -> None:
        """Show the mode."""
        self._show_mode()

    # -- events --------------------------------------------------------------------------------

    def begin(self, run: Run) -> None:
        """Take this run as the session's."""
        self.run = run
        self.transcript = Transcript(run.started)
        self.connected = self._ended = None
        self.peers, self.to = {}, 0
        self._counts = Counts(0, 0, 0)
        self._lines.clear()
        self.transcript.encoding = self.encoding
        if self.is_mounted:
            self.query_one(KernelStrip).begin()
            self.query_one(Ring).clear()
            self._complain("")

    @property
    def open(self) -> bool:
        """The peer has answered, and it has not ended."""
        return self.connected is not None and self._ended is None

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self._ended is None

    def take(self, batch: Batch) -> None:
        """Take in what has come; it is drawn with the next frame."""
        if batch.dropped:
            self._lines.append(
                Line(f"{'':9} - {batch.dropped:,} events dropped: they came too fast", "warn")
            )
        self._take_all(batch.events)
        if batch.ended is not None:
            self._ended = batch.ended
            self._take(batch.ended)

    def _take_all(self, events: list[Event]) -> None:
        """Draw the newest of them, as much as somebody could read; keep them all."""
        size = 0
        first = len(events)
        while first and size < FRAME_BYTES:
            first -= 1
            size += events[first].size()
        for event in events[:first]:
            self.transcript.add(event)
        if first:
            passed = amount(sum(event.size() for event in events[:first]))
            self._lines.append(Line(f"{'':9} - {passed} went by too fast to be drawn", "warn"))
        for event in events[first:]:
            self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Counts):
            self._counts = event
            return
        if isinstance(event, KernelView):
            if self.is_mounted:
                self.query_one(KernelStrip).take(event)
            return
        if isinstance(event, Options):
            self._options = event
            return
        if isinstance(event, Stats):
            self._counts = Counts(event.bytes_in, event.bytes_out, 0)
            return
        if isinstance(event, Connected | Listening):
            self.connected = event
            self._show_mode()
            self.post_message(self.Opened(self))
            self._ask_the_kernel()
        elif isinstance(event, Note) and event.text.startswith("set "):
            self._refusal = event.text
        elif isinstance(event, Opened):
            self.peers[event.id] = event.peer
        elif isinstance(event, Closed):
            self.peers.pop(event.id, None)
            if event.id == self.to:
                self.to = 0
                self._show_mode()
        if self.transcript.add(event):
            rows = self.transcript.rows_of(event, self.view, bytes_wide=self._bytes_wide)
            self._lines += [_line(row) for row in rows]

    @property
    def _bytes_wide(self) -> int:
        """Bytes of a hex line that fit beside their text."""
        return 16 if self.size.width >= HEX_16_WIDTH else 8

    def pulse(self) -> None:
        """Draw what is new."""
        if self._lines:
            lines, self._lines = self._lines, []
            self.query_one(Ring).append(lines)
        self.query_one(KernelStrip).pulse()
        if self._options is not None:
            told, self._options = self._options, None
            self.query_one(OptionsView).show(told.options)
        if self._refusal:
            self._complain(safe(self._refusal))
            self._refusal = ""
        head = self._head_text()
        if head != self._head:
            self._head = head
            self.query_one(".head", Static).update(head)
        ended = self._ended
        if isinstance(ended, Failed) and not ended.cancelled and ended is not self._failed:
            self._failed = ended
            self._complain(safe(ended.line()))

    def _head_text(self) -> str:
        assert self.run is not None
        target = self.run.request.target()
        if self._ended is not None:
            failed = isinstance(self._ended, Failed) and not self._ended.cancelled
            state = "failed" if failed else "closed"
        elif self.connected is None:
            state = "connecting"
        elif isinstance(self.connected, Listening):
            state = f"listening, {len(self.peers):,} there"
            target = self.connected.endpoint
        else:
            state = f"open in {duration(self.connected.connect)}"
        counts = f"in {amount(self._counts.bytes_in)} out {amount(self._counts.bytes_out)}"
        if self._counts.waiting:
            counts += f" waiting {amount(self._counts.waiting)}"
        mark = {"failed": "!", "closed": " ", "connecting": "~"}.get(state, "*")
        return f"{mark} {safe(target)}  {state}  {counts}"

    def exports(self) -> dict[str, Lines]:
        """By ending of a file's name, what gives the lines of the session in that format."""
        kept = list(self.transcript.events)
        found: dict[str, Lines] = {
            ".jsonl": self.transcript.export,
            ".txt": lambda: as_text(kept, self.transcript.started),
        }
        request = self.run.request if self.run is not None else None
        if isinstance(request, Connect | Listen):
            end, listened = request.endpoint, isinstance(request, Listen)
            if isinstance(self.connected, Listening):
                end = parse(self.connected.endpoint)
            if end.transport in CAPTURED:
                found[".pcapng"] = lambda: as_packets(kept, end.transport)
            if not listened or end.transport in ("tcp", "unix"):
                found[".py"] = lambda: as_script(kept, end, listened=listened)
        return found

    # -- sending -------------------------------------------------------------------------------

    def submit(self, text: str) -> None:
        """Send what was typed; what cannot be sent stays on the line."""
        try:
            command = self._command(text)
        except (InputError, UsageError) as problem:
            self._complain(str(problem))
            return
        if self.run is None or not self.run.send(command):
            self._complain("the session has ended: r on the transcript connects again")
            return
        self._complain("")
        line = self.query_one(SendLine)
        line.remember(text)
        line.value = ""

    def _command(self, text: str) -> Command:
        if self.mode == "hex":
            return Send(from_hex(text), self.to)
        if self.mode == "file":
            path = Path(text).expanduser()
            if not path.is_file():
                raise UsageError(f"{text!r} is no file: type the path of one")
            return SendFile(path, self.to)
        return Send(unescape(text, self.encoding) + self._line_end(), self.to)

    def _line_end(self) -> bytes:
        """The end of a line of text in the encoding, without a byte order mark of its own."""
        end = ENDINGS[self._ending][1]
        wide = self.encoding.replace("_", "-").lower()
        if wide in ("utf-16", "utf-32"):
            wide += "-le" if sys.byteorder == "little" else "-be"
        return end.decode().encode(wide, "replace")

    def _complain(self, text: str) -> None:
        problem = self.query_one(".problem", Static)
        problem.display = bool(text)
        problem.update(text and f"! {text}")

    def finish(self) -> None:
        """Close our sending half."""
        if self.run is not None:
            self.run.send(Finish())

    # -- keys ----------------------------------------------------------------------------------

    def action_mode(self) -> None:
        """What the line stands for: text, hex, a file's path."""
        self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
        self._show_mode()

    def action_whom(self) -> None:
        """Of a listener: send to the next peer; after the last one to all."""
        there = [0, *sorted(self.peers)]
        place = there.index(self.to) if self.to in there else 0
        self.to = there[(place + 1) % len(there)]
        self._show_mode()
        self.query_one(KernelStrip).begin()
        self._ask_the_kernel()

    def action_ending(self) -> None:
        """What is put at the end of each line of text."""
        self._ending = (self._ending + 1) % len(ENDINGS)
        self._show_mode()

    def action_view(self) -> None:
        """Draw the whole transcript as text or as hex."""
        self.view = "hex" if self.view == "text" else "text"
        self._draw_again()

    def _draw_again(self) -> None:
        ring = self.query_one(Ring)
        ring.clear()
        rows = self.transcript.rows(self.view, LIMIT, bytes_wide=self._bytes_wide)
        self._lines = [_line(row) for row in rows]
        self.pulse()

    def action_encoding(self) -> None:
        """Choose the encoding of what is typed and shown as text."""

        def chosen(name: str | None) -> None:
            if not name:
                return
            try:
                unescape("", name)
            except InputError as problem:
                self._complain(str(problem))
                return
            self.encoding = self.transcript.encoding = name
            self._show_mode()
            self._draw_again()

        hint = "utf-8, latin-1, cp1252, utf-16-le, shift_jis, koi8-r, cp037"
        self.app.push_screen(Ask("Text in which encoding?", self.encoding, hint), chosen)

    def action_kernel(self) -> None:
        """Show what the kernel knows of the socket, or hide it."""
        strip = self.query_one(KernelStrip)
        strip.display = not strip.display
        self._ask_the_kernel()

    def action_loop(self) -> None:
        """Look into the event loop that serves this session or listener."""
        from workbench.ui.screens.loop import LoopScreen

        if self.run is not None and self.alive:
            self.app.push_screen(LoopScreen(self.run))
        else:
            self._complain("the session has ended: r on the transcript connects again")

    def action_options(self) -> None:
        """Show the socket's options in place of the transcript, or the transcript again."""
        options, ring = self.query_one(OptionsView), self.query_one(Ring)
        line = self.query_one(FilterLine)
        if line.display:
            line.action_clear()
        options.display, ring.display = not options.display, not ring.display
        (options.query_one(Table) if options.display else ring).focus()
        self._ask_the_kernel()

    def _ask_the_kernel(self) -> None:
        """Have the job tell what is on the screen, and no more."""
        if self.run is None or not self.is_mounted or not self.open:
            return
        every = KERNEL_INTERVAL if self.query_one(KernelStrip).display else 0.0
        self.run.send(Look(every, self.to))
        if self.query_one(OptionsView).display:
            self.run.send(ReadOptions(self.to))

    def on_options_view_wanted(self, event: OptionsView.Wanted) -> None:
        """Ask for the value, and set it."""
        one, to = event.option, self.to

        def answered(value: str | None) -> None:
            if value is not None and self.run is not None:
                self._complain("")
                if not self.run.send(SetOption(one.name, value, to)):
                    self._complain("the session has ended: its socket is gone")

        title = f"{one.name}: {one.meaning}"
        self.app.push_screen(Ask(title, one.value, "enter sets   esc closes"), answered)

    def on_ring_chosen(self, event: Ring.Chosen) -> None:
        """Put a line of the transcript on the line that sends, to be edited and sent again."""
        row = event.line.data
        if not isinstance(row, Row) or not row.data:
            return
        event.stop()
        line = self.query_one(SendLine)
        self.mode, line.value = self._as_typed(row.data)
        self._show_mode()
        line.cursor_position = len(line.value)
        line.focus()

    def _as_typed(self, data: bytes) -> tuple[Mode, str]:
        """What would be typed to send these bytes; the line's end is set to that of the bytes."""
        if self.view == "hex":
            return "hex", data.hex(" ")
        for at, end in ((1, b"\r\n"), (0, b"\n"), (2, b"")):
            ending = end.decode().encode(self.encoding, "replace")
            if data.endswith(ending):
                self._ending = at
                break
        try:
            text = data.removesuffix(self._line_end()).decode(self.encoding, "surrogateescape")
            typed = escape(text.encode("utf-8", "surrogateescape"))
            if unescape(typed, self.encoding) + self._line_end() == data:
                return "text", typed
        except (InputError, ValueError):
            pass
        return "hex", data.hex(" ")

    def action_find(self) -> None:
        """Type what to look for in the transcript, or to filter the options by."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Mark what is found, and go to it; or filter the options."""
        options = self.query_one(OptionsView)
        if options.display:
            options.query_one(Table).filter_text = event.text
            return
        ring = self.query_one(Ring)
        ring.search_text = event.text
        if event.text:
            ring.find(-1)

    def on_filter_line_left(self) -> None:
        """Back to the transcript, or to the options."""
        options = self.query_one(OptionsView)
        (options.query_one(Table) if options.display else self.query_one(Ring)).focus()

    def action_again(self) -> None:
        """Connect again."""
        if not self.alive:
            self.post_message(self.Again(self))

    def focus_line(self) -> None:
        """Go to the line that sends."""
        self.query_one(SendLine).focus()

    def _show_mode(self) -> None:
        if not self.query(".send Label"):
            return  # it is shown when it is mounted
        ending = f"+{ENDINGS[self._ending][0]}" if self.mode == "text" else ""
        listening = isinstance(self.connected, Listening)
        whom = f" to #{self.to}" if self.to else " to all" if listening else ""
        charset = "" if self.encoding == "utf-8" or self.mode != "text" else f" {self.encoding}"
        self.query_one(".send Label", Label).update(f"{self.mode}{charset}{ending}{whom}>")
        self.query_one(SendLine).placeholder = HINTS[self.mode]


class SendLine(Input):
    """The line that sends: up and down walk through what was sent, ctrl+d on an empty one ends."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "send", id="session.send"),
        Binding("escape", "leave", "transcript", show=False, id="session.leave"),
        Binding("ctrl+d", "end_or_delete", "end sending", id="session.finish"),
        # On the line itself: Input has this key too, and the focused widget's comes first.
        Binding("ctrl+e", "ending", "line end", id="session.ending"),
        Binding("up", "past(1)", "sent before", show=False, id="session.earlier"),
        Binding("down", "past(-1)", "later", show=False, id="session.later"),
    ]

    KEPT = 200

    def __init__(self) -> None:
        super().__init__(compact=True, select_on_focus=False)
        self._past: list[str] = []
        self._place = -1

    def remember(self, text: str) -> None:
        """Keep a line that was sent."""
        self._past = [text, *(one for one in self._past if one != text)][: self.KEPT]
        self._place = -1

    def action_past(self, step: int) -> None:
        """Walk through what was sent."""
        place = max(-1, min(len(self._past) - 1, self._place + step))
        if place != self._place:
            self._place = place
            self.value = "" if place < 0 else self._past[place]
            self.cursor_position = len(self.value)

    async def action_submit(self) -> None:
        """Send it at once: a message would come after letters that were typed behind it."""
        self._view().submit(self.value)

    def action_leave(self) -> None:
        """Go to the transcript; while the peer has not answered, give up instead."""
        view = self._view()
        if view.alive and not view.open and view.run is not None:
            view.run.cancel()
        else:
            view.query_one(Ring).focus()

    def action_ending(self) -> None:
        """What is put at the end of each line of text."""
        self._view().action_ending()

    def action_end_or_delete(self) -> None:
        """As in a shell: the end of input on an empty line, else delete to the right."""
        if self.value:
            self.action_delete_right()
            return
        self._view().finish()

    def _view(self) -> SessionView:
        return next(one for one in self.ancestors if isinstance(one, SessionView))


def _line(row: Row) -> Line:
    return Line(str(row), "bad" if row.failed else _TONES[row.mark], row)
