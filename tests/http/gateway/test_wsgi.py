"""serve wsgi as a real process: PEP 3333, and applications that misbehave."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, run
from tests.http.gateway.running import Serving, is_alive, serving, until
from tests.http.serving import read_to_end, statuses
from workbench.core.endpoint import Endpoint, parse
from workbench.http.gateway.wsgi import ServeWsgi

pytestmark = pytest.mark.peer("curl")

APPLICATION = """
import os, sys, time, ctypes, hashlib, subprocess

def text(start, body, status="200 OK", fields=()):
    start(status, [("Content-Type", "text/plain"), *fields])
    return [body]

class Closing:
    def __init__(self, pieces): self.pieces = pieces
    def __iter__(self): return iter(self.pieces)
    def close(self): print("closed", file=sys.stderr, flush=True)

class Slow(Closing):
    def close(self): time.sleep(3600)

class Hostile:
    def __repr__(self): raise RuntimeError("no repr")

def fails(start):
    password, thing, long = "hunter2", Hostile(), "x" * 100_000
    settings = {"api_token": "hunter2"}
    raise ZeroDivisionError("a \\x1b[31m message")

def late(start):
    start("200 OK", [("Content-Type", "text/plain")])
    yield b"begun"
    raise RuntimeError("too late")

def drip(start):
    start("200 OK", [("Content-Type", "text/plain")])
    while True:
        yield b"x" * 1000

def app(environ, start):
    path = environ["PATH_INFO"]
    if path == "/environ":
        lines = [f"{k}={v!r}" for k, v in sorted(environ.items())]
        return text(start, "\\n".join(lines).encode())
    if path == "/sum":
        data = environ["wsgi.input"].read()
        said = f"{environ.get('CONTENT_LENGTH')} {len(data)} {hashlib.sha256(data).hexdigest()}"
        return text(start, said.encode())
    if path == "/write":
        write = start("201 Made", [("Content-Type", "text/plain")])
        write(b"one ")
        write(b"two ")
        return [b"three"]
    if path == "/closing":
        start("200 OK", [("Content-Type", "text/plain")])
        return Closing([b"a", b"", b"b"])
    if path == "/slow-close":
        start("200 OK", [("Content-Type", "text/plain")])
        return Slow([b"a"])
    if path == "/file":
        start("200 OK", [("Content-Type", "text/plain")])
        return environ["wsgi.file_wrapper"](open(__file__, "rb"))
    if path == "/large":
        return text(start, b"0123456789abcdef" * 100_000)
    if path == "/short":
        start("200 OK", [("Content-Length", "10")])
        return iter([b"short"])
    if path == "/long":
        start("200 OK", [("Content-Length", "4")])
        return [b"longer"]
    if path == "/204":
        start("204 No Content", [])
        return []
    if path == "/exc_info":
        start("200 OK", [])
        try:
            1 / 0
        except ZeroDivisionError:
            return text(lambda *given: start(*given, sys.exc_info()), b"mended", "500 Mended")
    if path == "/injected":
        return text(start, b"", fields=[("X", "a\\r\\nSet-Cookie: b")])
    if path == "/twice":
        start("200 OK", [])
        start("200 OK", [])
    if path == "/text":
        start("200 OK", [])
        return ["text"]
    if path == "/unstarted":
        return [b""]
    if path == "/fails":
        return fails(start)
    if path == "/late":
        return late(start)
    if path == "/leaves":
        sys.exit(7)
    if path == "/drip":
        return drip(start)
    if path == "/hang":
        time.sleep(3600)
    if path == "/exit":
        os._exit(3)
    if path == "/segfault":
        ctypes.string_at(0)
    if path == "/fork":
        pid = os.fork()
        return text(start, str(pid).encode())
    if path == "/child":
        child = subprocess.Popen(["sleep", "3600"])
        return text(start, str(child.pid).encode())
    if path == "/flood":
        for number in range(20_000):
            print("line", number, file=sys.stderr)
        return text(start, b"said")
    return text(start, b"hello\\n")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("application")
    (made / "app.py").write_text(APPLICATION)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Serving]:
    with serving("wsgi", "--app", "app:app", "--request-timeout", "20", folder=folder) as one:
        yield one


