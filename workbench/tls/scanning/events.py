"""What a scan of a server's TLS tells as it goes."""

from __future__ import annotations

from typing import Literal

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import duration

Told = Literal["yes", "no", "unknown"]
"""Whether a server has something; a look that led to nothing says neither yes nor no."""

Severity = Literal["critical", "high", "medium", "low", "info"]


@event("tls-looked")
class Looked(Event):
    """The first look: who answered, and what an ordinary client would get.

    `version`, `suite` and `group` are "" where the server refused an ordinary ClientHello, and
    `words` then says how. `took` is in seconds, the connection included.
    """

    target: str
    peer: str
    name: str = ""
    starttls: str = ""
    version: str = ""
    suite: str = ""
    group: str = ""
    words: str = ""
    took: float = 0.0

    def line(self) -> str:
        """What an ordinary client gets."""
        got = " with ".join(part for part in (self.version, self.suite) if part)
        group = f" and {self.group}" if self.group else ""
        name = f" as {safe(self.name)}" if self.name else ""
        through = f" through STARTTLS ({self.starttls})" if self.starttls else ""
        said = got + group if got else f"an ordinary client is refused: {self.words}"
        return f"{self.peer}{name}{through}: {said} ({duration(self.took)})"


@event("tls-suite")
class SuiteFound(Event):
    """A suite that the server takes: its strength in bits, and what is wrong with it."""

    version: str
    value: int
    suite: str
    openssl: str
    bits: int
    grade: Literal["good", "fair", "weak", "broken"]
    remarks: tuple[str, ...] = ()

    def line(self) -> str:
        """Version, suite, grade and why."""
        why = f"  ({', '.join(self.remarks)})" if self.remarks else ""
        return f"{self.version:<7}  {self.grade:<6}  {self.suite}{why}"


@event("tls-version")
class VersionTold(Event):
    """Whether a version is spoken, with how many suites; `unsure` of them could not be told."""

    version: str
    told: Told
    suites: int = 0
    order: Literal["server", "client", "unknown", ""] = ""
    unsure: int = 0
    words: str = ""

    def line(self) -> str:
        """Yes with how many suites, no, or why it is not known."""
        if self.told == "no":
            return f"{self.version:<7}  no"
        said = f"yes, {_count(self.suites, 'suite')}"
        if self.told == "unknown":
            said = f"not known: {safe(self.words)}"
        if self.order:
            said += {
                "server": ", the server decides their order",
                "client": ", the client decides their order",
                "unknown": ", who decides their order is not known",
            }[self.order]
        if self.unsure and self.told == "yes":
            said += f"; {_count(self.unsure, 'more suite')} gave no answer either way"
        return f"{self.version:<7}  {said}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


@event("tls-group")
class GroupFound(Event):
    """A group for the key exchange that the server takes."""

    version: str
    value: int
    group: str
    bits: int
    post_quantum: bool = False

    def line(self) -> str:
        """Version, group, strength."""
        note = ", safe from quantum computers" if self.post_quantum else ""
        return f"{self.version:<7}  group   {self.group}  ({self.bits} bits{note})"


@event("tls-feature")
class FeatureTold(Event):
    """Something a server has or lacks, by the field's name for it."""

    feature: str
    told: Literal["yes", "no", "unknown", "does not apply"]
    words: str = ""

    def line(self) -> str:
        """The feature, whether it is there, and more."""
        return f"{self.feature}: {self.told}" + (f", {safe(self.words)}" if self.words else "")


@event("tls-weakness")
class Weakness(Event):
    """Something weak: the attack by its name, what it does, where it is, and what to change."""

    name: str
    severity: Severity
    words: str
    change: str
    where: tuple[str, ...] = ()

    def line(self) -> str:
        """All of it in one line."""
        place = ""
        if self.where:
            more = f" and {len(self.where) - 4} more" if len(self.where) > 4 else ""
            place = f" [{', '.join(self.where[:4])}{more}]"
        return f"{self.severity}: {self.name}: {self.words}{place}; {self.change}"


@event("tls-verdict")
class Verdict(Event):
    """The best of Mozilla's levels that a server keeps to, and what keeps it from the next one.

    `level` is "modern", "intermediate", "old" or "none"; `missing` what would have to change for
    the level `better`. `sure` is False where some looks led to nothing.
    """

    level: Literal["modern", "intermediate", "old", "none"]
    guidelines: str
    better: str = ""
    missing: tuple[str, ...] = ()
    sure: bool = True

    def line(self) -> str:
        """The level, and what keeps it from being better."""
        said = f"verdict: {self.level}" if self.level != "none" else "verdict: below old"
        said += f" (Mozilla's guidelines {self.guidelines})"
        if not self.sure:
            said += ", as far as could be told"
        if self.better:
            said += f"; for {self.better}: {'; '.join(self.missing)}"
        return said
