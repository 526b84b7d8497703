"""Rules by which an inspector answers: which requests, and how. A small TOML file:

    [[rule]]
    method = "POST"                  # or a list of them
    path = "/api/*"                  # * any characters, ? one, [abc] one of these
    header = { X-Token = "abc*" }    # each must be there and fit
    body = "word"                    # which the body holds
    times = 2                        # the rule holds so often, then no more

    status = 503
    headers = { Retry-After = "5" }
    text = "come again"              # or file = "answer.json"
    delay = 1.5                      # seconds
    drip = 100                       # bytes a second
    action = "answer"                # or "drop": close; "reset": break the connection off

The first rule that fits answers. All of a rule's keys may be left out.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from workbench.http.request_head import RequestHead
from workbench.http.response import Fields, check_fields

FILE_LIMIT = 1 << 20
RULES_LIMIT = 1_000

Action = Literal["answer", "drop", "reset"]
_RULE_LINE = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_SET_HERE = ("content-length", "transfer-encoding", "connection")


class RulesError(ValueError):
    """The rules cannot be used; the message names file, line and key."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is answered; `text` or what is in `file`, or, without both, an echo.

    `delay` in seconds; `drip` in bytes a second, 0 for as fast as the peer reads.
    """

    status: int = 200
    headers: Fields = ()
    text: bytes | None = None
    file: Path | None = None
    delay: float = 0.0
    drip: float = 0.0
    action: Action = "answer"


@dataclass(slots=True)
class Rule:
    """Which requests are answered so; `left` is how often it still holds, if that is limited."""

    answer: Answer
    line: int = 0
    methods: frozenset[str] = frozenset()
    path: re.Pattern[str] | None = None
    headers: tuple[tuple[bytes, re.Pattern[str]], ...] = ()
    body: bytes = b""
    left: int | None = None

    def fits(self, head: RequestHead, body: bytes) -> bool:
        """Whether a request is one of these."""
        if self.left == 0 or (self.methods and head.method not in self.methods):
            return False
        path = head.target.partition(b"?")[0].decode("latin-1")
        if self.path is not None and self.path.fullmatch(path) is None:
            return False
        for name, pattern in self.headers:
            value = head.get(name)
            if value is None or pattern.fullmatch(value.decode("latin-1")) is None:
                return False
        return self.body in body


def choose(rules: Iterable[Rule], head: RequestHead, body: bytes) -> Rule | None:
    """The first rule that fits, counted as used."""
    for rule in rules:
        if rule.fits(head, body):
            if rule.left is not None:
                rule.left -= 1
            return rule
    return None


def parse_headers(pairs: Iterable[tuple[str, str]]) -> Fields:
    """Header fields of an answer.

    Raises:
        ValueError: a field that cannot be sent, or that the server itself sets.
    """
    fields = []
    for name, value in pairs:
        if name.lower() in _SET_HERE:
            raise ValueError(f"{name} is set by the server")
        fields.append((name.encode("utf-8"), value.strip(" \t").encode("utf-8")))
    found = tuple(fields)
    check_fields(found)
    return found


def parse(text: str, path: Path) -> list[Rule]:
    """The rules that a file holds; files that they name are looked for beside it.

    Raises:
        RulesError: it is no TOML, or a key or value is not known.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        # tomllib gives every place but the last by its line.
        last = f"at line {max(1, len(text.splitlines()))}, the end"
        raise RulesError(f"{path}: {problem}".replace("at end of document", last)) from None
    except RecursionError:
        raise RulesError(f"{path}: nested too deeply") from None
    rules = table.pop("rule", [])
    if table:
        key = next(iter(table))
        raise RulesError(f"{path}, key {key}: rules stand under [[rule]], and nothing else does")
    if not isinstance(rules, list) or not all(isinstance(one, dict) for one in rules):
        raise RulesError(f"{path}: a rule begins by [[rule]]")
    if len(rules) > RULES_LIMIT:
        raise RulesError(f"{path}: more than {RULES_LIMIT} rules")
    places = _Places(text, path)
    return [_rule(values, number, places) for number, values in enumerate(rules)]


class _Places:
    """Where a rule and its keys stand in the file."""

    def __init__(self, text: str, path: Path) -> None:
        self.path = path
        self._lines = text.splitlines()
        self._starts = [
            number for number, line in enumerate(self._lines, 1) if _RULE_LINE.match(line)
        ]

    def line(self, rule: int, key: str = "") -> int:
        """The line of a rule, or of a key in it as far as that can be found; 0 if not."""
        if rule >= len(self._starts):
            return 0
        start = self._starts[rule]
        end = self._starts[rule + 1] if rule + 1 < len(self._starts) else len(self._lines) + 1
        if key:
            pattern = re.compile(rf"\s*[\[\"']?(?:rule\.)?{re.escape(key)}\b")
            for number in range(start + 1, end):
                if pattern.match(self._lines[number - 1]):
                    return number
        return start

    def wrong(self, rule: int, key: str, why: str) -> RulesError:
        """What is wrong with a key."""
        return RulesError(f"{self.path}, line {self.line(rule, key)}, key {key}: {why}")


