"""What people want to do, in their own words, and the command line that does it.

"who listens on 8080" finds `sockets --listening port:8080`: a number in what is typed takes the
place of the port, an address, name or URL that of the host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

USUAL = {"port": "8080", "host": "127.0.0.1", "name": "localhost", "url": "http://127.0.0.1:8000/"}
"""What stands in a line's places where nothing that was typed fits."""

_SMALL = frozenset(
    """a an and are at be by can do does for from has have how i in is it its me of on or that the
    there this to up use what when where which who whose why with""".split()  # noqa: SIM905
)
"""Words that say nothing of the work; they count where nothing else is typed."""

_PLACES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Task:
    """`words` is what one would say, `also` other words for it; `line` has places in braces."""

    words: str
    line: str
    also: str = ""

    def filled(self, found: dict[str, str]) -> tuple[str, str]:
        """The words and the line, with what was typed in their places."""
        values = USUAL | found
        return self.words.format(**values), self.line.format(**values)

    @property
    def places(self) -> frozenset[str]:
        """The names of the line's places."""
        return frozenset(_PLACES.findall(self.line))


TASKS = (
    Task("who listens on port {port}", "sockets --listening port:{port}", "process program owns"),
    Task("what listens here", "sockets --listening", "open ports processes local services"),
    Task("who is connected to port {port}", "sockets port:{port} state:established", "clients"),
    Task("which ports are open on {host}", "scan {host}", "nmap portscan"),
    Task("is port {port} open on {host}", "scan {host} --ports {port}", "closed filtered firewall"),
    Task("is {host} there", "ping {host}", "alive reachable latency loss jitter answer"),
    Task("which way to {host}", "trace {host}", "traceroute route hops path mtr"),
    Task("talk to port {port} of {host}", "connect {host}:{port}", "nc netcat telnet open session"),
    Task("wait for connections on port {port}", "listen 127.0.0.1:{port}", "nc accept server"),
    Task("what goes over the network", "capture", "tcpdump wireshark sniff packets pcap"),
    Task("serve this folder by HTTP", "serve http http://127.0.0.1:{port}/", "web files share"),
    Task("see what a client sends", "serve inspect http://127.0.0.1:{port}/", "webhook bin"),
    Task("echo everything back", "serve echo tcp://127.0.0.1:{port}", "test server"),
    Task("when does the certificate of {host} expire", "tls {host}", "trusted chain valid x509"),
    Task("is the TLS of {host} safe", "tls-scan {host}", "secure weak ciphers suites versions"),
    Task("make a certificate for {name}", "cert server {name}", "key self-signed own authority"),
    Task("fetch {url}", "http GET {url}", "curl request get web page api rest"),
    Task("load test {url}", "repeat {url}", "ab wrk benchmark latency percentiles many requests"),
    Task("download {url}", "download {url} --output download.out", "wget save file resume"),
    Task("may a robot fetch {url}", "robots {url}", "crawler allowed disallow"),
    Task("what is the address of {name}", "resolve {name}", "lookup ip dns host"),
    Task("who is {host}", "reverse {host}", "name of an address ptr rdns"),
    Task("ask DNS for {name}", "dns {name}", "dig records mx txt nameserver"),
    Task("my own addresses", "interfaces", "ip ifconfig network cards mac"),
    Task("which route is taken", "routes", "gateway default router"),
    Task("what does a port number mean", "services {port}", "service name iana"),
    Task("what does an HTTP status mean", "status", "code 404 500 502 error number"),
    Task("what does a header mean", "headers", "http field cors cache"),
    Task("is a cookie safe", "cookie 'sid=1; Path=/'", "set-cookie samesite httponly browsers"),
    Task("what does a TLS alert mean", "alerts", "handshake failure ssl error"),
    Task("what does an error number mean", "errno", "econnrefused strerror system"),
    Task("what is this text", "what {url}", "paste recognise decode identify jwt base64"),
    Task("send a test mail to {host}", "smtp smtp://{host}:25", "swaks message deliver"),
    Task("take mail and show it", "serve smtp smtp://127.0.0.1:2525", "sink mailhog catcher"),
    Task("can {name} get mail", "mailcheck {name}", "mx spf dmarc exchanger"),
    Task("read the mailbox at {host}", "imap imap://me@{host}/INBOX", "mail folders messages"),
    Task("try mail from end to end", "roundtrip", "smtp imap pop3 delivery test"),
    Task("copy files from {host} by FTP", "ftp ftp://{host}/", "lftp upload download two panes"),
    Task("give this folder out by FTP", "serve ftp ftp://127.0.0.1:2121 --root .", "share files"),
    Task("read news at {host}", "nntp nntp://{host}/", "usenet groups tin slrn"),
    Task("a terminal at {host}", "telnet telnet://{host}", "login console"),
    Task("make a UUID", "uuid", "guid v4 v7 unique id"),
    Task("take the URL {url} apart", "url {url}", "parse split query encode"),
    Task("call {url} by XML-RPC", "xmlrpc {url}", "methods procedures rpc"),
    Task("try a WSGI application", "wsgi wsgiref.simple_server:demo_app", "flask django pep3333"),
    Task("which job shows a module of Python", "library", "stdlib urllib smtplib covered"),
    Task("is {host} still up", "watch tcp://{host}:{port}", "monitor uptime alert"),
)
"""Every task, the usual ones first among equals."""


def look(query: str) -> tuple[list[str], dict[str, str]]:
    """The words of what was typed, in lower case, and what in it can stand in a line's places."""
    words: list[str] = []
    found: dict[str, str] = {}
    for word in query.split()[:40]:
        bare = word.strip("?!,;\"'")
        if bare.isascii() and bare.isdigit() and 0 < int(bare) < 65536:
            found.setdefault("port", bare)
        elif "://" in bare:
            found.setdefault("url", bare)
        elif "." in bare or bare.count(":") > 1 or bare == "localhost":
            found.setdefault("host", bare)
            found.setdefault("name", bare)
        elif bare:
            words.append(bare.lower())
    return words, found


def search(query: str) -> list[tuple[float, str, str]]:
    """The tasks that fit what was typed: how well (0 to 1), the words, the line; the best first."""
    words, found = look(query)
    telling = [word for word in words if word not in _SMALL] or words
    if not telling:
        return []
    hits = []
    for task in TASKS:
        own = _PLACES.sub("", task.words).lower().split()
        also = task.also.split()
        fit = sum(
            1.0 if _begins(word, own) else 0.8 if _begins(word, also) else 0.0 for word in telling
        ) / len(telling)
        if fit < 0.5:
            continue
        # What was typed has its place in the line: that is what is meant.
        fit += 0.1 * len(task.places & found.keys()) - 0.05 * len(found.keys() - task.places)
        hits.append((fit, *task.filled(found)))
    hits.sort(key=lambda hit: -hit[0])
    return [(min(1.0, max(0.1, fit)), words, line) for fit, words, line in hits]


def _begins(word: str, among: list[str]) -> bool:
    return any(one.startswith(word) or (len(one) > 3 and word.startswith(one)) for one in among)