def test_it_answers_with_what_the_application_gives(served: Serving) -> None:
    got = served.ask("/")
    assert (got.status, got.reason, got.body) == (200, "OK", b"hello\n")
    assert got.fields["Content-Length"] == "6"
    got = served.ask("/write")
    assert (got.status, got.reason, got.body) == (201, "Made", b"one two three")
    assert served.ask("/large").body == b"0123456789abcdef" * 100_000
    assert served.ask("/file").body == APPLICATION.encode()
    got = served.ask("/204")
    assert (got.status, got.body, got.fields["Content-Length"]) == (204, b"", None)
    got = served.ask("/long")
    assert (got.body, got.fields["Content-Length"]) == (b"long", "4")
    got = served.ask("/exc_info")
    assert (got.status, got.reason, got.body) == (500, "Mended", b"mended")


def test_head_has_no_body_and_the_same_fields(served: Serving) -> None:
    for target in ("/", "/large", "/closing", "/write"):
        with_body, without = served.ask(target), served.ask(target, "HEAD")
        assert without.body == b""
        assert without.status == with_body.status
        assert without.fields["Content-Length"] == with_body.fields["Content-Length"]


def test_an_iterable_is_closed_and_the_connection_goes_on(served: Serving) -> None:
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as sock:
        one = b"GET /closing HTTP/1.1\r\nHost: h\r\n\r\n"
        last = b"GET / HTTP/1.0\r\n\r\n"
        sock.sendall(one * 3 + last)
        got = read_to_end(sock)
    assert statuses(got) == [200] * 4
    assert got.count(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n") == 3
    for _ in range(3):
        served.wait("said", lambda told: told["text"] == "closed")


@pytest.mark.parametrize("size", [0, 1, 48 << 10, (48 << 10) + 1, 3 << 20])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_any_size_comes_whole(served: Serving, size: int, chunked: bool) -> None:
    data = os.urandom(size)
    sender = subprocess.run(
        ["sha256sum"], input=data, capture_output=True, check=True
    ).stdout.split()[0]
    command = ["curl", "-s", "--data-binary", "@-", "-H", "Expect:", f"{served.url}/sum"]
    if chunked:
        command[1:1] = ["-H", "Transfer-Encoding: chunked"]
    got = subprocess.run(command, input=data, capture_output=True, check=True).stdout.split()
    assert got == [str(size).encode(), str(size).encode(), sender]


def test_the_environment(served: Serving) -> None:
    fields = {"X-One": "1", "X_One": "forged", "Proxy": "http://evil/", "Cookie": "a=b"}
    body = served.ask("/environ?q=%20x", fields=fields).body.decode()
    lines = dict(line.split("=", 1) for line in body.splitlines())
    assert lines["QUERY_STRING"] == "'q=%20x'"
    assert lines["HTTP_X_ONE"] == "'1'"
    assert "HTTP_PROXY" not in lines
    assert lines["SERVER_PORT"] == repr(str(served.port))
    assert lines["REMOTE_ADDR"] == "'127.0.0.1'"
    assert lines["wsgi.multithread"] == "True"
    assert lines["wsgi.url_scheme"] == "'http'"


def test_a_failure_is_told_and_shown_with_its_values_but_no_secret(served: Serving) -> None:
    got = served.ask("/fails")
    assert got.status == 500
    assert got.fields["Content-Type"] == "text/html; charset=utf-8"
    page = got.body.decode()
    crash = served.wait("crash")
    assert (crash["request"], crash["kind"]) == ("GET /fails", "ZeroDivisionError")
    last = crash["frames"][-1]
    assert last["function"] == "fails"
    assert last["file"].endswith("app.py")
    values = {one["name"]: one["value"] for one in last["values"]}
    assert values["thing"] == "<Hostile whose repr raises RuntimeError>"
    assert len(values["long"]) <= 200
    assert "\x1b" not in page
    for word in ("fails", "raise ZeroDivisionError", "whose repr raises"):
        assert word in page
    assert "hunter2" not in str(values)
    assert "hunter2" not in page.replace("password, thing, long = &quot;hunter2&quot;", "").replace(
        "&quot;api_token&quot;: &quot;hunter2&quot;", ""
    )


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/injected", "ValueError"),
        ("/twice", "AssertionError"),
        ("/text", "TypeError"),
        ("/unstarted", "AssertionError"),
        ("/leaves", "SystemExit"),
    ],
)
def test_a_breach_of_the_interface_is_a_failure(served: Serving, target: str, kind: str) -> None:
    got = served.ask(target)
    assert got.status == 500
    assert "Set-Cookie" not in got.fields
    assert served.wait("crash")["kind"] == kind
    assert served.ask("/").body == b"hello\n"


