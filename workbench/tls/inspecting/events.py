"""What an inspection of a server tells as it goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import duration

if TYPE_CHECKING:
    from workbench.tls.x509.certificate import Certificate

LINE = 24
"""Characters that a validity is drawn with."""
NAMES_SHOWN = 20
VALUE_SHOWN = 400
VALUE_LONGEST = 4_000
"""Characters of one value that are kept: a certificate may have megabytes of them."""
NAMES_KEPT = 1_000
PEM_LONGEST = 1_000_000


@event("tls-seen")
class Seen(Event):
    """The first verdict: what was agreed on, and whether the certificate is to be trusted.

    `trusted` holds for this name and the roots that are trusted; `why` tells why not. `days` are
    those that are left, None where no certificate came. Times in seconds; `took` is the
    handshake's alone.
    """

    target: str
    peer: str
    name: str
    sni: str
    starttls: str
    version: str
    suite: str
    group: str
    alpn: str
    trusted: bool
    why: str
    days: int | None
    not_after: str = ""
    connect: float = 0.0
    took: float = 0.0

    def headline(self) -> str:
        """The verdict alone."""
        if not self.trusted:
            return f"NOT TRUSTED: {safe(self.why)}"
        left = "" if self.days is None else f", {days_left(self.days)}"
        return f"trusted{left}"

    def agreed(self) -> str:
        """Version, suite, group, application protocol."""
        parts = [self.version, self.suite, self.group]
        alpn = f", ALPN {safe(self.alpn)}" if self.alpn else ""
        return " ".join(part for part in parts if part) + alpn

    def line(self) -> str:
        """The verdict, then what was agreed on."""
        through = f" through STARTTLS ({self.starttls})" if self.starttls else ""
        name = f" as {safe(self.name)}" if self.name else ""
        took = f"connected in {duration(self.connect)}, handshake {duration(self.took)}"
        return f"{self.headline()}\n{self.peer}{name}{through}: {self.agreed()} ({took})"


@event("tls-certificate")
class CertificateSeen(Event):
    """A certificate of the chain: its place from 0, what it is, and all that stands in it.

    `role` is "server", "intermediate", "root", or "unused" for one that leads nowhere; `sent`
    whether the server sent it. `fields` are (name, value) pairs to show; times are ISO 8601.
    Of a certificate of megabytes the first names are here, and no PEM.
    """

    at: int
    role: Literal["server", "intermediate", "root", "unused"]
    sent: bool
    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: str
    not_after: str
    days: int
    key: str
    signature: str
    serial: str
    sha256: str
    sha1: str
    pin: str
    fields: tuple[tuple[str, str], ...]
    pem: str = ""

    def line(self) -> str:
        """The chain's line, then the fields."""
        where = "" if self.sent else ", not sent"
        head = f"{self.at + 1} {self.role}{where}: {self.subject or '(no name)'}"
        wide = max((len(name) for name, _ in self.fields), default=0)
        lines = (f"    {name:<{wide}}  {_cut(value)}" for name, value in self.fields)
        return "\n".join([head, *lines])

    def size(self) -> int:
        """Roughly the bytes of its texts."""
        return 2048 + len(self.pem) + sum(len(one) for one in self.names) * 2


@event("tls-fact")
class Fact(Event):
    """Something that a server does or lacks: staple, resumption, early data, other names.

    `state` is "good", "fair" or "bad" to colour it by, "unknown" where it could not be told.
    """

    name: str
    state: Literal["good", "fair", "bad", "unknown"]
    words: str

    def line(self) -> str:
        """Its name, then the words."""
        return f"{self.name}: {safe(self.words)}"


@event("tls-problem")
class Problem(Event):
    """Something wrong, as `x509.diagnose.Finding` has it."""

    code: str
    weight: Literal["error", "warning", "note"]
    words: str
    advice: str
    at: int = -1

    def line(self) -> str:
        """How grave, what, and what to do."""
        return f"{self.weight}: {safe(self.words)}; {safe(self.advice)} ({self.code})"


