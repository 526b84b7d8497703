"""Commands of curl and HAR files: the same request at a server, whoever sends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run, server
from workbench.core.failure import JobError
from workbench.core.job import dump_request, execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.client.events import HttpBody
from workbench.http.client.job import Http, http
from workbench.http.collections.document import parse
from workbench.http.interchange.bash_words import Words
from workbench.http.interchange.curl import from_curl
from workbench.http.interchange.har import from_har, har_document
from workbench.http.interchange.job import HttpImport, HttpImported, http_import


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """A server that tells what it was asked."""
    with server("inspect", "http://127.0.0.1:0/") as url:
        yield url.rstrip("/")


def told(request: Http) -> list[Event]:
    return list(execute(http, request, Scope(30.0)))


def body(events: list[Event]) -> bytes:
    return b"".join(one.data for one in events if isinstance(one, HttpBody))


def seen(data: bytes) -> dict[str, Any]:
    """What the server was asked, less what no command says."""
    found: dict[str, Any] = json.loads(data)
    headers = {name.lower(): value for name, value in found["headers"].items()}
    for name in ("user-agent", "accept-encoding", "expect"):  # each client's own
        headers.pop(name, None)
    found.pop("peer")
    kind = headers.get("content-type", "")
    if "boundary=" in kind:  # which each makes up anew
        headers["content-type"] = kind.partition("boundary=")[0]
        headers.pop("content-length")
        found.pop("length")
        found.pop("data", None)
        found.pop("data_hex", None)
    return found | {"headers": headers}


COMMANDS = [
    "curl {place}/a?b=c",
    "curl -sS '{place}/it'\\''s' -H 'A: b  c' -H \"X-Q: \\\"q\\\"\" --compressed",
    "curl {place}/p \\\n  -X PUT \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"a\": 1}}'",
    "curl {place}/p --data-raw $'a=\\'b\\'\\n\\u00e9\\x41' -H 'Accept:'",
    "curl {place}/p -d a=1 -d b=2",
    "curl -G {place}/p?x=y -d a=1 --data-urlencode 'b=c d&e'",
    "curl {place}/p --json '[1, 2]'",
    "curl -XDELETE {place}/p -A agent -e http://from/ -b 'c=d; e=f'",
    "curl -I {place}/head",
    "curl {place}/form -F a=b -F 'f=@{file};type=text/x' -F 'g=<{file}'",
    "curl -T {file} {place}/up",
    "curl --data-binary @{file} -H 'Content-Type: text/plain' {place}/up",
    "curl -u me:pa:ss {place}/login --basic",
    "curl -r 0-9 {place}/range --http1.1 -k -m 20",
]


def shell(command: str) -> bytes:
    ran = subprocess.run(
        ["bash", "-c", command], capture_output=True, timeout=PATIENCE, check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8", "PASSWORD": "pa:ss"},
    )  # fmt: skip
    return ran.stdout


@pytest.mark.peer("curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_curl_both_ways(command: str, place: str, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("one\ntwo\n")
    line = command.format(place=place, file=file)
    one = from_curl(line)[0].request
    theirs, ours, again = shell(line), body(told(one)), shell(one.as_shell())
    if " -I " in line:
        assert one.method == "HEAD"
        assert theirs.splitlines()[0] == again.splitlines()[0]
        return
    wanted = seen(theirs)
    if "-u " in line:
        assert one.password == "pa:ss"
    assert seen(ours) == wanted
    assert seen(again) == wanted


def test_logins_are_kept_out_of_sight(place: str) -> None:
    for line in (
        "-H 'Authorization: Bearer hush-hush'", "-H 'Authorization: Basic bWU6aHVzaC1odXNo'",
        "-H 'Authorization: Custom hush-hush'", "-u me:hush-hush", "--oauth2-bearer hush-hush",
    ):  # fmt: skip
        source = f"curl {place}/a {line}"
        one = from_curl(source)[0].request
        assert b"uthorization" in body(told(one)) or "-u" in line
        events = list(execute(http_import, HttpImport(source=(source,)), Scope(30.0)))
        text = " ".join(event.line() for event in events)
        assert "hush-hush" not in text
        assert "bWU6" not in text
        assert "-env NAME" in text
        request = HttpImport(source=(source,))
        assert "hush-hush" not in request.tried()
        assert "hush-hush" not in dump_request(request, secrets=False).decode()
    for source in (
        "curl http://me:hush-hush@h/", "curl -x http://me:hush-hush@p:1/ http://h/",
        "curl -U me:hush-hush -x p:1 http://h/",
    ):  # fmt: skip
        events = list(execute(http_import, HttpImport(source=(source,)), Scope(30.0)))
        assert "hush-hush" not in " ".join(event.line() for event in events)
        assert "password-env NAME" in events[0].line()


def test_a_file_that_is_saved_has_no_password(tmp_path: Path) -> None:
    saved = tmp_path / "saved.http"
    request = HttpImport(source=("curl -u me:hush-hush http://h/",), save=saved)
    events = list(execute(http_import, request, Scope(30.0)))
    assert "hush-hush" not in saved.read_text()
    assert any("$processEnv" in one.line() for one in events)
    nothing = list(execute(http_import, HttpImport(), Scope(30.0)))[-1]
    assert nothing.line().startswith("http import: nothing to import")


def test_what_is_not_taken_over_is_said() -> None:
    found = from_curl('curl http://h/ --limit-rate 1k --what -H "A: $TOKEN" | jq .')
    assert found[0].notes == (
        "$TOKEN is left as it stands", "what follows is left out: | jq .",
        "--limit-rate of curl is not taken over", "--what of curl is not taken over",
    )  # fmt: skip
    two = from_curl("curl http://a/ http://b/ --next -X PUT http://c/")
    assert [(one.request.method, one.request.url.host) for one in two] == [
        ("GET", "a"), ("GET", "b"), ("PUT", "c"),
    ]  # fmt: skip
    unix = from_curl("curl --unix-socket /run/x.sock http://localhost/v1?a")[0].request
    assert str(unix.url) == "http+unix://%2Frun%2Fx.sock/v1?a"


@pytest.mark.parametrize(
    "text",
    ["", "wget http://h/", "curl", "curl -H", "curl 'http://h/", "curl http://[/", "curl $'x",
     "curl --data-raw @x http://h/", "curl -m soon http://h/", 'curl "http://h'],
)  # fmt: skip
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(JobError):
        from_curl(text)


QUOTING = [
    "a 'b c' \"d e\" f\\ g", "'a'\"b\"c", "$'\\t\\n\\\\\\'\\x41\\101\\u00e9\\U1F600\\cA\\e\\q'",
    '"a\\"b\\\\c\\$d\\`e\\q"', "a\\\nb \\\n c", "'' \"\" $''", "$'a\\0b'x", "a#b", "\\'a\\'",
    "--x='y z' -H$'a\\'b'",
]  # fmt: skip


@pytest.mark.peer("bash")
def test_quoting_is_that_of_bash() -> None:
    for text in QUOTING:
        theirs = shell(f"printf '%s\\0' {text}")
        ours = b"".join(one.encode("utf-8", "surrogateescape") + b"\0" for one in Words(text).words)
        assert ours == theirs, text


@given(st.text(alphabet="curl -H'\"$\\@{}hd\n:/=x", max_size=40))
def test_any_command_is_taken_or_refused(text: str) -> None:
    try:
        from_curl("curl " + text)
    except (JobError, OSError):
        pass


# -- HAR ---------------------------------------------------------------------------------------

NEEDED: dict[str, dict[str, Any]] = {
    "log": {"version": str, "creator": dict, "entries": list},
    "entry": {"startedDateTime": str, "time": (int, float), "request": dict, "response": dict,
              "cache": dict, "timings": dict},
    "request": {"method": str, "url": str, "httpVersion": str, "cookies": list, "headers": list,
                "queryString": list, "headersSize": int, "bodySize": int},
    "response": {"status": int, "statusText": str, "httpVersion": str, "cookies": list,
                 "headers": list, "content": dict, "redirectURL": str, "headersSize": int,
                 "bodySize": int},
    "content": {"size": int, "mimeType": str},
    "timings": {"send": (int, float), "wait": (int, float), "receive": (int, float)},
}  # fmt: skip
"""What HAR 1.2 requires of each object, and of which type."""


def check_har(data: bytes) -> list[dict[str, Any]]:
    """A file's entries, once each has all that it needs."""

    def check(what: str, value: dict[str, Any]) -> None:
        for name, kind in NEEDED[what].items():
            assert isinstance(value[name], kind), (what, name)

    log = json.loads(data)["log"]
    check("log", log)
    for one in log["entries"]:
        for what, value in (
            ("entry", one), ("request", one["request"]), ("response", one["response"]),
            ("content", one["response"]["content"]), ("timings", one["timings"]),
        ):  # fmt: skip
            check(what, value)
        for pair in one["request"]["headers"] + one["response"]["headers"]:
            assert set(pair) == {"name", "value"}
        parts = [
            one["timings"].get(key, -1) for key in ("dns", "connect", "send", "wait", "receive")
        ]
        assert one["time"] == pytest.approx(sum(part for part in parts if part > 0))
    return list(log["entries"])


