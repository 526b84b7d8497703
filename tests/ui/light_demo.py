"""An app with something of everything, whose terminal is an emulator in memory.

`python -m tests.ui.light_demo` runs it on a real terminal.
"""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections.abc import Iterator
from typing import Any, ClassVar

import pyte
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import CompositorUpdate
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.coordinate import Coordinate
from textual.drivers.headless_driver import HeadlessDriver
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import DataTable, Footer, Header, Input, Label, RichLog

from workbench.ui.light import LightScreen

SCRAPS = (
    "plain words",
    "日本語の文字",
    "Grüße aus Köln",
    "e\u0301a\u0300o\u0308 combined",
    "한국어 mixed 中文",
    "🚀 rocket 🎉",
    "│box─┼drawing█",
    "ﾊﾝｶｸ half",
    "",
)


class MemoryDriver(HeadlessDriver):
    """A driver that keeps what it is given to write."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.written: list[str] = []

    def write(self, data: str) -> None:
        self.written.append(data)

    def take(self) -> str:
        """What was written since the last call."""
        data, self.written = "".join(self.written), []
        return data

    @property
    def is_headless(self) -> bool:
        return False

    def start_application_mode(self) -> None:
        super().start_application_mode()
        self.write("\x1b[?25l\x1b[?7l")


class Emulator(pyte.Screen):
    """A terminal's cells.

    Of what Textual writes pyte knows no dim, overline or hyperlink; tests/ui/test_light_cells.py
    looks at those. It draws a character a call, as pyte leaves out what follows in a call when it
    meets a character of no width that does not combine, and a mark once: where a column border
    cuts a mark from its letter, the plain way adds it again each time it draws the right side.
    """

    def __init__(self, columns: int, lines: int) -> None:
        super().__init__(columns, lines)
        self._stream = pyte.Stream(self)

    def draw(self, data: str) -> None:
        for character in data:
            if unicodedata.combining(character) and self.cursor.x:
                before = self.buffer[self.cursor.y][self.cursor.x - 1].data
                if unicodedata.normalize("NFD", before).endswith(character):
                    continue
            super().draw(character)

    def feed(self, data: str) -> None:
        """Take terminal sequences."""
        self._stream.feed(data)

    def cells(self) -> list[list[Any]]:
        """Every cell: its text, colours and attributes."""
        return [[self.buffer[y][x] for x in range(self.columns)] for y in range(self.lines)]


class Box(ModalScreen[None]):
    """A box over the middle of the screen, which shows through around it."""

    CSS = "Box { align: center middle; } #box { width: 50%; height: auto; border: thick red; }"
    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        yield Label("箱の中の文字 inside 🎁 the box", id="box")


class Odd(Widget):
    """Lines whose strips are styled in every way and change at single cells."""

    DEFAULT_CSS = "Odd { height: 3; }"

    def __init__(self) -> None:
        super().__init__()
        self.seed = 0

    def render_line(self, y: int) -> Strip:
        chance = random.Random(self.seed // 3 * 100 + y)
        segments = []
        for _ in range(6):
            style = Style(
                bold=chance.choice((True, None)),
                italic=chance.choice((True, None)),
                underline=chance.choice((True, None)),
                reverse=chance.choice((True, None)),
                strike=chance.choice((True, None)),
                color=chance.choice(("red", "#102030", "color(99)", None)),
                bgcolor=chance.choice(("blue", "#a0b0c0", "color(200)", None)),
            )
            segments.append(Segment(chance.choice(SCRAPS), style))
        return Strip(segments).adjust_cell_length(self.size.width)


class Demo(LightScreen):
    """The app."""

    CSS = """
    Input, RichLog { width: 1fr; }
    #moving { layer: above; width: 14; height: 2; background: green 50%; }
    Screen { layers: below above; }
    """
    NOTIFICATION_TIMEOUT = 1
    TOOLTIP_DELAY = 0.001
    BINDINGS: ClassVar[list[BindingType]] = [
        ("f2", "box", "box"),
        ("f3", "toast", "toast"),
        ("f4", "cell", "cell"),
        ("f5", "log", "log"),
        ("f6", "move", "move"),
        ("f7", "odd", "odd"),
        ("f8", "hide", "hide"),
        ("f9", "theme", "theme"),
        ("f10", "batch", "batch"),
        ("ctrl+l", "repaint", "repaint"),
    ]

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(driver_class=MemoryDriver, **kwargs)
        self.chance = random.Random(seed)
        systems = (ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT, ColorSystem.STANDARD)
        self.console._color_system = systems[seed % 3]
        self.animation_level = "none"
        self.lines = 0
        self.displayed = asyncio.Event()

    def post_display_hook(self) -> None:
        self.displayed.set()

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        for name in ("box", "toast", "odd", "theme", "toggle_dark"):
            yield SystemCommand(f"{name} 命令", "a command 🎉", getattr(self, f"action_{name}"))

    def compose(self) -> ComposeResult:
        yield Header()
        yield Input("入力 text", tooltip="ヒント: a tooltip\nof two lines")
        yield Odd()
        with Horizontal():
            yield DataTable[str](zebra_stripes=True)
            yield RichLog(highlight=True, markup=True, wrap=False, max_lines=50)
        yield Label("浮かぶ floats", id="moving")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("名前", "value", "more")
        for _ in range(20):
            table.add_row(*(self.scrap() for _ in range(3)))

    def scrap(self) -> str:
        return self.chance.choice(SCRAPS)

    def action_box(self) -> None:
        self.push_screen(Box())

    def action_toast(self) -> None:
        self.notify(self.scrap() or "toast", title="🔔", markup=False)

    def action_cell(self) -> None:
        table = self.query(DataTable).first()
        table.update_cell_at(
            Coordinate(self.chance.randrange(20), self.chance.randrange(3)), self.scrap()
        )

    def action_log(self) -> None:
        self.lines += 1
        self.query(RichLog).first().write(f"[b]{self.lines}[/b] {self.scrap()} 10.0.0.1 'x'")

    def action_move(self) -> None:
        label = self.query("#moving").first()
        label.styles.offset = (self.chance.randrange(20), self.chance.randrange(8))

    def action_odd(self) -> None:
        odd = self.query(Odd).first()
        odd.seed += 1
        odd.refresh()

    def action_hide(self) -> None:
        odd = self.query(Odd).first()
        odd.display = not odd.display

    def action_batch(self) -> None:
        self.delay_update(0.01)
        self.action_cell()
        self.action_move()

    def action_theme(self) -> None:
        self.theme = self.chance.choice(("textual-dark", "textual-light", "nord"))


class Compared(Demo):
    """The demo, which also keeps what the plain way would have written of each update.

    Where the light screen asks for all of the screen, having forgotten it, the plain way gets it
    as well: otherwise it would show an older state until its next update.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plain: list[str] = []

    def take_plain(self) -> str:
        """The plain way's sequences since the last call."""
        data, self.plain = "".join(self.plain), []
        return data

    def _full_update(self, screen: Any) -> Any:
        update = super()._full_update(screen)
        self.plain.append(update.render_segments(self.console))
        return update

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count and self._running:
            self.plain.append(renderable.render_segments(self.console))
        super()._display(screen, renderable)


if __name__ == "__main__":
    Demo().run()
