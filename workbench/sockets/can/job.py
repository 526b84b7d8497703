"""can: frames of a CAN bus as they pass, and frames sent, in the notation of can-utils."""

from __future__ import annotations

import select
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import escape
from workbench.sockets.can import bus
from workbench.sockets.can.frame import Filter, Frame, FrameError, parse, parse_filter

T = TypeVar("T")

FULL_WAIT = 0.01
"""Seconds until a full queue is tried again: it has no wake-up of its own."""

_FOLLOW = """\
import socket
import struct

bus = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
{filters}bus.bind(({interface!r},))
for _ in {count}:
    frame, (interface, *_) = bus.recvfrom(16)
    word, length, data = struct.unpack("=IB3x8s", frame)
    name = f"{{word & 0x1FFFFFFF:08X}}" if word >> 31 else f"{{word & 0x7FF:03X}}"
    print(interface, f"{{name}}#{{data[:length].hex().upper()}}", flush=True)
"""
_SEND = """\
import socket

bus = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
{fd}bus.bind(({interface!r},))
for frame in {frames!r}:
    bus.send(bytes.fromhex(frame))
"""


@event("can_frame")
class Passed(Event):
    """A frame that passed; `frame` in the notation of can-utils, `words` what is special in it."""

    interface: str
    frame: str
    identifier: int
    data: bytes
    words: str = ""

    def line(self) -> str:
        """As candump -L, then the data as text and the words."""
        text = f"  {escape(self.data)}" if self.data else ""
        words = f"  ({self.words})" if self.words else ""
        return f"{self.interface}  {self.frame}{text}{words}"


@event("can_sent")
class SentFrame(Event):
    """A frame went out."""

    interface: str
    frame: str

    def line(self) -> str:
        """Where and what."""
        return f"{self.interface}  {self.frame}  sent"


@dataclass(frozen=True, slots=True)
class CanFollow(Request):
    """Follow the frames of a CAN bus, error frames in words.

    With filters only what one of them lets through is told: ID:MASK takes identifiers that have
    the bits of ID where MASK has ones, ID~MASK all others; eight digits mean extended frames.
    """

    interface: str = argument("the interface; any for all of them", metavar="INTERFACE")
    filter: tuple[str, ...] = option((), "only these identifiers, in hex", metavar="ID:MASK")
    count: int = option(0, "end after so many frames; 0 goes on")

    @property
    def filters(self) -> list[Filter]:
        """The filters, read.

        Raises:
            JobError: one is none.
        """
        return [_read(parse_filter, one) for one in self.filter]

    def as_python(self) -> str:
        """A raw socket and struct."""
        packed = [(one.pack()).hex() for one in self.filters]
        filters = (
            f"filters = bytes.fromhex({''.join(packed)!r})\n"
            "bus.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, filters)\n"
            if packed
            else ""
        )
        count = f"range({self.count})" if self.count else "iter(int, 1)"
        interface = "" if self.interface == "any" else self.interface
        return _FOLLOW.format(filters=filters, interface=interface, count=count)

    def as_shell(self) -> str:
        """candump(1)."""
        count = f"-n {self.count} " if self.count else ""
        return f"candump -L {count}{shlex.quote(','.join((self.interface, *self.filter)))}"


@dataclass(frozen=True, slots=True)
class CanSend(Request):
    """Send frames to a CAN bus, written as for cansend.

    123#DEADBEEF is a frame with a standard identifier, eight digits before the # make an extended
    one; 123#R4 is a remote frame, 123##1AABB one of CAN FD with its flags behind ##.
    """

    interface: str = argument("the interface", metavar="INTERFACE")
    frames: tuple[str, ...] = argument("the frames", metavar="FRAME")
    repeat: int = option(1, "send them so many times over")
    pace: float = option(0.0, "seconds between two frames", unit="s")

    @property
    def read(self) -> list[Frame]:
        """The frames, read.

        Raises:
            JobError: one is none.
        """
        return [_read(parse, one) for one in self.frames]

    def as_python(self) -> str:
        """A raw socket and struct."""
        frames = [one.pack().hex() for one in self.read] * max(1, self.repeat)
        fd = ""
        if any(one.fd for one in self.read):
            fd = "bus.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FD_FRAMES, 1)\n"
        return _SEND.format(interface=self.interface, frames=frames, fd=fd)

    def as_shell(self) -> str:
        """cansend(1), once a frame."""
        where = shlex.quote(self.interface)
        lines = "; ".join(f"cansend {where} {shlex.quote(str(one))}" for one in self.read)
        return f"for _ in $(seq {self.repeat}); do {lines}; done" if self.repeat > 1 else lines


@job("can follow", tab="sockets", example="can follow can0")
def can_follow(request: CanFollow, scope: Scope) -> Iterator[Event]:
    """Each frame as it comes, until stopped."""
    count = 0
    began = time.monotonic()
    with bus.open_bus(request.interface, request.filters) as sock:
        while not request.count or count < request.count:
            try:
                interface, frame = bus.receive(sock)
            except BlockingIOError:
                scope.wait_for(sock, select.POLLIN, None)
                continue
            except FrameError as problem:
                raise JobError(str(problem)) from None
            count += 1
            yield Passed(interface, str(frame), frame.identifier, frame.data, frame.words())
    yield Done(f"{count:,} frames", time.monotonic() - began)


@job("can send", tab="sockets", example="can send can0 123#DEADBEEF")
def can_send(request: CanSend, scope: Scope) -> Iterator[Event]:
    """Each frame as it goes out."""
    frames = request.read
    if not frames or request.repeat < 1:
        raise JobError("there is nothing to send", advice="name a frame, as 123#DEADBEEF")
    count = 0
    with bus.open_bus(request.interface, errors=False) as sock:
        for _ in range(request.repeat):
            for frame in frames:
                if count and request.pace:
                    scope.wait(request.pace)
                _send(sock, frame, scope)
                count += 1
                yield SentFrame(request.interface, str(frame))
    yield Done(f"{count:,} frames sent")


def _send(sock: socket.socket, frame: Frame, scope: Scope) -> None:
    until = time.monotonic() + scope.timeout
    while True:
        try:
            bus.send(sock, frame)
            return
        except BlockingIOError as problem:
            if time.monotonic() > until:
                raise TimeoutError(
                    "the interface takes no more frames: nobody acknowledges them"
                ) from problem
            scope.wait(FULL_WAIT)


def _read(reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except FrameError as problem:
        raise JobError(str(problem)) from None
