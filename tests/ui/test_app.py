"""What works everywhere: tabs, palette, help, code, history, settings, the question at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.command import CommandPalette
from textual.widgets import Input, OptionList

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench import catalogue
from workbench.catalogue import TABS
from workbench.core import settings as settings_file
from workbench.core.settings import Screen, Settings

ECHO = "echo tcp://127.0.0.1:0"


async def results(driver: Driver) -> None:
    await driver.press("tab")
    await driver.until(lambda: driver.servers.servers.has_focus, "the table of servers")


async def palette(driver: Driver, text: str = "") -> None:
    """Open the palette, and search in it."""
    await driver.press("ctrl+p")
    await driver.until(lambda: driver.app.screen.query("CommandInput:focus"), "the palette")
    if text:
        await driver.write(text)


def offers(driver: Driver) -> str:
    """What the palette lists, in sight or not."""
    lists = driver.app.screen.query(OptionList)
    return "\n".join(str(one.prompt) for one in lists.first().options) if lists else ""


# -- tabs ----------------------------------------------------------------------------------------


@in_loop
async def test_every_tab_is_reached_by_its_number_and_by_its_neighbour() -> None:
    async with driving((80, 24)) as driver:
        for number, tab in enumerate(TABS, 1):
            await driver.press(f"alt+{number}")
            await driver.see(f"[{tab.title}]")
        for tab in TABS:
            await driver.press("ctrl+pagedown")
            await driver.see(f"[{tab.title}]")
        await driver.press("ctrl+pageup")
        await driver.see(f"[{TABS[-2].title}]")


@in_loop
async def test_a_digit_is_text_on_a_line_and_a_tab_elsewhere() -> None:
    async with driving((80, 24)) as driver:
        await driver.press("2")
        assert driver.servers.target.value == "2"
        await results(driver)
        await driver.press("2")
        await driver.see("[Sockets]")


@in_loop
async def test_every_tab_opens_with_a_word_on_what_it_is_for() -> None:
    async with driving((80, 24)) as driver:
        for tab in TABS:
            assert any(catalogue.load(name).tab == tab.name for name in catalogue.JOBS)
            pane = await driver.open(tab.name)
            await driver.see(f"[{tab.title}]")
            assert len(pane.help_text) > 400


@in_loop
async def test_what_stood_in_a_tab_stands_there_later() -> None:
    async with driving((80, 24)) as driver:
        await driver.write("echo unix:/tmp/not-yet")
        await driver.press("ctrl+pagedown")
        await driver.see("[TLS]")
        await driver.press("ctrl+pageup")
        await driver.see("[Servers]", "echo unix:/tmp/not-yet")


# -- the palette ---------------------------------------------------------------------------------


@in_loop
async def test_the_palette_holds_every_job_tab_and_open_server() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await palette(driver)
        await driver.until(lambda: "Quit" in offers(driver), "its last entry")
        listed = offers(driver)
        for job in catalogue.load_all():
            assert job.name in listed
            assert job.summary in listed
        for tab in TABS:
            assert f"Tab: {tab.title}" in listed
        assert f"Server: serve echo {server.request.target()}" in listed


@in_loop
async def test_the_palette_goes_where_it_is_told() -> None:
    async with driving() as driver:
        await palette(driver, "Tab: Tools")
        await driver.until(lambda: "Tab: Tools" in offers(driver).split("\n")[0], "the hit")
        await driver.press("enter")
        await driver.see("[Tools]")
        await palette(driver, "serve http")
        await driver.until(lambda: "serve http" in offers(driver).split("\n")[0], "the hit")
        await driver.press("enter")
        await driver.see("[Servers]", "serve > http http://127.0.0.1:8000/ --root .")
        assert not driver.servers.board.servers, "chosen, not run"


@in_loop
async def test_the_palette_finds_a_server_from_another_tab() -> None:
    async with driving() as driver:
        first = await driver.serve(ECHO)
        await driver.serve("echo udp://127.0.0.1:0")
        await driver.app.open_tab("tls")
        await palette(driver, "Server: serve echo tcp")
        await driver.until(lambda: "Server:" in offers(driver).split("\n")[0], "the hit")
        await driver.press("enter")
        await driver.see("[Servers]")
        await driver.until(lambda: driver.servers.server is first, "its selection")


@in_loop
async def test_escape_closes_the_palette_and_nothing_else() -> None:
    async with driving() as driver:
        await palette(driver)
        await driver.press("escape")
        await driver.until(lambda: not isinstance(driver.app.screen, CommandPalette), "its end")
        await driver.see("[Servers]")


# -- help and code -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
@in_loop
async def test_every_tab_has_help(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        for tab in TABS:
            pane = await driver.app.open_tab(tab.name)
            await driver.press("f1")
            await driver.see(tab.title, "esc closes", pane.help_text.strip().splitlines()[0])
            await driver.press("escape")
            await driver.until(lambda: len(driver.app.screen_stack) == 1, "its end")


@in_loop
async def test_help_lists_the_keys_of_the_pane() -> None:
    async with driving((120, 60)) as driver:
        await results(driver)
        await driver.press("question_mark")
        await driver.see("esc closes")
        await driver.press("y")
        copied = driver.app.clipboard
        for word in ("Keys", "stop", "restart", "filter", "export", "quit"):
            assert word in copied


@in_loop
async def test_code_is_that_of_what_is_selected_and_can_be_copied() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await driver.target(driver.servers, "http http://127.0.0.1:0/ --rot")
        await driver.see("--root")
        await results(driver)
        await driver.press("p")
        await driver.see("as code", "socat", "import socketserver")
        await driver.press("y")
        assert driver.app.clipboard == server.request.as_python()
        await driver.press("c")
        assert driver.app.clipboard == server.request.as_shell()


@in_loop
async def test_code_of_a_line_that_is_wrong_says_what_is_wrong() -> None:
    async with driving() as driver:
        await driver.write("http nowhere://")
        await results(driver)
        await driver.press("p")
        await driver.see("! ")
        assert len(driver.app.screen_stack) == 1


# -- history -------------------------------------------------------------------------------------


@in_loop
async def test_history_is_searched_and_run_again() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        await driver.press("x")
        await driver.until(lambda: server.state == "stopped", "its end")
        await driver.press("ctrl+r")
        await driver.see("History", "serve echo tcp://127.0.0.1:0")
        await driver.write("nothing like it")
        await driver.see("nothing fits")
        await driver.write("echo")
        await driver.see("serve echo tcp://127.0.0.1:0")
        await driver.press("enter")
        await driver.until(lambda: len(driver.servers.board.servers) == 2, "another server")
        again = driver.servers.board.servers[2]
        await driver.until(lambda: again.state == "up", "its start")
        assert again.request == server.request


@in_loop
async def test_what_is_forgotten_is_gone() -> None:
    async with driving() as driver:
        await driver.open("sockets")
        await driver.connect("unix:/nowhere/at/all")
        await driver.see("no such path")
        await driver.press("ctrl+r")
        await driver.see("connect unix:/nowhere/at/all", "failed")
        await driver.press("ctrl+delete")
        await driver.see("Nothing was run yet")


# -- settings ------------------------------------------------------------------------------------


@in_loop
async def test_keys_are_changed_in_the_settings() -> None:
    settings = Settings(keys={"servers.stop": "j", "app.help": "f2"})
    async with driving((230, 40), settings) as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        await driver.see("j stop", "f2 help")
        await driver.press("x")
        await driver.press("f2")
        await driver.see("esc closes")
        await driver.press("escape")
        await driver.until(lambda: len(driver.app.screen_stack) == 1, "the end of the help")
        assert server.state == "up", "x is free now"
        await driver.press("j")
        await driver.until(lambda: server.state == "stopped", "its end")


@in_loop
async def test_a_theme_that_is_chosen_is_remembered() -> None:
    async with driving() as driver:
        driver.app.theme = "nord"
        await driver.until(lambda: settings_file.load()[0].screen.theme == "nord", "the file")
    settings, problems = settings_file.load()
    assert not problems
    async with driving(settings=settings) as driver:
        await driver.until(lambda: driver.app.theme == "nord", "the theme")


@in_loop
async def test_options_of_a_job_come_from_the_settings_until_given() -> None:
    settings = Settings(job={"serve http": {"root": "/", "nonsense": 1}})
    async with driving(settings=settings) as driver:
        server = await driver.serve("http http://127.0.0.1:0/")
        assert str(getattr(server.request, "root", None)) == "/"
        await driver.see("nonsense")
        other = await driver.serve("http http://127.0.0.1:0/ --root .")
        assert str(getattr(other.request, "root", None)) == "."


@in_loop
async def test_an_unknown_theme_is_no_end() -> None:
    settings = replace(Settings(), screen=Screen(theme="no such theme"))
    async with driving(settings=settings) as driver:
        await driver.see("[Servers]")


# -- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["f10", "ctrl+c"])
@in_loop
async def test_it_quits_at_once_with_nothing_running(key: str) -> None:
    async with driving() as driver:
        await driver.press(key)
        await driver.until(lambda: not driver.app.is_running, "the end")


@in_loop
async def test_it_asks_once_with_servers_running() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await driver.press("f10")
        await driver.see("Quit? 1 server will stop", f"serve echo {server.request.target()}")
        await driver.press("n")
        await driver.until(lambda: len(driver.app.screen_stack) == 1, "the answer")
        assert server.state == "up"
        await driver.press("f10")
        await driver.see("Quit? 1 server will stop")
        await driver.press("f10")
        await driver.until(lambda: not driver.app.is_running, "the end")
    assert server.run is not None
    assert server.run.ended is not None


@in_loop
async def test_a_closed_dialog_gives_the_focus_back() -> None:
    async with driving() as driver:
        await driver.serve(ECHO)
        await results(driver)
        await driver.press("e")
        await driver.until(lambda: isinstance(driver.app.focused, Input), "the line for a path")
        await driver.press("escape")
        await driver.until(lambda: driver.servers.servers.has_focus, "the table again")
