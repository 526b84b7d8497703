"""Every job shown as code does, against a real peer, what the job itself does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, run, server
from workbench import catalogue
from workbench.core.endpoint import Endpoint, parse
from workbench.core.job import Request
from workbench.http.serve import ServeHttp
from workbench.sockets.connect import Connect
from workbench.sockets.echo import Echo

SENT = b"one\ntwo\r\n\x00\x1b[31m\xff three"

KINDS = [
    "tcp://127.0.0.1:0",
    "tcp://[::1]:0",
    "udp://127.0.0.1:0",
    "udp://[::1]:0",
    "unix:{folder}/a b's, (c)",
    "unix:@{folder}",
    "unixgram:{folder}/a b's",
]
STREAMS = [kind for kind in KINDS if kind.startswith(("tcp", "unix:"))]

Code = Callable[[Request], list[str]]


def python(request: Request) -> list[str]:
    """The command that runs a request's script."""
    return [sys.executable, "-c", request.as_python()]


def shell(request: Request) -> list[str]:
    """The command that runs a request's shell command."""
    return ["sh", "-c", request.as_shell()]


both = pytest.mark.parametrize("code", [python, shell])


# Every job, and the file that compares it with its code as it is shown.
COMPARED = {
    "address": "tests/addresses/test_address.py",
    "message": "tests/mail_ftp/message/test_job.py",
    "alg cipher": "tests/sockets/alg/test_job.py",
    "alg hash": "tests/sockets/alg/test_job.py",
    "alg list": "tests/sockets/alg/test_job.py",
    "can follow": "tests/sockets/can/test_job.py",
    "can send": "tests/sockets/can/test_job.py",
    "connect": "tests/cli/test_as_code.py",
    "interfaces": "tests/addresses/test_host.py",
    "dns": "tests/addresses/test_names.py",
    "resolve": "tests/addresses/test_names.py",
    "reverse": "tests/addresses/test_names.py",
    "services": "tests/addresses/test_names.py",
    "routes": "tests/addresses/test_host.py",
    "compare": "tests/addresses/test_compare.py",
    "contains": "tests/addresses/test_compare.py",
    "exclude": "tests/addresses/test_merge.py",
    "merge": "tests/addresses/test_merge.py",
    "plan": "tests/addresses/test_planning.py",
    "split": "tests/addresses/test_planning.py",
    "serve chargen": "tests/sockets/test_simple.py",
    "serve daytime": "tests/sockets/test_simple.py",
    "serve tls": "tests/tls/serving/test_code.py",
    "inbox": "tests/mail_ftp/test_inbox_job.py",
    "mailcheck": "tests/mail_ftp/smtp/test_mailcheck.py",
    "roundtrip": "tests/mail_ftp/test_roundtrip.py",
    "smtp": "tests/mail_ftp/smtp/test_smtp.py",
    "serve smtp": "tests/mail_ftp/smtp/test_serve.py",
    "serve discard": "tests/sockets/test_simple.py",
    "serve echo": "tests/cli/test_as_code.py",
    "serve script": "tests/sockets/test_script.py",
    "serve time": "tests/sockets/test_simple.py",
    "cookies": "tests/http/cookies/test_job.py",
    "download": "tests/http/client/test_download.py",
    "http": "tests/http/client/test_job.py",
    "http clients": "tests/http/clients/test_clients.py",
    "http import": "tests/http/interchange/test_import.py",
    "http run": "tests/http/collections/test_job.py",
    "repeat": "tests/http/repeat/test_job.py",
    "robots": "tests/http/robots/test_job.py",
    "serve http": "tests/cli/test_as_code.py",
    "families": "tests/sockets/test_families.py",
    "capture": "tests/sockets/capture/test_job.py",
    "selectors": "tests/sockets/test_selectors.py",
    "url": "tests/tools/test_url.py",
    "serve ftp": "tests/mail_ftp/ftp/test_serve.py",
    "ftp": "tests/mail_ftp/ftp/test_job.py",
    "uuid": "tests/tools/test_uuid.py",
    "what": "tests/tools/what/test_readings.py",
    "cgi": "tests/tools/once/test_once.py",
    "xmlrpc": "tests/http/xmlrpc/test_client.py",
    "wsgi": "tests/tools/once/test_once.py",
    "cookie": "tests/tools/test_cookie.py",
    "hash": "tests/tools/test_digests.py",
    "library": "tests/tools/test_library.py",
    "alerts": "tests/tools/test_words.py",
    "attributes": "tests/tools/test_words.py",
    "headers": "tests/tools/test_words.py",
    "methods": "tests/tools/test_words.py",
    "status": "tests/tools/test_words.py",
    "encode": "tests/tools/test_encode.py",
    "errno": "tests/tools/test_errno.py",
    "listen": "tests/sockets/test_listen.py",
    "multicast": "tests/sockets/test_multicast.py",
    "ping": "tests/sockets/test_ping_trace.py",
    "scan": "tests/sockets/scan/test_scan.py",
    "sockets": "tests/sockets/test_table.py",
    "serve cgi": "tests/http/gateway/test_cgi.py",
    "serve inspect": "tests/http/test_inspect.py",
    "serve wsgi": "tests/http/gateway/test_wsgi.py",
    "nntp": "tests/mail_ftp/nntp/test_job.py",
    "telnet": "tests/mail_ftp/telnet/test_job.py",
    "serve nntp": "tests/mail_ftp/nntp/test_serve.py",
    "serve telnet": "tests/mail_ftp/telnet/test_serve.py",
    "serve xmlrpc": "tests/http/xmlrpc/test_xmlrpc.py",
    "trace": "tests/sockets/test_ping_trace.py",
    "watch": "tests/servers/watch/test_code.py",
    "ways": "tests/sockets/test_ways_job.py",
    "imap": "tests/mail_ftp/test_imap.py",
    "pop3": "tests/mail_ftp/test_pop3.py",
    "serve imap": "tests/mail_ftp/test_serve_imap.py",
    "serve pop3": "tests/mail_ftp/test_serve_pop3.py",
    "cert broken": "tests/tls/test_keep.py",
    "cert convert": "tests/tls/test_keep.py",
    "cert match": "tests/tls/test_keep.py",
    "cert p12": "tests/tls/test_keep.py",
    "cert ca": "tests/tls/test_make.py",
    "cert client": "tests/tls/test_make.py",
    "cert csr": "tests/tls/test_make.py",
    "cert server": "tests/tls/test_make.py",
    "cert show": "tests/tls/test_show.py",
    "cert sign": "tests/tls/test_make.py",
    "tls": "tests/tls/test_inspect.py",
    "tls-list": "tests/tls/test_hosts.py",
    "tls-scan": "tests/tls/test_scan_code.py",
}


