"""The scan itself: which looks to take, and what each answer leads to.

All of it runs in one thread; the looks run beside it (looks.Looks).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

from workbench.core.events import Progress
from workbench.core.message import Event
from workbench.tls.probe import Answer
from workbench.tls.registry.suites import SSL2_SUITES, Suite, suite_name, suites, suites_of
from workbench.tls.registry.versions import (
    SSL2,
    SSL3,
    TLS10,
    TLS11,
    TLS12,
    TLS13,
    VERSIONS,
    version_name,
)
from workbench.tls.scanning.details import Details, by_the_way
from workbench.tls.scanning.events import GroupFound, SuiteFound, Told, VersionTold
from workbench.tls.scanning.findings import Findings, grade, remarks, wants_user
from workbench.tls.scanning.groups import Groups
from workbench.tls.scanning.hellos import GROUPS_TLS13, Hellos
from workbench.tls.scanning.looks import Looks, Pace
from workbench.tls.wire import client_hello as ch

LEGACY = (SSL3, TLS10, TLS11, TLS12)
LONG = 64
"""Servers that stumble over a long list of suites are asked again with halves, down to this."""

PACE = 0.25
"""Seconds between two words on how far it has come."""

UNKNOWN_IDENTITY = 115
"""The alert for a user whom the server does not know: SRP is asked for with one that is made up."""

HELD_BACK = 1.0
"""Seconds in which what is found is put in order before it is told; after that it streams."""

Values = tuple[int, ...]

_GRADES = ("good", "fair", "weak", "broken")


def _in_order(one: Event) -> tuple[int, int, int]:
    """The newest version first; in it the version itself, its suites from the best on, groups."""
    if isinstance(one, VersionTold):
        return -_NUMBERS[one.version], 0, 0
    if isinstance(one, SuiteFound):
        return -_NUMBERS[one.version], 1, _GRADES.index(one.grade)
    if isinstance(one, GroupFound):
        return -_NUMBERS[one.version], 2, 0
    return 0, 3, 0


_NUMBERS = {name: number for number, name in VERSIONS.items()}


class Scanner:
    """Scans one server; `run` yields what it finds, `found` holds it all."""

    def __init__(self, looks: Looks, hellos: Hellos) -> None:
        self.found = Findings()
        self._looks = looks
        self._hellos = hellos
        self._said: list[Event] = []
        self._groups = Groups(looks, hellos, self.found, self._say)
        self._details = Details(looks, hellos, self.found, self._groups, self._say)
        self._open: dict[int, int] = {}

    def run(self) -> Iterator[Event]:
        """Versions and suites first, then what can be asked once those are known.

        Raises:
            Cancelled: the scope was cancelled.
            OSError: there is no way to the server.
        """
        begun, pace = time.monotonic(), Pace(PACE)
        for step in (self._ask_versions, self._details.ask):
            step()
            for _ in self._looks.run():
                now = time.monotonic()
                if now - begun > HELD_BACK:
                    yield from self._flush()
                if pace.due():
                    taken = self._looks.taken
                    rate = taken / (now - begun)
                    yield Progress(taken, taken + self._looks.waiting, rate, "looks")
            self._said.sort(key=_in_order)
            yield from self._flush()
        self._details.tell()
        yield from self._flush()

    def _say(self, event: Event) -> None:
        self._said.append(event)

    def _flush(self) -> Iterator[Event]:
        said, self._said = self._said, []
        yield from said

    # -- versions and suites -------------------------------------------------------------------

    def _ask_versions(self) -> None:
        self._looks.add(self._hellos.ssl2(), self._heard_ssl2)
        self._begin(TLS13, [tuple(one.value for one in suites_of(TLS13))])
        for version in reversed(LEGACY):
            every = suites_of(version)
            usual = tuple(one.value for one in every if one.forward_secret and one.openssl)
            srp = tuple(one.value for one in every if wants_user(one.value))
            rest = tuple(one.value for one in every if one.value not in (*usual, *srp))
            self._begin(version, [usual, rest, srp])
        self._groups.ask(TLS13, (), GROUPS_TLS13)

    def _begin(self, version: int, parts: list[Values]) -> None:
        self.found.suites[version] = []
        self.found.unsure[version] = set()
        self._open[version] = 0
        for part in parts:
            self._ask_suites(version, part)

    def _ask_suites(self, version: int, part: Values) -> None:
        if not part:
            return
        self._open[version] += 1
        hello = self._hello(version, part)
        self._looks.add(hello, lambda answer: self._heard_suites(version, part, answer))

    def _heard_suites(self, version: int, part: Values, answer: Answer) -> None:
        hello = answer.hello
        if hello is not None and answer.accepted:
            by_the_way(self.found, hello)
            if hello.version == version and hello.suite in part:
                self._take(version, hello.suite)
                rest = tuple(one for one in part if one != hello.suite)
                self._divide(version, rest)
            elif hello.version == version:
                self.found.words[version] = f"it chose {suite_name(hello.suite)}, never offered"
        elif answer.alert is not None and answer.alert.number == UNKNOWN_IDENTITY:
            self._heard_unknown_user(version, part)
        elif answer.kind == "alert":
            pass  # nothing of this part: that is what the alert says
        elif answer.kind == "timeout" or len(part) <= LONG:
            if answer.inconclusive and answer.kind != "reset":
                self.found.unsure[version] |= set(part)
                self.found.words.setdefault(version, answer.line())
        else:
            half = len(part) // 2
            self._ask_suites(version, part[:half])
            self._ask_suites(version, part[half:])
        self._open[version] -= 1
        if not self._open[version]:
            self._end(version)

    def _heard_unknown_user(self, version: int, part: Values) -> None:
        """It took one of these suites, and then did not know the user (RFC 5054)."""
        if len(part) == 1:
            self._take(version, part[0])
        else:
            half = len(part) // 2
            self._ask_suites(version, part[:half])
            self._ask_suites(version, part[half:])

    def _divide(self, version: int, rest: Values) -> None:
        """Ask for what is left: in halves side by side where the round trips are what costs."""
        if self._looks.asker.far and len(rest) > 1:
            self._ask_suites(version, rest[::2])
            self._ask_suites(version, rest[1::2])
        else:
            self._ask_suites(version, rest)

    def _take(self, version: int, value: int) -> None:
        if value in self.found.suites[version]:
            return
        self.found.suites[version].append(value)
        self._say_suite(version, suites().get(value) or SSL2_SUITES[value])

    def _say_suite(self, version: int, suite: Suite) -> None:
        self._said.append(
            SuiteFound(
                version_name(version),
                suite.value,
                suite.name,
                suite.openssl,
                suite.bits,
                grade(suite),
                remarks(suite),
            )
        )

    def _end(self, version: int) -> None:
        """All suites of a version have been asked for."""
        taken = self.found.suites[version]
        told: Told = "yes" if taken else "unknown" if self.found.unsure[version] else "no"
        self.found.versions[version] = told
        if told == "no":
            self._said.append(VersionTold(version_name(version), told))
        elif len(plain := self.found.plain(version)) > 1:
            self._ask_order(version, plain[0], plain[-1])
        else:
            self._tell_version(version, "")

    def _tell_version(
        self, version: int, order: Literal["server", "client", "unknown", ""]
    ) -> None:
        self.found.order[version] = order
        self._said.append(
            VersionTold(
                version_name(version),
                self.found.versions[version],
                len(self.found.suites[version]),
                order,
                len(self.found.unsure[version]),
                self.found.words.get(version, ""),
            )
        )

    def _ask_order(self, version: int, one: int, other: int) -> None:
        """The same two suites, the other way round: who asks first, or who answers, decides."""
        chosen: list[int | None] = []

        def heard(answer: Answer) -> None:
            chosen.append(answer.hello.suite if answer.hello and answer.accepted else None)
            if len(chosen) < 2:
                return
            if None in chosen:
                self._tell_version(version, "unknown")
            else:
                self._tell_version(version, "server" if chosen[0] == chosen[1] else "client")

        for pair in ((one, other), (other, one)):
            self._looks.add(self._hello(version, pair), heard)

    def _hello(self, version: int, part: Values) -> ch.ClientHello:
        if version == TLS13:
            return self._hellos.tls13(part)
        return self._hellos.legacy(version, part)

    def _heard_ssl2(self, answer: Answer) -> None:
        found = self.found
        found.suites[SSL2], found.unsure[SSL2] = [], set()
        told: Told = "no"
        if answer.ssl2 is not None:
            told = "yes"
            found.chain = found.chain or (
                (answer.ssl2.certificate,) if answer.ssl2.certificate else ()
            )
            for value in answer.ssl2.suites:
                if value in SSL2_SUITES:
                    self._take(SSL2, value)
        elif answer.kind in ("timeout", "refused"):
            # Most servers of today meet SSLv2 with silence: they wait for the rest of a record.
            told = "unknown"
            found.words[SSL2] = answer.line()
        found.versions[SSL2] = told
        self._tell_version(SSL2, "")
