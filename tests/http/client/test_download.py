"""The job `download`: whole or not there, resumed where that is proven, checked, never misled."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run, server
from tests.http.client.peers import answering, listening, read_head
from workbench.core.arguments import parse_line
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.client import download as download_module
from workbench.http.client.digests import told_digest, typed_digest
from workbench.http.client.download import Download, Downloaded, download
from workbench.http.client.message import Fields
from workbench.http.client.naming import harmless, name_for, offered_name
from workbench.http.client.partial import Info, Partial, validator_of

DATA = os.urandom(200_000)
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test downloads into a folder of its own, and waits for no pause."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download_module, "PAUSE", 0.001)


def fetched(*words: str) -> list[Event]:
    """The events of a download."""
    request = parse_line(download, [*words, "--proxy=none"])
    return list(execute(download, request, Scope(30.0)))


def result(found: list[Event]) -> Downloaded:
    """The file that came of it."""
    assert isinstance(found[-1], Done), found[-1].line()
    return next(one for one in found if isinstance(one, Downloaded))


def failure(found: list[Event]) -> str:
    """Why it failed."""
    assert isinstance(found[-1], Failed)
    return found[-1].line()


class Peer:
    """A server of one file with an ETag and ranges, which hangs up after some bytes as told."""

    def __init__(
        self, *cuts: int, tag: str = '"v1"', ranges: bool = True, more: bytes = b""
    ) -> None:
        self.cuts = list(cuts)
        self.tag = tag
        self.ranges = ranges
        self.more = more
        self.asked: list[bytes] = []

    def talk(self, sock: socket.socket) -> None:
        """One connection."""
        while True:
            head = read_head(sock)
            self.asked.append(head)
            start, status = 0, b"200 OK"
            fields = b"ETag: %b\r\n" % self.tag.encode() + self.more
            wanted = f"If-Range: {self.tag}".encode() in head
            if self.ranges and b"Range: bytes=" in head and wanted:
                start = int(head.partition(b"Range: bytes=")[2].partition(b"-")[0])
                if start >= len(DATA):
                    sock.sendall(
                        b"HTTP/1.1 416 No\r\nContent-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n"
                        % len(DATA)
                    )
                    continue
                status = b"206 Part"
                fields += b"Content-Range: bytes %d-%d/%d\r\n" % (start, len(DATA) - 1, len(DATA))
            rest = DATA[start:]
            length = b"Content-Length: %d\r\n" % len(rest)
            cut = self.cuts.pop(0) if self.cuts else len(rest)
            sock.sendall(b"HTTP/1.1 " + status + b"\r\n" + fields + length + b"\r\n" + rest[:cut])
            if cut < len(rest):
                return


def test_a_file_comes_whole_and_under_its_name() -> None:
    with listening(Peer().talk) as port:
        found = fetched(f"http://127.0.0.1:{port}/folder/file.bin")
    assert Path("file.bin").read_bytes() == DATA
    assert result(found).path == "file.bin"
    assert os.listdir() == ["file.bin"]


def test_a_transfer_that_breaks_off_is_taken_up_again() -> None:
    peer = Peer(50_000, 100, 70_000)
    with listening(peer.talk) as port:
        found = fetched(f"http://127.0.0.1:{port}/f", f"--digest=sha256:{SHA}")
    assert Path("f").read_bytes() == DATA
    assert [b"Range: bytes=50000-\r\n" in head for head in peer.asked] == [
        False,
        True,
        False,
        False,
    ]
    assert len([one for one in found if isinstance(one, Note) and "broken off" in one.text]) == 3
    assert result(found).digest == "sha256 as --digest says"


def test_the_next_run_goes_on() -> None:
    peer = Peer(50_000)
    with listening(peer.talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        assert "cut short" in failure(fetched(url, "--retries=0"))
        assert Path("f.part").stat().st_size == 50_000
        found = fetched(url, "--output=f")
    assert Path("f").read_bytes() == DATA
    assert result(found).resumed == 50_000
    assert sorted(os.listdir()) == ["f"]


def test_the_next_run_goes_on_where_only_the_server_knows_the_name() -> None:
    more = b'Content-Disposition: attachment; filename="given name"\r\n'
    peer = Peer(50_000, more=more)
    with listening(peer.talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        fetched(url, "--retries=0")
        found = fetched(url)
    assert result(found).resumed == 50_000
    assert Path("given name").read_bytes() == DATA


def test_a_file_that_has_changed_is_started_over() -> None:
    peer = Peer(50_000)
    with listening(peer.talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        fetched(url, "--retries=0", "--output=f")
        peer.tag = '"v2"'
        found = fetched(url, "--output=f")
    assert Path("f").read_bytes() == DATA
    assert result(found).resumed == 0
    assert any("another version" in one.line() for one in found)


@pytest.mark.parametrize("tag", ['W/"weak"', ""])
def test_without_a_proof_nothing_is_put_together(tag: str) -> None:
    peer = Peer(50_000, tag=tag)
    with listening(peer.talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        fetched(url, "--retries=0", "--output=f")
        found = fetched(url, "--output=f")
    assert b"Range" not in peer.asked[1]
    assert result(found).resumed == 0
    assert Path("f").read_bytes() == DATA


def test_no_resume_starts_over() -> None:
    peer = Peer(50_000)
    with listening(peer.talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        fetched(url, "--retries=0", "--output=f")
        assert result(fetched(url, "--output=f", "--no-resume")).resumed == 0
    assert b"Range" not in peer.asked[1]
    assert Path("f").read_bytes() == DATA


def prepared(port: int, content: bytes) -> str:
    """A part that is there from before; the URL that it is of."""
    url = f"http://127.0.0.1:{port}/f"
    part = Partial(Path("f"))
    part.begin(Info(url, '"v1"', None))
    part.write(content)
    part.close()
    return url


def test_what_was_whole_already_is_only_named() -> None:
    with listening(Peer().talk) as port:
        found = fetched(prepared(port, DATA), "--output=f", f"--digest={SHA}")
    assert result(found).resumed == len(DATA)
    assert Path("f").read_bytes() == DATA


def test_more_than_the_server_has_starts_over() -> None:
    with listening(Peer().talk) as port:
        found = fetched(prepared(port, DATA + b"x"), "--output=f")
    assert result(found).resumed == 0
    assert Path("f").read_bytes() == DATA


def test_a_digest_that_does_not_fit_leaves_nothing_behind() -> None:
    with listening(Peer().talk) as port:
        found = fetched(f"http://127.0.0.1:{port}/f", f"--digest=sha256:{'0' * 64}")
    assert "sha256 is " + SHA in failure(found)
    assert os.listdir() == []


@pytest.mark.parametrize("right", [True, False])
def test_a_digest_that_the_server_tells_is_checked(right: bool) -> None:
    value = hashlib.sha512(DATA if right else b"").digest()
    more = b"Repr-Digest: sha-512=:%b:\r\n" % base64.b64encode(value)
    with listening(Peer(70_000, more=more).talk) as port:
        found = fetched(f"http://127.0.0.1:{port}/f")
    if right:
        assert result(found).digest == "sha512 as Repr-Digest says"
    else:
        assert "Repr-Digest" in failure(found)
        assert os.listdir() == []


WRONG = [
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 Not Found"),
    (b"HTTP/1.1 204 None\r\n\r\n", "204"),
    (b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\n\r\nab", "206"),
    (b"HTTP/1.1 304 Same\r\n\r\n", "304"),
    (b"HTTP/1.1 302 F\r\nLocation: file:///x\r\nContent-Length: 0\r\n\r\n", "not followed"),
    (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "401"),
    (b"", "without an answer"),
]


@pytest.mark.parametrize(("answer", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_is_no_file_is_not_kept(answer: bytes, words: str) -> None:
    with listening(answering(answer)) as port:
        assert words in failure(fetched(f"http://127.0.0.1:{port}/f", "--output=f"))
    assert os.listdir() == []


RANGES = [
    (b"Content-Range: bytes 0-9/10\r\n", "another part"),
    (b"Content-Range: bytes 4-9/10\r\n", "another part"),
    (b"", "another part"),
    (b"Content-Range: lines 3-9/10\r\n", "another part"),
]


@pytest.mark.parametrize(("fields", "words"), RANGES)
def test_a_part_that_was_not_asked_for_is_refused(fields: bytes, words: str) -> None:
    answer = b"HTTP/1.1 206 P\r\n" + fields + b"Content-Length: 6\r\n\r\ndefghi"
    with listening(answering(answer)) as port:
        assert words in failure(fetched(prepared(port, b"abc"), "--output=f"))
    assert Path("f.part").read_bytes() == b"abc"
    assert not Path("f").exists()


def test_what_is_there_is_not_overwritten_unasked() -> None:
    Path("f").write_bytes(b"old")
    with listening(Peer().talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        assert "there already" in failure(fetched(url, "--output=f"))
        assert "there already" in failure(fetched(url))
        assert Path("f").read_bytes() == b"old"
        fetched(url, "--overwrite")
    assert Path("f").read_bytes() == DATA


def test_two_downloads_of_one_file_do_not_mix() -> None:
    held = Partial(Path("f"))
    with listening(Peer().talk) as port:
        assert "another download" in failure(fetched(f"http://127.0.0.1:{port}/f", "--output=f"))
    held.close()


def test_a_link_in_the_parts_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    Path("f.part").symlink_to(tmp_path / "elsewhere")
    with listening(Peer().talk) as port:
        assert isinstance(fetched(f"http://127.0.0.1:{port}/f", "--output=f")[-1], Failed)
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"


def test_a_cancel_keeps_the_part() -> None:
    began, stop = threading.Event(), threading.Event()

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b'HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: 1000\r\n\r\n' + b"x" * 500)
        began.set()
        stop.wait(30)

    scope = Scope(30.0)
    with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/f"
        request = parse_line(download, [url, "--output=f", "--proxy=none"])

        def cancel() -> None:
            began.wait(30)
            while not Path("f.part").exists() or Path("f.part").stat().st_size < 500:
                pass
            scope.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        last = list(execute(download, request, scope))[-1]
        thread.join()
        stop.set()
    assert isinstance(last, Failed)
    assert last.cancelled
    assert Path("f.part").stat().st_size == 500


# -- names and digests --------------------------------------------------------------------------

NAMES = [
    (b'attachment; filename="a b.txt"', "a b.txt"),
    (b"attachment; filename=plain", "plain"),
    (b"attachment; filename=x; filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
    (b"inline; filename*=iso-8859-1'en'%A3", "£"),
    (b'attachment; filename="../../etc/passwd"', "passwd"),
    (b'attachment; filename="C:\\\\dir\\\\evil.exe"', "evil.exe"),
    (b"attachment; filename*=UTF-8''%2Fetc%2Fcron.d%2Fx", "x"),
    (b'attachment; filename=".bashrc"', "bashrc"),
    (b'attachment; filename=".."', "file.bin"),
    (b'attachment; filename="a\x1b[31mb"', "a_[31mb"),
    (b"attachment", "file.bin"),
    (b'attachment; filename=""', "file.bin"),
    (b'attachment; filename="' + b"x" * 5000 + b'"', "x" * 200),
]


@pytest.mark.parametrize(("disposition", "name"), NAMES)
def test_the_name_that_a_server_gives_is_only_a_name(disposition: bytes, name: str) -> None:
    assert name_for(parse("http://a/x/file.bin?y"), disposition) == name


def test_the_name_of_a_url() -> None:
    assert name_for(parse("http://a/"), None) == "download"
    assert name_for(parse("http://a/x/"), None) == "x"
    assert name_for(parse("http://a/x%2F..%2Fy%20z"), None) == "y z"


@given(st.binary(max_size=200))
def test_any_disposition_gives_a_name_of_this_folder(value: bytes) -> None:
    name = harmless(offered_name(value))
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name.encode()) <= 200


def test_digests_are_read() -> None:
    assert typed_digest(SHA).algorithm == "sha256"
    assert typed_digest(f"SHA-256={SHA.upper()}") == typed_digest(f"sha256:{SHA}")
    for text in ("", "abc", f"md5:{SHA}", f"sha256:{SHA[:-1]}", f"rot13:{SHA}"):
        with pytest.raises(JobError, match="is no digest"):
            typed_digest(text)
    value = base64.b64encode(hashlib.sha256(DATA).digest())
    for name, whole, wanted in (
        (b"Repr-Digest", False, True), (b"Content-Digest", True, True),
        (b"Content-Digest", False, False),
    ):  # fmt: skip
        fields = Fields([(name, b"md5=:AAAA:, sha-256=:%b:" % value)])
        assert (told_digest(fields, whole=whole) is not None) == wanted
    assert told_digest(Fields([(b"Digest", b"SHA-256=" + value)]), whole=True) is not None


@given(st.binary(max_size=100))
def test_any_digest_field_is_read_or_not(value: bytes) -> None:
    told_digest(Fields([(b"Repr-Digest", value), (b"Digest", value)]), whole=True)


def test_what_proves_that_a_file_is_the_same() -> None:
    date = (b"Date", b"Sun, 06 Nov 1994 08:49:38 GMT")
    modified = (b"Last-Modified", b"Sun, 06 Nov 1994 08:49:37 GMT")
    assert validator_of(Fields([(b"ETag", b'"a"'), modified, date])) == '"a"'
    assert validator_of(Fields([(b"ETag", b'W/"a"'), modified, date])) == modified[1].decode()
    assert validator_of(Fields([modified, (date[0], modified[1])])) == ""
    assert validator_of(Fields([modified])) == ""


# -- with real peers, and as code ---------------------------------------------------------------


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bytes]]:
    """Our own server of files, and what one of them holds."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "it's (1).bin").write_bytes(DATA)
    with server("http", "http://127.0.0.1:0", f"--root={folder}") as url:
        yield f"{url.rstrip('/')}/it's%20(1).bin", DATA


