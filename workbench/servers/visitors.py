"""Who has sent a datagram lately: peers by their addresses, forgotten when they fall silent."""

from __future__ import annotations

import socket
import time
from collections import OrderedDict
from typing import Any

from workbench.servers.connection import address_host, peer_text
from workbench.servers.desk import Desk
from workbench.servers.transcripts import Transcript

PEERS_KEPT = 10_000
SILENCE = 60.0
"""Seconds after which a peer that sent nothing is forgotten."""

PARTING_SILENCE = 1.0
"""Seconds after which a peer that sent nothing is forgotten while the server drains."""


class Visitor:
    """Somebody who sent a datagram."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "counted",
        "host",
        "id",
        "key",
        "last",
        "opened_at",
        "peer",
        "rate",
        "seen",
        "transcript",
    )

    def __init__(self, number: int, key: Any, peer: str, host: str) -> None:
        self.id = number
        self.key = key
        self.peer = peer
        self.host = host
        self.opened_at = self.seen = time.monotonic()
        self.bytes_in = self.bytes_out = self.counted = 0
        self.rate = 0.0
        self.last = ""
        self.transcript: Transcript | None = None


class Visitors:
    """The peers of a datagram server, the one that was silent for longest first.

    Not locked: its methods are called by one thread at a time.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._peers: OrderedDict[Any, Visitor] = OrderedDict()

    def find(self, one: socket.socket, address: Any) -> Visitor | None:
        """Who sent a datagram to this socket just now; None for one who is not let in."""
        key = (one.fileno(), address)
        peer = self._peers.get(key)
        if peer is None:
            peer = self._new(one, address, key)
            if peer is None:
                return None
        self._peers.move_to_end(key)
        peer.seen = time.monotonic()
        return peer

    def _new(self, one: socket.socket, address: Any, key: Any) -> Visitor | None:
        desk = self._desk
        host = address_host(address)
        if not desk.accepting:
            desk.door.turn_away(host, "draining" if desk.draining else "paused")
            return None
        if desk.refuses(host):
            return None
        if len(self._peers) >= PEERS_KEPT:
            self.forget(next(iter(self._peers)), "too many peers: the oldest is forgotten")
        peer = self._peers[key] = Visitor(desk.next_number(), key, _name(one, address), host)
        desk.opened(peer)
        return peer

    def forget_silent(self) -> None:
        """Forget who has been silent for too long."""
        silence = PARTING_SILENCE if self._desk.draining else SILENCE
        now = time.monotonic()
        while self._peers:
            key, peer = next(iter(self._peers.items()))
            if now - peer.seen < silence:
                return
            self.forget(key, f"silent for {silence:.0f} s")

    def forget(self, key: Any, reason: str) -> None:
        """Forget one; its next datagram makes it a new one."""
        self._desk.closed(self._peers.pop(key), reason)

    def forget_all(self, reason: str) -> None:
        """Forget everybody."""
        for key in list(self._peers):
            self.forget(key, reason)

    def close(self, number: int, reason: str) -> None:
        """Forget the one of that number, if there is one."""
        peer = self._desk.peers.get(number)
        if isinstance(peer, Visitor):
            self.forget(peer.key, reason)


def _name(one: socket.socket, address: Any) -> str:
    if one.family == socket.AF_UNIX:
        return address if isinstance(address, str) and address else "unnamed"
    return peer_text(one, address)
