"""The reference tables of the Tools tab."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench.tools.words.statuses import statuses
from workbench.ui.panes.base import JobPane
from workbench.ui.panes.tools.tableboard import TableBoard, sendings


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_a_table_is_searched_sent_and_saved(size: tuple[int, int], tmp_path: Path) -> None:
    async with driving(size) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, "status")
        await driver.until(lambda: pane.query(TableBoard), "the board")
        board = pane.query_one(TableBoard)
        await driver.see("Continue", "the head is good", f"{len(statuses())} found")
        await driver.press("slash", *"gateway", "enter")
        await driver.see("502 Bad Gateway", "gave no sound answer", "http.HTTPStatus.BAD_GATEWAY")
        await driver.press("y")
        assert "502 Bad Gateway" in driver.app.clipboard
        await driver.press("s")
        await driver.see("copy http.HTTPStatus.BAD_GATEWAY", "HTTP: ask for RFC 9110")
        await driver.press("escape", "e")
        await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
        focused = driver.app.focused
        assert isinstance(focused, Input)
        focused.value = str(tmp_path / "status.csv")
        await driver.press("enter")
        await driver.until((tmp_path / "status.csv").exists, "the file")
        assert "502,Bad Gateway" in (tmp_path / "status.csv").read_text()
        assert board.last is not None
        # Another table, another board: without numbers, and the system's errors with theirs.
        await driver.target(pane, "headers vary")
        await driver.see("headers vary", "RFC 9110", "Vary")
        await driver.target(pane, "errno ECONNREFUSED")
        await driver.see("ECONNREFUSED", "Connection refused", "errno.ECONNREFUSED")


def test_what_a_row_can_be_sent_to() -> None:
    (row,) = (one for one in statuses() if one.number == 451)
    assert [line for line, _ in sendings(row)] == [
        "copy 'Unavailable For Legal Reasons'",
        "copy '451 Unavailable For Legal Reasons'",
        "copy http.HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS",
        "copy 'https://www.rfc-editor.org/rfc/rfc7725#section-3'",
        "http GET https://www.rfc-editor.org/rfc/rfc7725.txt",
    ]


@in_loop
async def test_a_module_leads_to_its_example() -> None:
    async with driving((80, 24)) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, "library")
        await driver.see("ipaddress", "addresses, networks")
        await driver.press("slash", *"smtplib", "enter")
        await driver.see("jobs    smtp, mailcheck, serve smtp", "beside  serve smtp")
        await driver.press("s")
        await driver.see("mailcheck: ")
        await driver.press("escape", "enter")
        await driver.see("[Mail/FTP]", "run beside it: serve smtp smtp://127.0.0.1:2525")
        mail = driver.app.pane
        assert isinstance(mail, JobPane)
        assert mail.target.value.startswith("smtp://127.0.0.1:2525 --from a@example.org")
