"""The terminal of the Mail/FTP tab, against our own server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.watching import Watched, serving
from tests.ui.driving import Driver, driving
from workbench.core.endpoint import parse
from workbench.mail_ftp.telnet.keys import bytes_of
from workbench.mail_ftp.telnet.serve import ServeTelnet, serve_telnet
from workbench.ui.panes.mail_ftp.telnetboard import TelnetBoard

HERE = parse("telnet://127.0.0.1:0")


@pytest.fixture(scope="module")
def shell() -> Iterator[Watched]:
    with serving(serve_telnet, ServeTelnet(endpoint=HERE)) as one:
        yield one


async def session(driver: Driver, target: str) -> TelnetBoard:
    """A session from the target line; the terminal has the keyboard when this returns."""
    pane = await driver.open("mail_ftp")
    await driver.target(pane, target)
    await driver.until(lambda: driver.app.query("TelnetBoard"), "the board")
    board = driver.app.query_one(TelnetBoard)
    await driver.until(lambda: board.view.has_focus, "the keyboard")
    return board


def test_a_session_at_80x24(shell: Watched) -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            board = await session(driver, str(shell.endpoint))
            await driver.see("workbench>", "keys, server echoes", "^] lets the keyboard go")
            await driver.press(*"echo", "space", *"1+1q", "backspace", "enter")
            await driver.see("\n1+1\n")
            await driver.press(*"size", "enter")
            size = f"{board.view.size.width}x{board.view.size.height}"
            await driver.see(f"\n{size}\n")
            await driver.press(*"colour", "enter")
            await driver.see("bold dim italic")
            await driver.press("ctrl+right_square_bracket")
            await driver.see("enter types")
            await driver.press("d")
            await driver.see("< WILL ECHO", f"> SB NAWS {size}")
            await driver.press("d")
            await driver.until(lambda: board.view.has_focus)
            await driver.press("ctrl+right_square_bracket", "c")
            await driver.see("lines, shown here")
            await driver.press("a", "enter")
            await driver.see("[yes, the workbench is here]")
            await driver.press(*"echo", "space", *"linex", "backspace", "enter")
            await driver.see("echo line\n", "\nline\n")
            await driver.press(*"quit", "enter")
            await driver.see("bye", "received")
            await driver.see("ended")

    asyncio.run(drive())


def test_a_session_at_120x40(shell: Watched) -> None:
    async def drive() -> None:
        async with driving((120, 40)) as driver:
            board = await session(driver, str(shell.endpoint))
            await driver.see("workbench>", "> SB TTYPE IS XTERM", "we SGA TTYPE NAWS")
            await driver.press(*"draw", "enter")
            view = board.view.size
            await driver.see("┌" + "─" * (view.width - 2) + "┐")
            await driver.press(*"clear", "enter", *"count", "space", *"90", "enter")
            await driver.see("line 90")
            await driver.press("shift+pageup", "shift+pageup", "shift+pageup")
            await driver.see("rows back", "line 20")
            await driver.press("x")
            await driver.until(lambda: board.view.back == 0)
            await driver.pilot.resize_terminal(100, 30)
            await driver.until(lambda: board.has_class("narrow"))
            await driver.press("ctrl+u", *"size", "enter")
            await driver.see(f"\n{board.view.size.width}x{board.view.size.height}\n")

    asyncio.run(drive())


def test_what_is_saved(shell: Watched, tmp_path: Path) -> None:
    async def drive() -> None:
        async with driving((80, 24)) as driver:
            await session(driver, str(shell.endpoint))
            await driver.see("workbench>")
            await driver.press(*"count", "space", *"60", "enter")
            await driver.see("line 60")
            await driver.press("ctrl+right_square_bracket", "e")
            await driver.see("Export to which file?")
            await driver.submit(str(tmp_path / "kept.txt"))
            await driver.until((tmp_path / "kept.txt").exists)
            await driver.press("x")
            await driver.see("ended")

    asyncio.run(drive())
    assert "\nline 1\nline 2\n" in (tmp_path / "kept.txt").read_text()


def test_a_flood_does_not_drown_the_keys() -> None:
    async def drive() -> None:
        request = ServeTelnet(endpoint=HERE, exec="trap 'echo caught; exit' INT; yes flood")
        with serving(serve_telnet, request) as server:
            async with driving((80, 24)) as driver:
                await session(driver, str(server.endpoint))
                await driver.see("flood\nflood")
                await driver.press("ctrl+c")
                await driver.see("caught", "ended")
                assert "dropped" not in driver.text

    asyncio.run(drive())


@pytest.mark.parametrize(
    ("key", "character", "data"),
    [
        ("a", "a", b"a"),
        ("日", "日", "日".encode()),
        ("ctrl+c", "\x03", b"\x03"),
        ("alt+b", None, b"\x1bb"),
        ("up", None, b"\x1b[A"),
        ("ctrl+right", None, b"\x1b[1;5C"),
        ("shift+tab", None, b"\x1b[Z"),
        ("f5", None, b"\x1b[15~"),
        ("plus", "+", b"+"),
        ("unheard_of", None, b""),
    ],
)
def test_keys_are_sent_as_xterm_does(key: str, character: str | None, data: bytes) -> None:
    assert bytes_of(key, character) == data
    assert bytes_of("home", None, application=True) == b"\x1bOH"