def test_har_out_and_in(place: str, tmp_path: Path) -> None:
    path = tmp_path / "one.har"
    words = ["POST", f"{place}/a?b=c%20d", "X:y", "--data-json", '{"a": "é"}', "--save", str(path)]
    ran = run("http", *words)
    assert ran.returncode == 0
    (entry,) = check_har(path.read_bytes())
    assert entry["request"]["queryString"] == [{"name": "b", "value": "c d"}]
    assert entry["request"]["postData"] == {"mimeType": "application/json", "text": '{"a": "é"}'}
    assert entry["response"]["status"] == 200
    assert entry["response"]["content"]["text"].encode() == ran.stdout
    assert entry["serverIPAddress"] == "127.0.0.1"
    (again,) = from_har(path.read_bytes())
    assert seen(body(told(again[0]))) == seen(ran.stdout)


def test_a_har_has_no_password(place: str) -> None:
    one = from_curl(f"curl -u me:hush-hush {place}/a --basic")[0].request
    data = har_document(told(one))
    check_har(data)
    sent = json.dumps(json.loads(data)["log"]["entries"][0]["request"])
    assert "hush-hush" not in sent
    assert "bWU6" not in sent


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b'{"log": 1}', b'{"log": {"entries": [1]}}', b"[" * 100_000,
     b'{"log": {"entries": [{"request": {"method": "GET", "url": "http://[/"}}]}}'],
)  # fmt: skip
def test_what_is_no_har(data: bytes) -> None:
    with pytest.raises(JobError):
        from_har(data)


