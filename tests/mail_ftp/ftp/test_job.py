"""The job `ftp`: against vsftpd and our server, against servers that lie; its code beside it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.http.client.certificates import Certificates, make
from tests.mail_ftp.ftp.peers import PATIENCE, ours, vsftpd
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note, Progress
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import MASK, Secured, Spoken
from workbench.mail_ftp.ftp.job import Ftp, FtpEntry, ftp
from workbench.mail_ftp.ftp.moving import LeftOut, Moved

DATA = os.urandom(900_000)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an own authority."""
    return make(tmp_path_factory.mktemp("certificates"))


def run(request: Ftp) -> list[Any]:
    """All that a run told."""
    return list(execute(ftp, request, Scope(10)))


def at(end: Endpoint, path: str) -> Endpoint:
    """The same server, and a path."""
    return end.replace(path=path)


def names(events: list[Any]) -> list[str]:
    """What was listed."""
    return [one.name for one in events if isinstance(one, FtpEntry)]


# -- vsftpd --------------------------------------------------------------------------------------


@pytest.mark.peer("vsftpd")
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("active", [False, True])
def test_vsftpd_down_and_up(secure: bool, active: bool, made: Certificates, tmp_path: Path) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    (root / "pub").mkdir(parents=True)
    work.mkdir()
    (root / "pub" / "big.bin").write_bytes(DATA)
    (root / "pub" / "old name").write_bytes(b"old")
    (tmp_path / "up.txt").write_bytes(b"brought\n")
    with vsftpd(root, work, made if secure else None) as end:
        more: dict[str, Any] = {"active": active, "ca": made.ca}
        listed = run(Ftp(at(end, "/pub/"), **more))
        assert isinstance(listed[-1], Done), listed[-1]
        assert names(listed) == ["big.bin", "old name"]
        assert len([one for one in listed if isinstance(one, Secured)]) == secure
        out = tmp_path / "out.bin"
        events = run(Ftp(at(end, "/pub/big.bin"), output=out, **more))
        assert isinstance(events[-1], Done), events[-1]
        assert out.read_bytes() == DATA
        events = run(Ftp(at(end, "/pub/"), put=(tmp_path / "up.txt",), **more))
        assert isinstance(events[-1], Done), events[-1]
        assert (root / "pub" / "up.txt").read_bytes() == b"brought\n"
        assert isinstance(run(Ftp(at(end, "/pub/old%20name"), rename="/pub/new", **more))[-1], Done)
        assert isinstance(run(Ftp(at(end, "/pub/new"), delete=True, **more))[-1], Done)
        assert not (root / "pub" / "new").exists()
        talk = "\n".join(one.line() for one in events if isinstance(one, Spoken))
        assert f"PASS {MASK}" in talk
        assert "anonymous@" not in talk


# -- our server ----------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to serve."""
    root = tmp_path / "root"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "deep" / "a").write_bytes(b"a")
    (root / "deep" / "er" / "b ü").write_bytes(b"b")
    (root / "big").write_bytes(DATA)
    return root


@pytest.fixture
def end(root: Path) -> Iterator[Endpoint]:
    """Our server over it."""
    with ours(root, write=True) as server:
        yield server.endpoint


def test_folders_go_both_ways(end: Endpoint, root: Path, tmp_path: Path) -> None:
    down = tmp_path / "down"
    events = run(Ftp(at(end, "/deep/"), output=down))
    assert isinstance(events[-1], Done)
    assert events[-1].summary == "2 files"
    assert (down / "er" / "b ü").read_bytes() == b"b"
    (down / "link").symlink_to("/etc/passwd")
    events = run(Ftp(at(end, "/copies/"), put=(down,)))
    assert isinstance(events[-1], Failed)  # there is no such folder yet
    assert isinstance(run(Ftp(at(end, "/copies/"), mkdir=True))[-1], Done)
    events = run(Ftp(at(end, "/copies/"), put=(down,)))
    assert isinstance(events[-1], Done), events[-1]
    assert (root / "copies" / "down" / "er" / "b ü").read_bytes() == b"b"
    assert [Path(one.name).name for one in events if isinstance(one, LeftOut)] == ["link"]
    assert not list(root.rglob("*.part"))


