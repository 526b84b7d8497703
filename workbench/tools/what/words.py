"""UUIDs, digests, points in time, error names, words of HTTP: what one looks up."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from workbench.core.units import duration, moment
from workbench.tools.what.reading import Inside, Piece, Reading, Sure, line, shown

LENGTH_MOST = 8_192

_DIGESTS = {
    32: "MD5 or NTLM",
    40: "SHA-1",
    56: "SHA-224",
    64: "SHA-256 or BLAKE2s",
    96: "SHA-384",
    128: "SHA-512 or BLAKE2b",
}
"""By digits of hex."""
_NAMED_DIGEST = re.compile(
    r"(md5|sha1|sha-?(?:224|256|384|512))[:=-]([A-Za-z0-9+/=_-]{20,128})", re.I
)
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63}")
_UNITS = {10: (1, "seconds"), 13: (1_000, "milliseconds"), 16: (10**6, "microseconds"),
          19: (10**9, "nanoseconds")}  # fmt: skip
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?")
_EPOCH = (631_152_000, 4_102_444_800)
"""Unix times from 1990 to 2100."""
_NEAR = 20 * 365 * 86_400
_ISO = re.compile(
    r"\d{4}-?\d\d-?\d\d(?:[T ]\d\d:?\d\d(?::?\d\d(?:[.,]\d{1,9})?)?\s?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_RFC_DATE = re.compile(
    r"(?:[A-Za-z]{3,9},? )?\d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d\d:\d\d.*|"
    r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
)
_STATUS = re.compile(r"(?:HTTP/[\d.]+ )?([1-5]\d\d)(?: ([A-Za-z][A-Za-z '-]{1,60}))?")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{1,60}):[ \t]+(.+)")
_REPLY = re.compile(r"([2-5]\d\d)[ -]([245]\.\d{1,3}\.\d{1,3}) .+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,60}")


def read(piece: Piece) -> Iterator[Reading]:
    """What of this kind the piece is."""
    text = piece.one_line
    if not text or len(text) > LENGTH_MOST:
        return
    yield from _uuid(text)
    yield from _digest(text)
    yield from _time(text)
    if _WORD.fullmatch(text):
        yield from _word(text)
    yield from _status(text)
    field = _FIELD.fullmatch(text)
    if field is not None:
        yield from _field(field[1], field[2], text)
    reply = _REPLY.fullmatch(text)
    if reply is not None:
        yield _reply(reply[1], reply[2])


def _uuid(text: str) -> Iterator[Reading]:
    from workbench.tools.uuids.reading import UuidError, shown_time
    from workbench.tools.uuids.reading import read as read_uuid

    if not 16 <= len(text) <= 50:
        return
    try:
        found = read_uuid(text)
    except UuidError:
        return
    shaped = text.count("-") == 4 or text.startswith("{") or text.lower().startswith("urn:")
    sound = found.variant.startswith("RFC") and 1 <= found.version <= 8
    if not shaped and not sound:
        return
    facts = [("version", f"{found.version}: {found.name}" if found.version else found.name)]
    facts += [("time", shown_time(found.at))] if found.at is not None else []
    facts += [("node", found.mac)] if found.mac else []
    facts += [("careful", one) for one in found.odd]
    facts += [(name, form) for name, form in found.forms().items() if name in ("canonical", "URN")]
    why = "" if shaped else f"{found.form} of the right length, with bits that fit"
    digits = len(text) == 32
    sure: Sure = "certain" if shaped else "likely" if digits else "possible"
    yield Reading("UUID", sure, why, tuple(facts), (line("uuid", text),))


def _digest(text: str) -> Iterator[Reading]:
    named = _NAMED_DIGEST.fullmatch(text)
    if named is not None:
        why = "named by its prefix"
        yield Reading("digest", "likely", why, (("by", named[1]), ("value", named[2])))
    elif _FINGERPRINT.fullmatch(text) and len(text) // 3 + 1 in (16, 20, 28, 32, 48, 64):
        name = _DIGESTS[(len(text) // 3 + 1) * 2]
        facts = (("by", name), ("bare", text.replace(":", "").lower()))
        yield Reading("fingerprint", "likely", "as tools show certificates and keys", facts)
    elif len(text) in _DIGESTS and re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", text):
        sure: Sure = "likely" if len(text) != 32 else "possible"
        why = f"{len(text)} digits of hex"
        yield Reading("digest", sure, why, (("by", _DIGESTS[len(text)]),))


def _time(text: str) -> Iterator[Reading]:
    if _NUMBER.fullmatch(text):
        whole, _, rest = text.partition(".")
        unit, name = _UNITS.get(len(whole), (1, "seconds"))
        at = float(f"{whole}.{rest or 0}") / unit
        if _EPOCH[0] <= at < _EPOCH[1]:
            near = abs(at - time.time()) < _NEAR
            why = f"{name} after 1970" + (" that are a date of our time" if near else "")
            yield Reading("Unix time", "likely" if near else "possible", why, _moment(at))
        return
    found: datetime | None = None
    kind = "time of ISO 8601"
    if _ISO.fullmatch(text):
        try:
            found = datetime.fromisoformat(text.replace(",", "."))
        except ValueError:
            return
    elif len(text) < 60 and _RFC_DATE.fullmatch(text):
        kind = "date of mail and HTTP"
        try:
            found = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError):
            from workbench.http.dates import parse_date

            seconds = parse_date(text.encode("ascii", "replace"))
            found = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    if found is not None:
        why = "" if found.tzinfo is not None else "without a zone: taken for UTC"
        at = found.replace(tzinfo=found.tzinfo or UTC).timestamp()
        yield Reading(kind, "certain" if "T" in text or ":" in text else "likely", why, _moment(at))


def _moment(at: float) -> tuple[tuple[str, str], ...]:
    """A point in time in several ways."""
    ago = time.time() - at
    return (
        ("UTC", moment(at, "%a %Y-%m-%d %H:%M:%S")),
        ("here", moment(at, "%a %Y-%m-%d %H:%M:%S %Z", local=True)),
        ("Unix time", f"{at:.6f}".rstrip("0").rstrip(".")),
        ("that is", f"{duration(abs(ago))} {'ago' if ago >= 0 else 'from now'}"),
    )


def _word(text: str) -> Iterator[Reading]:
    from workbench.tools.errno import table
    from workbench.tools.words.alerts import alerts
    from workbench.tools.words.http_fields import http_fields
    from workbench.tools.words.methods import methods

    if text[0] == "E" and text.isupper():
        for one in table():
            if one.name == text:
                facts = (("number", str(one.number)), ("meaning", one.meaning))
                yield Reading("error of the system", "certain", "", facts, (line("errno", text),))
    for names, kind, job in (
        (methods(), "method of HTTP", "methods"),
        (alerts(), "alert of TLS", "alerts"),
        (http_fields(), "field of HTTP", "headers"),
    ):
        for entry in names:
            same = entry.name == text if job == "methods" else entry.name.lower() == text.lower()
            if same:
                facts = (("meaning", entry.meaning), ("by", entry.source))
                yield Reading(kind, "likely", "a word of its registry", facts, (line(job, text),))
                break


def _status(text: str) -> Iterator[Reading]:
    from workbench.tools.words.statuses import statuses

    found = _STATUS.fullmatch(text)
    if found is None:
        return
    for one in statuses():
        if one.number == int(found[1]):
            named = found[2] is not None or text.startswith("HTTP/")
            if (
                found[2] is not None
                and found[2].lower() != one.name.lower()
                and text[:5] != "HTTP/"
            ):
                return
            facts = (("name", one.name), ("meaning", one.meaning), ("by", one.source))
            sure: Sure = "certain" if named else "possible"
            yield Reading("status of HTTP", sure, "", facts, (f"status {found[1]}",))
            return


def _field(name: str, value: str, text: str) -> Iterator[Reading]:
    from workbench.tools.words.http_fields import http_fields

    if name.lower() in ("set-cookie", "cookie"):
        yield from _cookies(name, text)
        return
    if name.lower() in ("authorization", "proxy-authorization"):
        facts = (("name", name), ("careful", "what follows lets people in: keep it to yourself"))
        yield Reading("field of HTTP", "certain", "", facts, (), (Inside(name, value.encode()),))
        return
    known = next((one for one in http_fields() if one.name.lower() == name.lower()), None)
    facts2 = [("name", name), ("value", shown(value))]
    facts2 += [("meaning", known.meaning), ("by", known.source)] if known is not None else []
    sure: Sure = "certain" if known is not None else "likely" if "-" in name else "possible"
    opens = (line("headers", name),) if known is not None else ()
    kind = "field of HTTP" if known is not None else "header field"
    yield Reading(kind, sure, "", tuple(facts2), opens, (Inside(name, value.encode()),))


def _cookies(name: str, text: str) -> Iterator[Reading]:
    """A Set-Cookie or Cookie line: names, and what is dangerous; the values are looked into."""
    from workbench.core.endpoint import parse
    from workbench.core.failure import JobError
    from workbench.http.client.building import http_url
    from workbench.tools.cookie import read_cookies, read_set_cookie

    value = text.partition(":")[2].strip()
    try:
        if name.lower() == "set-cookie":
            found = [read_set_cookie(value, http_url(parse("https://example.org/")))]
        else:
            found = read_cookies(value)
    except (JobError, ValueError):
        return
    facts = [(one.name or "(no name)", shown(one.value)) for one in found]
    for one in found:
        facts += [(key, said or "yes") for key, said in one.attributes]
        facts += [("careful", why) for why in one.odd]
    inside = tuple(Inside(f"cookie {one.name}", one.value.encode()) for one in found)
    yield Reading(name, "certain", "", tuple(facts), (line("cookie", text),), inside)


def _reply(code: str, enhanced: str) -> Reading:
    kinds = {"2": "done", "3": "go on", "4": "not now, try again later", "5": "refused for good"}
    facts = (("code", f"{code}: {kinds[code[0]]}"), ("enhanced code", f"{enhanced} (RFC 3463)"))
    return Reading("reply of SMTP", "certain", "", facts)