@pytest.mark.parametrize("target", ["/late", "/short"])
def test_an_answer_that_breaks_off_is_not_taken_for_whole(served: Serving, target: str) -> None:
    found = subprocess.run(
        ["curl", "-s", f"{served.url}{target}"], capture_output=True, check=False
    )
    assert found.returncode == 18  # curl: partial file
    assert served.wait("request", lambda told: bool(told["cut"]))["target"] == target
    assert served.ask("/").body == b"hello\n"


def test_a_peer_that_leaves_frees_the_thread(served: Serving) -> None:
    for _ in range(8):  # twice as many as there are threads
        with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as sock:
            sock.sendall(b"GET /drip HTTP/1.1\r\nHost: h\r\n\r\n")
            assert sock.recv(1000)
    assert served.ask("/").body == b"hello\n"


def test_a_fork_answers_once_and_ends(served: Serving) -> None:
    pid = int(served.ask("/fork").body)
    assert pid > 0
    until(lambda: not is_alive(pid))
    assert served.ask("/").body == b"hello\n"


def test_a_flood_on_standard_error_is_bounded(served: Serving) -> None:
    assert served.ask("/flood").body == b"said"
    left_out = served.wait("said", lambda told: "left out" in told["text"])
    assert left_out["by"] == "app:app"
    assert served.ask("/").body == b"hello\n"


@pytest.mark.parametrize(
    ("target", "words"), [("/exit", "ended with status 3"), ("/segfault", "killed by SIGSEGV")]
)
def test_a_process_that_ends_is_replaced(folder: Path, target: str, words: str) -> None:
    with serving("wsgi", "--app", "app:app", folder=folder) as one:
        pid = one.ready()["pid"]
        child = int(one.ask("/child").body)
        got = one.ask(target)
        assert got.status == 502
        assert words in got.body.decode()
        assert words in one.note("is gone")
        assert one.ask("/").body == b"hello\n"
        assert not is_alive(pid)
        until(lambda: not is_alive(child))


def test_threads_that_hang_are_given_up_and_the_pool_is_replaced(folder: Path) -> None:
    words = ("--app", "app:app", "--threads", "2", "--request-timeout", "1")
    with serving("wsgi", *words, folder=folder) as one:
        pid = one.ready()["pid"]
        got = one.ask("/hang")
        assert got.status == 504
        assert one.wait("workers", lambda told: told["hung"] == 1)["threads"] == 2
        assert one.ask("/").body == b"hello\n"
        assert one.ask("/hang").status == 504
        one.note("all 2 threads of the application hang")
        assert one.ready()["pid"] != pid
        assert one.ask("/").body == b"hello\n"
        assert not is_alive(pid)


def test_a_thread_that_hangs_after_its_answer_counts_too(folder: Path) -> None:
    words = ("--app", "app:app", "--threads", "1", "--request-timeout", "2")
    with serving("wsgi", *words, folder=folder) as one:
        pid = one.ready()["pid"]
        command = ["curl", "-s", "-m", "20", f"{one.url}/slow-close"]
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"a"
        one.note("hangs in the close()")
        one.wait("workers", lambda told: told["state"] == "ready" and told["pid"] != pid)
        assert one.ask("/").body == b"hello\n"


def test_nothing_is_left_when_the_server_ends(folder: Path) -> None:
    with serving("wsgi", "--app", "app:app", folder=folder) as one:
        pid = one.ready()["pid"]
        child = int(one.ask("/child").body)
        assert is_alive(pid)
    until(lambda: not is_alive(pid) and not is_alive(child))


def test_nothing_is_left_when_the_server_is_killed(folder: Path) -> None:
    with serving("wsgi", "--app", "app:app", folder=folder) as one:
        pid = one.ready()["pid"]
        child = int(one.ask("/child").body)
        one.kill()
        until(lambda: not is_alive(pid) and not is_alive(child))


# -- changed programs ------------------------------------------------------------------------------


def write(path: Path, body: str) -> None:
    """Replace a file as editors do."""
    new = path.with_suffix(".new")
    new.write_text(body)
    new.replace(path)


