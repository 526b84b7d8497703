"""Python's networking library, module by module: the jobs that use it or show what it does."""

from __future__ import annotations

import importlib.util
import shlex
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe

AT = "AT"
"""In an example: the endpoint of the server that `with_` names."""


@dataclass(frozen=True, slots=True)
class Row:
    """A module, or an address family of `socket`.

    `jobs` are names of jobs, the first the one to begin with, and `tab` is where that one shows,
    by its title; `example` is a command line that
    runs as it stands, but for AT, which is where the server of `with_` listens.
    """

    module: str
    tab: str
    about: str
    jobs: tuple[str, ...]
    example: str
    with_: str = ""


_HTTP = "serve http http://127.0.0.1:0/ --root ."

LIBRARY = (
    Row("ipaddress", "Addresses", "addresses, networks and their arithmetic",
        ("address", "split", "plan", "merge", "exclude", "compare", "contains"),
        "address 192.168.1.77/24"),
    Row("socket", "Sockets", "names, services, options; connect and listen",
        ("connect", "listen", "resolve", "reverse", "services", "families", "interfaces", "scan",
         "ping", "trace", "multicast", "sockets"),
        "connect AT", "serve daytime tcp://127.0.0.1:0"),
    Row("socket.AF_INET", "Sockets", "TCP and UDP over IPv4",
        ("connect", "listen", "scan", "serve echo"),
        "scan 127.0.0.1 --ports 7,80"),
    Row("socket.AF_INET6", "Sockets", "TCP and UDP over IPv6",
        ("connect", "listen", "scan", "serve echo"), "serve echo tcp://[::1]:0"),
    Row("socket.AF_UNIX", "Sockets", "sockets of this machine, by path or by name",
        ("connect", "listen", "serve echo", "sockets"),
        "connect AT", "serve daytime unix:@workbench-library"),
    Row("socket.AF_PACKET", "Sockets", "frames as they are on the wire", ("capture", "families"),
        "families"),
    Row("socket.AF_NETLINK", "Addresses", "the kernel's tables of interfaces, routes and sockets",
        ("interfaces", "routes", "sockets"), "interfaces"),
    Row("socket.AF_ALG", "Sockets", "the kernel's ciphers and hashes",
        ("alg list", "alg hash", "alg cipher"), "families"),
    Row("socket.AF_CAN", "Sockets", "the bus of cars and machines",
        ("can follow", "can send", "families"),
        "families"),
    Row("socket.AF_VSOCK", "Sockets", "between a virtual machine and its host",
        ("connect", "listen", "families"), "families"),
    Row("socket.AF_TIPC", "Sockets", "between the machines of a cluster",
        ("connect", "listen", "families"),
        "families"),
    Row("socket.AF_BLUETOOTH", "Sockets", "RFCOMM, L2CAP and the rest of Bluetooth", ("families",),
        "families"),
    Row("socket.AF_QIPCRTR", "Sockets", "the processors of a Qualcomm system",
        ("families",), "families"),
    Row("selectors", "Sockets", "many sockets in one thread", ("selectors", "ways", "serve echo"),
        "serve echo tcp://127.0.0.1:0 --how selectors"),
    Row("socketserver", "Servers", "servers by threads, by processes or one after the other",
        ("ways", "serve echo"), "serve echo tcp://127.0.0.1:0 --how threading"),
    Row("ssl", "TLS", "TLS, certificates, alerts",
        ("tls", "tls-scan", "tls-list", "cert show", "cert server", "serve tls", "alerts"),
        "alerts unknown_ca"),
    Row("cgi", "Servers", "forms and files as CGI programs read them; left in Python 3.13",
        ("serve cgi", "cgi"),
        "serve cgi http://127.0.0.1:0/ --root . --interpreter .py=python3"),
    Row("cgitb", "Servers", "a failing script's frames, where it enables that; left in Python 3.13",
        ("serve cgi", "cgi", "wsgi", "serve wsgi"),
        "serve cgi http://127.0.0.1:0/ --root . --interpreter .py=python3"),
    Row("wsgiref", "Tools", "the WSGI server and its validator", ("wsgi", "serve wsgi"),
        "wsgi wsgiref.simple_server:demo_app --path '/hello?a=1'"),
    Row("urllib.parse", "Tools", "URLs split, joined, quoted", ("url", "encode"),
        "url 'https://user@example.org:8443/a/../b?q=1#top'"),
    Row("urllib.request", "HTTP", "fetch by URL", ("http", "http clients", "download"),
        "http GET AT", _HTTP),
    Row("urllib.error", "HTTP", "what fetching can end in", ("http", "status"), "status 404"),
    Row("urllib.robotparser", "HTTP", "may a robot fetch it", ("robots",),
        "robots AT /private/ --agent mybot", _HTTP),
    Row("http", "Tools", "statuses and methods", ("status", "methods"), "status 502"),
    Row("http.client", "HTTP", "HTTP request by request",
        ("http", "http clients", "http run", "http import", "repeat", "headers"),
        "http GET AT Accept:text/html", _HTTP),
    Row("http.server", "Servers", "a folder served", ("serve http", "serve inspect"), _HTTP),
    Row("http.cookies", "Tools", "Cookie and Set-Cookie, attribute by attribute",
        ("cookie", "attributes", "cookies"), "cookie 'Set-Cookie: a=1; Path=/; Secure'"),
    Row("http.cookiejar", "HTTP", "which cookie goes where", ("cookies", "http"),
        "cookies jar.txt AT --set 'a=1; Path=/'", _HTTP),
    Row("smtplib", "Mail/FTP", "mail sent", ("smtp", "mailcheck", "serve smtp"),
        "smtp AT --from a@example.org --to b@example.org --text hello",
        "serve smtp smtp://127.0.0.1:0"),
    Row("poplib", "Mail/FTP", "mail fetched",
        ("pop3", "serve pop3"), "serve pop3 pop3://127.0.0.1:0"),
    Row("imaplib", "Mail/FTP", "mail read where it lies", ("imap", "serve imap"),
        "serve imap imap://127.0.0.1:0"),
    Row("ftplib", "Mail/FTP", "files by FTP, and FTPS", ("ftp", "serve ftp"),
        "ftp AT", "serve ftp ftp://127.0.0.1:0 --root ."),
    Row("nntplib", "Mail/FTP", "news; left in Python 3.13", ("nntp", "serve nntp"),
        "nntp AT", "serve nntp nntp://127.0.0.1:0"),
    Row("telnetlib", "Mail/FTP", "a terminal far away; left in Python 3.13",
        ("telnet", "serve telnet"),
        "telnet AT", "serve telnet telnet://127.0.0.1:0"),
    Row("email", "Tools", "messages taken apart and built", ("message", "inbox", "smtp"),
        "message --build --sender a@example.org --to b@example.org --subject x --text y"),
    Row("uuid", "Tools", "UUIDs made and read", ("uuid",), "uuid --count 3"),
    Row("xmlrpc.client", "Tools", "procedures called by XML over HTTP",
        ("xmlrpc", "serve xmlrpc"), "xmlrpc AT add 1 2", "serve xmlrpc http://127.0.0.1:0/"),
    Row("xmlrpc.server", "Servers", "functions that others call so", ("serve xmlrpc", "xmlrpc"),
        "serve xmlrpc http://127.0.0.1:0/"),
)  # fmt: skip
"""Every module, in the order of the tabs where it shows."""


