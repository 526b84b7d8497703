"""serve ftp: curl, lftp and ftplib at it, and who means harm."""

from __future__ import annotations

import contextlib
import ftplib
import io
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.client.certificates import Certificates, make
from tests.mail_ftp.ftp.peers import PATIENCE, ours
from tests.servers.watching import Watched, failure
from workbench.core.endpoint import parse
from workbench.mail_ftp.ftp.serve import ServeFtp, serve_ftp
from workbench.mail_ftp.ftp.visit import FtpChanged, FtpTransfer

DATA = os.urandom(700_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an own authority."""
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a few things, and a link out of it."""
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"one\ntwo\n")
    (root / "sub" / "big ü.bin").write_bytes(DATA)
    (root / "out").symlink_to("/etc")
    (root / "in").symlink_to("sub")
    (tmp_path / "secret").write_text("no")
    return root


@pytest.fixture
def server(root: Path) -> Iterator[Watched]:
    """Our server, to read and write."""
    with ours(root, write=True) as server:
        yield server


def client(server: Watched) -> ftplib.FTP:
    """ftplib, logged in."""
    ftp = ftplib.FTP(timeout=PATIENCE)
    ftp.connect("127.0.0.1", server.endpoint.require_port())
    ftp.login("u", "p")
    return ftp


def run(*words: str, env: dict[str, str] | None = None) -> bytes:
    """What a program prints."""
    more = {**os.environ, **(env or {})}
    return subprocess.run(words, capture_output=True, timeout=PATIENCE, check=True, env=more).stdout


def test_ftplib_does_all_that_it_can(server: Watched, root: Path) -> None:
    with client(server) as ftp:
        assert sorted(ftp.nlst()) == ["a.txt", "in", "out", "sub"]
        kinds = {name: facts["type"] for name, facts in ftp.mlsd()}
        assert kinds == {
            ".": "cdir", "a.txt": "file", "sub": "dir", "in": "OS.unix=slink",
            "out": "OS.unix=slink",
        }  # fmt: skip
        got = io.BytesIO()
        ftp.retrbinary("RETR in/big ü.bin", got.write)
        assert got.getvalue() == DATA
        got = io.BytesIO()
        ftp.retrbinary("RETR sub/big ü.bin", got.write, rest=600_000)
        assert got.getvalue() == DATA[600_000:]
        assert ftp.size("sub/big ü.bin") == len(DATA)
        ftp.storbinary("STOR new", io.BytesIO(b"abc"))
        ftp.storbinary("STOR new", io.BytesIO(b"XY"), rest=2)
        ftp.storbinary("APPE new", io.BytesIO(b"!"))
        assert (root / "new").read_bytes() == b"abXY!"
        lines: list[str] = []
        ftp.retrlines("RETR a.txt", lines.append)
        assert lines == ["one", "two"]
        ftp.storlines("STOR text", io.BytesIO(b"1\r\n2\r\n"))
        assert (root / "text").read_bytes() == b"1\n2\n"
        assert ftp.mkd("d") == "/d"
        ftp.rename("new", "d/newer")
        ftp.sendcmd("SITE CHMOD 600 d/newer")
        assert (root / "d" / "newer").stat().st_mode & 0o777 == 0o600
        ftp.cwd("d")
        assert ftp.pwd() == "/d"
        ftp.delete("newer")
        ftp.cwd("..")
        ftp.rmd("d")
        assert not (root / "d").exists()
        ftp.set_pasv(False)
        assert "a.txt" in ftp.nlst()
        assert ftp.sendcmd("MDTM a.txt").startswith("213 20")
        assert "MLST" in ftp.sendcmd("FEAT")
        assert "type=file" in ftp.sendcmd("MLST a.txt")
        assert "a.txt" in ftp.sendcmd("STAT a.txt")
    told = [one.what for one in server.all(FtpChanged)]
    server.next(FtpChanged, lambda one: one.what == "removed folder /d")
    assert isinstance(told, list)
    assert any(one.command == "RETR" and one.octets == len(DATA) for one in server.all(FtpTransfer))


@pytest.mark.peer("curl", "lftp")
def test_curl_and_lftp(server: Watched, root: Path, tmp_path: Path) -> None:
    url = f"ftp://u:p@127.0.0.1:{server.endpoint.port}"
    assert run("curl", "-sS", f"{url}/sub/big%20%C3%BC.bin") == DATA
    assert run("curl", "-sS", "-P", "-", f"{url}/a.txt") == b"one\ntwo\n"
    assert run("curl", "-sS", "-r", "-4", f"{url}/a.txt") == b"two\n"
    run("curl", "-sS", "-T", str(root / "a.txt"), f"{url}/copy")
    assert (root / "copy").read_bytes() == b"one\ntwo\n"
    script = f"open {url}; mirror sub {tmp_path}/mirror; put -O sub {root}/a.txt; mv copy copied"
    run("lftp", "-c", script)
    assert (tmp_path / "mirror" / "big ü.bin").read_bytes() == DATA
    assert (root / "sub" / "a.txt").exists()
    assert (root / "copied").exists()


