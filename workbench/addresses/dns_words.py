"""What DNS says, read in words: rcodes, flags, EDNS, and the records that carry a language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.core.text import safe

if TYPE_CHECKING:
    import dns.message
    import dns.rdata

RCODES = {
    "NOERROR": "no error",
    "FORMERR": "the server did not understand the question",
    "SERVFAIL": "the server failed, often because validation or a server further on did",
    "NXDOMAIN": "there is no such name",
    "NOTIMP": "the server does not do that",
    "REFUSED": "the server refuses to answer this client or this name",
    "NOTAUTH": "the server has no authority for that",
    "BADVERS": "the server does not know this version of EDNS",
    "BADCOOKIE": "the server wants its own cookie back",
}
"""RFC 1035 section 4.1.1, RFC 6895 section 2.3."""
FLAGS = {
    "AA": "authoritative",
    "TC": "truncated",
    "RD": "recursion desired",
    "RA": "recursion available",
    "AD": "authentic data, says the server",
    "CD": "checking disabled",
}
_SPF = {"+": "allow", "-": "refuse", "~": "doubt", "?": "say nothing of"}
_POLICY = {"none": "only report", "quarantine": "set it apart", "reject": "refuse it"}
_SVCB = {
    0: "mandatory",
    1: "protocols",
    2: "no default protocol",
    3: "port",
    4: "IPv4 hints",
    5: "encrypted client hello",
    6: "IPv6 hints",
    7: "DoH path",
}


def words(type_name: str, data: dns.rdata.Rdata) -> str:
    """A record's meaning in one line; "" for what speaks for itself."""
    one: Any = data
    if type_name == "MX":
        return _mx(one)
    if type_name in ("TXT", "SPF"):
        return text_words(b"".join(one.strings).decode("latin-1"))
    if type_name == "CAA":
        return _caa(one)
    if type_name == "SRV":
        if str(one.target) == ".":
            return "the service is not offered here (RFC 2782)"
        return (
            f"ask {safe(str(one.target))} at port {one.port}; priority {one.priority} "
            f"(lower first), weight {one.weight}"
        )
    if type_name in ("HTTPS", "SVCB"):
        return _svcb(one)
    if type_name == "SOA":
        return (
            f"serial {one.serial}; a missing name is remembered for {one.minimum} s; "
            f"secondaries look every {one.refresh} s"
        )
    return ""


def text_words(text: str) -> str:
    """SPF (RFC 7208) and DMARC (RFC 7489) in words; "" for any other text."""
    if text.lower().startswith("v=spf1"):
        return "SPF: " + "; ".join(map(safe, _spf(text.split()[1:41])))
    if text.lower().startswith("v=dmarc1"):
        return "DMARC: " + "; ".join(map(safe, _dmarc(text)))
    return ""


def _mx(one: Any) -> str:
    if str(one.exchange) == ".":
        return "this domain takes no mail (RFC 7505)"
    return f"mail goes to {safe(str(one.exchange))}, preference {one.preference} (lower first)"


def _caa(one: Any) -> str:
    tag, value = one.tag.decode("latin-1").lower(), safe(one.value)
    must = "; who does not know this must not issue" * bool(one.flags & 128)
    if tag in ("issue", "issuewild"):
        what = "wildcard certificates" if tag == "issuewild" else "certificates"
        if not value.partition(";")[0].strip():
            return f"nobody may issue {what}{must}"
        return f"{value} may issue {what}{must}"
    if tag == "iodef":
        return f"tell {value} of refused requests{must}"
    return f"{safe(tag)} {value}{must}"


def _svcb(one: Any) -> str:
    target = safe(str(one.target))
    if one.priority == 0:
        return f"an alias: ask {target}"
    where = "this name" if target == "." else target
    told = [f"use {where}, priority {one.priority} (lower first)"]
    for key, value in sorted(one.params.items(), key=lambda pair: int(pair[0])):
        name = _SVCB.get(int(key), f"key {int(key)}")
        text = "" if value is None else safe(value.to_text().strip('"'))
        told.append(f"{name} {text if len(text) < 80 else text[:77] + '…'}".strip())
    return "; ".join(told)


def _spf(terms: list[str]) -> Iterator[str]:
    for term in terms:
        name, equals, value = term.partition("=")
        if equals and name.isalpha():
            yield f"go by {value} instead" if name == "redirect" else f"{name}: {value}"
            continue
        sign, rest = (term[0], term[1:]) if term[0] in _SPF else ("+", term)
        kind, _, value = rest.partition(":")
        who = {
            "all": "everybody else",
            "mx": f"the mail servers of {value or 'this domain'}",
            "a": f"the addresses of {value or 'this domain'}",
            "ip4": value,
            "ip6": value,
            "include": f"whom {value} allows",
            "exists": f"whoever makes {value} exist",
        }.get(kind.lower(), rest)
        yield f"{_SPF[sign]} {who}"


def _dmarc(text: str) -> Iterator[str]:
    tags = [part.partition("=") for part in text.split(";")[:32] if "=" in part]
    for name, _, value in ((a.strip().lower(), b, c.strip()) for a, b, c in tags):
        if name in ("p", "sp"):
            whose = "mail of subdomains" if name == "sp" else "mail"
            yield f"{whose} that fails: {_POLICY.get(value.lower(), value)}"
        elif name == "rua":
            yield f"daily reports to {value}"
        elif name == "ruf":
            yield f"failure reports to {value}"
        elif name == "pct":
            yield f"for {value}% of it"
        elif name in ("adkim", "aspf"):
            exact = "exact" if value.lower() == "s" else "or a subdomain's"
            yield f"{'DKIM' if name == 'adkim' else 'SPF'} domain: {exact}"


def edns_words(message: dns.message.Message) -> list[str]:
    """EDNS (RFC 6891): buffer size, DO, NSID (RFC 5001), cookie (7873), extended errors (8914)."""
    import dns.edns

    if message.edns < 0:
        return []
    told = [f"version {message.edns}, takes {message.payload} bytes over UDP"]
    if message.ednsflags & 0x8000:
        told.append("DO: DNSSEC records wanted")
    for option in message.options[:20]:
        one: Any = option
        if isinstance(option, dns.edns.EDEOption):
            text = f": {safe(one.text)}" if one.text else ""
            told.append(f"error {int(one.code)} ({_ede(int(one.code))}){text}")
        elif isinstance(option, dns.edns.NSIDOption):
            told.append(f"server's name (NSID): {safe(one.nsid)}")
        elif isinstance(option, dns.edns.CookieOption):
            told.append("cookie: " + ("the server's is there" if one.server else "none came back"))
        else:
            told.append(f"option {safe(option.to_text())}")
    return told


def _ede(code: int) -> str:
    import dns.edns

    try:
        return dns.edns.EDECode(code).name.replace("_", " ").lower()
    except ValueError:
        return "unknown"
