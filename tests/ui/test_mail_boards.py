"""The boards of IMAP and POP3, against our own servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mail_ftp.test_imap import FILE, PLAIN, PNG
from tests.servers.watching import Watched, serving
from tests.ui.driving import Driver, driving
from workbench.core.endpoint import parse
from workbench.mail_ftp.imap.serve import ServeImap, serve_imap
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.pop3.serve import ServePop3, serve_pop3
from workbench.ui.panes.mail_ftp.imapboard import ImapBoard


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """Two messages, and a folder."""
    made = Inbox(tmp_path / "box")
    made.deliver(PLAIN)
    made.deliver(FILE)
    Inbox(tmp_path / "box" / ".Kept")
    return made


@pytest.fixture
def imap(inbox: Inbox) -> Iterator[Watched]:
    here = parse("imap://127.0.0.1:0")
    with serving(serve_imap, ServeImap(endpoint=here, inbox=inbox.folder)) as one:
        yield one


async def session(driver: Driver, served: Watched) -> ImapBoard:
    pane = await driver.open("mail_ftp")
    await driver.target(pane, f"imap://me:x@127.0.0.1:{served.endpoint.port}")
    await driver.until(lambda: driver.app.query("ImapBoard"), "the board")
    board = driver.app.query_one(ImapBoard)
    await driver.until(lambda: board.messages.has_focus, "the messages")
    return board


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_mailbox_is_read(
    imap: Watched, inbox: Inbox, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def drive() -> None:
        async with driving(size) as driver:
            board = await session(driver, imap)
            await driver.see("INBOX: 2 messages, looked at only", "Grüße", "two", "Kept")
            await driver.press("enter")
            await driver.see("Subject: two", "für dich", "2    image/png", "ü.png")
            assert {one.flags for one in inbox.messages()} == {""}
            await driver.press("p")
            await driver.see("Read which part?")
            await driver.press("enter")
            await driver.see("part 1")
            await driver.press("w")
            await driver.see("Save what?")
            await driver.press("down", "down", "enter")
            await driver.see("Save part 2 to")
            await driver.press("backspace")
            await driver.write(str(tmp_path))
            await driver.press("enter")
            await driver.see("saved")
            assert (tmp_path / "ü.png").read_bytes() == PNG
            await driver.press("down", "enter")
            await driver.see("Subject: Grüße", "hello")
            await driver.press("d")
            await driver.see("IDLE", "> a")
            await driver.press("d")
            await driver.until(lambda: board.messages.has_focus)

    asyncio.run(drive())


def test_it_is_changed_only_when_asked(imap: Watched, inbox: Inbox) -> None:
    async def drive() -> None:
        async with driving((120, 40)) as driver:
            board = await session(driver, imap)
            await driver.see("INBOX: 2 messages, looked at only")
            await driver.press("n")
            await driver.see("can be changed")
            await driver.until(lambda: "S" in {one.flags for one in inbox.messages()}, "seen")
            await driver.press("D")
            await driver.see("Delete this message for good?")
            await driver.press("n")
            assert len(inbox.messages()) == 2
            await driver.press("D")
            await driver.see("Delete this message for good?")
            await driver.press("y")
            await driver.see("INBOX: 1 messages")
            await driver.until(lambda: len(inbox.messages()) == 1, "deleted")
            await driver.until(lambda: [one.subject for one in board.rows.values()] == ["Grüße"])
            await driver.press("m")
            await driver.see("Move to?")
            await driver.press("enter")
            await driver.until(lambda: not inbox.messages(), "moved")
            await driver.press("f", "down", "enter")
            await driver.see("Kept: 1 messages")

    asyncio.run(drive())


def test_new_mail_and_a_search_show(imap: Watched, inbox: Inbox) -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            board = await session(driver, imap)
            await driver.see("INBOX: 2 messages")
            inbox.deliver(b"From: eve@example.net\r\nSubject: fresh\r\n\r\n")
            await driver.see("fresh", "INBOX: 3 messages")
            await driver.press("slash")
            await driver.see("Search the folder for")
            await driver.write("FROM ann")
            await driver.press("enter")
            await driver.see("found, a shows all")
            await driver.until(lambda: [one.subject for one in board.rows.values()] == ["Grüße"])
            await driver.press("a")
            await driver.until(lambda: len(board.rows) == 3)
            await driver.press("x")
            await driver.see("ended")

    asyncio.run(drive())


def test_older_messages_come_as_one_goes_down(imap: Watched, inbox: Inbox) -> None:
    for number in range(300):
        inbox.deliver(b"From: a@b\r\nSubject: s%d\r\n\r\n" % number)

    async def drive() -> None:
        async with driving((80, 24)) as driver:
            board = await session(driver, imap)
            await driver.see("INBOX: 200 of 302 messages")
            await driver.press("end")
            await driver.see("INBOX: 302 messages")
            await driver.press("end")
            await driver.until(lambda: board.rows[board.uid].subject == "Grüße")

    asyncio.run(drive())


@pytest.fixture
def pop3(inbox: Inbox) -> Iterator[Watched]:
    here = parse("pop3://127.0.0.1:0")
    with serving(serve_pop3, ServePop3(endpoint=here, inbox=inbox.folder)) as one:
        yield one


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_pop3_mailbox_is_read_and_deleted_of(
    pop3: Watched, inbox: Inbox, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def drive() -> None:
        async with driving(size) as driver:
            pane = await driver.open("mail_ftp")
            await driver.target(pane, f"pop3://me:x@127.0.0.1:{pop3.endpoint.port}")
            await driver.see("Grüße", "two", "2 messages", "701 kB")
            await driver.press("v")
            await driver.see("Subject: two", "the top of it")
            await driver.press("enter")
            await driver.see("für dich", "image/png")
            await driver.press("h")
            await driver.see("MIME-Version: 1.0")
            await driver.press("w")
            await driver.see("Save message 2 to")
            await driver.press("backspace")
            await driver.write(str(tmp_path))
            await driver.press("enter")
            await driver.see("saved")
            assert (tmp_path / "2.eml").read_bytes() == FILE
            await driver.press("D")
            await driver.see("Delete message 2?")
            await driver.press("y")
            await driver.see("1 marked as deleted")
            assert len(inbox.messages()) == 2
            await driver.press("d")
            await driver.see("> DELE 2", "< +OK")
            await driver.press("d", "q")
            await driver.see("ended")
            (left,) = inbox.messages()
            assert left.read() == PLAIN

    asyncio.run(drive())


def test_a_message_goes_on_to_the_tools(pop3: Watched) -> None:
    async def drive() -> None:
        async with driving((120, 40)) as driver:
            pane = await driver.open("mail_ftp")
            await driver.target(pane, f"pop3://me:x@127.0.0.1:{pop3.endpoint.port}")
            await driver.see("Grüße", "two", "2 messages")
            await driver.press("enter")
            await driver.see("für dich")
            await driver.press("s")
            await driver.see("Tools: this message, taken apart", "Sockets: talk to")
            await driver.press("enter")
            await driver.see("[Tools]", "image/png", "paste-1.eml")

    asyncio.run(drive())


def test_without_a_name_it_says_what_the_server_can(imap: Watched, pop3: Watched) -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            for served in (imap, pop3):
                pane = await driver.open("mail_ftp")
                await driver.target(pane, str(served.endpoint))
                await driver.see("capabilities: ", "give --user to log in")

    asyncio.run(drive())


def test_a_server_leads_to_its_client(tmp_path: Path) -> None:
    async def drive() -> None:
        async with driving((120, 40)) as driver:
            await driver.serve(f"imap imap://127.0.0.1:0 --inbox {tmp_path}")
            driver.app.query_one("ServersPane Table").focus()
            await driver.press("c")
            await driver.see("INBOX: 0 messages")

    asyncio.run(drive())


def test_a_server_that_is_not_there_is_told() -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            pane = await driver.open("mail_ftp")
            await driver.target(pane, "imap://me:x@127.0.0.1:1")
            await driver.see("refused")

    asyncio.run(drive())
