"""Codings of bytes as text and back: what each takes, gives, and refuses. Bytes in, bytes out.

RFC 4648 (base16, 32, 64), 1924 and btoa (base85), 3986 (percent), 2045 (quoted-printable), 2047
(encoded words), 3492 (punycode), 1950-1952 (zlib, deflate, gzip), the HTML standard (entities).
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote_to_bytes

EXPANDED = 64 << 20
"""Bytes that what is packed may become."""

ENTITIES_AT_ONCE = 1 << 20


class CodingError(ValueError):
    """What cannot be decoded: what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A coding both ways; `about` is one line on what it is for."""

    name: str
    about: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes], bytes]


def _base64(data: bytes) -> bytes:
    packed = b"".join(data.split())
    bad = re.search(rb"[^A-Za-z0-9+/=]", packed)
    if bad:
        hint = "; _ and - belong to base64url" if bad[0] in (b"_", b"-") else ""
        raise CodingError(f"{ascii_of(bad[0])} at {bad.start()} is not of base64{hint}")
    return _padded(packed, base64.b64decode, 4, "base64")


def _base64url(data: bytes) -> bytes:
    packed = b"".join(data.split())
    bad = re.search(rb"[^A-Za-z0-9_=-]", packed)
    if bad:
        raise CodingError(f"{ascii_of(bad[0])} at {bad.start()} is not of base64url")
    return _padded(packed, base64.urlsafe_b64decode, 4, "base64url")


def _base32(data: bytes) -> bytes:
    packed = b"".join(data.split()).upper()
    bad = re.search(rb"[^A-Z2-7=]", packed)
    if bad:
        raise CodingError(f"{ascii_of(bad[0])} at {bad.start()} is not of base32")
    return _padded(packed, base64.b32decode, 8, "base32")


def _padded(data: bytes, decode: Callable[[bytes], bytes], unit: int, name: str) -> bytes:
    """Decode what may lack its padding, which many leave out."""
    bare = data.rstrip(b"=")
    if b"=" in bare:
        raise CodingError(f"{name} goes on after its padding, at {bare.index(b'=')}")
    try:
        return decode(bare + b"=" * (-len(bare) % unit))
    except (binascii.Error, ValueError):
        raise CodingError(f"{len(bare)} characters are no whole {name}") from None


def _hex(data: bytes) -> bytes:
    text = re.sub(rb"(?i)\b0x|[\s:,;-]|\\x", b"", data)
    bad = re.search(rb"[^0-9A-Fa-f]", text)
    if bad:
        raise CodingError(f"{ascii_of(bad[0])} is no digit of hex")
    if len(text) % 2:
        raise CodingError(f"{len(text)} digits are no whole bytes")
    return bytes.fromhex(text.decode("ascii"))


def _base85(data: bytes) -> bytes:
    try:
        return base64.b85decode(b"".join(data.split()))
    except (ValueError, binascii.Error) as problem:
        raise CodingError(str(problem)) from None


def _ascii85(data: bytes) -> bytes:
    text = b"".join(data.split())
    try:
        return base64.a85decode(text, adobe=text.startswith(b"<~") and text.endswith(b"~>"))
    except (ValueError, binascii.Error) as problem:
        raise CodingError(str(problem)) from None


def _percent(data: bytes) -> bytes:
    bad = re.search(rb"%(?![0-9A-Fa-f]{2})", data)
    if bad:
        raise CodingError(f"the % at {bad.start()} has no two digits of hex behind it")
    return unquote_to_bytes(data)


def _form(data: bytes) -> bytes:
    return _percent(data.replace(b"+", b" "))


def _word(data: bytes) -> bytes:
    from workbench.mail_ftp.message.fields import decoded

    text, problems = decoded(data.decode("utf-8", "surrogateescape"))
    if problems:
        raise CodingError(problems[0])
    return text.encode("utf-8", "surrogateescape")


def _as_word(data: bytes) -> bytes:
    """Words of at most 75 characters, no character of UTF-8 cut (RFC 2047, 2 and 5)."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pieces = [data[at : at + 45] for at in range(0, len(data), 45)]
        return b" ".join(b"=?unknown-8bit?b?" + base64.b64encode(one) + b"?=" for one in pieces)
    words: list[str] = []
    held = ""
    for char in text:
        if len((held + char).encode()) > 45:
            words.append(held)
            held = ""
        held += char
    words.append(held)
    return b" ".join(b"=?utf-8?b?" + base64.b64encode(one.encode()) + b"?=" for one in words)


def _punycode(data: bytes) -> bytes:
    from workbench.addresses.idn import to_unicode

    try:
        return to_unicode(_text(data).strip()).encode()
    except (ValueError, UnicodeError) as problem:
        raise CodingError(str(problem)) from None


