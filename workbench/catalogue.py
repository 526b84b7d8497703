"""Where the tabs and jobs are: names and modules only, so that a start imports what it needs.

What a job is stands in its own declaration; a test holds this list to those.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from workbench.core.job import Job, declared


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the screen: its package's name, its title, and what it is for in one line."""

    name: str
    title: str
    purpose: str


TABS = (
    Tab("addresses", "Addresses", "Addresses, blocks and names: what they are and what they hold."),
    Tab("sockets", "Sockets", "Talk to anything that listens, and see every byte both ways."),
    Tab("servers", "Servers", "Start a server with a key press and watch it live."),
    Tab("tls", "TLS", "What a server's TLS is worth: versions, suites, certificates."),
    Tab("http", "HTTP", "Send a request and see every layer of it."),
    Tab("mail_ftp", "Mail/FTP", "SMTP, IMAP, POP3, FTP, NNTP and Telnet made visible."),
    Tab("tools", "Tools", "Paste anything: what it is, decoded, and sent where it belongs."),
)

JOBS = {
    "address": "workbench.addresses.address",
    "interfaces": "workbench.addresses.interfaces",
    "routes": "workbench.addresses.routes",
    "compare": "workbench.addresses.compare",
    "contains": "workbench.addresses.compare",
    "exclude": "workbench.addresses.merge",
    "merge": "workbench.addresses.merge",
    "plan": "workbench.addresses.planning",
    "split": "workbench.addresses.split",
    "dns": "workbench.addresses.dns_lookup",
    "resolve": "workbench.addresses.resolve",
    "reverse": "workbench.addresses.reverse",
    "services": "workbench.addresses.services",
    "message": "workbench.mail_ftp.message.job",
    "alg cipher": "workbench.sockets.alg.job",
    "alg hash": "workbench.sockets.alg.job",
    "alg list": "workbench.sockets.alg.job",
    "can follow": "workbench.sockets.can.job",
    "can send": "workbench.sockets.can.job",
    "connect": "workbench.sockets.connect",
    "capture": "workbench.sockets.capture.job",
    "selectors": "workbench.sockets.seeing.job",
    "families": "workbench.sockets.families",
    "encode": "workbench.tools.encode",
    "errno": "workbench.tools.errno",
    "cookie": "workbench.tools.cookie",
    "hash": "workbench.tools.digests",
    "library": "workbench.tools.library",
    "alerts": "workbench.tools.words.job",
    "attributes": "workbench.tools.words.job",
    "headers": "workbench.tools.words.job",
    "methods": "workbench.tools.words.job",
    "status": "workbench.tools.words.job",
    "url": "workbench.tools.urls.job",
    "uuid": "workbench.tools.uuids.job",
    "what": "workbench.tools.what.job",
    "xmlrpc": "workbench.http.xmlrpc.client",
    "cgi": "workbench.tools.once.cgi",
    "wsgi": "workbench.tools.once.wsgi",
    "listen": "workbench.sockets.listen",
    "multicast": "workbench.sockets.multicast",
    "ping": "workbench.sockets.ping",
    "scan": "workbench.sockets.scan.job",
    "trace": "workbench.sockets.trace",
    "sockets": "workbench.sockets.table.job",
    "serve echo": "workbench.sockets.echo",
    "serve script": "workbench.sockets.script",
    "serve discard": "workbench.sockets.discard",
    "serve chargen": "workbench.sockets.chargen",
    "serve daytime": "workbench.sockets.daytime",
    "serve time": "workbench.sockets.time_protocol",
    "http": "workbench.http.client.job",
    "cookies": "workbench.http.cookies.job",
    "download": "workbench.http.client.download",
    "http clients": "workbench.http.clients.job",
    "http import": "workbench.http.interchange.job",
    "http run": "workbench.http.collections.job",
    "repeat": "workbench.http.repeat.job",
    "robots": "workbench.http.robots.job",
    "serve http": "workbench.http.serve",
    "serve inspect": "workbench.http.inspect",
    "serve cgi": "workbench.http.gateway.serve_cgi",
    "serve wsgi": "workbench.http.gateway.wsgi",
    "serve ftp": "workbench.mail_ftp.ftp.serve",
    "serve nntp": "workbench.mail_ftp.nntp.serve",
    "serve telnet": "workbench.mail_ftp.telnet.serve",
    "serve xmlrpc": "workbench.http.xmlrpc.serve",
    "inbox": "workbench.mail_ftp.inbox_job",
    "mailcheck": "workbench.mail_ftp.smtp.mailcheck",
    "roundtrip": "workbench.mail_ftp.roundtrip",
    "smtp": "workbench.mail_ftp.smtp.job",
    "serve imap": "workbench.mail_ftp.imap.serve",
    "ftp": "workbench.mail_ftp.ftp.job",
    "nntp": "workbench.mail_ftp.nntp.job",
    "telnet": "workbench.mail_ftp.telnet.job",
    "serve pop3": "workbench.mail_ftp.pop3.serve",
    "serve tls": "workbench.tls.serving.serve",
    "serve smtp": "workbench.mail_ftp.smtp.serve",
    "cert broken": "workbench.tls.keep",
    "cert ca": "workbench.tls.make",
    "cert client": "workbench.tls.make",
    "cert convert": "workbench.tls.keep",
    "cert csr": "workbench.tls.make",
    "cert match": "workbench.tls.keep",
    "cert p12": "workbench.tls.keep",
    "cert server": "workbench.tls.make",
    "cert show": "workbench.tls.show",
    "cert sign": "workbench.tls.make",
    "tls": "workbench.tls.inspect",
    "tls-list": "workbench.tls.hosts",
    "tls-scan": "workbench.tls.scan",
    "watch": "workbench.servers.watch.job",
    "ways": "workbench.sockets.ways.job",
    "imap": "workbench.mail_ftp.imap.job",
    "pop3": "workbench.mail_ftp.pop3.job",
}


def load(name: str) -> Job[Any]:
    """The job of that name, its module imported.

    Raises:
        KeyError: there is no such job.
    """
    importlib.import_module(JOBS[name])
    return declared(name)


class Brief(NamedTuple):
    """What is known of a job without its module: its tab's name, one line, and an example."""

    name: str
    tab: str
    summary: str
    example: str


@cache
def briefs() -> tuple[Brief, ...]:
    """Every job, by tab in the order of the screen, then by name.

    They are kept in a file, as importing all modules takes most of a second; `python -m
    tests.briefs` writes it, and a test holds it to what the modules declare.
    """
    lines = Path(__file__).with_name("briefs.tsv").read_text("utf-8").splitlines()
    return tuple(Brief(*line.split("\t")) for line in lines)


def tab_of(name: str) -> str:
    """The name of a job's tab, its module not imported.

    Raises:
        KeyError: there is no such job.
    """
    return _tabs()[name]


@cache
def _tabs() -> dict[str, str]:
    return {one.name: one.tab for one in briefs()}


def load_all() -> list[Job[Any]]:
    """Every job, by tab in the order of the screen, then by name."""
    order = [tab.name for tab in TABS]
    return sorted(map(load, JOBS), key=lambda job: (order.index(job.tab), job.name))


def match(words: Sequence[str]) -> tuple[str, list[str]]:
    """Split a command line into the longest job name that it starts with, and the rest.

    Raises:
        KeyError: it starts with no job's name; the argument is the first word.
    """
    for length in range(min(3, len(words)), 0, -1):
        name = " ".join(words[:length])
        if name in JOBS:
            return name, list(words[length:])
    raise KeyError(words[0] if words else "")
