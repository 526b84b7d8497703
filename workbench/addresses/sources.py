"""Where lists come from: blocks on the command line, files, pipes, standard input."""

from __future__ import annotations

import os
import select
import shlex
import stat
import time
from collections.abc import Iterable, Iterator

from workbench.addresses.listing import CHUNK, Listing, Reader, Remark, parse
from workbench.core.events import Progress
from workbench.core.failure import JobError
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe

TOLD = 20
"""Lines of one source that are named; the rest is counted."""
_PAUSE = 0.2
"""Seconds between two reports of progress."""


@event("wrong", channel="talk")
class Wrong(Event):
    """A line that is left out: where it stands, what it says, and why it is wrong."""

    source: str
    number: int
    text: str
    why: str

    def line(self) -> str:
        """As compilers have it, so that editors find the place."""
        return f"{self.source}:{self.number}: {safe(self.text)!r}: {self.why}"


@event("remark", channel="talk")
class Remarked(Event):
    """A line that is taken, but perhaps not as it was meant."""

    source: str
    number: int
    text: str
    why: str

    def line(self) -> str:
        """As compilers have it."""
        return f"{self.source}:{self.number}: warning: {safe(self.text)!r}: {self.why}"


@event("more", channel="talk")
class More(Event):
    """Lines of a source that were wrong, or read with a warning, and are not named one by one."""

    source: str
    count: int
    wrong: bool

    def line(self) -> str:
        """How many more there are."""
        words = "wrong lines" if self.wrong else "lines with a warning"
        return f"{self.source}: {self.count:,} more {words}"


def gather(words: Iterable[str], scope: Scope, into: Listing) -> Iterator[Event]:
    """Read all that the words name: blocks, files, and - for standard input.

    Raises:
        JobError: a word is neither, or there is no standard input.
        OSError: a file cannot be read.
    """
    for word in words:
        scope.check()
        if word == "-":
            if scope.input is None:
                raise JobError("there is no standard input here", advice="name a file")
            yield from _listed("standard input", scope.input, scope, into)
            continue
        try:
            family, start, end, said = parse(word)
        except ValueError as problem:
            if not os.path.exists(word):
                raise JobError(
                    f"{word} is no file, and no block either: {problem}",
                    advice="blocks look like 10.0.0.0/8, 2001:db8::/32 or 10.0.0.1-10.0.0.9",
                ) from None
        else:
            into.add(family, start, end)
            if said:
                yield Remarked(word, 1, word, said)
            continue
        number = os.open(word, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield from _listed(word, number, scope, into)
        finally:
            os.close(number)


def left_out(*listings: Listing) -> None:
    """End the job as failed where lines were wrong, after all else was done.

    Raises:
        JobError: lines were wrong.
    """
    wrong = sum(one.wrong for one in listings)
    if wrong:
        lines = "line was" if wrong == 1 else "lines were"
        raise JobError(
            f"{wrong:,} wrong {lines} left out; the rest is done",
            advice="put them right, or take them out",
        )


def is_block(word: str) -> bool:
    """Whether a word of the command line is taken for a block and not for a file."""
    try:
        parse(word)
    except ValueError:
        return False
    return True


def as_bash(words: Iterable[str]) -> str:
    """What a shell's command reads for these words: files, and the rest as files bash makes up."""
    parts = []
    for word in words:
        if word == "-":
            parts.append("/dev/stdin")
        elif is_block(word):
            parts.append(f"<(echo {shlex.quote(word)})")
        else:
            parts.append(shlex.quote(word))
    return " ".join(parts)


def bash(command: str) -> str:
    """A command that needs bash, whatever shell it is pasted into."""
    return f"bash -c {shlex.quote(command)}"


def _listed(source: str, number: int, scope: Scope, into: Listing) -> Iterator[Event]:
    reader = Reader(into)
    told = {True: 0, False: 0}
    try:
        for event in _chunks(number, scope):
            if isinstance(event, Progress):
                yield event
                continue
            remarks = reader.feed(event) if event else reader.close()
            for remark in remarks:
                told[remark.wrong] += 1
                if told[remark.wrong] <= TOLD:
                    yield _tell(source, remark)
    except ValueError as problem:
        raise JobError(f"{source}: {problem}") from None
    for wrong, count in told.items():
        if count > TOLD:
            yield More(source, count - TOLD, wrong)


def _tell(source: str, remark: Remark) -> Event:
    kind = Wrong if remark.wrong else Remarked
    return kind(source, remark.number, remark.text, remark.why)


def _chunks(number: int, scope: Scope) -> Iterator[bytes | Progress]:
    """The bytes of a descriptor, b"" at their end; now and then how far it has come."""
    status = os.fstat(number)
    regular = stat.S_ISREG(status.st_mode)
    total = float(status.st_size) if regular else 0.0
    blocking = os.get_blocking(number)
    done, begun = 0, time.monotonic()
    told = begun
    while True:
        scope.check()
        if blocking and not regular:
            _wait(number, scope)
        try:
            data = os.read(number, CHUNK)
        except BlockingIOError:
            _wait(number, scope)
            continue
        yield data
        if not data:
            return
        done += len(data)
        now = time.monotonic()
        if now - told >= _PAUSE:
            told = now
            yield Progress(float(done), total, done / (now - begun), "B")


def _wait(number: int, scope: Scope) -> None:
    """Until there is something to read, or the scope is cancelled."""
    poll = select.poll()
    poll.register(number, select.POLLIN)
    poll.register(scope.fileno(), select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if scope.fileno() in ready:
            scope.commands()  # none means anything here; a cancel raises
        if number in ready:
            return