def test_every_job_is_compared() -> None:
    assert set(catalogue.JOBS) == set(COMPARED)
    for name, file in COMPARED.items():
        text = (Path(__file__).parents[2] / file).read_text()
        assert catalogue.load(name).request.__name__ in text, (name, file)


def place(kind: str, folder: Path) -> Endpoint:
    """An endpoint of that kind that is free, as far as one can tell."""
    end = parse(kind.format(folder=folder))
    if end.is_unix:
        return end
    family = socket.AF_INET6 if ":" in end.host else socket.AF_INET
    how = socket.SOCK_DGRAM if end.transport == "udp" else socket.SOCK_STREAM
    with socket.socket(family, how) as one:
        one.bind((end.host, 0))
        port: int = one.getsockname()[1]
    return end.with_port(port)


def outcome(command: list[str], data: bytes) -> tuple[int, bytes]:
    found = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    return found.returncode, found.stdout


@contextmanager
def running(command: list[str]) -> Iterator[None]:
    """A server made from code; it and all that it has started end with the block."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            yield
        finally:
            os.killpg(child.pid, signal.SIGKILL)


def until(done: Callable[[], bool]) -> None:
    """Ask again until it is so: a server made from code does not say when it is ready."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it never came to answer"
        time.sleep(0.05)


