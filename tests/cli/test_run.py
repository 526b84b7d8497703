"""Runs of the real program: what goes where, exit statuses, signals, closed pipes."""

from __future__ import annotations

import hashlib
import os
import pty
import random
import signal
import socket
import subprocess
import sys
import time
from base64 import b64decode
from functools import partial
from pathlib import Path

import pytest

from tests.cli.program import (
    PATIENCE,
    WORKBENCH,
    events,
    interrupted,
    next_event,
    run,
    server,
    started,
)

ENDPOINTS = ["tcp://127.0.0.1:0", "tcp://[::1]:0", "udp://127.0.0.1:0", "unix", "unixgram"]


def place(kind: str, folder: Path) -> str:
    return f"{kind}:{folder}/socket" if kind in ("unix", "unixgram") else kind


@pytest.fixture
def refusing() -> str:
    """An endpoint where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"tcp://127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_echo_listens_first_and_answers(kind: str, tmp_path: Path) -> None:
    with server("echo", place(kind, tmp_path)) as endpoint:
        assert not endpoint.endswith(":0")
        found = run("connect", endpoint, "--quiet", data=b"hello\xff\x00\n")
        assert (found.returncode, found.stdout, found.stderr) == (0, b"hello\xff\x00\n", b"")


def test_a_large_file_comes_back_whole(tmp_path: Path) -> None:
    block = random.Random(7).randbytes(1_000_000)
    path = tmp_path / "file"
    sent = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(100):
            part = block[number * 10_000 :] + block[: number * 10_000]
            file.write(part)
            sent.update(part)
    came = hashlib.sha256()
    with (
        server("echo", "tcp://127.0.0.1:0") as endpoint,
        path.open("rb") as source,
        started(["connect", endpoint, "--quiet"], stdin=source) as child,
    ):
        assert child.stdout is not None
        while data := child.stdout.read(1 << 20):
            came.update(data)
        assert child.wait(PATIENCE) == 0
    assert came.hexdigest() == sent.hexdigest()


def test_the_end_of_the_input_closes_our_half_and_the_answer_still_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with started(
            ["connect", target, "--quiet"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            peer, _ = listener.accept()
            with peer:
                assert child.stdin is not None
                child.stdin.write(b"question")
                child.stdin.close()
                asked = b""
                while data := peer.recv(100):
                    asked += data
                peer.sendall(b"answer")
            assert child.stdout is not None
            assert child.stdout.read() == b"answer"
            assert child.wait(PATIENCE) == 0
        assert asked == b"question"


def test_json_has_type_and_time_on_every_line_and_ends_with_done() -> None:
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        found = run("connect", endpoint, "--json", data=b"\x00\xff")
    lines = events(found.stdout)
    assert found.stderr == b""
    assert found.stdout.endswith(b"\n")
    assert [next(iter(line)) for line in lines] == ["type"] * len(lines)
    assert all(abs(line["time"] - time.time()) < 3600 for line in lines)
    received = [b64decode(line["data"]) for line in lines if line["type"] == "received"]
    assert b"".join(received) == b"\x00\xff"
    assert [line["type"] for line in lines if line["type"] in ("done", "failed")] == ["done"]
    assert lines[-1]["type"] == "done"


def test_json_and_quiet_leave_data_and_the_last_line() -> None:
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        found = run("--quiet", "connect", endpoint, "--json", data=b"x")
    assert [line["type"] for line in events(found.stdout)] == ["received", "done"]


def test_refused_is_a_failure_with_its_reason(refusing: str) -> None:
    found = run("connect", refusing, "--json")
    (failed,) = events(found.stdout)
    assert found.returncode == 1
    assert (failed["type"], failed["code"]) == ("failed", "ECONNREFUSED")
    people = run("connect", refusing, "--quiet")
    assert (people.returncode, people.stdout) == (1, b"")
    assert people.stderr.startswith(b"workbench: connect tcp://127.0.0.1:")
    assert b"ECONNREFUSED" in people.stderr
    assert people.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_server_cleanly(number: int, status: int, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    # Under nohup(1) all that it starts ignores SIGHUP, as it should; not this one.
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)
    with started(["serve", "echo", f"unix:{path}", "--json"], preexec_fn=heard) as child:
        assert next_event(child)["type"] == "listening"
        assert path.is_socket()
        ended, rest = interrupted(child, number)
    last = events(rest)[-1]
    assert ended == status
    assert (last["type"], last["code"]) == ("failed", "cancelled")
    assert not path.exists()


def test_interrupting_says_nothing_to_who_did_it() -> None:
    with started(["serve", "echo", "tcp://127.0.0.1:0"], stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(b"listening on tcp://127.0.0.1:")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out, err) == (130, b"", b"")


def test_a_connect_that_hangs_is_interrupted() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        # A full backlog: the kernel answers no further SYN.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        with started(["connect", f"tcp://127.0.0.1:{address[1]}", "--json"]) as child:
            wait_for_state(child.pid, address[1])
            status, rest = interrupted(child)
        for one in waiting:
            one.close()
    assert status == 130
    assert events(rest)[-1]["code"] == "cancelled"


def wait_for_state(pid: int, port: int) -> None:
    """Wait until a process has a socket in SYN_SENT to that port (proc(5), net/tcp)."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table]
        sockets = {row[9] for row in rows[1:] if row[2].endswith(f":{port:04X}") and row[3] == "02"}
        owned = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                owned.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                pass
        if any(f"socket:[{inode}]" in owned for inode in sockets):
            return
        time.sleep(0.01)
    raise AssertionError("it never came to connect")


