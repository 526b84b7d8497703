"""The schemes of endpoints: what carries each, its port, and whether TLS comes first."""

from __future__ import annotations

from typing import NamedTuple


class Scheme(NamedTuple):
    """One scheme.

    `transport` is tcp, udp, mptcp, sctp, udplite, vsock, tipc, icmp, unix (stream), unixgram
    (datagram) or unixseq (seqpacket). `port` is the one of IANA's service registry, None for a bare
    transport. `tls`: the connection begins with TLS. `family` is set where the scheme asks for
    IPv4 ("inet") or IPv6 ("inet6"). `application`: takes a user, a path and a query; `rooted`:
    its empty path is "/".
    """

    name: str
    transport: str
    port: int | None = None
    tls: bool = False
    family: str = ""
    application: bool = False
    rooted: bool = False

    @property
    def is_unix(self) -> bool:
        """Carried by a Unix domain socket."""
        return self.transport.startswith("unix")

    @property
    def prefix(self) -> str:
        """What an endpoint of this scheme begins with."""
        return f"{self.name}:" if self.is_unix and not self.application else f"{self.name}://"


def _bare(name: str, transport: str, *, tls: bool = False, family: str = "") -> Scheme:
    return Scheme(name, transport, tls=tls, family=family)


def _web(name: str, port: int | None, *, tls: bool = False, transport: str = "tcp") -> Scheme:
    return Scheme(name, transport, port, tls, application=True, rooted=True)


def _service(name: str, port: int | None, *, tls: bool = False, transport: str = "tcp") -> Scheme:
    return Scheme(name, transport, port, tls, application=True)


SCHEMES: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        _bare("tcp", "tcp"),
        _bare("udp", "udp"),
        _bare("unix", "unix"),
        _bare("tls", "tcp", tls=True),
        _web("http", 80),
        _web("https", 443, tls=True),
        _web("ws", 80),
        _web("wss", 443, tls=True),
        _web("http+unix", None, transport="unix"),
        _service("smtp", 25),
        _service("smtps", 465, tls=True),
        _service("submission", 587),
        _service("submissions", 465, tls=True),
        _service("lmtp", 24),  # RFC 2033 gives none; 24 is what Dovecot and Cyrus listen on
        _service("lmtp+unix", None, transport="unix"),
        _service("imap", 143),
        _service("imaps", 993, tls=True),
        _service("pop3", 110),
        _service("pop3s", 995, tls=True),
        _service("ftp", 21),
        _service("ftps", 990, tls=True),
        _service("nntp", 119),
        _service("nntps", 563, tls=True),
        _service("telnet", 23),
        _service("telnets", 992, tls=True),
        _service("dns", 53, transport="udp"),
        _service("dot", 853, tls=True),  # DNS over TLS, RFC 7858
        _service("ssh", 22),
        _service("sftp", 22),
        _service("ldap", 389),
        _service("ldaps", 636, tls=True),
        _service("xmpp", 5222),
        _service("irc", 6667),
        _service("ircs", 6697, tls=True),
        _service("mqtt", 1883),
        _service("mqtts", 8883, tls=True),
        _service("postgresql", 5432),
        _service("mysql", 3306),
        _service("whois", 43),
        _service("ntp", 123, transport="udp"),
        _bare("tcp4", "tcp", family="inet"),
        _bare("tcp6", "tcp", family="inet6"),
        _bare("udp4", "udp", family="inet"),
        _bare("udp6", "udp", family="inet6"),
        _bare("unixgram", "unixgram"),
        _bare("unixseq", "unixseq"),
        _bare("vsock", "vsock"),
        _bare("tipc", "tipc"),
        _bare("mptcp", "mptcp"),
        _bare("sctp", "sctp"),
        _bare("udplite", "udplite"),
        _bare("icmp", "icmp"),
    )
}
"""Every scheme by its name, the usual ones first."""

ALIASES = {
    "ssl": "tls",
    "ping": "icmp",
    "pop": "pop3",
    "pops": "pop3s",
    "snews": "nntps",
    "postgres": "postgresql",
    "unixdgram": "unixgram",
    "unixpacket": "unixseq",
}
"""Other names that are understood, and the scheme that each stands for."""


def find(name: str) -> Scheme | None:
    """The scheme of that name or alias, in any case; None if there is none."""
    name = name.lower()
    return SCHEMES.get(ALIASES.get(name, name))


def nearest(name: str) -> str:
    """The scheme that a mistyped name looks most like, or ""."""
    from difflib import get_close_matches

    known = [*SCHEMES, *ALIASES]
    letters = sorted(name.lower())
    # Two letters in each other's place are the likeliest slip, and difflib's least.
    swapped = [one for one in known if sorted(one) == letters]
    close = swapped or get_close_matches(name.lower()[:40], known, 1)
    return ALIASES.get(close[0], close[0]) if close else ""


def complete(prefix: str) -> list[str]:
    """What a target may go on as: the beginnings ("https://", "unix:") that start with the prefix.

    An empty prefix gives them all; nothing once the scheme is complete.
    """
    prefix = prefix.strip().lower()
    return [
        scheme.prefix
        for scheme in SCHEMES.values()
        if scheme.prefix.startswith(prefix) and scheme.prefix != prefix
    ]
