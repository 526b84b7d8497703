"""A script played to one peer: bytes in, deeds out; no socket and no clock in it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.text import safe
from workbench.sockets.script_file import Script, Step

LINE_MOST = 8192
"""Bytes of a peer's line."""

STEPS_AT_ONCE = 1000
"""Steps between two pauses, so that no script keeps the others from their turn."""

PATIENCE = 60.0
"""Seconds to wait for a peer, where the script says nothing else."""

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SendFile:
    """Send what the file has; `line` is where the script says so."""

    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds (0: let others have their turn), then call `woken`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for the peer, at most so many seconds; `what` is waited for."""

    seconds: float
    what: str


@dataclass(frozen=True, slots=True)
class End:
    """The session is over; by breaking it off, or politely."""

    reason: str
    reset: bool = False


Deed = Send | SendFile | Wait | Hear | End
Progress = Generator[Deed, None, bool]
"""Deeds, then whether the next step may follow at once."""


class Play:
    """One session of a script.

    `begin`, `received` and `woken` give what is to be done. Between a Wait and `woken` what the
    peer sends is kept; a Hear holds until its line or its bytes have come, however they drip.

    Attributes:
        heard: the line that came last.
        over: the session has ended.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard = b""
        self.over = False
        self._steps = script.opening
        self._at = 0
        self._stars: tuple[bytes, ...] = ()
        self._opening = True
        self._within = PATIENCE
        self._buffer = bytearray()
        self._searched = 0
        self._to_read = 0
        self._waiting = False
        self._hearing = False

    @property
    def buffered(self) -> int:
        """Bytes of the peer that wait for their turn."""
        return len(self._buffer)

    def begin(self) -> Iterator[Deed]:
        """The peer is there."""
        return self._go_on()

    def received(self, data: bytes | memoryview) -> Iterator[Deed]:
        """Bytes of the peer."""
        if not self.over:
            self._buffer += data
            if not self._waiting:
                yield from self._go_on()

    def woken(self) -> Iterator[Deed]:
        """The time to wait is up."""
        if self._waiting:
            self._waiting = False
            yield from self._go_on()

    def _go_on(self) -> Iterator[Deed]:
        for _ in range(STEPS_AT_ONCE):
            if self._at < len(self._steps):
                going_on = yield from self._step(self._steps[self._at])
            elif self.script.rules or self.script.otherwise is not None:
                going_on = yield from self._rule()
            else:
                going_on = yield from self._end("the script is at its end")
            if not going_on:
                return
        yield from self._wait(0.0)

    def _step(self, step: Step) -> Progress:
        """Do a step; whether the next may be done at once."""
        match step.verb:
            case "read":
                return (yield from self._read(step))
            case "expect":
                return (yield from self._expect(step))
        self._at += 1
        match step.verb:
            case "wait":
                return (yield from self._wait(step.amount))
            case "within":
                self._within = step.amount
            case "again":
                self._steps, self._at, self._opening = self.script.opening, 0, True
            case _:
                return (yield from self._say(step))
        return True

    def _say(self, step: Step) -> Progress:
        if step.verb == "send":
            yield Send(step.text(self._stars))
        elif step.verb == "file":
            yield SendFile(step.path, step.line)
        elif step.verb in ("close", "reset"):
            return (yield from self._end(f"{step.verb} in line {step.line}", step.verb == "reset"))
        return True

    def _read(self, step: Step) -> Progress:
        if not self._to_read:
            self._to_read = int(step.amount)
        taken = min(self._to_read, len(self._buffer))
        del self._buffer[:taken]
        self._searched = 0
        self._to_read -= taken
        if self._to_read:
            return (yield from self._hear(f"{int(step.amount):,} bytes, line {step.line}"))
        self._hearing = False
        self._at += 1
        return True

    def _expect(self, step: Step) -> Progress:
        glob = step.glob
        assert glob is not None
        line = yield from self._take_line(f"{safe(glob.source)}, line {step.line}")
        if line is None:
            return False
        stars = glob.match(line)
        if stars is not None:
            self._stars = (line, *stars)
            self._at += 1
            return True
        wanted = f"line {step.line} expects '{safe(glob.source)}', not {_shown(line)}"
        if self.script.otherwise is None or not self._opening:
            return (yield from self._end(wanted))
        # It is told that this was not understood; the step still waits for its line.
        self._stars = (line,)
        for one in self.script.otherwise:
            if not (yield from self._say(one)):
                return False
        return True

    def _rule(self) -> Progress:
        """Do as is said for the next line."""
        self._opening = False
        line = yield from self._take_line("a line")
        if line is None:
            return False
        steps, self._stars = self.script.for_line(line)
        if steps is None:
            return (yield from self._end(f"nothing is said about {_shown(line)}"))
        self._steps, self._at = steps, 0
        return True

    def _take_line(self, what: str) -> Generator[Deed, None, bytes | None]:
        """The next line without its end; None while it is not here, and when it never will be."""
        end = self._buffer.find(b"\n", self._searched)
        if end > LINE_MOST or (end < 0 and len(self._buffer) > LINE_MOST):
            yield from self._end(f"a line longer than {LINE_MOST:,} bytes")
            return None
        if end < 0:
            self._searched = len(self._buffer)
            yield from self._hear(what)
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._searched = 0
        self._hearing = False
        self.heard = line
        return line

    def _hear(self, what: str) -> Progress:
        """Wait for the peer, and say so once for all that is waited for."""
        if not self._hearing:
            self._hearing = True
            yield Hear(self._within, what)
        return False

    def _wait(self, seconds: float) -> Progress:
        self._waiting = True
        yield Wait(seconds)
        return False

    def _end(self, reason: str, reset: bool = False) -> Progress:
        self.over = True
        self._buffer.clear()
        yield End(reason, reset)
        return False


def _shown(line: bytes) -> str:
    text = safe(line)
    return f"'{text[:_SHOWN]}'…" if len(text) > _SHOWN else f"'{text}'"
