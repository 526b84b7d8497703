"""serve telnet: its shell, a program on a terminal, and inetutils' telnet as its client."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.test_as_code import Code, both, place, running
from tests.servers.watching import PATIENCE, Watched, failure, serving
from workbench.core.endpoint import parse
from workbench.mail_ftp.telnet.codec import (
    AYT,
    DO,
    DONT,
    ECHO,
    IAC,
    NAWS,
    SB,
    SE,
    SGA,
    SUB_LIMIT,
    TTYPE,
    WILL,
    WONT,
)
from workbench.mail_ftp.telnet.serve import ServeTelnet, serve_telnet
from workbench.mail_ftp.telnet.words import Negotiated
from workbench.servers.events import Closed

HERE = parse("telnet://127.0.0.1:0")


@pytest.fixture(scope="module")
def shell() -> Iterator[Watched]:
    with serving(serve_telnet, ServeTelnet(endpoint=HERE)) as one:
        yield one


class Peer:
    """Bytes of a client, and what came so far."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.got = b""

    def until(self, text: bytes) -> bytes:
        """All that came to this text, which is taken."""
        while text not in self.got:
            data = self.sock.recv(65_536)
            assert data, self.got
            self.got += data
        before, _, self.got = self.got.partition(text)
        return before + text

    def ask(self, line: bytes) -> bytes:
        """Type a line, and what comes until the next prompt."""
        self.sock.sendall(line + b"\r\n")
        return self.until(b"workbench> ")


@contextmanager
def visiting(server: Watched) -> Iterator[Peer]:
    with server.connect() as sock:
        peer = Peer(sock)
        peer.until(b"workbench> ")
        yield peer


def test_what_is_negotiated_is_shown(shell: Watched) -> None:
    with shell.connect() as sock:
        peer = Peer(sock)
        first = peer.until(b"workbench> ")
        for asked in ((WILL, ECHO), (WILL, SGA), (DO, NAWS), (DO, TTYPE)):
            assert bytes((IAC, *asked)) in first
        sock.sendall(
            bytes((IAC, WILL, TTYPE, IAC, WILL, NAWS, IAC, SB, NAWS, 0, 100, 0, 30, IAC, SE))
        )
        assert peer.until(bytes((IAC, SE))) == bytes((IAC, SB, TTYPE, 1, IAC, SE))
        sock.sendall(bytes((IAC, SB, TTYPE, 0)) + b"VT\x1b220" + bytes((IAC, SE)))
        sock.sendall(bytes((IAC, DO, ECHO, IAC, DO, SGA)))
        text = peer.ask(b"options").decode()
        assert "ECHO, SGA" in text
        assert "TTYPE, NAWS" in text
        assert "VT\\x1b220" in text
        assert "100x30" in text
        assert text.startswith("options\r\n")
        box = peer.ask(b"draw").decode()
        assert "┌" + "─" * 98 + "┐" in box
        assert "pid" not in peer.ask(b"who").decode()
    told = [shell.next(Negotiated).text for _ in range(12)]
    assert "SB NAWS 100x30" in told
    assert "SB TTYPE SEND" in told


def test_commands(shell: Watched) -> None:
    with visiting(shell) as peer:
        assert b"echo TEXT" in peer.ask(b"help")
        assert peer.ask(b"echo  a\xc3\xa9 \x1b[31m").startswith(" a\u00e9 ".encode()[:4])
        assert b"\x1b[48;2;" in peer.ask(b"colour")
        assert peer.ask(b"count 3") == b"line 1\r\nline 2\r\nline 3\r\nworkbench> "
        assert b"line 10000\r\n" in peer.ask(b"count 999999999999")
        assert b"no such command" in peer.ask(b"rm -rf /")
        peer.sock.sendall(b"login\r\n")
        peer.until(b"name: ")
        peer.sock.sendall(bytes((IAC, DO, ECHO)) + b"me\r\n")
        assert peer.until(b"password: ") == b"me\r\npassword: "
        assert (
            peer.ask(b"secret") == b"\r\nwelcome, me (6 characters, not looked at)\r\nworkbench> "
        )
        peer.sock.sendall(bytes((IAC, AYT)))
        peer.until(b"[yes")
        peer.sock.sendall(b"quit\r\n")
        peer.until(b"bye\r\n")
        assert peer.sock.recv(1) == b""
    shell.next(Closed, lambda one: one.reason == "the visitor left")


def test_a_line_is_edited(shell: Watched) -> None:
    with visiting(shell) as peer:
        peer.sock.sendall(bytes((IAC, DO, ECHO)))
        typed = "ecco\x7f\x7fho x\x17\x1b[A日本\x7f nope\x15echo yes\x04"
        got = peer.ask(typed.encode())
        assert got.endswith(b"echo yes\r\nyes\r\nworkbench> ")
        assert "日本\b\b  \b\b".encode() in got


