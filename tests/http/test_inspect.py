"""The inspector: requests kept whole, answers as told, and both shown as code."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_as_code import both, place, running, until
from tests.http.serving import WAIT, Served, read_to_end, statuses
from workbench.core.endpoint import parse
from workbench.core.events import Failed, Note
from workbench.core.job import Request, execute
from workbench.core.message import decode_event, encode
from workbench.core.scope import Scope
from workbench.http.events import Inspected, RequestServed
from workbench.http.inspect import ServeInspect, serve_inspect
from workbench.http.keeping import IN_MEMORY
from workbench.servers.events import Closed

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@contextmanager
def inspecting(endpoint: str = "http://127.0.0.1:0/", **options: Any) -> Iterator[Served]:
    scope = Scope()
    request = ServeInspect(endpoint=parse(endpoint), **options)
    served = Served(execute(serve_inspect, request, scope), scope)
    try:
        yield served
    finally:
        served.stop()


def curl(*words: str) -> bytes:
    return subprocess.run(
        ["curl", "-sS", "--max-time", "60", *words], capture_output=True, timeout=90, check=True
    ).stdout


# -- what is told --------------------------------------------------------------------------------


def test_a_request_is_told_as_it_came() -> None:
    asked = b"POST /a?b=%00 HTTP/1.1\r\nhOST: h\r\nX:  odd \r\nContent-Length: 5\r\n\r\nhello"
    with inspecting() as served:
        served.talk(asked)
        told = served.wait(Inspected)
    assert told.head.replace("\n", "\r\n").encode() + told.body == asked
    assert (told.id, told.number, told.length, told.status, told.rule) == (1, 1, 5, 200, "echo")
    assert (told.method, told.target, told.path, told.trouble) == ("POST", "/a?b=%00", "", "")
    assert told.peer.startswith("127.0.0.1:")
    assert told.took >= 0
    assert "hello" in told.line()
    assert "\n" not in told.summary()
    assert decode_event(encode(told)) == told


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_is_kept_in_a_file_as_long_as_the_server_runs(chunked: bool) -> None:
    body = os.urandom(3 * IN_MEMORY + 7)
    if chunked:
        head = b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        asked = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        head = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body)
        asked = head + body
    with inspecting() as served:
        served.talk(asked)
        told = served.wait(Inspected)
        assert told.body == body[:IN_MEMORY]
        assert told.length == len(body)
        assert Path(told.path).read_bytes() == head + body
    assert not Path(told.path).exists()
    assert not Path(told.path).parent.exists()


def test_requests_are_saved_and_the_oldest_go(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    with inspecting(save=folder, keep=1000) as served:
        for number in range(5):
            served.talk(
                b"P_T /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 300\r\n\r\n" % number + bytes(300)
            )
            assert served.wait(Inspected).number == number + 1
    assert sorted(os.listdir(folder)) == ["000004-P_T.http", "000005-P_T.http"] or sorted(
        os.listdir(folder)
    ) == ["000003-P_T.http", "000004-P_T.http", "000005-P_T.http"]
    assert (folder / "000005-P_T.http").read_bytes().endswith(b"\r\n\r\n" + bytes(300))
    with inspecting(save=folder) as served:
        served.talk(GET)
        assert served.wait(Inspected).path == str(folder / "000006-GET.http")


def test_what_breaks_off_and_what_is_too_long_is_told_too() -> None:
    put = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n"
    with inspecting(body_limit=100) as served:
        assert statuses(served.talk(put)) == [413]
        told = served.wait(Inspected)
        assert (told.status, told.length) == (0, 0)
        assert "longer than 100 bytes" in told.trouble
    with inspecting() as served:
        with served.connect() as sock:
            sock.sendall(put + b"some")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        told = served.wait(Inspected)
        assert told.body in (b"some", b"")
        assert told.trouble
        assert told.curl == ""


# -- how it answers ------------------------------------------------------------------------------


def test_the_echo_says_what_was_asked() -> None:
    with inspecting() as served:
        kind = "Content-Type: application/json"
        said = curl(
            "-H", kind, "-H", "X: 1", "-H", "X: 2", "-d", '{"a": [1]}', f"{served.url}/p?q=1&q=2&e="
        )
        told = json.loads(said)
        assert (told["method"], told["path"], told["args"]) == (
            "POST",
            "/p",
            {"q": ["1", "2"], "e": ""},
        )
        assert told["headers"]["X"] == ["1", "2"]
        assert (told["json"], told["data"], told["length"]) == ({"a": [1]}, '{"a": [1]}', 10)
        told = json.loads(curl("-d", "a=1&b=%20", served.url))
        assert told["form"] == {"a": "1", "b": " "}
        binary = bytes(range(256))
        sent = subprocess.run(
            ["curl", "-sS", "--data-binary", "@-", served.url],
            input=binary,
            capture_output=True,
            check=True,
        ).stdout
        assert base64.b64decode(json.loads(sent)["base64"]) == binary
        deep = b"[" * 5000
        asked = b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        assert statuses(served.talk(asked + b"Content-Length: 5000\r\n\r\n" + deep)) == [200]


def test_answers_as_told(tmp_path: Path) -> None:
    with inspecting(
        status=418, header=("X-A: b", "Content-Type: a/b"), body="tea", delay=0.2
    ) as served:
        got = served.talk(GET)
        assert got.startswith(b"HTTP/1.1 418 I'm a Teapot\r\n")
        assert b"X-A: b\r\n" in got
        assert got.count(b"Content-Type: a/b\r\n") == got.count(b"Content-Type") == 1
        assert got.endswith(b"\r\n\r\ntea")
        assert served.wait(RequestServed).duration >= 0.2
        assert served.talk(GET.replace(b"GET", b"HEAD")).endswith(b"Content-Type: a/b\r\n\r\n")
    for size in (10, 1_000_000):
        file = tmp_path / f"{size}.png"
        file.write_bytes(os.urandom(size))
        with inspecting(body_file=file) as served:
            got = served.talk(GET + GET)
            assert got.endswith(file.read_bytes())
            assert got.count(b"Content-Type: image/png\r\n") == 2
            file.unlink()
            assert statuses(served.talk(GET)) == [500]
            assert "cannot be read" in served.wait(Note).text


def test_answers_by_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    (tmp_path / "beside.json").write_text("{}")
    rules.write_text(
        '[[rule]]\npath = "/drop"\naction = "drop"\n'
        '[[rule]]\npath = "/reset"\naction = "reset"\n'
        '[[rule]]\npath = "/drip"\ndrip = 200\ntext = "' + "x" * 60 + '"\n'
        '[[rule]]\npath = "/file"\nfile = "beside.json"\n'
        '[[rule]]\npath = "/empty"\nstatus = 204\n'
        '[[rule]]\nbody = "word"\nstatus = 500\ntimes = 2\ntext = "no"\n'
    )
    with inspecting(rules=rules, body="default") as served:

        def ask(path: bytes) -> bytes:
            return served.talk(b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % path)

        assert ask(b"/drop") == b""
        assert served.wait(Inspected).rule == "rule of line 1"
        with served.connect() as sock:
            sock.sendall(b"GET /reset HTTP/1.1\r\nHost: h\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        assert ask(b"/drip").endswith(b"\r\n\r\n" + b"x" * 60)
        while (drip := served.wait(RequestServed)).target != "/drip":
            pass
        assert drip.duration > 0.1
        assert ask(b"/file").endswith(b"application/json\r\nContent-Length: 2\r\n\r\n{}")
        assert b"Content-Length" not in ask(b"/empty")
        post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nword"
        assert statuses(served.talk(post * 3)) == [500, 500, 200]
        assert ask(b"/other").endswith(b"default")
        rules.write_text('[[rule]]\nstatus = 299\ntext = "new"')
        os.utime(rules, (1, 1))
        assert ask(b"/drop").endswith(b"new")
        assert "1 rules from now on" in served.wait(Note).text
        rules.write_text("[[rule]]\nstatus = ")
        os.utime(rules, (2, 2))
        assert ask(b"/drop").endswith(b"new")
        assert "line 2" in served.wait(Note).text


def test_a_peer_that_leaves_before_a_delayed_answer() -> None:
    with inspecting(delay=0.3) as served:
        with served.connect() as sock:
            sock.sendall(GET)
            served.wait(Inspected)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert served.wait(Closed)
        assert statuses(served.talk(GET)) == [200]


def test_a_password_is_shown_to_nobody(tmp_path: Path) -> None:
    with inspecting(user="me", password="secret", save=tmp_path) as served:
        assert statuses(served.talk(GET)) == [401]
        pair = base64.b64encode(b"me:secret")
        field = b"authorization: Basic " + pair + b"\r\n"
        assert statuses(served.talk(GET.replace(b"Host", field + b"Host"))) == [200]
        told = served.wait(Inspected)
        assert pair not in encode(told)
        assert "authorization: ***" in told.head
        assert pair not in Path(told.path).read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"status": 100},
        {"status": 1000},
        {"header": ("no colon",)},
        {"header": ("a b: c",)},
        {"header": ("Content-Length: 1",)},
        {"body": "x", "body_file": Path("y")},
        {"body_file": Path("/not/there")},
        {"rules": Path("/not/there")},
        {"delay": -1.0},
        {"keep": -1},
        {"user": "me"},
        {"save": Path("/proc/not/there")},
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any]) -> None:
    request = ServeInspect(endpoint=parse("http://127.0.0.1:0/"), **options)
    (failed,) = execute(serve_inspect, request, Scope())
    assert isinstance(failed, Failed)
    assert "fault in the workbench" not in failed.cause


# -- as code -------------------------------------------------------------------------------------

REPLAYED = [
    GET,
    b"HEAD /x HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\n\r\n",
    b"GET / HTTP/1.0\r\nX-Empty:\r\nUser-Agent: it's me\r\n\r\n",
    b"GET //a/../b?c=%20[1-3]{x}'\"$`\\ HTTP/1.1\r\nHost: other\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n@it's 100%\n\t",
    b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Type: x/y\r\nContent-Length: 256\r\n\r\n"
    + bytes(range(256)),
    b"DELETE /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 90112\r\n\r\n"
    + bytes(range(255, -1, -1)) * 352,
]


def essence(told: Inspected) -> tuple[object, ...]:
    """What a request is, without the order of its fields and the fields of the connection."""
    lines = told.head.rstrip().split("\n")
    fields = [line.split(":", 1) for line in lines[1:]]
    left_out = ("connection", "content-length")
    kept = sorted((n.lower(), v.strip()) for n, v in fields if n.lower() not in left_out)
    return lines[0], kept, told.length, told.body


@pytest.mark.peer("curl")
@pytest.mark.parametrize("asked", REPLAYED, ids=range(len(REPLAYED)))
def test_the_curl_command_sends_the_request_once_more(asked: bytes) -> None:
    with inspecting() as served:
        if b"Host: h\r\n" in asked:
            asked = asked.replace(b"Host: h\r\n", b"Host: 127.0.0.1:%d\r\n" % served.port)
        with served.connect() as sock:
            sock.sendall(asked)
            sock.shutdown(socket.SHUT_WR)
            read_to_end(sock)
        first = served.wait(Inspected)
        subprocess.run(["sh", "-c", first.curl], check=True, timeout=WAIT, capture_output=True)
        second = served.wait(Inspected)
    wanted, got = essence(first), essence(second)
    if " HTTP/1.0" in first.head:
        # HTTP/1.0 needs no Host, and curl sends it all the same.
        host = ("host", f"127.0.0.1:{served.port}")
        got = (got[0], [one for one in got[1] if one != host], *got[2:])  # type: ignore[attr-defined]
    assert got == wanted


@pytest.mark.peer("curl")
def test_the_curl_command_over_a_unix_socket(tmp_path: Path) -> None:
    with inspecting(f"unix:{tmp_path}/a socket") as served:
        served.talk(b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        first = served.wait(Inspected)
        subprocess.run(["sh", "-c", first.curl], check=True, timeout=WAIT, capture_output=True)
        assert served.wait(Inspected).target == "/x"


def test_commands_are_not_steered_by_what_came(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    evil = f"$(touch {mark})`touch {mark}`'; touch {mark} #\"".encode()
    with inspecting() as served:
        served.talk(
            b"POST /%b HTTP/1.1\r\nHost: h\r\nX: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (evil.replace(b" ", b"+"), evil, len(evil), evil)
        )
        command = served.wait(Inspected).curl
        subprocess.run(["sh", "-c", command], check=True, timeout=WAIT, capture_output=True)
        assert served.wait(Inspected).body == evil
    assert not mark.exists()


@pytest.mark.peer("curl")
@both
@pytest.mark.parametrize(
    "kind", ["http://127.0.0.1:0/", "http://[::1]:0/", "unix:{folder}/a socket"]
)
@pytest.mark.parametrize("told", [False, True])
def test_serve_inspect(kind: str, told: bool, code: Any, tmp_path: Path) -> None:
    """The code answers as the job does: the same status, fields and content."""
    end = place(kind, tmp_path)
    options: dict[str, Any] = {"status": 201, "header": ("X-A: b",), "body": "it's"} if told else {}
    request: Request = ServeInspect(endpoint=end, **options)

    def ask() -> tuple[int, object]:
        where = ["--unix-socket", end.unix_path] if end.is_unix else []
        base = "http://localhost" if end.is_unix else f"http://{end.authority}"
        done = subprocess.run(
            ["curl", "-s", "-m", "20", "-i", "-d", "a=1", *where, f"{base}/x?y"],
            stdout=subprocess.PIPE,
            check=False,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        if not head:
            return 0, None
        status = int(head.split()[1])
        if told:
            assert b"X-A: b" in head
            return status, body
        values = json.loads(body)
        return status, {key: values[key] for key in ("method", "target", "data", "length")}

    with running(code(request)):
        until(lambda: ask()[0] != 0)
        theirs = ask()
    until(lambda: ask()[0] == 0)  # its process is gone a moment later
    if end.is_unix:
        Path(end.unix_path).unlink()
    with inspecting(str(end), **options):
        assert ask() == theirs


@pytest.mark.peer("curl")
def test_the_scripts_ask_for_a_password_too(tmp_path: Path) -> None:
    end = place("http://127.0.0.1:0/", tmp_path)
    request = ServeInspect(endpoint=end, user="me", password="secret", body="in")
    script = request.as_python()
    assert "secret" not in script
    assert "secret" not in request.as_shell()
    command = ["env", "PASSWORD=secret", sys.executable, "-c", script]
    url = f"http://{end.authority}/"
    with running(command):
        ask = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}"]
        until(lambda: subprocess.run([*ask, url], stdout=-1, check=False).stdout == b"401")
        assert (
            subprocess.run([*ask, "-u", "me:secret", url], stdout=-1, check=True).stdout == b"200"
        )
