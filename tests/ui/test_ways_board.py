"""The board of `ways`: real servers measured, the table as it fills, copy and export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.ui.panes.servers.waysboard import WaysBoard

SIZES = [(80, 24), (120, 40)]
LINE = "ways echo --connections 3 --seconds 0.3"


async def measured(driver: Driver, line: str = LINE) -> WaysBoard:
    """Compare from the target line, to the end."""
    pane = await driver.open("servers")
    await driver.target(pane, line)
    await driver.until(lambda: driver.app.query(WaysBoard), "the board")
    board = driver.app.query_one(WaysBoard)
    await driver.until(lambda: board.last is not None, "the end")
    return board


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_the_table_fills(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        board = await measured(driver)
        await driver.see("ways echo   3 connections", "most by ", "selectors", "plain", "forking")
        assert list(board.rows) == ["selectors", "plain", "threading", "forking"]
        assert not any(row.going for row in board.rows.values())
        await driver.see("selectors: one thread and one selector", "3 of 3 connected")
        board.table.focus()
        await driver.press("down")
        await driver.see("plain: socketserver as it stands", "1 had an answer")


@in_loop
async def test_it_is_copied_and_exported(tmp_path: Path) -> None:
    async with driving() as driver:
        board = await measured(driver, f"{LINE} --how plain")
        board.table.focus()
        await driver.press("y")
        assert driver.app.clipboard.splitlines()[0].split()[0] == "way"
        assert driver.app.clipboard.splitlines()[1].split()[0] == "plain"
        file = tmp_path / "ways.jsonl"
        await driver.press("e")
        await driver.write(str(file))
        await driver.press("enter")
        await driver.until(file.exists, "the file")
        assert json.loads(file.read_text())["way"] == "plain"


@in_loop
async def test_it_is_cancelled_with_a_key() -> None:
    async with driving() as driver:
        pane = await driver.open("servers")
        await driver.target(pane, "ways echo --connections 3 --seconds 600")
        await driver.until(lambda: driver.app.query(WaysBoard), "the board")
        board = driver.app.query_one(WaysBoard)
        await driver.until(lambda: board.rows, "the first way")
        board.table.focus()
        await driver.press("x")
        await driver.until(lambda: board.last is not None, "the end")
        await driver.see("cancelled")
