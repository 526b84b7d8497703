"""A terminal drawn by the line API: its cells, cursor and keys; ctrl+] lets the keyboard go."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.palette import Palette
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.mail_ftp.telnet.keys import bytes_of
from workbench.mail_ftp.telnet.screen import Cell, Colour, Look, Row
from workbench.mail_ftp.telnet.terminal import Terminal

LET_GO = "ctrl+right_square_bracket"
OWN = frozenset(f"alt+{number}" for number in range(1, 8)) | {
    "f1",
    "ctrl+pageup",
    "ctrl+pagedown",
}
"""Keys of the tabs, and of help, stay ours."""

_SIXTEEN = Palette(
    [
        (0, 0, 0), (205, 49, 49), (13, 160, 90), (190, 160, 16),
        (60, 110, 220), (188, 63, 188), (17, 168, 205), (204, 204, 204),
        (102, 102, 102), (241, 76, 76), (35, 209, 139), (245, 245, 67),
        (95, 150, 250), (214, 112, 214), (41, 184, 219), (245, 245, 245),
    ]
)  # fmt: skip


@lru_cache(1_024)
def _colour(colour: Colour) -> Color | None:
    if colour is None:
        return None
    if isinstance(colour, tuple):
        return Color.from_triplet(ColorTriplet(*colour))
    if colour < 16:
        return Color.from_triplet(_SIXTEEN[colour])
    return Color.from_triplet(Color.from_ansi(colour).get_truecolor())


@lru_cache(4_096)
def _style(look: Look, reverse: bool) -> Style:
    """A look as Rich has it."""
    return Style(
        color=_colour(look.fg),
        bgcolor=_colour(look.bg),
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
        strike=look.strike or None,
        reverse=(look.reverse != reverse) or None,
    )


@lru_cache(4_096)
def _drawn(text: str, cells: int) -> str:
    """A cell's text as wide as the screen has it, whatever the terminal below would make of it."""
    return text if cell_len(text) == cells else "\ufffd".ljust(cells)


class TerminalView(Widget, can_focus=True, inherit_bindings=False):
    """A terminal's screen.

    Attributes:
        terminal: what is shown; a new one for each session.
        back: rows of the history that are scrolled into view.
    """

    DEFAULT_CSS = """
    TerminalView { width: 1fr; height: 1fr; background: $background; color: $foreground; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(LET_GO, "let_go", "let the keyboard go", key_display="^]", id="terminal.let_go"),
        Binding("shift+pageup", "scroll(1)", "history", show=False, id="terminal.back"),
        Binding("shift+pagedown", "scroll(-1)", "history", show=False, id="terminal.forth"),
    ]

    class Typed(Message):
        """Keys, as what they send."""

        def __init__(self, data: bytes) -> None:
            super().__init__()
            self.data = data

    class Sized(Message):
        """The view has another size."""

        def __init__(self, columns: int, lines: int) -> None:
            super().__init__()
            self.columns = columns
            self.lines = lines

    class LetGo(Message):
        """The keyboard is free again."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.terminal = Terminal()
        self.back = 0
        self._cursor: tuple[int, int] | None = None

    def begin(self) -> None:
        """A new terminal, as large as the view is, where that is known by now."""
        self.terminal = Terminal(self.size.width or 80, self.size.height or 24)
        self.back = 0
        self.refresh()

    def feed(self, data: bytes) -> bytes:
        """Show what has come; gives what the terminal answers."""
        before = self.terminal.screen.scrolled_out
        self.terminal.feed(data)
        if self.back:
            moved = self.terminal.screen.scrolled_out - before
            self.back = min(self.back + moved, len(self.terminal.screen.history))
        return self.terminal.take()

    def draw(self) -> None:
        """Have the rows drawn that have changed since the last time."""
        screen = self.terminal.screen
        dirty, screen.dirty = screen.dirty, set()
        cursor = (screen.row, screen.column) if self.terminal.cursor_shown else None
        if cursor != self._cursor:
            dirty |= {one[0] for one in (cursor, self._cursor) if one is not None}
            self._cursor = cursor
        if self.back:
            self.refresh()
        elif dirty:
            self.refresh(*(Region(0, row, self.size.width, 1) for row in dirty))

    def render_line(self, y: int) -> Strip:
        """One row of the screen, or of the history."""
        screen = self.terminal.screen
        number = y - self.back
        base = self.rich_style
        row: Row | None = None
        if 0 <= number < screen.lines:
            row = screen.rows[number]
        elif number < 0 and len(screen.history) + number >= 0:
            row = screen.history[len(screen.history) + number]
        if row is None:
            return Strip.blank(self.size.width, base)
        cursor = -1
        if number == screen.row and self.terminal.cursor_shown:
            cursor = screen.column
        return self._strip(row, cursor, base)

    def _strip(self, row: Row, cursor: int, base: Style) -> Strip:
        segments: list[Segment] = []
        text, look = "", None
        reversed_ = self.terminal.reversed
        for column, cell in enumerate(row[: self.size.width]):
            if not cell.text:
                continue
            if cell.look is not look or column == cursor or text == "":
                if text and look is not None:
                    segments.append(Segment(text, base + _style(look, reversed_)))
                text, look = "", cell.look
            text += self._shown(row, column, cell)
            if column == cursor:
                on = self.has_focus
                style = base + _style(cell.look, reversed_ != on)
                segments.append(Segment(text, style if on else style + Style(underline=True)))
                text = ""
        if text and look is not None:
            segments.append(Segment(text, base + _style(look, reversed_)))
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _shown(self, row: Row, column: int, cell: Cell) -> str:
        cells = 2 if column + 1 < len(row) and not row[column + 1].text else 1
        if cell.look.conceal:
            return " " * cells
        return cell.text if cell.text < "\x7f" else _drawn(cell.text, cells)

    # -- keys ----------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Everything but what lets the keyboard go is for the server."""
        if event.key in OWN or event.key in (LET_GO, "shift+pageup", "shift+pagedown"):
            return
        data = bytes_of(event.key, event.character, application=self.terminal.cursor_keys)
        event.stop()
        event.prevent_default()
        if data:
            self.type(data)

    def on_paste(self, event: events.Paste) -> None:
        """A paste, between marks where the program wants them; its line ends are enter."""
        event.stop()
        text = event.text.replace("\r\n", "\r").replace("\n", "\r")
        if self.terminal.pastes:
            text = f"\x1b[200~{text.replace(chr(27), '')}\x1b[201~"
        self.type(text.encode("utf-8", "replace"))

    def type(self, data: bytes) -> None:
        """As if it had been typed."""
        if self.back:
            self.back = 0
            self.refresh()
        self.post_message(self.Typed(data))

    def on_resize(self, event: events.Resize) -> None:
        """The screen gets the size of the view."""
        if event.size.width and event.size.height:
            self.terminal.screen.resize(event.size.width, event.size.height)
            self.post_message(self.Sized(event.size.width, event.size.height))

    def action_let_go(self) -> None:
        """Give the keyboard back."""
        self.post_message(self.LetGo())

    def action_scroll(self, step: int) -> None:
        """Look at what has gone out at the top, half a screen at a time."""
        half = max(1, self.size.height // 2)
        most = len(self.terminal.screen.history)
        self.back = min(max(0, self.back + step * half), most)
        self.refresh()

    def on_focus(self) -> None:
        """The cursor stands out."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor steps back."""
        self.refresh()
