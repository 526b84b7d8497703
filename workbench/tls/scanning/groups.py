"""Which groups a server takes, asked again with the one that it chose taken out."""

from __future__ import annotations

from collections.abc import Callable

from workbench.core.message import Event
from workbench.tls.probe import Answer
from workbench.tls.registry.groups import GROUPS, group_name
from workbench.tls.registry.suites import Suite
from workbench.tls.registry.versions import TLS10, TLS13, version_name
from workbench.tls.scanning.events import GroupFound
from workbench.tls.scanning.findings import Findings
from workbench.tls.scanning.hellos import GROUPS_TLS12, Hellos
from workbench.tls.scanning.looks import Looks

Values = tuple[int, ...]


class Groups:
    """Asks for groups, and says which there are."""

    def __init__(
        self, looks: Looks, hellos: Hellos, found: Findings, say: Callable[[Event], None]
    ) -> None:
        self._looks = looks
        self._hellos = hellos
        self._found = found
        self._say = say

    def ask(self, version: int, wanted: Values, groups: Values) -> None:
        """Which of these groups a version takes, with these suites."""
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
        known = self._found.groups.setdefault(version, [])
        if group not in known:
            known.append(group)
            entry = GROUPS[group]
            self._say(
                GroupFound(
                    version_name(version), group, group_name(group), entry.bits, entry.post_quantum
                )
            )
        rest = tuple(one for one in groups if one != group)
        if self._looks.asker.far and len(rest) > 1:
            self.ask(version, wanted, rest[::2])
            self.ask(version, wanted, rest[1::2])
        else:
            self.ask(version, wanted, rest)

    def ask_tls12(self, version: int, taken: list[Suite]) -> None:
        """RSA's suites by preference: for ECDSA's the key's own curve has to be offered too."""
        ecdhe = [one for one in taken if one.kx == "ECDHE"]
        if version < TLS10 or not ecdhe:
            return
        free = tuple(one.value for one in ecdhe if one.auth != "ECDSA")
        if free:
            self.ask(version, free, GROUPS_TLS12)
            return
        bound = tuple(one.value for one in ecdhe)
        self._ask_bound(version, bound, GROUPS_TLS12)

    def _ask_bound(self, version: int, wanted: Values, groups: Values) -> None:
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
