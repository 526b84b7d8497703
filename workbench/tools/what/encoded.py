"""Codings and tokens: what is packed into text or bytes, taken out to be looked at in turn."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from workbench.core.units import duration, moment
from workbench.tools.codings import CODINGS, CodingError
from workbench.tools.what.reading import Inside, Piece, Reading, Sure, line, shown

LENGTH_MOST = 1 << 20
CLAIMS_MOST = 40

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_BASE32 = re.compile(r"[A-Z2-7]+={0,6}")
_HEX = re.compile(r"(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[\s:,]?(?:0x|\\x)?[0-9A-Fa-f]{2})+")
_DUMP = re.compile(r"(?:[0-9a-f]{4,8}:?\s+)((?:[0-9a-f]{2,4}\s{1,2}){1,16})", re.I)
_WORDS = re.compile(r"=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_PRINTABLE = re.compile(r"=[0-9A-F]{2}")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[nrt\"'\\0])")
_JWT = re.compile(r"(?:Bearer )?([A-Za-z0-9_-]{4,})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)")
_LOGIN = re.compile(r"(?:(?:Proxy-)?Authorization:\s*)?Basic ([A-Za-z0-9+/]+={0,2})", re.I)
_BEARER = re.compile(r"Bearer (\S+)", re.I)
_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),(.*)", re.S | re.I)
_SSH = re.compile(
    r"(?:\S+ )?(ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-\S+) (AAAA\S+)(?: .*)?"
)
_MAGIC = (
    (b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "a ZIP archive"), (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"), (b"%PDF-", "PDF"), (b"\x7fELF", "an ELF program"),
    (b"GIF8", "a GIF picture"), (b"\x28\xb5\x2f\xfd", "Zstandard"), (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"), (b"SQLite format 3\x00", "an SQLite database"), (b"0\x82", "DER"),
)  # fmt: skip


def read(piece: Piece) -> Iterator[Reading]:
    """What of this kind the piece is."""
    if len(piece.data) > LENGTH_MOST:
        return
    text = piece.text
    if not text:
        yield from _packed(piece.data)
        return
    one = piece.one_line
    if one:
        yield from _token(one)
        ssh = _SSH.fullmatch(one)
        if ssh is not None:
            yield from _ssh_key(ssh[1], ssh[2])
    dump = _DUMP.match(text)
    if dump is not None:
        yield from _hex_dump(text)
    yield from _text(text)


def is_readable(data: bytes) -> bool:
    """Whether bytes look like text that somebody wrote."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    odd = sum(not (one.isprintable() or one in "\r\n\t") for one in text[:4_096])
    return bool(text) and not odd


def magic(data: bytes) -> str:
    """What bytes are by how they begin; "" for what is not known."""
    return next((name for start, name in _MAGIC if data.startswith(start)), "")


# -- text that stands for bytes ----------------------------------------------------------------


def _text(text: str) -> Iterator[Reading]:
    if _WORDS.search(text):
        whole = _WORDS.sub("", text).strip() == ""
        yield from _by("encoded-word", text, "certain" if whole else "likely")
    compact = "".join(text.split())
    if "://" not in text and _PERCENT.search(text) and " " not in text:
        yield from _by("form" if "+" in text else "percent", text, "likely")
    if text.startswith("<~") and text.endswith("~>"):
        yield from _by("ascii85", text, "certain")
    printable = _PRINTABLE.findall(text)
    if len(printable) > 1 and ("=\n" in text or any(one > "=7F" for one in printable)):
        yield from _by("quoted-printable", text, "likely")
    if _ENTITY.search(text) and "<" not in text:
        yield from _by("html", text, "likely")
    elif _ESCAPE.search(text) and "\n" not in text:
        yield from _by("escapes", text, "likely")
    if _HEX.fullmatch(text) and len(compact) >= (24 if compact.isdigit() else 8):
        yield from _by("hex", text, "possible")
    elif _BASE64.fullmatch(compact) and _mixed(compact):
        yield from _by("base64", text, "possible")
    elif _BASE64URL.fullmatch(compact) and _mixed(compact) and not compact.isalpha():
        yield from _by("base64url", text, "possible")
    if len(compact) >= 16 and _BASE32.fullmatch(compact):
        yield from _by("base32", text, "possible")


def _mixed(text: str) -> bool:
    """Long enough for a coding, and no word or number that somebody wrote."""
    bare = text.rstrip("=")
    if len(bare) < 8 or len(bare) % 4 == 1 or bare.isdigit():
        return False
    return text != bare or (not bare.islower() and not bare.isupper() and not bare.istitle())


def _by(name: str, text: str, sure: Sure) -> Iterator[Reading]:
    try:
        data = CODINGS[name].decode(text.encode())
    except (CodingError, ValueError):
        return
    if not data or data == text.encode():
        return
    why = CODINGS[name].about
    kind = magic(data)
    if is_readable(data):
        sure = "certain" if sure == "certain" else "likely"
        why = "it decodes to text"
    elif kind:
        sure, why = "likely", f"it decodes to {kind}"
    elif sure == "likely":
        sure = "possible"
    elif len(text) < 24:
        return
    facts = (("bytes", f"{len(data):,}"),)
    short = len(text) <= 2_000 and "\n" not in text
    opens = (line("encode", name, "--decode", "--text", text),) if short else ()
    yield Reading(name, sure, why, facts, opens, (Inside(f"{name} decoded", data),))


