"""What a server of TLS tells of each visitor."""

from __future__ import annotations

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.core.units import duration


@event("visitor")
class Visitor(Event):
    """A visitor's ClientHello, and what became of the handshake.

    The lists are names as IANA's registry has them, in the client's order, without GREASE; all are
    empty where no ClientHello came. `version` to `protocol` are what was agreed on, empty where
    the handshake failed; `why` is then the reason, and `alert` the alert that either side sent.

    Attributes:
        id: of the connection.
        took: seconds from the connection to the end of the handshake.
        certificate: the subject of the client's certificate, if it showed one.
        resumed: an earlier session was taken up again.
    """

    id: int
    took: float
    server_name: str = ""
    versions: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    ja4: str = ""
    grease: bool = False
    version: str = ""
    suite: str = ""
    protocol: str = ""
    certificate: str = ""
    resumed: bool = False
    why: str = ""
    alert: str = ""

    @property
    def failed(self) -> bool:
        """No handshake was completed."""
        return bool(self.why)

    def line(self) -> str:
        """One line: what was agreed on, or why nothing was."""
        asked = f" SNI {safe(self.server_name)}" if self.server_name else " no SNI"
        if self.failed:
            alert = f"; alert {self.alert}" if self.alert else ""
            hello = f" (JA4 {self.ja4},{asked})" if self.ja4 else ""
            return f"#{self.id} no TLS: {safe(self.why)}{alert}{hello}"
        words = [f"#{self.id} {self.version} {self.suite} in {duration(self.took)},{asked}"]
        words += [f"ALPN {safe(self.protocol)}"] if self.protocol else []
        words += ["resumed"] if self.resumed else []
        words += [f"certificate of {safe(self.certificate)}"] if self.certificate else []
        words += [f"JA4 {self.ja4}"] if self.ja4 else []
        return ", ".join(words)
