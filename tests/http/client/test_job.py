"""The job `http` from a user's seat, and its code against what it does itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import PATIENCE, events, next_event, run, server, started
from tests.http.client.peers import answering, listening, read_head
from workbench.core.arguments import parse_line
from workbench.core.events import Failed
from workbench.core.job import dump_request, execute, load_request
from workbench.core.message import Event, decode_event, encode
from workbench.core.scope import Scope
from workbench.http.client.events import (
    HttpAuth,
    HttpBody,
    HttpConnection,
    HttpHead,
    HttpPhases,
    HttpRedirect,
    HttpSent,
    HttpWire,
)
from workbench.http.client.job import Http, http
from workbench.http.client.telling import mask, mask_frames

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NO_PROXY = {"http_proxy": "", "https_proxy": "", "HTTP_PROXY": "", "HTTPS_PROXY": ""}


@pytest.fixture(scope="module")
def inspector() -> Iterator[str]:
    """The URL of an inspector, which answers each request with itself as JSON."""
    words = ["serve", "inspect", "http://127.0.0.1:0", "--json"]
    with started(words) as child:
        url: str = next_event(child)["endpoint"]
        assert child.stdout is not None
        # It tells every request, and would wait for ever for whom does not read.
        drain = threading.Thread(target=child.stdout.read)
        drain.start()
        yield url.rstrip("/")
        child.terminate()
        drain.join(PATIENCE)


def done(*words: str, **secrets: Any) -> list[Event]:
    """The events of a run in this process; the last one is Done or Failed."""
    request = parse_line(http, list(words), secrets)
    return list(execute(http, request, Scope(30.0)))


def of(found: list[Event], kind: type[Any]) -> Any:
    """The last event of a kind."""
    return [one for one in found if isinstance(one, kind)][-1]


def body(found: list[Event]) -> bytes:
    """The body of the last response."""
    return b"".join(one.data for one in found if isinstance(one, HttpBody))


# -- what is typed ----------------------------------------------------------------------------


def test_the_body_is_on_standard_output_and_the_rest_on_standard_error(inspector: str) -> None:
    ran = run("http", "GET", f"{inspector}/a", "X-One:1", "q==two words", env=NO_PROXY)
    assert ran.returncode == 0, ran.stderr
    got = json.loads(ran.stdout)
    assert (got["target"], got["headers"]["X-One"]) == ("/a?q=two%20words", "1")
    for line in ("> GET /a?q=two%20words HTTP/1.1", "< HTTP/1.1 200 OK", "* connection", "connect"):
        assert line in ran.stderr.decode()


def test_a_url_without_a_scheme_is_http(inspector: str) -> None:
    ran = run("http", "GET", inspector.removeprefix("http://"), "--quiet", env=NO_PROXY)
    assert json.loads(ran.stdout)["target"] == "/"
    assert ran.stderr == b""


def test_fields_that_are_left_out_and_empty_ones(inspector: str) -> None:
    got = json.loads(body(done("GET", inspector, "User-Agent:", "X-Empty;", "accept:x/y")))
    assert "User-Agent" not in got["headers"]
    assert got["headers"]["X-Empty"] == ""
    assert got["headers"]["accept"] == "x/y"


def test_json_from_items(inspector: str) -> None:
    got = json.loads(body(done("POST", inspector, "name=Zoë", "age:=5", "tags:=[1,null]")))
    assert got["json"] == {"name": "Zoë", "age": 5, "tags": [1, None]}
    assert got["headers"]["Content-Type"] == "application/json"


def test_a_body_from_standard_input(inspector: str) -> None:
    ran = run("http", "PUT", inspector, "--data=@-", data=b"piped", env=NO_PROXY)
    got = json.loads(ran.stdout)
    assert got["data"] == "piped"
    assert got["headers"]["Transfer-Encoding"] == "chunked"


@pytest.mark.parametrize("words", [["--raw=-"], ["--data=a", "--data=@-"]])
def test_a_silent_standard_input_does_not_hold_up_a_cancel(
    words: list[str], inspector: str
) -> None:
    read, write = os.pipe()
    scope = Scope(30.0, input=read)
    timer = threading.Timer(0.2, scope.cancel)
    timer.start()
    last = list(execute(http, parse_line(http, ["POST", inspector, *words]), scope))[-1]
    timer.join()
    assert isinstance(last, Failed)
    assert last.cancelled
    os.close(read)
    os.close(write)


def test_a_body_from_a_pipe_by_its_name(inspector: str) -> None:
    line = f"{sys.executable} -m workbench http PUT {inspector} --data=@<(printf piped) --quiet"
    ran = subprocess.run(
        ["bash", "-c", f"{line} --proxy=none"], capture_output=True, timeout=PATIENCE, check=True
    )
    assert json.loads(ran.stdout)["data"] == "piped"


def test_raw_bytes_from_standard_input(inspector: str) -> None:
    raw = b"GET /piped HTTP/1.1\r\nHost: a\r\n\r\n"
    ran = run("http", "GET", inspector, "--raw=-", data=raw, env=NO_PROXY)
    assert json.loads(ran.stdout)["target"] == "/piped"


def test_raw_bytes(inspector: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(b"BREW /x HTTP/1.1\r\nhOST: a\r\nX-Raw: \xe9\r\n\r\n")
    got = json.loads(body(done("GET", inspector, f"--raw={raw}")))
    assert (got["method"], list(got["headers"])) == ("BREW", ["hOST", "X-Raw"])


WRONG = [
    (["GET", "ftp://a/"], "no scheme of HTTP"),
    (["GE T", "http://127.0.0.1:1/"], "cannot be a method"),
    (["GET", "http://127.0.0.1:1/", "what"], "not understood after the URL"),
    (["GET", "http://127.0.0.1:1/", "a:=x"], "no JSON"),
    (["GET", "http://127.0.0.1:1/", "--data-json={"], "no JSON"),
    (["GET", "http://127.0.0.1:1/", "--header=a b: c"], "name of a header field"),
    (["GET", "http://127.0.0.1:1/", "--header=a:b\r\nc:d"], "line's end"),
    (["GET", "http://127.0.0.1:1/", "--data=a", "--form=b=c"], "each give a body"),
    (["GET", "http://127.0.0.1:1/", "--form=b"], "no form field"),
    (["GET", "http://127.0.0.1:1/", "--form=b=@/none"], "no such file"),
    (["GET", "http://127.0.0.1:1/", "--data=@/none"], "no such path"),
    (["GET", "http://127.0.0.1:1/", "--query=a"], "pair of a query"),
    (["GET", "http://127.0.0.1:1/", "--resolve=a:b:c"], "pins no address"),
    (["GET", "http://127.0.0.1:1/", "--proxy=gopher://a"], "no kind of proxy"),
    (["GET", "http://127.0.0.1:1/", "--proxy=http://u:p@a"], "could be read by others"),
    (["GET", "http://127.0.0.1:1/", "--request-target=a b"], "request target"),
    (["GET", "http://127.0.0.1:1/", "--proxy=none"], "refused"),
    (["GET", "https://127.0.0.1:1/", "--ca=/none", "--proxy=none"], "refused"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_cannot_be_is_said_in_one_line(words: list[str], said: str) -> None:
    failed = done(*words)[-1]
    assert said in failed.line()
    assert "fault in the workbench" not in failed.line()
    assert "\n" not in failed.line()


# -- what is told -----------------------------------------------------------------------------


def test_redirects_are_told_and_only_the_last_body_is_given() -> None:
    hop = b"HTTP/1.1 302 Found\r\nLocation: /end#here\r\nContent-Length: 3\r\n\r\nhop"
    with listening(answering(hop, OK)) as port:
        url = f"http://127.0.0.1:{port}/"
        found = done("POST", url, "--data=x", "--follow", "--proxy=none")
        assert body(found) == b"ok"
        told = of(found, HttpRedirect)
        assert told.url == f"{url}end#here"
        assert "POST becomes GET" in told.changed
        assert of(found, HttpConnection).uses == 1
    with listening(answering(hop)) as port:
        assert body(done("GET", f"http://127.0.0.1:{port}/", "--proxy=none")) == b"hop"


def test_the_body_of_a_redirect_that_is_not_followed_is_given() -> None:
    hop = b"HTTP/1.1 302 Found\r\nLocation: ftp://x/\r\nContent-Length: 3\r\n\r\nhop"
    with listening(answering(hop)) as port:
        found = done("GET", f"http://127.0.0.1:{port}/", "--follow", "--proxy=none")
    assert "another scheme" in of(found, HttpRedirect).why_not
    assert body(found) == b"hop"


def test_output_goes_to_a_file(tmp_path: Path, inspector: str) -> None:
    path = tmp_path / "out"
    found = done("GET", inspector, f"--output={path}", "--proxy=none")
    assert body(found) == b""
    assert json.loads(path.read_bytes())["method"] == "GET"


def test_a_body_that_is_too_large_ends_it() -> None:
    with listening(answering(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1000))) as port:
        found = done("GET", f"http://127.0.0.1:{port}/", "--max-body=999", "--proxy=none")
    assert "larger than" in found[-1].line()


def test_fail_counts_a_bad_status() -> None:
    gone = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(gone)) as port:
        url = f"http://127.0.0.1:{port}/"
        assert run("http", "GET", url, "--proxy=none").returncode == 0
        assert run("http", "GET", url, "--proxy=none", "--fail").returncode == 1


def test_the_phases_and_the_wire() -> None:
    with listening(answering(OK)) as port:
        found = done("GET", f"http://127.0.0.1:{port}/", "--verbose", "--proxy=none")
    names = [bar.name for bar in of(found, HttpPhases).bars]
    assert names == ["connect", "send", "wait", "download"]
    wire = [one for one in found if isinstance(one, HttpWire)]
    assert [one.sent for one in wire] == [True, False]
    assert wire[1].data == OK


def test_what_breaks_off_tells_its_times_up_to_there() -> None:
    with listening(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")) as port:
        found = done("GET", f"http://127.0.0.1:{port}/", "--proxy=none")
    told = of(found, HttpPhases)
    assert not told.whole
    assert [bar.name for bar in told.bars] == ["connect", "send", "wait", "download"]
    assert "broken off after" in told.line()
    assert "3 of 9 bytes" in found[-1].line()
    assert body(found) == b"abc"


def test_events_go_through_json() -> None:
    with listening(answering(OK)) as port:
        url = f"http://127.0.0.1:{port}/"
        ran = run("http", "GET", url, "--json", "--verbose", "--proxy=none")
    kinds = [one["type"] for one in events(ran.stdout)]
    assert kinds[0] == "http-connection"
    assert kinds[-1] == "done"
    assert {"http-sent", "http-wire", "http-head", "http-body", "http-end", "http-phases"} <= {
        *kinds
    }


# -- secrets ----------------------------------------------------------------------------------


def test_passwords_are_masked_wherever_they_are_told() -> None:
    with listening(answering(OK)) as port:
        url = f"http://127.0.0.1:{port}/"
        options = ["--verbose", "--proxy=none", "--auth=basic", "--user=alice"]
        found = done("GET", url, *options, password="open sesame")
        told = b"".join(dump(one) for one in found)
        assert b"open sesame" not in told
        assert b"YWxpY2U6b3BlbiBzZXNhbWU" not in told
        assert "Authorization: Basic ****" in of(found, HttpSent).head
        found = done("GET", url, "--verbose", "--proxy=none", bearer="t0ken")
        assert b"t0ken" not in b"".join(dump(one) for one in found)
    request = parse_line(http, ["GET", f"http://bob:secret@127.0.0.1:{port}/"], {"password": "pw"})
    assert b"secret" not in dump_request(request, secrets=False)
    for code in (request.as_python(), request.as_shell()):
        assert "pw" not in code.replace("$PASSWORD", "")
        assert "secret" not in code


def test_a_secret_field_is_sent_and_seen_nowhere() -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    with listening(talk) as there:
        hop = b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n"
        with listening(answering(hop % there)) as here:
            words = ["GET", f"http://127.0.0.1:{here}/", "--verbose", "--proxy=none", "--follow"]
            found = done(*words, secret_header="X-Key: k3y value")
            assert b"k3y" not in b"".join(dump(one) for one in found)
            assert (
                "X-Key: *********" in next(one for one in found if isinstance(one, HttpSent)).head
            )
            assert of(found, HttpRedirect).dropped == ("X-Key",)
    assert b"X-Key" not in got[0]
    request = parse_line(http, ["GET", "http://a/"], {"secret_header": "X-Key: k3y"})
    assert b"k3y" not in dump_request(request, secrets=False)
    assert "k3y" not in request.as_python() + request.as_shell()
    assert "no field" in done("GET", "http://a/", secret_header="k3y")[-1].line()
    assert "k3y" not in done("GET", "http://a/", secret_header="k3y")[-1].line()


def test_authorization_is_not_typed_where_history_keeps_it() -> None:
    for words in (["Authorization:Basic x"], ["--header=proxy-authorization: y"]):
        assert "stay in the history" in done("GET", "http://127.0.0.1:1/", *words)[-1].line()


def dump(event: Event) -> bytes:
    """An event with its bytes as they are."""
    return repr(event).encode()


def test_masks_keep_lengths() -> None:
    head = (
        b"GET / HTTP/1.1\r\nAuthorization: Basic abcd=\r\nproxy-authorization: Bearer x.y\r\n\r\n"
    )
    assert len(mask(head)) == len(head)
    assert b"abcd" not in mask(head)
    assert b"x.y" not in mask(head)
    frame = b"\x00\x00\x03\x01\x05\x00\x00\x00\x01abc\x00\x00\x01\x00\x01\x00\x00\x00\x01z"
    assert mask_frames(frame) == frame.replace(b"abc", bytes(3))


def test_a_challenge_is_answered_and_told() -> None:
    asks = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\nno"
    with listening(answering(asks, OK)) as port:
        found = done("GET", f"http://127.0.0.1:{port}/", "--proxy=none", "--user=a", password="b")
    assert body(found) == b"ok"
    assert of(found, HttpAuth).how == "Basic"
    with listening(answering(asks, asks)) as port:
        found = done("GET", f"http://127.0.0.1:{port}/", "--proxy=none", "--user=a", password="b")
    assert body(found) == b"no"
    assert "refused" in of(found, HttpAuth).how
    assert of(found, HttpHead).status == 401


def test_cookies_are_kept_in_a_file(tmp_path: Path) -> None:
    jar = tmp_path / "jar"
    sets = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Max-Age=99\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(sets)) as port:
        done("GET", f"http://127.0.0.1:{port}/", f"--cookies={jar}", "--proxy=none")
        found = done("GET", f"http://127.0.0.1:{port}/", f"--cookies={jar}", "--proxy=none")
    assert "Cookie: a=b" in of(found, HttpSent).head


def test_every_event_comes_back_from_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sets = b"HTTP/1.1 302 F\r\nSet-Cookie: a=b\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    asks = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    ends = OK.replace(b"\r\n\r\n", b"\r\nA: b\r\n\r\n")
    with listening(answering(asks, sets, ends)) as port:
        words = ["POST", f"http://127.0.0.1:{port}/", "--verbose", "--follow", "--data=x"]
        found = done(*words, "--proxy=none", "--user=u", "--cookies=jar", password="p")
    kinds = {type(one).__name__ for one in found}
    assert {"HttpAuth", "HttpRedirect", "HttpCookie", "HttpContent", "HttpEnd"} <= kinds
    for one in found:
        assert decode_event(encode(one)) == one
        assert one.line() is not None
        assert one.size() >= 256


def test_a_request_goes_through_json() -> None:
    words = ["POST", "http://a/", "x:y", "--form=a=b", "--http=2", "--resolve=a:80:127.0.0.1"]
    request = parse_line(http, words)
    assert load_request(http, dump_request(request, secrets=True)) == request


# -- as code ------------------------------------------------------------------------------------


def code(request: Http, how: str, data: bytes = b"", **env: str) -> bytes:
    """What a request's code writes."""
    python = [sys.executable, "-c", request.as_python()]
    words = python if how == "python" else ["sh", "-c", request.as_shell()]
    ran = subprocess.run(
        words, input=data, capture_output=True, timeout=PATIENCE, check=False,
        env={**os.environ, **NO_PROXY, **env},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


SAME = [
    ["GET", "{url}/a?b=c"],
    ["GET", '{url}/it\'s "here"/é'.replace(" ", "%20").replace('"', "%22")],
    ["POST", "{url}/", "X-One:1", "q==2", "name=Zoë", "n:=3"],
    ["POST", "{url}/", "--data=a=b", "--data=c=d"],
    ["POST", "{url}/", '--data=it\'s "quoted" $HOME'],
    ["PUT", "{url}/", "--data=@{file}"],
    ["POST", "{url}/", "--data=@-"],
    ["PATCH", "{url}/", '--data-json={{"a": [1]}}'],
    ["POST", "{url}/", "--form=a=b", "--form=f=@{file}"],
    ["POST", "{url}/", "--urlencoded=a=b c", "--urlencoded=d=é&"],
    ["DELETE", "{url}/x"],
    ["OPTIONS", "{url}/x", "X-Empty;"],
    ["GET", "{url}/x", "--user=alice", "--auth=basic"],
    ["GET", "{url}/x", "--follow"],
    ["GET", "{url}/x", "--secret-header"],
    ["GET", "http://pinned.test:{port}/x", "--resolve=pinned.test:{port}:127.0.0.1"],
    ["BREW", "{url}/pot", "--raw={raw}"],
]


@pytest.mark.peer("curl", "socat")
@pytest.mark.parametrize("how", ["python", "shell"])
@pytest.mark.parametrize("words", SAME, ids=[" ".join(words[:1] + words[2:]) for words in SAME])
def test_the_code_asks_for_the_same(
    words: list[str], how: str, inspector: str, tmp_path: Path
) -> None:
    file, raw = tmp_path / "a file", tmp_path / "raw"
    file.write_bytes(b"line one\r\nline two\n")
    raw.write_bytes(b"BREW /pot HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    filled = [
        word.format(url=inspector, file=file, raw=raw, port=inspector.rpartition(":")[2])
        for word in words
        if word != "--secret-header"
    ]
    secret = {"password": "pw: x"} if "--user=alice" in filled else {}
    if "--secret-header" in words:
        secret = {"secret_header": "X-Key: pw: x"}
    request = parse_line(http, [*filled, "--proxy=none"], secret)
    theirs = code(request, how, b"from stdin", PASSWORD="pw: x", SECRET_HEADER="X-Key: pw: x")
    if request.raw is not None:
        theirs = theirs.partition(b"\r\n\r\n")[2]
        ours = json.loads(body(list(execute(http, request, Scope(30.0)))))
    else:
        ran = run("http", *filled, "--proxy=none", "--quiet", *(
            f"--{name.replace('_', '-')}-env=SECRET" for name in secret
        ), data=b"from stdin", env={"SECRET": next(iter(secret.values()), "")})  # fmt: skip
        ours = json.loads(ran.stdout)
    assert comparable(json.loads(theirs)) == comparable(ours)


def comparable(got: dict[str, Any]) -> dict[str, Any]:
    """What must be alike: not what each client says of itself, nor its boundary."""
    own = {"User-Agent", "Accept", "Accept-Encoding", "Connection", "Content-Length"}
    own |= {"Transfer-Encoding", "Host", "Expect"}
    fields = {name.title(): value for name, value in got["headers"].items()}
    kind = fields.get("Content-Type", "")
    data = got["data"]
    if "boundary=" in kind:
        boundary = kind.partition("boundary=")[2]
        data = data.replace(boundary, "B")
        fields["Content-Type"] = kind.replace(boundary, "B")
    kept = {name: value for name, value in fields.items() if name not in own}
    return {"method": got["method"], "target": got["target"], "data": data, "fields": kept}


@pytest.mark.peer("curl")
@pytest.mark.parametrize("how", ["python", "shell"])
def test_the_code_writes_the_file(how: str, inspector: str, tmp_path: Path) -> None:
    path = tmp_path / "it's"
    request = parse_line(http, ["GET", f"{inspector}/f", f"--output={path}", "--proxy=none"])
    assert code(request, how) == b""
    assert json.loads(path.read_bytes())["target"] == "/f"


@pytest.mark.peer("curl")
@pytest.mark.parametrize("how", ["python", "shell"])
def test_the_code_speaks_to_a_unix_socket(how: str, tmp_path: Path) -> None:
    with server("inspect", f"unix:{tmp_path}/s") as endpoint:
        request = parse_line(http, ["GET", f"unix:{tmp_path}/s"])
        assert json.loads(code(request, how))["target"] == "/"
        assert json.loads(body(list(execute(http, request, Scope(30.0)))))["target"] == "/"
        assert endpoint