@pytest.mark.peer("curl", "lftp")
@pytest.mark.parametrize("implicit", [True, False])
def test_tls_from_the_start_and_on_request(
    implicit: bool, root: Path, made: Certificates, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"tls": True} if implicit else {"starttls": "require"}
    with ours(root, cert=made.server, key=made.server_key, write=True, **more) as server:
        port = server.endpoint.port
        scheme = "ftps" if implicit else "ftp"
        words = ["curl", "-sS", "--cacert", str(made.ca), "--ssl-reqd", "-u", "u:p"]
        words += ["--resolve", f"localhost:{port}:127.0.0.1"]
        place = f"{scheme}://localhost:{port}"
        assert run(*words, f"{place}/sub/big%20%C3%BC.bin") == DATA
        run(*words, "-T", str(root / "a.txt"), f"{place}/up")
        assert (root / "up").read_bytes() == b"one\ntwo\n"
        script = (
            f"set ssl:ca-file {made.ca}; set ftp:ssl-force true; open -u u,p {place}; cat a.txt"
        )
        assert run("lftp", "-c", script) == b"one\ntwo\n"
        if not implicit:
            ftp = ftplib.FTP(timeout=PATIENCE)
            ftp.connect("127.0.0.1", port or 0)
            with pytest.raises(ftplib.error_perm, match="AUTH TLS first"):
                ftp.login("u", "p")
            ftp.close()
            secure = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=str(made.ca)))
            secure.connect("localhost", port or 0, timeout=PATIENCE)
            secure.login("u", "p")
            assert "a.txt" in secure.nlst()  # not protected until PROT P
            secure.prot_p()
            assert "a.txt" in secure.nlst()
            secure.close()


def test_nothing_outside_of_the_folder_is_reached(server: Watched, root: Path) -> None:
    with client(server) as ftp:
        for path in ("../secret", "/../secret", "out/passwd", "/etc/passwd", "sub/../../secret"):
            with pytest.raises(ftplib.error_perm):
                ftp.retrbinary(f"RETR {path}", lambda data: None)
        with pytest.raises(ftplib.error_perm):
            ftp.cwd("out")
        for command in ("STOR out/x", "STOR ../x"):
            try:
                ftp.storbinary(command, io.BytesIO(b"x"))
            except ftplib.error_perm:
                continue
            assert (root / "x").read_bytes() == b"x"  # ".." of the root is the root
        with pytest.raises(ftplib.error_perm):
            ftp.rename("a.txt", "out/a.txt")
        with pytest.raises(ftplib.error_perm):
            ftp.storbinary("STOR in", io.BytesIO(b"through a link"))
    assert not (root.parent / "x").exists()
    assert not Path("/etc/x").exists()


def test_to_read_unless_asked(root: Path) -> None:
    with ours(root) as server, client(server) as ftp:
        for command in ("DELE a.txt", "MKD d", "RMD sub", "RNFR a.txt", "SITE CHMOD 777 a.txt"):
            with pytest.raises(ftplib.error_perm, match="reading only"):
                ftp.sendcmd(command)
        with pytest.raises(ftplib.error_perm, match="reading only"):
            ftp.storbinary("STOR x", io.BytesIO(b"x"))
        assert (root / "a.txt").exists()


def test_only_who_has_the_password(root: Path) -> None:
    with ours(root, user="me", password="pw") as server:
        ftp = ftplib.FTP(timeout=PATIENCE)
        ftp.connect("127.0.0.1", server.endpoint.require_port())
        with pytest.raises(ftplib.error_perm, match="wrong name"):
            ftp.login("me", "no")
        with pytest.raises(ftplib.error_perm, match="log in first"):
            ftp.sendcmd("PWD")
        ftp.login("me", "pw")
        ftp.close()


@pytest.mark.parametrize(
    "command",
    ["PORT 127,0,0,2,200,1", "PORT 127,0,0,1,0,80", "EPRT |1|192.0.2.1|5000|", "EPRT |2|::1|9000|"],
)
def test_it_connects_to_nobody_else(command: str, server: Watched) -> None:
    with client(server) as ftp, pytest.raises(ftplib.error_perm, match="your own address"):
        ftp.sendcmd(command)


