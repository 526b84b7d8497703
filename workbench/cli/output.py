"""Events as lines: data on standard output, talk on standard error; or all of it as JSON."""

from __future__ import annotations

import os
import select
from abc import ABC, abstractmethod

from workbench.cli.words import Options
from workbench.core.events import Done, Failed, Progress
from workbench.core.failure import explain
from workbench.core.message import Event, encode
from workbench.core.text import safe

OUT, ERR = 1, 2

RED, DIM, BOLD = "31;1", "2", "1"


class Broken(Exception):  # noqa: N818 - nobody reads any more, which is no error
    """Standard output is gone: closed by its reader, or no longer to be written."""

    def __init__(self, problem: OSError) -> None:
        super().__init__(str(problem))
        self.problem = problem

    @property
    def closed(self) -> bool:
        """The reader has closed it, as head does."""
        return isinstance(self.problem, BrokenPipeError)


class Output(ABC):
    """Where the events of a run go; `ended` is its last event."""

    def __init__(self, options: Options) -> None:
        self._quiet = options.quiet
        self.ended: Done | Failed | None = None
        self.writing = False
        """In the middle of a line, which another must not break."""

    def write(self, event: Event) -> None:
        """Put an event out at once.

        Raises:
            Broken: standard output cannot be written.
        """
        if not self._quiet or event.channel != "talk" or isinstance(event, Done | Failed):
            self.writing = True
            self._put(event)
            self.writing = False
        if isinstance(event, Done | Failed):
            self.ended = event

    @abstractmethod
    def _put(self, event: Event) -> None: ...


class JsonLines(Output):
    """Every event as one JSON object a line on standard output."""

    def _put(self, event: Event) -> None:
        write_out(encode(event) + b"\n")


class People(Output):
    """Lines for people. What came off the wire is made harmless before a terminal sees it."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._out_is_terminal = os.isatty(OUT)
        self._err_is_terminal = os.isatty(ERR)
        self._unfinished = b""
        self._progress_shown = False

    def _put(self, event: Event) -> None:
        if self._progress_shown:
            write_err("\r\x1b[K")
            self._progress_shown = False
        data = getattr(event, "data", b"")
        if isinstance(event, Done | Failed) and self._unfinished:
            write_out(_harmless(self._unfinished))
        if event.channel == "bytes" and isinstance(data, bytes):
            raw = not self._out_is_terminal or getattr(event, "tame", False)
            write_out(data if raw else self._printable(data))
        elif isinstance(event, Failed):
            # Who pressed Ctrl+C knows.
            if not event.cancelled:
                complain(event.line())
        elif isinstance(event, Progress):
            # In place on a terminal; in a file it would be a line for every step.
            if self._err_is_terminal:
                write_err(paint(safe(event.line()), DIM, ERR))
                self._progress_shown = True
        elif line := event.line():
            if event.channel == "talk":
                if not (self._quiet and isinstance(event, Done)):
                    write_err(paint(safe(line, keep_newlines=True), DIM, ERR) + "\n")
            else:
                write_out(encoded(safe(line, keep_newlines=True) + "\n"))

    def _printable(self, data: bytes) -> bytes:
        """Bytes for a terminal; what may be the first half of a character waits for the next."""
        data = self._unfinished + data
        cut = _cut(data)
        self._unfinished = data[cut:]
        return _harmless(data[:cut])


def output(options: Options) -> Output:
    """The output that the options ask for."""
    return JsonLines(options) if options.json else People(options)


def complain(text: str) -> None:
    """One line on standard error for what is wrong."""
    name = paint("workbench:", RED, ERR)
    write_err(f"{name} {safe(text, keep_newlines=True)}\n")


def unwritable(broken: Broken) -> None:
    """Say why standard output could not be written, unless its reader just went away."""
    if not broken.closed:
        complain(explain("write to standard output", broken.problem).line())


def say(text: str) -> None:
    """Text for standard output that is no event: help, code, a script."""
    write_out(encoded(text if text.endswith("\n") else text + "\n"))


def paint(text: str, colour: str, number: int) -> str:
    """The text in a colour (SGR parameters, ECMA-48 8.3.117) where that is a terminal's business.

    NO_COLOR (no-color.org) and TERM=dumb turn colours off.
    """
    if not text or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return text
    return f"\x1b[{colour}m{text}\x1b[0m" if os.isatty(number) else text


def encoded(text: str) -> bytes:
    """Text as it is written; a file name that is no UTF-8 goes out as it came in."""
    return text.encode("utf-8", "surrogateescape")


def write_out(data: bytes) -> None:
    """Write all of it to standard output.

    Raises:
        Broken: it cannot be.
    """
    try:
        _write(OUT, data)
    except OSError as problem:
        raise Broken(problem) from None


def write_err(text: str) -> None:
    """Write to standard error; where nobody listens there is nobody to tell."""
    try:
        _write(ERR, encoded(text))
    except OSError:
        pass


def _write(number: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(number, view) :]
        except BlockingIOError:
            # Another program that shares the terminal may have made it non-blocking.
            poll = select.poll()
            poll.register(number, select.POLLOUT)
            poll.poll()


def _harmless(data: bytes) -> bytes:
    """Bytes from a peer as text for a terminal; tabs and newlines keep their meaning."""
    parts = data.split(b"\t")
    return encoded("\t".join(safe(part, keep_newlines=True, limit=None) for part in parts))


def _cut(data: bytes) -> int:
    """Where to cut so that no UTF-8 character and no CR LF is torn in two (RFC 3629, 3)."""
    if data.endswith(b"\r"):
        return len(data) - 1
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < length else len(data)
        if byte < 0x80:
            break
    return len(data)
