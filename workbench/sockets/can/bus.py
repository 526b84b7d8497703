"""The socket of CAN_RAW: one interface or all, its filters, its frames."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Sequence

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.sockets.can.frame import Filter, Frame, unpack

AF_CAN, CAN_RAW, SOL_CAN_RAW = 29, 1, 101
RAW_FILTER, RAW_ERR_FILTER, RAW_RECV_OWN, RAW_FD_FRAMES = 1, 2, 4, 5
"""Numbers of linux/can.h and linux/can/raw.h, which this Python need not have names for."""

ALL_ERRORS = 0x1FFF_FFFF
FRAME_LIMIT = 128
FILTERS_MOST = 512


def open_bus(
    interface: str, filters: Sequence[Filter] = (), *, errors: bool = True
) -> socket.socket:
    """A socket that does not block; "any" as the interface is all of them.

    Raises:
        JobError: this kernel has no CAN, and what would bring it; or no such interface.
    """
    if len(filters) > FILTERS_MOST:
        raise JobError(f"{len(filters)} filters are too many", advice=f"{FILTERS_MOST} at the most")
    try:
        one = socket.socket(AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, CAN_RAW)
    except OSError as problem:
        raise JobError(
            "this kernel has no sockets of CAN",
            code=errno.errorcode.get(problem.errno or 0, ""),
            advice="load can_raw (modprobe can_raw vcan), or a kernel built with CONFIG_CAN_RAW",
        ) from None
    try:
        if filters:
            packed = b"".join(one.pack() for one in filters)
            one.setsockopt(SOL_CAN_RAW, RAW_FILTER, packed)
        if errors:
            one.setsockopt(SOL_CAN_RAW, RAW_ERR_FILTER, struct.pack("=I", ALL_ERRORS))
        try:
            one.setsockopt(SOL_CAN_RAW, RAW_FD_FRAMES, 1)
        except OSError:
            pass  # a kernel before 3.6 has classic frames only
        try:
            one.bind(("" if interface == "any" else interface,))
        except OSError as problem:
            if problem.errno not in (errno.ENODEV, errno.ENXIO):
                raise
            raise JobError(
                f"there is no CAN interface {safe(interface)}",
                code=errno.errorcode[problem.errno],
                advice="see: interfaces; for a try: ip link add vcan0 type vcan; ip link set "
                "vcan0 up",
            ) from None
    except BaseException:
        one.close()
        raise
    return one


def receive(bus: socket.socket) -> tuple[str, Frame]:
    """The next frame, and the interface that it came from.

    Raises:
        BlockingIOError: there is none now.
        FrameError: what came is none.
        OSError: the interface is down.
    """
    data, address = bus.recvfrom(FRAME_LIMIT)
    return (address[0] if address else ""), unpack(data)


def send(bus: socket.socket, frame: Frame) -> None:
    """Send one frame.

    Raises:
        JobError: the interface takes none of this kind, or is down.
        BlockingIOError: its queue is full.
    """
    try:
        bus.send(frame.pack())
    except BlockingIOError:
        raise
    except OSError as problem:
        code = errno.errorcode.get(problem.errno or 0, "")
        if problem.errno == errno.ENOBUFS:
            raise BlockingIOError(problem.errno, "the interface's queue is full") from None
        if problem.errno == errno.EINVAL and frame.fd:
            raise JobError(
                "the interface takes no frames of CAN FD",
                code=code,
                advice="send a classic one (#), or: ip link set can0 mtu 72",
            ) from None
        if problem.errno == errno.ENETDOWN:
            raise JobError(
                "the interface is down", code=code, advice="ip link set can0 up type can bitrate …"
            ) from None
        raise JobError(os.strerror(problem.errno or 0).lower(), code=code) from None
