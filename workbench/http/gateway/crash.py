"""What is known of an exception: its frames with source lines and local values, made harmless.

The values come from a program that has just failed: a repr may raise, hang about in a million
items or hold a password. Each is bounded, none can raise, and what is named like a secret is
not shown.
"""

from __future__ import annotations

import linecache
import re
import reprlib
import traceback
from dataclasses import dataclass
from types import FrameType, TracebackType

from workbench.core.message import Event, event

FRAMES = 30
"""Frames that are told; of a deeper stack the outermost ones and the innermost."""

LOCALS = 40
VALUE = 200
"""Characters of one value."""

MESSAGE = 2_000
AROUND = 3
"""Source lines on each side of the one that was running."""

CHAIN = 5
MASK = "********"

_IMPORT = re.compile(r"^<frozen importlib|[/\\]importlib[/\\]__init__\.py$")
"""Frames of an import's machinery, which say nothing."""

_SECRET = re.compile(
    r"pass(?:word|wd|phrase)|(?:^|_)pw(?:d)?(?:$|_)|secret|token|api_?key|private_?key|credential"
    r"|cookie|auth(?:$|oriz)|session_?(?:id|key)",
    re.IGNORECASE,
)
_SECRET_INSIDE = re.compile(
    r"((?:password|passwd|secret|token|api_?key|cookie|authorization)\w*['\"]?\s*[=:]\s*)"
    r"(?:b?'[^']*'?|b?\"[^\"]*\"?|[^\s,)}\]]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A local variable: its name, and its value as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a call was: `source` are the lines around `line`, the first of them `first`."""

    file: str
    line: int
    function: str
    first: int
    source: tuple[str, ...]
    values: tuple[Value, ...]

    @property
    def code(self) -> str:
        """The line that was running."""
        at = self.line - self.first
        return self.source[at].strip() if 0 <= at < len(self.source) else ""


@event("crash")
class Crash(Event):
    """A program that the server calls has failed: `request` is what was asked of it.

    `frames` from the outermost call to the innermost; `cause` what came before (the text of the
    exceptions that this one was raised from, the nearest first).
    """

    request: str
    kind: str
    message: str
    frames: tuple[Frame, ...] = ()
    cause: tuple[str, ...] = ()

    def line(self) -> str:
        """What, where, and the lines of code on the way."""
        lines = [f"crash in {self.request}: {self.title}"]
        for frame in self.frames:
            lines.append(f"  {frame.file}:{frame.line} in {frame.function}")
            if frame.code:
                lines.append(f"    {frame.code}")
        if self.frames:
            lines += [f"      {one.name} = {one.value}" for one in self.frames[-1].values]
        return "\n".join([*lines, *(f"  because of {text}" for text in self.cause)])

    @property
    def title(self) -> str:
        """The exception in one line, as Python prints it."""
        first = self.message.partition("\n")[0]
        return f"{self.kind}: {first}" if first else self.kind

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 1024 + sum(
            512 + sum(len(one.value) for one in frame.values) for frame in self.frames
        )


def crash(request: str, problem: BaseException, *, skip: str = "") -> Crash:
    """What there is to tell of an exception.

    Args:
        request: what was being done.
        skip: the outermost frames in files that begin so are left out (the server's own).
    """
    frames = _frames(problem.__traceback__, skip)
    if isinstance(problem, SyntaxError) and problem.filename and problem.lineno:
        first, source = _source(problem.filename, problem.lineno, {})
        file = _clean(problem.filename)
        frames.append(Frame(file, problem.lineno, "the file itself", first, source, ()))
    return Crash(request, _kind(problem), _message(problem), tuple(frames), _causes(problem))


def _kind(problem: BaseException) -> str:
    cls = type(problem)
    module = cls.__module__
    return (
        cls.__qualname__ if module in ("builtins", "__main__") else f"{module}.{cls.__qualname__}"
    )


def _message(problem: BaseException) -> str:
    try:
        return _clean(str(problem)[:MESSAGE])
    except Exception as other:
        return f"(its text cannot be had: {type(other).__name__})"


def _causes(problem: BaseException) -> tuple[str, ...]:
    found: list[str] = []
    seen = {id(problem)}
    while len(found) < CHAIN:
        before = problem.__cause__
        if before is None and not problem.__suppress_context__:
            before = problem.__context__
        if before is None or id(before) in seen:
            break
        seen.add(id(before))
        found.append(f"{_kind(before)}: {_message(before)}")
        problem = before
    return tuple(found)


def _frames(trace: TracebackType | None, skip: str) -> list[Frame]:
    walked: list[tuple[FrameType, int]] = [
        one for one in traceback.walk_tb(trace) if not _IMPORT.search(one[0].f_code.co_filename)
    ]
    while skip and len(walked) > 1 and walked[0][0].f_code.co_filename.startswith(skip):
        del walked[0]
    if len(walked) > FRAMES:
        walked = [*walked[: FRAMES // 3], *walked[-(FRAMES - FRAMES // 3) :]]
    linecache.checkcache()
    return [_frame(*one) for one in walked]


def _frame(frame: FrameType, line: int) -> Frame:
    code = frame.f_code
    first, source = _source(code.co_filename, line, frame.f_globals)
    values: list[Value] = []
    if code.co_name != "<module>":
        for name, value in list(frame.f_locals.items())[:LOCALS]:
            values.append(Value(name, shown(name, value)))
    return Frame(_clean(code.co_filename), line, code.co_qualname, first, source, tuple(values))


def _source(file: str, line: int, namespace: dict[str, object]) -> tuple[int, tuple[str, ...]]:
    first = max(1, line - AROUND)
    try:
        lines = linecache.getlines(file, namespace)
    except Exception:
        return first, ()
    return first, tuple(
        _clean(one.rstrip("\r\n")[:500]) for one in lines[first - 1 : line + AROUND]
    )


def shown(name: str, value: object) -> str:
    """A value as text of bounded length; nothing of it where its name is that of a secret."""
    if _SECRET.search(name) and not callable(value):
        return MASK
    try:
        text = _repr.repr(value)
    except Exception as problem:
        text = f"<{type(value).__name__} whose repr raises {type(problem).__name__}>"
    text = _clean(_SECRET_INSIDE.sub(lambda found: found[1] + MASK, text))
    return text if len(text) <= VALUE else text[: VALUE - 1] + "…"


def _clean(text: str) -> str:
    """Text that can be encoded: half a surrogate pair comes out as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Repr(reprlib.Repr):
    """Short reprs, in which the values of secret keys are masked at every depth."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 8
        self.maxstring = self.maxother = 120

    def repr_dict(self, x: dict[object, object], level: int) -> str:
        """A dictionary; a WSGI environment has its cookies and its Authorization in it."""
        if not x:
            return "{}"
        if level <= 0:
            return "{...}"
        pieces: list[str] = []
        for count, (key, value) in enumerate(x.items()):
            if count == self.maxdict:
                pieces.append("...")
                break
            masked = isinstance(key, str) and _SECRET.search(key)
            text = MASK if masked else self.repr1(value, level - 1)
            pieces.append(f"{self.repr1(key, level - 1)}: {text}")
        return "{" + ", ".join(pieces) + "}"

    def repr_instance(self, x: object, level: int) -> str:
        """Any other object, whatever its own repr does."""
        try:
            text = repr(x)
        except Exception as problem:
            return f"<{type(x).__name__} whose repr raises {type(problem).__name__}>"
        if type(text) is not str:
            return f"<{type(x).__name__} whose repr is no text>"
        return text if len(text) <= self.maxother else text[: self.maxother] + "…"


_repr = _Repr()
