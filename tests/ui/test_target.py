"""The target line and the form of options under it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Checkbox, Input

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench import catalogue
from workbench.ui.panes import make
from workbench.ui.panes.base import JobPane
from workbench.ui.widgets.form import Form
from workbench.ui.widgets.tabbar import TabBar

ECHO = "echo tcp://127.0.0.1:0"


def line(driver: Driver) -> Input:
    return driver.servers.target.query_one(Input)


def field(driver: Driver, name: str) -> Any:
    return driver.servers.query_one(f"#option-{name}")


# -- history and completion ----------------------------------------------------------------------


@in_loop
async def test_up_and_down_walk_through_what_was_run() -> None:
    async with driving() as driver:
        for run in (ECHO, "echo udp://127.0.0.1:0"):
            await driver.serve(run)
        await driver.write("half a li")
        await driver.press("up")
        assert line(driver).value == "echo udp://127.0.0.1:0"
        await driver.press("up")
        assert line(driver).value == ECHO
        await driver.press("up")
        assert line(driver).value == ECHO, "there is nothing before it"
        await driver.press("down", "down")
        assert line(driver).value == "half a li", "what was being typed"


@in_loop
async def test_what_another_workbench_ran_is_there_too() -> None:
    async with driving() as driver:
        await driver.serve(ECHO)
    async with driving() as driver:
        await driver.until(lambda: driver.servers.target.past == [ECHO], "the history")
        await driver.press("up")
        assert line(driver).value == ECHO


@in_loop
async def test_it_completes_kinds_schemes_and_past_lines() -> None:
    async with driving() as driver:
        for typed, whole in (("ht", "http"), ("echo ud", "echo udp://")):
            await driver.write(typed)
            await driver.until(lambda: line(driver)._suggestion, f"a completion of {typed}")
            await driver.press("right")
            assert line(driver).value == whole
        await driver.serve("echo udp://127.0.0.1:0")
        await driver.write("echo u")
        await driver.until(lambda: line(driver)._suggestion.endswith(":0"), "the past line")
        await driver.press("right")
        assert line(driver).value == "echo udp://127.0.0.1:0"


@in_loop
async def test_the_verb_may_be_typed_as_well() -> None:
    async with driving() as driver:
        server = await driver.serve(f"serve {ECHO}")
        assert server.state == "up"


# -- options -------------------------------------------------------------------------------------


@in_loop
async def test_values_of_the_form_reach_the_request(tmp_path: Path) -> None:
    async with driving() as driver:
        await driver.write("http http://127.0.0.1:0/")
        await driver.press("ctrl+o")
        await driver.until(lambda: driver.servers.query("Form *:focus"), "the first field")
        field(driver, "root").value = str(tmp_path)
        field(driver, "timeout").value = "2.5"
        links: Checkbox = field(driver, "links")
        links.value = False
        server = await driver.serve("http http://127.0.0.1:0/")
        request: Any = server.request
        assert (request.root, request.timeout, request.links) == (tmp_path, 2.5, False)
        other: Any = (await driver.serve("http http://127.0.0.1:0/ --root /")).request
        assert (other.root, other.timeout) == (Path("/"), 2.5), "the line comes first"


@in_loop
async def test_a_value_that_is_none_is_refused_where_it_was_asked_for() -> None:
    async with driving() as driver:
        await driver.write(ECHO)
        await driver.press("ctrl+o")
        await driver.until(lambda: driver.servers.query("Form *:focus"), "the first field")
        field(driver, "timeout").value = "soon"
        await driver.target(driver.servers, ECHO)
        await driver.see("! ", "'soon'")
        assert field(driver, "timeout").value == "soon"
        assert line(driver).value == ECHO
        assert not driver.servers.board.servers


@in_loop
async def test_another_job_has_other_options_and_folding_hides_them() -> None:
    async with driving() as driver:
        await driver.write(ECHO)
        await driver.press("ctrl+o")
        await driver.see("timeout")
        assert not driver.servers.query("#option-root")
        driver.servers.target.edit()
        await driver.until(lambda: line(driver).has_focus, "the line")
        await driver.write("http http://127.0.0.1:0/")
        await driver.see("root", "the folder")
        await driver.press("ctrl+o")
        await driver.until(lambda: not driver.servers.query_one(Form).display, "its folding")
        assert "the folder" not in driver.text


@in_loop
async def test_typing_takes_the_place_of_the_example() -> None:
    async with driving() as driver:
        pane = await driver.open("servers")
        assert isinstance(pane, JobPane)
        assert pane.target.value.startswith("echo ")
        pane.target.edit()
        await driver.press("d")
        assert pane.target.value == "d"
        await driver.press("a", "escape", "n", "b")
        assert pane.target.value == "b"
        await driver.press("escape", "n", "end", "c")
        assert pane.target.value == "bc"


@in_loop
async def test_a_job_of_another_tab_runs_there() -> None:
    async with driving() as driver:
        pane = await driver.open("servers")
        await driver.target(pane, "split 10.0.0.0/30 --prefix 31")
        await driver.see("10.0.0.2/31")
        other = driver.app.query_one(TabBar).active
        assert other == "addresses"
        assert isinstance(pane, JobPane)
        assert pane.target.value == "split 10.0.0.0/30 --prefix 31"
        await driver.open("servers")
        await driver.target(pane, "splitt 10.0.0.0/30")
        await driver.see("there is no 'splitt'")


@pytest.mark.parametrize("tab", [tab.name for tab in catalogue.TABS])
def test_help_fits_the_smallest_screen(tab: str) -> None:
    """What is indented is not flowed: 74 columns are there for it."""
    kept = [line for line in make(tab).help_text.splitlines() if line.startswith(" ")]
    assert [line for line in kept if len(line) > 74] == []