@event("tls-changed")
class Changed(Event):
    """A difference to the last look, which was taken at `since` (ISO 8601)."""

    what: str
    before: str
    after: str
    since: str
    grave: bool = False

    def line(self) -> str:
        """What it was and what it is."""
        change = f"{safe(self.before) or '(none)'} is now {safe(self.after) or '(none)'}"
        return f"changed since {self.since[:16].replace('T', ' ')}: {self.what}: {change}"


def days_left(days: int) -> str:
    """As "12 days left", "expired 3 days ago"."""
    if days < 0:
        return "expired a day ago" if days == -1 else f"expired {-days:,} days ago"
    return "1 day left" if days == 1 else f"{days:,} days left"


def days_until(moment: datetime, now: datetime) -> int:
    """Whole days; negative once it has passed, -1 for up to two."""
    left = moment - now
    return left.days if left >= timedelta() else -max(1, (-left).days)


def drawn(not_before: datetime, not_after: datetime, now: datetime, wide: int = LINE) -> str:
    """A life on a line: "=" what has passed, "-" what is left, "|" now; "x" where now is outside.

    As "[=====|------]", with now to the left or right of the brackets outside of them.
    """
    span = (not_after - not_before).total_seconds()
    if now < not_before:
        return "|[" + "-" * wide + "]"
    if now > not_after or span <= 0:
        return "[" + "=" * wide + "]x"
    at = min(wide - 1, int((now - not_before).total_seconds() / span * wide))
    return "[" + "=" * at + "|" + "-" * (wide - at - 1) + "]"


def seen(
    one: Certificate,
    at: int,
    role: Literal["server", "intermediate", "root", "unused"],
    *,
    sent: bool,
    now: datetime,
) -> CertificateSeen:
    """The event for a certificate."""
    from workbench.tls import pem

    left = days_until(one.not_after, now)
    names = tuple(str(name) for name in one.names)
    begin, end = one.not_before, one.not_after
    life = f"{begin:%Y-%m-%d} {drawn(begin, end, now)} {end:%Y-%m-%d %H:%M}, {days_left(left)}"
    fields = [
        ("subject", one.subject.text or "(none)"),
        ("issuer", "itself" if one.self_issued else one.issuer.text or "(none)"),
        ("valid", life),
    ]
    if names:
        fields.append(("names", _listed(names)))
    fields += [
        ("key", one.key.words),
        ("signature", one.signature),
        ("serial", f"{one.serial:x}"[:100]),
    ]
    for extension in one.extensions:
        if extension.oid != "2.5.29.17" or extension.problem:
            critical = " (critical)" if extension.critical else ""
            fields.append((extension.name, extension.words + critical))
    fields += [("SHA-256", one.sha256), ("SHA-1", one.sha1), ("pin", f"sha256/{one.key.pin}")]
    fields = [(name[:VALUE_LONGEST], _kept(value)) for name, value in fields]
    whole = pem.write("CERTIFICATE", one.raw).decode("ascii")
    return CertificateSeen(
        at,
        role,
        sent,
        _kept(one.subject.text),
        _kept(one.issuer.text),
        names[:NAMES_KEPT],
        begin.astimezone(UTC).isoformat(),
        end.astimezone(UTC).isoformat(),
        left,
        one.key.words,
        one.signature,
        f"{one.serial:x}"[:100],
        one.sha256,
        one.sha1,
        one.key.pin,
        tuple(fields),
        whole if len(whole) <= PEM_LONGEST else "",
    )


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(name.removeprefix("DNS:") for name in names[:NAMES_SHOWN]) + more


def _kept(value: str) -> str:
    return value if len(value) <= VALUE_LONGEST else value[:VALUE_LONGEST] + "…"


def _cut(value: str) -> str:
    return value if len(value) <= VALUE_SHOWN else value[:VALUE_SHOWN] + "…"