# -- the job -----------------------------------------------------------------------------------


@pytest.mark.peer("curl")
def test_the_job_and_its_code(place: str, tmp_path: Path) -> None:
    source = f"curl '{place}/a' -H 'A: b' --data-raw c=d"
    saved = tmp_path / "saved.http"
    request = HttpImport(source=(source,), save=saved)
    events = list(execute(http_import, request, Scope(30.0)))
    (first,) = (one for one in events if isinstance(one, HttpImported))
    ours = seen(run(*first.words).stdout)
    assert ours == seen(shell(source)) | {"headers": ours["headers"]}
    assert ours["headers"]["a"] == "b"
    script = subprocess.run(
        [sys.executable, "-c", request.as_python()], capture_output=True, check=True
    )
    for theirs in (script.stdout, shell(request.as_shell())):
        assert seen(theirs)["form"] == ours["form"] == {"c": "d"}
        assert seen(theirs)["headers"]["a"] == "b"
    wanted = parse(saved.read_text()).entries[0].wanted
    assert wanted is not None
    assert wanted.url == f"{place}/a"
    assert ("A", "b") in wanted.headers
    named = run("http", "import", "curl", source)
    assert named.stdout == (first.line() + "\n").encode()
    piped = run("http", "import", "-", data=source.encode())
    assert piped.stdout == (first.line() + "\n").encode()
    assert run("http", "import", "nowhere.har").returncode == 1
