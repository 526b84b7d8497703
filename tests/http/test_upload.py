"""Files that come in: real clients, hostile names, and what must not be left behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_as_code import both, place, running, until
from tests.http.serving import WAIT, Served, read_to_end, read_until, statuses
from workbench.core.endpoint import parse
from workbench.core.events import Failed
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.http.incoming import NameRefused, check_name
from workbench.http.serve import ServeHttp, serve_http
from workbench.servers.events import Closed

BOUNDARY = b"form-boundary"


@contextmanager
def uploading(folder: Path, **options: object) -> Iterator[Served]:
    """A server that lets files come in."""
    scope = Scope()
    given = {"upload": True, **options}
    request = ServeHttp(endpoint=parse("http://127.0.0.1:0/"), root=folder, **given)  # type: ignore[arg-type]
    served = Served(execute(serve_http, request, scope), scope)
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "old.txt").write_bytes(b"old")
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to("../outside")
    (root / "dangling").symlink_to("../outside/new")
    return root


@pytest.fixture
def served(folder: Path) -> Iterator[Served]:
    with uploading(folder) as served:
        yield served


def everything(folder: Path) -> set[str]:
    """The paths of all that lies below, hidden or not."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def put(path: bytes, body: bytes = b"new", fields: bytes = b"") -> bytes:
    return b"PUT %b HTTP/1.1\r\nHost: h\r\n%bContent-Length: %d\r\n\r\n%b" % (
        path,
        fields,
        len(body),
        body,
    )


def form(path: bytes, *files: tuple[bytes, bytes], fields: bytes = b"") -> bytes:
    body = (
        b"".join(
            b'--%b\r\nContent-Disposition: form-data; name="f"; filename="%b"\r\n\r\n%b\r\n'
            % (BOUNDARY, name, content)
            for name, content in files
        )
        + b"--%b--\r\n" % BOUNDARY
    )
    return (
        b"POST %b HTTP/1.1\r\nHost: h\r\n%bContent-Type: multipart/form-data; boundary=%b\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (path, fields, BOUNDARY, len(body), body)
    )