@event("module")
class Module(Event):
    """A row of the table. `here` says whether this Python has it."""

    module: str
    about: str
    jobs: tuple[str, ...]
    tab: str
    example: str
    with_: str
    here: bool

    def line(self) -> str:
        """Two lines: what it is with its jobs, and the example."""
        mark = "" if self.here else "  (not in this Python)"
        first = f"{self.module:<21} {self.about}{mark}\n{'':<22}{self.tab}: {', '.join(self.jobs)}"
        beside = f"   beside: workbench {self.with_}" if self.with_ else ""
        return f"{first}\n{'':<22}workbench {self.example}{beside}"


_PYTHON = """\
import importlib.util
import socket

for name in {names!r}:
    module, _, family = name.partition(".AF_")
    if family:
        here = hasattr(socket, "AF_" + family)
    else:
        here = importlib.util.find_spec(module) is not None
    print(name, "yes" if here else "no")
"""


@dataclass(frozen=True, slots=True)
class Library(Request):
    """Show which jobs use which module of Python's networking library, with an example of each."""

    words: tuple[str, ...] = argument(
        "a module, a job or a part of what it is for; nothing lists all",
        default=(),
        metavar="WORD",
    )

    def as_python(self) -> str:
        """Which of the modules this Python has."""
        return _PYTHON.format(names=[one.module for one in rows(self.words)])

    def as_shell(self) -> str:
        """The same by python3."""
        return f"python3 -c {shlex.quote(self.as_python())}"


@job("library", tab="tools", example="library urllib")
def library(request: Library, scope: Scope) -> Iterator[Event]:
    """The rows that are meant."""
    found = rows(request.words)
    if not found:
        raise JobError(
            f"no module is called {safe(' '.join(request.words)[:60])}",
            code="not found",
            advice="try a part of its name, or the name of a job",
        )
    for one in found:
        scope.check()
        here = in_this_python(one.module)
        yield Module(one.module, one.about, one.jobs, one.tab, one.example, one.with_, here)
    yield Done(f"{len(found)} found, Python {sys.version.partition(' ')[0]}")


def rows(words: tuple[str, ...]) -> list[Row]:
    """Those that one of the words means; all for none."""
    asked = [word.strip().lower() for word in words] or [""]
    return [
        one
        for one in LIBRARY
        if any(word in f"{one.module} {one.about} {', '.join(one.jobs)}".lower() for word in asked)
    ]


def markdown() -> str:
    """The table as the README has it; AT is the endpoint of the server beside it."""
    lines = ["| module | tab | jobs | example |", "|---|---|---|---|"]
    for one in LIBRARY:
        jobs = ", ".join(f"`{name}`" for name in one.jobs)
        beside = f", beside `{one.with_}`" if one.with_ else ""
        lines.append(f"| `{one.module}` | {one.tab} | {jobs} | `{one.example}`{beside} |")
    return "\n".join(lines) + "\n"


def in_this_python(name: str) -> bool:
    """Whether this Python has the module, or its `socket` the family."""
    module, _, family = name.partition(".AF_")
    if family:
        return hasattr(socket, f"AF_{family}")
    return importlib.util.find_spec(module) is not None
