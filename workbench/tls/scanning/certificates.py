"""The key of a certificate, as far as the levels and weaknesses of a scan ask for it.

A few fields of RFC 5280 are read here and the rest passed over: a library for certificates takes
longer to import than the scan of a server nearby takes.
"""

from __future__ import annotations

from datetime import datetime

from workbench.tls.scanning.findings import Key
from workbench.tls.wire.reading import Reader, WireError

_SEQUENCE, _BIT_STRING, _OID, _INTEGER = 0x30, 0x03, 0x06, 0x02
_UTC_TIME = 0x17

_CURVES = {
    "2a8648ce3d030107": ("secp256r1", 256),
    "2b81040022": ("secp384r1", 384),
    "2b81040023": ("secp521r1", 521),
    "2b8104000a": ("secp256k1", 256),
    "2b2403030208010107": ("brainpoolP256r1", 256),
    "2b240303020801010b": ("brainpoolP384r1", 384),
    "2b240303020801010d": ("brainpoolP512r1", 512),
}
_KINDS = {
    "2b6570": ("Ed25519", 256),
    "2b6571": ("Ed448", 456),
    "608648016503040311": ("ML-DSA-44", 128),
    "608648016503040312": ("ML-DSA-65", 192),
    "608648016503040313": ("ML-DSA-87", 256),
}
_SIGNATURES = {
    "2a864886f70d010102": "MD2",
    "2a864886f70d010104": "MD5",
    "2a864886f70d010105": "SHA-1",
    "2a864886f70d01010b": "SHA-256",
    "2a864886f70d01010c": "SHA-384",
    "2a864886f70d01010d": "SHA-512",
    "2a864886f70d01010a": "RSASSA-PSS",
    "2a8648ce3d0401": "SHA-1",
    "2a8648ce3d040302": "SHA-256",
    "2a8648ce3d040303": "SHA-384",
    "2a8648ce3d040304": "SHA-512",
    "2a8648ce380403": "SHA-1",
    "608648016503040302": "SHA-256",
    "2b6570": "Ed25519",
    "2b6571": "Ed448",
}


def key_of(der: bytes) -> Key | None:
    """Kind and size of a certificate's key, or None where it cannot be read."""
    try:
        return _read(der)
    except (WireError, ValueError):
        return None


def _read(der: bytes) -> Key:
    certificate = _expect(Reader(der, "the certificate"), _SEQUENCE)
    body = _expect(certificate, _SEQUENCE)
    tag, _ = _next(body)
    if tag == 0xA0:  # the version; the serial number follows
        _next(body)
    algorithm = _expect(_expect(body, _SEQUENCE), _OID).rest().hex()
    _next(body)  # the issuer
    validity = _expect(body, _SEQUENCE)
    days = (-_time(validity) + _time(validity)) / 86_400
    _next(body)  # the subject
    info = _expect(body, _SEQUENCE)
    how = _expect(info, _SEQUENCE)
    kind = _expect(how, _OID).rest().hex()
    key = _expect(info, _BIT_STRING)
    key.take(1)
    signature = _SIGNATURES.get(algorithm, algorithm)
    if kind in ("2a864886f70d010101", "2a864886f70d01010a"):
        modulus = _number(_expect(key, _SEQUENCE))
        return Key("RSA", modulus.bit_length(), "", signature, round(days))
    if kind == "2a8648ce3d0201":
        curve = _expect(how, _OID).rest().hex()
        name, bits = _CURVES.get(curve, (curve, 8 * (key.left // 2)))
        return Key("ECDSA", bits, name, signature, round(days))
    if kind == "2a8648ce380401":
        prime = _number(_expect(how, _SEQUENCE))
        return Key("DSA", prime.bit_length(), "", signature, round(days))
    name, bits = _KINDS.get(kind, (kind, 0))
    return Key(name, bits, "", signature, round(days))


def _next(fields: Reader) -> tuple[int, Reader]:
    """One value in DER: its tag, its contents."""
    tag, length = fields.number(1), fields.number(1)
    if length & 0x80:
        length = fields.number(min(length & 0x7F, 8))
    return tag, Reader(fields.take(length), fields.what)


def _expect(fields: Reader, tag: int) -> Reader:
    found, value = _next(fields)
    if found != tag:
        raise WireError(f"{fields.what}: tag 0x{found:02X} where 0x{tag:02X} should be")
    return value


def _number(fields: Reader) -> int:
    return int.from_bytes(_expect(fields, _INTEGER).rest(), "big")


def _time(fields: Reader) -> float:
    """Seconds of a UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5)."""
    tag, value = _next(fields)
    text = value.rest().decode("ascii", "replace")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").timestamp()
