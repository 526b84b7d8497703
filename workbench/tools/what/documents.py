"""Whole documents: messages of HTTP and mail, keys and certificates, robots.txt, JSON, captures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from workbench.core.failure import JobError
from workbench.tools.what.reading import (
    FACTS_MOST,
    PASTE,
    Inside,
    Piece,
    Reading,
    Sure,
    line,
    shown,
)

VALUES_MOST = 16
"""Values of a JSON document that are looked into."""
NODES_MOST = 2_000
PLACES_MOST = 16
"""Places that a text names."""
SAMPLE = 1 << 16

_REQUEST = re.compile(r"([A-Z]{3,20}) (\S{1,8000}) HTTP/(\d(?:\.\d)?)\r?(?:\n|$)")
_RESPONSE = re.compile(r"HTTP/(\d(?:\.\d)?) (\d{3})(?: ([^\r\n]*))?\r?(?:\n|$)")
_FIELD = re.compile(r"^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t\r]*$", re.M)
_MAIL_FIELDS = {
    *("from", "to", "cc", "subject", "date", "message-id", "received", "return-path"),
    *("mime-version", "delivered-to", "reply-to", "in-reply-to", "references", "dkim-signature"),
}
_ROBOTS = re.compile(r"^\s*(user-agent|disallow|allow|sitemap|crawl-delay)\s*:", re.M | re.I)
_TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s*File "(.*)", line (\d+)(?:, in (.*))?$', re.M)
_RAISED = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: (.*))?$")
_ERRNO = re.compile(r"\[Errno (-?\d+)\]")
_LOG = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+|-)(?: "([^"]*)" "([^"]*)")?.*'
)
_TAG = re.compile(r"<(?:!doctype\s+)?([A-Za-z][\w:.-]*)", re.I)
_NAMED = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}://[^\s<>\"'`]{1,2000}|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d{1,5})?(?![\w.])|\[[0-9a-f:.]{2,45}\](?::\d{1,5})?"
    r"|(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{1,4}(?:/\d{1,3})?(?![\w:])",
    re.I,
)
"""URLs, mail addresses, addresses with a port or a prefix."""
_CAPTURES = (b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1")
_FILES = {
    **dict.fromkeys(("pcap", "pcapng", "cap"), ("capture of packets", "capture --read")),
    **dict.fromkeys(("pem", "crt", "cer", "der"), ("keys and certificates", "cert show")),
    **dict.fromkeys(("p12", "pfx", "csr", "p7b"), ("keys and certificates", "cert show")),
    "eml": ("mail message", "message"),
    "har": ("HTTP archive", "http import"),
    "http": ("collection of requests", "http run"),
}


def read(piece: Piece) -> Iterator[Reading]:
    """What of this kind the piece is."""
    yield from _keys(piece)
    if piece.data[:4] in _CAPTURES:
        kind = "pcapng" if piece.data[:1] == b"\x0a" else "pcap"
        yield Reading(f"capture of packets ({kind})", "certain", "by how it begins", (),
                      (line("capture", "--read", PASTE),))  # fmt: skip
    text = piece.text
    if not text:
        return
    yield from _http(piece)
    yield from _mail(piece)
    if len(_ROBOTS.findall(text)) > 1 and re.search(r"^\s*user-agent\s*:", text, re.M | re.I):
        yield from _robots(piece)
    if _TRACEBACK in text:
        yield _traceback(text)
    if text.startswith(("curl ", "$ curl ")):
        yield from _curl(text)
    if text[0] in "{[":
        yield from _json(text)
    elif text[0] == "<":
        yield from _markup(text)
    if text[0] not in "{[<" and any(one.isspace() for one in text):
        yield from _prose(text)
    log = _LOG.fullmatch(piece.one_line)
    if log is not None:
        yield _log(log)
    if piece.one_line and len(piece.one_line) < 1_000:
        yield from _file(piece.one_line)


def _keys(piece: Piece) -> Iterator[Reading]:
    from workbench.tls import pem
    from workbench.tls.show import shown as in_words

    if b"-----BEGIN " in piece.data:
        try:
            found = pem.find(piece.data)
        except pem.PemError as problem:
            yield Reading("PEM", "likely", str(problem))
            return
    elif piece.data[:2] in (b"0\x82", b"0\x81") and pem.label_of(piece.data) != "UNKNOWN":
        found = pem.find(piece.data)
    else:
        return
    for block in found[:4]:
        told = in_words(block, datetime.now(UTC))
        yield Reading(told.kind, "certain", f"PEM of {block.label}" if piece.text else "DER",
                      told.fields[:FACTS_MOST], (line("cert", "show", PASTE),))  # fmt: skip


# -- messages ----------------------------------------------------------------------------------


def _http(piece: Piece) -> Iterator[Reading]:
    request, response = _REQUEST.match(piece.text), _RESPONSE.match(piece.text)
    if request is None and response is None:
        return
    head, _, body = re.sub(r"\r\n?", "\n", piece.text).partition("\n\n")
    fields = _FIELD.findall(head)[:200]
    if response is not None and "\n" not in piece.text:
        return  # a status line alone is a word to be looked up
    known = {name.lower(): value for name, value in fields}
    inside = [
        Inside(name, f"{name}: {value}".encode() if "cookie" in name.lower() else value.encode())
        for name, value in fields
        if name.lower() in ("set-cookie", "cookie", "location", "authorization", "referer")
    ]
    if body.strip():
        inside.append(Inside("body", body.encode("utf-8", "surrogateescape")))
    shown_fields = [
        (name, value.partition(" ")[0] if name.lower() in _SECRET else shown(value))
        for name, value in fields[:FACTS_MOST]
    ]
    if request is not None:
        facts = [("method", request[1]), ("target", shown(request[2])), *shown_fields]
        opens = _again(request[1], request[2], fields) if "host" in known else ()
        yield Reading("request of HTTP", "certain", "", tuple(facts), opens, tuple(inside))
    elif response is not None:
        facts = [("status", f"{response[2]} {response[3] or ''}".strip()), *shown_fields]
        opens = (f"status {response[2]}",)
        yield Reading("response of HTTP", "certain", "", tuple(facts), opens, tuple(inside))


_SECRET = ("authorization", "proxy-authorization")
_OWN = (*_SECRET, "host", "content-length", "transfer-encoding", "connection", "cookie")


def _again(method: str, target: str, fields: list[tuple[str, str]]) -> tuple[str, ...]:
    """The line that sends the request once more, without what lets people in."""
    host = next(value for name, value in fields if name.lower() == "host")
    url = target if "://" in target else f"http://{host}{target}"
    words = [f"{name}:{value}" for name, value in fields if name.lower() not in _OWN][:30]
    return (line("http", method, url, *words), line("url", url))


def _mail(piece: Piece) -> Iterator[Reading]:
    head = re.split(r"\r?\n\r?\n", piece.text[:SAMPLE], maxsplit=1)[0]
    if not _FIELD.match(head) and not head.startswith("From "):
        return
    names = {name.lower() for name, _ in _FIELD.findall(head)} & _MAIL_FIELDS
    if len(names) < 2:
        return
    from workbench.mail_ftp.message.path import hops
    from workbench.mail_ftp.message.tree import parse

    found = parse(piece.data)
    facts = [(name, found.get(name)) for name in ("From", "To", "Subject", "Date", "Message-ID")]
    facts = [(name, shown(value)) for name, value in facts if value]
    way = hops(found.root.all("Received"))
    if way:
        facts.append(("way", f"{len(way)} hops, the first to {shown(way[0].by)}"))
    facts += [("part", f"{one.number} {one.type} {one.filename}") for one in found.parts[1:9]]
    facts += [("careful", shown(one)) for one in found.defects[:8]]
    inside = [Inside("text", found.readable().encode("utf-8", "surrogateescape"))]
    inside += [
        Inside(one.filename or one.type, found.content(one, SAMPLE)[0])
        for one in found.attachments()[:4]
    ]
    sure: Sure = "certain" if len(names) > 2 else "likely"
    why = f"it begins with {', '.join(sorted(names)[:4])}"
    yield Reading("mail message", sure, why, tuple(facts), (line("message", PASTE),), tuple(inside))


def _robots(piece: Piece) -> Iterator[Reading]:
    from workbench.http.robots.rules import parse_robots

    found = parse_robots(piece.data)
    facts = [
        ("for", f"{', '.join(one.agents)}: {len(one.rules)} rules") for one in found.groups[:20]
    ]
    facts += [("sitemap", shown(url)) for _, url in found.sitemaps[:8]]
    yield Reading("robots.txt", "certain", "RFC 9309", tuple(facts), (line("robots", PASTE),))


def _traceback(text: str) -> Reading:
    frames = _FRAME.findall(text)
    last = text.rstrip().rpartition("\n")[2].strip()
    raised = _RAISED.match(last)
    facts = [("raised", shown(raised[1] if raised else last))]
    facts += [("says", shown(raised[2]))] if raised and raised[2] else []
    if frames:
        path, number, name = frames[-1]
        facts.append(("at", f"{shown(path)}, line {number}{f', in {name}' if name else ''}"))
        own = [one for one in frames if "/lib/python" not in one[0] and not one[0].startswith("<")]
        if own and own[-1] != frames[-1]:
            facts.append(("called from", f"{own[-1][0]}, line {own[-1][1]}"))
        facts.append(("frames", f"{len(frames)}"))
    opens = []
    number_of = _ERRNO.search(last)
    if number_of is not None:
        opens.append(f"errno {number_of[1]}")
    return Reading("traceback of Python", "certain", "", tuple(facts), tuple(opens))


def _curl(text: str) -> Iterator[Reading]:
    from workbench.core.arguments import words_of
    from workbench.core.job import secrets_of
    from workbench.http.interchange.curl import from_curl

    try:
        found = from_curl(text)
    except JobError as problem:
        yield Reading("command of curl", "likely", str(problem))
        return
    for one in found[:4]:
        facts = [("method", one.request.method), ("URL", str(one.request.url.without_password()))]
        facts += [("careful", note) for note in one.notes]
        if secrets_of(one.request):
            facts.append(("careful", "it holds a password: that is not passed on"))
        opens = (line(*words_of(one.request)),)
        yield Reading("command of curl", "certain", "", tuple(facts), opens)


def _log(found: re.Match[str]) -> Reading:
    names = ("client", "", "user", "time", "request", "status", "bytes")
    facts = [(name, shown(one)) for name, one in zip(names, found.groups(), strict=False) if name]
    if found[8] is not None:
        facts += [("referer", shown(found[8])), ("agent", shown(found[9]))]
    why = "the Common Log Format of web servers"
    inside = (Inside("client", found[1].encode()),)
    opens = (f"status {found[6]}",)
    return Reading("line of a web server's log", "certain", why, tuple(facts), opens, inside)


# -- data --------------------------------------------------------------------------------------


def _json(text: str) -> Iterator[Reading]:
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as problem:
        if text[0] == "{" and '"' in text[:200]:
            yield Reading("JSON", "possible", f"but it is broken: {problem}")
        return
    if isinstance(found, dict):
        facts = [("keys", shown(", ".join(map(str, list(found)[:30]))))]
        log = found.get("log")
        if isinstance(log, dict) and isinstance(log.get("entries"), list):
            entries = f"{len(log['entries']):,}"
            yield Reading("HTTP archive (HAR)", "certain", "", (("entries", entries),),
                          (line("http", "import", PASTE),))  # fmt: skip
            return
        if "keys" in found or "kty" in found:
            facts.append(("looks like", "a JSON Web Key (RFC 7517)"))
    else:
        facts = [("values", f"{len(found):,}" if isinstance(found, list) else "one")]
    inside = tuple(_values(found))
    yield Reading("JSON", "certain", "", tuple(facts), (), inside)


def _values(found: Any) -> Iterator[Inside]:
    """Texts of a document that may hold something: long ones, each with where it stood."""
    todo: list[tuple[str, Any]] = [("", found)]
    seen = given = 0
    while todo and seen < NODES_MOST and given < VALUES_MOST:
        place, value = todo.pop(0)
        seen += 1
        if isinstance(value, dict):
            todo += [(f"{place}.{name}".strip("."), one) for name, one in list(value.items())[:200]]
        elif isinstance(value, list):
            todo += [(f"{place}[{at}]", one) for at, one in enumerate(value[:50])]
        elif isinstance(value, str) and len(value) > 11:
            given += 1
            yield Inside(place[-100:], value.encode("utf-8", "surrogateescape"))


def _markup(text: str) -> Iterator[Reading]:
    """By how it begins alone: XML is not parsed, as it may be a bomb."""
    rest = re.sub(r"^(?:\s|<\?[^>]{0,500}\?>|<!--.{0,2000}?-->)*", "", text[:8_192], flags=re.S)
    tag = _TAG.match(rest)
    if tag is None:
        return
    name = tag[1].lower()
    if name in ("methodcall", "methodresponse"):
        method = re.search(r"<methodName>\s*([^<\s]{1,200})", text[:8_192])
        facts = (("method", method[1]),) if method else ()
        kind = "call" if name == "methodcall" else "answer"
        yield Reading(f"{kind} of XML-RPC", "certain", "", facts)
    elif name == "html":
        yield Reading("HTML", "certain", "")
    elif text.startswith("<?xml"):
        yield Reading("XML", "certain", "", (("root", tag[1]),))
    elif text.endswith(">"):
        yield Reading("XML or HTML", "likely", "it begins with a tag", (("tag", tag[1]),))


def _prose(text: str) -> Iterator[Reading]:
    """Text that names places: URLs, addresses, mail addresses, endpoints."""
    found = dict.fromkeys(one.rstrip(".,;:!?'\"") for one in _NAMED.findall(text[:SAMPLE]))
    places = [one for one in found if one][:PLACES_MOST]
    if places:
        inside = tuple(Inside("in it", one.encode()) for one in places)
        yield Reading("text", "possible", f"it names {len(places)} places", (), (), inside)


def _file(text: str) -> Iterator[Reading]:
    stem, dot, ending = text.rpartition(".")
    if text.endswith("robots.txt") and "://" not in text:
        yield Reading("robots.txt", "likely", "by its name", (), (line("robots", text),))
    elif dot and stem and "\n" not in text and ending.lower() in _FILES and "://" not in text:
        kind, job = _FILES[ending.lower()]
        yield Reading(f"file: {kind}", "likely", "by its name", (), (f"{job} {line(text)}",))
