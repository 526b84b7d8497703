"""The Addresses pane, driven by keys, on this host's own interfaces and lists."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.ui.panes.addresses.pane import AddressesPane
from workbench.ui.screens.dialog import Ask, Choose

SIZES = [(80, 24), (120, 40)]


async def opened(driver: Driver) -> AddressesPane:
    pane = await driver.open("addresses")
    assert isinstance(pane, AddressesPane)
    return pane


async def typed(driver: Driver, pane: AddressesPane, text: str) -> None:
    """Type on the target line, key by key."""
    pane.target.edit()
    await driver.write("")
    await driver.press(*text)


async def shown(driver: Driver, pane: AddressesPane, view: str) -> None:
    await driver.until(lambda: pane.view == view, f"the view {view}")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_an_address_is_read_as_it_is_typed(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        pane = await opened(driver)
        await driver.see("read as      interface: 192.168.1.77", "192.168.1.0/24", "RFC 1918")
        await typed(driver, pane, "10.")
        await driver.see("… an IPv4 address has four parts")
        await driver.press(*"1.2.3/20")
        await driver.see("00001010.00000001.0000|0010.00000011", "4,094: 10.1.0.1 to 10.1.15.254")
        await typed(driver, pane, "10.1.2.300")
        await driver.see("? 300 is no byte")
        await typed(driver, pane, "")
        await driver.see("It is read as you type")
        assert not pane.query_one(".error").display


@in_loop
async def test_what_is_typed_is_never_markup() -> None:
    async with driving() as driver:
        pane = await opened(driver)
        await typed(driver, pane, "x")
        for text in ("[b]x[/b]", "[/]", "a[@click=app.quit]b", "'unclosed", "\\"):
            await driver.write(text)
            await driver.settle()
        await driver.write("192.0.2.1 [/b]")
        await driver.see("neither an address")


@in_loop
async def test_a_name_is_looked_up_on_enter() -> None:
    async with driving() as driver:
        pane = await opened(driver)
        await typed(driver, pane, "localhost")
        await driver.see("host name: localhost", "enter looks it up")
        await driver.press("enter")
        await driver.see("Loopback")
        assert "127.0.0.1" in pane.facts.plain or "::1" in pane.facts.plain


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_plan_is_split_joined_named_and_undone(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with driving(size) as driver:
        pane = await opened(driver)
        await driver.target(pane, "plan 10.0.0.0/24 office=100 lab=50")
        await driver.see("10.0.0.0/25", "office", "10.0.0.128/26", "lab", "free", "1 of 4")
        await driver.press("down", "down", "plus")
        await driver.see("10.0.0.128/27", "10.0.0.160/27")
        await driver.press("down", "m")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the question")
        await driver.submit("printers")
        await driver.see("printers")
        await driver.press("minus")
        await driver.until(lambda: "printers" not in driver.text, "the join")
        assert "3 of 4" in driver.text
        await driver.press("u")
        await driver.see("printers")
        await driver.press("U")
        await driver.until(lambda: "printers" not in driver.text, "the join again")
        await driver.press("u", "home", "left")
        await driver.see("1 of 1", "+ 10.0.0.0/24")
        await driver.press("right")
        await driver.see("1 of 6")
        path = tmp_path / "plan.txt"
        await driver.press("w")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the question")
        await driver.submit(str(path))
        await driver.until(path.exists, "the file")
        assert "printers" in path.read_text()
        await driver.target(pane, f"plan {path}")
        await driver.see("printers", "plan.txt")
        await driver.press("w")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the question")
        other = tmp_path / "other.txt"
        other.write_text("mine")
        await driver.submit(str(other))
        await driver.see("is there already")
        assert other.read_text() == "mine"


@in_loop
async def test_a_step_that_cannot_be_taken_is_said() -> None:
    async with driving() as driver:
        pane = await opened(driver)
        await driver.target(pane, "plan 10.0.0.0/31")
        await driver.see("1 of 1")
        await driver.press("minus")
        await driver.see("! 10.0.0.0/31 is in one piece")
        await driver.press("u")
        await driver.see("! there is no step to take back")
        await driver.press("t")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the question")
        await driver.submit("lots")
        await driver.see("! lots: write a prefix length")
        await driver.press("plus")
        await driver.see("10.0.0.1/32")
        assert not pane.query_one(".error").display
        await driver.target(pane, "plan 10.0.0.0/24 big=300")
        await driver.see("no room for big")


@in_loop
async def test_a_block_of_sixteen_million_parts_is_walked_through() -> None:
    async with driving((80, 24)) as driver:
        pane = await opened(driver)
        await driver.target(pane, "plan 10.0.0.0/8")
        await driver.see("1 of 1")
        await driver.press("t")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the question")
        await driver.submit("/32")
        await driver.see("1 of 16,777,217", "10.0.0.17/32")
        await driver.press("end")
        await driver.see("10.255.255.255/32", "16,777,217 of 16,777,217")
        await driver.press("pageup", "up")
        await driver.see("10.255.255.236/32")
        await driver.target(pane, "plan 2001:db8::/32")
        await driver.press("t")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the question")
        await driver.submit("/128")
        await driver.press("end")
        await driver.see("2001:db8:ffff:ffff:ffff:")


@in_loop
async def test_what_this_host_has_stands_beside_a_block() -> None:
    with socket.create_server(("127.0.0.77", 0)) as listener:
        async with driving() as driver:
            pane = await opened(driver)
            await driver.target(pane, "plan 127.0.0.64/26")
            await driver.see(f"port {listener.getsockname()[1]}")
            await driver.target(pane, "plan 127.0.0.0/8")
            await driver.see("listener")


@in_loop
async def test_results_are_filtered_sent_on_and_exported(tmp_path: Path) -> None:
    async with driving() as driver:
        pane = await opened(driver)
        await driver.target(pane, "split 10.0.0.0/16 --prefix 24")
        await shown(driver, pane, "results")
        await driver.see("10.0.255.0/24", "256 parts")
        await driver.press("escape")
        await driver.until(lambda: pane.results.ring.has_focus, "the results")
        await driver.press("slash")
        await driver.write("10.0.77.")
        await driver.see("10.0.77.0/24")
        assert "10.0.78.0/24" not in driver.text
        await driver.press("enter", "home", "enter")
        await driver.until(lambda: isinstance(driver.app.screen, Choose), "where to send it")
        await driver.see("Addresses: all about 10.0.77.0/24")
        await driver.press("enter")
        await driver.see("254: 10.0.77.1 to 10.0.77.254")
        pane.open("results")
        pane.results.ring.focus()
        await driver.press("e")
        await driver.until(lambda: isinstance(driver.app.screen, Ask), "the path")
        path = tmp_path / "out.jsonl"
        await driver.submit(str(path))
        await driver.until(path.exists, "the file")
        events = [json.loads(line) for line in path.read_text().splitlines()]
        assert len([one for one in events if one["type"] == "subnet"]) == 256


@in_loop
async def test_a_failure_keeps_what_was_typed() -> None:
    async with driving((80, 24)) as driver:
        pane = await opened(driver)
        await driver.target(pane, "merge no-such-file")
        await driver.see("no-such-file is no file")
        assert pane.target.value == "merge no-such-file"
        await driver.target(pane, "split 10.0.0.0/8 --prefix")
        await driver.see("--prefix wants a value")


@pytest.mark.peer("ip")
@in_loop
async def test_this_host() -> None:
    async with driving() as driver:
        pane = await opened(driver)
        await driver.target(pane, "interfaces")
        await driver.see("[interfaces]", "following", "127.0.0.1/8", "lo loopback up")
        await driver.press("escape", "v")
        await shown(driver, pane, "routes")
        await driver.see("following", "metric")
        await driver.press("x")
        await driver.see("ended")
        await driver.target(pane, "routes 127.0.0.1")
        await driver.see("127.0.0.1: local 127.0.0.1/32 dev lo")


@in_loop
async def test_every_view_is_reached_by_one_key() -> None:
    async with driving((80, 24)) as driver:
        pane = await opened(driver)
        await driver.press("escape")
        for view in ("plan", "results", "interfaces", "routes", "address"):
            await driver.press("v")
            await shown(driver, pane, view)
        await driver.press("v")
        await driver.see("No plan yet")