def test_from_our_own_server_on_the_command_line(served: tuple[str, bytes], tmp_path: Path) -> None:
    ran = run("download", served[0], f"--output={tmp_path}/out", "--proxy=none", "--json")
    assert ran.returncode == 0, ran.stderr
    kinds = [json.loads(line)["type"] for line in ran.stdout.splitlines()]
    assert kinds[-2:] == ["downloaded", "done"]
    assert Path("out").read_bytes() == served[1]


def test_our_own_server_resumes(served: tuple[str, bytes]) -> None:
    url = served[0]
    first = fetched(url, "--output=a")
    assert result(first).resumed == 0
    # The tail is cut off by hand, and what proves the file is asked of the server itself.
    ran = run("http", "HEAD", url, "--json", "--proxy=none")
    head = next(
        one for one in map(json.loads, ran.stdout.splitlines()) if one["type"] == "http-head"
    )
    fields = Fields((name.encode(), value.encode()) for name, value in head["fields"])
    part = Partial(Path("b"))
    part.begin(Info(str(parse(url)), validator_of(fields), len(DATA)))
    part.write(DATA[:1234])
    part.close()
    if validator_of(fields):
        assert result(fetched(url, "--output=b")).resumed == 1234
    assert Path("b").read_bytes() == DATA


@pytest.mark.peer("curl")
@pytest.mark.parametrize("how", ["python", "shell"])
@pytest.mark.parametrize("options", [[], ["--output=it's here"], [f"--digest={SHA}"]])
def test_the_code_downloads_the_same(
    how: str, options: list[str], served: tuple[str, bytes]
) -> None:
    request = parse_line(download, [served[0], "--proxy=none", *options])
    assert isinstance(request, Download)
    words = {
        "python": [sys.executable, "-c", request.as_python()],
        "shell": ["sh", "-c", request.as_shell()],
    }[how]
    subprocess.run(words, check=True, timeout=PATIENCE)
    ours = Path(result(fetched(served[0], *options, "--overwrite")).path)
    assert os.listdir() == [ours.name]
    assert ours.read_bytes() == served[1]


@pytest.mark.parametrize("how", ["python", "shell"])
def test_the_code_refuses_another_digest(how: str, served: tuple[str, bytes]) -> None:
    request = parse_line(download, [served[0], "--proxy=none", f"--digest=sha256:{'0' * 64}"])
    words = {
        "python": [sys.executable, "-c", request.as_python()],
        "shell": ["sh", "-c", request.as_shell()],
    }[how]
    ran = subprocess.run(words, check=False, timeout=PATIENCE, capture_output=True)
    assert ran.returncode != 0
    assert not Path("it's (1).bin").exists()
