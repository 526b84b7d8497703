"""`listen` as code: Python on the standard library, and the words of ncat or socat."""

from __future__ import annotations

import shlex
from typing import Any

from workbench.core import tipc
from workbench.core.endpoint import Endpoint
from workbench.sockets.connect_code import Settings
from workbench.sockets.options import as_calls, as_socat
from workbench.sockets.simple import DATAGRAMS
from workbench.sockets.socat import listener

_PYTHON_STREAM = """\
import os
import socket
import threading

peers = set()
came = threading.Event()


def send():
    came.wait()
    while data := os.read(0, 65536):
        for peer in list(peers):
            peer.sendall(data)
    for peer in list(peers):
        peer.shutdown(socket.SHUT_WR)


def receive(peer):
    while data := peer.recv(65536):
        os.write(1, data)
    peers.discard(peer)
    peer.close()


{listen}
with server:
    threading.Thread(target=send, daemon=True).start()
    while True:
        peer, _ = server.accept()
        peers.add(peer)
        came.set()
        if {once}:
            receive(peer)
            break
        threading.Thread(target=receive, args=(peer,), daemon=True).start()
"""
_PYTHON_DATAGRAM = """\
import os
import select
import socket

with socket.socket(socket.{family}, socket.SOCK_DGRAM{protocol}) as server:
{calls}    server.bind({address!r})
    peers = {{}}
    inputs = [server]
    while True:
        for one in select.select(inputs, [], [])[0]:
            if one is server:
                data, peer = server.recvfrom(65535)
                os.write(1, data)
                if peer:
                    peers[peer] = True
                inputs = [server, 0]
                continue
            data = os.read(0, 16384)
            if not data:
                inputs = [server]
            for peer in peers if data else ():
                server.sendto(data, peer)
"""


def as_python(end: Endpoint, settings: Settings, *, once: bool) -> str:
    """Threads for a stream's peers, a loop for datagrams."""
    if end.scheme in DATAGRAMS:
        begin = "".join(f"    {one}\n" for one in as_calls(settings, "server"))
        protocol = ", 136" if end.transport == "udplite" else ""
        return _PYTHON_DATAGRAM.format(
            family=_family(end), protocol=protocol, calls=begin, address=_address(end)
        )
    calls = as_calls(settings, "server")
    if end.is_unix or end.transport != "tcp" or calls:
        kind = {"unixseq": "SOCK_SEQPACKET"}.get(end.transport, "SOCK_STREAM")
        family = _family(end)
        protocol = ", 262" if end.transport == "mptcp" else ""
        lines = [f"server = socket.socket(socket.{family}, socket.{kind}{protocol})"]
        if not end.is_unix and end.transport not in ("vsock", "tipc"):
            lines.append("server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)")
        lines += [*calls, f"server.bind({_address(end)!r})", "server.listen()"]
        listen = "\n".join(lines)
    else:
        family = "AF_INET6" if ":" in end.host else "AF_INET"
        listen = f"server = socket.create_server({_address(end)!r}, family=socket.{family})"
    return _PYTHON_STREAM.format(listen=listen, once=once)


def as_shell(end: Endpoint, settings: Settings, *, once: bool, tls: str = "") -> str:
    """ncat, which keeps listening and has a broker's ear; socat for Unix sockets."""
    more = as_socat(settings)
    if end.is_unix or more or tls or end.transport not in ("tcp", "udp"):
        address = listener(end, tls).replace(",fork", "", 1) + more
        return f"socat - {shlex.quote(address)}"
    datagrams = end.transport == "udp"  # of which ncat keeps to the first peer
    words = ["ncat", "-l", *["-u"] * datagrams, *["-k"] * (not once and not datagrams)]
    words += [end.host or "127.0.0.1", str(end.port)]
    return shlex.join(words)


def _family(end: Endpoint) -> str:
    if end.is_unix:
        return "AF_UNIX"
    if end.transport == "vsock":
        return "AF_VSOCK"
    if end.transport == "tipc":
        return "AF_TIPC"
    return "AF_INET6" if ":" in end.host else "AF_INET"


def _address(end: Endpoint) -> Any:
    if end.transport == "vsock":
        return (end.cid, end.port)
    if end.transport == "tipc":
        return tipc.span(end)
    return end.unix_address if end.is_unix else (end.host or "127.0.0.1", end.port)
