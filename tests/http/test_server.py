"""The server of files over real sockets: curl, http.client, and bytes written by hand."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http.serving import WAIT, Served, read_to_end, read_until, served_by, statuses
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.http.application import BODY_LIMIT, Answering
from workbench.http.events import RequestServed
from workbench.http.files import Root
from workbench.http.request_head import RequestHead
from workbench.http.response import Response
from workbench.http.serve import ServeHttp, serve_http
from workbench.http.server import Patience
from workbench.http.static import StaticFiles
from workbench.servers.events import Closed, Opened

SECRET = b"the secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"0123456789")
    (root / "large").write_bytes(os.urandom(300_000))
    (root / "sub" / "index.html").write_bytes(b"<p>index")
    (tmp_path / "secret").write_bytes(SECRET)
    (root / "out").symlink_to("../secret")
    for name in ("a.txt", "large"):
        os.utime(root / name, (1_700_000_000, 1_700_000_000))
    return root


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    scope = Scope()
    request = ServeHttp(endpoint=parse("http://127.0.0.1:0/"), root=folder)
    served = Served(execute(serve_http, request, scope), scope)
    yield served
    served.stop()


@contextmanager
def running(
    folder: Path,
    patience: Patience | None = None,
    respond: Callable[[RequestHead], Response] | None = None,
) -> Iterator[Served]:
    """A server of other patience, or that answers otherwise."""
    root = Root(folder)
    try:
        with served_by(Answering(respond or StaticFiles(root).respond), patience) as served:
            yield served
    finally:
        root.close()


# -- ordinary clients ---------------------------------------------------------------------------


def curl(*words: str) -> bytes:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "60", *words],
        capture_output=True,
        timeout=90,
        check=True,
    )
    return done.stdout


@pytest.mark.peer("curl")
def test_curl_gets_files_ranges_and_heads(served: Served, folder: Path) -> None:
    url = f"{served.url}/a.txt"
    assert curl(url) == b"0123456789"
    assert curl("--range", "2-4", url) == b"234"
    assert b"345" in curl("--range", "0-1,3-5", url)
    assert curl("--http1.0", url) == b"0123456789"
    head = curl("--head", url)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 10\r\n" in head
    assert curl(f"{served.url}/large") == (folder / "large").read_bytes()
    assert curl("--location", f"{served.url}/sub") == b"<p>index"


@pytest.mark.peer("curl")
def test_curl_asks_only_for_what_changed(served: Served, tmp_path: Path) -> None:
    url, tag = f"{served.url}/a.txt", str(tmp_path / "tag")
    status = ("--write-out", "%{http_code}", "--output", str(tmp_path / "got"))
    assert curl(*status, "--etag-save", tag, url) == b"200"
    assert curl(*status, "--etag-compare", tag, url) == b"304"
    assert curl(*status, "--time-cond", "Mon, 01 Jan 2024 00:00:00 GMT", url) == b"304"
    assert curl(*status, "--time-cond", "Wed, 01 Jan 2020 00:00:00 GMT", url) == b"200"


@pytest.mark.peer("curl")
@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/sub/../../secret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/..%2fsecret",
        "/..%5csecret",
        "/%c0%ae%c0%ae/secret",
        "/out",
        "//../secret",
        "/a.txt%00/../../secret",
    ],
)
def test_curl_finds_no_way_out(served: Served, path: str) -> None:
    got = curl("--path-as-is", "--write-out", "\n%{http_code}", served.url + path)
    assert SECRET not in got
    assert int(got.rsplit(b"\n", 1)[1]) in (400, 403, 404)


@pytest.mark.peer("curl")
def test_curl_gets_a_large_sparse_file_whole(served: Served, folder: Path, tmp_path: Path) -> None:
    size = 200_000_000
    with open(folder / "sparse", "wb") as file:
        file.truncate(size)
        for at in (0, size // 2, size - 5):
            file.seek(at)
            file.write(b"mark!")
    got = tmp_path / "got"
    curl("--output", str(got), f"{served.url}/sparse")
    with open(folder / "sparse", "rb") as wanted, open(got, "rb") as came:
        assert (
            hashlib.file_digest(came, "sha256").digest()
            == hashlib.file_digest(wanted, "sha256").digest()
        )
    got.unlink()


@pytest.mark.peer("curl")
def test_curl_uploads_in_vain_and_is_told_why(served: Served, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3_000_000))
    for how in (("--header", "Expect: 100-continue"), ("--header", "Expect:")):
        status = curl(
            "--upload-file", str(upload), *how, "--output", os.devnull,
            "--write-out", "%{http_code}", f"{served.url}/new",
        )  # fmt: skip
        assert status == b"405"


def test_http_client_keeps_its_connection(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=WAIT)
    for _ in range(3):
        connection.request("GET", "/a.txt")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"0123456789")
    connection.request("HEAD", "/large")
    response = connection.getresponse()
    assert (response.getheader("Content-Length"), response.read()) == ("300000", b"")
    connection.request("POST", "/a.txt", body=b"x" * 1000)
    response = connection.getresponse()
    assert (response.status, response.getheader("Allow")) == (405, "GET, HEAD, OPTIONS")
    response.read()
    connection.request("POST", "/a.txt", body=iter([b"x" * 100] * 10), encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 405
    response.read()
    connection.request("GET", "/a.txt")
    assert connection.getresponse().read() == b"0123456789"
    connection.close()
    assert served.wait(Opened).id == 1
    assert served.wait(Closed).id == 1


def test_over_a_unix_socket(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "s"
    scope = Scope()
    request = ServeHttp(endpoint=parse(f"unix:{path}"), root=folder)
    served = Served(execute(serve_http, request, scope), scope)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(str(path))
        sock.sendall(b"GET /a.txt HTTP/1.0\r\n\r\n")
        assert read_to_end(sock).endswith(b"\r\n\r\n0123456789")
    served.stop()
    assert not path.exists()


def test_it_tells_of_each_request(served: Served) -> None:
    served.talk(b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nHEAD /\xc2\x9b HTTP/1.1\r\nHost: h\r\n\r\n")
    first, second = served.wait(RequestServed), served.wait(RequestServed)
    assert (first.method, first.target, first.status, first.bytes) == ("GET", "/a.txt", 200, 10)
    assert (second.method, second.target, second.status, second.bytes) == (
        "HEAD",
        "/\\xc2\\x9b",
        404,
        0,
    )
    assert first.line().startswith("#1 127.0.0.1:")
    assert served.wait(Closed).reason == "closed by the peer"


def test_a_root_that_is_not_there_fails() -> None:
    request = ServeHttp(endpoint=parse("http://127.0.0.1:0/"), root=Path("/nothing/here"))
    (failed,) = execute(serve_http, request, Scope())
    assert isinstance(failed, Failed)
    assert failed.code == "ENOENT"


def test_a_scheme_that_it_does_not_speak_fails(folder: Path) -> None:
    (failed,) = execute(
        serve_http, ServeHttp(endpoint=parse("udp://127.0.0.1:0"), root=folder), Scope()
    )
    assert isinstance(failed, Failed)
    assert "http://HOST:PORT/" in failed.advice
    assert not isinstance(failed, Done)


# -- bytes by hand ------------------------------------------------------------------------------

GET = b"GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\n"


def test_pipelined_requests_are_answered_in_order(served: Served, folder: Path) -> None:
    large = (folder / "large").read_bytes()
    asked = b"".join(
        b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % name for name in [b"a.txt", b"large", b"no"] * 40
    )
    got = served.talk(asked)
    assert got.count(b"\r\n\r\n0123456789HTTP/1.1 200 OK") == 40
    assert got.count(large + b"HTTP/1.1 404 Not Found") == 40
    assert got.endswith(b"404 Not Found: there is no such file\n")


def test_what_is_pipelined_to_a_peer_that_does_not_read_waits(served: Served, folder: Path) -> None:
    """Far more is asked for than any buffer holds; nothing is lost, and all comes once it reads."""
    count = 400
    size = (folder / "large").stat().st_size
    with served.connect() as sock:
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n" * count)
        sock.sendall(b"GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        received = 0
        last = b""
        while piece := sock.recv(1 << 20):
            received += len(piece)
            last = (last + piece)[-100:]
    assert received > count * size
    assert last.endswith(b"0123456789")
    done = served.wait(Closed)
    assert done.bytes_out == received


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        (b"GET /a.txt HTTP/1.0\r\n\r\n" + GET, [200]),
        (b"GET /a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + GET, [200, 200]),
        (b"GET /a.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" + GET, [200]),
        (b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" + GET, [204, 200]),
        (b"GET http://h/a.txt HTTP/1.1\r\nHost: h\r\n\r\n", [200]),
        (b"BREW / HTTP/1.1\r\nHost: h\r\n\r\n" + GET, [501, 200]),
        (b"GET /a.txt HTTP/1.1\r\n\r\n" + GET, [400]),
        (b"GET /a.txt HTTP/3.0\r\n\r\n" + GET, [505]),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", [414]),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", [431]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]),
        (b"GET /a.txt HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + GET, [200, 200]),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5;x\r\nhello\r\n0\r\nT: x\r\n\r\n" + GET,
            [405, 200],
        ),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n" + GET,
            [400],
        ),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"
            % (BODY_LIMIT + 1),
            [413],
        ),
        (b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), [413]),
        (b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT + 1), [405]),
        (
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET,
            [400],
        ),
        (
            b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            [405],
        ),
        (
            b"GET /a.txt HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            [200],
        ),
        (b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: cake\r\nContent-Length: 5\r\n\r\n", [417]),
        (GET[:-2], [400]),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel", [400]),
        (b"", []),
        (b"\r\n" + GET, [200]),
    ],
)
def test_answers_by_status(served: Served, asked: bytes, wanted: list[int]) -> None:
    assert statuses(served.talk(asked)) == wanted


def test_bytes_one_by_one_make_the_same_request(served: Served) -> None:
    with served.connect() as sock:
        for at in range(len(GET)):
            sock.sendall(GET[at : at + 1])
        assert read_until(sock, b"0123456789").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_refused_peer_that_goes_on_sending_still_reads_why(served: Served) -> None:
    with served.connect() as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n")
        for _ in range(50):
            sock.sendall(bytes(100_000))
        assert b"405 Method Not Allowed" in read_until(sock, b"\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        read_to_end(sock)
    assert served.wait(Closed).reason == "refused"


def test_a_peer_that_waits_after_a_refusal_is_closed(folder: Path) -> None:
    with running(folder, Patience(refused=0.0)) as served, served.connect() as sock:
        sock.sendall(b"nonsense\r\n\r\n")
        assert statuses(read_to_end(sock)) == [400]


# -- patience -----------------------------------------------------------------------------------


def test_a_head_that_does_not_come_is_answered_with_408(folder: Path) -> None:
    with running(folder, Patience(head=0.0)) as served, served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        assert statuses(read_to_end(sock)) == [408]
        assert served.wait(Closed).reason == "the request took too long to come"


def test_a_head_that_comes_drop_by_drop_is_given_up(folder: Path) -> None:
    """Each byte in time does not help: the time runs from the head's start."""
    with running(folder, Patience(head=2.0)) as served, served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        sock.settimeout(0.05)
        got = b""
        for _ in range(1000):
            try:
                sock.sendall(b"y")
                got = sock.recv(1000)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        assert served.wait(Closed).reason == "the request took too long to come"
        assert got == b"" or statuses(got) == [408]


