"""What else a server has: asked once its versions and suites are known."""

from __future__ import annotations

from collections.abc import Callable

from workbench.core.message import Event
from workbench.tls.probe import Answer
from workbench.tls.registry.suites import suites
from workbench.tls.registry.versions import SSL3, TLS10, TLS13
from workbench.tls.scanning import certificates
from workbench.tls.scanning.events import FeatureTold
from workbench.tls.scanning.findings import Applies, DhParameters, Findings
from workbench.tls.scanning.groups import Groups
from workbench.tls.scanning.hellos import Hellos
from workbench.tls.scanning.looks import Looks
from workbench.tls.scanning.primes import shared_prime
from workbench.tls.wire import client_hello as ch
from workbench.tls.wire.server_hello import ServerHello


def by_the_way(found: Findings, hello: ServerHello) -> None:
    """Note what a ServerHello before TLS 1.3 tells besides version and suite."""
    version = hello.version
    if version >= TLS13:
        return

    def note(before: Applies, number: int) -> Applies:
        return "yes" if before == "yes" or hello.extension(number) is not None else "no"

    found.renegotiation = note(found.renegotiation, ch.RENEGOTIATION_INFO)
    if version >= TLS10:
        found.extended_secret = note(found.extended_secret, ch.EXTENDED_MASTER_SECRET)
        found.tickets = note(found.tickets, ch.SESSION_TICKET)
    if found.session_ids != "yes":
        found.session_ids = "yes" if hello.session_id else "no"


class Details:
    """Asks for the rest, and tells it in the end."""

    def __init__(
        self,
        looks: Looks,
        hellos: Hellos,
        found: Findings,
        groups: Groups,
        say: Callable[[Event], None],
    ) -> None:
        self._looks = looks
        self._hellos = hellos
        self._found = found
        self._groups = groups
        self._say = say

    def ask(self) -> None:
        """One look for each thing, mostly in the newest version before TLS 1.3."""
        legacy = self._found.legacy()
        if not legacy:
            self._found.fallback = "does not apply"
            return
        newest = legacy[-1]
        taken = [suites()[one] for one in self._found.plain(newest)]
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
        else:
            self._found.mac_last = "does not apply"
        self._ask_dh(legacy)
        self._groups.ask_tls12(newest, taken)
        self._ask_fallback()

    def _ask_dh(self, legacy: list[int]) -> None:
        """The prime may differ by version, and does for the export suites."""
        for version in legacy:
            every = [suites()[one] for one in self._found.suites[version] if one in suites()]
            for export in (False, True):
                dhe = [one for one in every if one.kx.startswith("DHE") and one.export == export]
                if dhe:
                    hello = self._hellos.legacy(version, tuple(one.value for one in dhe))
                    self._looks.add(hello, self._heard_dh, flight=True)

    def _heard_dh(self, answer: Answer) -> None:
        exchange = answer.exchange
        if exchange is None or exchange.prime is None:
            return
        shared = shared_prime(exchange.prime)
        dh = DhParameters(exchange.bits, shared, exchange.generator or 0)
        if self._found.dh is None or dh.bits < self._found.dh.bits:
            self._found.dh = dh

    def _ask_fallback(self) -> None:
        spoken = [one for one in self._found.spoken() if one >= SSL3]
        if len(spoken) < 2:
            self._found.fallback = "does not apply"
            return
        lower = spoken[-2]
        hello = self._hellos.fallback(lower, tuple(self._found.plain(lower)))
        self._looks.add(hello, self._heard_fallback)

    def _heard_fallback(self, answer: Answer) -> None:
        if answer.alert is not None and answer.alert.number == 86:
            self._found.fallback = "yes"
        elif answer.kind in ("server_hello", "alert", "closed"):
            self._found.fallback = "no" if answer.accepted else "unknown"

    def _heard_compression(self, answer: Answer) -> None:
        if answer.hello is not None and answer.accepted:
            self._found.compression = "yes" if answer.hello.compression else "no"

    def _heard_mac_last(self, answer: Answer) -> None:
        if answer.hello is not None and answer.accepted:
            has = answer.hello.extension(ch.ENCRYPT_THEN_MAC) is not None
            self._found.mac_last = "yes" if has else "no"

    def _heard_flight(self, answer: Answer) -> None:
        found = self._found
        if answer.hello is None or not answer.accepted:
            return
        by_the_way(found, answer.hello)
        has = answer.hello.extension(ch.HEARTBEAT) is not None
        found.heartbeat = "yes" if has else "no"
        found.staple = "yes" if answer.staple else "no"
        exchange = answer.exchange
        found.sha1_signature = exchange is not None and exchange.signature in (0x0201, 0x0203)
        if answer.chain:
            found.chain = answer.chain
            found.key = certificates.key_of(answer.chain[0])

    # -- the end -------------------------------------------------------------------------------

    def tell(self) -> None:
        """What is there besides versions, suites and groups."""
        found = self._found

        def say(feature: str, told: Applies, words: str = "") -> None:
            self._say(FeatureTold(feature, told, words))

        if found.legacy():
            say("secure renegotiation", found.renegotiation)
            say("extended master secret", found.extended_secret)
            say("session tickets (to TLS 1.2)", found.tickets)
            say("session ids", found.session_ids)
            say("encrypt-then-MAC", found.mac_last)
            say("compression", found.compression)
            say("heartbeat", found.heartbeat)
            say("OCSP staple (to TLS 1.2)", found.staple)
        say("fallback SCSV", found.fallback)
        if found.dh is not None:
            words = f"{found.dh.bits} bits"
            if found.dh.shared:
                words += f", a prime that others use too: {found.dh.shared}"
            say("DHE's prime", "yes", words)
        key = found.key
        if key is not None:
            kind = f"{key.kind} {key.curve}" if key.curve else f"{key.kind} with {key.bits} bits"
            say("certificate's key", "yes", f"{kind}, signed with {key.signature}")
