"""Beside a session: the kernel's view, socket options, lines sent again, encodings."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from tests.ui.driving import driving
from tests.ui.loop import in_loop
from tests.ui.test_sockets_pane import came, echo
from workbench.core.endpoint import parse
from workbench.servers.events import Listening
from workbench.ui.panes.sockets.session import SendLine
from workbench.ui.screens.code import CodeScreen
from workbench.ui.widgets.ring import Ring
from workbench.ui.widgets.table import Table


@in_loop
async def test_options_are_filtered_and_set() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.see("open in")
            await driver.press("escape", "u")
            await driver.see("SO_KEEPALIVE", "ask a silent peer")
            await driver.press("slash")
            await driver.press(*"nodelay")
            await driver.until(lambda: len(view.query_one(Table).shown) == 1)
            await driver.press("enter")
            await driver.until(lambda: view.query_one(Table).has_focus)
            await driver.press("enter")
            await driver.see("enter sets")
            await driver.press(*["backspace"] * 3, *"perhaps", "enter")
            await driver.see("give on or off")
            await driver.press("enter")
            await driver.see("enter sets")
            await driver.press(*["backspace"] * 3, *"on", "enter")
            await driver.until(lambda: view.query_one(Table).shown[0][1].value == "on")
            await driver.press("u")
            await driver.see("TCP_NODELAY is on now")


@in_loop
async def test_the_kernels_view_is_drawn() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.submit("hello")
            await driver.until(lambda: came(view) == b"hello\n")
            await driver.press("escape", "k")
            await driver.see("ESTAB", "rtt ", "cwnd ", "send queue 0 B")
            await driver.press("k")
            await driver.until(lambda: "cwnd" not in driver.text)


@in_loop
async def test_a_line_is_edited_and_sent_again() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.submit(r"caf\xe9")
            await driver.until(lambda: came(view) == b"caf\xe9\n")
            await driver.press("escape", "end", "up", "enter")
            await driver.until(lambda: view.query_one(SendLine).has_focus)
            assert view.query_one(SendLine).value == r"caf\xe9"
            await driver.press(*"!!", "enter")
            await driver.until(lambda: came(view) == b"caf\xe9\ncaf\xe9!!\n")
            await driver.press("escape", "v")
            await driver.see("63 61 66 e9")
            await driver.press("end", "up", "enter")
            await driver.until(lambda: view.mode == "hex" and bool(view.query_one(SendLine).value))
            assert bytes.fromhex(view.query_one(SendLine).value) in (
                b"caf\xe9!!\n",
                b"caf\xe9\n",
            )


@in_loop
async def test_text_in_another_encoding() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.press("escape", "c")
            await driver.see("which encoding")
            await driver.press(*["backspace"] * 5, *"latin-1", "enter")
            await driver.see("text latin-1+LF>")
            await driver.until(lambda: view.query_one(Ring).has_focus)
            view.focus_line()
            await driver.until(lambda: view.query_one(SendLine).has_focus)
            await driver.submit("café")
            await driver.until(lambda: came(view) == b"caf\xe9\n")
            await driver.see("< café")
            await driver.submit("€")
            await driver.see("is not in")
            await driver.press("escape")
            await driver.until(lambda: view.query_one(Ring).has_focus)
            await driver.press("c", *["backspace"] * 7, *"nonsense", "enter")
            await driver.see("unknown encoding")


@in_loop
async def test_replies_stand_under_what_they_answer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            data, who = server.recvfrom(100)
            server.sendto(data, who)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        async with driving() as driver:
            await driver.open("sockets")
            await driver.connect(f"udp://127.0.0.1:{server.getsockname()[1]}")
            await driver.submit("ask")
            await driver.see("> [1] ask", "<   [1] after ")
        thread.join()


@in_loop
async def test_a_session_is_exported_in_every_format(tmp_path: Path) -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.submit("hello")
            await driver.until(lambda: came(view) == b"hello\n")
            for ending, held in ((".txt", b"> hello"), (".pcapng", b"hello\n"), (".py", b"STEPS")):
                path = tmp_path / f"talk{ending}"
                if not view.query_one(Ring).has_focus:
                    await driver.press("escape")
                    await driver.until(lambda: view.query_one(Ring).has_focus)
                await driver.press("e")
                await driver.see("Export to which file?")
                await driver.press("ctrl+u")
                await driver.write(str(path))
                await driver.press("enter")
                await driver.until(path.exists)
                assert held in path.read_bytes()
                await driver.until(lambda: view.query_one(Ring).has_focus)


@in_loop
async def test_what_cannot_be_has_no_code() -> None:
    async with driving() as driver:
        pane = await driver.open("sockets")
        await driver.target(pane, "tcp://127.0.0.1:1 --set nodely")
        await driver.press("escape")
        await driver.see("did you mean TCP_NODELAY")
        pane.action_code()
        await driver.settle()
        assert not isinstance(driver.app.screen, CodeScreen)


@in_loop
async def test_a_listener_and_one_of_its_peers() -> None:
    async with driving((120, 40)) as driver:
        pane = await driver.open("sockets")
        await driver.target(pane, "listen tcp://127.0.0.1:0")
        view = await driver.until(lambda: next(iter(driver.sockets.sessions), None))
        assert view is not None
        await driver.until(lambda: view.connected)
        assert isinstance(view.connected, Listening)
        end = parse(view.connected.endpoint)
        await driver.press("escape", "k")
        await driver.see("LISTEN, 0 wait to be accepted")
        with socket.create_connection((end.host, end.require_port())):
            await driver.see("1 there")
            await driver.press("ctrl+g")
            await driver.see("to #1>", "ESTAB", "cwnd ")
