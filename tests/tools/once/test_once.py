"""One request to a script or an application: what it is given, what it gives, how it fails."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import events, run
from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.http.gateway.crash import Crash
from workbench.http.gateway.events import Said
from workbench.tools.once.asking import Breach, Environ, ProgramAnswer, ProgramBody
from workbench.tools.once.cgi import Cgi, cgi
from workbench.tools.once.wsgi import Wsgi, wsgi

PATIENCE = 60.0

APPS = """\
import sys, time

def app(environ, start_response):
    print("printed")
    print("told", file=environ["wsgi.errors"])
    start_response("201 Created", [("Content-Type", "text/plain"), ("X-A", "b")])
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_X_Q", "REMOTE_ADDR")
    return [repr([environ.get(name) for name in names]).encode(), b" ", body]

def broken(environ, start_response):
    password, n = "hush", 0
    return [str(1 / n).encode()]

def sloppy(environ, start_response):
    start_response("200 OK", [])
    return [b"x"]

def hang(environ, start_response):
    time.sleep(600)

def leave(environ, start_response):
    import os
    os._exit(3)

def make():
    return app
"""
SCRIPT = """\
#!/usr/bin/env python3
import os, sys
print("Status: 404 Not here")
print("Content-Type: text/plain")
print()
names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_X_Q", "SCRIPT_NAME")
print([os.environ.get(name) for name in names], sys.stdin.read(), end="")
print("told", file=sys.stderr)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Applications and scripts."""
    (tmp_path / "once_apps.py").write_text(APPS)
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "broken.py").write_text(
        "print('Content-Type: text/plain')\nprint()\n"
        "def go(n, password='hush'):\n    return 1 / n\ngo(0)\n"
    )
    for name, text in (
        ("plain.sh", r"printf 'Content-Type: text/plain\r\n\r\nhello '; cat"),
        ("none.sh", "echo hello"),
        ("nothing.sh", "exit 4"),
        ("short.sh", r"printf 'Content-Type: a/b\nContent-Length: 9\n\nabc'"),
        ("nph-all.sh", r"printf 'HTTP/1.1 299 Odd\r\nX: y\r\n\r\nabc'"),
        ("hang.sh", "sleep 600 & wait"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o700)
    return tmp_path


def told(job: Any, request: Any) -> list[Any]:
    """All that a run told, its end last."""
    one = start(job, request, process=False)
    one.wait(PATIENCE)
    batch = one.feed.drain()
    return [*batch.events, batch.ended]


def first(kind: type[Any], found: list[Any]) -> Any:
    """The first event of a kind."""
    return next(one for one in found if isinstance(one, kind))


# -- WSGI --------------------------------------------------------------------------------------


def test_an_application_is_given_the_request_and_its_answer_shown(folder: Path) -> None:
    request = Wsgi(
        app="once_apps:app", folder=folder, path="/a%20b?c=d", header=("X-Q: z",), data="hello",
        peer="192.0.2.7:1234",
    )  # fmt: skip
    found = told(wsgi, request)
    variables = dict(first(Environ, found).variables)
    assert variables["REQUEST_METHOD"] == "POST"
    assert variables["PATH_INFO"] == "/a b"
    assert variables["CONTENT_LENGTH"] == "5"
    answer = first(ProgramAnswer, found)
    assert (answer.status, answer.reason) == (201, "Created")
    assert ("X-A", "b") in answer.fields
    body = first(ProgramBody, found).data
    assert body == b"['POST', '/a b', 'c=d', 'z', '192.0.2.7'] hello"
    assert {one.text for one in found if isinstance(one, Said)} == {"printed", "told"}
    assert isinstance(found[-1], Done)


def test_a_factory_and_an_application_of_the_library(folder: Path) -> None:
    made = told(wsgi, Wsgi(app="once_apps:make()", folder=folder))
    assert first(ProgramAnswer, made).status == 201
    found = told(wsgi, Wsgi(app="wsgiref.simple_server:demo_app"))
    assert first(ProgramBody, found).data.startswith(b"Hello world!")


def test_a_failure_is_shown_with_its_frames_and_values(folder: Path) -> None:
    found = told(wsgi, Wsgi(app="once_apps:broken", folder=folder))
    crash = first(Crash, found)
    assert crash.title == "ZeroDivisionError: division by zero"
    values = {one.name: one.value for one in crash.frames[-1].values}
    assert values["n"] == "0"
    assert "hush" not in values["password"]
    assert "1 / n" in crash.frames[-1].code
    assert isinstance(found[-1], Failed)


def test_the_validator_says_which_rule_is_broken(folder: Path) -> None:
    found = told(wsgi, Wsgi(app="once_apps:sloppy", folder=folder))
    assert "Content-Type" in first(Breach, found).text
    assert isinstance(found[-1], Failed)
    without = told(wsgi, Wsgi(app="once_apps:sloppy", folder=folder, validate=False))
    assert first(ProgramBody, without).data == b"x"
    assert isinstance(without[-1], Done)


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("once_apps:hang", "not over after 1s"),
        ("once_apps:leave", "status 3"),
        ("once_apps:nothing", "no name 'nothing'"),
        ("no_such_module:app", "No module named"),
        ("not a name", "does not name an application"),
    ],
)
def test_what_cannot_be_called(folder: Path, app: str, says: str) -> None:
    end = told(wsgi, Wsgi(app=app, folder=folder, timeout=1.0 if "hang" in app else 30.0))[-1]
    assert isinstance(end, Failed)
    assert says in end.line()


def test_the_code_calls_it_too(folder: Path) -> None:
    request = Wsgi(app="once_apps:app", folder=folder, path="/x?y", data="hello")
    ours = first(ProgramBody, told(wsgi, request)).data
    for words in (
        [sys.executable, "-c", request.as_python()],
        ["bash", "-c", request.as_shell().replace("python3", sys.executable, 1)],
    ):
        out = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=True).stdout
        assert b"201 Created" in out
        assert out.endswith(ours)


# -- CGI ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
def test_a_script_is_given_the_request_and_its_answer_shown(folder: Path, bare: bool) -> None:
    request = Cgi(
        script=folder / "script.py", path="/in%20fo?c=d", header=("X-Q: z",), data="hello",
        bare=bare,
    )  # fmt: skip
    found = told(cgi, request)
    variables = dict(first(Environ, found).variables)
    assert variables["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert variables["PATH_TRANSLATED"] == f"{folder}/in fo"
    answer = first(ProgramAnswer, found)
    assert (answer.status, answer.reason) == (404, "Not here")
    body = first(ProgramBody, found).data
    assert body == b"['POST', '/in fo', 'c=d', 'z', '/cgi-bin/script.py'] hello"
    assert "told" in [one.text for one in found if isinstance(one, Said)]
    assert isinstance(found[-1], Done)


def test_nothing_of_our_environment_reaches_it(folder: Path) -> None:
    (folder / "env.sh").write_text("#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'; env\n")
    (folder / "env.sh").chmod(0o700)
    fields = ("Proxy: evil", "Authorization: Basic x")
    found = told(cgi, Cgi(script=folder / "env.sh", header=fields))
    names = {line.partition(b"=")[0] for line in first(ProgramBody, found).data.split(b"\n")}
    assert not names & {b"HOME", b"HTTP_PROXY", b"HTTP_AUTHORIZATION"}


def test_a_failing_script_is_shown_with_its_frames_and_values(folder: Path) -> None:
    found = told(cgi, Cgi(script=folder / "broken.py"))
    crash = first(Crash, found)
    assert crash.title == "ZeroDivisionError: division by zero"
    assert [frame.function for frame in crash.frames] == ["<module>", "go"]
    assert {one.name for one in crash.frames[-1].values} == {"n", "password"}
    assert "hush" not in str(crash.frames[-1].values)
    assert isinstance(found[-1], Failed)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none.sh", "no field: 'hello'"),
        ("nothing.sh", "status 4"),
        ("hang.sh", "not over after 1s"),
        ("gone.sh", "is no file"),
    ],
)
def test_what_is_no_answer(folder: Path, name: str, says: str) -> None:
    end = told(cgi, Cgi(script=folder / name, timeout=1.0 if "hang" in name else 30.0))[-1]
    assert isinstance(end, Failed)
    assert says in end.line()


def test_what_is_wrong_is_said_and_what_it_gave_shown(folder: Path) -> None:
    found = told(cgi, Cgi(script=folder / "short.sh"))
    assert "Content-Length says 9, it printed 3" in first(Breach, found).text
    assert first(ProgramBody, found).data == b"abc"
    whole = told(cgi, Cgi(script=folder / "nph-all.sh"))
    assert first(ProgramAnswer, whole).status == 299


def test_a_script_that_is_not_executable_wants_an_interpreter(folder: Path) -> None:
    (folder / "plain.sh").chmod(stat.S_IRUSR)
    end = told(cgi, Cgi(script=folder / "plain.sh"))[-1]
    assert isinstance(end, Failed)
    assert "--interpreter" in end.line()
    found = told(cgi, Cgi(script=folder / "plain.sh", interpreter="/bin/sh", data="you"))
    assert first(ProgramBody, found).data == b"hello you"


@pytest.mark.parametrize("name", ["script.py", "plain.sh"])
def test_the_code_runs_it_too(folder: Path, name: str) -> None:
    request = Cgi(script=folder / name, path="/x?y", data="hello", bare=True)
    ours = first(ProgramBody, told(cgi, request)).data
    for words in ([sys.executable, "-c", request.as_python()], ["bash", "-c", request.as_shell()]):
        out = subprocess.run(words, capture_output=True, timeout=PATIENCE, check=True).stdout
        assert out.endswith(ours)


def test_what_runs_is_ended_with_all_it_started(folder: Path) -> None:
    """The sleep that the script has put behind itself, too: it holds the pipe's other end."""
    fifo = folder / "alive"
    os.mkfifo(fifo)
    (folder / "hang.sh").write_text(f"#!/bin/sh\nexec 9>{fifo}\nsleep 600 &\nwait\n")
    one = start(cgi, Cgi(script=folder / "hang.sh"), process=False)
    with fifo.open("rb") as alive:  # opens when the script has opened it
        one.cancel()
        assert alive.read() == b"", "nobody holds it any more"
    one.wait(PATIENCE)
    ended = one.feed.drain().ended
    assert isinstance(ended, Failed)
    assert ended.cancelled


def test_the_command_line(folder: Path) -> None:
    done = run("cgi", str(folder / "plain.sh"), "--data", "you")
    assert done.stdout == b"hello you"
    assert b"GATEWAY_INTERFACE" in done.stderr
    called = run("wsgi", "once_apps:app", "--folder", str(folder), "--json")
    kinds = [one["type"] for one in events(called.stdout)]
    assert kinds[0] == "environ"
    assert kinds[-3:] == ["program-answer", "program-body", "done"]
    assert run("wsgi", "once_apps:broken", "--folder", str(folder)).returncode == 1
