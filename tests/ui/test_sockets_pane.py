"""The Sockets tab, driven with keys against real peers."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench.sockets.session import Received
from workbench.ui.panes.sockets.session import SendLine, SessionView
from workbench.ui.widgets.ring import Ring


@contextmanager
def echo() -> Iterator[str]:
    """An echo server for one connection after the other; gives its target."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(one: socket.socket) -> None:
            with one:
                while data := one.recv(65536):
                    one.sendall(data)

        def accept() -> None:
            while True:
                try:
                    one, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(one,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def ends(view: SessionView, word: str) -> bool:
    """Whether this line came last."""
    return came(view).endswith(f"{word}\n".encode())


def came(view: SessionView) -> bytes:
    """All that the session received and still has."""
    return b"".join(one.data for one in view.transcript.events if isinstance(one, Received))


@in_loop
async def test_text_with_escapes_hex_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"from a file\n")
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.see("open in")
            await driver.submit(r"a\x00b\r")
            await driver.until(lambda: came(view) == b"a\x00b\r\n")
            await driver.press("ctrl+e")
            await driver.submit("crlf")
            await driver.until(lambda: came(view).endswith(b"crlf\r\n"))
            await driver.press("ctrl+t")
            await driver.see("hex>")
            await driver.submit("ff 00:0x41")
            await driver.until(lambda: came(view).endswith(b"\xff\x00A"))
            await driver.press("ctrl+t")
            await driver.see("file>")
            await driver.submit(str(path))
            await driver.until(lambda: came(view).endswith(b"from a file\n"))
            await driver.see(r"< a\x00b\r\n", "< from a file")


@in_loop
async def test_what_cannot_be_sent_stays_on_the_line() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            line = view.query_one(SendLine)
            await driver.submit(r"bad \q")
            await driver.see("! ")
            assert line.value == r"bad \q"
            await driver.press("ctrl+t")
            await driver.submit("4")
            assert line.value == "4"
            await driver.press("ctrl+t")
            await driver.submit("/no/such/file")
            await driver.see("is no file")
            assert came(view) == b""


@in_loop
async def test_ctrl_d_on_an_empty_line_closes_our_half() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.submit("last")
            await driver.until(lambda: came(view) == b"last\n")
            await driver.press("ctrl+d")
            await driver.see("we have finished sending", "the peer has finished sending", "closed")
            assert not view.alive
            await driver.submit("more")
            await driver.see("the session has ended")


@in_loop
async def test_hex_and_back_again() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.submit("hello")
            await driver.see(r"< hello\n")
            await driver.press("escape", "v")
            await driver.see("68 65 6c 6c 6f 0a", "|hello.|")
            await driver.press("v")
            await driver.see(r"< hello\n")
            assert view.query_one(Ring).has_focus


@in_loop
async def test_refused_says_why_and_connects_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with driving() as driver:
        await driver.open("sockets")
        view = await driver.connect(f"tcp://127.0.0.1:{port}")
        await driver.see("nothing listens there", "failed")
        with socket.create_server(("127.0.0.1", port)):
            view.query_one(Ring).focus()
            await driver.press("r")
            await driver.until(lambda: view.open)


@in_loop
async def test_escape_gives_up_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(f"tcp://127.0.0.1:{full.getsockname()[1]}")
            await driver.see("connecting", "esc cancels")
            await driver.press("escape")
            await driver.until(lambda: not view.alive)
            await driver.until(lambda: "esc cancels" not in driver.text)
        for one in waiting:
            one.close()


@in_loop
async def test_an_open_session_survives_escape_and_ends_by_x() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.until(lambda: view.open)
            await driver.press("escape", "escape")
            assert view.open
            await driver.press("x")
            await driver.until(lambda: not view.alive)
            await driver.press("d")
            await driver.until(lambda: not driver.sockets.sessions)
            await driver.see("Type whom to talk to")


@in_loop
async def test_sessions_stand_side_by_side() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            first = await driver.connect(target)
            second = await driver.connect(target)
            await driver.submit("to the second")
            await driver.until(lambda: came(second) == b"to the second\n")
            assert came(first) == b""
            assert first.region.y == second.region.y
            assert first.region.right <= second.region.x
            await driver.press("ctrl+n")
            await driver.until(lambda: first.query("SendLine:focus"))
            await driver.submit("to the first")
            await driver.until(lambda: came(first) == b"to the first\n")


@in_loop
async def test_a_hostile_megabyte_is_shown_and_harmless(tmp_path: Path) -> None:
    path = tmp_path / "hostile"
    path.write_bytes((b"\x1b]0;owned\x07[red]\x9b31m\xe2\x80\xae[/] \xff\n" * 40_000)[:1_000_000])
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            await driver.press("ctrl+t", "ctrl+t")
            await driver.submit(str(path))
            await driver.until(lambda: len(came(view)) == 1_000_000)
            assert hashlib.sha256(came(view)).digest() == hashlib.sha256(path.read_bytes()).digest()
            await driver.see(r"\x1b]0;owned\x07[red]", "in 1 MB")
            for forbidden in ("\x1b", "\x9b", "\u202e", "\x07"):
                assert forbidden not in driver.text


@in_loop
async def test_export_and_find(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            for word in ("needle", "hay", "more hay"):
                await driver.submit(word)
                await driver.until(partial(ends, view, word))
            await driver.press("escape", "e")
            await driver.see("Export to which file?")
            await driver.submit(str(path))
            await driver.until(path.exists)
            await driver.see("written to")
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            assert [line["type"] for line in lines[:3]] == ["connected", "sent", "received"]
            await driver.press("slash")
            await driver.submit("needle")
            ring = view.query_one(Ring)
            await driver.until(lambda: ring.has_focus)
            assert ring.cursor_line is not None
            assert "needle" in ring.cursor_line.text


@in_loop
async def test_lines_sent_before_come_back() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            view = await driver.connect(target)
            for word in ("one", "two"):
                await driver.submit(word)
            line = view.query_one(SendLine)
            await driver.press("up")
            assert line.value == "two"
            await driver.press("up")
            assert line.value == "one"
            await driver.press("down", "down")
            assert line.value == ""


@in_loop
async def test_no_descriptor_is_left_behind() -> None:
    with echo() as target:
        async with driving() as driver:
            await driver.open("sockets")
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(3):
                view = await driver.connect(target)
                await driver.until(partial(getattr, view, "open"))
                await driver.press("escape", "x", "d")
                await driver.until(lambda: not driver.sockets.sessions)
            await driver.until(lambda: len(os.listdir("/proc/self/fd")) <= before + 2)