def run(*words: str) -> tuple[int, str]:
    """A client's exit status and what it said."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    return done.returncode, done.stdout


# -- ordinary clients -----------------------------------------------------------------------------


@pytest.mark.peer("curl")
@pytest.mark.parametrize("size", [10, 5_000_000])
def test_curl_puts_a_file(served: Served, folder: Path, tmp_path: Path, size: int) -> None:
    mine = tmp_path / "a file.bin"
    mine.write_bytes(os.urandom(size))
    code, said = run("curl", "-sS", "-f", "-T", str(mine), f"{served.url}/sub/")
    assert (code, said) == (0, "/sub/a%20file.bin\n")
    assert (folder / "sub" / "a file.bin").read_bytes() == mine.read_bytes()
    chunked = ("-H", "Transfer-Encoding: chunked")
    assert run("curl", "-sS", "-f", *chunked, "-T", str(mine), f"{served.url}/two")[0] == 0
    assert (folder / "two").read_bytes() == mine.read_bytes()
    assert run("curl", "-sS", "-f", "-T", os.devnull, f"{served.url}/empty")[0] == 0
    assert (folder / "empty").read_bytes() == b""


@pytest.mark.peer("curl")
def test_curl_sends_a_form(served: Served, folder: Path, tmp_path: Path) -> None:
    names = ['one "quoted".bin', "zwei ä.bin"]
    for name in names:
        (tmp_path / name).write_bytes(os.urandom(300_000))
    quoted = str(tmp_path / names[0]).replace('"', '\\"')
    words = ["-F", "text=hello", "-F", f'f=@"{quoted}"', "-F", f"f=@{tmp_path / names[1]}"]
    code, said = run("curl", "-sS", "-f", *words, f"{served.url}/sub/")
    assert code == 0, said
    assert len(said.splitlines()) == 2
    for name in names:
        assert (folder / "sub" / name).read_bytes() == (tmp_path / name).read_bytes()
    told = ("-s", "-o", os.devnull, "-w", "%{http_code}")
    assert run("curl", *told, *words, f"{served.url}/sub/") == (0, "409")


@pytest.mark.peer("wget")
def test_wget_posts_a_file(served: Served, folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"from wget")
    code, said = run("wget", "-q", "-O", "-", f"--post-file={mine}", f"{served.url}/theirs")
    assert (code, said) == (0, "/theirs\n")
    assert (folder / "theirs").read_bytes() == b"from wget"


@pytest.mark.peer("curl")
def test_who_may_ask(folder: Path) -> None:
    secret = "a pass:word ä"
    with uploading(folder, user="me", password=secret) as served:

        def status(*words: str) -> str:
            words = ("-s", "-o", os.devnull, "-w", "%{http_code}", *words)
            return run("curl", *words, f"{served.url}/old.txt")[1]

        assert status("-u", f"me:{secret}") == "200"
        assert status() == "401"
        assert status("-u", "me:wrong") == "401"
        assert status("-u", f"you:{secret}") == "401"
        assert status("-H", "Authorization: Basic !!!") == "401"
        assert status("-T", str(folder / "old.txt")) == "401"
    assert (folder / "old.txt").read_bytes() == b"old"


@pytest.mark.parametrize(
    "options",
    [
        {"user": "me"},
        {"password": "x"},
        {"user": "a:b", "password": "x"},
        {"upload": False, "overwrite": True},
        {"upload_limit": 0},
    ],
)
def test_options_that_do_not_fit(folder: Path, options: dict[str, object]) -> None:
    given = {"upload": True, **options}
    request = ServeHttp(endpoint=parse("http://127.0.0.1:0/"), root=folder, **given)  # type: ignore[arg-type]
    (failed,) = execute(serve_http, request, Scope())
    assert isinstance(failed, Failed)


def test_the_index_has_a_form_only_where_files_come_in(served: Served, folder: Path) -> None:
    get = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    page = served.talk(get)
    assert b'enctype="multipart/form-data"' in page
    assert b"form-action 'self'" in page
    with uploading(folder, upload=False) as plain:
        assert b"<form" not in plain.talk(get)
        assert statuses(plain.talk(put(b"/new"))) == [405]
        assert statuses(plain.talk(form(b"/", (b"new", b"")))) == [405]
    assert "new" not in everything(folder)


def test_a_browser_is_sent_back_to_the_folder(served: Served, folder: Path) -> None:
    got = served.talk(form(b"/sub/", (b"page.txt", b"x"), fields=b"Accept: text/html,*/*\r\n"))
    assert statuses(got) == [303]
    assert b"Location: ./\r\n" in got
    assert (folder / "sub" / "page.txt").read_bytes() == b"x"


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/../new", 400),
        (b"/%2e%2e/new", 400),
        (b"/sub%2fnew", 404),
        (b"/new%00.txt", 404),
        (b"/new%0a", 400),
        (b"/%1b[31m", 400),
        (b"/%c2%9b", 400),
        (b"/%e2%80%aegpj.exe", 400),
        (b"/%ff", 400),
        (b"/.hidden", 400),
        (b"/.ssh/keys", 400),
        (b"/" + b"n" * 256, 400),
        (b"/", 400),
        (b"/sub/", 400),
        (b"/sub", 409),
        (b"/old.txt", 409),
        (b"/dangling", 409),
        (b"/none/new", 409),
        (b"/old.txt/new", 409),
        (b"/link/new", 403),
    ],
)
def test_names_that_are_not_taken(
    served: Served, folder: Path, tmp_path: Path, path: bytes, status: int
) -> None:
    before = everything(tmp_path)
    get = b"GET /old.txt HTTP/1.1\r\nHost: h\r\n\r\n"
    assert statuses(served.talk(put(path) + get)) == [status, 200]
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        (b"../../evil", "evil"),
        (b"C:\\\\dir\\\\evil.txt", "evil.txt"),
        (b"/etc/evil", "evil"),
        (b"..", None),
        (b"a/..", None),
        (b".bashrc", None),
        (b"a/", None),
        (b"evil%0d%0a", None),
        (b"old.txt", None),
        (b"CON", "CON"),
    ],
)
def test_names_in_forms(
    served: Served, folder: Path, tmp_path: Path, name: bytes, stored: str | None
) -> None:
    before = everything(tmp_path)
    got = served.talk(form(b"/", (b"first", b"1"), (name, b"2")))
    added = {Path(path).name for path in everything(tmp_path) - before}
    if stored is None:
        assert statuses(got)[0] in (400, 409)
        assert added == set()
    else:
        assert statuses(got) == [201]
        assert added == {"first", stored}
        assert (folder / stored).read_bytes() == b"2"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (form(b"/"), 400),
        (form(b"/new", (b"a", b"")), 404),
        (form(b"/", (b"a", b""), (b"a", b"")), 400),
        (form(b"/", *[(b"f%d" % n, b"") for n in range(101)]), 413),
        (form(b"/", (b"a", b"x")).replace(b"--\r\n", b"\r\n"), 400),
        (form(b"/", (b"a", b"x")).replace(b"boundary=", b"border="), 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 415),
        (put(b"/new", fields=b"Content-Range: bytes 0-2/9\r\n"), 400),
        (put(b"/new", fields=b"Origin: http://elsewhere.example\r\n"), 403),
        (put(b"/new", fields=b"Origin: null\r\n"), 403),
        (form(b"/", (b"a", b"x"), fields=b"Sec-Fetch-Site: cross-site\r\n"), 403),
        (form(b"/", (b"a", b"x"), fields=b"Origin: http://h\r\n"), 201),
    ],
)
def test_requests_that_are_not_taken(
    served: Served, folder: Path, asked: bytes, status: int
) -> None:
    before = everything(folder)
    assert statuses(served.talk(asked)) == [status]
    assert everything(folder) - before == ({"a"} if status == 201 else set())


def test_files_are_replaced_only_where_that_is_allowed(folder: Path) -> None:
    with uploading(folder, overwrite=True) as served:
        assert statuses(served.talk(put(b"/old.txt") + put(b"/newer"))) == [200, 201]
        assert (folder / "old.txt").read_bytes() == b"new"
        assert statuses(served.talk(put(b"/old.txt", fields=b"If-None-Match: *\r\n"))) == [409]
        assert statuses(served.talk(put(b"/sub"))) == [409]
        # A link is replaced itself, and not what it leads to.
        assert statuses(served.talk(put(b"/dangling"))) == [200]
        assert not (folder / "dangling").is_symlink()
    assert everything(folder) == {"sub", "old.txt", "newer", "link", "dangling"}
    assert os.listdir(folder.parent / "outside") == []


@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_too_long_leaves_nothing(folder: Path, chunked: bool) -> None:
    before = everything(folder)
    with uploading(folder, upload_limit=1000) as served:
        assert statuses(served.talk(put(b"/fits", bytes(1000)))) == [201]
        if chunked:
            body = b"200\r\n" + bytes(512) + b"\r\n"
            asked = b"PUT /n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + body * 3
        else:
            asked = put(b"/n", bytes(1001))
        assert statuses(served.talk(asked)) == [413]
        assert statuses(served.talk(form(b"/", (b"n", bytes(1001))))) == [413]
    assert everything(folder) - before == {"fits"}


def test_what_breaks_off_leaves_nothing(served: Served, folder: Path) -> None:
    """And what is on its way is not to be seen."""
    before = everything(folder)
    for asked in (put(b"/half", bytes(100_000)), form(b"/", (b"half", bytes(100_000)))):
        with served.connect() as sock:
            sock.sendall(asked[:50_000])
            with served.connect() as other:
                other.sendall(b"GET /half HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                assert statuses(read_to_end(other)) == [404]
            assert everything(folder) == before
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        served.wait(Closed)
        served.wait(Closed)
    assert everything(folder) == before


def test_a_name_that_is_taken_meanwhile_is_not_replaced(served: Served, folder: Path) -> None:
    with served.connect() as sock:
        asked = (
            b"PUT /race HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        sock.sendall(asked)
        read_until(sock, b"100 Continue\r\n\r\n")
        (folder / "race").write_bytes(b"first")
        sock.sendall(b"new")
        assert b" 409 " in read_until(sock, b"\r\n")
    assert (folder / "race").read_bytes() == b"first"


def test_many_at_once(served: Served, folder: Path) -> None:
    """Of those that want one name one gets it, and its content is one of theirs, whole."""
    answers: list[int] = []

    def send(number: int) -> None:
        answers.extend(statuses(served.talk(put(b"/one", b"%d" % number * 100_000))))
        answers.extend(statuses(served.talk(put(b"/n%d" % number, b"x"))))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert sorted(answers) == [201] * 9 + [409] * 7
    content = (folder / "one").read_bytes()
    assert content == content[:1] * 100_000


DISK_FULL = """
import sys
from pathlib import Path
from tests.http.test_upload import on_a_full_disk
on_a_full_disk(Path(sys.argv[1]))
"""


def on_a_full_disk(folder: Path) -> None:
    """Send more than a file may hold, then what fits; to be run in a process of its own."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    large = bytes(2_000_000)
    with uploading(folder) as served:
        said = [
            statuses(served.talk(asked))[0]
            for asked in (
                put(b"/large", large),
                form(b"/", (b"small", b"x"), (b"large", large)),
                put(b"/fits", bytes(900_000)),
            )
        ]
    print(said, sorted(everything(folder)))