def test_a_part_is_gone_on_with_and_nothing_is_replaced_unasked(
    end: Endpoint, root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "big"
    (tmp_path / "big.part").write_bytes(DATA[:400_000])
    events = run(Ftp(at(end, "/big"), output=out))
    assert out.read_bytes() == DATA
    moved = next(one for one in events if isinstance(one, Moved))
    assert (moved.octets, moved.length) == (500_000, 900_000)
    assert not (tmp_path / "big.part").exists()
    again = run(Ftp(at(end, "/big"), output=out))[-1]
    assert isinstance(again, Failed)
    assert again.code == "EEXIST"
    out.write_bytes(b"mine")
    assert isinstance(run(Ftp(at(end, "/big"), output=out, overwrite=True))[-1], Done)
    assert out.read_bytes() == DATA
    (root / "up.part").write_bytes(DATA[:300_000])
    events = run(Ftp(at(end, "/up"), put=(out,)))
    assert isinstance(events[-1], Done), events[-1]
    assert (root / "up").read_bytes() == DATA
    assert next(one for one in events if isinstance(one, Moved)).octets == 600_000
    refused = run(Ftp(at(end, "/up"), put=(out,)))[-1]
    assert isinstance(refused, Failed)
    assert refused.code == "EEXIST"
    assert isinstance(run(Ftp(at(end, "/up"), put=(out,), overwrite=True))[-1], Done)


def test_changes(end: Endpoint, root: Path) -> None:
    assert isinstance(run(Ftp(at(end, "/big"), chmod="600"))[-1], Done)
    assert (root / "big").stat().st_mode & 0o777 == 0o600
    assert "no permission bits" in run(Ftp(at(end, "/big"), chmod="u+x"))[-1].line()
    assert isinstance(run(Ftp(at(end, "/deep/"), delete=True))[-1], Failed)  # it is not empty
    shown = run(Ftp(at(end, "/big")))
    assert [(one.name, one.length) for one in shown if isinstance(one, FtpEntry)] == [
        ("big", len(DATA))
    ]


@pytest.mark.peer("curl", "lftp")
@pytest.mark.parametrize("shell", [False, True])
def test_its_code_does_the_same(shell: bool, end: Endpoint, root: Path, tmp_path: Path) -> None:
    def done(request: Ftp) -> bytes:
        words = [sys.executable, "-c", request.as_python()]
        if shell:
            words = ["bash", "-c", request.as_shell()]
        env = {**os.environ, "PASSWORD": "secret"}
        return subprocess.run(
            words, capture_output=True, timeout=PATIENCE, check=True, env=env
        ).stdout

    who = end.replace(user="u", password="secret")
    more: dict[str, Any] = {"starttls": "never"}
    assert b"big" in done(Ftp(at(who, "/"), **more))
    assert str(len(DATA)).encode() in done(Ftp(at(who, "/big"), **more))
    done(Ftp(at(who, "/big"), output=tmp_path / "got", **more))
    assert (tmp_path / "got").read_bytes() == DATA
    done(Ftp(at(who, "/deep/"), output=tmp_path / "tree", **more))
    assert (tmp_path / "tree" / "er" / "b ü").read_bytes() == b"b"
    (tmp_path / "up").write_bytes(b"up")
    done(Ftp(at(who, "/"), put=(tmp_path / "up",), **more))
    assert (root / "up").read_bytes() == b"up"
    done(Ftp(at(who, "/up"), rename="upper", **more))
    done(Ftp(at(who, "/upper"), chmod="640", **more))
    assert (root / "upper").stat().st_mode & 0o777 == 0o640
    done(Ftp(at(who, "/upper"), delete=True, **more))
    done(Ftp(at(who, "/made/"), mkdir=True, **more))
    assert (root / "made").is_dir()
    assert not (root / "upper").exists()
    assert "secret" not in Ftp(at(who, "/"), **more).as_shell()
    assert "secret" not in Ftp(at(who, "/"), **more).as_python()


# -- servers that lie ----------------------------------------------------------------------------


@contextmanager
def liar(
    listing: bytes = b"", size: int = 5, content: bytes = b"12345", pasv: str = "", end: str = "226"
) -> Iterator[Endpoint]:
    """A server that says what it is told to; without MLSD, EPSV only where PASV is not given."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            data: socket.socket | None = None
            with sock, sock.makefile("rwb") as lines:

                def say(text: str) -> None:
                    lines.write(text.encode() + b"\r\n")
                    lines.flush()

                say("220 hello")
                for line in lines:
                    word = line.decode("latin-1").split(" ")[0].strip().upper()
                    if word == "PASV":
                        data = socket.create_server(("127.0.0.1", 0))
                        port = data.getsockname()[1]
                        say(f"227 ({pasv or '127,0,0,1'},{port >> 8},{port & 255})")
                    elif word == "SIZE":
                        say(f"213 {size}")
                    elif word in ("LIST", "RETR", "STOR") and data is not None:
                        say("150 begins")
                        with data.accept()[0] as peer:
                            if word == "STOR":
                                while peer.recv(65_536):
                                    pass
                            else:
                                peer.sendall(listing if word == "LIST" else content)
                        say(f"{end} so it ended")
                    elif word in ("USER", "PASS", "TYPE", "CWD", "REST"):
                        say(
                            "331 go on"
                            if word == "USER"
                            else "350 yes"
                            if word == "REST"
                            else "230 yes"
                        )
                    elif word == "QUIT":
                        say("221 bye")
                        return
                    else:
                        say("500 no")

        thread = threading.Thread(target=_quietly(serve), daemon=True)
        thread.start()
        yield parse(f"ftp://127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE)


def _quietly(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except OSError:
            pass  # the client has seen enough

    return run


def test_names_never_leave_the_folder_and_are_said(tmp_path: Path) -> None:
    rows = [
        f"-rw-r--r-- 1 0 0 5 Jan  1  2026 {name}"
        for name in ("../evil", "good", "..", "a\x1b[2Jb", "sub/evil", "x" * 300)
    ]
    listing = "\r\n".join(rows).encode() + b"\r\n"
    with liar(listing) as end:
        events = run(Ftp(at(end, "/x/"), output=tmp_path / "in"))
    assert sorted(one.name for one in (tmp_path / "in").iterdir()) == ["good"]
    assert not (tmp_path / "evil").exists()
    said = [one.line() for one in events if isinstance(one, LeftOut)]
    assert len(said) >= 4
    assert all("\x1b" not in one for one in said)


@pytest.mark.parametrize(("size", "content"), [(9, b"12345"), (3, b"12345")])
def test_what_is_cut_or_too_much_is_never_left_as_if_whole(
    size: int, content: bytes, tmp_path: Path
) -> None:
    with liar(size=size, content=content) as end:
        failed = run(Ftp(at(end, "/f"), output=tmp_path / "f"))[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "incomplete"
    assert not (tmp_path / "f").exists()
    assert (tmp_path / "f.part").read_bytes() == content


def test_a_transfer_that_the_server_gives_up(tmp_path: Path) -> None:
    with liar(end="426") as end:
        failed = run(Ftp(at(end, "/f"), output=tmp_path / "f"))[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "426"
    assert not (tmp_path / "f").exists()


def test_a_pasv_address_that_points_elsewhere_is_ignored_and_said(tmp_path: Path) -> None:
    with liar(pasv="192,0,2,1") as end:
        events = run(Ftp(at(end, "/f"), output=tmp_path / "f"))
    assert isinstance(events[-1], Done), events[-1]
    assert (tmp_path / "f").read_bytes() == b"12345"
    assert any("192.0.2.1" in one.text for one in events if isinstance(one, Note))


@pytest.mark.parametrize("path", ["/a%0d%0aDELE%20b", "/a%0ab", "/a%00b"])
def test_no_second_command_in_a_name(path: str) -> None:
    with liar() as end:
        failed = run(Ftp(at(end, path), delete=True))[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "CRLF injection"


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"SSH-2.0-x\r\n", "no reply of FTP"),
        (b"220-" + b"x" * 100_000, "more than"),
        (b"421 too many\r\n", "421"),
        (b"", "hung up"),
        (b"220-a\r\n" * 3_000, "more than 2,000 lines"),
    ],
)
def test_what_is_no_ftp_server(greeting: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(greeting)

        thread = threading.Thread(target=_quietly(serve), daemon=True)
        thread.start()
        failed = run(Ftp(parse(f"ftp://127.0.0.1:{listener.getsockname()[1]}/")))[-1]
        thread.join(PATIENCE)
    assert isinstance(failed, Failed)
    assert words in failed.line()


def test_progress_is_told(end: Endpoint, root: Path, tmp_path: Path) -> None:
    (root / "huge").write_bytes(bytes(400_000_000))
    events = run(Ftp(at(end, "/huge"), output=tmp_path / "huge"))
    assert isinstance(events[-1], Done)
    told = [one for one in events if isinstance(one, Progress)]
    assert told
    assert all(one.total == 400_000_000 for one in told)
