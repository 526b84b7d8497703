"""The check by ICMP echo (RFC 792, RFC 4443): with a ping socket (icmp(7)), or a raw one."""

from __future__ import annotations

import os
import secrets
import select
import socket
from typing import Any

from workbench.core.icmp import ECHO_REPLY, PROTOCOL, echo_request, parse_echo
from workbench.servers.watch.attempt import Attempt
from workbench.servers.watch.outcome import CannotCheckError, Outcome

TOKEN = 16
"""Random bytes in a question, by which its answer is known."""

_RANGE = "/proc/sys/net/ipv4/ping_group_range"


def ping(attempt: Attempt) -> Outcome:
    """Send one echo request, and wait for its reply."""
    family, address = attempt.lookup(attempt.target.endpoint, socket.SOCK_DGRAM)[0]
    sock = _open(family, attempt.target.endpoint.host)
    token = secrets.token_bytes(TOKEN)
    with sock:
        sock.setblocking(False)
        sock.connect(address)
        sock.send(question(family, token))
        while True:
            attempt.wait(sock, select.POLLIN, "no answer to the ping")
            try:
                data = sock.recv(2048)
            except BlockingIOError:
                continue
            if is_answer(family, data, token):
                return Outcome("up", "answered the ping", attempt.took)


def question(family: int, token: bytes) -> bytes:
    """An echo request."""
    return echo_request(family, os.getpid() & 0xFFFF, 1, token)


def is_answer(family: int, data: bytes, token: bytes) -> bool:
    """Whether these bytes are the echo reply with that token; raw IPv4 has its header before."""
    echo = parse_echo(data)
    return (
        echo is not None
        and echo.type == ECHO_REPLY[socket.AddressFamily(family)]
        and echo.data == token
    )


def _open(family: int, host: str) -> socket.socket:
    """A socket for echoes.

    Raises:
        CannotCheckError: this user may have neither kind.
    """
    protocol = PROTOCOL[socket.AddressFamily(family)]
    kinds: list[Any] = [socket.SOCK_DGRAM, socket.SOCK_RAW]
    for kind in kinds:
        try:
            return socket.socket(family, kind, protocol)
        except PermissionError:
            continue
    raise CannotCheckError(
        f"this user may not ping: its groups are not in {_RANGE} ({_allowed()}),"
        " and it has no CAP_NET_RAW",
        code="EPERM",
        advice=f"sysctl net.ipv4.ping_group_range='0 2147483647', or watch tcp://{host}:PORT",
    )


def _allowed() -> str:
    """The groups that may ping, as the kernel has them."""
    try:
        with open(_RANGE, encoding="utf-8") as file:
            return " ".join(file.read(100).split())
    except OSError:
        return "not to be read"
