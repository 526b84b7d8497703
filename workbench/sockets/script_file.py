r"""The file of a scripted server, read: statements, one a line, and what is wrong with one.

The grammar, with `#` for comments and blank lines wherever one likes:

    say TEXT        send a line: the text, CR and LF
    send TEXT       send exactly that
    file PATH       send a file; its path is from the script's folder
    expect GLOB     wait for a line that is so; another ends the session, or gets the `otherwise`
    read COUNT      wait for so many bytes
    wait SECONDS    do nothing for so long
    within SECONDS  how long to wait for the peer from here on (60)
    close, reset    end the session, politely or by breaking it off (TCP RST)
    again           from the top
    nocase          globs from here on ignore case (ASCII)
    on GLOB         what is done, on the indented lines below, for each line that is so ...
    otherwise       ... and for every other line

The statements before the first `on` are done when a peer comes; the blocks are for each line
after that. In a glob `*` is any text and `?` any character; `$1` to `$9` in a text are what the
stars were, `$0` is the whole line, `$$` a dollar. TEXT has the escapes of a line that is typed
in a session: \r \n \t \e \0 \\ \xHH \uHHHH; quotes around it keep blanks at its ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from workbench.core.failure import JobError
from workbench.core.text import InputError, safe, unescape
from workbench.sockets.script_glob import Glob

FILE_MOST = 1 << 20
STATEMENTS_MOST = 10_000
READ_MOST = 1 << 30
SECONDS_MOST = 86_400.0

Verb = Literal["send", "file", "expect", "read", "wait", "within", "close", "reset", "again"]
Part = bytes | int
"""Bytes as they are, or the number of a star."""


@dataclass(frozen=True, slots=True)
class Step:
    """A statement.

    Attributes:
        line: where it stands in the file, from 1.
        parts: of `send`.
        glob: of `expect`.
        path: of `file`.
        amount: bytes of `read`, seconds of `wait` and `within`.
    """

    verb: Verb
    line: int
    parts: tuple[Part, ...] = ()
    glob: Glob | None = None
    path: Path = Path()
    amount: float = 0.0

    def text(self, stars: tuple[bytes, ...]) -> bytes:
        """What `send` sends; `stars` has the whole line first."""
        return b"".join(
            part if isinstance(part, bytes) else stars[part] if part < len(stars) else b""
            for part in self.parts
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """A block: what is done for a line."""

    glob: Glob
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted server does; see the module."""

    name: str
    opening: tuple[Step, ...]
    rules: tuple[Rule, ...]
    otherwise: tuple[Step, ...] | None

    def for_line(self, line: bytes) -> tuple[tuple[Step, ...] | None, tuple[bytes, ...]]:
        """The steps for a line of the peer (None where there are none), and its stars."""
        for rule in self.rules:
            stars = rule.glob.match(line)
            if stars is not None:
                return rule.steps, (line, *stars)
        return self.otherwise, (line,)