def _rule(values: dict[str, Any], number: int, places: _Places) -> Rule:
    reading = _Reading(values, number, places)
    for key in values:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {close[0]}?" if close else f"a rule has {', '.join(_KEYS)}"
            raise places.wrong(number, key, f"not known; {hint}")
    if "text" in values and "file" in values:
        raise places.wrong(number, "file", "an answer has a text or a file, not both")
    path = reading.take("path", _text)
    answer = Answer(
        status=reading.take("status", _status) or 200,
        headers=reading.take("headers", _fields) or (),
        text=reading.take("text", _encoded),
        file=reading.take("file", lambda value: places.path.parent / _text(value)),
        delay=reading.take("delay", _number) or 0.0,
        drip=reading.take("drip", _number) or 0.0,
        action=reading.take("action", _action) or "answer",
    )
    return Rule(
        answer,
        line=places.line(number),
        methods=reading.take("method", _methods) or frozenset(),
        path=None if path is None else _glob(path),
        headers=reading.take("header", _patterns) or (),
        body=reading.take("body", _encoded) or b"",
        left=reading.take("times", _count),
    )


_KEYS = (
    "method", "path", "header", "body", "times",
    "status", "headers", "text", "file", "delay", "drip", "action",
)  # fmt: skip


@dataclass(slots=True)
class _Reading:
    """A rule's table, whose values are converted one by one."""

    values: dict[str, Any]
    number: int
    places: _Places = field(repr=False)

    def take(self, key: str, convert: Callable[[Any], Any]) -> Any:
        if key not in self.values:
            return None
        try:
            return convert(self.values[key])
        except ValueError as problem:
            raise self.places.wrong(self.number, key, str(problem)) from None


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text in quotes is wanted, not {value!r}")
    return value


def _encoded(value: Any) -> bytes:
    return _text(value).encode("utf-8")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
        raise ValueError(f"a number from 0 to 1,000,000 is wanted, not {value!r}")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"a whole number from 1 is wanted, not {value!r}")
    return value


def _status(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 999:
        raise ValueError(f"a status from 200 to 999 is wanted, not {value!r}")
    return value


def _action(value: Any) -> Action:
    if value not in ("answer", "drop", "reset"):
        raise ValueError(f"answer, drop or reset is wanted, not {value!r}")
    action: Action = value
    return action


def _methods(value: Any) -> frozenset[str]:
    return frozenset(map(_text, value if isinstance(value, list) else [value]))


def _pairs(value: Any) -> list[tuple[str, str]]:
    if not isinstance(value, dict):
        raise ValueError('names with values are wanted, as { X-Name = "value" }')
    return [
        (name, _text(one))
        for name, given in value.items()
        for one in (given if isinstance(given, list) else [given])
    ]


def _fields(value: Any) -> Fields:
    return parse_headers(_pairs(value))


def _patterns(value: Any) -> tuple[tuple[bytes, re.Pattern[str]], ...]:
    return tuple((name.lower().encode("utf-8"), _glob(pattern)) for name, pattern in _pairs(value))


class RulesFile:
    """A file of rules, read again whenever it has changed.

    Args:
        note: is told what is wrong with a changed file; the rules before it stay.

    Raises:
        RulesError: the file cannot be read or used.
    """

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        self._path = path
        self._note = note
        self._seen = self._state()
        self._rules = self._read()

    def rules(self) -> list[Rule]:
        """The rules as the file has them now."""
        seen = self._state()
        if seen != self._seen:
            self._seen = seen
            try:
                self._rules = self._read()
                self._note(f"{self._path}: {len(self._rules)} rules from now on")
            except RulesError as problem:
                self._note(f"{problem}; the rules before this stay")
        return self._rules

    def _state(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _read(self) -> list[Rule]:
        try:
            with open(self._path, "rb") as file:
                data = file.read(FILE_LIMIT + 1)
            text = data.decode()
        except OSError as problem:
            raise RulesError(f"{self._path}: {(problem.strerror or '').lower()}") from None
        except UnicodeDecodeError:
            raise RulesError(f"{self._path}: it is not UTF-8") from None
        if len(data) > FILE_LIMIT:
            raise RulesError(f"{self._path}: longer than {FILE_LIMIT} bytes")
        return parse(text, self._path)
