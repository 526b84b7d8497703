"""The screens that are flooded: `python tests/bench/flood_apps.py WAY SOURCE RATE FEED REPORT`.

WAY is `ring`, where a frame takes what waits in the feed into a Ring on the light screen, or
`richlog`, where each event calls Textual's RichLog from the thread that has it. SOURCE is `thread`
or `child`. The top line answers each key with a letter of its own. Once a second REPORT gets what
has come so far.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from itertools import cycle
from pathlib import Path
from string import ascii_uppercase
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import RichLog, Static

from tests.bench.flood_job import Flood, Flooded, flood
from workbench.core.feed import Feed
from workbench.core.runner import start
from workbench.ui.light import LightScreen
from workbench.ui.widgets.ring import Line, Ring

WORD = 12
"""How often the letter of an answer stands on the screen: no log line has it that often."""


def resident() -> int:
    """Bytes of memory that this process has now (proc(5), `statm`)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def flooded(base: type[App[None]]) -> type[App[None]]:
    """What both screens share: the answers to keys, and the counting."""

    class Flooding(base):  # type: ignore[misc, valid-type]
        def __init__(self, source: str, rate: int, feed: int, report: Path) -> None:
            super().__init__()
            self.source, self.rate, self.feed_limit, self.report = source, rate, feed, report
            self.taken = self.dropped = 0
            self.memory: dict[int, int] = {}
            self.letters = cycle(ascii_uppercase)

        def compose(self) -> ComposeResult:
            yield Static("ready", id="answer")
            yield self.log_widget()

        def on_mount(self) -> None:
            self.run_of_events = start(
                flood,
                Flood(rate=self.rate),
                process=self.source == "child",
                feed=Feed(self.feed_limit),
            )
            self.begun = time.monotonic()
            self.set_interval(1.0, self.tell)
            self.begin()

        def on_key(self, event: Key) -> None:
            if event.key == "space":
                self.query_one("#answer", Static).update(next(self.letters) * WORD, layout=False)

        def on_unmount(self) -> None:
            self.run_of_events.cancel()

        def count(self, taken: int, dropped: int) -> None:
            self.taken += taken
            self.dropped += dropped
            for mark in (100_000, 1_000_000):
                if self.taken + self.dropped >= mark and mark not in self.memory:
                    self.memory[mark] = resident()

        def tell(self) -> None:
            figures = {
                "seconds": time.monotonic() - self.begun,
                "taken": self.taken,
                "dropped": self.dropped,
                "memory": {str(mark): size for mark, size in self.memory.items()},
                "resident": resident(),
            }
            text = json.dumps(figures)
            self.report.with_suffix(".new").write_text(text, encoding="utf-8")
            self.report.with_suffix(".new").replace(self.report)

    return Flooding


def ring() -> Any:
    """The workbench's way."""

    class WithRing(flooded(LightScreen)):  # type: ignore[misc]
        def log_widget(self) -> Ring:
            return Ring(line=lambda event: Line(event.line(), "", event))

        def begin(self) -> None:
            self.set_interval(1 / self.frame_rate, self.pulse)

        def pulse(self) -> None:
            batch = self.run_of_events.feed.drain()
            self.count(len(batch.events), batch.dropped)
            self.query_one(Ring).append(batch.events)

    return WithRing


def richlog() -> Any:
    """The way that comes to mind first."""

    class WithRichLog(flooded(App)):  # type: ignore[misc]
        def log_widget(self) -> RichLog:
            return RichLog()

        def begin(self) -> None:
            threading.Thread(target=self.pump, daemon=True).start()

        def pump(self) -> None:
            feed = self.run_of_events.feed
            while self.is_running and feed.wait(1.0):
                batch = feed.drain()
                for event in batch.events:
                    self.call_from_thread(self.write, event)
                self.call_from_thread(self.count, 0, batch.dropped)

        def write(self, event: Flooded) -> None:
            self.query_one(RichLog).write(event.line())
            self.count(1, 0)

    return WithRichLog


def main() -> None:
    """Run a screen until it is ended."""
    way, source, rate, feed, report = sys.argv[1:]
    app = {"ring": ring, "richlog": richlog}[way]()
    app(source, int(rate), int(feed), Path(report)).run()


if __name__ == "__main__":
    main()
