"""serve cgi as a real process: RFC 3875, and scripts that misbehave."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, run
from tests.http.gateway.running import Serving, is_alive, serving, until
from tests.http.gateway.test_wsgi import fetch, free
from tests.http.serving import read_to_end, statuses
from workbench.http.gateway.serve_cgi import ServeCgi

pytestmark = pytest.mark.peer("curl")

SH = "#!/bin/sh\n"
TEXT = "echo 'Content-Type: text/plain'; echo\n"
SCRIPTS = {
    "hello.cgi": f"{SH}{TEXT}echo hello",
    "env.cgi": f"{SH}{TEXT}env -0; pwd",
    "cat.cgi": f"{SH}{TEXT}cat",
    "fds.cgi": f"{SH}{TEXT}ls /proc/self/fd",
    "sub/here.cgi": f"{SH}{TEXT}pwd; cat beside",
    "sub/index.cgi": f"{SH}{TEXT}echo index",
    "status.cgi": f"{SH}echo 'Status: 404 Not here'\n{TEXT}echo none",
    "local.cgi": f"{SH}echo 'Location: /env.cgi/info?a=b'; echo",
    "round.cgi": f"{SH}echo 'Location: /round.cgi'; echo",
    "away.cgi": f"{SH}echo 'Location: http://example.org/x#y'; echo",
    "document.cgi": f"{SH}echo 'Status: 302 Found'; echo 'Location: http://h/'\n{TEXT}echo see",
    "nph-own.cgi": f"{SH}printf 'HTTP/1.1 299 Own\\r\\nX-Own: 1\\r\\n\\r\\nbody'",
    "length.cgi": f"{SH}echo 'Content-Length: 5'\n{TEXT}printf 12345678",
    "short.cgi": f"{SH}echo 'Content-Length: 50'\n{TEXT}echo short",
    "hang.cgi": f"{SH}echo $$ > pid\nsleep 3600",
    "stubborn.cgi": f"{SH}trap '' TERM INT HUP\necho $$ > pid\nwhile :; do sleep 1; done",
    "late.cgi": f"{SH}{TEXT}echo begun\nsleep 3600",
    "flood.cgi": f"{SH}{TEXT}yes",
    "garbage.cgi": f"{SH}head -c 100000 /dev/urandom",
    "nothing.cgi": f"{SH}echo complaint >&2\nexit 3",
    "dies.cgi": f"{SH}kill -SEGV $$",
    "fork.cgi": f"{SH}sleep 3600 &\necho $! > child\n{TEXT}echo done",
    "escapes.cgi": f"{SH}setsid sleep 3600 &\necho $! > child\n{TEXT}echo done",
    "closes.cgi": f"{SH}{TEXT}echo done\nexec >&- 2>&-\necho $$ > pid\nsleep 3600",
    "shout.cgi": f"{SH}{TEXT}seq 5000 >&2\necho said",
    "nowhere.cgi": "#!/no/such/interpreter\n",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scripts")
    (made / "sub").mkdir()
    (made / "sub" / "beside").write_text("beside\n")
    for name, text in SCRIPTS.items():
        (made / name).write_text(text + "\n")
        (made / name).chmod(0o755)
    (made / "plain.txt").write_text("secret")
    (made / "fine.py").write_text("print('Content-Type: text/plain\\n')\nprint('python')\n")
    (made / "fails.py").write_text("def f(x):\n    return 1 / x\nf(0)\n")
    outside = made.with_name("outside.cgi")
    outside.write_text(SCRIPTS["hello.cgi"])
    outside.chmod(0o755)
    (made / "link.cgi").symlink_to(outside)
    (made / "inside.cgi").symlink_to("hello.cgi")
    return made


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[Serving]:
    words = ("--root", ".", "--interpreter", ".py=python3", "--output-limit", "5000000")
    with serving("cgi", *words, "--script-timeout", "30", folder=root) as one:
        yield one


def variables(body: bytes) -> dict[str, str]:
    pairs = (one.partition("=") for one in body.decode("latin-1").split("\0")[:-1])
    return {name: value for name, _, value in pairs}


def test_a_document(served: Serving) -> None:
    got = served.ask("/hello.cgi")
    assert (got.status, got.body) == (200, b"hello\n")
    got = served.ask("/status.cgi")
    assert (got.status, got.reason, got.body) == (404, "Not here", b"none\n")
    assert served.ask("/hello.cgi", "HEAD").body == b""
    assert served.ask("/fine.py").body == b"python\n"
    assert served.ask("/inside.cgi").body == b"hello\n"
    assert served.ask("/sub/").body == b"index\n"
    got = served.ask("/length.cgi")
    assert (got.fields["Content-Length"], got.body) == ("5", b"12345")


def test_the_environment_holds_what_the_rfc_says_and_nothing_else(
    served: Serving, root: Path
) -> None:
    fields = {"Proxy": "x", "X-A": "1", "X_A": "forged", "Authorization": "Basic eA=="}
    got = served.ask("/env.cgi/a%20b/%C3%A9/?q=a+b&c", fields=fields)
    found = variables(got.body)
    assert found["PATH_INFO"] == "/a b/\xc3\xa9/"
    assert found["PATH_TRANSLATED"] == f"{root}/a b/\xc3\xa9"
    assert found["SCRIPT_NAME"] == "/env.cgi"
    assert found["QUERY_STRING"] == "q=a+b&c"
    assert found["HTTP_X_A"] == "1"
    assert set(found) - {"PWD", "SHLVL", "_"} == {
        *("GATEWAY_INTERFACE", "HTTP_ACCEPT_ENCODING", "HTTP_HOST", "HTTP_X_A", "PATH"),
        *("PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_HOST"),
        *("REQUEST_METHOD", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"),
        "SERVER_SOFTWARE",
    }
    assert got.body.endswith(f"{root}\n".encode())
    assert served.ask("/sub/here.cgi").body == f"{root}/sub\nbeside\n".encode()


def test_a_script_has_none_of_the_servers_descriptors(served: Serving) -> None:
    assert served.ask("/fds.cgi").body.split() == [b"0", b"1", b"2", b"3"]  # 3: ls reads the folder
    assert served.ask("/fds.cgi", "POST", b"x").body.split() == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_comes_whole(served: Serving, size: int, chunked: bool) -> None:
    data = os.urandom(size)
    command = ["curl", "-s", "--data-binary", "@-", "-H", "Expect:", f"{served.url}/cat.cgi"]
    if chunked:
        command[1:1] = ["-H", "Transfer-Encoding: chunked"]
    assert subprocess.run(command, input=data, capture_output=True, check=True).stdout == data


def test_redirects(served: Serving) -> None:
    got = served.ask("/local.cgi", "POST", b"body")
    found = variables(got.body)
    assert got.status == 200
    assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == ("/env.cgi", "/info")
    assert (found["QUERY_STRING"], found["REQUEST_METHOD"]) == ("a=b", "GET")
    assert "CONTENT_LENGTH" not in found
    got = served.ask("/away.cgi")
    assert (got.status, got.fields["Location"]) == (302, "http://example.org/x#y")
    got = served.ask("/document.cgi")
    assert (got.status, got.body) == (302, b"see\n")
    got = served.ask("/round.cgi")
    assert got.status == 502
    assert b"from one to the next" in got.body


def test_an_nph_script(served: Serving) -> None:
    got = served.ask("/nph-own.cgi")
    assert (got.status, got.reason, got.fields["X-Own"], got.body) == (299, "Own", "1", b"body")


def test_requests_in_a_row_on_one_connection(served: Serving) -> None:
    one = b"GET /hello.cgi HTTP/1.1\r\nHost: h\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as sock:
        sock.sendall(one * 5 + b"GET /hello.cgi HTTP/1.0\r\n\r\n")
        got = read_to_end(sock)
    assert statuses(got) == [200] * 6
    assert got.count(b"hello\n") == 6


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/plain.txt", 403),
        ("/nothing", 404),
        ("/link.cgi", 404),
        ("/sub", 404),
        ("/", 404),
        ("/../outside.cgi", 400),
        ("/%2e%2e/outside.cgi", 400),
        ("/sub/..%2f..%2foutside.cgi", 404),
        ("/hello.cgi%00", 404),
        ("//etc/passwd", 404),
        ("/sub/beside", 403),
    ],
)
def test_nothing_else_is_run_and_no_file_is_sent(served: Serving, target: str, status: int) -> None:
    got = served.ask(target)
    assert got.status == status
    assert b"secret" not in got.body
    assert b"#!" not in got.body


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/garbage.cgi", "cannot be read|did not answer"),
        ("/nothing.cgi", "ended with status 3: it printed nothing.*complaint"),
        ("/dies.cgi", "killed by SIGSEGV"),
        ("/nowhere.cgi", "cannot be run: No such file"),
        ("/fails.py", "ended with status 1.*in f.*ZeroDivisionError"),
    ],
)
def test_what_is_no_answer_is_told_in_words(served: Serving, target: str, words: str) -> None:
    got = served.ask(target)
    assert got.status == 502
    assert re.search(words, got.body.decode(), re.DOTALL)
    served.wait("note", lambda told: target[1:] in told["text"])


def test_answers_that_break_off(served: Serving) -> None:
    for target in ("/short.cgi", "/flood.cgi"):
        command = ["curl", "-s", "-o", "/dev/null", f"{served.url}{target}"]
        assert subprocess.run(command, check=False).returncode == 18  # curl: partial file
    served.note("more than 5,000,000 bytes")


def test_processes_left_behind_end_with_the_script(served: Serving, root: Path) -> None:
    assert served.ask("/fork.cgi").body == b"done\n"
    child = int((root / "child").read_text())
    until(lambda: not is_alive(child))
    served.note("left processes behind")
    # One that has left the process group is out of reach; it holds no answer up.
    assert served.ask("/escapes.cgi").body == b"done\n"
    os.kill(int((root / "child").read_text()), 9)


def test_a_peer_that_leaves_ends_the_script(served: Serving, root: Path) -> None:
    (root / "pid").unlink(missing_ok=True)
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as sock:
        sock.sendall(b"GET /stubborn.cgi HTTP/1.1\r\nHost: h\r\n\r\n")
        until(lambda: (root / "pid").exists() and bool((root / "pid").read_text().strip()))
        pid = int((root / "pid").read_text())
        assert is_alive(pid)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: not is_alive(pid))


def test_lines_on_standard_error_are_told_and_bounded(served: Serving) -> None:
    assert served.ask("/shout.cgi").body == b"said\n"
    assert served.wait("said", lambda told: told["text"] == "1")["by"] == "shout.cgi"
    served.wait("said", lambda told: "left out" in told["text"])


def test_time_that_is_up(root: Path) -> None:
    with serving("cgi", "--script-timeout", "0.5", folder=root) as one:
        got = one.ask("/hang.cgi")
        assert got.status == 504
        assert b"took more than 0.5 s" in got.body
        pid = int((root / "pid").read_text())
        until(lambda: not is_alive(pid))
        command = ["curl", "-s", f"{one.url}/late.cgi"]
        found = subprocess.run(command, capture_output=True, check=False)
        assert (found.returncode, found.stdout) == (18, b"begun\n")
        assert one.ask("/closes.cgi").body == b"done\n"
        one.note("went on after its answer")
        pid = int((root / "pid").read_text())
        until(lambda: not is_alive(pid))


@pytest.mark.peer("ab")
def test_many_at_once_and_no_child_or_descriptor_is_left(root: Path) -> None:
    with serving("cgi", "--scripts", "8", folder=root) as one:
        one.ask("/hello.cgi")
        fds = Path(f"/proc/{one.child.pid}/fd")
        before = len(list(fds.iterdir()))
        command = ["ab", "-q", "-n", "300", "-c", "30", f"{one.url}/hello.cgi"]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "Failed requests:        0" in found.stdout
        until(lambda: len(list(fds.iterdir())) <= before)
        children = Path(f"/proc/{one.child.pid}/task/{one.child.pid}/children")
        until(lambda: not children.read_text())


def test_nothing_is_left_when_the_server_ends(root: Path) -> None:
    (root / "pid").unlink(missing_ok=True)
    with serving("cgi", folder=root) as one:
        sock = socket.create_connection(("127.0.0.1", one.port), PATIENCE)
        sock.sendall(b"GET /stubborn.cgi HTTP/1.1\r\nHost: h\r\n\r\n")
        until(lambda: (root / "pid").exists() and bool((root / "pid").read_text().strip()))
        pid = int((root / "pid").read_text())
        assert is_alive(pid)
    sock.close()
    until(lambda: not is_alive(pid))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--interpreter", "py=python3"), "names no interpreter"),
        (("--interpreter", ".py=no-such-program"), "there is no program"),
        (("--root", "/no/such/folder"), "no such"),
        (("--script-timeout", "0"), "a script may run"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(words: tuple[str, ...], said: str) -> None:
    found = run("serve", "cgi", "http://127.0.0.1:0/", *words)
    assert found.returncode == 1
    assert said in found.stderr.decode()


def test_a_disk_that_is_full_while_a_body_comes(root: Path) -> None:
    # The limit on the length of a file stands for the disk's end.
    command = f"ulimit -f 2048; exec {sys.executable} -m workbench serve cgi"
    with subprocess.Popen(
        ["bash", "-c", f"{command} http://127.0.0.1:0/ --json"], cwd=root, stdout=subprocess.PIPE
    ) as child:
        one = Serving(child)
        try:
            assert one.ask("/cat.cgi", "POST", bytes(1 << 22)).status == 507
            assert one.ask("/hello.cgi").body == b"hello\n"
        finally:
            child.terminate()
            one.wait_for_end()


def python(request: ServeCgi) -> list[str]:
    return [sys.executable, "-c", request.as_python()]


def shell(request: ServeCgi) -> list[str]:
    return ["sh", "-c", request.as_shell()]


@pytest.mark.peer("curl", "lighttpd")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:0/", "http://[::1]:0/", "unix:{folder}/a socket"]
)
def test_the_code_serves_the_same(
    endpoint: str, code: Callable[[ServeCgi], list[str]], root: Path, tmp_path: Path
) -> None:
    end = free(endpoint, tmp_path)
    request = ServeCgi(endpoint=end, root=root, interpreter=(".py=python3",))
    targets = ("/hello.cgi", "/status.cgi", "/fine.py", "/sub/here.cgi")
    with subprocess.Popen(
        code(request),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            until(lambda: fetch(end, "/hello.cgi") == b"hello\n")
            theirs = [fetch(end, target) for target in targets]
            info = variables(fetch(end, "/env.cgi/x?y"))
        finally:
            os.killpg(child.pid, 9)
    if end.is_unix:
        Path(end.unix_path).unlink()
    words = ("--root", str(root), "--interpreter", ".py=python3")
    with serving("cgi", *words, folder=tmp_path, endpoint=str(end)):
        assert [fetch(end, target) for target in targets] == theirs
        found = variables(fetch(end, "/env.cgi/x?y"))
    for name in ("PATH_INFO", "SCRIPT_NAME", "QUERY_STRING", "REQUEST_METHOD"):
        assert info[name] == found[name]
