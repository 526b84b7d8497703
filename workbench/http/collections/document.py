"""`.http` files: read, changed and written back without a loss.

What the REST clients of VS Code (github.com/Huachao/vscode-restclient) and JetBrains
(github.com/JetBrains/http-request-in-editor-spec) read and write. Every piece keeps its text, so
that what nobody has changed is written as it was: comments, blank lines, line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from workbench.core.failure import JobError

FILE_MOST = 8 << 20
"""Characters of one file."""

ENTRIES_MOST = 10_000
"""Requests in one file."""

_SEPARATOR = re.compile(r"[ \t]*#{3,}(?P<title>.*)", re.DOTALL)
_COMMENT = re.compile(r"[ \t]*(?:#|//)")
_DIRECTIVE = re.compile(
    r"[ \t]*(?:#|//)[ \t]*@(?P<name>[A-Za-z][\w-]*)(?:[ \t]*=[ \t]*|[ \t]+|$)(?P<value>.*)"
)
_VARIABLE = re.compile(r"[ \t]*@(?P<name>[^\s=]+)[ \t]*=[ \t]*(?P<value>.*)")
_METHOD = re.compile(r"(?P<method>[A-Za-z][A-Za-z-]*)[ \t]+(?=\S)")
_VERSION = re.compile(r"HTTP/(?P<version>[\d.]+)")
_AFTER = re.compile(r"(?:>>!?|<>)[ \t]*\S|>[ \t]+\S+\.m?js\s*$")


@dataclass(frozen=True, slots=True)
class Directive:
    """A comment that says something to the program: `# @name value`, with its line's number."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request as it is written, its `{{variables}}` not filled in.

    `method` is "" where none stands; `version` "1.1", "2", or "". `body` has no newline at its end.
    """

    method: str
    url: str
    version: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What stands from one `###` to the next, as pieces of text that make it up again."""

    prologue: str
    request: str = ""
    head: str = ""
    gap: str = ""
    body: str = ""
    tail: str = ""
    title: str = ""
    wanted: Wanted | None = None
    directives: tuple[Directive, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    scripts: int = 0
    line: int = 0

    @property
    def text(self) -> str:
        """As it stands in the file."""
        return self.prologue + self.request + self.head + self.gap + self.body + self.tail

    @property
    def name(self) -> str:
        """By `# @name`, else the title after `###`, else the request line."""
        given = next((one.value for one in self.directives if one.name == "name"), "")
        if given or self.title:
            return given or self.title
        return f"{self.wanted.method or 'GET'} {self.wanted.url}" if self.wanted else ""

    def all(self, name: str) -> list[Directive]:
        """The directives of that name, in order."""
        return [one for one in self.directives if one.name == name]


@dataclass(frozen=True, slots=True)
class Document:
    """A file: its sections, of which those with a request are `entries`."""

    sections: tuple[Section, ...]
    newline: str = "\n"
    mark: str = ""
    entries: tuple[Section, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = tuple(one for one in self.sections if one.wanted is not None)
        object.__setattr__(self, "entries", found)

    @property
    def text(self) -> str:
        """What to write to the file."""
        return self.mark + "".join(one.text for one in self.sections)

    @property
    def variables(self) -> dict[str, str]:
        """`@name = value` of the whole file, whichever stands last."""
        return {name: value for one in self.sections for name, value in one.variables}

    def with_entry(self, at: int, wanted: Wanted) -> Document:
        """The same with the request of entry number `at` changed; the rest stays as it stands.

        Raises:
            JobError: it would not be the same request when it is read again.
        """
        old = self.entries[at]
        if wanted == old.wanted:
            return self
        new = _changed(old, wanted, self.newline)
        parts = [new if one is old else one.text for one in self.sections]
        return _checked(parse(self.mark + "".join(parts)), at, len(self.entries), wanted)

    def with_new(self, wanted: Wanted, title: str = "") -> Document:
        """The same with a request at its end.

        Raises:
            JobError: it would not be the same request when it is read again.
        """
        end, text = self.newline, self.text
        if text and not text.endswith(("\n", "\r")):
            text += end
        first = f"### {title}".rstrip() + end if text.strip() or title else ""
        made = parse(text + (end if text.strip() else "") + first + written(wanted, end))
        return _checked(made, len(self.entries), len(self.entries) + 1, wanted)

    def without(self, at: int) -> Document:
        """The same less entry number `at`; a variable that stands before it goes too."""
        gone = self.entries[at]
        return parse(self.mark + "".join(one.text for one in self.sections if one is not gone))


def written(wanted: Wanted, newline: str = "\n") -> str:
    """A request as it stands in a file."""
    body = _lines_of(wanted.body, newline)
    head = _request_line(wanted) + newline + _header_lines(wanted.headers, newline)
    return head + (newline + body if body else "")


def parse(text: str) -> Document:
    """A file's text taken apart.

    Raises:
        JobError: it is larger than any such file is.
    """
    if len(text) > FILE_MOST:
        raise JobError(f"more than {FILE_MOST >> 20} MB are no file of requests")
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text[len(mark) :])
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    starts = [at for at, line in enumerate(lines) if _SEPARATOR.match(line)]
    cuts = sorted({0, *starts, len(lines)})
    if len(cuts) > ENTRIES_MOST:
        raise JobError(f"more than {ENTRIES_MOST:,} requests in one file")
    sections = tuple(_section(lines[start:end], start + 1) for start, end in pairwise(cuts))
    return Document(sections, newline, mark)


def _section(lines: Sequence[str], first: int) -> Section:
    at, title, scripts = 0, "", 0
    directives: list[Directive] = []
    variables: list[tuple[str, str]] = []
    while at < len(lines):
        line = lines[at].strip("\r\n")
        separator = _SEPARATOR.fullmatch(line)
        variable = _VARIABLE.fullmatch(line)
        if separator is not None:
            title = separator["title"].strip()
        elif variable is not None:
            variables.append((variable["name"], variable["value"].rstrip()))
        elif line.lstrip().startswith("< {%"):
            scripts += 1
            at = _end_of_script(lines, at)
        elif _COMMENT.match(line):
            _direct(line, first + at, directives)
        elif line.strip():
            break
        at += 1
    made = Section(
        "".join(lines[:at]), title=title, directives=tuple(directives),
        variables=tuple(variables), scripts=scripts, line=first + at,
    )  # fmt: skip
    return made if at == len(lines) else _with_request(made, lines[at:], first + at, directives)


def _with_request(
    made: Section, lines: Sequence[str], first: int, directives: list[Directive]
) -> Section:
    at = 1
    target = lines[0].strip()
    while at < len(lines) and _goes_on(lines[at]):
        target += lines[at].strip()
        at += 1
    start = at
    headers: list[tuple[str, str]] = []
    while at < len(lines) and lines[at].strip():
        line = lines[at].strip()
        if _COMMENT.match(line):
            _direct(line, first + at, directives)
        elif lines[at][0] in " \t" and headers:  # a value that goes on (RFC 9112 5.2)
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line}".strip())
        else:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        at += 1
    gap = at
    while at < len(lines) and not lines[at].strip():
        at += 1
    end, scripts = _end_of_body(lines, at)
    method, url, version = _apart(target)
    body = "".join(lines[at:end])
    wanted = Wanted(
        method, url, version, tuple(headers),
        re.sub(r"\r\n?", "\n", body).rstrip("\n"),
    )  # fmt: skip
    return replace(
        made, request="".join(lines[:start]), head="".join(lines[start:gap]),
        gap="".join(lines[gap:at]), body=body, tail="".join(lines[end:]), wanted=wanted,
        directives=tuple(directives), scripts=made.scripts + scripts,
    )  # fmt: skip