def test_a_body_that_does_not_come_is_answered_with_408(folder: Path) -> None:
    with running(folder, Patience(body=0.0)) as served, served.connect() as sock:
        sock.sendall(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
        assert statuses(read_to_end(sock)) == [408]


def test_idle_connections_are_closed_in_silence(folder: Path) -> None:
    with running(folder, Patience(idle=0.0)) as served:
        with served.connect() as sock:
            assert read_to_end(sock) == b""
        assert served.wait(Closed).reason == "nothing was asked for"
        with served.connect() as sock:
            sock.sendall(GET)
            assert statuses(read_to_end(sock)) == [200]
        assert served.wait(Closed).reason == "nothing more was asked for"


def test_a_peer_that_does_not_read_is_given_up(folder: Path) -> None:
    with open(folder / "huge", "wb") as file:
        file.truncate(1 << 30)
    with running(folder, Patience(stalled=1.0)) as served, served.connect() as sock:
        sock.sendall(b"GET /huge HTTP/1.1\r\nHost: h\r\n\r\n")
        assert served.wait(Closed).reason == "the peer does not read"


def test_a_peer_that_reads_slowly_gets_all_of_it(folder: Path) -> None:
    """The whole takes far longer than a peer may stall; reading a little keeps it going."""
    size = 40_000_000
    with open(folder / "long", "wb") as file:
        file.truncate(size)
    with running(folder, Patience(stalled=3.0)) as served, served.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        sock.sendall(b"GET /long HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        pause = threading.Event()
        received, seen = 0, time.monotonic()
        while piece := sock.recv(1 << 20):
            received += len(piece)
            if time.monotonic() - seen < 6:
                pause.wait(0.05)
    assert received > size


def test_a_file_cut_short_while_it_is_sent_ends_the_connection(folder: Path) -> None:
    with open(folder / "huge", "wb") as file:
        file.truncate(1 << 30)
    with running(folder) as served, served.connect() as sock:
        sock.sendall(b"GET /huge HTTP/1.1\r\nHost: h\r\n\r\n")
        assert sock.recv(100)
        os.truncate(folder / "huge", 10)
        received = 0
        while piece := sock.recv(1 << 20):
            received += len(piece)
        assert received < 1 << 30
        assert "shorter" in served.wait(Closed).reason


def test_a_fault_in_an_answer_ends_no_server(folder: Path) -> None:
    def respond(head: RequestHead) -> Response:
        raise RuntimeError("a fault")

    with running(folder, respond=respond) as served:
        assert statuses(served.talk(GET + GET)) == [500, 500]


def test_no_descriptor_stays_open(served: Served, folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with served.connect() as sock:
            sock.sendall(
                b"GET /large HTTP/1.1\r\nHost: h\r\nRange: bytes=0-99999,100001-\r\n\r\n" * 5
            )
            sock.recv(10)
        served.wait(Closed)
    assert len(os.listdir("/proc/self/fd")) == before
