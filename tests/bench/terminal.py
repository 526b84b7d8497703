"""A program in a pseudo-terminal, and what it writes when."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

SYNC_QUERY, SYNC_ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
"""DECRQM of synchronised output, the one question that Textual asks; and: known, not set."""

NEUTRAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
INHERITED_NOT = ("SSH_", "TEXTUAL", "NO_COLOR", "TMUX", "TERM", "COLUMNS", "LINES", "WT_SESSION")


@dataclass(frozen=True)
class Chunk:
    """Bytes that arrived together, and when (`time.monotonic`)."""

    time: float
    data: bytes


def neutral_environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment, less what tells of its own terminal, with changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(INHERITED_NOT)}
    return {**kept, **NEUTRAL, **(changes or {})}


@dataclass
class Terminal:
    """A pseudo-terminal with a program in it. Use as a context manager, or `close` it.

    It answers the question whether it knows synchronised output, unless `answers` is off. Nothing
    is read but in the calls that read: in between the program can write until the kernel's buffer
    is full.
    """

    pid: int
    fd: int
    started: float
    answers: bool = True
    _unasked: bytes = field(default=b"", repr=False)
    _ended: bool = field(default=False, repr=False)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        *,
        answers: bool = True,
    ) -> Terminal:
        """Start a program; `env` changes a neutral environment."""
        environment = neutral_environment(env)
        size = struct.pack("HHHH", rows, columns, 0, 0)
        started = monotonic()
        pid, fd = pty.fork()
        if pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.execvpe(argv[0], list(argv), environment)
            finally:
                os._exit(127)
        return cls(pid, fd, started, answers)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Type."""
        os.write(self.fd, data)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the program gets SIGWINCH."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float, limit: int = 65536) -> Chunk | None:
        """What there is within `seconds`, at most `limit` bytes; None if nothing or the end."""
        if not select.select([self.fd], [], [], max(0.0, seconds))[0]:
            return None
        try:
            data = os.read(self.fd, limit)
        except OSError:  # EIO: the other end is closed
            data = b""
        if not data:
            self._ended = True
            return None
        self._answer(data)
        return Chunk(monotonic(), data)

    def _answer(self, data: bytes) -> None:
        seen = self._unasked + data
        for _ in range(seen.count(SYNC_QUERY) if self.answers else 0):
            self.send(SYNC_ANSWER)
        tail = seen[max(seen.rfind(b"\x1b"), 0) :]
        cut_in_two = len(tail) < len(SYNC_QUERY) and SYNC_QUERY.startswith(tail)
        self._unasked = tail if cut_in_two else b""

    def chunks(self, seconds: float) -> Iterator[Chunk]:
        """All that arrives for so long."""
        deadline = monotonic() + seconds
        while not self._ended and (left := deadline - monotonic()) > 0:
            chunk = self.read(left)
            if chunk is not None:
                yield chunk

    def bytes_for(self, seconds: float) -> bytes:
        """All that arrives for so long, in one."""
        return b"".join(chunk.data for chunk in self.chunks(seconds))

    def read_until_quiet(self, quiet: float, deadline: float = 30.0) -> list[Chunk]:
        """Read until nothing comes for `quiet` seconds (or the end, or `deadline` seconds)."""
        got: list[Chunk] = []
        last = monotonic() + deadline
        while monotonic() < last:
            chunk = self.read(quiet if got else last - monotonic())
            if chunk is None:
                break
            got.append(chunk)
        return got

    def read_until(self, wanted: bytes, deadline: float = 30.0) -> list[Chunk]:
        """Read until these bytes have come; raises TimeoutError if they have not by then."""
        got: list[Chunk] = []
        tail = b""
        last = monotonic() + deadline
        while True:
            chunk = self.read(last - monotonic())
            if chunk is None:
                raise TimeoutError(
                    f"no {wanted!r} within {deadline} s; the end was {tail[-200:]!r}"
                )
            got.append(chunk)
            tail += chunk.data
            if wanted in tail:
                return got
            tail = tail[-4096 - len(wanted) :]

    def read_slowly(self, rate: float, seconds: float) -> bytes:
        """Read as a line of `rate` bytes a second does, for so long."""
        begin = monotonic()
        got = bytearray()
        while (passed := monotonic() - begin) < seconds and not self._ended:
            allowed = int(rate * passed) - len(got)
            if allowed < 1:
                select.select([], [], [], 1 / rate)
                continue
            chunk = self.read(seconds - passed, min(allowed, 1024))
            if chunk is not None:
                got += chunk.data
        return bytes(got)

    def cpu_seconds(self) -> float:
        """User and system time that the program has used (proc(5), `stat`)."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the program and give the terminal back."""
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