def _hex_dump(text: str) -> Iterator[Reading]:
    data = bytearray()
    rows = text.split("\n")
    for row in rows:
        found = _DUMP.match(row)
        if found is None:
            if row.strip() and not re.fullmatch(r"\s*(?:\*|[0-9a-f]{4,8})\s*", row, re.I):
                return
            continue
        data += bytes.fromhex("".join(found[1].split()))
    why = "an offset, then bytes, on each line"
    facts = (("bytes", f"{len(data):,}"), ("lines", f"{len(rows):,}"))
    yield Reading("hex dump", "certain", why, facts, (), (Inside("its bytes", bytes(data)),))


def _packed(data: bytes) -> Iterator[Reading]:
    """Bytes that are no text."""
    for name, starts in (("gzip", b"\x1f\x8b"), ("zlib", b"\x78")):
        if data.startswith(starts):
            try:
                unpacked = CODINGS[name].decode(data)
            except CodingError:
                continue
            facts = (("bytes", f"{len(data):,}"), ("unpacked", f"{len(unpacked):,}"))
            inside = (Inside(f"{name} unpacked", unpacked[:LENGTH_MOST]),)
            yield Reading(name, "certain", "it unpacks", facts, (), inside)
            return
    kind = magic(data)
    if kind and kind not in ("DER", "gzip"):
        size = (("bytes", f"{len(data):,}"),)
        name = kind.removeprefix("a ").removeprefix("an ")
        yield Reading(name, "likely", "by how it begins", size)


# -- tokens ------------------------------------------------------------------------------------


def _token(text: str) -> Iterator[Reading]:
    login = _LOGIN.fullmatch(text)
    if login is not None:
        yield from _basic(login[1])
        return
    jwt = _JWT.fullmatch(text)
    if jwt is not None:
        yield from _jwt(jwt[1], jwt[2], jwt[3])
        return
    bearer = _BEARER.fullmatch(text)
    if bearer is not None:
        why = "whoever has it is let in"
        inside = (Inside("token", bearer[1].encode()),)
        yield Reading("bearer token", "certain", why, (), (), inside, secret=True)
    url = _DATA_URL.fullmatch(text)
    if url is not None:
        yield from _data_url(url[1], url[2], url[3])


def _basic(token: str) -> Iterator[Reading]:
    try:
        data = CODINGS["base64"].decode(token.encode())
    except CodingError:
        return
    user, colon, password = data.decode("utf-8", "replace").partition(":")
    if colon:
        facts = (("user", shown(user)), ("password", f"{len(password)} characters, not shown"))
        why = "anybody can read it (RFC 7617)"
        yield Reading("log-in by Basic", "certain", why, facts, secret=True)


def _json(part: str) -> dict[str, Any] | None:
    import json

    try:
        found = json.loads(CODINGS["base64url"].decode(part.encode()))
    except (CodingError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _jwt(head: str, body: str, signature: str) -> Iterator[Reading]:
    """RFC 7519: what it claims, and what is wrong with it; nothing says that it is genuine."""
    header = _json(head)
    if header is None or not isinstance(header.get("alg"), str):
        return
    facts = [("algorithm", shown(header["alg"]))]
    facts += [(f"header {name}", shown(value)) for name, value in header.items() if name != "alg"]
    if header["alg"].lower() == "none" or not signature:
        facts.append(("careful", "it is not signed: anybody can have written it (RFC 8725, 3.2)"))
    claims = _json(body)
    inside = []
    if claims is None:
        facts.append(("claims", "none that can be read: encrypted, or broken"))
    else:
        for name, value in list(claims.items())[:CLAIMS_MOST]:
            facts.append((name, _claim(name, value)))
            if isinstance(value, str) and len(value) > 8:
                inside.append(Inside(f"claim {name}", value.encode()))
        if "exp" not in claims:
            facts.append(("careful", "it never expires (no exp)"))
    facts.append(("signature", "not tried: that takes the key"))
    why = "three parts of base64url, the first with an algorithm"
    yield Reading("JSON Web Token", "certain", why, tuple(facts), (), tuple(inside), secret=True)


def _claim(name: str, value: Any) -> str:
    if name in ("exp", "iat", "nbf", "auth_time") and isinstance(value, int | float):
        away = float(value) - time.time()
        words = {"exp": "expired" if away < 0 else "expires", "nbf": "valid from"}.get(name, "")
        distance = f"{duration(abs(away))} {'ago' if away < 0 else 'from now'}"
        return f"{moment(float(value), '%Y-%m-%d %H:%M:%S')} UTC   {words} {distance}".strip()
    return shown(value)


def _data_url(kind: str, parameters: str, body: str) -> Iterator[Reading]:
    name = "base64" if ";base64" in parameters.lower() else "percent"
    try:
        data = CODINGS[name].decode(body.encode())
    except CodingError:
        return
    facts = (("type", kind or "text/plain"), ("bytes", f"{len(data):,}"))
    inside = (Inside("its data", data),)
    yield Reading("data: URL", "certain", "RFC 2397", facts, (), inside)


def _ssh_key(kind: str, body: str) -> Iterator[Reading]:
    import base64
    import hashlib

    try:
        data = CODINGS["base64"].decode(body.encode())
    except CodingError:
        return
    if kind.encode() not in data[4 : 4 + len(kind)]:
        return
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
    facts = (("type", kind), ("fingerprint", f"SHA256:{digest}"))
    yield Reading("public key of SSH", "certain", "RFC 4253, 6.6", facts)
