"""The Servers pane, driven by keys, with real servers and real clients."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.core.runner import ProcessRun
from workbench.ui.panes.servers.board import Server
from workbench.ui.panes.servers.detail import VISITORS

ECHO = "echo tcp://127.0.0.1:0"
SIZES = [(80, 24), (120, 40)]


def dial(server: Server) -> socket.socket:
    """A client of this server."""
    assert server.endpoint is not None
    return socket.create_connection((server.endpoint.host, server.endpoint.port), timeout=30)


def talk(client: socket.socket, data: bytes) -> bytes:
    """What comes back of so many bytes."""
    client.sendall(data)
    return client.recv(len(data), socket.MSG_WAITALL)


def pid_of(server: Server) -> int:
    assert isinstance(server.run, ProcessRun)
    return server.run.pid


async def results(driver: Driver) -> None:
    """Go from the target line to the table of servers."""
    await driver.press("tab")
    await driver.until(lambda: driver.servers.servers.has_focus, "the table of servers")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_server_is_watched_from_its_start_to_its_end(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        server = await driver.serve(ECHO)
        assert server.endpoint is not None
        await driver.see(f"* echo    {server.endpoint}", "1 up", "No connection is open.")
        with dial(server) as client:
            assert talk(client, b"x" * 1000) == b"x" * 1000
            port = client.getsockname()[1]
            await driver.see(f"127.0.0.1:{port}", "1 kB     1 kB")
            row = next(line for line in driver.text.splitlines() if "* echo" in line)
            assert row.split()[3] == "1"
        await driver.see("No connection is open.")
        await results(driver)
        await driver.press("x")
        await driver.until(lambda: server.state == "stopped", "the end of the server")
        await driver.see("stopped   enter: restart")
        assert "up  " not in driver.text.splitlines()[0]
        with pytest.raises(ConnectionRefusedError):
            dial(server)


@in_loop
async def test_one_connection_is_closed_by_hand() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        with dial(server) as first, dial(server) as second:
            assert talk(first, b"1") + talk(second, b"2") == b"12"
            ports = [one.getsockname()[1] for one in (first, second)]
            await driver.see(*(f"127.0.0.1:{port}" for port in ports))
            await results(driver)
            await driver.press("enter", "down", "x")
            await driver.until(lambda: f"127.0.0.1:{ports[1]}" not in driver.text, "its going")
            assert second.recv(1) == b""
            assert talk(first, b"still here") == b"still here"
            assert server.state == "up"
        await driver.press("v")
        await driver.see("closed by hand")


@in_loop
async def test_it_starts_again_on_its_port() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        port = server.endpoint.port if server.endpoint else 0
        await results(driver)
        await driver.press("x")
        await driver.until(lambda: server.state == "stopped", "its end")
        await driver.press("r")
        await driver.until(lambda: server.state == "up", "its new start")
        assert server.endpoint is not None
        assert server.endpoint.port == port
        with dial(server) as client:
            assert talk(client, b"again") == b"again"
        await driver.press("r")
        await driver.see("is up: x stops it first")


@in_loop
async def test_a_killed_child_is_a_failed_row_that_enter_restarts() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        killed = pid_of(server)
        os.kill(killed, signal.SIGKILL)
        await driver.see("! echo", "failed: killed by signal 9", "enter: restart")
        await driver.press("enter")
        await driver.until(lambda: server.state == "up", "its new start")
        assert pid_of(server) != killed
        with dial(server) as client:
            assert talk(client, b"back") == b"back"
        await driver.see("* echo")


@in_loop
async def test_only_what_has_ended_is_forgotten() -> None:
    async with driving() as driver:
        first = await driver.serve(ECHO)
        second = await driver.serve("echo udp://127.0.0.1:0")
        await driver.see(str(first.endpoint), str(second.endpoint), "2 up")
        await results(driver)
        await driver.press("d")
        await driver.see("is up: x stops it first")
        await driver.press("x")
        await driver.until(lambda: second.state == "stopped", "its end")
        await driver.press("d")
        await driver.until(lambda: str(second.endpoint) not in driver.text, "its going")
        assert list(driver.servers.board.servers.values()) == [first]
        await driver.until(lambda: driver.servers.server is first, "the other's selection")


@in_loop
async def test_a_server_that_cannot_start_says_why() -> None:
    async with driving() as driver:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            server = await driver.serve(f"echo tcp://127.0.0.1:{port}")
            assert server.state == "failed"
            await driver.see("failed: ", "in use")
        await results(driver)
        await driver.press("enter")
        await driver.until(lambda: server.state == "up", "its start once the port is free")


@in_loop
async def test_what_others_can_reach_stands_out() -> None:
    """Only a wildcard that nothing is sent to: it is stopped at once."""
    async with driving() as driver:
        server = await driver.serve("echo tcp://0.0.0.0:0")
        await driver.see(f"! {server.endpoint}")
        local = await driver.serve(ECHO)
        await driver.see(str(local.endpoint))
        assert f"! {local.endpoint}" not in driver.text


@in_loop
async def test_the_log_is_filtered_and_searches_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "[red].txt").write_text("red")
    async with driving() as driver:
        server = await driver.serve(f"http http://127.0.0.1:0/ --root {tmp_path}")
        with dial(server) as client:
            for target in ("/%5Bred%5D.txt", "/missing", "/[red].txt", "/[/]"):
                client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                client.recv(65536)
            await results(driver)
            await driver.press("v")
            await driver.see("GET /%5Bred%5D.txt 200", "GET /missing 404", "GET /[red].txt")
            await driver.press("slash")
            await driver.see("type to filter")
            await driver.write("MISS")
            await driver.until(lambda: "%5Bred" not in driver.text, "the filter")
            assert "GET /missing 404" in driver.text
            await driver.press("enter")
            await driver.until(lambda: driver.servers.query_one("#log").has_focus, "the log")
            assert "%5Bred" not in driver.text
            await driver.press("slash")
            await driver.until(lambda: driver.servers.query("FilterLine Input:focus"), "the line")
            await driver.press("escape")
            await driver.see("GET /%5Bred%5D.txt 200", "GET /missing 404")


@in_loop
async def test_figures_show_what_moves() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        await driver.press("v", "v", "v")
        await driver.see("[figures]", "s ago")
        with dial(server) as client:
            await driver.until(
                lambda: talk(client, b"x" * 50_000) and max(server.rates_in, default=0) > 0,
                "a rate",
            )
            await driver.until(
                lambda: "in 0 B/s" not in driver.text, "a scale of more than nothing"
            )
        await driver.see("█")


@in_loop
async def test_export_writes_the_log_and_the_connections(tmp_path: Path) -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        with dial(server) as client:
            assert talk(client, b"x" * 10) == b"x" * 10
            peer = f"127.0.0.1:{client.getsockname()[1]}"
            await driver.see(peer, "10 B")
            await results(driver)
            for name in ("log.jsonl", "table.csv"):
                await driver.press("e")
                await driver.see("Export to which file?", "enter writes")
                await driver.submit(str(tmp_path / name))
                await driver.until((tmp_path / name).exists, name)
                await driver.see("written to")
        events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
        assert [one["type"] for one in events][:2] == ["listening", "opened"]
        assert events[1]["peer"] == peer
        head, row = (tmp_path / "table.csv").read_text().splitlines()
        assert head.split(",")[:2] == ["id", "peer"]
        assert row.split(",")[1] == peer
        await driver.press("e")
        await driver.see("Export to which file?")
        await driver.submit(str(tmp_path / "log.jsonl"))
        await driver.see("is there already")


@in_loop
async def test_copy_gives_the_endpoint_to_the_clipboard() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        await driver.press("y")
        await driver.until(lambda: driver.app.clipboard == str(server.endpoint), "the copy")


@in_loop
async def test_send_to_opens_a_session_that_talks() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        await driver.press("s")
        await driver.see("Send to", f"Sockets: talk to {server.endpoint}")
        await driver.press("enter")
        await driver.see("[Sockets]", f"* {server.endpoint}", "open in")
        await driver.until(lambda: driver.sockets.query("SendLine:focus"), "the line that sends")
        await driver.submit("both ends")
        await driver.see(r"> both ends\n", r"< both ends\n")


@in_loop
async def test_many_connections_show_what_fits_and_how_many_more() -> None:
    async with driving((80, 24)) as driver:
        server = await driver.serve(ECHO)
        clients = [dial(server) for _ in range(300)]
        try:
            await driver.see("more")
            shown = driver.text
            visible = len(re.findall(r"^ +\d+ 127\.0\.0\.1:", shown, re.M))
            assert f"… and {300 - visible} more" in shown
        finally:
            for client in clients:
                client.close()
        await driver.see("No connection is open.")


@in_loop
async def test_bad_lines_are_refused_in_one_line_and_stay() -> None:
    async with driving() as driver:
        pane = driver.servers
        for line, words in (
            ("ecko tcp://127.0.0.1:0", "did you mean echo"),
            ("", "nothing to serve"),
            ("echo tcp://127.0.0.1:99999", "99999"),
            ("echo 'tcp://", "close the quote"),
            ("http http://127.0.0.1:0/ --rot .", "--root"),
        ):
            await driver.target(pane, line)
            await driver.see(words)
            assert pane.target.value == line
        assert not pane.board.servers
        await driver.serve(ECHO)
        await driver.until(lambda: "--root" not in driver.text, "the error's going")


# -- doors, transcripts, sets -----------------------------------------------------------------


async def dialog(driver: Driver, kind: type) -> None:
    await driver.until(lambda: isinstance(driver.app.screen, kind), f"the dialog {kind.__name__}")


def refused(server: Server) -> bool:
    """Whether a client is turned away before it can say anything."""
    try:
        with dial(server) as client:
            return client.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_the_transcript_of_a_connection_is_followed(size: tuple[int, int]) -> None:
    async with driving(size) as driver:
        server = await driver.serve(ECHO)
        with dial(server) as client, dial(server) as other:
            assert talk(other, b"not this one\n") == b"not this one\n"
            assert talk(client, b"said before\n") == b"said before\n"
            pane = driver.servers
            await driver.until(lambda: len(pane.detail.connections.rows) == 2, "both")
            pane.detail.connections.focus()
            pane.detail.connections.select(1)
            await driver.press("enter")
            await driver.see("[transcript]", "< said before", "> said before", "#1 of echo")
            assert talk(client, b"\x1b[31mred\n") == b"\x1b[31mred\n"
            await driver.see(r"< \x1b[31mred\n")
            assert "not this one" not in driver.text
            await driver.press("h")
            await driver.see("73 61 69 64 20 62 65 66")
        # A connection that has closed is still answered for, from its line in the log.
        pane.detail.open("log")
        pane.detail.events.focus()
        await driver.see("#2")
        await driver.until(lambda: "closed" in pane.detail.events.lines[-1].text, "the log")
        server.follow(0)
        await driver.press("end", "t")
        await driver.see("[transcript]")
        await driver.until(lambda: server.traffic.total > 0, "what was kept")


@in_loop
async def test_a_server_is_paused_drained_and_its_door_changed() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        with dial(server) as client:
            assert talk(client, b"x") == b"x"
            await results(driver)
            await driver.press("a")
            await driver.see("= echo", "paused")
            assert talk(client, b"y") == b"y"
            await driver.press("a")
            await driver.see("* echo")
            await driver.press("w")
            from workbench.ui.panes.servers.door import DoorDialog

            await dialog(driver, DoorDialog)
            await driver.press("tab")
            await driver.submit("127.0.0.300")
            await driver.see("! 127.0.0.300 is neither an address nor a network")
            await driver.submit("127.0.0.0/8")
            await driver.until(lambda: server.door and server.door.deny, "the rule")
            assert refused(server)
            assert talk(client, b"z") == b"z"
            await driver.until(lambda: server.door and server.door.refused, "the count")
            await driver.press("D")
            await driver.see("v echo", "draining")
        await driver.until(lambda: server.state == "stopped", "its end with the last peer")
        await driver.press("enter")
        await driver.until(lambda: server.state == "up", "its start")
        # The door is as it was.
        await driver.until(lambda: server.door is not None, "its door")
        assert server.door is not None
        assert server.door.deny == ("127.0.0.0/8",)


@in_loop
async def test_what_has_ended_cannot_be_told_anything() -> None:
    async with driving() as driver:
        server = await driver.serve(ECHO)
        await results(driver)
        await driver.press("x")
        await driver.until(lambda: server.state == "stopped", "its end")
        for key in ("a", "D", "w"):
            await driver.press(key)
            await driver.see(f"! {server.endpoint_text} is stopped")


@in_loop
async def test_every_kind_can_be_chosen() -> None:
    from workbench import catalogue
    from workbench.ui.screens.dialog import Choose

    async with driving() as driver:
        await results(driver)
        await driver.press("k")
        await dialog(driver, Choose)
        for name in catalogue.JOBS:
            if name.startswith("serve "):
                await driver.see(name.removeprefix("serve "))
        kinds = sorted(name for name in catalogue.JOBS if name.startswith("serve "))
        await driver.press(*["down"] * kinds.index("serve echo"), "enter")
        await driver.until(lambda: driver.servers.board.servers, "the server")


@in_loop
async def test_an_inspector_shows_requests_whole() -> None:
    async with driving() as driver:
        server = await driver.serve("inspect http://127.0.0.1:0/")
        with dial(server) as client:
            head = b"POST /a%20b?q=[/b] HTTP/1.1\r\nHost: x\r\nX-Odd: \xff\r\n"
            client.sendall(head + b"Content-Length: 8\r\n\r\n[b]ok\x1b[0")
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")
        pane = driver.servers
        await driver.see("requests")
        pane.detail.open("requests")
        await driver.see("POST", "/a%20b?q=[/b]", "X-Odd:", r"[b]ok\x1b[0", "curl")


@in_loop
async def test_crashes_are_shown_with_their_frames(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "def app(environ, start_response):\n"
        "    password, number = str(11 * 11111), 42\n"
        "    return number / 0\n"
    )
    before = os.getcwd()
    os.chdir(tmp_path)
    try:
        async with driving() as driver:
            server = await driver.serve("wsgi http://127.0.0.1:0/ --app broken:app")
            with dial(server) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert b" 500 " in client.recv(65_536)
            await driver.until(lambda: server.crashes.total, "the crash")
            driver.servers.detail.open("crashes")
            await driver.see("ZeroDivisionError", "return number / 0", "number = 42")
            assert "122221" not in driver.text
    finally:
        os.chdir(before)


@in_loop
async def test_figures_tell_how_long_answers_took() -> None:
    async with driving() as driver:
        server = await driver.serve("http http://127.0.0.1:0/ --root .")
        with dial(server) as client:
            for _ in range(20):
                client.sendall(b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n")
                assert client.recv(65_536).startswith(b"HTTP/1.1 404")
        driver.servers.detail.open("figures")
        await driver.see("p50", "p99", "requests 20", "errors 20", "<=")
        await driver.pilot.resize_terminal(80, 24)
        await driver.see("p50", "s ago")


@in_loop
async def test_a_set_is_saved_and_started(tmp_path: Path) -> None:
    from workbench.servers import sets
    from workbench.ui.screens.dialog import Ask, Choose

    async with driving() as driver:
        await driver.serve(ECHO)
        await driver.serve(f"http http://127.0.0.1:0/ --root '{tmp_path}' --no-links")
        await results(driver)
        await driver.press("S")
        await dialog(driver, Ask)
        await driver.submit("../evil")
        await driver.see("is no name of a set")
        await driver.press("S")
        await dialog(driver, Ask)
        await driver.submit("mine")
        await driver.until(lambda: sets.names() == ["mine"], "the set")
        assert sets.load("mine") == [
            "serve echo tcp://127.0.0.1:0",
            f"serve http http://127.0.0.1:0/ --root={tmp_path} --no-links",
        ]
        await driver.press("L")
        await dialog(driver, Choose)
        await driver.press("enter")
        await driver.until(lambda: len(driver.servers.board.servers) == 4, "both again")
        for server in driver.servers.board.servers.values():
            await driver.until(lambda server=server: server.state == "up", "its start")  # type: ignore[misc]


@in_loop
async def test_a_client_is_opened_on_a_server() -> None:
    async with driving() as driver:
        await driver.serve(ECHO)
        await results(driver)
        await driver.press("c")
        await driver.until(lambda: driver.app.query("SendLine:focus"), "the line that sends")
        await driver.submit("both ends")
        await driver.see("> both ends", "< both ends")


@pytest.mark.peer("curl")
@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_visitors_of_a_server_of_tls(size: tuple[int, int], tmp_path: Path) -> None:
    async with driving(size) as driver:
        line = f"http https://127.0.0.1:0/ --root {tmp_path} --ca {tmp_path / 'ca'}"
        server = await driver.serve(line)
        assert server.endpoint is not None
        url = f"https://localhost:{server.endpoint.port}/"
        for more in (["--cacert", str(tmp_path / "ca" / "ca.pem")], []):
            command = ["curl", "-sS", "--max-time", "20", *more, url]
            await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        await driver.until(lambda: server.visitors.total == 2, "two visitors")
        driver.servers.detail.open(VISITORS)
        await driver.see("visitors", "TLS 1.3", "TLS_AES_256_GCM_SHA384", "no trusted CA")
        await driver.see("unknown_ca (48) from the visitor")  # the newest is selected
