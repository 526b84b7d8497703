"""One request through three clients: what each sends, follows, decodes and raises."""

from __future__ import annotations

import gzip
import http.client
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, server
from tests.http.client import certificates
from tests.http.client.peers import answering, listening, read_head
from tests.http.client.test_client import server_context
from workbench.core.endpoint import parse
from workbench.core.events import Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.clients.job import (
    CLIENTS,
    HttpClients,
    HttpClientTold,
    HttpDifference,
    http_clients,
)


def told(
    url: str, method: str = "GET", **more: object
) -> tuple[dict[str, HttpClientTold], list[Event]]:
    request = HttpClients(method=method, url=parse(url), **more)  # type: ignore[arg-type]
    events = list(execute(http_clients, request, Scope(30.0)))
    return {one.client: one for one in events if isinstance(one, HttpClientTold)}, events


def compared(events: list[Event]) -> dict[str, HttpDifference]:
    return {one.what: one for one in events if isinstance(one, HttpDifference)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of files, with a folder that redirects."""
    root = tmp_path_factory.mktemp("root")
    (root / "folder").mkdir()
    (root / "folder" / "index.html").write_text("hello\n")
    with server("http", "http://127.0.0.1:0/", "--root", str(root)) as url:
        yield url


def test_redirects(place: str) -> None:
    found, events = told(f"{place}folder")
    assert [found[one].hops for one in CLIENTS] == [(301, 200), (301,), (301, 200)]
    assert found["urllib.request"].url == found["workbench"].url == f"{place}folder/"
    assert found["http.client"].url == f"{place}folder"
    differing = compared(events)
    assert differing["answers"].differs
    assert not differing["raises"].differs
    assert differing["sends Accept-Encoding"].values[0] == "identity"


def test_errors_are_raised_by_one_alone(place: str) -> None:
    found, _ = told(f"{place}none")
    assert found["urllib.request"].raised == "urllib.error.HTTPError: HTTP Error 404: Not Found"
    assert found["http.client"].raised == found["workbench"].raised == ""
    assert {one.status for one in found.values()} == {404}
    refused, _ = told("http://127.0.0.1:9/")
    assert "urllib.error.URLError" in refused["urllib.request"].raised
    assert "(ConnectionRefusedError)" in refused["urllib.request"].raised
    assert refused["http.client"].raised.startswith("ConnectionRefusedError")


def test_codings_and_a_body() -> None:
    body = gzip.compress(b"plain text" * 50)
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )
    with listening(answering(answer)) as port:
        found, events = told(f"http://127.0.0.1:{port}/", "POST", data="a=b", header=("X-One:two",))
    assert [found[one].bytes for one in CLIENTS] == [len(body), len(body), 500]
    assert [found[one].decoded for one in CLIENTS] == [False, False, True]
    differing = compared(events)
    assert differing["coding"].values == ("gzip, left", "gzip, left", "gzip, undone")
    for one in CLIENTS:
        assert b"wo\r\n" in found[one].sent[0]
        assert found[one].sent[0].endswith(b"\r\n\r\na=b")
        assert found[one].received == (answer,)
    assert differing["sends Content-Type"].values[:2] == ("application/x-www-form-urlencoded", "-")
    assert not differing["request line"].differs


def test_what_is_sent_is_what_the_libraries_send() -> None:
    """Byte for byte as without the recording."""
    seen: list[bytes] = []

    def talk(sock: object) -> None:
        seen.append(read_head(sock))  # type: ignore[arg-type]
        sock.sendall(b"HTTP/1.1 204 No\r\n\r\n")  # type: ignore[attr-defined]

    with listening(talk) as port:
        found, _ = told(f"http://127.0.0.1:{port}/a?b")
        url = f"http://127.0.0.1:{port}/a?b"
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url).close()
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/a?b")
        connection.getresponse().close()
        connection.close()
    assert [found[one].sent[0] for one in CLIENTS] == seen[:3]
    assert seen[3:] == seen[:2]


def test_with_tls(tmp_path: Path) -> None:
    made = certificates.make(tmp_path)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    with listening(answering(answer), context=server_context(made)) as port:
        url = f"https://127.0.0.1:{port}/"
        trusted, _ = told(url, ca=made.ca)
        assert [one.body for one in trusted.values()] == [b"ok"] * 3
        assert all(one.sent[0].startswith(b"GET / HTTP/1.1\r\n") for one in trusted.values())
        assert all(one.received == (answer,) for one in trusted.values())
        refused, _ = told(url)
    assert "SSLCertVerificationError" in refused["urllib.request"].raised
    assert all("CERTIFICATE_VERIFY_FAILED" in one.raised for one in refused.values())


@pytest.mark.parametrize(
    "answer",
    [b"", b"junk\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", b"\0" * 70_000],
)
def test_what_is_broken_is_told_as_raised(answer: bytes) -> None:
    with listening(answering(answer)) as port:
        found, _ = told(f"http://127.0.0.1:{port}/")
    assert set(found) == set(CLIENTS)
    assert found["http.client"].raised
    assert found["workbench"].raised


def test_a_cancel_ends_it_at_once() -> None:
    came, done = threading.Event(), threading.Event()

    def talk(sock: object) -> None:
        came.set()
        done.wait(PATIENCE)

    scope = Scope(600.0)
    with listening(talk) as port:
        request = HttpClients(method="GET", url=parse(f"http://127.0.0.1:{port}/"))
        events: list[Event] = []
        running = threading.Thread(
            target=lambda: events.extend(execute(http_clients, request, scope))
        )
        running.start()
        assert came.wait(PATIENCE)
        scope.cancel()
        running.join(PATIENCE)
        done.set()
        assert not running.is_alive()
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.cancelled


@pytest.mark.peer("curl")
def test_the_job_and_its_code(place: str) -> None:
    for path in ("folder", "none"):
        request = HttpClients(method="GET", url=parse(f"{place}{path}"))
        found, _ = told(f"{place}{path}")
        script = subprocess.run(
            [sys.executable, "-c", request.as_python()], capture_output=True, check=True
        )
        assert script.stdout.decode().splitlines() == [
            f"{one} {found[one].status} {found[one].bytes} {found[one].url}" for one in CLIENTS[:2]
        ]
        curl = subprocess.run(["sh", "-c", request.as_shell()], capture_output=True, check=True)
        ours = found["workbench"]
        assert curl.stdout.decode() == f"{ours.status} {ours.url}\n"
