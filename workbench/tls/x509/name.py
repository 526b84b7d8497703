"""Names inside certificates: distinguished names (RFC 4514) and general names (RFC 5280)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from workbench.core.text import safe
from workbench.tls import der, oids

_SPECIAL = frozenset(',+"\\<>;')
_PRINCIPAL = "1.3.6.1.4.1.311.20.2.3"


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name.

    `text` is as RFC 4514 writes it, the most specific part first; `parts` are (type, value) in
    the order of the certificate; `raw` is the DER, by which two names are compared.
    """

    text: str
    parts: tuple[tuple[str, str], ...]
    raw: bytes

    def get(self, kind: str) -> str:
        """The last value of that type, as "CN"; empty where there is none."""
        return next((value for name, value in reversed(self.parts) if name == kind), "")

    @property
    def short(self) -> str:
        """What one calls it: its common name, else its organisation, else the whole."""
        return self.get("CN") or self.get("OU") or self.get("O") or self.text or "(no name)"


@dataclass(frozen=True, slots=True)
class General:
    """One of the general names: `kind` is DNS, IP, email, URI, directory, ID, UPN or other.

    An address that stands for a subnet (in name constraints) is written with its prefix or mask.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def read_name(one: der.Element) -> Name:
    """A Name; raises DerError."""
    parts: list[tuple[str, str]] = []
    written: list[str] = []
    for group in one.expect(der.SEQUENCE).children():
        inside = [_attribute(pair) for pair in group.expect(der.SET).children()]
        parts += [(kind, value) for kind, value, _ in inside]
        written.append("+".join(text for _, _, text in inside))
    return Name(",".join(reversed(written)), tuple(parts), one.raw)


def _attribute(pair: der.Element) -> tuple[str, str, str]:
    fields = pair.expect(der.SEQUENCE).children()
    if len(fields) != 2:
        raise der.DerError("an attribute of a name has a type and a value", pair.start)
    oid = fields[0].oid()
    kind = oids.ATTRIBUTES.get(oid, oid)
    try:
        value = safe(fields[1].text())
        return kind, value, f"{kind}={_escaped(value)}"
    except der.DerError:
        value = "#" + fields[1].raw.hex()
        return kind, value, f"{kind}={value}"


def _escaped(value: str) -> str:
    """RFC 4514 section 2.4; `safe` has already made control characters visible."""
    out = "".join("\\" + char if char in _SPECIAL else char for char in value)
    if out[:1] in ("#", " "):
        out = "\\" + out
    return out[:-1] + "\\ " if len(out) > 1 and out[-1] == " " else out


def read_general(one: der.Element) -> General:
    """A GeneralName (RFC 5280 section 4.2.1.6); raises DerError."""
    number = one.tag & 0x1F
    if one.tag & 0xC0 != 0x80:
        raise der.DerError(f"a general name expected, {der.name_of(one.tag)} found", one.start)
    if number in (1, 2, 6):
        text = safe(one.value)
        return General({1: "email", 2: "DNS", 6: "URI"}[number], text)
    if number == 7:
        return General("IP", _address(one.value))
    if number == 4:
        inside = one.children()
        return General("directory", read_name(inside[0]).text if inside else "")
    if number == 8:
        return General("ID", der.oid_text(one.value, one.body))
    if number == 0:
        return _other(one)
    return General("other", one.value.hex())


def _other(one: der.Element) -> General:
    fields = one.children()
    if len(fields) == 2 and fields[1].constructed and fields[1].children():
        value = fields[1].children()[0]
        oid = fields[0].oid()
        try:
            return General("UPN" if oid == _PRINCIPAL else oid, safe(value.text()))
        except der.DerError:
            return General(oid, value.raw.hex())
    return General("other", one.value.hex())


def _address(value: bytes) -> str:
    if len(value) in (4, 16):
        return str(ipaddress.ip_address(value))
    if len(value) in (8, 32):
        half = len(value) // 2
        address, mask = value[:half], value[half:]
        ones = int.from_bytes(mask, "big")
        width = 8 * half
        prefix = ones.bit_count()
        if ones == ((1 << prefix) - 1) << (width - prefix):
            return f"{ipaddress.ip_address(address)}/{prefix}"
        return f"{ipaddress.ip_address(address)}/{ipaddress.ip_address(mask)}"
    return f"{value.hex()} (no address: {len(value)} bytes)"
