"""`http run`: files of requests against a server of our own, and its code beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.program import PATIENCE, run, server
from tests.http.client.peers import answering, listening
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.client.events import HttpBody, HttpSent, HttpWire
from workbench.http.collections.job import (
    HttpBegins,
    HttpCase,
    HttpEntry,
    HttpKept,
    HttpRun,
    http_run,
)

FILE = """\
@api = {{host}}/api
### log in
# @assert status == 200
# @assert header content-type contains json
# @assert json $.json.a == 1
# @assert time < 60
# @capture token = json $.headers.X-Token
# @capture part = body matches "target": "/(\\w+)
POST {{api}}?x={{%odd}}
Content-Type: application/json
X-Token: {{$uuid}}
Authorization: Basic me {{$processEnv WORKBENCH_SECRET}}

{"a": 1}

### items
# @assert json $.headers.Authorization == Bearer {{token}}
# @assert json $.path == "/api/api"
# @assert json $.args.x not exists
GET {{api}}/{{part}}
Authorization: Bearer {{token}}

### form
# @assert json $.form.a == 1 2
# @assert json $.form.b == {{token}}
# @assert body not contains nowhere-to-be-seen
PUT {{api}}
Content-Type: application/x-www-form-urlencoded

a=1+2
&b={{token}}

### file
# @assert json $.data == a file
POST {{api}}
Content-Type: text/plain

< ./body.txt
"""


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A server that tells what it was asked."""
    with server("inspect", "http://127.0.0.1:0/") as url:
        yield url.rstrip("/")