def test_a_stranger_gets_no_data_connection(server: Watched, root: Path) -> None:
    with client(server) as ftp:
        host, port = ftp.makepasv()
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.settimeout(PATIENCE)
            stranger.connect((host, port))
            ftp.putcmd("RETR a.txt")
            assert stranger.recv(10) == b""
            with socket.create_connection((host, port), PATIENCE) as own:
                assert own.recv(100) == b"one\ntwo\n"
        assert ftp.getresp().startswith("150")
        assert ftp.getresp().startswith("226")


def test_a_transfer_is_aborted_and_the_session_goes_on(server: Watched, root: Path) -> None:
    (root / "huge").write_bytes(bytes(30_000_000))
    with client(server) as ftp:
        ftp.voidcmd("TYPE I")
        data, _ = ftp.ntransfercmd("RETR huge")
        data.recv(1_000)
        ftp.putcmd("ABOR")
        codes = sorted(ftp.getmultiline()[:3] for _ in range(2))
        assert codes == ["226", "426"]
        data.close()
        assert ftp.sendcmd("NOOP").startswith("200")
        assert ftp.size("a.txt") == 8


def files_open(server: Watched, root: Path) -> list[str]:
    """What the server holds open below its folder."""
    links = []
    for one in Path(f"/proc/{server.pid}/fd").iterdir():
        try:
            links.append(os.readlink(one))
        except FileNotFoundError:
            continue  # closed meanwhile
    return [one for one in links if one.startswith(f"{root}/")]


@pytest.mark.parametrize("command", ["RETR a.txt", "STOR new", "APPE a.txt", "STOU"])
def test_no_file_stays_open_when_the_data_connection_never_comes(
    command: str, server: Watched, root: Path
) -> None:
    with client(server) as ftp:
        with socket.socket() as refusing:
            refusing.bind(("127.0.0.1", 0))  # it does not listen
            ftp.sendport("127.0.0.1", refusing.getsockname()[1])
            assert ftp.sendcmd(command).startswith("150")
            with pytest.raises(ftplib.error_temp, match="425"):
                ftp.getresp()
        assert files_open(server, root) == []
        ftp.makepasv()
        assert ftp.sendcmd(command).startswith("150")
        ftp.putcmd("ABOR")
        assert sorted(ftp.getmultiline()[:3] for _ in range(2)) == ["226", "426"]
        assert files_open(server, root) == []
        ftp.makepasv()
        assert ftp.sendcmd(command).startswith("150")
    server.next(FtpTransfer, lambda one: one.code == 426)  # the one that was aborted
    server.next(FtpTransfer, lambda one: one.code == 426)  # the one whose client went away
    assert files_open(server, root) == []


@pytest.mark.parametrize(
    "sent", [b"A" * 100_000, b"\xff\xf4\xff\xf2ABOR\r\n", b"\0\0\0\r\n",
             b"USER " + b"x" * 8_000 + b"\r\n", b"NONSENSE\r\n" * 100],
)  # fmt: skip
def test_who_means_harm_is_answered_or_parted_from(sent: bytes, server: Watched) -> None:
    with server.connect() as one:
        assert one.recv(100).startswith(b"220")
        until = time.monotonic() + PATIENCE
        with contextlib.suppress(ConnectionError):  # it is parted from in the middle of a line
            one.sendall(sent)
            one.shutdown(socket.SHUT_WR)
            while one.recv(65_536):
                assert time.monotonic() < until
    with client(server) as ftp:
        assert ftp.pwd() == "/"


def test_what_cannot_be_served(root: Path) -> None:
    for request, words in (
        (ServeFtp(parse("ftp://127.0.0.1:0"), root=root / "none"), "no such file"),
        (ServeFtp(parse("ftps://127.0.0.1:0"), root=root, starttls="offer"), "at once or on"),
        (ServeFtp(parse("ftp://127.0.0.1:0"), root=root, password="x"), "without a name"),
    ):
        assert words in failure(serve_ftp, request).line()


@pytest.mark.peer("curl")
@pytest.mark.parametrize("shell", [True, False])
def test_its_code_gives_the_folder_out(shell: bool, root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    request = ServeFtp(parse(f"ftp://127.0.0.1:{port}"), root=root)
    words = [sys.executable, "-c", request.as_python()]
    if shell:
        words = ["bash", "-c", f"exec {request.as_shell()}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            server.stdout.readline()
            url = f"ftp://u:p@127.0.0.1:{port}"
            assert run("curl", "-sS", f"{url}/sub/big%20%C3%BC.bin") == DATA
            assert b"a.txt" in run("curl", "-sS", "-l", f"{url}/")
        finally:
            server.kill()
