"""The HTTP tab, against servers of our own: every layer of a request on the screen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.cli.program import server
from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.ui.panes.http.exchange import BODY_KEPT, Exchange
from workbench.ui.panes.http.pane import HttpPane

SIZES = [(80, 24), (120, 40)]


@asynccontextmanager
async def opened(size: tuple[int, int] = (120, 40)) -> AsyncIterator[tuple[Driver, HttpPane]]:
    async with driving(size) as driver:
        pane = await driver.open("http")
        assert isinstance(pane, HttpPane)
        yield driver, pane


async def sent(driver: Driver, pane: HttpPane, line: str) -> Exchange:
    """Send from the target line; it has ended when this returns."""
    before = len(pane.exchanges)
    await driver.target(pane, line)
    await driver.until(lambda: len(pane.exchanges) > before, "the request")
    one = next(reversed(pane.exchanges.values()))
    await driver.until(lambda: one.ended is not None, "the end")
    return one


async def view(driver: Driver, pane: HttpPane, name: str) -> None:
    """Open a view of the selected request."""
    pane.table.focus()
    for _ in range(6):
        if f"[{name}]" in driver.text:
            return
        await driver.press("v")
    await driver.see(f"[{name}]")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_request_and_its_layers(size: tuple[int, int]) -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        async with opened(size) as (driver, pane):
            one = await sent(driver, pane, f"POST {url}a X-One:two name=value --verbose")
            await driver.see("200", "POST", "> POST /a HTTP/1.1", "< HTTP/1.1 200 OK", "wait")
            assert one.status == "200"
            await view(driver, pane, "body")
            await driver.see('"method": "POST"')
            await view(driver, pane, "headers")
            await driver.see("> X-One: two", "< HTTP/1.1 200 OK")
            await view(driver, pane, "wire")
            await driver.see("50 4f 53 54")  # POST
            await view(driver, pane, "cookies")
            await driver.see("No cookie came or went")
            await view(driver, pane, "body")
            await driver.press("h")
            await driver.see("00000000")


@in_loop
async def test_again_forget_and_send_to(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\x1b[2J[red]hello\n")
    with server("http", "http://127.0.0.1:0/", "--root", str(tmp_path)) as url:
        async with opened() as (driver, pane):
            await sent(driver, pane, f"GET {url}a.txt")
            await view(driver, pane, "body")
            await driver.see(r"\x1b[2J[red]hello")
            await driver.press("r")
            await driver.until(lambda: len(pane.exchanges) == 2, "another one")
            await sent(driver, pane, f"GET {url}none")
            await driver.see("404 Not Found")
            pane.table.focus()
            await driver.press("d")
            await driver.until(lambda: len(pane.exchanges) == 2, "one less")
            await driver.press("s")
            await driver.see("HTTP: ask for", "Sockets: talk to")
            await driver.press("escape", "e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            focused = driver.app.focused
            assert isinstance(focused, Input)
            focused.value = str(tmp_path / "all.jsonl")
            await driver.press("enter")
            await driver.until((tmp_path / "all.jsonl").exists, "the file")
            kinds = [
                json.loads(line)["type"]
                for line in (tmp_path / "all.jsonl").read_text().splitlines()
            ]
            assert kinds[:2] == ["http-connection", "http-sent"]


@in_loop
async def test_what_goes_wrong_is_said_and_keeps_what_was_typed() -> None:
    async with opened() as (driver, pane):
        one = await sent(driver, pane, "GET http://127.0.0.1:9/")
        await driver.see("the connection was refused", "GET http://127.0.0.1:9/")
        assert one.status == "-"
        await driver.target(pane, "GET")
        await driver.see("! ")
        await driver.target(pane, "G@T http://127.0.0.1:9/")
        await driver.see("! ")


@in_loop
async def test_a_password_is_seen_nowhere() -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        async with opened() as (driver, pane):
            place = url.replace("http://", "http://me:hush-hush@")
            one = await sent(driver, pane, f"GET {place} --verbose")
            for name in ("summary", "headers", "wire"):
                await view(driver, pane, name)
                await driver.settle()
                screen = driver.text.split("[", 1)[1]
                assert "hush-hush" not in "\n".join(screen.splitlines()[2:])
            shown = " ".join(event.line() for event in one.events)
            assert "hush-hush" not in shown
            assert "bWU6aHVzaC1odXNo" not in shown  # me:hush-hush in base64


@in_loop
async def test_a_large_body_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 99 + b"\n" * 1 + b"y" * (3 * BODY_KEPT))
    with server("http", "http://127.0.0.1:0/", "--root", str(tmp_path)) as url:
        async with opened() as (driver, pane):
            one = await sent(driver, pane, f"GET {url}large")
            assert one.body_size == 3 * BODY_KEPT + 100
            assert len(one.body) == BODY_KEPT
            await view(driver, pane, "body")
            await driver.see("x" * 99)


@in_loop
async def test_a_download_has_a_board(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"z" * 100_000)
    with server("http", "http://127.0.0.1:0/", "--root", str(tmp_path)) as url:
        async with opened() as (driver, pane):
            goal = tmp_path / "got"
            await driver.target(pane, f"download {url}file --output {goal}")
            await driver.until(goal.exists, "the file")
            await driver.see("100 kB in")
            assert goal.read_bytes() == b"z" * 100_000
            await driver.press("b")
            await driver.until(lambda: pane.boards.board is None, "the requests")