@pytest.fixture
def file(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of requests for that server."""
    monkeypatch.setenv("WORKBENCH_SECRET", "hush-hush")
    (tmp_path / "http-client.env.json").write_text(json.dumps({"dev": {"host": place}}))
    (tmp_path / "body.txt").write_text("a file")
    path = tmp_path / "shop.http"
    path.write_text(FILE)
    return path


TOKEN = re.compile(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}")


def told(request: HttpRun) -> list[Event]:
    return list(execute(http_run, request, Scope(30.0)))


def cases(events: list[Event]) -> list[HttpCase]:
    return [one for one in events if isinstance(one, HttpCase)]


def wanted(path: Path) -> HttpRun:
    return HttpRun(path=(path,), env="dev", var=("odd=a&b",))


def test_a_run(file: Path) -> None:
    events = told(wanted(file))
    found = cases(events)
    assert [(one.name, one.status, one.problem) for one in found] == [
        ("log in", 200, ""), ("items", 200, ""), ("form", 200, ""), ("file", 200, ""),
    ]  # fmt: skip
    assert all(one.passed for one in found), [one.line() for one in found]
    assert found[0].captured == ("token", "part")
    assert found[0].url.endswith("/api?x=a%26b")
    assert isinstance(events[-1], Done)
    assert "4 requests, all as expected" in events[-1].summary


PARTS = (
    '--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\ntext of here\r\n'
    '--xx\r\nContent-Disposition: form-data; name="f"; filename="body.txt"\r\n\r\n'
    "a file\r\n--xx--\r\n"
)


def test_bodies_of_many_parts_and_logins(file: Path, place: str) -> None:
    (file.parent / "filled.txt").write_text("from {{word}}")
    file.write_text(
        "@word = here\n### parts\n# @assert status == 200\n"
        f"# @assert json $.data == {json.dumps(PARTS)}\n"
        "# @assert json $.headers.Authorization == Basic bWU6cHc=\n"
        f"POST {place}/up\nContent-Type: multipart/form-data; boundary=xx\n"
        "Authorization: Basic me pw\n\n"
        '--xx\nContent-Disposition: form-data; name="a"\n\ntext of {{word}}\n'
        '--xx\nContent-Disposition: form-data; name="f"; filename="body.txt"\n\n'
        "< body.txt\n--xx--\n"
        "### filled\n# @assert json $.data == from here\n"
        f"POST {place}/up\nContent-Type: text/plain\n\n<@ filled.txt\n"
        f"### path\n# @timeout 20 s\nGET /a?b\nHost: {place.removeprefix('http://')}\n"
        "### all\n# @assert json $.target == *\n# @assert json $.method == OPTIONS\n"
        f"OPTIONS * HTTP/1.1\nHost: {place.removeprefix('http://')}\n"
    )
    found = cases(told(HttpRun(path=(file,))))
    assert all(one.passed for one in found), [one.line() for one in found]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("curl -X POST http://h/ \\\n  -d a=b\n", "a command of curl"),
        ("WEBSOCKET ws://h/\n", "no request of HTTP"),
        ("GET http://h/ HTTP/3\n", "HTTP/3 is no version"),
        ("GET /a\n", "names no host"),
        ("GET http://[/\n", "["),
        ("# @timeout soon\nGET http://127.0.0.1:9/\n", "@timeout"),
        ("POST http://127.0.0.1:9/\n\n< gone.txt\n", "no such file"),
        ("GET http://127.0.0.1:9/\nA b: c\n", "cannot be the name"),
        ("GET http://127.0.0.1:9/\nA: {{$processEnv WORKBENCH_NONE}}\n", "is not set"),
        ("# @capture = x\nGET http://127.0.0.1:9/\n", "keeps nothing"),
    ],
)
def test_what_cannot_be_sent_is_said(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "a.http"
    path.write_text(text)
    (one,) = cases(told(HttpRun(path=(path,))))
    assert not one.passed
    assert why in one.problem


def test_a_digest_login(tmp_path: Path) -> None:
    asks = (
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n, qop=auth\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    with listening(answering(asks, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        path = tmp_path / "a.http"
        path.write_text(f"GET http://127.0.0.1:{port}/\nAuthorization: Digest me pw\n")
        (one,) = cases(told(HttpRun(path=(path,))))
    assert (one.status, one.passed) == (200, True)


def test_a_secret_is_seen_nowhere(file: Path) -> None:
    file.write_text(
        "GET {{host}}/{{$processEnv WORKBENCH_SECRET}}\nX-Key: {{$processEnv WORKBENCH_SECRET}}\n"
        "### \n# @assert body contains {{$processEnv WORKBENCH_SECRET}} and more\n"
        "GET {{host}}/none\nAuthorization: Basic me {{$processEnv WORKBENCH_SECRET}}\n"
    )
    events = told(replace(wanted(file), verbose=True, junit=file.parent / "out.xml"))
    heads = [one.line() for one in events if isinstance(one, HttpSent | HttpCase | HttpBegins)]
    wire = [one.line() for one in events if isinstance(one, HttpWire) and one.sent]
    text = " ".join([*heads, *wire]) + (file.parent / "out.xml").read_text()
    assert "hush-hush" not in text
    assert "bWU6aHVzaC1odXNo" not in text
    got = b"".join(one.data for one in events if isinstance(one, HttpBody))
    assert b'"X-Key": "hush-hush"' in got


def test_what_fails_and_goes_on(file: Path, place: str) -> None:
    file.write_text(
        f"# @assert status == 500\nGET {place}/a\n###\nGET http://127.0.0.1:9/\n###\n"
        f"GET {place}/{{{{gone}}}}\n### \n# @capture x = json $.gone\nGET {place}/b\n"
        f"### s\nGET {place}/status/404\n### end\n# @assert what\nGET {place}/c\n"
    )
    junit = file.parent / "out.xml"
    events = told(HttpRun(path=(file,), junit=junit))
    found = cases(events)
    assert [one.passed for one in found] == [False] * 4 + [found[4].status < 400, False]
    assert found[0].checks == (("status == 500", "it is 200"),)
    assert "refused" in found[1].problem
    assert "stands for nothing" in found[2].problem
    assert "nothing to keep as x" in found[3].problem
    assert "what is looked at" in found[5].problem
    assert isinstance(events[-1], Failed)
    top = ElementTree.parse(junit).getroot()
    assert top.get("tests") == "6"
    assert len(top.findall(".//failure")) == 1
    assert len(top.findall(".//error")) == 4
    stopped = told(HttpRun(path=(file,), stop=True))
    assert len(cases(stopped)) == 1
    assert isinstance(stopped[-1], Failed)
    assert "5 not run" in stopped[-1].cause


def test_a_status_fails_where_nothing_is_asserted(tmp_path: Path) -> None:
    answers = (
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 F\r\nLocation: /end\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 F\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n",
    )
    with listening(answering(*answers)) as port:
        path = tmp_path / "a.http"
        here = f"GET /x\nHost: 127.0.0.1:{port}\n"
        path.write_text(f"{here}###\n{here}###\n# @no-redirect\n{here}")
        found = cases(told(HttpRun(path=(path,))))
    assert [one.status for one in found] == [404, 200, 302]
    assert found[0].checks == (("status < 400", "it is 404"),)
    assert found[2].passed


def test_folders_and_names(file: Path, place: str) -> None:
    below = file.parent / "below"
    below.mkdir()
    (below / "b.rest").write_text(f"### b\nGET {place}/b\n")
    (file.parent / ".hidden").mkdir()
    (file.parent / ".hidden" / "c.http").write_text("GET http://127.0.0.1:9/\n")
    found = cases(told(HttpRun(path=(file.parent,), only=("b",))))
    assert [one.name for one in found] == ["b"]
    ended = told(HttpRun(path=(file,), only=("itens",)))[-1]
    assert isinstance(ended, Failed)
    assert "did you mean items" in ended.cause
    empty = told(HttpRun(path=(file.parent / ".hidden" / "none",)))[-1]
    assert isinstance(empty, Failed)


def test_a_request_alone_with_what_was_kept(file: Path) -> None:
    entries = told(replace(wanted(file), list=True))
    names = [(one.name, one.row) for one in entries if isinstance(one, HttpEntry)]
    assert names == [("log in", 9), ("items", 20), ("form", 27), ("file", 35)]
    assert cases(entries) == []
    first = told(replace(wanted(file), only=("#1",), verbose=True))
    kept = {one.name: one.value for one in first if isinstance(one, HttpKept)}
    assert set(kept) == {"token", "part"}
    alone = replace(wanted(file), only=("items",))
    assert not cases(told(alone))[0].passed
    assert cases(told(replace(alone, kept=json.dumps(kept))))[0].passed
    bad = told(replace(alone, kept="[]"))[-1]
    assert isinstance(bad, Failed)
    assert "no object" in bad.cause


def test_on_the_command_line(file: Path, place: str) -> None:
    file.write_text(f"### one\nGET {place}/a\n")
    ran = run("http", "run", str(file))
    assert ran.returncode == 0
    assert ran.stdout.startswith(b"ok   one: GET ")
    file.write_text(f"### one\n# @assert status == 201\nGET {place}/a\n")
    ran = run("http", "run", str(file))
    assert ran.returncode == 1
    assert b"FAIL one" in ran.stdout
    assert b"status == 201: it is 200" in ran.stdout
    assert b"1 of 1 requests failed" in ran.stderr


@pytest.mark.peer("curl", "jq", "perl")
@pytest.mark.parametrize("how", ["python", "shell"])
def test_as_code(file: Path, how: str) -> None:
    """The same requests, the same captured values, the same judgements, and the same status."""
    bad = "\n### bad\n# @assert status == 201\n# @assert json $.path == /api\nGET {{api}}\n"
    for more in ("", bad):
        file.write_text(file.read_text() + more)
        request = wanted(file)
        ours = cases(told(request))
        code = request.as_python() if how == "python" else request.as_shell()
        command = [sys.executable, "-c", code] if how == "python" else ["sh", "-c", code]
        ran = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        assert ran.stderr == b""
        judged = [
            f"{'FAIL' if why else 'ok  '} {TOKEN.sub('{{token}}', text)}"
            for one in ours
            for text, why in one.checks
        ]
        assert ran.stdout.decode().splitlines() == judged
        assert ran.returncode == (1 if more else 0)
    missing = HttpRun(path=(file.parent / "none.http",))
    code = missing.as_python() if how == "python" else missing.as_shell()
    command = [sys.executable, "-c", code] if how == "python" else ["sh", "-c", code]
    ran = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
    assert ran.returncode == 1
    assert b"none.http: no such path" in ran.stderr
