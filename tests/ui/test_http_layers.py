"""The HTTP tab's wire, meanings, search over everything, and certificates."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.cli.program import server
from tests.http.client import certificates
from tests.http.client.peers import answering, listening
from tests.http.client.test_client import server_context
from tests.http.client.test_http2 import Server, h2_server
from tests.ui.loop import in_loop
from tests.ui.test_http_pane import opened, sent, view
from workbench.http.client.events import WIRE_MOST, HttpFrame, HttpWire
from workbench.http.client.job import Http


@in_loop
async def test_the_wire_is_kept_without_being_asked_for(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (3 * WIRE_MOST))
    with server("http", "http://127.0.0.1:0/", "--root", str(tmp_path)) as url:
        async with opened((80, 24)) as (driver, pane):
            one = await sent(driver, pane, f"GET {url}large")
            assert isinstance(one.run.request, Http)
            assert not one.run.request.verbose
            wire = [event for event in one.events if isinstance(event, HttpWire)]
            assert sum(len(event.data) for event in wire) == WIRE_MOST
            assert one.body_size == 3 * WIRE_MOST
            await view(driver, pane, "wire")
            await driver.see("47 45 54 20")  # GET
            assert "what follows is not kept" in list(one.wire())[-1].text


@in_loop
async def test_what_fields_mean_and_where_a_text_stands() -> None:
    with server("inspect", "http://127.0.0.1:0/") as url:
        async with opened((120, 40)) as (driver, pane):
            await sent(driver, pane, f"GET {url}a X-Two:hidden-word")
            await view(driver, pane, "headers")
            await driver.see("> X-Two: hidden-word", "media types that the client takes")
            await driver.press("h")
            await driver.until(lambda: "media types that" not in driver.text, "no meanings")
            await view(driver, pane, "cookies")
            await driver.press("slash")
            await driver.write("hidden-word")
            await driver.see("headers 1, wire")
            await driver.press("enter")
            await driver.until(lambda: "[cookies]" not in driver.text, "another view")
            await driver.see("hidden-word")


@in_loop
async def test_the_certificates_of_an_exchange(tmp_path: Path) -> None:
    made = certificates.make(tmp_path)
    answer = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    with listening(answer, context=server_context(made)) as port:
        async with opened((120, 40)) as (driver, pane):
            await sent(driver, pane, f"GET https://127.0.0.1:{port}/ --insecure")
            pane.table.focus()
            await driver.press("k")
            await driver.see("Certificates of the server", "NOT VERIFIED", "SHA-256", "subject")
            await driver.press("escape")
            await driver.until(lambda: len(driver.app.screen_stack) == 1, "the pane")


@in_loop
async def test_frames_of_http_2_are_kept() -> None:
    def act(conn: Server, stream: int, sock: socket.socket) -> None:
        conn.send_headers(stream, [(":status", "204")], end_stream=True)

    with listening(h2_server(act)) as port:
        async with opened((80, 24)) as (driver, pane):
            one = await sent(driver, pane, f"GET http://127.0.0.1:{port}/ --http 2")
            await view(driver, pane, "wire")
            frames = [event for event in one.events if isinstance(event, HttpFrame)]
            assert {"SETTINGS", "HEADERS"} <= {frame.kind for frame in frames}
            assert any(">> HEADERS stream 1" in line.text for line in one.wire())
