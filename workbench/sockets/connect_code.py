"""`connect` as code: a Python script on the standard library, and socat's words."""

from __future__ import annotations

import shlex
import socket
from typing import Any

from workbench.core import tipc
from workbench.core.dial import INTERNET, NOWHERE, Source
from workbench.core.endpoint import Endpoint
from workbench.sockets.options import as_calls, as_socat
from workbench.sockets.socat import peer

Settings = tuple[tuple[str, str], ...]

_STREAM = """\
import os
import socket
import threading

with {connect} as peer:
{begin}
    def send():
        while data := os.read(0, {piece}):
            peer.sendall(data{crlf})
        peer.shutdown(socket.SHUT_WR)

    threading.Thread(target=send, daemon=True).start()
    while data := peer.recv(65536):
        while data:
            data = data[os.write(1, data) :]
"""

# One thread: two at once in one connection of OpenSSL's break it.
_SECURE = """\
import os
import select
import socket
import ssl

{secure}

with {connect} as bare:
{begin}    peer = context.wrap_socket(bare, server_hostname={name!r})
    inputs = [peer, 0]
    while True:
        ready = [peer] if peer.pending() else select.select(inputs, [], [])[0]
        if 0 in ready:
            if data := os.read(0, 65536):
                peer.sendall(data{crlf})
            else:
                inputs.remove(0)
                socket.socket.shutdown(peer, socket.SHUT_WR)
        if peer in ready:
            peer.setblocking(False)
            try:
                data = peer.recv(65536)
            except ssl.SSLWantReadError:
                continue
            finally:
                peer.setblocking(True)
            if not data:
                break
            while data:
                data = data[os.write(1, data) :]
"""

_DATAGRAM = """\
import os
import socket

with {connect} as peer:
{begin}    peer.settimeout({wait})
    while data := os.read(0, 16384):
        peer.send(data{crlf})
    try:
        while True:
            os.write(1, peer.recv(65535))
    except TimeoutError:
        pass
"""


def as_python(
    end: Endpoint,
    *,
    crlf: bool,
    source: Source,
    settings: Settings,
    timeout: float,
    quiet_after: float,
    secure: str = "",
) -> str:
    """A thread that sends and a loop that receives.

    Args:
        secure: the lines that make an `ssl` context, for a session inside TLS.
    """
    ends = '.replace(b"\\r\\n", b"\\n").replace(b"\\n", b"\\r\\n")' if crlf else ""
    if end.transport in ("udp", "udplite", "unixgram"):
        connect, begin = _socket(end, source, settings)
        return _DATAGRAM.format(connect=connect, begin=begin, wait=quiet_after, crlf=ends)
    piece = 16384 if end.transport == "unixseq" else 65536
    if end.transport != "tcp" or settings or end.family:
        connect, begin = _socket(end, source, settings)
    else:
        more = f", ({source.host!r}, {source.port})" if source != NOWHERE else ""
        connect = f"socket.create_connection({address(end)!r}, {timeout}{more})"
        begin = "    peer.settimeout(None)\n"
    if not secure:
        return _STREAM.format(connect=connect, begin=begin, crlf=ends, piece=piece)
    begin = begin.replace("peer.", "bare.")
    name = end.host or "localhost"
    return _SECURE.format(connect=connect, begin=begin, secure=secure, name=name, crlf=ends)


def address(end: Endpoint) -> Any:
    """What connect(2) of Python takes."""
    if end.is_unix:
        return end.unix_address
    if end.transport == "vsock":
        return (end.cid, end.port)
    if end.transport == "tipc":
        return tipc.name(end)
    return (end.host or "localhost", end.port)


def _socket(end: Endpoint, source: Source = NOWHERE, settings: Settings = ()) -> tuple[str, str]:
    """What makes the socket, and the lines that set, bind and connect it."""
    lines = as_calls(settings, "peer")
    if end.is_unix:
        kind = {"unixgram": "SOCK_DGRAM", "unixseq": "SOCK_SEQPACKET"}.get(end.transport)
        made = f"socket.AF_UNIX, socket.{kind}" if kind else "socket.AF_UNIX"
        if source.path or end.transport == "unixgram":
            lines.append(f"peer.bind({source.unix_address!r})")
    elif end.transport == "vsock":
        made = "socket.AF_VSOCK, socket.SOCK_STREAM"
    elif end.transport == "tipc":
        made = "socket.AF_TIPC, socket.SOCK_STREAM"
    else:
        six = ":" in end.host or end.family == "inet6"
        number, protocol = INTERNET[end.transport]
        kind = "SOCK_DGRAM" if number == socket.SOCK_DGRAM else "SOCK_STREAM"
        made = f"socket.AF_INET{'6' * six}, socket.{kind}"
        made += f", {protocol}" if protocol else ""
        if source != NOWHERE:
            lines.append(f"peer.bind({(source.host, source.port)!r})")
    lines.append(f"peer.connect({address(end)!r})")
    return f"socket.socket({made})", "".join(f"    {line}\n" for line in lines)


def opening(end: Endpoint, timeout: float) -> tuple[str, str]:
    """What makes a socket that is called `peer`, and indented lines that connect it."""
    if end.transport == "tcp" and not end.family:
        return f"socket.create_connection({address(end)!r}, {timeout})", ""
    made, lines = _socket(end)
    return made, f"    peer.settimeout({timeout})\n{lines}"


def as_shell(
    end: Endpoint,
    *,
    crlf: bool,
    source: Source,
    settings: Settings,
    quiet_after: float,
    secure: str = "",
) -> str:
    """socat, which waits for the peer's last answer for as long as nc does not."""
    datagrams = end.transport in ("udp", "udplite", "unixgram")
    wait = f"{quiet_after:g}" if datagrams else "3600"
    filtered = r"perl -pe '$| = 1; s/\r?\n/\r\n/' | " if crlf else ""
    words = peer(end, source) + as_socat(settings)
    if secure:
        words = f"OPENSSL:{words.partition(':')[2]}{secure}"
    return f"{filtered}socat -t {wait} - {shlex.quote(words)}"