def simple(word: str) -> str:
    return (
        "import helper\n"
        "def app(environ, start):\n"
        "    start('200 OK', [('Content-Type', 'text/plain')])\n"
        f"    return [b'{word} ' + helper.word]\n"
    )


def test_a_changed_program_takes_over_on_the_same_socket(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(simple("one"))
    (tmp_path / "helper.py").write_text("word = b'a'\n")
    with serving("wsgi", "--app", "app:app", folder=tmp_path) as one:
        one.ready()
        assert one.ask("/").body == b"one a"
        write(tmp_path / "helper.py", "word = b'changed'\n")
        assert "helper.py has changed" in one.note("has changed")
        assert one.ask("/").body == b"one changed"
        # A broken edit says so instead of answering by what is no longer there.
        write(tmp_path / "app.py", "def app(:\n")
        crash = one.wait("crash")
        assert crash["kind"] == "SyntaxError"
        got = one.ask("/")
        assert got.status == 500
        assert b"SyntaxError" in got.body
        write(tmp_path / "app.py", simple("mended"))
        one.note("has changed")
        assert one.ask("/").body == b"mended changed"


def test_without_reload_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(simple("one"))
    (tmp_path / "helper.py").write_text("word = b'a'\n")
    with serving("wsgi", "--app", "app:app", "--no-reload", folder=tmp_path) as one:
        one.ready()
        write(tmp_path / "app.py", simple("two"))
        assert one.ask("/").body == b"one a"


@pytest.mark.parametrize(
    ("app", "kind", "words"),
    [
        ("nothing:app", "ModuleNotFoundError", "nothing"),
        ("app:none", "LookupError", "has no name 'none'"),
        ("app:os", "TypeError", "cannot be called"),
    ],
)
def test_what_cannot_be_loaded_is_told(folder: Path, app: str, kind: str, words: str) -> None:
    with serving("wsgi", "--app", app, folder=folder) as one:
        crash = one.wait("crash")
        assert crash["kind"] == kind
        assert words in crash["message"]
        got = one.ask("/")
        assert got.status == 500
        assert kind.encode() in got.body


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no application is named"),
        (("--app", "a b"), "does not name an application"),
        (("--app", "a:b", "--threads", "0"), "threads cannot be had"),
        (("--app", "a:b", "--request-timeout", "-1"), "makes no sense"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(words: tuple[str, ...], said: str) -> None:
    found = run("serve", "wsgi", "http://127.0.0.1:0/", *words)
    assert found.returncode == 1
    assert said in found.stderr.decode()


def test_the_browser_is_told_nothing_where_others_may_ask(folder: Path) -> None:
    with serving("wsgi", "--app", "app:app", folder=folder, endpoint="http://0.0.0.0:0/") as one:
        got = one.ask("/fails")
        assert (got.status, got.fields["Content-Type"]) == (500, "text/plain; charset=utf-8")
        assert b"ZeroDivision" not in got.body
        assert one.wait("crash")["kind"] == "ZeroDivisionError"
    with serving(
        "wsgi", "--app", "app:app", "--debug", folder=folder, endpoint="http://0.0.0.0:0/"
    ) as one:
        assert b"ZeroDivision" in one.ask("/fails").body


# -- peers -----------------------------------------------------------------------------------------

FLASK = """
import flask
app = flask.Flask(__name__)
@app.route("/hello/<name>", methods=["GET", "POST"])
def hello(name):
    return {"name": name, "form": flask.request.form, "url": flask.request.url}
@app.route("/stream")
def stream():
    return (f"{n}\\n" for n in range(1000))
def make():
    return app
"""

DJANGO = """
import django.conf, django.core.wsgi, django.http, django.urls
django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x")
def hello(request, name):
    return django.http.JsonResponse({"name": name, "query": request.GET.dict()})
def sum_of(request):
    return django.http.HttpResponse(str(len(request.body)))
urlpatterns = [django.urls.path("hello/<name>", hello), django.urls.path("sum", sum_of)]
application = django.core.wsgi.get_wsgi_application()
"""


@pytest.mark.parametrize("app", ["site_flask:app", "site_flask:make()", "site_flask"])
def test_a_flask_application(app: str, tmp_path: Path) -> None:
    pytest.importorskip("flask")
    (tmp_path / "site_flask.py").write_text(FLASK)
    with serving("wsgi", "--app", app, "--validate", folder=tmp_path) as one:
        got = one.ask("/hello/w%C3%B6rld?x=1")
        assert got.status == 200
        assert "w\\u00f6rld" in got.body.decode()
        assert f"127.0.0.1:{one.port}/hello/" in got.body.decode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert b'"a":"b"' in one.ask("/hello/x", "POST", b"a=b", form).body.replace(b" ", b"")
        assert len(one.ask("/stream").body.splitlines()) == 1000
        assert one.ask("/none").status == 404


def test_a_django_application(tmp_path: Path) -> None:
    pytest.importorskip("django")
    (tmp_path / "site_django.py").write_text(DJANGO)
    with serving("wsgi", "--app", "site_django", "--validate", folder=tmp_path) as one:
        got = one.ask("/hello/you?a=%C3%A4")
        assert got.status == 200
        assert got.body == b'{"name": "you", "query": {"a": "\\u00e4"}}'
        assert one.ask("/none").status == 404
        assert served_errors(one) == []


def served_errors(one: Serving) -> list[str]:
    return [told["kind"] for told in one.told if told["type"] == "crash"]


def test_the_validator_finds_no_fault_in_the_server_and_those_of_applications(
    folder: Path,
) -> None:
    with serving(
        "wsgi", "--app", "wsgiref.simple_server:demo_app", "--validate", folder=folder
    ) as one:
        for target in ("/", "/a%20b?c", "/%ff"):
            assert one.ask(target).status == 200
            assert one.ask(target, "HEAD").status == 200
        assert one.ask("/", "POST", b"x" * 100_000).status == 200
        assert served_errors(one) == []
    (folder / "wrong.py").write_text(
        "def app(environ, start):\n    start('200 OK', [])\n    return 'text'\n"
    )
    with serving("wsgi", "--app", "wrong:app", "--validate", folder=folder) as one:
        assert one.ask("/").status == 500
        assert one.wait("crash")["kind"] == "AssertionError"


@pytest.mark.peer("ab")
def test_ab_loses_no_request(folder: Path) -> None:
    with serving("wsgi", "--app", "app:app", folder=folder) as one:
        found = subprocess.run(
            ["ab", "-q", "-k", "-n", "2000", "-c", "20", f"{one.url}/"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "Failed requests:        0" in found.stdout
    assert "Non-2xx" not in found.stdout


# -- as code ---------------------------------------------------------------------------------------


def free(endpoint: str, folder: Path) -> Endpoint:
    end = parse(endpoint.format(folder=folder))
    if end.is_unix:
        return end
    family = socket.AF_INET6 if ":" in end.host else socket.AF_INET
    with socket.socket(family) as one:
        one.bind((end.host, 0))
        return end.with_port(one.getsockname()[1])


def fetch(end: Endpoint, target: str) -> bytes:
    where = ["--unix-socket", end.unix_path] if end.is_unix else []
    base = "http://localhost" if end.is_unix else f"http://{end.authority}"
    command = ["curl", "-s", "-m", "20", *where, f"{base}{target}"]
    return subprocess.run(command, capture_output=True, check=False).stdout


def python(request: ServeWsgi) -> list[str]:
    return [sys.executable, "-c", request.as_python()]


def shell(request: ServeWsgi) -> list[str]:
    return ["sh", "-c", f"exec {request.as_shell()}"]


@pytest.mark.peer("curl")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:0/", "http://[::1]:0/", "unix:{folder}/a socket"]
)
def test_the_code_serves_the_same(
    endpoint: str, code: Callable[[ServeWsgi], list[str]], tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(APPLICATION)
    end = free(endpoint, tmp_path)
    request = ServeWsgi(endpoint=end, app="app:app")
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if code is shell and not shutil.which("waitress-serve", path=env["PATH"]):
        pytest.skip("waitress is not installed")
    with subprocess.Popen(
        code(request), cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        try:
            until(lambda: fetch(end, "/") == b"hello\n")
            theirs = fetch(end, "/write")
        finally:
            child.kill()
    if end.is_unix:
        Path(end.unix_path).unlink()
    with serving("wsgi", "--app", "app:app", folder=tmp_path, endpoint=str(end)):
        until(lambda: fetch(end, "/") == b"hello\n")
        assert fetch(end, "/write") == theirs == b"one two three"