def test_a_disk_that_is_full_is_answered_with_507_and_nothing_is_left(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(root)],
        capture_output=True,
        text=True,
        timeout=WAIT * 2,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ran.stdout == "[507, 507, 201] ['fits']\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_file_system_that_is_full(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(root)], check=False
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        with uploading(root) as served:
            assert statuses(served.talk(put(b"/large", bytes(2_000_000)))) == [507]
            assert everything(root) == set()
            assert statuses(served.talk(put(b"/fits", bytes(500_000)))) == [201]
            assert everything(root) == {"fits"}
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_without_unnamed_files_nothing_is_left_either(
    served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    before = everything(folder)
    assert statuses(served.talk(put(b"/new") + put(b"/old.txt") + put(b"/x")[:-1])) == [
        201,
        409,
        400,
    ]
    assert everything(folder) - before == {"new"}


@pytest.mark.parametrize("name", ["a", "ä.txt", "a b", "CON", "~", "-rf", "n" * 255])
def test_names_that_are_fine(name: str) -> None:
    check_name(name.encode())


@pytest.mark.parametrize(
    "name", [b"", b".", b"..", b"a/b", b"a\0", b"a\n", b"\xff", b".a", b"n" * 256, b"\xe2\x80\xae"]
)
def test_names_that_are_not(name: bytes) -> None:
    with pytest.raises(NameRefused):
        check_name(name)


# -- as code --------------------------------------------------------------------------------------


@pytest.mark.peer("curl")
@both
@pytest.mark.parametrize("kind", ["http://127.0.0.1:0/", "unix:{folder}/a socket"])
def test_the_code_takes_files_in_as_the_job_does(kind: str, code: Any, tmp_path: Path) -> None:
    """The same statuses and the same files, with a name and a password asked for."""
    root = tmp_path / "the root"
    mine = tmp_path / "mine.bin"
    mine.write_bytes(os.urandom(100_000) + b"\r\n--x\r\n\x00\x1c\x85\r")
    end = place(kind, tmp_path)
    where = ["--unix-socket", end.unix_path] if end.is_unix else []
    base = "http://localhost" if end.is_unix else f"http://{end.authority}"

    def ask(path: str, *words: str) -> str:
        told = ("-s", "-m", "20", "-o", os.devnull, "-w", "%{http_code}", *where)
        return run("curl", *told, *words, f"{base}{path}")[1]

    def outcome() -> tuple[list[str], set[str], set[bytes]]:
        who = ("-u", "me:secret")
        said = [
            ask("/put", "-T", str(mine)),
            ask("/put", *who, "-T", str(mine)),
            ask("/put", *who, "-T", str(mine)),
            ask("/", *who, "-F", f"f=@{mine}"),
            ask("/", *who, "-F", f"f=@{mine}"),
            ask("/.hidden", *who, "-T", str(mine)),
            ask("/put", *who),
            ask("/put"),
            ask("/large", *who, "-T", "/bin/sh", "-H", "Expect:"),
        ]
        return said, everything(root), {path.read_bytes() for path in root.iterdir()}

    request = ServeHttp(
        endpoint=end, root=root, upload=True, upload_limit=110_000, user="me", password="secret"
    )
    root.mkdir()
    with running(["env", "PASSWORD=secret", *code(request)]):
        until(lambda: ask("/") == "401")
        theirs = outcome()
    until(lambda: ask("/") == "000")
    for path in [*root.iterdir(), *([Path(end.unix_path)] if end.is_unix else [])]:
        path.unlink()
    assert theirs[0] == ["401", "201", "409", "201", "409", "400", "200", "401", "413"]
    assert theirs[1:] == ({"put", "mine.bin"}, {mine.read_bytes()})
    scope = Scope()
    served = Served(execute(serve_http, request, scope), scope)
    try:
        assert outcome() == theirs
    finally:
        served.stop()
    for shown in (request.as_python(), request.as_shell()):
        assert "secret" not in shown
