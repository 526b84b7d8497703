"""serve xmlrpc as a real process, called by xmlrpc.client."""

from __future__ import annotations

import http.client
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import run
from tests.http.gateway.running import Serving, serving, until
from tests.http.gateway.test_wsgi import free, write
from workbench.core.endpoint import Endpoint
from workbench.http.xmlrpc.serve import ServeXmlrpc

FUNCTIONS = '''
import datetime, os, time
from os.path import join

def twice(text: str, times: int = 2) -> str:
    """The text so many times."""
    return text * times

def plain(a, b=None):
    return [a, b]

def later(when: datetime.datetime) -> datetime.datetime:
    return when + datetime.timedelta(days=1)

def turn(data: bytes) -> bytes:
    return data[::-1]

def nothing() -> None:
    return None

def fails(secret):
    raise KeyError("what")

def unsendable():
    return object()

def hang():
    time.sleep(3600)

def leave():
    os._exit(1)

def _private():
    return 1
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("functions")
    (made / "own.py").write_text(FUNCTIONS)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Serving]:
    with serving("xmlrpc", "--functions", "own.py", folder=folder) as one:
        yield one


def proxy(one: Serving) -> Any:
    return xmlrpc.client.ServerProxy(one.endpoint, allow_none=True, use_builtin_types=True)


def fault_of(call: Callable[..., Any], *values: Any) -> xmlrpc.client.Fault:
    with pytest.raises(xmlrpc.client.Fault) as caught:
        call(*values)
    return caught.value


def test_calls_of_every_type(served: Serving) -> None:
    with proxy(served) as own:
        assert own.twice("ab") == "abab"
        assert own.twice("é", 3) == "ééé"
        assert own.plain([1, {"a": 2.5}], True) == [[1, {"a": 2.5}], True]
        assert own.plain(None) == [None, None]
        assert own.later(datetime(2026, 12, 31, 1, 2, 3)) == datetime(2027, 1, 1, 1, 2, 3)
        assert own.turn(bytes(range(256))) == bytes(range(256))[::-1]
        assert own.nothing() is None
        assert own.turn(b"x" * 1_000_000) == b"x" * 1_000_000


def test_introspection(served: Serving) -> None:
    with proxy(served) as own:
        names = own.system.listMethods()
        assert names == sorted(
            [
                *("twice", "plain", "later", "turn", "nothing", "fails", "unsendable", "hang"),
                *("leave", "system.listMethods", "system.methodHelp", "system.methodSignature"),
                "system.multicall",
            ]
        )
        assert own.system.methodHelp("twice") == "The text so many times."
        assert own.system.methodHelp("plain") == "plain(a, b=None)"
        assert own.system.methodSignature("twice") == [["string", "string", "int"]]
        assert own.system.methodSignature("later") == [["dateTime.iso8601"] * 2]
        assert own.system.methodSignature("nothing") == [["nil"]]
        assert own.system.methodSignature("plain") == "undef"
        assert all(isinstance(own.system.methodHelp(name), str) for name in names)


def test_multicall(served: Serving) -> None:
    with proxy(served) as own:
        many = xmlrpc.client.MultiCall(own)
        many.twice("a")
        many.fails(1)
        many.unsendable()
        many.none()
        many.twice("b")
        results = many()
        assert (results[0], results[4]) == ("aa", "bb")
        for number, words in ((1, "KeyError"), (2, "cannot be sent"), (3, "no method 'none'")):
            with pytest.raises(xmlrpc.client.Fault, match=words):
                results[number]
        assert "takes one array" in fault_of(own.system.multicall, 1).faultString
        inside = own.system.multicall([{"methodName": "system.multicall", "params": [[]]}, 5])
        assert [one["faultCode"] for one in inside] == [-32602, -32602]


def test_faults_in_words(served: Serving) -> None:
    with proxy(served) as own:
        fault = fault_of(own.fails, "hunter2")
        assert fault.faultCode == -32500
        assert fault.faultString == "fails: KeyError: 'what'"
        crash = served.wait("crash")
        assert crash["kind"] == "KeyError"
        assert crash["frames"][-1]["function"] == "fails"
        assert "hunter2" not in str(crash)
        assert fault_of(own.none).faultCode == -32601
        assert fault_of(own._private).faultCode == -32601
        assert fault_of(own.join, "a", "b").faultCode == -32601
        assert fault_of(own.__getattr__("twice.__class__")).faultCode == -32601
        wrong = fault_of(own.twice)
        assert (wrong.faultCode, "text" in wrong.faultString) == (-32602, True)
        assert "cannot be sent" in fault_of(own.unsendable).faultString


def test_what_is_no_call(served: Serving) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "b">]><methodCall><methodName>&b;</methodName></methodCall>'
    got = served.ask("/", "POST", bomb)
    assert got.status == 200
    with pytest.raises(xmlrpc.client.Fault, match="document type"):
        xmlrpc.client.loads(got.body)
    got = served.ask("/")
    assert (got.status, got.fields["Allow"]) == (405, "POST")
    assert served.ask("/", "POST", b"x", {"Content-Encoding": "gzip"}).status == 415
    assert served.ask("/", "POST", bytes((8 << 20) + 1)).status == 413


def test_a_call_that_hangs_or_ends_its_process(folder: Path) -> None:
    words = ("--functions", "own", "--request-timeout", "1")
    with serving("xmlrpc", *words, folder=folder) as one, proxy(one) as own:
        for name, status in (("hang", 504), ("leave", 502)):
            with pytest.raises((xmlrpc.client.ProtocolError, http.client.HTTPException)) as caught:
                getattr(own, name)()
            assert getattr(caught.value, "errcode", status) == status
            assert own.twice("a") == "aa"


def test_changed_functions_take_over(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def f():\n    return 1\n")
    with serving("xmlrpc", "--functions", str(file), folder=tmp_path.parent) as one:
        one.ready()
        with proxy(one) as own:
            assert own.f() == 1
            write(file, "__all__ = ['g']\ndef f():\n    return 1\ndef g():\n    return 'new'\n")
            one.note("has changed")
            assert own.g() == "new"
            assert fault_of(own.f).faultCode == -32601


def test_the_demo(tmp_path: Path) -> None:
    with serving("xmlrpc", folder=tmp_path) as one, proxy(one) as own:
        assert own.add(2, 3) == 5
        assert own.echo("a", 1) == ["a", 1]
        assert isinstance(own.now(), datetime)
        assert own.system.methodSignature("add") == [["int", "int", "int"]]


def test_a_file_that_is_not_there_is_said_at_once() -> None:
    found = run("serve", "xmlrpc", "http://127.0.0.1:0/", "--functions", "/no/such.py")
    assert found.returncode == 1
    assert "no file /no/such.py" in found.stderr.decode()


def python(request: ServeXmlrpc) -> list[str]:
    return [sys.executable, "-c", request.as_python()]


def shell(request: ServeXmlrpc) -> list[str]:
    return ["sh", "-c", f"exec {request.as_shell()}"]


def posted(end: Endpoint, method: str, *values: Any) -> Any:
    """A call through curl, which reaches Unix sockets too; None until somebody answers."""
    where = ["--unix-socket", end.unix_path] if end.is_unix else []
    base = "http://localhost/" if end.is_unix else f"http://{end.authority}/"
    command = ["curl", "-s", "-m", "20", "-H", "Content-Type: text/xml", *where]
    found = subprocess.run(
        [*command, "--data-binary", "@-", base],
        input=xmlrpc.client.dumps(values, method, allow_none=True).encode(),
        capture_output=True,
        check=False,
    )
    if found.returncode:
        return None
    return xmlrpc.client.loads(found.stdout, use_builtin_types=True)[0][0]


@pytest.mark.peer("curl")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("functions", ["", "own.py", "own"])
@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:0/", "http://[::1]:0/", "unix:{folder}/a socket"]
)
def test_the_code_serves_the_same(
    endpoint: str, functions: str, code: Callable[[ServeXmlrpc], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(FUNCTIONS)
    end = free(endpoint, tmp_path)
    request = ServeXmlrpc(endpoint=end, functions=functions)
    call = ("twice", "ab", 2) if functions else ("add", 2, 3)
    with subprocess.Popen(
        code(request), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            until(lambda: posted(end, *call) is not None)
            theirs = (posted(end, *call), posted(end, "system.listMethods"))
        finally:
            child.kill()
    if end.is_unix:
        Path(end.unix_path).unlink()
    words = ("--functions", functions) if functions else ()
    with serving("xmlrpc", *words, folder=tmp_path, endpoint=str(end)):
        assert (posted(end, *call), posted(end, "system.listMethods")) == theirs
