"""The board of `smtp`, against our own sink."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.watching import Watched, serving
from tests.ui.driving import driving
from workbench.core.endpoint import parse
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.smtp.serve import ServeSmtp, serve_smtp

MESSAGE = b"""\
From: joe@b.example
Subject: about it
Content-Type: multipart/mixed; boundary=x

--x

part text
--x
Content-Type: text/plain
Content-Disposition: attachment; filename="../a.txt"

attached

--x--
""".replace(b"\n", b"\r\n")


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("inbox")
    request = ServeSmtp(parse("smtp://127.0.0.1:0"), inbox=folder, refuse=("rcpt:no@*",))
    with serving(serve_smtp, request, process=False) as server:
        yield server


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_a_message(sink: Watched, size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("attached")

    async def drive() -> None:
        async with driving(size) as driver:
            pane = await driver.open("mail_ftp")
            await driver.see("Type a server")
            line = f"smtp {sink.endpoint} --to a@b.example --to no@b.example"
            await driver.target(pane, f"{line} --subject grüße --attach {tmp_path / 'a.txt'}")
            await driver.see("1 refused", "+ data", "+ quit", "failed", "[dialogue]")
            await driver.see("550 5.1.1")
            await driver.press("v")
            await driver.see("[message]", "multipart/mixed", "a.txt", "grüße")
            await driver.press("v")
            await driver.see("[source]", "MIME-Version: 1.0", "Message-ID:")
            await driver.press("v")
            await driver.see("[dialogue]")

    asyncio.run(drive())


def test_nobody_listens() -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            pane = await driver.open("mail_ftp")
            await driver.target(pane, "smtp://127.0.0.1:1")
            await driver.see("the connection was refused: nothing listens there", "failed")

    asyncio.run(drive())


def test_the_inbox(tmp_path: Path) -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            pane = await driver.open("mail_ftp")
            await driver.target(pane, f"inbox --inbox {tmp_path} --follow")
            await driver.see("No message has come yet")
            made = Inbox(tmp_path)
            made.deliver(MESSAGE)
            await driver.see("joe@b.example", "about it", "1 message", "part text", "a.txt")
            await driver.press("v")
            await driver.see("[source]", "boundary=x")
            await driver.press("a")
            await driver.see("Save 1 attachment")
            await driver.press("end", "ctrl+u")
            await driver.write(str(tmp_path))
            await driver.press("enter")
            await driver.until(lambda: (tmp_path / "a.txt").exists(), "the attachment")
            assert (tmp_path / "a.txt").read_bytes() == b"attached\r\n"
            made.delete(made.messages()[0])
            await driver.see("No message has come yet")

    asyncio.run(drive())
