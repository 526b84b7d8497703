"""The last look at each server, kept in the user's state folder, and what differs from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from workbench.core.folders import make_private, state_folder, write_whole
from workbench.core.message import build, from_json, to_json
from workbench.tls.inspecting.events import Changed, Seen

if TYPE_CHECKING:
    from workbench.tls.inspecting.judge import Judged

T = TypeVar("T")

KEPT = 2_000
"""Servers that are remembered; the one that was looked at longest ago makes room."""
LONGEST = 8 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """What is remembered of one look; `time` is ISO 8601, `chain` holds SHA-256 fingerprints."""

    time: str
    version: str
    suite: str
    group: str
    alpn: str
    trusted: bool
    issuer: str
    pin: str
    not_after: str
    chain: tuple[str, ...]


def look_of(seen: Seen, judged: Judged, now: datetime) -> Look:
    """What to remember."""
    leaf = judged.leaf
    return Look(
        now.isoformat(),
        seen.version,
        seen.suite,
        seen.group,
        seen.alpn,
        seen.trusted,
        leaf.issuer.text if leaf else "",
        leaf.key.pin if leaf else "",
        leaf.not_after.isoformat() if leaf else "",
        tuple(one.sha256 for one in judged.chain),
    )


def changes(before: Look, after: Look) -> Iterator[Changed]:
    """What differs."""
    since = before.time
    if before.chain[:1] != after.chain[:1]:
        key = "same key" if before.pin == after.pin else "another key"
        yield Changed(
            f"certificate ({key})",
            f"{_short(before.chain)} until {before.not_after[:10]}",
            f"{_short(after.chain)} until {after.not_after[:10]}",
            since,
        )
    elif before.chain != after.chain:
        yield Changed("chain as sent", _count(before.chain), _count(after.chain), since)
    for what, grave in (("issuer", True), ("version", True), ("suite", False), ("group", False)):
        one, other = getattr(before, what), getattr(after, what)
        if one != other:
            yield Changed(what, one, other, since, grave)
    if before.alpn != after.alpn:
        yield Changed("ALPN", before.alpn, after.alpn, since)
    if before.trusted != after.trusted:
        words = ("not trusted", "trusted")
        yield Changed("trust", words[before.trusted], words[after.trusted], since, before.trusted)


@dataclass(frozen=True, slots=True)
class Scan:
    """What is remembered of one scan: versions, suites as "TLS 1.2 TLS_…", and groups."""

    time: str
    versions: tuple[str, ...]
    suites: tuple[str, ...]
    groups: tuple[str, ...]


def scan_changes(before: Scan, after: Scan) -> Iterator[Changed]:
    """What is gone and what is new."""
    for what in ("versions", "suites", "groups"):
        one, other = getattr(before, what), getattr(after, what)
        name = what.removesuffix("s")
        for each in one:
            if each not in other:
                yield Changed(name, each, "gone", before.time)
        for each in other:
            if each not in one:
                yield Changed(name, "not there", each, before.time)


def _short(chain: tuple[str, ...]) -> str:
    return chain[0][:11] + "…" if chain else "no certificate"


def _count(chain: tuple[str, ...]) -> str:
    return "1 certificate" if len(chain) == 1 else f"{len(chain)} certificates"


class Memory(Generic[T]):
    """A file of last looks of one kind.

    Args:
        kind: the class of a look, a dataclass with slots.
        path: by default `tls-looks.json`, or as the class is called, in the state folder.
    """

    def __init__(self, kind: type[T], path: Path | None = None) -> None:
        self._kind = kind
        self.path = path or state_folder() / f"tls-{kind.__name__.lower()}s.json"

    def exchange(self, key: str, look: T) -> T | None:
        """Remember a look; the one before it, if there was one.

        Raises:
            OSError: the file cannot be written.
        """
        looks = self._read()
        before = looks.pop(key, None)
        looks[key] = {name: getattr(look, name) for name in self._names}
        while len(looks) > KEPT:
            del looks[next(iter(looks))]
        make_private(self.path.parent)
        write_whole(self.path, to_json(looks))
        if before is None:
            return None
        try:
            found: T = build(self._kind, before)
        except ValueError:
            return None
        return found

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(one.name for one in fields(self._kind))  # type: ignore[arg-type]

    def _read(self) -> dict[str, Any]:
        """What is there; a file that is damaged counts as empty."""
        try:
            with self.path.open("rb") as file:
                looks = from_json(file.read(LONGEST))
        except (FileNotFoundError, ValueError):
            return {}
        return looks if isinstance(looks, dict) else {}
