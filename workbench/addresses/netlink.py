"""Netlink messages, as bytes and over a socket (netlink(7), RFC 3549)."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from workbench.core.failure import JobError
from workbench.core.scope import Scope

NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_MULTI = 0x2
NLM_F_DUMP = 0x300
NLM_F_DUMP_INTR = 0x10

RECEIVE_SIZE = 1 << 17
RECEIVE_BUFFER = 4 << 20
DUMP_TRIES = 8
"""How often a dump is asked for again that changed while it was read."""

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NESTED_BITS = 0xC000


class Message(NamedTuple):
    """One netlink message without its header."""

    type: int
    flags: int
    sequence: int
    payload: bytes


class DumpError(Exception):
    """The kernel's tables changed while they were read, so that the answer has holes."""


def request(kind: int, flags: int, sequence: int, payload: bytes) -> bytes:
    """A message to the kernel."""
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, kind, flags, sequence, 0) + payload


def messages(data: bytes) -> Iterator[Message]:
    """The messages of a datagram; what is cut off or too short ends it."""
    place = 0
    while place + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, place)
        if length < _HEADER.size or place + length > len(data):
            return
        yield Message(kind, flags, sequence, data[place + _HEADER.size : place + length])
        place += _aligned(length)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (_aligned(length) - length)


def attributes(data: bytes) -> dict[int, bytes]:
    """Attributes by type; of one that stands several times, the last."""
    return dict(each_attribute(data))


def each_attribute(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Attributes in their order; what is cut off or too short ends them."""
    place = 0
    while place + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, place)
        if length < _ATTRIBUTE.size or place + length > len(data):
            return
        yield kind & ~_NESTED_BITS, data[place + _ATTRIBUTE.size : place + length]
        place += _aligned(length)


def _aligned(length: int) -> int:
    return length + 3 & ~3


class Netlink:
    """A socket to the kernel, of one protocol; `groups` is the bit mask of what it tells unasked.

    Raises:
        JobError: this system has no netlink.
        OSError: it is not allowed.
    """

    def __init__(self, scope: Scope, protocol: int = 0, groups: int = 0) -> None:
        if not hasattr(socket, "AF_NETLINK"):
            raise JobError(
                "netlink is Linux's own, and this is another system",
                advice="ifconfig and netstat -rn tell the same here",
            )
        self._scope = scope
        self._sequence = 0
        self.socket = scope.adopt(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self.socket.bind((0, groups))

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()

    def dump(self, kind: int, payload: bytes) -> list[Message]:
        """All that the kernel has of a kind.

        Raises:
            OSError: the kernel's own error.
            TimeoutError: no answer within the scope's timeout.
            DumpError: it kept changing while it was read.
            Cancelled: the scope was cancelled.
        """
        for _ in range(DUMP_TRIES):
            try:
                return self._answer(kind, NLM_F_REQUEST | NLM_F_DUMP, payload)
            except DumpError:
                continue
        raise DumpError("the kernel's table changes faster than it can be read")

    def ask(self, kind: int, payload: bytes) -> Message:
        """One answer to one question.

        Raises:
            OSError: the kernel's own error.
            TimeoutError: no answer within the scope's timeout.
            Cancelled: the scope was cancelled.
        """
        return self._answer(kind, NLM_F_REQUEST, payload)[0]

    def _answer(self, kind: int, flags: int, payload: bytes) -> list[Message]:
        self._sequence += 1
        number = self._sequence
        self.socket.send(request(kind, flags, number, payload))
        found: list[Message] = []
        holes = False
        deadline = time.monotonic() + self._scope.timeout
        while True:
            for one in self.receive(deadline - time.monotonic()):
                if one.sequence != number:
                    continue
                holes |= bool(one.flags & NLM_F_DUMP_INTR)
                if one.type == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", one.payload)[0]
                    raise OSError(code, os.strerror(code))
                if one.type == NLMSG_DONE:
                    if holes:
                        raise DumpError
                    return found
                found.append(one)
                if not one.flags & NLM_F_MULTI:
                    return found

    def receive(self, timeout: float | None) -> list[Message]:
        """Wait for a datagram, and take it apart.

        Raises:
            TimeoutError: nothing came in time.
            OverrunError: the kernel had more to tell than there was room for.
            Cancelled: the scope was cancelled.
        """
        self._scope.wait_for(self.socket, select.POLLIN, timeout)
        try:
            return list(messages(self.socket.recv(RECEIVE_SIZE, socket.MSG_DONTWAIT)))
        except OSError as problem:
            if problem.errno == errno.ENOBUFS:
                raise OverrunError from None
            raise


class OverrunError(Exception):
    """Changes were lost; what is known has to be read anew (netlink(7), ENOBUFS)."""
