"""Extensions of certificates: each in words, and what a judgement needs of them as values."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from workbench.core.text import safe
from workbench.tls import der, oids
from workbench.tls.x509.name import General, read_general

USAGES = (
    "digital signature",
    "non-repudiation",
    "key encipherment",
    "data encipherment",
    "key agreement",
    "certificate signing",
    "CRL signing",
    "encipher only",
    "decipher only",
)
"""The bits of key usage in order (RFC 5280 section 4.2.1.3)."""

MUST_STAPLE = 5
"""status_request among the TLS features (RFC 7633)."""

_CALENDAR = 253_402_300_799_999
"""Milliseconds from 1970 to the end of the year 9999."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A signed certificate timestamp (RFC 6962): the log's identity in base64, and when."""

    log: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension as it came; `problem` says why its value cannot be read, else empty."""

    oid: str
    name: str
    critical: bool
    words: str
    value: bytes
    problem: str = ""


@dataclass(slots=True)
class Facts:
    """What the extensions say; None where one is missing or cannot be read."""

    names: tuple[General, ...] | None = None
    key_usage: tuple[str, ...] | None = None
    uses: tuple[str, ...] | None = None
    ca: bool | None = None
    path_length: int | None = None
    key_id: bytes | None = None
    authority_key_id: bytes | None = None
    authority: bool = False
    policies: tuple[str, ...] = ()
    crls: tuple[str, ...] = ()
    ocsp: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    must_staple: bool = False
    timestamps: tuple[Timestamp, ...] = ()
    permitted: tuple[General, ...] = ()
    excluded: tuple[General, ...] = ()
    extensions: tuple[Extension, ...] = field(default=())

    def critical(self, oid: str) -> bool | None:
        """Whether that extension is critical; None where it is missing."""
        return next((one.critical for one in self.extensions if one.oid == oid), None)


def read_extensions(one: der.Element) -> Facts:
    """The SEQUENCE of extensions; one that is odd inside keeps its bytes and says so.

    Raises:
        DerError: the sequence itself is broken.
    """
    facts = Facts()
    found: list[Extension] = []
    for entry in one.expect(der.SEQUENCE).children():
        fields = entry.expect(der.SEQUENCE).children()
        if len(fields) not in (2, 3):
            raise der.DerError("an extension has a type and a value", entry.start)
        oid = fields[0].oid()
        critical = len(fields) == 3 and fields[1].boolean()
        value = fields[-1].expect(der.OCTET_STRING)
        words, problem = "", ""
        try:
            reader = _READERS.get(oid)
            words = reader(value.inside(), facts) if reader else _unknown(value.value)
        except der.DerError as trouble:
            problem = f"cannot be read: {trouble}"
        except (ValueError, IndexError, OverflowError):
            problem = "cannot be read: a part is missing or has no sense"
        name = oids.EXTENSIONS.get(oid, oid)
        found.append(Extension(oid, name, critical, words or problem, value.value, problem))
    facts.extensions = tuple(found)
    return facts


def _unknown(value: bytes) -> str:
    more = "…" if len(value) > 32 else ""
    return f"{len(value)} bytes: {value[:32].hex()}{more}"


def _generals(one: der.Element) -> tuple[General, ...]:
    return tuple(read_general(child) for child in one.children())


def _names(one: der.Element, facts: Facts) -> str:
    facts.names = _generals(one.expect(der.SEQUENCE))
    return ", ".join(map(str, facts.names))


def _issuer_names(one: der.Element, facts: Facts) -> str:
    return ", ".join(map(str, _generals(one)))


def _key_usage(one: der.Element, facts: Facts) -> str:
    bits = one.expect(der.BIT_STRING).bits()
    facts.key_usage = tuple(USAGES[bit] for bit in bits if bit < len(USAGES))
    return ", ".join(facts.key_usage) or "nothing"


def _uses(one: der.Element, facts: Facts) -> str:
    facts.uses = tuple(child.oid() for child in one.expect(der.SEQUENCE).children())
    return ", ".join(oids.USES.get(use, use) for use in facts.uses)


def _basic(one: der.Element, facts: Facts) -> str:
    fields = one.expect(der.SEQUENCE).children()
    ca, length = False, None
    for child in fields:
        if child.tag == der.BOOLEAN:
            ca = child.boolean()
        else:
            length = child.expect(der.INTEGER).integer()
    facts.ca = ca
    if length is not None and not 0 <= length < 1 << 31:
        raise der.DerError("a path length that is no count", one.body)
    facts.path_length = length
    if not ca:
        return "no CA"
    return "a CA" if length is None else f"a CA, {length} more below it at most"


def _key_id(one: der.Element, facts: Facts) -> str:
    facts.key_id = one.expect(der.OCTET_STRING).value
    return facts.key_id.hex(":")


def _authority(one: der.Element, facts: Facts) -> str:
    facts.authority = True
    words = []
    for child in one.expect(der.SEQUENCE).children():
        if child.tag == 0x80:
            facts.authority_key_id = child.value
            words.append(child.value.hex(":"))
        elif child.tag == 0xA1:
            words.append("issuer " + ", ".join(map(str, _generals(child))))
        elif child.tag == 0x82:
            words.append(f"serial {child.value.hex()}")
    return ", ".join(words)


def _policies(one: der.Element, facts: Facts) -> str:
    found, words = [], []
    for child in one.expect(der.SEQUENCE).children():
        fields = child.children()
        oid = fields[0].oid()
        found.append(oid)
        known = oids.POLICIES.get(oid)
        word = f"{known} ({oid})" if known else oid
        for qualifier in fields[1].children() if len(fields) > 1 else ():
            value = qualifier.children()[-1]
            if value.tag == der.IA5_STRING:
                word += f" {safe(value.text())}"
        words.append(word)
    facts.policies = tuple(found)
    return ", ".join(words)


def _crls(one: der.Element, facts: Facts) -> str:
    found: list[General] = []
    for point in one.expect(der.SEQUENCE).children():
        for part in point.children():
            if part.tag == 0xA0:
                for full in part.children():
                    found += _generals(full) if full.tag == 0xA0 else ()
    facts.crls = tuple(one.value for one in found if one.kind == "URI")
    return ", ".join(one.value for one in found)


def _access(one: der.Element, facts: Facts) -> str:
    found = []
    for entry in one.expect(der.SEQUENCE).children():
        method, where = entry.children()
        found.append((method.oid(), read_general(where).value))
    facts.ocsp = tuple(where for oid, where in found if oids.ACCESS.get(oid) == "OCSP")
    facts.issuers = tuple(where for oid, where in found if oids.ACCESS.get(oid) == "CA issuers")
    return ", ".join(f"{oids.name(oid)} {where}" for oid, where in found)


def _features(one: der.Element, facts: Facts) -> str:
    numbers = [child.integer() for child in one.expect(der.SEQUENCE).children()]
    facts.must_staple = MUST_STAPLE in numbers
    names = {5: "status_request (must staple)", 17: "status_request_v2"}
    return ", ".join(names.get(number, str(number)) for number in numbers)


def _timestamps(one: der.Element, facts: Facts) -> str:
    facts.timestamps = read_timestamps(one.expect(der.OCTET_STRING).value, one.body)
    return ", ".join(f"log {one.log} at {one.time:%Y-%m-%d %H:%M:%S}Z" for one in facts.timestamps)


def read_timestamps(data: bytes, start: int) -> tuple[Timestamp, ...]:
    """A SignedCertificateTimestampList (RFC 6962 section 3.3), at its place for an error.

    Raises:
        DerError: it is cut off.
    """
    found: list[Timestamp] = []
    at = 2
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if len(entry) < 41:
            raise der.DerError("a timestamp that is cut off", start + at)
        milliseconds = int.from_bytes(entry[33:41], "big")
        if milliseconds > _CALENDAR:
            raise der.DerError("a timestamp beyond the calendar", start + at)
        when = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
        found.append(Timestamp(b64encode(entry[1:33]).decode(), when))
        at += 2 + length
    return tuple(found)


def _constraints(one: der.Element, facts: Facts) -> str:
    for part in one.expect(der.SEQUENCE).children():
        names = tuple(read_general(tree.children()[0]) for tree in part.children())
        if part.tag == 0xA0:
            facts.permitted = names
        elif part.tag == 0xA1:
            facts.excluded = names
    words = [f"only {name}" for name in facts.permitted]
    return ", ".join(words + [f"not {name}" for name in facts.excluded])


def _comment(one: der.Element, facts: Facts) -> str:
    return safe(one.text())


def _poison(one: der.Element, facts: Facts) -> str:
    return "for the logs alone: no client may accept this certificate"


_READERS: dict[str, Callable[[der.Element, Facts], str]] = {
    "2.5.29.14": _key_id,
    "2.5.29.15": _key_usage,
    "2.5.29.17": _names,
    "2.5.29.18": _issuer_names,
    "2.5.29.19": _basic,
    "2.5.29.30": _constraints,
    "2.5.29.31": _crls,
    "2.5.29.32": _policies,
    "2.5.29.35": _authority,
    "2.5.29.37": _uses,
    "1.3.6.1.5.5.7.1.1": _access,
    "1.3.6.1.5.5.7.1.24": _features,
    "1.3.6.1.4.1.11129.2.4.2": _timestamps,
    "1.3.6.1.4.1.11129.2.4.3": _poison,
    "2.16.840.1.113730.1.13": _comment,
}