def _as_punycode(data: bytes) -> bytes:
    from workbench.addresses.idn import to_ascii

    try:
        return to_ascii(_text(data).strip()).encode()
    except (ValueError, UnicodeError) as problem:
        raise CodingError(str(problem)) from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise CodingError(f"the byte at {problem.start} is no UTF-8") from None


def _unpacked(data: bytes, bits: int, name: str) -> bytes:
    """What zlib unpacks, up to a bound; several gzip members are one."""
    out = bytearray()
    while data:
        one = zlib.decompressobj(bits)
        try:
            out += one.decompress(data, EXPANDED + 1 - len(out))
        except zlib.error as problem:
            raise CodingError(f"no {name}: {problem}") from None
        if len(out) > EXPANDED:
            raise CodingError(f"it becomes more than {EXPANDED:,} bytes: a bomb, or not for here")
        if not one.eof:
            raise CodingError(f"{name} is cut: {len(out):,} bytes came out of it")
        data = one.unused_data if bits == zlib.MAX_WBITS | 16 else b""
    return bytes(out)


def _packed(bits: int) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        one = zlib.compressobj(9, zlib.DEFLATED, bits)
        return one.compress(data) + one.flush()

    return pack


def _escapes(data: bytes) -> bytes:
    from workbench.core.text import InputError, unescape

    try:
        return unescape(_text(data))
    except InputError as problem:
        raise CodingError(str(problem)) from None


def _as_escapes(data: bytes) -> bytes:
    from workbench.core.text import escape

    return escape(data).encode()


def ascii_of(data: bytes) -> str:
    """A byte for a message."""
    return repr(data)[1:] if data.isascii() else f"0x{data.hex()}"


def _wbits(bits: int, name: str) -> Callable[[bytes], bytes]:
    return lambda data: _unpacked(data, bits, name)


CODINGS = {
    one.name: one
    for one in (
        Coding("base64", "bytes in mail, JSON, keys (RFC 4648, 4)", base64.b64encode, _base64),
        Coding(
            "base64url", "the same for URLs, JWT (RFC 4648, 5)",
            lambda data: base64.urlsafe_b64encode(data).rstrip(b"="), _base64url,
        ),
        Coding("base32", "for people and DNS; TOTP keys (RFC 4648, 6)", base64.b32encode, _base32),
        Coding("hex", "two digits a byte, with or without : or spaces",
               lambda data: data.hex().encode(), _hex),
        Coding("base85", "as git and RFC 1924 have it", base64.b85encode, _base85),
        Coding("ascii85", "as PostScript and PDF have it", base64.a85encode, _ascii85),
        Coding("percent", "a path of a URL (RFC 3986)",
               lambda data: quote(data, safe="/").encode(), _percent),
        Coding("component", "any part of a URL, / too",
               lambda data: quote(data, safe="").encode(), _percent),
        Coding("form", "a form's field: a space is +",
               lambda data: quote_plus(data).encode(), _form),
        Coding("quoted-printable", "text in mail (RFC 2045)",
               lambda data: binascii.b2a_qp(data, istext=False), binascii.a2b_qp),
        Coding("encoded-word", "text in a mail's header (RFC 2047)", _as_word, _word),
        Coding("punycode", "a host name with more than ASCII (IDNA)", _as_punycode, _punycode),
        Coding("html", "text in HTML: & < > and quotes",
               lambda data: html.escape(_text(data)).encode(),
               lambda data: html.unescape(_text(data)).encode("utf-8", "replace")),
        Coding("escapes", "a string of C or Python: \\n \\x00 \\u20ac", _as_escapes, _escapes),
        Coding("gzip", "packed, with a header (RFC 1952)", _packed(zlib.MAX_WBITS | 16),
               _wbits(zlib.MAX_WBITS | 16, "gzip")),
        Coding("zlib", "packed, with two bytes before it (RFC 1950)", _packed(zlib.MAX_WBITS),
               _wbits(zlib.MAX_WBITS, "zlib")),
        Coding("deflate", "packed, bare (RFC 1951)", _packed(-zlib.MAX_WBITS),
               _wbits(-zlib.MAX_WBITS, "deflate")),
    )
}  # fmt: skip
"""Every coding by its name."""


def through(data: bytes, steps: tuple[str, ...], *, decode: bool) -> bytes:
    """Bytes through several codings in turn: encoded by the first, then by the second.

    Args:
        decode: take them off, in the order given.

    Raises:
        CodingError: a step cannot be done; it says which.
        KeyError: there is no coding of that name.
    """
    for number, name in enumerate(steps, 1):
        coding = CODINGS[name]
        try:
            data = coding.decode(data) if decode else coding.encode(data)
        except CodingError as problem:
            place = f"step {number}, " if len(steps) > 1 else ""
            raise CodingError(f"{place}{name}: {problem}") from None
        if len(data) > EXPANDED:
            raise CodingError(f"{name}: it becomes more than {EXPANDED:,} bytes")
    return data
