"""The HTTP tab's collections and editor, against a server of our own."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from textual.widgets import Input, TextArea

from tests.cli.program import server
from tests.http.interchange.test_import import check_har
from tests.ui.driving import Driver
from tests.ui.loop import in_loop
from tests.ui.test_http_pane import opened
from workbench.ui.panes.http.collection import LAYERS_KEPT
from workbench.ui.panes.http.collectionboard import CollectionBoard
from workbench.ui.panes.http.editor import RequestEditor
from workbench.ui.panes.http.pane import HttpPane

SIZES = [(80, 24), (120, 40)]
SHOP = """\
# the shop
### log in
# @capture token = json $.headers.X-Token
GET {{host}}/login
X-Token: secret-1

### items
# @assert json $.headers.X-Token == secret-1
GET {{host}}/items
X-Token: {{token}}
"""


def collection(folder: Path, url: str) -> None:
    (folder / "below").mkdir()
    (folder / "shop.http").write_text(SHOP)
    (folder / "below" / "other.http").write_text(
        "### other\n# @assert status == 201\nGET {{host}}/\n"
    )
    host = url.rstrip("/")
    (folder / "http-client.env.json").write_text(
        f'{{"dev": {{"host": "{host}"}}, "none": {{"host": "http://127.0.0.1:9"}}}}'
    )


async def board(driver: Driver, pane: HttpPane, line: str) -> CollectionBoard:
    await driver.target(pane, line)
    await driver.until(lambda: isinstance(pane.boards.board, CollectionBoard), "the board")
    found = pane.boards.board
    assert isinstance(found, CollectionBoard)
    await driver.until(lambda: found.run is not None and found.run.ended is not None, "the end")
    found.table.focus()
    return found


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_collection(size: tuple[int, int], tmp_path: Path) -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        collection(tmp_path, url)
        async with opened(size) as (driver, pane):
            shown = await board(driver, pane, f"run {tmp_path} --list")
            await driver.see("shop.http", "log in", "items", "below/", "other.http", "[result]")
            await driver.press("g")
            await driver.see("Environment", "dev")
            await driver.press("down", "enter")
            await driver.see("environment dev")
            await driver.press("a")
            await driver.see("1 of 3 requests failed", "kept: token", "2/2")
            shown.table.select(("request", str(tmp_path / "shop.http"), 1))
            await driver.see("ok   json $.headers.X-Token == secret-1")
            for name in ("source", "answer", "body", "headers", "wire"):
                await driver.press("v")
                await driver.see(f"[{name}]")
            await driver.see("47 45 54 20")  # GET
            await driver.press("r")
            await driver.see("1 request, all as expected")
            await driver.press("slash")
            await driver.write("other")
            await driver.until(lambda: "log in" not in driver.text, "what fits alone")
            await driver.press("escape")
            await driver.see("log in")
            shown.table.select(("request", str(tmp_path / "shop.http"), 1))
            await driver.press("left")
            await driver.until(lambda: "items" not in driver.text, "the fold")
            await driver.press("e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            await driver.submit(str(tmp_path / "out.xml"))
            await driver.until((tmp_path / "out.xml").exists, "the file")
            assert ElementTree.parse(tmp_path / "out.xml").getroot().get("tests") == "3"
            shown.table.focus()
            await driver.press("e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            await driver.submit(str(tmp_path / "out.har"))
            await driver.until((tmp_path / "out.har").exists, "the file")
            entries = check_har((tmp_path / "out.har").read_bytes())
            asked = [one["request"]["url"].rpartition("/")[2] for one in entries]
            assert sorted(asked) == ["", "items", "login"]
            bodies = [json.loads(one["response"]["content"]["text"])["path"] for one in entries]
            assert sorted(bodies) == ["/", "/items", "/login"]


async def edit(driver: Driver, **texts: str) -> RequestEditor:
    """Put texts into the fields of the editor that is open."""
    await driver.until(
        lambda: isinstance(driver.app.screen, RequestEditor) and driver.app.screen.query("#body"),
        "the editor",
    )
    screen = driver.app.screen
    assert isinstance(screen, RequestEditor)
    for name, text in texts.items():
        field = screen.query_one(f"#{name}")
        if isinstance(field, Input):
            field.value = text
        elif isinstance(field, TextArea):
            field.text = text
    await driver.pilot.pause()
    return screen


@in_loop
async def test_requests_are_edited_and_saved(tmp_path: Path) -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        collection(tmp_path, url)
        path = tmp_path / "shop.http"
        async with opened((80, 24)) as (driver, pane):
            shown = await board(driver, pane, f"run {path} --list --env dev")
            shown.table.select(("request", str(path), 0))
            await driver.press("enter")
            screen = await edit(driver, url="", headers="X-Token: secret-2\nA: b")
            await driver.press("f2")
            await driver.see("there is no URL")
            await driver.press("escape")
            await driver.see("is not saved")
            await edit(driver, url="{{host}}/changed")
            await driver.press("f2")
            await driver.until(lambda: driver.app.screen is not screen, "the board")
            await driver.see("1 request, all as expected", "kept token")
            assert path.read_text() == SHOP.replace("login\n", "changed\n").replace(
                "X-Token: secret-1\n", "X-Token: secret-2\nA: b\n"
            )
            await driver.press("w")
            await edit(driver, url="{{host}}/new", body='{"a": 1}')
            await driver.press("f3")
            await driver.until(lambda: path.read_text().endswith('{"a": 1}\n'), "the new one")
            assert "Content-Type: application/json\n" in path.read_text()
            key = ("request", str(path), 2)
            await driver.until(lambda: shown.table.cursor_key == key, "its row")
            await driver.press("d")
            await driver.see("Delete this request?")
            await driver.press("y")
            await driver.until(lambda: not path.read_text().endswith('{"a": 1}\n'), "it is gone")


@in_loop
async def test_a_request_is_composed(tmp_path: Path) -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        async with opened((80, 24)) as (driver, pane):
            pane.target.value = f"POST {url}x A:b c==d"
            pane.table.focus()
            await driver.press("c")
            screen = await edit(driver, query="c=d\ne=f g", body="[1]")
            assert screen.made.headers == "A: b"
            await driver.press("f2")
            await driver.until(lambda: pane.exchanges, "the request")
            one = next(iter(pane.exchanges.values()))
            await driver.until(lambda: one.ended is not None, "the end")
            assert b'"target": "/x?c=d&e=f%20g"' in one.body
            assert b'"A": "b"' in one.body
            assert b'"json": [\n    1\n  ]' in one.body
            pane.table.focus()
            await driver.press("c")
            await edit(driver)
            await driver.press("f3")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            await driver.submit(str(tmp_path / "saved.http"))
            await driver.until((tmp_path / "saved.http").exists, "the file")
            text = (tmp_path / "saved.http").read_text()
            assert text.startswith(f"POST {url}x?c=d&e=f%20g\nA: b\n")


@in_loop
async def test_a_command_of_curl_is_taken_and_exported_as_har(tmp_path: Path) -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        async with opened((80, 24)) as (driver, pane):
            await driver.target(pane, f"import \"curl '{url}a?b' -H 'A: b' -d c=d\"")
            await driver.see(f"workbench http POST '{url}a?b'")
            found = pane.boards.board
            assert found is not None
            found.focusable_view.focus()
            await driver.press("enter")
            await driver.until(lambda: pane.target.value.startswith("POST"), "the line")
            await driver.press("enter")
            await driver.until(lambda: pane.exchanges, "the request")
            one = next(iter(pane.exchanges.values()))
            await driver.until(lambda: one.ended is not None, "the end")
            assert b'"c": "d"' in one.body
            pane.table.focus()
            await driver.press("e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            path = tmp_path / "one.har"
            await driver.submit(str(path))
            await driver.until(path.exists, "the file")
            (entry,) = check_har(path.read_bytes())
            assert entry["request"]["postData"]["text"] == "c=d"
            assert entry["response"]["content"]["text"].encode() == bytes(one.body)


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_three_clients_side_by_side(size: tuple[int, int]) -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        async with opened(size) as (driver, pane):
            await driver.target(pane, f"clients GET {url}a")
            await driver.see("things differ", "[compared]", "! sends User-Agent", "Python-urllib")
            board = pane.boards.board
            assert board is not None
            board.focusable_view.focus()
            await driver.until(lambda: "send again" not in driver.text, "its own keys alone")
            assert ("= request line         GET /a" in driver.text) == (size[0] > 100)
            await driver.press("v", "v", "v")
            await driver.see("[workbench]", "> GET /a HTTP/1.1", "> User-Agent: workbench/")
            await driver.press("h")
            await driver.see("47 45 54 20 2f 61")
            await driver.press("b")
            await driver.until(lambda: pane.boards.board is None, "the requests")
            await driver.see("send again")


@in_loop
async def test_only_so_many_layers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.http"
    path.write_text("### a\nGET http://127.0.0.1:9/\n")
    async with opened((80, 24)) as (driver, pane):
        shown = await board(driver, pane, f"run {path}")
        collection, run = shown.collection, shown.run
        assert collection is not None
        assert run is not None
        await driver.see("1 of 1 requests failed")
        shown.table.select(("request", str(path), 0))
        await driver.press("v", "v")
        await driver.see("[answer]", "nothing listens there")
        for at in range(1, LAYERS_KEPT + 1):
            collection.begin((str(path), at), run)
        assert len(collection.exchanges) == LAYERS_KEPT
        await driver.press("v")
        await driver.see("[body]", "Its layers are no longer kept")
