"""FTP over IPv6 (RFC 2428): the job against vsftpd, `serve ftp` against curl, lftp and ftplib."""

from __future__ import annotations

import ftplib
import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.client.certificates import make
from tests.mail_ftp.ftp.peers import PATIENCE, ours, vsftpd
from tests.servers.watching import Watched
from workbench.core.events import Done
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import Spoken
from workbench.mail_ftp.ftp.job import Ftp, ftp

DATA = os.urandom(300_000)
HOST = "::1"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve."""
    root = tmp_path_factory.mktemp("root")
    (root / "big").write_bytes(DATA)
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Watched]:
    """Our server on ::1."""
    with ours(root, host=HOST, write=True) as server:
        yield server


@pytest.mark.peer("vsftpd")
@pytest.mark.parametrize("secure", [False, True])
def test_the_job_takes_and_brings_by_epsv_and_eprt(secure: bool, tmp_path: Path) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    (root / "pub").mkdir(parents=True)
    work.mkdir()
    (root / "pub" / "big").write_bytes(DATA)
    made = make(tmp_path) if secure else None
    up = tmp_path / "up"
    up.write_bytes(DATA[:1_000])
    with vsftpd(root, work, made, host=HOST) as end:
        for active, verb in ((False, "EPSV"), (True, "EPRT |2|::1|")):
            out = tmp_path / f"out{active}"
            ca = made.ca if made else None
            asked = (
                Ftp(end.replace(path="/pub/big"), output=out, active=active, ca=ca),
                Ftp(end.replace(path="/pub/"), put=(up,), overwrite=True, active=active, ca=ca),
            )
            for request in asked:
                told = list(execute(ftp, request, Scope(PATIENCE)))
                assert isinstance(told[-1], Done), told[-1]
                said = [one.line() for one in told if isinstance(one, Spoken)]
                assert any(verb in one for one in said), said
            assert out.read_bytes() == DATA
        assert (root / "pub" / "up").read_bytes() == DATA[:1_000]


def test_ftplib_at_our_server(server: Watched, root: Path) -> None:
    with ftplib.FTP(timeout=PATIENCE) as client:
        client.connect(HOST, server.endpoint.require_port())
        client.login("u", "p")
        with pytest.raises(ftplib.error_temp, match="EPSV"):
            client.sendcmd("PASV")
        assert client.sendcmd("EPSV 2").startswith("229")
        with pytest.raises(ftplib.error_perm, match="522"):
            client.sendcmd("EPSV 1")
        for passive in (True, False):
            client.set_pasv(passive)
            got = io.BytesIO()
            client.retrbinary("RETR big", got.write, rest=1_000)
            assert got.getvalue() == DATA[1_000:]
            client.storbinary("STOR up", io.BytesIO(DATA[:500]))
            client.storbinary("STOR up", io.BytesIO(DATA[400:]), rest=400)
            assert (root / "up").read_bytes() == DATA
        with pytest.raises(ftplib.error_perm, match="own address"):
            client.sendcmd("EPRT |2|::2|5000|")


@pytest.mark.peer("curl", "lftp")
def test_curl_and_lftp_at_our_server(server: Watched, root: Path, tmp_path: Path) -> None:
    url = f"ftp://u:p@[{HOST}]:{server.endpoint.port}"

    def curl(*words: str) -> bytes:
        command = ["curl", "-gsS", *words]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True).stdout

    assert curl(f"{url}/big") == DATA
    assert curl("-P", "-", f"{url}/big") == DATA
    curl("-T", str(root / "big"), f"{url}/copy")
    assert (root / "copy").read_bytes() == DATA
    for passive in ("on", "off"):
        script = (
            f"set ftp:passive-mode {passive}; open {url}; get big -o {tmp_path}/{passive};"
            f" put {tmp_path}/{passive} -o copy-{passive}"
        )
        subprocess.run(["lftp", "-c", script], timeout=PATIENCE, check=True)
        assert (root / f"copy-{passive}").read_bytes() == DATA
