"""Addresses, blocks, names, endpoints, URLs, mail addresses: what has a place in a network."""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.addresses.reading import Reading as Address
from workbench.addresses.reading import read as read_address
from workbench.tools.what.reading import Inside, Piece, Reading, Sure, line, shown

LENGTH_MOST = 4_096
PAIRS_MOST = 30

_KINDS = {
    "address": "address",
    "block": "block",
    "interface": "address in a block",
    "range": "range",
    "reverse name": "reverse name",
}
_MAIL = re.compile(r"(?:mailto:)?([^\s@<>,;:\"()\[\]]{1,64})@([^\s@<>,;:\"()\[\]/?]{1,253})")
_AS_NUMBER = re.compile(r"AS ?(\d{1,10})", re.I)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s]+", re.I)
_TLD = re.compile(r"(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})\.?", re.I)
_FILE_ENDINGS = {
    *("pcap", "pcapng", "cap", "pem", "crt", "cer", "der", "key", "p12", "pfx", "csr", "eml"),
    *("har", "http", "txt", "json", "xml", "html", "log", "py", "toml", "conf", "cfg", "yml"),
    *("yaml", "md", "csv", "gz", "zip", "tar", "sh", "so"),
}
_CLIENTS = {
    **dict.fromkeys(("http", "https"), "http GET"),
    **dict.fromkeys(("ftp", "ftps", "ftpes"), "ftp"),
    **dict.fromkeys(("imap", "imaps"), "imap"),
    **dict.fromkeys(("pop3", "pop3s"), "pop3"),
    **dict.fromkeys(("smtp", "smtps", "submission", "submissions"), "smtp"),
    **dict.fromkeys(("nntp", "nntps"), "nntp"),
    **dict.fromkeys(("telnet", "telnets"), "telnet"),
    **dict.fromkeys(("tcp", "udp", "tls", "unix"), "connect"),
}
_SECURE = ("https", "ftps", "imaps", "pop3s", "smtps", "submissions", "nntps", "telnets", "tls")


def read(piece: Piece) -> Iterator[Reading]:
    """What of this kind the piece is."""
    text = piece.one_line
    if not text or len(text) > LENGTH_MOST:
        return
    if _SCHEME.match(text):
        yield from _url(text)
        return
    mail = _MAIL.fullmatch(text)
    if mail is not None:
        yield _mail(mail[1], mail[2])
        return
    number = _AS_NUMBER.fullmatch(text)
    if number is not None and int(number[1]) < 1 << 32:
        yield _as_number(int(number[1]), "certain" if text[:2] == "AS" else "possible")
    found = read_address(text)
    if not found.why:
        yield from _address(text, found)
    if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 1 << 16 and len(text) < 6:
        yield _port(int(text))


def _address(text: str, found: Address) -> Iterator[Reading]:
    warnings = tuple(("careful", one) for one in found.warnings)
    if found.span is not None and found.kind in _KINDS:
        family = "IPv4" if found.span.family == 4 else "IPv6"
        opens = [line("address", text)]
        if found.span.address is not None and found.kind != "range":
            plain = text.partition("/")[0]
            opens += [line(job, plain) for job in ("reverse", "ping", "scan", "routes")]
        else:
            opens += [line("plan", text), line("scan", text)]
        facts = (*_about(found), *warnings)
        yield Reading(f"{family} {_KINDS[found.kind]}", "certain", "", facts, tuple(opens))
    elif found.kind == "short form":
        why = "some programs take it for an address, others for a name or a number"
        facts = (*_about(found), *warnings)
        yield Reading("short IPv4 address", "possible", why, facts, (line("address", text),))
    elif found.kind == "number":
        facts = (*_about(found), *warnings)
        why = "a number that is as large as an address"
        if found.span is not None and found.span.first > 0xFFFFFF:
            yield Reading("address as a number", "possible", why, facts, (line("address", text),))
    elif found.kind == "MAC address":
        yield _mac(text, found, warnings)
    elif found.kind == "endpoint":
        yield _endpoint(text, found.port or 0, "certain", warnings)
    elif found.kind == "host name" and found.port is not None:
        known = "." in found.host or found.host == "localhost"
        if found.port:  # 0 is no port that anybody can be reached at
            yield _endpoint(text, found.port, "certain" if known else "possible", warnings)
    elif found.kind == "host name":
        yield from _name(text, found, warnings)


def _about(found: Address) -> Iterator[tuple[str, str]]:
    """What a span stands for: its bounds, and the special block that it is in."""
    from workbench.addresses.span import reverse_name
    from workbench.addresses.span import text as spelled
    from workbench.addresses.special import holding

    span = found.span
    if span is None:
        return
    if span.first != span.last:
        first, last = spelled(span.family, span.first), spelled(span.family, span.last)
        yield "range", f"{first} to {last}, {span.count:,} addresses"
    else:
        yield "address", spelled(span.family, span.first)
        yield "reverse name", reverse_name(span.family, span.first)
    for special in holding(span.family, span.first, span.last)[:1]:
        yield "belongs to", f"{special.block} {special.name} ({special.rfc})"


def _mac(text: str, found: Address, warnings: tuple[tuple[str, str], ...]) -> Reading:
    from workbench.addresses.describe import describe_mac

    about = describe_mac(found)
    facts = [
        ("address", about.mac),
        ("names", "a group of stations" if about.group else "one station"),
        ("given", "by an administrator, or at random" if about.local else "by the vendor"),
    ]
    facts += [("known as", about.known)] if about.known else []
    facts.append(("IPv6 link-local", about.link_local))
    plain = text.isalnum()
    why = "twelve digits of hex may be anything" if plain else ""
    sure: Sure = "possible" if plain else "certain"
    opens = (line("address", text),)
    return Reading("MAC address", sure, why, (*facts, *warnings), opens)


