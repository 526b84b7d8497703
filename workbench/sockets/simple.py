"""What the small servers of RFC 862 to 868 share: streams and datagrams, and their code."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from workbench.core import tipc
from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.connection import Handler
from workbench.servers.datagram import Answer, DatagramLoop
from workbench.servers.loop import Loop
from workbench.servers.ways import How
from workbench.sockets.socat import listener
from workbench.tls.serving.request import SecureRequest

STREAMS = ("tcp", "tcp4", "tcp6", "tls", "mptcp", "unix", "vsock", "tipc")
DATAGRAMS = ("udp", "udp4", "udp6", "udplite", "unixgram")

_PYTHON_STREAM = """\
{imports}
{prelude}

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
{handle}


class Server({mixin}socketserver.{base}):
    allow_reuse_address = True
    request_queue_size = 4096
{more}

with Server({address}, Handler) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""

_PYTHON_DATAGRAM = """\
{imports}
{prelude}
with socket.socket({family}, socket.SOCK_DGRAM{protocol}) as server:
    server.bind({address})
    print("listening on", server.getsockname(), flush=True)
    while True:
        data, peer = server.recvfrom(65536)
{answer}
"""
_PYTHON_DATAGRAM_WAY = """\
{imports}
{prelude}

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data, server = self.request
        peer = self.client_address
{answer}


class Server({mixin}socketserver.{base}):
    max_packet_size = 65536
{more}

with Server({address}, Handler) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""
_MIXINS = {"plain": "", "threading": "ThreadingMixIn", "forking": "ForkingMixIn"}


class Code(NamedTuple):
    """A server in Python, for the parts that differ: what is imported, and two bodies.

    `prelude` is what both may use.

    `handle` is the body of a handler with its peer in `self.request`; `answer` is what is done
    with `data` of `peer` on the socket `server`.
    """

    imports: tuple[str, ...]
    handle: str
    answer: str
    prelude: str = ""


def as_python(end: Endpoint, code: Code, how: How) -> str:
    """A socketserver of that way; a threading one, or a loop around recvfrom, for our own loop."""
    values = {
        "address": _address(end),
        "prelude": code.prelude,
        "handle": _indented(code.handle, 8),
        "answer": _indented(code.answer, 8),
    }
    six = ":" in end.host and not end.is_unix
    datagrams = end.scheme in DATAGRAMS
    if datagrams and how == "selectors":
        values["imports"] = _imports("socket", *code.imports)
        family = "AF_UNIX" if end.is_unix else "AF_INET6" if six else "AF_INET"
        protocol = _PROTOCOLS.get(end.transport, "")
        return _PYTHON_DATAGRAM.format(family=f"socket.{family}", protocol=protocol, **values)
    mixin = _MIXINS.get(how, "ThreadingMixIn")
    values["mixin"] = f"socketserver.{mixin}, " if mixin else ""
    kind = "Datagram" if datagrams else "Stream"
    values["base"] = (
        f"Unix{kind}Server" if end.is_unix else "UDPServer" if datagrams else "TCPServer"
    )
    more = [
        *["daemon_threads = True"] * (mixin == "ThreadingMixIn"),
        *["max_children = 1000"] * (mixin == "ForkingMixIn"),
        *["address_family = socket.AF_INET6"] * six,
    ]
    activation = ""
    if end.transport in _PROTOCOLS or end.transport in _FAMILIES:
        # socketserver makes a socket of its own kind: bind ours in its place.
        activation = _own_socket(end, datagrams=datagrams)
    values["more"] = "".join(f"    {line}\n" for line in more)
    values["imports"] = _imports(
        "socketserver", *code.imports, *["socket"] * (six or bool(activation))
    )
    values["more"] += activation
    return (_PYTHON_DATAGRAM_WAY if datagrams else _PYTHON_STREAM).format(**values)


_FAMILIES = {"vsock": "AF_VSOCK", "tipc": "AF_TIPC"}

_PROTOCOLS = {"udplite": ", 136", "mptcp": ", 262"}
"""The number of a protocol, as the last argument of `socket.socket`."""


def _address(end: Endpoint) -> str:
    if end.is_unix:
        return repr(end.unix_address)
    if end.transport == "vsock":
        return repr((end.cid, end.port))
    if end.transport == "tipc":
        return repr(tipc.span(end))
    return repr((end.host or "127.0.0.1", end.port))


def _own_socket(end: Endpoint, *, datagrams: bool) -> str:
    """What makes and binds the socket of a socketserver class."""
    internet = "AF_INET6" if ":" in end.host else "AF_INET"
    family = _FAMILIES.get(end.transport, internet)
    kind = "SOCK_DGRAM" if datagrams else "SOCK_STREAM"
    protocol = _PROTOCOLS.get(end.transport, "")
    return f"""
    def server_bind(self):
        self.socket.close()
        self.socket = socket.socket(socket.{family}, socket.{kind}{protocol})
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
"""


def _imports(*modules: str) -> str:
    return "\n".join(f"import {one}" for one in sorted(set(modules)))


def as_socat(
    end: Endpoint, other: str, *, script: str = "", one_way: bool = False, tls: str = ""
) -> str:
    """socat with one process a peer; a script that `other` runs stands in the environment, so
    that socat does not read its quotes and commas.

    Args:
        other: socat's second address, as PIPE, or SYSTEM:awk \\"$SERVE\\" (socat reads quotes too).
        one_way: from the peer only (-u).
        tls: `socat_options` of the request.
    """
    given = f"SERVE={shlex.quote(script)} " if script else ""
    way = "-u " if one_way else ""
    return f"{given}socat {way}{shlex.quote(listener(end, tls))} {shlex.quote(other)}"


@dataclass(frozen=True, slots=True)
class SimpleRequest(SecureRequest):
    """A server that can be run in every way that Python serves; its kind is a subclass."""

    how: How = option("selectors", "one loop for all peers, or a class of socketserver")


def serve(
    request: SimpleRequest, scope: Scope, handler: Handler, answer: Answer
) -> Iterator[Event]:
    """Serve until stopped, over whatever the endpoint names.

    Raises:
        JobError: the kind has no meaning over that.
    """
    end = request.spoken(request.endpoint)
    how = request.how
    if end.scheme in STREAMS:
        layer = request.layer()
        if how == "selectors":
            yield from Loop(end, handler, scope, request.admit, layer).run()
            return
        from workbench.servers.ways.streams import StreamHall

        yield from StreamHall(how, end, handler, scope, request.admit, layer).run()
        return
    if end.scheme in DATAGRAMS and not request.secured:
        if how == "selectors":
            yield from DatagramLoop(end, answer, scope, request.admit).run()
            return
        from workbench.servers.ways.datagrams import DatagramHall

        yield from DatagramHall(how, end, answer, scope, request.admit).run()
        return
    over = f"TLS over {end.scheme}" if end.scheme in DATAGRAMS else end.scheme
    kind = request.job.removeprefix("serve ")
    raise JobError(
        f"{kind} does not run over {over}",
        advice="use tcp://HOST:PORT, udp://HOST:PORT, unix:PATH; also udplite, mptcp, vsock, tipc",
    )


def _indented(text: str, cells: int) -> str:
    return "\n".join(" " * cells + line for line in text.splitlines())
