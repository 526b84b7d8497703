"""The boards of `cgi`, `wsgi` and `xmlrpc`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import server
from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench.ui.panes.tools.onceboard import OnceBoard

APPS = """\
def works(environ, start_response):
    print("said aloud")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"it works at http://127.0.0.1:9/x"]

def broken(environ, start_response):
    password, n = "hush", 0
    return [str(1 / n).encode()]
"""


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_a_program_is_called(size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "board_apps.py").write_text(APPS)
    async with driving(size) as driver:
        pane = await driver.open("tools")
        await driver.target(pane, f"wsgi board_apps:works --folder {tmp_path} --path '/a?b=c'")
        await driver.see("< 200 OK", "it works", "[answer]")
        board = pane.query_one(OnceBoard)
        await driver.press("v")
        await driver.see("[environment]", "QUERY_STRING", "b=c")
        await driver.press("v", "v")
        await driver.see("[said]", "said aloud")
        await driver.press("v")
        await driver.see("[answer]")
        await driver.press("end", "s")
        await driver.see("HTTP: http GET http://127.0.0.1:9/x")
        await driver.press("escape")
        await driver.target(pane, f"wsgi board_apps:broken --folder {tmp_path}")
        await driver.see("[failure]", "ZeroDivisionError: division by zero", "1 / n", "n = 0")
        await driver.see("password = ****")
        assert board.view == "failure"


@in_loop
async def test_methods_are_listed_and_called() -> None:
    with server("xmlrpc", "http://127.0.0.1:0/") as place:
        async with driving((80, 24)) as driver:
            pane = await driver.open("tools")
            await driver.target(pane, f"xmlrpc {place}")
            await driver.see("add(int, int) -> int", "The sum of two numbers.", "7 methods")
            await driver.press("enter")
            await driver.until(lambda: pane.target.value.endswith("add int int"), "the call")
            await driver.target(pane, pane.target.value.replace("int int", "4 5"))
            await driver.see("add gave int", "add in")
            await driver.target(pane, pane.target.value.replace("4 5", "x 5"))
            await driver.see("'x' is no int")
            await driver.target(pane, pane.target.value.replace("add x 5", "nothing"))
            await driver.see("fault -32601", "the server has no such method")
