"""The screens whose bytes are counted: `python tests/bench/line_apps.py SCREEN plain|light`.

The same screen stands on plain Textual or on the light screen; nothing else differs.
"""

from __future__ import annotations

import sys
from typing import Any

from rich.text import Text
from textual.app import App, ComposeResult
from textual.coordinate import Coordinate
from textual.events import Key
from textual.widgets import DataTable, Footer, Header, Input, Label

from workbench.ui.light import LightScreen
from workbench.ui.widgets.ring import Line, Ring

FRAMES = 20
"""Times a second that the log is fed, in both ways."""

LINES = 5000
"""Lines fed each time: 100,000 a second."""


def idle(base: type[App[None]]) -> App[None]:
    """An input that has the focus."""

    class Idle(base):  # type: ignore[misc, valid-type]
        def compose(self) -> ComposeResult:
            yield Header()
            yield Label("ready")
            yield Input("tcp://127.0.0.1:7007")
            yield Footer()

    app: App[None] = Idle()
    return app


def table(base: type[App[None]]) -> App[None]:
    """A table of 30 rows, one cell of which changes ten times a second."""

    class Table(base):  # type: ignore[misc, valid-type]
        def compose(self) -> ComposeResult:
            yield Header()
            yield DataTable[Any]()
            yield Label("ready")
            yield Footer()

        def on_mount(self) -> None:
            rows = self.query_one(DataTable)
            rows.add_columns("kind", "endpoint", "connections", "rate", "last minute", "up")
            for n in range(30):
                state = Text("serving", "green") if n % 3 else Text("stopped", "bold red")
                rows.add_row(
                    "http", f"http://127.0.0.1:{8000 + n}/", n, "0 req/s", state, f"{n}h02"
                )
            self.count = 0
            self.set_interval(0.1, self.tick)

        def tick(self) -> None:
            self.count += 1
            self.query_one(DataTable).update_cell_at(Coordinate(7, 3), f"{self.count} req/s")

    app: App[None] = Table()
    return app


def flood(base: type[App[None]]) -> App[None]:
    """A log that gets 100,000 lines a second, above a line that tells the last key."""

    class Flood(base):  # type: ignore[misc, valid-type]
        def compose(self) -> ComposeResult:
            yield Header()
            yield Ring()
            yield Label("ready")
            yield Footer()

        def on_mount(self) -> None:
            self.count = 0
            self.set_interval(1 / FRAMES, self.tick)

        def on_key(self, event: Key) -> None:
            self.query_one(Label).update(f"pressed {event.key}")

        def tick(self) -> None:
            self.query_one(Ring).append([self.line() for _ in range(LINES)])

        def line(self) -> Line:
            self.count += 1
            n = self.count
            text = (
                f"{n:>10}  12:{n // 6000000 % 60:02}:{n // 100000 % 60:02}.{n // 100 % 1000:03}"
                f"  127.0.0.1:{32768 + n * 7 % 28000}  GET /files/{n % 97}.json"
                f"  {200 if n % 11 else 404}  {n * 37 % 9973} bytes"
            )
            return Line(text, "" if n % 11 else "warn")

    app: App[None] = Flood()
    return app


SCREENS = {"idle": idle, "table": table, "flood": flood}


def main() -> None:
    """Run a screen until it is ended."""
    screen, way = sys.argv[1:]
    base: type[App[None]] = LightScreen if way == "light" else App
    SCREENS[screen](base).run()


if __name__ == "__main__":
    main()