def _apart(line: str) -> tuple[str, str, str]:
    """Method, URL and version of a request line; "" for a method or version that is not there."""
    found = _METHOD.match(line)
    method, rest = (found["method"], line[found.end() :]) if found else ("", line)
    url, _, last = rest.replace("\t", " ").rpartition(" ")
    spoken = _VERSION.fullmatch(last)
    if spoken is None or not url.strip():
        return method, rest, ""
    return method, rest[: len(url)].rstrip(), spoken["version"]


def _goes_on(line: str) -> bool:
    """A line that belongs to the URL: indented, or a pair of the query."""
    text = line.strip()
    if not text or _COMMENT.match(text):
        return False
    return line[0] in " \t" or text[0] in "?&"


def _direct(line: str, number: int, into: list[Directive]) -> None:
    found = _DIRECTIVE.fullmatch(line)
    if found is not None:
        into.append(Directive(found["name"].lower(), found["value"].strip(), number))


def _end_of_script(lines: Sequence[str], at: int) -> int:
    """The last line of a script between `{%` and `%}`."""
    while at < len(lines) - 1 and "%}" not in lines[at]:
        at += 1
    return at


def _end_of_body(lines: Sequence[str], start: int) -> tuple[int, int]:
    """Where the body ends: before blank lines, and what editors do with the response."""
    scripts, end = 0, len(lines)
    for at in range(start, len(lines)):
        line = lines[at]
        if line.startswith("> {%") or _AFTER.match(line):
            scripts += sum(one.startswith(">") for one in lines[at:])
            end = at
            break
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end, scripts


# -- writing -----------------------------------------------------------------------------------


def _changed(old: Section, wanted: Wanted, newline: str) -> str:
    """The text of a section with another request, its unchanged pieces as they stand."""
    was = old.wanted
    assert was is not None
    same_line = (was.method, was.url, was.version) == (wanted.method, wanted.url, wanted.version)
    request = old.request if same_line else _request_line(wanted) + newline
    head = old.head
    if was.headers != wanted.headers:
        notes = [line for line in old.head.splitlines(keepends=True) if _COMMENT.match(line)]
        head = "".join(notes) + _header_lines(wanted.headers, newline)
    gap, body = old.gap, old.body
    if was.body != wanted.body:
        body = _lines_of(wanted.body, newline)
        gap = gap or newline
    request, head = (_ended(one, newline) for one in (request, head))
    tail = old.tail
    if body and tail.strip() and not body.endswith(("\n", "\r")):
        tail = newline + tail
    if not body and was.body and not tail:
        tail = newline  # a blank line before what follows
        gap = ""
    return old.prologue + request + head + gap + body + tail


def _checked(made: Document, at: int, count: int, wanted: Wanted) -> Document:
    found = made.entries[at].wanted if len(made.entries) == count else None
    if found is None or replace(found, method=found.method or "GET") != replace(
        wanted, method=wanted.method or "GET"
    ):
        raise JobError(
            "this request cannot stand in a .http file",
            advice="a line of ### in its body, blank lines at the body's ends or a line's end in a"
            " header make another request of it; put the body in a file and write < FILE",
        )
    return made


def _ended(text: str, newline: str) -> str:
    return text + newline if text and not text.endswith(("\n", "\r")) else text


def _request_line(wanted: Wanted) -> str:
    version = f" HTTP/{wanted.version}" if wanted.version else ""
    return f"{wanted.method or 'GET'} {wanted.url}{version}"


def _header_lines(headers: Iterable[tuple[str, str]], newline: str) -> str:
    return "".join(f"{name}: {value}".rstrip() + newline for name, value in headers)


def _lines_of(body: str, newline: str) -> str:
    return body.replace("\n", newline) + newline if body else ""