def test_hostile_bytes_do_no_harm(shell: Watched) -> None:
    with visiting(shell) as peer:
        flood = bytes((IAC, WILL, 99, IAC, DO, 98)) * 3_000
        peer.sock.sendall(flood)
        answers = peer.ask(b"echo on")
        assert answers.count(bytes((IAC, DONT, 99))) == 3_000
        assert answers.count(bytes((IAC, WONT, 98))) == 3_000
        peer.sock.sendall(bytes((IAC, SB, TTYPE, 0)) + b"x" * 3 * SUB_LIMIT + bytes((IAC, SE)))
        peer.sock.sendall(bytes((IAC, SB, NAWS, 1, IAC, SE, IAC, SE, IAC, SB, IAC, SE)))
        peer.sock.sendall(b"y" * 100_000)
        assert b"no such command" in peer.ask(b"")
        assert b"on\r\n" in peer.ask(b"echo on")


def test_a_program_runs_on_a_terminal() -> None:
    command = "stty size; tty; echo $TERM; read x; stty size; echo got $x; read y"
    request = ServeTelnet(endpoint=HERE, exec=command)
    with serving(serve_telnet, request) as server:
        with server.connect() as sock:
            peer = Peer(sock)
            assert b"24 80\r\n" in peer.until(b"/dev/pts/")
            peer.until(b"xterm-256color\r\n")
            sock.sendall(bytes((IAC, SB, NAWS, 0, 90, 0, 33, IAC, SE)) + b"it\r\0")
            assert b"33 90\r\n" in peer.until(b"got it\r\n")
            sock.sendall(b"\r\0")
            while data := sock.recv(4_096):
                assert data
        assert server.next(Closed).reason == "the program has ended"
        with server.connect() as sock:
            Peer(sock).until(b"xterm-256color")
        server.next(Closed)


def test_a_program_is_for_this_host_alone() -> None:
    problem = failure(serve_telnet, ServeTelnet(endpoint=parse("telnet://0.0.0.0:0"), exec="sh"))
    assert "gives a terminal to everybody who reaches 0.0.0.0" in problem.line()


@contextmanager
def on_a_terminal(*words: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A program on a terminal of the test's; gives its other end."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        words,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "vt220"},
    ) as child:
        os.close(slave)
        try:
            yield master, child
        finally:
            if child.poll() is None:
                child.kill()
            os.close(master)


def until(master: int, text: bytes) -> bytes:
    """All that a terminal shows until this text."""
    got = b""
    end = time.monotonic() + PATIENCE
    while text not in got:
        ready, _, _ = select.select([master], [], [], max(0.0, end - time.monotonic()))
        assert ready, got
        try:
            got += os.read(master, 65_536)
        except OSError:
            raise AssertionError(got) from None
    return got


@pytest.mark.peer("telnet")
def test_inetutils_telnet(shell: Watched) -> None:
    end = shell.endpoint
    with on_a_terminal("telnet", end.host, str(end.port)) as (master, child):
        until(master, b"workbench> ")
        os.write(master, b"echo 1+1\r")
        until(master, b"1+1\r\n1+1\r\n")  # by now it has answered all that it was asked
        os.write(master, b"options\r")
        text = until(master, b"your window:").decode()
        assert "TTYPE, NAWS" in text
        assert re.search(r"your terminal:\s+vt220", text.lower())
        os.write(master, b"quit\r")
        until(master, b"bye")
        assert child.wait(PATIENCE) is not None


@pytest.mark.peer("socat")
@both
def test_serve_telnet_as_code(code: Code) -> None:
    end = place("tcp://127.0.0.1:0", None).with_scheme("telnet")  # type: ignore[arg-type]
    with running(code(ServeTelnet(endpoint=end, exec="echo first; cat"))):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                sock = socket.create_connection((end.host, end.require_port()), PATIENCE)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with sock:
            peer = Peer(sock)
            peer.until(b"first\r\n")
            sock.sendall(b"hello\n")
            peer.until(b"hello\r\nhello\r\n")


def test_serve_telnet_as_a_shell_in_python() -> None:
    end = place("tcp://127.0.0.1:0", None).with_scheme("telnet")  # type: ignore[arg-type]
    with running(["sh", "-c", ServeTelnet(endpoint=end).as_shell()]):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                sock = socket.create_connection((end.host, end.require_port()), PATIENCE)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        with sock:
            peer = Peer(sock)
            peer.until(b"workbench> ")
            sock.sendall(bytes((IAC, DO, ECHO)))
            assert peer.ask(b"echo a b") == bytes((IAC, WONT, ECHO)) + b"a b\r\nworkbench> "
