"""What can be said of a host name without asking anybody: its IDNA forms, and what deceives."""

from __future__ import annotations

from workbench.addresses import idn
from workbench.core.message import Event, event
from workbench.core.text import safe


@event("host-name")
class HostName(Event):
    """A name as DNS has it (xn--) and in letters, and what it could be mistaken for (RFC 5891).

    `ascii` is "" where IDNA does not allow the name; `why` then says why not.
    """

    name: str
    ascii: str
    letters: str
    warnings: tuple[str, ...] = ()
    why: str = ""

    def line(self) -> str:
        """A label and a value a line."""
        return "\n".join(f"{label:<13}{value}" for label, value in self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """Labels and values."""
        found = [("read as", f"host name: {safe(self.name)}")]
        if self.why:
            return [*found, ("", f"! no name for DNS: {safe(self.why)}")]
        if self.ascii != self.letters:
            found += [("in DNS", safe(self.ascii)), ("in letters", safe(self.letters))]
        return [*found, *(("", f"! {warning}") for warning in self.warnings)]


def describe_name(name: str) -> HostName:
    """All that the name itself tells."""
    try:
        plain = idn.to_ascii(name)
    except idn.IdnaError as problem:
        return HostName(name, "", name, why=str(problem))
    return HostName(name, plain, idn.to_unicode(plain), tuple(idn.warnings(name)))