BLOCKED = """
import os, socket, sys, threading
def stands(*_, **__):
    os.write(2, b"asked\\n")  # at once: IPv6 and IPv4 are asked for side by side
    threading.Event().wait()
socket.getaddrinfo = stands
sys.argv = ["workbench", "connect", "tcp://name.invalid:7", "--json"]
from workbench.__main__ import main
sys.exit(main())
"""


def test_a_resolver_that_never_answers_is_left_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BLOCKED], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == b"asked\n"
        status, rest = interrupted(child)
    assert status == 130
    assert events(rest)[-1]["code"] == "cancelled"


STUBBORN = """
import sys, time
from workbench.core.events import Note
from workbench import catalogue
from workbench.cli import main as front
job = catalogue.load("connect")
def function(request, scope):
    yield Note("begun")
    while True:
        time.sleep(1)
object.__setattr__(job, "function", function)
sys.exit(front.main(["connect", "tcp://127.0.0.1:1", "--json"]))
"""


def test_a_job_that_hears_nothing_ends_all_the_same() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        assert next_event(child)["type"] == "note"
        status, rest = interrupted(child)
    assert status == 130
    assert [line["code"] for line in events(rest)] == ["cancelled"]


def test_a_reader_who_leaves_ends_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with started(["serve", "echo", f"unix:{path}", "--json"], stderr=subprocess.PIPE) as child:
        assert next_event(child)["type"] == "listening"
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            said = child.stderr.read()
        assert child.wait(PATIENCE) == 141
    assert said == b""
    assert not path.exists()


@pytest.mark.parametrize("words", [["--help"], ["connect", "--help"], ["completion", "zsh"]])
def test_help_to_a_closed_pipe_leaves_no_traceback(words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(
        [*WORKBENCH, *words], stdout=write, stderr=subprocess.PIPE, check=False, timeout=PATIENCE
    )
    os.close(write)
    assert (found.returncode, found.stderr) == (141, b"")


def test_a_full_disk_is_said(refusing: str) -> None:
    with open("/dev/full", "wb") as full:
        found = subprocess.run(
            [*WORKBENCH, "connect", refusing, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=PATIENCE,
        )
    assert found.returncode == 1
    assert b"ENOSPC" in found.stderr
    assert found.stderr.count(b"\n") == 1


def test_closed_descriptors_are_not_taken_for_sockets() -> None:
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        command = " ".join([*WORKBENCH, "connect", endpoint])
        found = subprocess.run(
            ["sh", "-c", f"{command} <&- >&- 2>&-"], check=False, timeout=PATIENCE
        )
    assert found.returncode == 0


def test_a_killed_run_leaves_its_port_free() -> None:
    with started(["serve", "echo", "tcp://127.0.0.1:0", "--json"]) as child:
        endpoint = next_event(child)["endpoint"]
        child.kill()
        assert child.wait(PATIENCE) == -signal.SIGKILL
    with server("echo", endpoint) as again:
        assert again == endpoint


def test_a_server_leaves_standard_input_alone() -> None:
    read, write = os.pipe()
    with started(["serve", "echo", "tcp://127.0.0.1:0", "--json"], stdin=read) as child:
        os.write(write, b"kept")
        next_event(child)
        interrupted(child)
    assert os.read(read, 100) == b"kept"
    os.close(read)
    os.close(write)


def test_what_came_off_the_wire_is_harmless_on_a_terminal() -> None:
    sent = b"a\x1b]0;title\x07 \xe2\x82" + b"\xac b\r\n\x9b31m"
    master, slave = pty.openpty()
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        found = subprocess.run(
            [*WORKBENCH, "connect", endpoint, "--quiet"],
            input=sent,
            stdout=slave,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "TERM": "xterm"},
        )
    os.close(slave)
    shown = read_all(master)
    assert found.returncode == 0
    assert b"\x1b" not in shown
    assert "a\\x1b]0;title\\x07 € b".encode() in shown


def read_all(master: int) -> bytes:
    """What was written to a terminal whose other end is closed (EIO tells, tty_ioctl(4))."""
    shown = b""
    while True:
        try:
            data = os.read(master, 1 << 16)
        except OSError:
            data = b""
        if not data:
            os.close(master)
            return shown
        shown += data


@pytest.mark.parametrize(
    ("env", "coloured"),
    [
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "NO_COLOR": ""}, False),
    ],
)
def test_colours_are_for_terminals(env: dict[str, str], coloured: bool, refusing: str) -> None:
    master, slave = pty.openpty()
    subprocess.run(
        [*WORKBENCH, "connect", refusing],
        stdin=subprocess.DEVNULL,
        stderr=slave,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, **env},
    )
    os.close(slave)
    assert (b"\x1b[" in read_all(master)) is coloured
    assert b"\x1b" not in run("connect", refusing, env=env).stderr


PROGRESS = """
import sys
from workbench.core.events import Note, Progress
from workbench import catalogue
from workbench.cli import main as front
job = catalogue.load("connect")
def function(request, scope):
    yield Progress(1, 4)
    yield Progress(3, 4)
    yield Note("there")
object.__setattr__(job, "function", function)
sys.exit(front.main(["connect", "tcp://127.0.0.1:1"]))
"""


def test_progress_stays_in_its_place_and_out_of_files() -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-c", PROGRESS]
    subprocess.run(
        command, stderr=slave, check=True, timeout=PATIENCE, env={**os.environ, "TERM": "dumb"}
    )
    os.close(slave)
    shown = read_all(master).decode()
    assert shown.startswith("25% of ")
    assert "\r\x1b[K75% of " in shown
    assert shown.endswith("\r\x1b[Kthere\r\n")
    piped = subprocess.run(command, stderr=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert piped.stderr == b"there\n"