def _endpoint(
    text: str, port: int, sure: Sure, warnings: tuple[tuple[str, str], ...] = ()
) -> Reading:
    facts = [("port", _service(port))]
    opens = [line("connect", f"tcp://{text}"), line("tls", text), line("http", "GET", text)]
    if port in (80, 8000, 8080):
        opens = [line("http", "GET", f"http://{text}/"), opens[0]]
    elif port in (443, 8443):
        opens = [opens[1], line("http", "GET", f"https://{text}/"), opens[0]]
    elif port in (25, 587):
        opens = [line("smtp", f"smtp://{text}"), *opens[:2]]
    return Reading("host and port", sure, "", (*facts, *warnings), tuple(opens))


def _name(text: str, found: Address, warnings: tuple[tuple[str, str], ...]) -> Iterator[Reading]:
    labels = text.rstrip(".").split(".")
    if text.lower() in ("localhost", "localhost."):
        sure: Sure = "certain"
    elif len(labels) > 1 and _TLD.fullmatch(labels[-1]):
        sure = "possible" if labels[-1].lower() in _FILE_ENDINGS else "likely"
    else:
        return
    facts = list(warnings)
    if "xn--" in text.lower():
        from workbench.addresses.idn import to_unicode

        try:
            facts.insert(0, ("in words", to_unicode(text.lower())))
        except ValueError as problem:
            facts.insert(0, ("not valid", str(problem)))
    opens = [line(job, text) for job in ("resolve", "dns", "tls", "ping", "mailcheck")]
    opens.insert(3, line("http", "GET", f"https://{text}/"))
    why = "a name with dots; only DNS can say whether it is there" if sure != "certain" else ""
    yield Reading("host name", sure, why, tuple(facts), tuple(opens))


def _mail(box: str, domain: str) -> Reading:
    facts = [("mailbox", box), ("domain", domain)]
    opens = [line("mailcheck", domain), line("dns", domain, "MX")]
    tag = box.partition("+")[2]
    facts += [("tag", tag)] if tag else []
    return Reading("e-mail address", "certain", "", tuple(facts), tuple(opens))


def _as_number(number: int, sure: Sure) -> Reading:
    private = 64512 <= number <= 65534 or 4200000000 <= number <= 4294967294
    shown_as = [("number", str(number))]
    if number > 0xFFFF:
        shown_as.append(("as dots", f"{number >> 16}.{number & 0xFFFF}"))
    if private:
        shown_as.append(("kind", "for private use (RFC 6996)"))
    elif 64496 <= number <= 64511 or 65536 <= number <= 65551:
        shown_as.append(("kind", "for documentation (RFC 5398)"))
    elif number == 23456:
        shown_as.append(("kind", "AS_TRANS: stands for one that did not fit (RFC 6793)"))
    return Reading("autonomous system number", sure, "", tuple(shown_as))


def _port(number: int) -> Reading:
    opens = (f"services {number}", f"sockets port:{number}", f"scan 127.0.0.1 --ports {number}")
    why = "a number that may be anything"
    return Reading("port number", "possible", why, (("service", _service(number)),), opens)


def _service(port: int) -> str:
    import socket

    names = []
    for transport in ("tcp", "udp"):
        try:
            name = socket.getservbyport(port, transport)
        except (OSError, OverflowError):
            continue
        names.append(f"{name} over {transport.upper()}")
    return f"{port}: {', '.join(names) or 'no service of that number is registered here'}"


def _url(text: str) -> Iterator[Reading]:
    from urllib.parse import parse_qsl, unquote_to_bytes

    from workbench.tools.urls.compare import read as compare

    found = compare(text)
    scheme = text.partition("://")[0].lower()
    url = found.browser
    if url is None:
        why = f"browsers refuse it: {found.browser_refused}"
        yield Reading("URL", "likely", why, (), (line("url", text),))
        return
    facts = [("scheme", url.scheme), ("host", url.host or "")]
    facts += [("user", url.username)] if url.username else []
    facts += [("password", "is in it, and whoever sees the URL sees it")] if url.password else []
    facts += [("port", str(url.port))] if url.port is not None else []
    facts.append(("path", shown(url.pathname)))
    pairs = parse_qsl(url.query or "", keep_blank_values=True, max_num_fields=None)[:PAIRS_MOST]
    facts += [(f"query {shown(name)}", shown(value)) for name, value in pairs]
    facts += [("fragment", shown(url.fragment))] if url.fragment else []
    facts += [
        ("careful", f"{one.part}: Python reads {shown(one.python)}, browsers {shown(one.browser)}")
        for one in found.differences
        if one.danger
    ]
    bare = text
    if url.password:
        from workbench.core.endpoint import EndpointError, parse

        try:
            bare = str(parse(text).without_password())
        except EndpointError:
            bare = ""
    opens = []
    if bare:
        if scheme in _CLIENTS:
            opens.append(f"{_CLIENTS[scheme]} {line(bare)}")
        opens.append(line("url", bare))
        host = url.host or ""
        if scheme in _SECURE and host:
            opens.append(line("tls", host if url.port is None else f"{host}:{url.port}"))
        if host and not host.startswith("["):
            opens.append(line("resolve", host))
    inside = [Inside(f"query {name}", value.encode()) for name, value in pairs if len(value) > 3]
    if "%" in url.pathname:
        inside.append(Inside("path", unquote_to_bytes(url.pathname)))
    if url.fragment and len(url.fragment) > 3:
        inside.append(Inside("fragment", unquote_to_bytes(url.fragment)))
    yield Reading("URL", "certain", "", tuple(facts), tuple(opens), tuple(inside))
