"""A request's code where there is more to it: TLS, proxies, log-ins, cookies, redirects."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE
from tests.http.client import certificates
from tests.http.client.certificates import PASSWORD, Certificates
from tests.http.client.peers import Talk, answering, listening, read_head
from tests.http.client.test_client import server_context
from workbench.core.arguments import parse_line
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.http.client.events import HttpBody
from workbench.http.client.job import http

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSED = OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
HOP = b"HTTP/1.1 307 F\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n"
ASKS = b"HTTP/1.1 401 No\r\nWWW-Authenticate: %b\r\nContent-Length: 0\r\n\r\n"

ways = pytest.mark.parametrize("how", ["ours", "python", "shell"])
pytestmark = pytest.mark.peer("curl")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it signed."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


def done(how: str, *words: str, **secrets: str) -> bytes:
    """What the job writes, or its code, whose secrets are in the environment."""
    request = parse_line(http, list(words), secrets)
    if how == "ours":
        found = list(execute(http, request, Scope(30.0)))
        return b"".join(one.data for one in found if isinstance(one, HttpBody))
    python = [sys.executable, "-c", request.as_python()]
    command = python if how == "python" else ["sh", "-c", request.as_shell()]
    env = {name.upper(): value for name, value in secrets.items()}
    ran = subprocess.run(
        command, capture_output=True, timeout=PATIENCE, check=False, env={**os.environ, **env}
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def asking(challenge: bytes, seen: list[bytes]) -> Talk:
    """Asks once on each connection for a log-in, and then takes what comes."""

    def talk(sock: socket.socket) -> None:
        while True:
            head = read_head(sock)
            if b"Authorization: " in head:
                seen.append(head)
                sock.sendall(CLOSED)
                return
            sock.sendall(ASKS % challenge)

    return talk


@ways
def test_tls_with_a_client_certificate(how: str, made: Certificates) -> None:
    with listening(answering(CLOSED), context=server_context(made, wants_client=True)) as port:
        words = ["GET", f"https://localhost:{port}/", "--proxy=none", "--http=1.1"]
        words += [f"--ca={made.ca}", f"--cert={made.client}", f"--key={made.client_key}"]
        assert done(how, *words, key_password=PASSWORD) == b"ok"


@ways
def test_tls_that_is_not_verified(how: str, made: Certificates) -> None:
    with listening(answering(CLOSED), context=server_context(made)) as port:
        url = f"https://localhost:{port}/"
        assert done(how, "GET", url, "--proxy=none", "--insecure", "--http=1.1") == b"ok"


@ways
def test_a_proxy_with_a_log_in(how: str) -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(CLOSED)

    with listening(talk) as port:
        words = ["GET", "http://far.invalid/x", f"--proxy=http://127.0.0.1:{port}"]
        assert done(how, *words, "--proxy-user=alice", proxy_password="p:w @") == b"ok"
    assert got[0].startswith(b"GET http://far.invalid/x HTTP/1.")
    assert b"Proxy-Authorization: Basic YWxpY2U6cDp3IEA=\r\n" in title(got[0])


def title(head: bytes) -> bytes:
    """The head with names as our client writes them; urllib.request writes them otherwise."""
    lines = head.split(b"\r\n")
    return b"\r\n".join(
        name.title() + colon + value
        for name, colon, value in (one.partition(b":") for one in lines)
    )


@ways
@pytest.mark.parametrize(
    ("auth", "challenge", "scheme"),
    [
        ("digest", b'Digest realm="r", nonce="n", qop="auth"', b"Digest "),
        ("any", b'Digest realm="r", nonce="n", qop="auth", algorithm=MD5', b"Digest "),
        ("any", b'Basic realm="r"', b"Basic YWxpY2U6cHc="),
        ("basic", b'Basic realm="r"', b"Basic YWxpY2U6cHc="),
    ],
)
def test_log_ins(how: str, auth: str, challenge: bytes, scheme: bytes) -> None:
    seen: list[bytes] = []
    with listening(asking(challenge, seen)) as port:
        words = ["GET", f"http://127.0.0.1:{port}/x", "--proxy=none", "--user=alice"]
        assert done(how, *words, f"--auth={auth}", password="pw") == b"ok"
    assert b"Authorization: " + scheme in seen[0]


@ways
def test_a_bearer(how: str) -> None:
    seen: list[bytes] = []
    with listening(asking(b"Bearer", seen)) as port:
        url = f"http://127.0.0.1:{port}/x"
        assert done(how, "GET", url, "--proxy=none", bearer="t.0-k") == b"ok"
    assert b"Authorization: Bearer t.0-k\r\n" in seen[0]


def hopping(sock: socket.socket) -> None:
    """Sends on from /start to /end."""
    while True:
        head = read_head(sock)
        sock.sendall(HOP if b" /start " in head else OK)


@ways
def test_redirects(how: str) -> None:
    with listening(hopping) as port:
        url = f"http://127.0.0.1:{port}/start"
        assert done(how, "GET", url, "--proxy=none", "--follow") == b"ok"
        assert done(how, "GET", url, "--proxy=none") == b""


@ways
def test_cookies_are_read_and_written(how: str, tmp_path: Path) -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(CLOSED.replace(b"Connection", b"Set-Cookie: new=2; Max-Age=99\r\nConnection"))

    jar = tmp_path / "jar"
    jar.write_text(
        "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4000000000\told\t1\n",
        encoding="utf-8",
    )
    with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/"
        assert done(how, "GET", url, "--proxy=none", f"--cookies={jar}") == b"ok"
    assert b"Cookie: old=1\r\n" in got[0]
    assert "new\t2" in jar.read_text(encoding="utf-8")
