"""The system's error numbers: name, number and meaning, as errno(3) and strerror(3) know them."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe


@event("errno")
class ErrorNumber(Event):
    """An error of this system; two names may share a number (EAGAIN and EWOULDBLOCK)."""

    name: str
    number: int
    meaning: str

    def line(self) -> str:
        """The name, the number and the meaning."""
        return f"{self.name:<16} {self.number:>3}  {self.meaning}"


_PYTHON = """\
import errno
import os

words = {words!r}
for number, name in sorted((n, e) for e, n in vars(errno).items() if e.startswith("E")):
    line = f"{{name}} {{number}} {{os.strerror(number)}}"
    for word in words or ("",):
        if str(number) == word if word.isdecimal() else word.lower() in line.lower():
            print(line)
            break
"""

_PERL = (
    "my %all = map { $_ => Errno->can($_)->() } grep { /^E/ } keys %!; "
    "for my $name (sort { $all{$a} <=> $all{$b} or $a cmp $b } keys %all) { "
    '$! = $all{$name}; my $line = "$name $all{$name} $!"; '
    "print qq($line\\n) if !@ARGV or grep "
    "{ /^[0-9]+$/ ? $_ == $all{$name} : index(lc $line, lc $_) >= 0 } @ARGV }"
)


@dataclass(frozen=True, slots=True)
class Errno(Request):
    """Look the system's errors up by name, number or part of their meaning."""

    words: tuple[str, ...] = argument(
        "what to look for, such as ECONNREFUSED, 111, refused; nothing lists all",
        default=(),
        metavar="WORD",
    )

    def as_python(self) -> str:
        """The errno module and os.strerror."""
        return _PYTHON.format(words=self.words)

    def as_shell(self) -> str:
        """perl(1) with Errno, which Debian has without moreutils."""
        return shlex.join(["perl", "-MErrno", "-e", _PERL, "--", *self.words])


@job("errno", tab="tools", example="errno refused")
def lookup(request: Errno, scope: Scope) -> Iterator[Event]:
    """Every error that one of the words means, by number."""
    words = request.words or ("",)
    found = [one for one in table() if any(matches(one, word) for word in words)]
    if not found:
        raise JobError(
            f"no error is called {safe(' '.join(request.words))}",
            code="not found",
            advice="try a part of the name or of the meaning, or a number",
        )
    scope.check()
    yield from found
    yield Done(f"{len(found)} found")


def table() -> list[ErrorNumber]:
    """All errors that Python knows on this system, by number and then name."""
    rows = ((number, name) for name, number in vars(errno).items() if name.startswith("E"))
    return [ErrorNumber(name, number, os.strerror(number)) for number, name in sorted(rows)]


def matches(one: ErrorNumber, word: str) -> bool:
    """Whether a row is meant: a number exactly, a name or meaning by any part of it."""
    if word.isdecimal():
        return str(one.number) == word
    return word.lower() in f"{one.name} {one.number} {one.meaning}".lower()
