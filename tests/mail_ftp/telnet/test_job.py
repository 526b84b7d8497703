"""telnet: sessions with our server and inetutils' telnetd; keys, lines, pipes, hostile ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import WORKBENCH, run
from tests.cli.test_as_code import Code, both
from tests.http.client.certificates import make
from tests.mail_ftp.telnet.test_serve import HERE, on_a_terminal, until
from tests.servers.watching import PATIENCE, Watched, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed
from workbench.core.failure import JobError
from workbench.core.message import Command, Event
from workbench.core.runner import Run, start
from workbench.mail_ftp.telnet.client import Client, State
from workbench.mail_ftp.telnet.codec import DO, ECHO, IAC, NAWS, SB, SE, TTYPE, WILL
from workbench.mail_ftp.telnet.job import (
    GiveOrder,
    HangUp,
    Resize,
    SetBinary,
    SetMode,
    Shown,
    TelnetTo,
    telnet,
)
from workbench.mail_ftp.telnet.serve import ServeTelnet, serve_telnet
from workbench.mail_ftp.telnet.tame import Tamer
from workbench.mail_ftp.telnet.words import Negotiated
from workbench.sockets.session import Send


@pytest.fixture(scope="module")
def shell() -> Iterator[Watched]:
    with serving(serve_telnet, ServeTelnet(endpoint=HERE, ask_environment=True)) as one:
        yield one


class Session:
    """A run of the job, and what it has told."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.events: list[Event] = []
        self.ended: Event | None = None

    @property
    def text(self) -> str:
        """All that came for the screen."""
        data = b"".join(one.data for one in self.events if isinstance(one, Shown))
        return data.decode("utf-8", "replace")

    @property
    def told(self) -> list[str]:
        """What was negotiated."""
        return [one.line() for one in self.events if isinstance(one, Negotiated)]

    @property
    def state(self) -> State:
        """How it stands."""
        return [State(), *(one for one in self.events if isinstance(one, State))][-1]

    def until(self, found: Callable[[], bool]) -> None:
        """Take in events until this holds."""
        deadline = time.monotonic() + PATIENCE
        while not found():
            assert time.monotonic() < deadline, (self.text, self.told)
            assert self.ended is None, (self.text, self.told, self.ended)
            self.run.feed.wait(1)
            batch = self.run.feed.drain()
            self.events += batch.events
            self.ended = batch.ended

    def tell(self, command: Command) -> None:
        """Tell it something."""
        assert self.run.send(command)

    def ask(self, text: str, answer: str) -> None:
        """Type something, and wait for an answer to it."""
        before = len(self.text)
        self.tell(Send(text.encode()))
        self.until(lambda: answer in self.text[before:])

    def end(self) -> Event:
        """Its last word."""
        ended = self.run.wait(PATIENCE)
        assert ended is not None
        return ended


@contextmanager
def session(request: TelnetTo) -> Iterator[Session]:
    """The job, as the pane runs it."""
    run = start(telnet, request)
    try:
        yield Session(run)
    finally:
        run.cancel()
        assert run.wait(PATIENCE) is not None


def test_a_session_with_our_server(shell: Watched) -> None:
    with session(TelnetTo(endpoint=shell.endpoint, user="me", term="vt220")) as one:
        one.until(lambda: "workbench> " in one.text and one.state.character)
        assert not one.state.echo
        one.ask("echo hi\r", "hi\r\nhi\r\n")
        one.tell(Resize(101, 37))
        one.ask("options\r", "USER=me")
        assert "your window:    101x37" in one.text
        assert "your terminal:  VT220" in one.text
        assert "> SB NAWS 80x24" in one.told
        assert "> SB TTYPE IS VT220" in one.told
        assert "< SB TTYPE SEND" in one.told
        one.tell(GiveOrder("ayt"))
        one.until(lambda: "[yes, the workbench is here]" in one.text)
        one.tell(SetMode("line"))
        one.until(lambda: not one.state.character and one.state.echo)
        one.tell(SetMode("character"))
        one.tell(SetBinary(True))
        one.until(lambda: one.state.binary and one.state.character)
        one.tell(Send(b"quit\r"))
        assert isinstance(one.end(), Done)


def test_hanging_up(shell: Watched) -> None:
    with session(TelnetTo(endpoint=shell.endpoint)) as one:
        one.until(lambda: "workbench> " in one.text)
        one.tell(HangUp())
        assert isinstance(one.end(), Done)


