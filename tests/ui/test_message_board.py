"""The board of `message`."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench.ui.panes.tools.messageboard import MessageBoard
from workbench.ui.widgets.ring import Ring

WAY = (
    b"Received: from b.example (b.example [192.0.2.2]) by c.example with ESMTP;"
    b" Mon, 1 Jan 2024 10:00:09 +0000\r\n"
    b"Received: from a.example (a.example [192.0.2.1]) by b.example with ESMTP;"
    b" Mon, 1 Jan 2024 10:00:02 +0000\r\n"
    b"Authentication-Results: c.example; spf=fail smtp.mailfrom=a.example\r\n"
)


def written(path: Path) -> Path:
    one = EmailMessage()
    one["From"], one["To"], one["Subject"] = "ann@a.example", "bob@c.example", "Grüße"
    one.set_content("Hello plain\n")
    one.add_alternative("<p>Hello <b>bold</b></p><p>https://x.example/a</p>", subtype="html")
    one.add_attachment(b"\0\1two", maintype="application", subtype="pdf", filename="bill.pdf")
    path.write_bytes(WAY + one.as_bytes().replace(b"\n", b"\r\n"))
    return path


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_parts_beside_what_they_say(size: tuple[int, int], tmp_path: Path) -> None:
    path = written(tmp_path / "mail.eml")
    async with driving(size) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, f"message {path}")
        await driver.see("Subject: Grüße", "hop 1", "+7", "spf=fail", "[details]")
        await driver.see("1.2  text/html", "2  bill.pdf")
        board = pane.query_one(MessageBoard)
        board.table.focus()
        await driver.press("v")
        await driver.see("[text]", "Hello plain")
        await driver.press("down", "down", "down")
        await driver.see("Hello bold", "https://x.example/a")
        await driver.press("v")
        await driver.see("[source]", "<b>bold</b>")
        await driver.press("down", "v", "v")
        await driver.see("no text: application/pdf")
        await driver.press("a")
        await driver.see("Save bill.pdf in which folder?")
        await driver.press("ctrl+u")
        await driver.write(str(tmp_path))
        await driver.press("enter")
        await driver.until((tmp_path / "bill.pdf").exists, "the attachment")
        assert (tmp_path / "bill.pdf").read_bytes() == b"\0\1two"
        await driver.press("home", "s")
        await driver.see("Mail/FTP: this message, sent as it stands")
        await driver.press("enter")
        await driver.see("[Mail/FTP]", "mail.eml")


@in_loop
async def test_one_that_is_built_and_one_that_is_not_there(tmp_path: Path) -> None:
    async with driving((80, 24)) as driver:
        pane = await driver.open("tools")
        await driver.target(
            pane, "message --build --sender a@b.example --to c@d.example --subject built --text hi"
        )
        await driver.see("Subject: built", "text/plain")
        board = pane.query_one(MessageBoard)
        assert board.found is not None
        assert board.found.data.endswith(b"hi\r\n")
        await driver.target(pane, f"message {written(tmp_path / 'm.eml')} --part 1.1")
        await driver.see("Hello plain")
        await driver.target(pane, f"message {tmp_path / 'none.eml'}")
        await driver.see("message   failed")
        told = " ".join(one.text for one in board.query_one(Ring).lines)
        assert "no such path" in told
        assert board.found is None
