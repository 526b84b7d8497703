"""Paste anything: on the Tools tab, as it is typed, and on to where it belongs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual import events

from tests.tls.peers import self_signed
from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench.ui.panes.tools.whatboard import WhatBoard


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_a_line_is_read_as_it_is_typed(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        pane = await driver.open("tools")
        await driver.see("base64 decoded: URL", "https://example.org/?q=%41")
        pane.query_one("Input").focus()
        await driver.press("home", "shift+end", *"192.0.2.7/24")
        await driver.see("IPv4 address in a block", "certain", "192.0.2.0 to 192.0.2.255")
        await driver.press("enter")
        await driver.until(lambda: pane.query_one(WhatBoard).table.has_focus, "the readings")
        await driver.press("enter")
        await driver.see("[Addresses]", "192.0.2.7/24")


@in_loop
async def test_a_reading_goes_to_any_tab_that_understands_it(tmp_path: Path) -> None:
    async with driving((80, 24)) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, "aHR0cDovLzEyNy4wLjAuMTo5L2E=")
        await driver.see("base64 decoded: URL")
        await driver.until(lambda: pane.query_one(WhatBoard).table.has_focus, "the readings")
        await driver.press("down", "s")
        await driver.see("HTTP: http GET http://127.0.0.1:9/a", "Tools: url http://127.0.0.1:9/a")
        await driver.press("down", "enter")
        await driver.see("origin", "http://127.0.0.1:9")
        # A job's name, of this tab or another, is that job.
        await driver.target(pane, "status 404")
        await driver.see("404 Not Found")


def only_file(folder: Path) -> Path:
    """The one file of a folder."""
    (found,) = folder.iterdir()
    return found


@in_loop
async def test_many_lines_are_pasted_at_once(tmp_path: Path) -> None:
    text = self_signed(tmp_path, "ecdsa").certificate.read_text()
    async with driving((120, 40)) as driver:
        pane = await driver.open("tools")
        pane.query_one("Input").post_message(events.Paste(text))
        await driver.see("certificate", "PEM of CERTIFICATE", "> TLS: cert show -")
        board = pane.query_one(WhatBoard)
        await driver.until(lambda: board.table.has_focus, "the readings")
        await driver.press("enter")
        await driver.see("[TLS]", "cert show /")
        assert driver.app.pastes.folder is not None
        kept = only_file(driver.app.pastes.folder)
        assert kept.read_bytes().decode() == text
        assert kept.stat().st_mode & 0o077 == 0
    assert not kept.exists()


@in_loop
async def test_what_was_pasted_is_not_there_after_a_restart() -> None:
    async with driving((80, 24)) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, "Basic bWU6aHVzaA==")
        await driver.see("log-in by Basic", "not shown")
        await driver.target(await driver.open("http"), 'import "curl -u me:hush http://h/"')
        await driver.see("http://h/")
        kept = driver.app.place.lines
        assert "tools" not in kept
        assert "hush" not in json.dumps(kept)


@in_loop
async def test_it_goes_back_to_where_it_came_from() -> None:
    async with driving((80, 24)) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, "192.0.2.7")
        board = pane.query_one(WhatBoard)
        await driver.until(lambda: board.table.has_focus, "the readings")
        await driver.press("enter")
        await driver.see("[Addresses]")
        await driver.press("alt+0")
        await driver.see("[Tools]", "IPv4 address")
        assert board.table.has_focus
        await driver.press("0")
        await driver.see("nothing was sent here")
