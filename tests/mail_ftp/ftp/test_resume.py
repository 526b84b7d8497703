"""Transfers that break in the middle go on by REST: ours at vsftpd, curl and lftp at our server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mail_ftp.ftp.peers import PATIENCE, ours, vsftpd
from tests.servers.watching import Watched
from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Progress
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import Spoken
from workbench.mail_ftp.ftp.job import Ftp, ftp
from workbench.mail_ftp.ftp.moving import Moved
from workbench.mail_ftp.ftp.visit import FtpTransfer

RATE = 24_000_000
DATA = os.urandom(RATE)  # more than the buffers of two sockets hold


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoint, Path]]:
    """vsftpd, which takes a second for DATA, and its folder."""
    root, work = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("work")
    (root / "pub").mkdir()
    with vsftpd(root, work, rate=RATE) as end:
        yield end, root / "pub"


def broken_off(request: Ftp) -> None:
    """Run it, and cancel it once it moves."""
    scope = Scope(PATIENCE)
    for one in execute(ftp, request, scope):
        assert not isinstance(one, Done)
        if isinstance(one, Progress) and one.done:
            scope.cancel()


def gone_on_with(request: Ftp) -> int:
    """Run it to its end; how many bytes moved in this run."""
    told = list(execute(ftp, request, Scope(PATIENCE)))
    assert isinstance(told[-1], Done), told[-1]
    assert any("REST" in one.line() for one in told if isinstance(one, Spoken))
    return next(one.octets for one in told if isinstance(one, Moved))


@pytest.mark.peer("vsftpd")
def test_a_download_that_broke(slow: tuple[Endpoint, Path], tmp_path: Path) -> None:
    end, folder = slow
    (folder / "down").write_bytes(DATA)
    request = Ftp(end.replace(path="/pub/down"), output=tmp_path / "down")
    broken_off(request)
    assert not (tmp_path / "down").exists()
    part = (tmp_path / "down.part").stat().st_size
    assert 0 < part < len(DATA)
    assert gone_on_with(request) == len(DATA) - part
    assert (tmp_path / "down").read_bytes() == DATA
    assert not (tmp_path / "down.part").exists()


@pytest.mark.peer("vsftpd")
def test_an_upload_that_broke(slow: tuple[Endpoint, Path], tmp_path: Path) -> None:
    end, folder = slow
    (tmp_path / "up").write_bytes(DATA)
    request = Ftp(end.replace(path="/pub/"), put=(tmp_path / "up",))
    broken_off(request)
    assert not (folder / "up").exists()
    assert gone_on_with(request) < len(DATA)
    assert (folder / "up").read_bytes() == DATA
    assert not (folder / "up.part").exists()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Watched, Path]]:
    """Our server, and its folder."""
    root = tmp_path_factory.mktemp("ours")
    with ours(root, write=True) as server:
        yield server, root


@pytest.mark.peer("curl", "lftp")
@pytest.mark.parametrize("program", ["curl", "lftp"])
def test_others_go_on_at_our_server(
    program: str, server: tuple[Watched, Path], tmp_path: Path
) -> None:
    watched, root = server
    url = f"ftp://u:p@127.0.0.1:{watched.endpoint.port}"
    down, up = f"{program}-down", f"{program}-up"
    (root / down).write_bytes(DATA)
    (root / up).write_bytes(DATA[:1_000_000])
    (tmp_path / down).write_bytes(DATA[:-1_000_000])
    (tmp_path / up).write_bytes(DATA)
    if program == "curl":
        ways = [
            ["curl", "-sS", "-C", "-", "-o", str(tmp_path / down), f"{url}/{down}"],
            ["curl", "-sS", "-C", "-", "-T", str(tmp_path / up), f"{url}/{up}"],
        ]
    else:
        lines = f"get -c {down} -o {tmp_path}/{down}; put -c {tmp_path}/{up} -o {up}"
        ways = [["lftp", "-c", f"open {url}; {lines}"]]
    for words in ways:
        subprocess.run(words, timeout=PATIENCE, check=True)
    assert (tmp_path / down).read_bytes() == DATA
    assert (root / up).read_bytes() == DATA
    told = watched.next(FtpTransfer, lambda one: one.path == f"/{down}")
    assert (told.command, told.octets) == ("RETR", 1_000_000)
    told = watched.next(FtpTransfer, lambda one: one.path == f"/{up}")
    assert told.octets == len(DATA) - 1_000_000
