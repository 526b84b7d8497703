"""The light screen in a pseudo-terminal: silence, slow lines, suspension."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from time import monotonic

import pytest

from tests.bench.terminal import Terminal
from tests.ui.light_demo import Emulator

APPS = Path(__file__).parents[1] / "bench" / "line_apps.py"


def start(screen: str, way: str, *, answers: bool = True) -> Terminal:
    return Terminal.start(
        [sys.executable, str(APPS), screen, way], columns=100, rows=30, answers=answers
    )


def falls_silent(terminal: Terminal, seconds: float, deadline: float) -> bool:
    """Whether nothing comes for so many seconds, before the deadline."""
    begin = monotonic()
    while (left := begin + deadline - monotonic()) > seconds:
        if terminal.read(min(seconds, left)) is None:
            return True
    return False


@pytest.mark.parametrize(("way", "deadline", "silent"), [("light", 40, True), ("plain", 6, False)])
def test_an_idle_screen_writes_nothing(way: str, deadline: float, silent: bool) -> None:
    """The plain way's cursor blinks twice a second."""
    with start("idle", way) as terminal:
        terminal.read_until(b"ready")
        assert falls_silent(terminal, 2.0, deadline) is silent


@pytest.mark.parametrize("answers", [True, False], ids=["answers", "silent"])
def test_a_slow_line_answers_a_key_with_the_newest_state(answers: bool) -> None:
    """The plain way writes 100 to 300 KB before the answer here."""
    with start("flood", "light", answers=answers) as terminal:
        terminal.read_until(b"ready")
        assert terminal.read_slowly(20_000, 2.0)
        terminal.send(b"x")
        before = b""
        while b"pressed x" not in before:
            assert len(before) < 32_000
            before += terminal.read_slowly(20_000, 0.2)


def test_the_screen_is_whole_after_a_suspension() -> None:
    with start("idle", "light") as terminal:
        screen = Emulator(100, 30)
        for chunk in terminal.read_until(b"ready") + terminal.read_until_quiet(1.0):
            screen.feed(chunk.data.decode())
        before = screen.cells()
        assert "ready" in "".join(screen.display)
        os.kill(terminal.pid, signal.SIGTSTP)
        _, status = os.waitpid(terminal.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        screen.reset()  # back from the alternate screen there is nothing of the old one
        os.kill(terminal.pid, signal.SIGCONT)
        data = b"".join(c.data for c in terminal.read_until(b"ready"))
        data += b"".join(c.data for c in terminal.read_until_quiet(1.0))
        screen.feed(data.decode())
        assert screen.cells() == before
