"""The place that the user left is there again after a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.settings import HistorySettings, Settings
from workbench.servers import sets
from workbench.ui import resume
from workbench.ui.panes.base import JobPane
from workbench.ui.resume import LONGEST, Place
from workbench.ui.widgets.tabbar import TabBar


@in_loop
async def test_tab_lines_and_servers_are_there_again() -> None:
    async with driving() as driver:
        await driver.serve("echo tcp://127.0.0.1:0 --max-connections 3")
        await driver.press("escape")
        pane = await driver.open("addresses")
        await driver.target(pane, "split 10.0.0.0/30 --prefix 31")
        await driver.see("10.0.0.2/31")
    async with driving() as driver:
        assert driver.app.query_one(TabBar).active == "addresses"
        here = driver.app.pane
        assert isinstance(here, JobPane)
        assert here.target.value == "split 10.0.0.0/30 --prefix=31"
        assert "10.0.0.2/31" not in driver.text  # it is there, not run
        pane = await driver.open("servers")
        assert pane.target.value == "echo tcp://127.0.0.1:0 --max-connections=3"
        await driver.press("escape")
        await driver.press("L")
        await driver.see("Start which set?", resume.LAST)
        await driver.press("enter")
        await driver.see("1 up")


@in_loop
async def test_nothing_is_kept_where_no_history_is_wanted() -> None:
    settings = Settings(history=HistorySettings(enabled=False))
    async with driving(settings=settings) as driver:
        await driver.open("tls")
    assert not resume.file().exists()
    assert sets.names() == []


def test_secrets_are_left_out() -> None:
    job = catalogue.load("http")
    place = Place()
    request = parse_line(job, ["GET", "http://127.0.0.1/", "--user", "me"])
    place.ran("http", replace(request, password="hunter2"))
    assert place.lines == {"http": "http GET http://127.0.0.1/ --user=me"}


def test_a_line_that_is_too_long_is_not_kept() -> None:
    place = Place("http", {"http": "http GET http://127.0.0.1/"})
    job = catalogue.load("http")
    fields = [f"X-{number}:{'a' * 100}" for number in range(LONGEST // 800)]
    place.ran("http", parse_line(job, ["GET", "http://127.0.0.1/", *fields]))
    assert place.lines["http"] == "http GET http://127.0.0.1/"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 50_000,
        b'{"tab": 1, "lines": []}',
        b'{"tab": "nowhere", "lines": {"nowhere": "x", "tls": 3, "http": "\\u001b[2J"}}',
        b'{"tab": "tls"}'.ljust(LONGEST + 1),
    ],
)
def test_a_file_that_is_none_is_no_place(data: bytes) -> None:
    resume.file().parent.mkdir(parents=True)
    resume.file().write_bytes(data)
    assert resume.load() == Place()


def test_what_is_saved_is_loaded() -> None:
    place = Place("tls", {"tls": "tls-scan 127.0.0.1:443", "http": "http GET http://127.0.0.1/"})
    resume.save(place, [])
    assert resume.load() == place
    assert resume.file().stat().st_mode & 0o777 == 0o600
