"""Alerts as they stand on the wire (RFC 8446 section 6), and SSLv2's errors."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.tls.registry.alerts import SSL2_ERRORS, AlertKind, alert_kind
from workbench.tls.wire.reading import WireError

WARNING = 1
FATAL = 2


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: its level (1 a warning, 2 fatal) and its number."""

    level: int
    number: int

    @property
    def kind(self) -> AlertKind:
        """What the registry knows of it."""
        return alert_kind(self.number)

    @property
    def fatal(self) -> bool:
        """It ends the connection."""
        return self.level != WARNING

    def words(self) -> str:
        """Name, meaning and what to look at, in one line."""
        kind = self.kind
        level = "" if self.fatal else "warning "
        return f"{level}{kind.name} ({self.number}): {kind.meaning}; look at {kind.look_at}"


def parse_alert(body: bytes) -> Alert:
    """The alert in a record's body.

    Raises:
        WireError: it is not two bytes long, as one that is encrypted is not.
    """
    if len(body) != 2:
        raise WireError(f"an alert of {len(body)} bytes: it has two, or is encrypted")
    return Alert(body[0], body[1])


def ssl2_error(number: int) -> str:
    """What an error of SSLv2 means."""
    return SSL2_ERRORS.get(number, f"SSLv2 error {number}")
