"""The boards of the HTTP tab's jobs beside requests: robots, repeat, cookies."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import TypeVar

import pytest
from textual.widgets import Input

from tests.cli.program import server
from tests.http.client.peers import answering, listening, read_head
from tests.http.cookies.test_job import JAR
from tests.ui.driving import Driver
from tests.ui.loop import in_loop
from tests.ui.test_http_pane import opened, sent
from workbench.http.client.cookie_files import read_cookies
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.http.cookieboard import CookieBoard
from workbench.ui.panes.http.pane import HttpPane
from workbench.ui.panes.http.repeatboard import RepeatBoard
from workbench.ui.panes.http.robotsboard import RobotsBoard

SIZES = [(80, 24), (120, 40)]
B = TypeVar("B", bound=RunBoard)


async def board(driver: Driver, pane: HttpPane, line: str, kind: type[B]) -> B:
    """The board that a line opens, its run ended."""
    await driver.target(pane, line)
    await driver.until(lambda: isinstance(pane.boards.board, kind), "the board")
    found = pane.boards.board
    assert isinstance(found, kind)
    await driver.until(lambda: found.run is not None and found.run.ended is not None, "the end")
    return found


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_robots(size: tuple[int, int], tmp_path: Path) -> None:
    file = tmp_path / "robots.txt"
    file.write_text("User-agent: *\nDisallow: /private/\nAllow: /private/open\nWhat\n")
    async with opened(size) as (driver, pane):
        found = await board(driver, pane, f"robots {file} /private/x /private/open", RobotsBoard)
        await driver.see("refused", ">    2 Disallow", "!    4 What")
        found.table.focus()
        await driver.press("down")
        await driver.see(">    3 Allow")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_repeat(size: tuple[int, int], tmp_path: Path) -> None:
    with server("http", "http://127.0.0.1:0", "--root", str(tmp_path)) as url:
        async with opened(size) as (driver, pane):
            found = await board(driver, pane, f"repeat {url} --requests 50", RepeatBoard)
            await driver.see("50 answered", "status 200", "p99.9")
            found.focusable_view.focus()
            before = found.run
            await driver.press("r")
            await driver.until(lambda: found.run is not before, "another run")
            await driver.until(lambda: found.ended is not None, "its end")
            await driver.see("50 answered")


@in_loop
async def test_repeat_asks_before_it_leaves() -> None:
    async with opened() as (driver, pane):
        await board(driver, pane, "repeat http://192.0.2.1/ --requests 1", RepeatBoard)
        await driver.see("Send them beyond loopback")
        await driver.press("escape")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_cookies(size: tuple[int, int], tmp_path: Path) -> None:
    jar = tmp_path / "jar"
    jar.write_text(JAR)
    async with opened(size) as (driver, pane):
        found = await board(driver, pane, f"cookies {jar}", CookieBoard)
        await driver.see("plain", "safe", "127.0.0.1")
        found.table.focus()
        await driver.press("a")
        await driver.see("first the URL")
        await driver.press("u")
        await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
        await driver.submit("http://127.0.0.1/")
        await driver.see("not sent", "Cookie: plain=1", "5.1.3")
        await driver.press("a")
        await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
        await driver.submit("new=2; Path=/")
        await driver.see("Cookie: plain=1; new=2", "stored: new")
        found.table.focus()
        await driver.press("home", "d")
        await driver.see("Delete from the jar?")
        await driver.press("y")
        await driver.see("Cookie: new=2")
        assert sorted(one.name for one in read_cookies(jar)[0]) == ["deep", "new", "safe"]
        await driver.press("w")
        await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
        await driver.submit(str(tmp_path / "other.lwp"))
        await driver.until(lambda: (tmp_path / "other.lwp").exists(), "the file")
        assert read_cookies(tmp_path / "other.lwp")[1] == "lwp"


@in_loop
async def test_a_redirect_is_followed_hop_by_hop() -> None:
    moved = b"HTTP/1.1 303 See Other\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n"
    last = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    answers = [moved % 1, moved % 2, last]

    def talk(sock: socket.socket) -> None:
        while True:
            read_head(sock)
            sock.sendall(answers.pop(0))

    with listening(talk) as port:
        async with opened() as (driver, pane):
            one = await sent(driver, pane, f"POST http://127.0.0.1:{port}/0 --proxy none")
            assert one.status == "303"
            for count, status in ((2, "303"), (3, "200")):
                pane.table.focus()
                await driver.press("f")
                await driver.until(lambda: len(pane.exchanges) == count, "the hop")  # noqa: B023
                one = pane.exchanges[count]
                await driver.until(lambda: one.ended is not None, "its end")  # noqa: B023
                assert one.status == status
                await driver.until(lambda: pane.selected is one, "its row")  # noqa: B023
            await driver.see("POST becomes GET", f"127.0.0.1:{port}/2")
            await driver.press("f")
            await driver.see("no redirect")


@in_loop
async def test_a_page_is_read_as_words_and_as_it_came() -> None:
    body = b"<h1>Head</h1><p>some <a href=/x>words</a>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n"
    with listening(answering(head % len(body) + body)) as port:
        async with opened() as (driver, pane):
            await sent(driver, pane, f"GET http://127.0.0.1:{port}/ --proxy none")
            pane.table.focus()
            await driver.press("v")
            await driver.see("some words [/x]")
            await driver.press("h")
            await driver.see("3c 68 31 3e")
            await driver.press("h")
            await driver.see("<p>some <a href=/x>words</a>")
            await driver.press("h")
            await driver.see("some words [/x]")


@in_loop
async def test_a_long_body_begins_with_its_beginning() -> None:
    body = json.dumps(list(range(150_000))).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    with listening(answering(head % len(body) + body)) as port:
        async with opened() as (driver, pane):
            one = await sent(driver, pane, f"GET http://127.0.0.1:{port}/ --proxy none")
            await driver.until(lambda: one.ended is not None, "its end")
            pane.table.focus()
            await driver.press("v")
            await driver.see("  0,", "row 1 of 150,002")


@in_loop
async def test_an_event_stream_shows_as_it_arrives() -> None:
    seen = threading.Event()
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(head + b"d\r\ndata: first\n\n\r\n")
        assert seen.wait(30)
        sock.sendall(b"e\r\ndata: second\n\n\r\n0\r\n\r\n")

    with listening(talk) as port:
        async with opened() as (driver, pane):
            await driver.target(pane, f"GET http://127.0.0.1:{port}/ --proxy none")
            await driver.until(lambda: len(pane.exchanges) == 1, "the request")
            pane.table.focus()
            await driver.press("v")
            await driver.see("data: first")
            assert pane.exchanges[1].ended is None
            seen.set()
            await driver.see("data: second")
