"""The news reader of the Mail/FTP tab, against our own server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.watching import Watched, serving
from tests.ui.driving import Driver, driving
from workbench.core.endpoint import parse
from workbench.mail_ftp.nntp.answer import answer_to
from workbench.mail_ftp.nntp.serve import ServeNntp, serve_nntp
from workbench.ui.panes.mail_ftp.newsboard import NewsBoard

HERE = parse("nntp://127.0.0.1:0")


@pytest.fixture(scope="module")
def news() -> Iterator[Watched]:
    with serving(serve_nntp, ServeNntp(endpoint=HERE)) as one:
        yield one


async def reader(driver: Driver, target: str) -> NewsBoard:
    """A session from the target line."""
    pane = await driver.open("mail_ftp")
    await driver.target(pane, target)
    await driver.until(lambda: driver.app.query("NewsBoard"), "the board")
    return driver.app.query_one(NewsBoard)


def test_reading_and_posting_at_80x24(news: Watched, tmp_path: Path) -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            board = await reader(driver, str(news.endpoint))
            await driver.see("workbench.test", "A group to try", "1 groups")
            await driver.press("enter")
            await driver.see("Welcome", "\u2514 Re: Welcome", "workbench.test: 4 of 4")
            await driver.press("down", "enter")
            await driver.see("Subject: Re: Welcome", "An answer stands below")
            await driver.press("right_square_bracket")
            await driver.see("> An answer stands below", "And this one below")
            await driver.press("a")
            await driver.see("Subject: Re: Welcome", "The workbench wrote:", "ctrl+s posts")
            await driver.press(*"me", "space", *"too", "ctrl+s")
            await driver.see("posted")
            await driver.press("backspace")
            await driver.see("workbench.test: 5 of 5", "    \u2514 Re: Welcome")
            await driver.press("d")
            await driver.see("> POST", "the article", "posted]")
            await driver.press("d", "e")
            await driver.see("Export to which file?")
            await driver.submit(str(tmp_path / "kept.eml"))
            await driver.until((tmp_path / "kept.eml").exists)
            await driver.press("backspace", "backspace", "f")
            await driver.see("Which groups?")
            await driver.submit("no.*")
            await driver.see("No groups yet.")
            assert board.view == "groups"

    asyncio.run(drive())
    assert b"Subject: Re: Welcome\n" in (tmp_path / "kept.eml").read_bytes()


def test_all_side_by_side_at_120x40(news: Watched) -> None:
    async def drive() -> None:
        async with driving((120, 40)) as driver:
            await reader(driver, f"{news.endpoint}/workbench.test")
            await driver.see("Another thread", "\u2514 Re: Welcome")
            await driver.press("end", "enter")
            await driver.see("Message-ID: <", "Newsgroups: workbench.test", "subject")
            await driver.press("backspace", "backspace")
            await driver.see("A group", "Newsgroups: workbench.test")
            await driver.press("w")
            await driver.see("Subject: ")
            await driver.press("escape", "slash")
            await driver.write("zzz")
            await driver.until(lambda: "A group" not in driver.text)

    asyncio.run(drive())


def test_an_answer_begins_no_field_of_the_others() -> None:
    text, line = answer_to(
        b"From: a\r\n b <x@y>\r\nSubject: Re: =?utf-8?q?x=0AControl=3A_cancel?=\r\n"
        b"Newsgroups: a.b\rBcc: c\r\nMessage-ID: <1@x>\r\nReferences: <0@x>\r\n\r\n"
        b"Hi\r\n-- \r\nsig\r\n"
    )
    head = text.partition("\n\n")[0].split("\n")
    assert [one.partition(":")[0] for one in head] == [
        "From",
        "Newsgroups",
        "Subject",
        "References",
        "Content-Type",
    ]
    assert "References: <0@x> <1@x>" in head
    assert text.endswith("a b wrote:\n> Hi\n\n")
    assert line == text.count("\n")