@dataclass(slots=True)
class _Reader:
    name: str
    folder: Path
    opening: list[Step] = field(default_factory=list)
    rules: list[tuple[Glob, list[Step]]] = field(default_factory=list)
    otherwise: list[Step] | None = None
    number: int = 0
    nocase: bool = False

    def refuse(self, cause: str, advice: str = "") -> NoReturn:
        raise JobError(f"{safe(self.name)}, line {self.number}: {cause}", advice=advice)

    def script(self, text: str) -> Script:
        block: list[Step] | None = None
        for self.number, raw in enumerate(text.splitlines(), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if self.number > STATEMENTS_MOST:
                self.refuse(f"more than {STATEMENTS_MOST:,} lines")
            word, _, rest = line.partition(" ")
            rest = rest.strip()
            if word == "on":
                block = []
                self.rules.append((self._glob(rest), block))
            elif word == "nocase" and not rest:
                self.nocase = True
            elif word == "otherwise":
                if rest:
                    self.refuse("otherwise stands alone; what is done stands indented below it")
                if self.otherwise is not None:
                    self.refuse("there is an otherwise already")
                block = self.otherwise = []
            else:
                indented = raw[0] in " \t"
                if block is not None and not indented:
                    self.refuse(
                        f"{word} is not indented, after an on",
                        "indent it; what is done at first stands above the first on",
                    )
                where = self.opening if block is None else block
                where.extend(self._steps(word, rest, where))
        if not self.opening and not self.rules and self.otherwise is None:
            self.refuse("there is no statement in it", "as: say hello")
        rules = tuple(Rule(glob, tuple(steps)) for glob, steps in self.rules)
        otherwise = None if self.otherwise is None else tuple(self.otherwise)
        return Script(self.name, tuple(self.opening), rules, otherwise)

    def _steps(self, word: str, rest: str, before: list[Step]) -> Iterator[Step]:
        at = self.number
        match word:
            case "say" | "send":
                ending = "\\r\\n" if word == "say" else ""
                yield Step("send", at, parts=tuple(self._parts(_unquoted(rest) + ending)))
            case "file":
                if not rest:
                    self.refuse("file needs a path")
                yield Step("file", at, path=self.folder / _unquoted(rest))
            case "expect":
                yield Step("expect", at, glob=self._glob(rest))
            case "read":
                if not rest.isdecimal() or not 0 < int(rest) <= READ_MOST:
                    self.refuse(f"read needs a count of bytes, not {safe(rest)!r}", "as: read 16")
                yield Step("read", at, amount=int(rest))
            case "wait" | "within":
                yield Step(word, at, amount=self._seconds(word, rest))
            case "close" | "reset" | "again":
                if rest:
                    self.refuse(f"{word} takes nothing after it")
                if (
                    word == "again"
                    and before is self.opening
                    and not any(one.verb in ("expect", "read", "wait") for one in before)
                ):
                    self.refuse(
                        "again would send without end, as fast as it can",
                        "put an expect, a read or a wait before it",
                    )
                yield Step(word, at)
            case _:
                self.refuse(
                    f"{safe(word)!r} is no statement",
                    "there are say, send, file, expect, read, wait, within, close, reset, again,"
                    " nocase, on and otherwise",
                )

    def _seconds(self, word: str, rest: str) -> float:
        try:
            seconds = float(rest.removesuffix("s"))
        except ValueError:
            seconds = 0.0
        if not 0.001 <= seconds <= SECONDS_MOST:
            self.refuse(f"{word} needs seconds, not {safe(rest)!r}", f"as: {word} 0.5")
        return seconds

    def _glob(self, rest: str) -> Glob:
        if not rest:
            self.refuse("it needs a line to wait for", "* is any line")
        try:
            return Glob(_unquoted(rest), nocase=self.nocase)
        except InputError as problem:
            self.refuse(str(problem))

    def _parts(self, text: str) -> Iterator[Part]:
        for literal, number in _DOLLARS.findall(text):
            if number == "$":
                yield b"$"
            elif number:
                yield int(number)
            elif literal == "$":
                self.refuse("a dollar without a number", "$1 is what the first star was; $$ is $")
            else:
                try:
                    yield unescape(literal)
                except InputError as problem:
                    self.refuse(str(problem))


_DOLLARS = re.compile(r"([^$]+|\$(?![0-9$]))|\$([0-9$])")


def _unquoted(text: str) -> str:
    """Without the quotes around it, which keep blanks at its ends."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text


def parse(text: str, *, name: str = "script", folder: Path = Path()) -> Script:
    """A script's text, read.

    Raises:
        JobError: a line of it is not understood; says which, and why.
    """
    return _Reader(name, folder).script(text)


def read(path: Path) -> Script:
    """A script's file, read, at most FILE_MOST bytes of UTF-8.

    Raises:
        JobError: a line of it is not understood, or it is too long or no text.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(FILE_MOST + 1)
    if len(data) > FILE_MOST:
        raise JobError(f"{safe(str(path))}: more than {FILE_MOST:,} bytes: no script")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise JobError(
            f"{safe(str(path))}: no UTF-8 text", advice="write bytes as \\xHH in a send"
        ) from None
    return parse(text, name=path.name, folder=path.parent)
