"""The board of a job that has none of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.ui.panes.linesboard import LinesBoard


async def save(driver: Driver, path: Path) -> None:
    """Export to a file."""
    await driver.press("e")
    await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
    focused = driver.app.focused
    assert isinstance(focused, Input)
    focused.value = str(path)
    await driver.press("enter")
    await driver.until(path.exists, "the file")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_lines_are_filtered_copied_and_saved(size: tuple[int, int], tmp_path: Path) -> None:
    async with driving(size) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, r"url 'http://ex.com\@evil.com/a?q=1'")
        await driver.see("urllib.parse evil.com", "origin", "ended")
        board = pane.query_one(LinesBoard)
        await driver.press("slash", *"host", "enter")
        await driver.until(lambda: len(board.ring.shown) == 4, "the lines that name a host")
        await driver.press("up", "up", "s")
        await driver.see("Send to", "Addresses: resolve evil.com")
        await driver.press("escape", "end")
        await driver.press("y")
        assert "browsers ex.com" in driver.app.clipboard
        assert "origin" not in driver.app.clipboard
        await save(driver, tmp_path / "url.jsonl")
        told = [json.loads(line) for line in (tmp_path / "url.jsonl").read_text().splitlines()]
        assert [one["type"] for one in told].count("url") == 1, "an event of many lines is one"
        assert told[0]["host"] == "ex.com"
        await save(driver, tmp_path / "url.txt")
        assert "  host     ex.com" in (tmp_path / "url.txt").read_text()
