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
from workbench.tls.registry.groups import GROUPS, group_name
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
from workbench.tls.scanning import certificates
from workbench.tls.scanning.events import FeatureTold, GroupFound, SuiteFound, Told, VersionTold
from workbench.tls.scanning.findings import Applies, DhParameters, Findings, grade, remarks
from workbench.tls.scanning.hellos import GROUPS_TLS12, GROUPS_TLS13, Hellos
from workbench.tls.scanning.looks import Looks, Pace
from workbench.tls.scanning.primes import shared_prime
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


def _wants_user(value: int) -> bool:
    return value in suites() and suites()[value].kx == "SRP"


_NUMBERS = {name: number for number, name in VERSIONS.items()}


class Scanner:
    """Scans one server; `run` yields what it finds, `found` holds it all."""

    def __init__(self, looks: Looks, hellos: Hellos) -> None:
        self.found = Findings()
        self._looks = looks
        self._hellos = hellos
        self._said: list[Event] = []
        self._open: dict[int, int] = {}

    def run(self) -> Iterator[Event]:
        """Versions and suites first, then what can be asked once those are known.

        Raises:
            Cancelled: the scope was cancelled.
            OSError: there is no way to the server.
        """
        begun, pace = time.monotonic(), Pace(PACE)
        for step in (self._ask_versions, self._ask_details):
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
        self._features()
        yield from self._flush()

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
            srp = tuple(one.value for one in every if _wants_user(one.value))
            rest = tuple(one.value for one in every if one.value not in (*usual, *srp))
            self._begin(version, [usual, rest, srp])
        self._ask_group(TLS13, (), GROUPS_TLS13)

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
            self._heard_hello(hello.version, answer)
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
        elif len(plain := self._plain(version)) > 1:
            self._ask_order(version, plain[0], plain[-1])
        else:
            self._tell_version(version, "")

    def _plain(self, version: int) -> list[int]:
        """The suites that are taken and ask for no user, if there are any."""
        taken = self.found.suites[version]
        return [one for one in taken if not _wants_user(one)] or taken

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

    # -- what a ServerHello tells by the way -------------------------------------------------------

    def _heard_hello(self, version: int, answer: Answer) -> None:
        hello, found = answer.hello, self.found
        if hello is None or version >= TLS13:
            return

        def note(before: Applies, number: int) -> Applies:
            return "yes" if before == "yes" or hello.extension(number) is not None else "no"

        found.renegotiation = note(found.renegotiation, ch.RENEGOTIATION_INFO)
        if version >= TLS10:
            found.extended_secret = note(found.extended_secret, ch.EXTENDED_MASTER_SECRET)
            found.tickets = note(found.tickets, ch.SESSION_TICKET)
        if found.session_ids != "yes":
            found.session_ids = "yes" if hello.session_id else "no"

    # -- groups --------------------------------------------------------------------------------

    def _ask_group(self, version: int, wanted: Values, groups: Values) -> None:
        if not groups:
            return
        if version == TLS13:
            hello = self._hellos.tls13(wanted, groups)
        else:
            hello = self._hellos.legacy(version, wanted, groups=groups)
        self._looks.add(
            hello,
            lambda answer: self._heard_group(version, wanted, groups, answer),
            flight=version != TLS13,
        )

    def _heard_group(self, version: int, wanted: Values, groups: Values, answer: Answer) -> None:
        hello = answer.hello
        if hello is None or not answer.accepted or hello.version != version:
            return
        group = hello.group if version == TLS13 else answer.exchange and answer.exchange.group
        if group is None or group not in groups:
            return
        known = self.found.groups.setdefault(version, [])
        if group not in known:
            known.append(group)
            entry = GROUPS[group]
            self._said.append(
                GroupFound(
                    version_name(version), group, group_name(group), entry.bits, entry.post_quantum
                )
            )
        rest = tuple(one for one in groups if one != group)
        if self._looks.asker.far and len(rest) > 1:
            self._ask_group(version, wanted, rest[::2])
            self._ask_group(version, wanted, rest[1::2])
        else:
            self._ask_group(version, wanted, rest)

    # -- the rest, once versions and suites are known ----------------------------------------------

    def _ask_details(self) -> None:
        legacy = self.found.legacy()
        if not legacy:
            self.found.fallback = "does not apply"
            return
        newest = legacy[-1]
        taken = [suites()[one] for one in self._plain(newest)]
        values = tuple(one.value for one in taken)
        signed = tuple(one.value for one in taken if one.auth in ("RSA", "ECDSA", "DSS"))
        self._looks.add(
            self._hellos.legacy(
                newest, signed or values, more=(ch.STAPLE_WANTED, (ch.HEARTBEAT, b"\x01"))
            ),
            self._heard_flight,
            flight=True,
        )
        deflate = self._hellos.legacy(newest, values, compressions=(1, 64, 0))
        self._looks.add(deflate, self._heard_compression)
        cbc = tuple(one.value for one in taken if one.cbc)
        if cbc and newest >= TLS10:
            mac_last = self._hellos.legacy(newest, cbc, more=(ch.MAC_LAST,))
            self._looks.add(mac_last, self._heard_mac_last)
        self._ask_dh(legacy)
        self._ask_groups_tls12(newest, taken)
        self._ask_fallback()

    def _ask_dh(self, legacy: list[int]) -> None:
        for version in legacy:
            every = [suites()[one] for one in self.found.suites[version] if one in suites()]
            for export in (False, True):
                dhe = tuple(
                    one.value for one in every if one.kx.startswith("DHE") and one.export == export
                )
                rsa = tuple(one.value for one in every if export and one.kx.startswith("RSA_EX"))
                for part in (dhe, rsa):
                    if part:
                        self._looks.add(
                            self._hellos.legacy(version, part), self._heard_dh, flight=True
                        )

    def _heard_dh(self, answer: Answer) -> None:
        exchange = answer.exchange
        if exchange is None or not exchange.bits:
            return
        if exchange.prime is None:
            self.found.export_bits = exchange.bits
            return
        shared = shared_prime(exchange.prime)
        dh = DhParameters(exchange.bits, shared, exchange.generator or 0)
        if self.found.dh is None or dh.bits < self.found.dh.bits:
            self.found.dh = dh

    def _ask_groups_tls12(self, version: int, taken: list[Suite]) -> None:
        """RSA's suites by preference: for ECDSA's the key's own curve has to be offered too."""
        ecdhe = [one for one in taken if one.kx == "ECDHE"]
        if version < TLS10 or not ecdhe:
            return
        free = tuple(one.value for one in ecdhe if one.auth != "ECDSA")
        if free:
            self._ask_group(version, free, GROUPS_TLS12)
            return
        bound = tuple(one.value for one in ecdhe)
        self._ask_bound_groups(version, bound, GROUPS_TLS12)

    def _ask_bound_groups(self, version: int, wanted: Values, groups: Values) -> None:
        """One look for each pair of a group and a curve that the key may be on."""
        curves = (0x0017, 0x0018, 0x0019)
        for group in groups:
            pair = (group, *(one for one in curves if one != group))
            hello = self._hellos.legacy(version, wanted, groups=pair)

            def heard(answer: Answer, group: int = group) -> None:
                exchange = answer.exchange
                if exchange is not None and exchange.group == group:
                    self._heard_group(version, (), (group,), answer)

            self._looks.add(hello, heard, flight=True)

    def _ask_fallback(self) -> None:
        spoken = [one for one in self.found.spoken() if one >= SSL3]
        if len(spoken) < 2:
            self.found.fallback = "does not apply"
            return
        lower = spoken[-2]
        hello = self._hellos.fallback(lower, tuple(self._plain(lower)))
        self._looks.add(hello, self._heard_fallback)

    def _heard_fallback(self, answer: Answer) -> None:
        if answer.alert is not None and answer.alert.number == 86:
            self.found.fallback = "yes"
        elif answer.kind in ("server_hello", "alert", "closed"):
            self.found.fallback = "no" if answer.accepted else "unknown"

    def _heard_compression(self, answer: Answer) -> None:
        if answer.hello is not None and answer.accepted:
            self.found.compression = "yes" if answer.hello.compression else "no"

    def _heard_mac_last(self, answer: Answer) -> None:
        if answer.hello is not None and answer.accepted:
            has = answer.hello.extension(ch.ENCRYPT_THEN_MAC) is not None
            self.found.mac_last = "yes" if has else "no"

    def _heard_flight(self, answer: Answer) -> None:
        found = self.found
        if answer.hello is None or not answer.accepted:
            return
        self._heard_hello(answer.hello.version, answer)
        has = answer.hello.extension(ch.HEARTBEAT) is not None
        found.heartbeat = "yes" if has else "no"
        found.staple = "yes" if answer.staple else "no"
        exchange = answer.exchange
        found.sha1_signature = exchange is not None and exchange.signature in (0x0201, 0x0203)
        if answer.chain:
            found.chain = answer.chain
            found.key = certificates.key_of(answer.chain[0])

    # -- the end -------------------------------------------------------------------------------

    def _features(self) -> None:
        """What is there besides versions, suites and groups."""
        found = self.found
        legacy = bool(found.legacy())

        def tell(feature: str, told: Applies, words: str = "") -> None:
            self._said.append(FeatureTold(feature, told if legacy else "does not apply", words))

        if legacy:
            tell("secure renegotiation", found.renegotiation)
            tell("extended master secret", found.extended_secret)
            tell("session tickets (to TLS 1.2)", found.tickets)
            tell("session ids", found.session_ids)
            tell(
                "encrypt-then-MAC",
                "does not apply" if found.mac_last == "unknown" else found.mac_last,
            )
            tell("compression", found.compression)
            tell("heartbeat", found.heartbeat)
            tell("OCSP staple (to TLS 1.2)", found.staple)
        self._said.append(FeatureTold("fallback SCSV", found.fallback))
        if found.dh is not None:
            words = f"{found.dh.bits} bits"
            if found.dh.shared:
                words += f", a prime that others use too: {found.dh.shared}"
            tell("DHE's prime", "yes", words)
        key = found.key
        if key is not None:
            kind = f"{key.kind} {key.curve}" if key.curve else f"{key.kind} with {key.bits} bits"
            tell("certificate's key", "yes", f"{kind}, signed with {key.signature}")
