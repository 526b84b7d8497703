"""Assertions and captures: `# @assert WHAT OPERATOR VALUE` and `# @capture NAME = WHAT`.

WHAT is status, reason, header NAME, json $.PATH, count $.PATH, body, size (bytes) or time
(seconds). OPERATOR is ==, !=, <, <=, >, >=, contains, matches, exists, each with "not" before
it. VALUE is JSON, or else text as it stands.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.http.collections.answers import Answer, as_text, header_of, json_values, words_of

_COMPARED = ("==", "!=", "<", "<=", ">", ">=")
OPERATORS = (*_COMPARED, "contains", "matches", "exists")
SUBJECTS = ("status", "reason", "header", "json", "count", "body", "size", "time")
_NAMED = ("header", "json", "count")
_TIME = re.compile(r"([\d.]+) ?(ms|s)")
_NOT_THERE = object()
SEARCHED = 100_000
"""Characters that a pattern is tried on."""


@dataclass(frozen=True, slots=True)
class Check:
    """An assertion, and what became of it: `why` it does not hold, "" where it does."""

    text: str
    why: str = ""

    @property
    def holds(self) -> bool:
        """The response is as it was said to be."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Subject:
    """What of a response is looked at; `name` is a field's or a path."""

    kind: str
    name: str = ""

    def of(self, answer: Answer) -> Any:
        """Its value; `_NOT_THERE` where the response has none.

        Raises:
            JobError: the body cannot be looked into that way.
        """
        match self.kind:
            case "status":
                return answer.status
            case "reason":
                return answer.reason
            case "header":
                found = header_of(answer.headers, self.name)
                return _NOT_THERE if found is None else found
            case "body":
                return answer.text
            case "size":
                return answer.size
            case "time":
                return answer.took
            case "count":
                return len(json_values(answer.text, self.name))
        values = json_values(answer.text, self.name)
        return values[0] if values else _NOT_THERE


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion read: what, whether it is turned round, the operator and the value."""

    subject: Subject
    negated: bool
    operator: str
    value: Any
    text: str

    def judge(self, answer: Answer) -> Check:
        """Whether it holds."""
        try:
            found = self.subject.of(answer)
            holds = self._holds(found)
        except JobError as problem:
            return Check(self.text, problem.cause)
        except (TypeError, re.error) as problem:
            return Check(self.text, safe(str(problem), limit=200))
        if holds != self.negated:
            return Check(self.text)
        if found is _NOT_THERE:
            return Check(self.text, "there is none")
        return Check(self.text, f"it is {safe(as_text(found), limit=200)}")

    def _holds(self, found: Any) -> bool:
        if self.operator == "exists":
            return found is not _NOT_THERE
        if found is _NOT_THERE:
            return self.operator == "!="
        value = self.value
        if self.operator == "contains":
            if isinstance(found, list):
                return value in found
            return as_text(value).lower() in as_text(found).lower()
        if self.operator == "matches":
            return re.search(as_text(value), as_text(found)[:SEARCHED]) is not None
        if isinstance(found, str) and not isinstance(value, str):
            if self.operator in ("==", "!="):
                value = as_text(value)
            else:
                found = _number(found)
        if isinstance(value, str) and isinstance(found, int | float) and self.operator[0] in "<>":
            raise TypeError(f"{value[:60]!r} is no number")
        match self.operator:
            case "==":
                return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)
            case "!=":
                return bool(found != value)
            case "<":
                return bool(found < value)
            case "<=":
                return bool(found <= value)
            case ">":
                return bool(found > value)
        return bool(found >= value)


def _number(text: str) -> float:
    """A text of digits, such as a length in a field, as what can be compared."""
    try:
        return float(text)
    except ValueError:
        raise TypeError(f"{text[:60]!r} is no number") from None


def parse_assertion(text: str) -> Assertion:
    """An assertion as it is typed after `# @assert`.

    Raises:
        JobError: it is none.
    """
    words = list(words_of(text))
    subject, rest = _subject(words, text)
    negated = rest[:1] == ["not"]
    rest = rest[1:] if negated else rest
    if not rest or rest[0] not in OPERATORS:
        raise JobError(
            f"{safe(text, limit=80)!r}: {' '.join(rest[:1]) or 'nothing'} is no operator",
            advice=f"one of {', '.join(OPERATORS)}",
        )
    operator = rest[0]
    if (len(rest) == 1) != (operator == "exists"):
        raise JobError(f"{safe(text, limit=80)!r}: after {operator} stands a value, unless exists")
    value = "" if operator == "exists" else text[_after(text, rest) :].strip()
    return Assertion(subject, negated, operator, _value(value, subject), text)


def _after(text: str, rest: list[str]) -> int:
    """Where the value begins, which is taken as it stands, its spaces too."""
    at = len(text)
    for word in reversed(rest[1:]):
        at = text.rfind(word, 0, at)
    return at


def _value(text: str, subject: Subject) -> Any:
    timed = _TIME.fullmatch(text) if subject.kind == "time" else None
    if timed is not None:
        return float(timed[1]) / (1000 if timed[2] == "ms" else 1)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _subject(words: list[str], text: str) -> tuple[Subject, list[str]]:
    kind = words[0].lower() if words else ""
    if kind not in SUBJECTS:
        raise JobError(
            f"{safe(text, limit=80)!r}: what is looked at?", advice=f"one of {', '.join(SUBJECTS)}"
        )
    if kind not in _NAMED:
        return Subject(kind), words[1:]
    if len(words) < 2:
        raise JobError(f"{safe(text, limit=80)!r}: {kind} of what?")
    return Subject(kind, words[1]), words[2:]


@dataclass(frozen=True, slots=True)
class Capture:
    """A value that is kept for the requests that follow; `pattern` takes a part of it."""

    name: str
    subject: Subject
    pattern: str = ""

    def take(self, answer: Answer) -> str:
        """The value as text.

        Raises:
            JobError: the response has none.
        """
        found = self.subject.of(answer)
        what = f"{self.subject.kind} {self.subject.name}".strip()
        if found is _NOT_THERE:
            raise JobError(f"nothing to keep as {self.name}: the response has no {what}")
        text = as_text(found)
        if not self.pattern:
            return text
        part = re.search(self.pattern, text[:SEARCHED])
        if part is None:
            raise JobError(f"nothing to keep as {self.name}: {what} does not match {self.pattern}")
        return (part[1] if part.re.groups else part[0]) or ""


def parse_capture(text: str) -> Capture:
    """A capture as it is typed after `# @capture`: NAME = WHAT, or NAME = WHAT matches PATTERN.

    Raises:
        JobError: it is none.
    """
    name, equals, what = text.partition("=")
    name = name.strip()
    if not equals or re.fullmatch(r"[\w.-]+", name) is None:
        raise JobError(
            f"{safe(text, limit=80)!r} keeps nothing", advice="as # @capture token = json $.token"
        )
    words = list(words_of(what))
    subject, rest = _subject(words, what)
    if not rest:
        return Capture(name, subject)
    if rest[0] != "matches" or len(rest) < 2:
        raise JobError(f"{safe(text, limit=80)!r}: after {subject.kind} may stand matches PATTERN")
    pattern = what[_after(what, rest) :].strip()
    try:
        re.compile(pattern)
    except re.error as problem:
        raise JobError(f"{pattern[:60]!r} is no pattern: {problem}") from None
    return Capture(name, subject, pattern)