def test_over_tls(tmp_path: Path) -> None:
    made = make(tmp_path)
    request = ServeTelnet(endpoint=HERE, tls=True, cert=made.server, key=made.server_key)
    with serving(serve_telnet, request) as server:
        assert server.endpoint.scheme == "telnets"
        with session(TelnetTo(endpoint=server.endpoint, ca=made.ca)) as one:
            one.until(lambda: "workbench> " in one.text)
            one.ask("count 2000\r", "line 2000\r\n")
        with session(TelnetTo(endpoint=server.endpoint)) as one:
            ended = one.end()
            assert isinstance(ended, Failed)
            assert "certificate" in ended.line()


@contextmanager
def saying(*pieces: bytes) -> Iterator[tuple[Endpoint, list[bytes]]]:
    """A server that says this to its first visitor, and keeps what it hears until they leave."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                try:
                    for piece in pieces:
                        sock.sendall(piece)
                    while data := sock.recv(65_536):
                        heard.append(data)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield parse(f"telnet://127.0.0.1:{listener.getsockname()[1]}"), heard
        thread.join(PATIENCE)


def test_what_was_not_asked_for_is_refused() -> None:
    offers = bytes((IAC, DO, 34, IAC, DO, 39, IAC, DO, 36, IAC, WILL, 86, IAC, DO, 37))
    with saying(offers + b"ready") as (end, heard), session(TelnetTo(endpoint=end)) as one:
        one.until(lambda: "ready" in one.text)
        one.tell(Send(b"!"))
        one.until(lambda: b"!" in b"".join(heard))
        assert b"".join(heard).startswith(bytes.fromhex("fffc22 fffc27 fffc24 fffe56 fffc25"))
        assert "> WONT LINEMODE" in one.told
        one.run.cancel()


def test_a_flood_of_options_is_bounded_in_what_is_told() -> None:
    flood = bytes((IAC, WILL, ECHO, IAC, 252, ECHO)) * 20_000
    junk = bytes((IAC, SB, TTYPE)) + b"\x01" * 100_000 + bytes((IAC, SE))
    with saying(flood + junk + b"ready") as (end, _), session(TelnetTo(endpoint=end)) as one:
        one.until(lambda: "ready" in one.text)
        assert len(one.told) < 600
        assert any("more of this is not told" in text for text in one.told)
        one.run.cancel()


def test_a_server_that_does_not_read_holds_nobody_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = parse(f"telnet://127.0.0.1:{listener.getsockname()[1]}")
        with session(TelnetTo(endpoint=end)) as one:
            for _ in range(200):
                one.tell(Send(b"x" * 100_000))
                one.until(lambda: True)
            one.run.cancel()
            assert one.end().type == "failed"


def test_bad_options() -> None:
    with pytest.raises(JobError, match="no size of a window"):
        _ = TelnetTo(endpoint=HERE, window="80 by 24").size
    client = Client(size=(255, 65_535), user="a\x01b")
    client.resize(255, 65_535)
    list(client.receive(bytes((IAC, DO, NAWS, IAC, DO, 39, IAC, SB, 39, 1, IAC, SE))))
    data, _ = client.take()
    assert bytes((IAC, SB, NAWS, 0, 255, 255, 255, 255, 255, 255, IAC, SE)) in data
    assert b"\x00\x00USER\x01a\x02\x01b" in data


# -- the command line ------------------------------------------------------------------------------


def test_from_a_pipe(shell: Watched) -> None:
    found = run("telnet", str(shell.endpoint), data=b"echo one\r\necho two\nquit\n")
    assert found.returncode == 0, found.stderr
    for text in (b"one\r\nworkbench> ", b"two\r\nworkbench> ", b"bye\r\n"):
        assert text in found.stdout
    assert b"> WONT NAWS" in found.stderr
    quiet = run("telnet", str(shell.endpoint), "--quiet-after", "0.3", data=b"echo \xff\xfe!\n")
    assert b"!\r\nworkbench> " in quiet.stdout


def test_on_a_terminal(shell: Watched) -> None:
    with on_a_terminal(*WORKBENCH, "telnet", str(shell.endpoint)) as (master, child):
        until(master, b"workbench> ")
        os.write(master, b"echo 1+1\r")
        until(master, b"echo 1+1\r\n1+1\r\n")
        os.write(master, b"\x03\x1d")
        until(master, b"q hangs up")
        os.write(master, b"s")
        until(master, b"shown by the server")
        os.write(master, b"\x1dq")
        until(master, b"sent ")
        assert child.wait(PATIENCE) == 0


def test_lines_on_a_terminal() -> None:
    with serving(serve_telnet, ServeTelnet(endpoint=HERE, line=True)) as server:
        words = [*WORKBENCH, "telnet", str(server.endpoint)]
        with on_a_terminal(*words) as (master, child):
            until(master, b"workbench> ")
            os.write(master, b"echo ab\x7fc\n")
            until(master, b"\r\nac\r\n")
            os.write(master, b"login\n")
            until(master, b"name: ")
            os.write(master, b"me\n")
            until(master, b"password: ")
            os.write(master, b"\x1d")
            until(master, b"q hangs up")
            os.write(master, b"q")
            assert child.wait(PATIENCE) == 0


def test_a_hostile_server_only_draws() -> None:
    tamer = Tamer()
    sent = b"a\x1b]52;c;cm0=\x07b\x1b[c\x1b[6n\x1b[21tc\x1bP+q\x1b\\d"
    sent += b"\x1b[31me\x1b[2J\x1b(0q\x1bc\x05\x9b"
    assert tamer.feed(sent) == b"abcd\x1b[31me\x1b[2J\x1b(0q\x1bc\x9b"
    assert tamer.feed("日本".encode()) == "日本".encode()


@given(st.binary(max_size=300), st.integers(0, 300))
def test_packets_do_not_matter_to_what_is_tame(data: bytes, cut: int) -> None:
    whole, split = Tamer(), Tamer()
    assert split.feed(data[:cut]) + split.feed(data[cut:]) == whole.feed(data)
    assert b"\x1b]" not in whole.feed(data)


# -- as code ---------------------------------------------------------------------------------------


@pytest.mark.peer("telnet")
@both
def test_telnet_as_code(shell: Watched, code: Code) -> None:
    """inetutils' telnet ends with its input: it is left open until the server has hung up."""
    with subprocess.Popen(
        code(TelnetTo(endpoint=shell.endpoint)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"echo one\nquit\n")
        child.stdin.flush()
        got = b""
        while b"bye\r\n" not in got:
            data = os.read(child.stdout.fileno(), 65_536)
            assert data, got
            got += data
        child.stdin.close()
        assert child.wait(PATIENCE) in (0, 1)
    ours = run("telnet", str(shell.endpoint), data=b"echo one\nquit\n").stdout
    for text in (b"Welcome to the workbench", b"one\r\nworkbench> ", b"bye\r\n"):
        assert text in got
        assert text in ours


# -- inetutils' telnetd ----------------------------------------------------------------------------

LOGIN = """\
#!{python}
import os, sys
print("hello", os.environ.get("TERM"), os.get_terminal_size(0), flush=True)
for line in sys.stdin:
    if line.strip() == "quit":
        break
    print("got", line.strip(), os.get_terminal_size(0), flush=True)
"""


@pytest.fixture(scope="module")
def telnetd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """inetutils' telnetd behind inetd; in place of login(1) it runs a script of the test's."""
    folder = tmp_path_factory.mktemp("telnetd")
    login = folder / "login"
    login.write_text(LOGIN.format(python=sys.executable))
    login.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    conf = folder / "inetd.conf"
    conf.write_text(
        f"127.0.0.1:{port} stream tcp nowait root /usr/sbin/telnetd telnetd -h -E {login}\n"
    )
    with subprocess.Popen(
        ["/usr/sbin/inetd", "-d", str(conf)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "inetd does not listen"
                assert child.poll() is None, "inetd has ended"
                time.sleep(0.05)
        try:
            yield parse(f"telnet://127.0.0.1:{port}")
        finally:
            child.kill()


@pytest.mark.peer("inetd", "telnetd")
def test_inetutils_telnetd(telnetd: Endpoint) -> None:
    with session(TelnetTo(endpoint=telnetd, term="vt220", window="91x33")) as one:
        one.until(lambda: "hello vt220" in one.text.lower())
        assert "columns=91, lines=33" in one.text
        one.until(lambda: one.state.character)
        assert {"TTYPE", "NAWS"} <= set(one.state.ours)
        one.ask("one\r", "got one")
        one.tell(Resize(70, 20))
        one.ask("two\r", "got two os.terminal_size(columns=70, lines=20)")
        one.tell(Send(b"quit\r"))
        assert isinstance(one.end(), Done)
