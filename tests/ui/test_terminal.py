"""The real program in a pseudo-terminal: from its start to every way in which it can end."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.bench.terminal import Terminal
from tests.ui.light_demo import Emulator
from workbench.core.history import History, Record

PATIENCE = 30.0
ENTER, TAB, ESCAPE, CTRL_U, CTRL_L = b"\r", b"\t", b"\x1b", b"\x15", b"\x0c"
F10, NEXT_TAB, ALT_3, ALT_6 = b"\x1b[21~", b"\x1b[6;5~", b"\x1b3", b"\x1b6"

PROGRAM = [sys.executable, "-m", "workbench"]
BROKEN = """
import sys
from workbench.ui import app
from workbench.ui.panes.mail_ftp.pane import MailFtpPane

def fail(*_, **__):
    raise RuntimeError("broken on purpose \\x1b]0;PWNED\\x07")

setattr(MailFtpPane, sys.argv[1], fail)
raise SystemExit(app.run())
"""
STARTS_ON = {7, 25}
"""DEC private modes that a terminal has on by itself: wrapping, and the cursor."""


class Program:
    """The workbench in a terminal, and what stands there."""

    def __init__(self, terminal: Terminal, columns: int, rows: int) -> None:
        self.terminal = terminal
        self.screen = Emulator(columns, rows)
        self.said = bytearray()

    @property
    def pid(self) -> int:
        return self.terminal.pid

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def take(self, seconds: float) -> bool:
        """Take in what comes within so many seconds, if anything does."""
        chunk = self.terminal.read(seconds)
        if chunk is None:
            return False
        self.said += chunk.data
        self.screen.feed(chunk.data.decode("utf-8", "replace"))
        return True

    def until(self, found: Callable[[], object], what: str) -> None:
        """Read until this is so."""
        deadline = monotonic() + PATIENCE
        while not found():
            more = self.take(0.05) or self.ended() is None
            in_time = more and monotonic() < deadline
            assert in_time or found(), f"{what} never came; the screen:\n{self.text}"

    def see(self, *texts: str) -> None:
        """Read until all of these stand on the screen."""
        self.until(lambda: all(text in self.text for text in texts), repr(texts))

    def press(self, *keys: bytes) -> None:
        for key in keys:
            self.terminal.send(key)

    def target(self, text: str) -> None:
        """Put a line in the place of what stands on the target line, and press enter."""
        self.press(CTRL_U)
        self.until(lambda: re.search(r"^ \w+ > +\^o options", self.text, re.M), "an empty line")
        self.send(text)

    def send(self, text: str) -> None:
        """Type a line and press enter."""
        self.press(text.encode())
        self.see(text[-40:])
        self.press(ENTER)

    def resize(self, columns: int, rows: int) -> None:
        self.screen.resize(rows, columns)
        self.screen.reset()
        self.terminal.resize(columns, rows)

    def serve(self, line: str) -> str:
        """Start a server from the first screen, and return its endpoint."""
        self.target(line)
        self.see("1 up")
        kind = line.split()[0]
        found: list[str] = []

        def listening() -> bool:
            found[:] = re.findall(rf"^\* {kind} +(?:! )?(\S+[1-9]\d*/?) ", self.text, re.M)
            return bool(found)

        self.until(listening, f"the endpoint of {line}")
        return found[0]

    def results(self) -> None:
        """Go from the target line to what is below it."""
        self.press(TAB)
        self.see("n new")  # a letter is a key now

    def children(self) -> list[int]:
        return children_of(self.pid)

    def ended(self) -> int | None:
        """The exit status (a signal's number as a negative one) once it has ended."""
        info = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if info is None:
            return None
        return info.si_status if info.si_code == os.CLD_EXITED else -info.si_status

    def wait(self) -> int:
        """Read until it has ended; returns its exit status."""
        self.until(lambda: self.ended() is not None, "the end")
        while self.take(0.1):
            pass
        status = self.ended()
        assert status is not None
        return status


@contextmanager
def program(argv: list[str] | None = None, columns: int = 80, rows: int = 24) -> Iterator[Program]:
    """The program, its first screen drawn."""
    with Terminal.start(argv or PROGRAM, columns, rows) as terminal:
        one = Program(terminal, columns, rows)
        one.see("No server yet", "f1 help")
        yield one


def children_of(pid: int) -> list[int]:
    """The processes that a process has started (proc(5))."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(one) for one in task.read_text().split()]
    return found


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def wait_gone(pids: list[int]) -> None:
    deadline = monotonic() + PATIENCE
    while not all(map(gone, pids)):
        assert monotonic() < deadline, f"{pids} are still there"
        threading.Event().wait(0.02)


def assert_sane(one: Program) -> None:
    """The terminal is as it was: modes, keyboard, and the line discipline."""
    output = bytes(one.said)
    last = {
        int(mode): flag == b"h"
        for modes, flag in re.findall(rb"\x1b\[\?([\d;]+)([hl])", output)
        for mode in modes.split(b";")
    }
    wrong = [mode for mode, on in last.items() if on != (mode in STARTS_ON)]
    assert not wrong, f"left in another state: {wrong}"
    assert {1049, 25, 1000, 2004} <= last.keys()
    assert len(re.findall(rb"\x1b\[>\d+u", output)) == len(re.findall(rb"\x1b\[<\d*u", output))
    master, slave = pty.openpty()
    try:
        fresh = termios.tcgetattr(slave)
    finally:
        os.close(master)
        os.close(slave)
    assert termios.tcgetattr(one.terminal.fd) == fresh


def history() -> list[Record]:
    """What the history holds, as somebody sees it who comes after."""
    kept = History()
    try:
        return kept.search("")
    finally:
        kept.close()


# -- from the start to the end -------------------------------------------------------------------


def test_both_ends_on_one_screen() -> None:
    with program() as one:
        end = one.serve("echo tcp://127.0.0.1:0")
        (child,) = one.children()
        one.results()
        one.press(b"s")
        one.see("Send to", f"talk to {end}")
        one.press(ENTER)
        one.see("[Sockets]", f"* {end}", "open in", "text+LF>")
        one.send(r"h\x65llo")
        one.see(r"> hello\n", r"< hello\n", "in 6 B out 6 B")

        one.press(ALT_3)
        one.see("[Servers]", "[connections]")
        one.until(
            lambda: re.search(r"^ +1 127\.0\.0\.1:\d+ .* 6 B +6 B", one.text, re.M), "figures"
        )
        one.resize(120, 40)
        one.see("[Servers]", end, "f1 help", "127.0.0.1:")
        one.until(lambda: "f1 help" in one.screen.display[39], "the last line of 40")
        one.resize(80, 24)
        one.until(lambda: "f1 help" in one.screen.display[23], "the last line of 24")

        os.kill(child, signal.SIGKILL)
        one.see("failed: killed by signal 9")
        wait_gone([child])
        one.press(F10)
        assert one.wait() == 0
        assert_sane(one)
    outcomes = {run.job: run.outcome for run in history()}
    assert outcomes == {"serve echo": "failed", "connect": "cancelled"}


def test_quitting_with_a_server_asks_once() -> None:
    with program() as one:
        one.serve("echo tcp://127.0.0.1:0")
        children = one.children()
        one.press(F10)
        one.see("Quit? 1 server will stop", "y quit")
        one.press(b"n")
        one.until(lambda: "Quit?" not in one.text, "the end of the question")
        one.press(F10)
        one.see("Quit? 1 server will stop")
        one.press(b"y")
        assert one.wait() == 0
        assert_sane(one)
        wait_gone(children)
    assert [run.outcome for run in history()] == ["cancelled"]


def test_keys_that_arrive_together_act_in_their_order() -> None:
    """As over a slow line, or from a program that types."""
    with program() as one, socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        one.press(b"\x1b2")
        one.see("[Sockets]")
        one.press(CTRL_U + target.encode() + ENTER)
        one.see("text+LF>")
        peer, _ = listener.accept()
        with peer, peer.makefile("rb") as lines:
            one.press(b"one" + ENTER + b"two" + ENTER + CTRL_U + b"three" + ENTER)
            peer.settimeout(PATIENCE)
            assert [lines.readline() for _ in range(3)] == [b"one\n", b"two\n", b"three\n"]
            one.press(ESCAPE)
            one.see("/ find")
            one.press(b"np" + CTRL_U + b"n" + TAB + b"d")
            one.see("connect > n ")
            one.until(lambda: "text+LF>" not in one.text, "the going of the session")


# -- ends that nobody asked for ------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    with program() as one:
        one.serve("echo tcp://127.0.0.1:0")
        children = one.children()
        os.kill(one.pid, number)
        assert one.wait() == 128 + number
        assert_sane(one)
        wait_gone(children)
    assert [run.outcome for run in history()] == ["cancelled"]


def test_a_closed_terminal_ends_it_all() -> None:
    with program() as one:
        one.serve("http http://127.0.0.1:0/ --root /")
        children = one.children()
        assert children
        os.close(one.terminal.fd)
        one.terminal.fd = os.open(os.devnull, os.O_RDONLY)
        wait_gone([one.pid, *children])
    assert [run.outcome for run in history()] == ["cancelled"]


@pytest.mark.parametrize("place", ["compose", "on_mount", "render_lines"])
def test_a_fault_in_a_widget_leaves_the_terminal_sane(
    place: str, tmp_path: Path, own_home: Path
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BROKEN)
    with program([sys.executable, str(script), place]) as one:
        one.serve("echo tcp://127.0.0.1:0")
        children = one.children()
        one.press(ALT_6)  # Mail/FTP
        assert one.wait() == 1
        assert_sane(one)
        wait_gone(children)
        output = bytes(one.said)
        assert b"a fault in the screen: RuntimeError: broken on purpose" in output
        assert b"Traceback" not in output
        assert b"\x1b]0;PWNED" not in output
    assert [run.outcome for run in history()] == ["cancelled"]
    (report,) = (own_home / "state" / "workbench").glob("fault-*.txt")
    assert "broken on purpose" in report.read_text()
    assert report.stat().st_mode & 0o077 == 0


def test_killed_outright_it_takes_its_children_along() -> None:
    with program() as one:
        one.serve("echo tcp://127.0.0.1:0")
        children = one.children()
        os.kill(one.pid, signal.SIGKILL)
        wait_gone([one.pid, *children])
    assert [run.outcome for run in history()] == ["lost"]


# -- hostile bytes -------------------------------------------------------------------------------

HOSTILE = (
    b"\x1b]0;PWNED\x07\x1b[31337m\x1b[2J\x1bc\x1bP+q\x1b\\\x9b31337m\x9d0;PWNED\x9c"
    + bytes(range(256))
    + "".join(map(chr, range(0x80, 0xA0))).encode()
    + "\u202e\u2066\u200f[red]x[/red][/]\u061c[@click=app.quit]y".encode()
    + b"\xed\xa0\x80\xff\xfe"
)
SEQUENCE = re.compile(r"\x1b\[(?:[\d;]*[mH]|\?2026[hl]|\?2026\$p)|\x1b\]22;[a-z]+\x07")
"""What the screen itself writes between its start and its end: colours, places, frames, the one
question, and the shape of the pointer."""
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def assert_harmless(output: bytes) -> None:
    """Nothing but text, and sequences that the screen itself writes."""
    text = output.decode("utf-8")
    assert "31337m" in text
    assert "\x1b[31337m" not in text
    rest = SEQUENCE.sub("", text[text.index("\x1b") : text.rindex("\x1b")])
    odd = {char for char in rest if ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in BIDI}
    assert not odd, [rest[max(0, rest.index(one) - 20) :][:40] for one in odd]


@contextmanager
def hostile_peer() -> Iterator[str]:
    """A server that says all of it to whoever comes, and then waits."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peers: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                peers.append(peer)
                peer.sendall(HOSTILE + b"\n[the end of it]\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    for peer in peers:
        peer.close()
    thread.join()


def test_nothing_received_reaches_the_terminal_as_it_came() -> None:
    with program(columns=120, rows=40) as one, hostile_peer() as end:
        one.press(NEXT_TAB)
        one.press(b"\x1b2")
        one.see("[Sockets]", "connect >")
        begin = len(one.said)
        one.target(end)
        one.see("the end of it")
        one.press(ESCAPE)
        one.see("n new")
        one.press(b"v")
        one.see("00000100", "1b 5d 30 3b")
        one.press(b"v", b"e")
        one.see("Export to which file?")
        one.press(ESCAPE)
        one.press(ALT_3)
        one.see("[Servers]")
        assert_harmless(bytes(one.said[begin:]))


def test_nothing_of_a_request_reaches_the_terminal_as_it_came(tmp_path: Path) -> None:
    with program(columns=120, rows=40) as one:
        end = one.serve(f"http http://127.0.0.1:0/ --root {tmp_path}")
        begin = len(one.said)
        port = int(end.rstrip("/").rpartition(":")[2])
        line = HOSTILE.replace(b"\n", b"").replace(b"\r", b"").replace(b" ", b"")
        for request in (
            b"GET /" + line + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /ok%1b]0;PWNED%07%c2%9b31337m HTTP/1.1\r\nHost: " + line + b"\r\n\r\n",
            b"GET /ok%1b[31337m HTTP/1.1\r\nHost: a\r\nX: " + line + b"\r\n\r\n",
            line + b"\r\n\r\n",
            b"GET /%1b[31337m%1b]0;PWNED%07%c2%9b[red]%e2%80%ae HTTP/1.1\r\nHost: a\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
        one.results()
        one.press(b"v")
        one.see("[log]", "31337m")
        assert_harmless(bytes(one.said[begin:]))


# -- silence -------------------------------------------------------------------------------------


def falls_silent(one: Program, seconds: float = 2.0) -> bool:
    """Whether nothing comes for so long, before patience ends."""
    deadline = monotonic() + PATIENCE
    while monotonic() < deadline:
        if not one.take(seconds):
            return True
    return False


def test_an_idle_screen_writes_nothing() -> None:
    """Without servers, and with a session that is open and silent."""
    with program() as one, socket.create_server(("127.0.0.1", 0)) as listener:
        assert falls_silent(one)
        one.press(b"\x1b2")
        one.see("[Sockets]")
        one.target(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        one.see("open in")
        assert falls_silent(one)
