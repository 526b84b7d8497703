"""The TLS tab: a scan of a real server on its board."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.ui.driving import driving
from tests.ui.loop import in_loop
from workbench.ui.panes.tls.certboard import TlsBoard
from workbench.ui.panes.tls.listboard import TlsListBoard
from workbench.ui.panes.tls.pane import TlsPane
from workbench.ui.panes.tls.scanboard import TlsScanBoard

SIZES = [(80, 24), (120, 40)]


@contextmanager
def openssl(folder: Path) -> Iterator[int]:
    """A server of openssl with old ciphers; its port."""
    key, file = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(file)]
    command += ["-key", str(key), "-quiet", "-cipher", "ALL:@SECLEVEL=0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=-3, stderr=-3) as child:
        try:
            until = 200
            while until:
                until -= 1
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    subprocess.run(["sleep", "0.05"], check=True)
            yield port
        finally:
            child.kill()


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_scan(size: tuple[int, int], tmp_path: Path) -> None:
    with openssl(tmp_path) as port:
        async with driving(size) as driver:
            pane = await driver.open("tls")
            assert isinstance(pane, TlsPane)
            await driver.see("Type a server on the line above")
            await driver.target(pane, f"tls-scan 127.0.0.1:{port}")
            await driver.until(lambda: pane.query(TlsScanBoard), "the board")
            board = pane.query_one(TlsScanBoard)
            await driver.until(lambda: board.last is not None, "the end")
            await driver.see("verdict: ", f"tls-scan tcp://127.0.0.1:{port}")
            assert board.verdict is not None
            assert any(event.type == "tls-suite" for event in board.told)
            await driver.press("slash", *"AES_256_GCM_SHA384", "enter")
            await driver.see("TLS_AES_256_GCM_SHA384")
            board.found.focus()
            await driver.press("e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            focused = driver.app.focused
            assert isinstance(focused, Input)
            focused.value = str(tmp_path / "scan.jsonl")
            await driver.press("enter")
            await driver.until((tmp_path / "scan.jsonl").exists, "the file")
            first = json.loads((tmp_path / "scan.jsonl").read_text().splitlines()[0])
            assert first["type"].startswith("tls-")


@in_loop
async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with driving() as driver:
        pane = await driver.open("tls")
        await driver.target(pane, f"127.0.0.1:{port}")
        await driver.see("refused")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_certificates_have_boards(size: tuple[int, int], tmp_path: Path) -> None:
    async with driving(size) as driver:
        pane = await driver.open("tls")
        assert isinstance(pane, TlsPane)
        ca = tmp_path / "ca"
        await driver.target(pane, f"cert server localhost --ca {ca} --output {tmp_path}")
        await driver.until(lambda: pane.boards.board is not None, "the board")
        await driver.until(
            lambda: pane.boards.board and pane.boards.board.run and pane.boards.board.run.ended,
            "the end",
        )
        await driver.target(pane, f"cert show {tmp_path / 'localhost.pem'}")
        await driver.see("certificate", "EC P-256", "days left")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_an_inspection(size: tuple[int, int], tmp_path: Path) -> None:
    with openssl(tmp_path) as port:
        async with driving(size) as driver:
            pane = await driver.open("tls")
            assert isinstance(pane, TlsPane)
            await driver.target(pane, f"127.0.0.1:{port} --sni localhost")
            await driver.until(lambda: pane.query(TlsBoard), "the board")
            board = pane.query_one(TlsBoard)
            await driver.until(lambda: board.last is not None, "the end")
            await driver.see("NOT TRUSTED", "TLS 1.3", "server", "days left", "not trusted")
            assert any(one.code == "self-signed" for one in board.wrong)
            await driver.press("end")
            await driver.see("resumption")
            await driver.press("home", "enter")
            await driver.until(lambda: board.detail.has_focus, "the details")
            board.table.focus()
            await driver.press("e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            focused = driver.app.focused
            assert isinstance(focused, Input)
            focused.value = str(tmp_path / "chain.pem")
            await driver.press("enter")
            await driver.until((tmp_path / "chain.pem").exists, "the file")
            assert "BEGIN CERTIFICATE" in (tmp_path / "chain.pem").read_text()
            board.table.focus()
            await driver.press("s")
            await driver.see("Send to", "Servers: watch it")
            await driver.press("escape")
            await driver.press("t")
            await driver.until(lambda: pane.query(TlsScanBoard), "the scan of the same server")
            await driver.until(lambda: isinstance(pane.boards.board, TlsScanBoard), "its board")
            scan = pane.query_one(TlsScanBoard)
            assert scan.run is not None
            assert getattr(scan.run.request, "sni", None) == "localhost"
            await driver.until(lambda: scan.last is not None, "the end of the scan")
            scan.found.focus()
            await driver.press("t")
            await driver.until(lambda: isinstance(pane.boards.board, TlsBoard), "back again")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_a_list_of_servers(size: tuple[int, int], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    with openssl(tmp_path) as port:
        async with driving(size) as driver:
            pane = await driver.open("tls")
            assert isinstance(pane, TlsPane)
            ca = tmp_path / "certificate.pem"
            line = f"tls-list localhost:{port} 127.0.0.1:{nobody} --ca {ca}"
            await driver.target(pane, line)
            await driver.until(lambda: pane.query(TlsListBoard), "the board")
            board = pane.query_one(TlsListBoard)
            await driver.until(lambda: board.last is not None, "the end")
            await driver.see("no answer", "9 days left", "2 of 2 not trusted", "refused")
            assert next(key for key, _ in board.table.rows) == f"tcp://127.0.0.1:{nobody}"
            await driver.press("s")
            await driver.see("Send to", "Servers: watch it")
            await driver.press("escape", "end", "enter")
            await driver.until(lambda: isinstance(pane.boards.board, TlsBoard), "its board")
            inspected = pane.query_one(TlsBoard)
            await driver.until(lambda: inspected.last is not None, "the end")
            await driver.see("common name alone")
