"""A body too long for a log, in the HTTP tab: paged, searched, in each of its forms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import server
from tests.http.client.peers import answering, listening
from tests.ui.driving import Driver
from tests.ui.loop import in_loop
from tests.ui.test_http_pane import opened, sent, view
from workbench.ui.panes.http.pane import HttpPane

COUNT = 20_000
VALUE = [
    {"id": number, "name": f"Name {number}", "last": number == COUNT - 1} for number in range(COUNT)
]
LINES = json.dumps(VALUE, indent=2).split("\n")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a JSON body of a megabyte, a text, and bytes."""
    folder = tmp_path_factory.mktemp("long")
    (folder / "long.json").write_text(json.dumps(VALUE, separators=(",", ":")))
    (folder / "long.txt").write_text("".join(f"line {number}\n" for number in range(100_000)))
    (folder / "long.bin").write_bytes(bytes(range(256)) * 4096)
    with server("http", "http://127.0.0.1:0/", "--root", str(folder)) as url:
        yield url


async def reading(driver: Driver, pane: HttpPane, url: str) -> None:
    """Ask for it, and read its body."""
    await sent(driver, pane, f"GET {url}")
    await view(driver, pane, "body")
    await driver.until(lambda: pane.viewer.display, "the viewer")
    await driver.press("enter")
    await driver.until(lambda: pane.viewer.has_focus, "the focus")


async def at_row(driver: Driver, pane: HttpPane, row: int) -> None:
    await driver.until(lambda: pane.viewer._cursor == row, f"row {row}")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_json_from_its_beginning_to_its_end(url: str, size: tuple[int, int]) -> None:
    async with opened(size) as (driver, pane):
        await reading(driver, pane, f"{url}long.json")
        await driver.see('    "id": 0,', '    "name": "Name 0"', "row 1 of")
        await driver.press("end")
        await at_row(driver, pane, len(LINES) - 1)
        await driver.see('    "last": true', f"row {len(LINES):,} of {len(LINES):,}")
        await driver.press("pageup", "up", "home")
        await driver.see('    "id": 0,', "row 1 of")
        await driver.press("down", "shift+down", "shift+down")
        assert pane.viewer.selected_text() == "\n".join(LINES[1:4])


@in_loop
async def test_search_goes_through_all_of_it(url: str) -> None:
    async with opened((80, 24)) as (driver, pane):
        await reading(driver, pane, f"{url}long.json")
        await driver.press("slash")
        await driver.write('"name": "name 1999')
        wanted = [number for number, line in enumerate(LINES) if '"name": "Name 1999' in line]
        await driver.see(f"body {len(wanted)}")
        await at_row(driver, pane, wanted[0])
        await driver.press("enter", "n")
        await at_row(driver, pane, wanted[1])
        await driver.press("N", "N")
        await at_row(driver, pane, wanted[-1])
        await driver.see("row 99,", '"name": "Name 19999"')
        await driver.press("slash")
        await driver.write("is not there")
        await driver.see("found nowhere")


@in_loop
async def test_search_from_another_view_leads_there(url: str) -> None:
    async with opened() as (driver, pane):
        await sent(driver, pane, f"GET {url}long.json")
        pane.table.focus()
        await driver.press("slash")
        await driver.write("Name 777,")
        await driver.see("found nowhere")
        await driver.write('Name 7770"')
        await driver.see("body 1")
        await driver.press("enter")
        await driver.see("[body]", '"name": "Name 7770"')
        await driver.until(lambda: pane.viewer.has_focus, "the focus")


@in_loop
async def test_hex_and_as_it_came_keep_the_place(url: str) -> None:
    async with opened() as (driver, pane):
        await reading(driver, pane, f"{url}long.json")
        await driver.press("end")
        await at_row(driver, pane, len(LINES) - 1)
        await driver.press("h")
        await driver.see("|", "9999", "row ")
        await driver.until(lambda: pane.viewer._cursor > 50_000, "the end in hex")
        await driver.press("h")
        await driver.see('"last":true}]')
        await driver.press("h")
        await driver.see('    "last": true')


@in_loop
async def test_text_and_bytes(url: str) -> None:
    async with opened((80, 24)) as (driver, pane):
        await reading(driver, pane, f"{url}long.txt")
        await driver.see("line 0", "row 1 of")
        await driver.press("end")
        await driver.see("line 99999")
        await reading(driver, pane, f"{url}long.bin")
        await driver.see("00000010  10 11 12 13")
        await driver.press("end")
        await driver.see("000ffff0")
        # The other one is opened anew from its beginning, and what is short is a log.
        pane.table.focus()
        await driver.press("down")
        await driver.see("line 0")
        await sent(driver, pane, f"GET {url}none")
        await driver.until(lambda: not pane.viewer.display, "the log")
        assert pane.viewer.rows is None


@in_loop
async def test_charsets_are_read_as_named_and_wide_ones_in_hex() -> None:
    text = "".join(f"caf\u00e9 {number}\n" for number in range(50_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=%s\r\nContent-Length: %d\r\n\r\n"
    for charset, shown in (("latin-1", "caf\u00e9 0"), ("utf-16-le", "00000010  ")):
        body = text.encode(charset)
        with listening(answering(head % (charset.encode(), len(body)) + body)) as port:
            async with opened() as (driver, pane):
                await reading(driver, pane, f"http://127.0.0.1:{port}/ --proxy none")
                await driver.see(shown)


@in_loop
async def test_it_is_exported_whole(url: str, tmp_path: Path) -> None:
    async with opened() as (driver, pane):
        await reading(driver, pane, f"{url}long.txt")
        await driver.press("e")
        await driver.see("Export to which file?")
        await driver.submit(str(tmp_path / "got.body"))
        wanted = "".join(f"line {number}\n" for number in range(100_000)).encode()
        await driver.until((tmp_path / "got.body").exists, "the file")
        assert (tmp_path / "got.body").read_bytes() == wanted
