"""Targets: what is followed and how, from the command line's options or a TOML file."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from workbench.core.arguments import nearest
from workbench.core.endpoint import Endpoint, EndpointError, parse
from workbench.core.failure import JobError, explain
from workbench.core.text import InputError, safe, unescape

TARGETS_MOST = 1_000
FILE_LONGEST = 1 << 20
NAME_LONGEST = 200
TEXT_LONGEST = 1_000
LIST_LONGEST = 50
LEAST_INTERVAL, LEAST_TIMEOUT = 1.0, 0.1
MOST_SECONDS = 86_400.0

TLS_KEYS = frozenset({"days", "verify", "ca"})
TALK_KEYS = frozenset({"send", "expect", "talk"})
COMMON_KEYS = frozenset({"name", "target", "interval", "timeout", "retries", "command"})


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a conversation: bytes to send, or to wait for."""

    verb: Literal["send", "expect"]
    data: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """What is followed, and how. Times in seconds; `command` is a list of arguments.

    `name` is the target's own among those that are followed together.
    """

    name: str
    endpoint: Endpoint
    interval: float = 10.0
    timeout: float = 10.0
    retries: int = 2
    expect: tuple[str, ...] = ()
    send: bytes = b""
    talk: tuple[Step, ...] = ()
    answer: bool = False
    status: tuple[int, ...] = ()
    method: str = "GET"
    days: int = 14
    verify: bool = True
    ca: Path | None = None
    command: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The conversation: as it is written out, or to send and to expect."""
        if self.talk:
            return self.talk
        sent = (Step("send", self.send),) if self.send else ()
        return sent + tuple(Step("expect", text.encode()) for text in self.expect)


def named(target: Target) -> Target:
    """The same with its endpoint for a name where it has none."""
    return target if target.name else replace(target, name=str(target.endpoint)[:NAME_LONGEST])


def checked(target: Target) -> Target:
    """The target, if it can be followed.

    Raises:
        JobError: it cannot; one line says why.
    """
    from workbench.servers.watch.checks import kind_of

    kind_of(target.endpoint)
    end = target.endpoint
    try:
        if not end.is_unix and end.transport != "icmp":
            end.require_port()
        if end.scheme in ("dns", "dot"):
            from workbench.servers.watch.dns import question_of

            question_of(end)
    except EndpointError as problem:
        advice = f"or icmp://{end.host} to ping it" if end.host else ""
        raise JobError(str(problem), advice=advice) from None
    except ValueError as problem:
        raise JobError(f"{end}: {problem}", advice="dns://SERVER/NAME?type=A") from None
    for name, least in (("interval", LEAST_INTERVAL), ("timeout", LEAST_TIMEOUT)):
        value = getattr(target, name)
        if not least <= value <= MOST_SECONDS:  # not a number is neither
            raise JobError(f"{name} is {value:g}", advice=f"from {least:g} s to a day")
    if not 0 <= target.retries <= 100:
        raise JobError(f"retries is {target.retries}", advice="from 0 to 100")
    return target


def unlike(targets: Iterable[Target]) -> list[Target]:
    """The targets, each of its own name and not too many of them.

    Raises:
        JobError: two have the same name, or there are too many.
    """
    found: dict[str, Target] = {}
    for one in targets:
        if found.get(one.name, one) != one:
            raise JobError(
                f"two targets are called {safe(one.name)}", advice="give one of them another name"
            )
        found[one.name] = one
    if len(found) > TARGETS_MOST:
        raise JobError(
            f"{len(found):,} targets are more than one watch follows ({TARGETS_MOST:,})",
            advice="split them among several",
        )
    return list(found.values())


# -- the file -----------------------------------------------------------------------------------


def read_file(path: Path, defaults: Target) -> list[Target]:
    """The targets of a TOML file; what it does not say is as in `defaults`.

    The keys of a target may also stand at the top, for all that follow: but not its name, its
    target and what it says. `docs` of the request has an example.

    Raises:
        JobError: it cannot be read, or something in it is wrong; one line says what and where.
    """
    document = _document(path)
    tables = document.pop("target", [])
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        raise JobError(f"{path}: target: write [[target]] above each target")
    known = sorted((COMMON_KEYS | TLS_KEYS | {"status", "method"}) - {"name", "target"})
    common = _values(document, known, f"{path}", path)
    if not tables:
        raise JobError(f"{path}: there is no target in it", advice="[[target]] begins one")
    found = []
    for number, table in enumerate(tables, 1):
        name = table.get("name") or table.get("target")
        where = f"{path}: target {number}" + (f" ({safe(str(name), limit=60)})" if name else "")
        found.append(_target(table, where, path, replace(defaults, **common)))
    return found


def heeded(endpoint: Endpoint) -> frozenset[str]:
    """The keys that a target with this endpoint may have."""
    from workbench.servers.watch.checks import kind_of

    return COMMON_KEYS | kind_of(endpoint).heeds


def _target(table: Mapping[str, Any], where: str, path: Path, defaults: Target) -> Target:
    text = table.get("target")
    if not isinstance(text, str):
        raise JobError(f"{where}: target is missing", advice='target = "https://HOST/", say')
    try:
        endpoint = parse(text)
        known = heeded(endpoint)
        for name in table:
            if name in _READERS and name not in known:
                others = ", ".join(sorted(known - {"name", "target"}))
                raise JobError(f"{name} is not for {endpoint.scheme}", advice=f"it has {others}")
        values = _values(table, sorted(known), where, path)
        values.pop("target")
        return checked(named(replace(defaults, **{"name": "", "endpoint": endpoint, **values})))
    except EndpointError as problem:
        raise JobError(f"{where}: {problem}") from None
    except JobError as problem:
        cause = problem.cause if problem.cause.startswith(where) else f"{where}: {problem.cause}"
        raise JobError(cause, advice=problem.advice) from None


def _values(table: Mapping[str, Any], known: list[str], where: str, path: Path) -> dict[str, Any]:
    """The values of a table's keys.

    Raises:
        JobError: a key that is not known, or a value that does not fit.
    """
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            hint = nearest(name, known) or f"; known are {', '.join(known)}"
            raise JobError(f"{where}: there is no {safe(name, limit=60)}{hint}")
        try:
            values[name] = _READERS[name](value)
        except ValueError as problem:
            raise JobError(f"{where}: {name} {problem}") from None
    if values.get("ca") is not None:
        values["ca"] = path.parent / values["ca"]
    return values


def _document(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise JobError(f"{path}: it is no regular file")
            data = file.read(FILE_LONGEST + 1)
    except OSError as problem:
        failed = explain("", problem)
        raise JobError(failed.cause, code=failed.code, advice=failed.advice) from None
    if len(data) > FILE_LONGEST:
        raise JobError(f"{path}: it is larger than {FILE_LONGEST >> 20} MiB")
    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError:
        raise JobError(f"{path}: it is not UTF-8") from None
    except RecursionError:
        raise JobError(f"{path}: it is nested too deeply") from None
    except ValueError as problem:
        raise JobError(f"{path}: it is no TOML: {problem}") from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a FIFO would wait for its writer


# -- the values of the keys; each raises ValueError with what goes behind the key's name ----------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > TEXT_LONGEST:
        raise ValueError(f"is a text in quotes of up to {TEXT_LONGEST:,} characters")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if len(values) > LIST_LONGEST:
        raise ValueError(f"has more than {LIST_LONGEST} texts")
    return tuple(_text(one) for one in values)


def _arguments(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('is a list of a program and its arguments, as ["mail", "-s", "down"]')
    found = _texts(value)
    if any("\0" in one for one in found):
        raise ValueError("has a NUL character, which no argument can have")
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("is a number of seconds")
    return float(value) if abs(value) < 1e15 else math.copysign(1e15, value)


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"is a whole number from {least} to {most:,}")
        return value

    return read


def _statuses(value: Any) -> tuple[int, ...]:
    read = _whole(100, 999)
    values = value if isinstance(value, list) else [value]
    return tuple(read(one) for one in values[:LIST_LONGEST])


def _method(value: Any) -> str:
    if value not in ("GET", "HEAD", "OPTIONS"):
        raise ValueError('is "GET", "HEAD" or "OPTIONS"')
    return str(value)


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is true or false")
    return value


def _bytes(value: Any) -> bytes:
    try:
        return unescape(_text(value))
    except InputError as problem:
        raise ValueError(f"has {problem}") from None


def _steps(value: Any) -> tuple[Step, ...]:
    found = []
    for text in _texts(value):
        verb, _, rest = text.partition(" ")
        if verb not in ("send", "expect") or not rest:
            raise ValueError(r"is a list such as ['expect 220', 'send QUIT\r\n', 'expect 221']")
        found.append(Step("send" if verb == "send" else "expect", _bytes(rest)))
    return tuple(found)


_READERS: dict[str, Callable[[Any], Any]] = {
    "name": lambda value: _text(value)[:NAME_LONGEST],
    "target": _text,
    "interval": _number,
    "timeout": _number,
    "retries": _whole(0, 100),
    "command": _arguments,
    "expect": _texts,
    "send": _bytes,
    "talk": _steps,
    "answer": _yes_or_no,
    "status": _statuses,
    "method": _method,
    "days": _whole(0, 36_500),
    "verify": _yes_or_no,
    "ca": lambda value: Path(_text(value)).expanduser(),
}
