"""The board of `telnet`: a terminal, the options as they are negotiated, and how typing is done."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.feed import Batch
from workbench.core.message import Command, encode
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.mail_ftp.telnet.client import State
from workbench.mail_ftp.telnet.job import (
    GiveOrder,
    Resize,
    SetBinary,
    SetMode,
    Shown,
    Taken,
)
from workbench.mail_ftp.telnet.lines import LineEditor
from workbench.mail_ftp.telnet.screen import row_text
from workbench.sockets.session import Send
from workbench.ui.panes.mail_ftp.sessionboard import SessionBoard
from workbench.ui.panes.mail_ftp.terminalview import TerminalView
from workbench.ui.runs import Sink
from workbench.ui.widgets.ring import Ring

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

WIDE = 110
"""Columns from which on the negotiation stands beside the terminal."""
_KEYS = ("type", "mode", "binary", "order", "talk", "tls", "send_to", "copy", "export")
SLICE = 4_096
"""Bytes that are shown in one go."""
QUIET_FRAMES = 10
SLICE_SECONDS = 0.015
"""How long showing may keep keys from being answered."""


class TelnetBoard(SessionBoard):
    """Beside the terminal, or in its place where the screen is narrow, what was negotiated."""

    DEFAULT_CSS = """
    TelnetBoard Ring { width: 38; height: 1fr; }
    TelnetBoard.narrow Ring { width: 1fr; display: none; }
    TelnetBoard.narrow.talk Ring { display: block; }
    TelnetBoard.narrow.talk TerminalView { display: none; }
    TelnetBoard .state { height: 1; background: $surface; padding: 0 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,i", "type", "type", id="telnet.type"),
        Binding("c", "mode", "keys/lines", id="telnet.mode"),
        Binding("B", "binary", "binary", show=False, id="telnet.binary"),
        Binding("a", "order('ayt')", "are you there", show=False, id="telnet.ayt"),
        Binding("I", "order('interrupt')", "interrupt", show=False, id="telnet.interrupt"),
        Binding("K", "order('break')", "break", show=False, id="telnet.break"),
        Binding("d", "talk", "negotiation", id="telnet.talk"),
        Binding("k", "tls", "TLS", show=False, id="telnet.tls"),
        Binding("s", "send_to", "send to", show=False, id="telnet.send"),
        Binding("y", "copy", "copy", show=False, id="telnet.copy"),
        Binding("e", "export", "export", show=False, id="telnet.export"),
    ]

    protocol = "telnet"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.state = State()
        self._waiting: deque[bytes] = deque()
        self._skipping = 0
        """Frames with little to show after which everything is shown again."""
        self._editor = LineEditor()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def compose_body(self) -> ComposeResult:
        """The terminal, the negotiation, and how it stands."""
        with Horizontal():
            yield TerminalView()
            yield Ring(empty="Nothing was negotiated yet.", id="telnet-talk")
        yield Static("", classes="state", markup=False)

    @property
    def view(self) -> TerminalView:
        """The terminal."""
        return self.query_one(TerminalView)

    @property
    def focusable_view(self) -> Widget:
        """The terminal, or what stands in its place."""
        return self.view if self.view.display and not self.has_class("talk") else self.dialogue

    def on_resize(self) -> None:
        """Beside each other where there is room."""
        self.set_class(self.size.width < WIDE, "narrow")

    def begin(self, start: Callable[[Sink], Run]) -> None:
        """Show another session, which is not to run ahead of the screen."""
        super().begin(start)
        self._tell(Taken(0))

    def clear(self) -> None:
        """Nothing is known of the new run."""
        super().clear()
        self.state = State()
        self._waiting.clear()
        self._skipping = 0
        self._editor = LineEditor()
        self._decoder.reset()
        self.remove_class("talk")
        self.view.begin()

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in batch.events:
            match event:
                case Shown(data=data):
                    self.keep(event)
                    self._waiting.append(data)
                case State():
                    self.keep(event)
                    self.state = event
                case _:
                    self.say(event, "out" if event.line().startswith(">") else "")
        if batch.ended is not None:
            self._show(None)
            self.say(batch.ended, "bad" if batch.ended.type == "failed" else "good")
            text = safe(batch.ended.line())
            self.view.feed(f"\r\n\x1b[0;7m {text} \x1b[0m\r\n".encode())
            if self.view.has_focus:
                self.dialogue.focus() if self.dialogue.display else self.screen.set_focus(None)

    def _show(self, seconds: float | None) -> None:
        """Draw what waits, for so long at the most, and tell the session how much that was."""
        until = None if seconds is None else monotonic() + seconds
        count = self._skip() if self._skipping else 0
        while self._waiting and (until is None or monotonic() < until):
            data = self._waiting.popleft()
            if len(data) > SLICE:
                self._waiting.appendleft(data[SLICE:])
                data = data[:SLICE]
            answer = self.view.feed(data)
            if answer:
                self._tell(Send(answer))
            count += len(data)
        if count:
            self._tell(Taken(count))

    def _skip(self) -> int:
        """After ctrl+c, throw away what the server had sent before it heard of that."""
        behind = sum(map(len, self._waiting))
        self._skipping = QUIET_FRAMES if behind > SLICE else self._skipping - 1
        if behind <= SLICE:
            return 0
        last = b"".join(self._waiting)[-SLICE // 2 :]
        self._waiting = deque([last])
        return behind - len(last)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        super().pulse()
        if self.view.size:  # else nobody knows yet how long a line may be
            self._show(SLICE_SECONDS)
        self.view.draw()
        self.query_one(".head", Static).update(safe(self._head()))
        self.query_one(".state", Static).update(safe(self._standing()))

    def _head(self) -> str:
        if self.run is None:
            return "telnet"
        target = f"telnet {self.run.request.target()}"
        title = f"  {self.view.terminal.title}" if self.view.terminal.title else ""
        if self.run.ended is not None:
            return f"{target}{title}   ended   n another"
        if self.view.has_focus:
            return f"{target}{title}   ^] lets the keyboard go"
        return f"{target}{title}   enter types   d negotiation   x hangs up"

    def _standing(self) -> str:
        state = self.state
        screen = self.view.terminal.screen
        ways = "keys" if state.character else "lines"
        echo = "shown here" if state.echo else "server echoes"
        binary = " binary" if state.binary else ""
        back = f"  {self.view.back} rows back" if self.view.back else ""
        return (
            f"{screen.columns}x{screen.lines} {ways}{binary}, {echo}{back}"
            f"   we {' '.join(state.ours) or '-'}   server {' '.join(state.theirs) or '-'}"
        )

    def _tell(self, command: Command) -> None:
        """Tell a session that still goes on; what is typed after its end is nobody's."""
        if self.run is not None and self.run.ended is None:
            self.run.send(command)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The board's keys are the server's while the terminal has the keyboard."""
        return action not in _KEYS or not self.view.has_focus

    # -- typing --------------------------------------------------------------------------------

    def on_terminal_view_typed(self, message: TerminalView.Typed) -> None:
        """Keys go as they are; in line mode a line when it is whole."""
        if message.data == b"\x03":
            self._skipping = QUIET_FRAMES
        if self.state.character:
            self._tell(Send(message.data))
            return
        self._editor.masked = not self.state.echo
        for shown, line in self._editor.feed(self._decoder.decode(message.data)):
            self.view.feed(shown.encode())
            if line == "\x03":
                self._tell(GiveOrder("interrupt"))
            elif line is not None:
                self._tell(Send(f"{line}\r\n".encode()))

    def on_terminal_view_sized(self, message: TerminalView.Sized) -> None:
        """The server is told of the size (NAWS)."""
        self._tell(Resize(message.columns, message.lines))

    def on_terminal_view_let_go(self) -> None:
        """The keys are the board's again."""
        if self.dialogue.display:
            self.dialogue.focus()
        else:
            self.can_focus = True
            self.focus()

    def action_type(self) -> None:
        """Give the keyboard to the server."""
        self.remove_class("talk")
        self.can_focus = False
        self.view.focus()

    def action_mode(self) -> None:
        """Keys as they are pressed, or lines."""
        self._tell(SetMode("line" if self.state.character else "character"))

    def action_binary(self) -> None:
        """Ask for BINARY both ways, or take it back."""
        self._tell(SetBinary(not self.state.binary))

    def action_order(self, name: str) -> None:
        """Send a telnet command."""
        self._tell(GiveOrder(name))
        self.notify(f"{name} sent")

    def action_talk(self) -> None:
        """The negotiation in place of the terminal, or back."""
        if not self.has_class("narrow"):
            self.dialogue.focus()
            return
        self.toggle_class("talk")
        if self.has_class("talk"):
            self.dialogue.focus()
        else:
            self.view.focus()

    # -- leaving -------------------------------------------------------------------------------

    def action_tls(self) -> None:
        """What the server's TLS is worth."""
        if self.endpoint is not None and not self.endpoint.tls:
            self.notify("this session is in the clear; telnets://HOST begins with TLS")
        else:
            super().action_tls()

    def _rows(self) -> list[str]:
        screen = self.view.terminal.screen
        return [row_text(row) for row in (*screen.history, *screen.rows)]

    def action_copy(self) -> None:
        """Copy what stands on the terminal; in the negotiation, its lines."""
        ring = self.dialogue
        text = ring.selected_text() if ring.has_focus else self.view.terminal.screen.text()
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save the screen with what has gone out at its top, or the session as JSON lines."""
        from workbench.ui.export import ask_and_write

        events, rows = list(self.told), self._rows()
        formats = {
            ".txt": lambda: [row.encode() for row in rows],
            ".jsonl": lambda: [encode(event) for event in events],
        }
        ask_and_write(cast("WorkbenchApp", self.app), "telnet.txt", formats)