@pytest.mark.peer("socat", "perl")
@both
@pytest.mark.parametrize(
    ("kind", "crlf"), [*((kind, False) for kind in KINDS), (KINDS[0], True), (KINDS[2], True)]
)
def test_connect(kind: str, crlf: bool, code: Code, tmp_path: Path) -> None:
    with server("echo", str(place(kind, tmp_path))) as endpoint:
        request = Connect(endpoint=parse(endpoint), crlf=crlf)
        option = ["--crlf"] if crlf else []
        ours = run("connect", endpoint, "--quiet", *option, data=SENT)
        assert (ours.returncode, ours.stderr) == (0, b"")
        assert ours.stdout == (SENT.replace(b"one\n", b"one\r\n") if crlf else SENT)
        assert outcome(code(request), SENT) == (0, ours.stdout)


@pytest.mark.peer("socat")
@both
@pytest.mark.parametrize("kind", STREAMS)
def test_connect_waits_for_all_that_comes(kind: str, code: Code, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    with server("echo", str(place(kind, tmp_path))) as endpoint:
        assert outcome(code(Connect(endpoint=parse(endpoint))), data) == (0, data)


@pytest.mark.peer("socat")
@both
@pytest.mark.parametrize("kind", STREAMS)
def test_connect_fails_where_nobody_listens(kind: str, code: Code, tmp_path: Path) -> None:
    end = place(kind, tmp_path)
    found = subprocess.run(code(Connect(endpoint=end)), capture_output=True, input=b"", check=False)
    assert (found.returncode, found.stdout) == (1, b"")
    assert run("connect", str(end)).returncode == 1


@pytest.mark.peer("socat")
@both
@pytest.mark.parametrize("kind", KINDS)
def test_serve_echo(kind: str, code: Code, tmp_path: Path) -> None:
    end = place(kind, tmp_path)
    with running(code(Echo(endpoint=end))):
        until(lambda: run("connect", str(end), "--quiet", data=b"?").stdout == b"?")
        found = run("connect", str(end), "--quiet", data=SENT)
        assert (found.returncode, found.stdout) == (0, SENT)


def fetch(end: Endpoint, name: str, into: Path) -> int:
    """Get a file with curl; returns the status."""
    where = ["--unix-socket", end.unix_path] if end.is_unix else []
    base = "http://localhost" if end.is_unix else f"http://{end.authority}"
    found = subprocess.run(
        ["curl", "-s", "-m", "20", "-o", str(into), "-w", "%{http_code}", *where, f"{base}/{name}"],
        stdout=subprocess.PIPE,
        check=False,
    )
    return int(found.stdout or 0)


@pytest.mark.peer("curl", "socat")
@both
@pytest.mark.parametrize(
    "kind", ["http://127.0.0.1:0/", "http://[::1]:0/", "unix:{folder}/a socket"]
)
def test_serve_http(kind: str, code: Code, tmp_path: Path) -> None:
    root = tmp_path / "the root"
    root.mkdir()
    content = os.urandom(100_000)
    (root / "file.bin").write_bytes(content)
    end = place(kind, tmp_path)
    request = ServeHttp(endpoint=end, root=root)
    command = code(request)
    if end.is_unix:
        # The command names a port for what stands behind the socket; here it must be a free one.
        spare = str(place("tcp://127.0.0.1:0", tmp_path).port)
        command[-1] = command[-1].replace("8000", spare)
    into = tmp_path / "got"
    with running(command):
        until(lambda: fetch(end, "file.bin", into) == 200)
        assert into.read_bytes() == content
        assert fetch(end, "none", into) == 404
    if end.is_unix:
        Path(end.unix_path).unlink()
    with server("http", str(end), "--root", str(root)):
        assert fetch(end, "file.bin", into) == 200
        assert into.read_bytes() == content
        assert fetch(end, "none", into) == 404
