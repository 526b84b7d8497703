"""Socket options on real sockets: what is set is what the kernel has."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from workbench.core.failure import JobError
from workbench.sockets.options import (
    OPTIONS,
    as_calls,
    families,
    find,
    parse_settings,
    read_all,
    write,
)


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.socket() as one:
        yield one


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("TCP_NODELAY", "on", "on"),
        ("so_keepalive", "1", "on"),
        ("KEEPIDLE", "77", "77"),
        ("SO_LINGER", "5", "5"),
        ("SO_LINGER", "off", "off"),
        ("SO_RCVTIMEO", "1.5", "1.5"),
        ("IP_TOS", "0x10", "16"),
        ("IP_TTL", "9", "9"),
        ("SO_RCVBUF", "20000", "40000"),
        ("TCP_CONGESTION", "reno", "reno"),
        ("TCP_USER_TIMEOUT", "3000", "3000"),
    ],
)
def test_what_is_set_is_told(tcp: socket.socket, name: str, value: str, wanted: str) -> None:
    assert write(tcp, name, value) == wanted
    assert {one.name: one.value for one in read_all(tcp)}[find(name).name] == wanted


def test_python_knows_the_same_numbers() -> None:
    """Names that Python has too have its numbers."""
    shared = [one for one in OPTIONS.values() if hasattr(socket, one.name)]
    assert len(shared) > 30
    for one in shared:
        assert getattr(socket, one.name) == one.number, one.name


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("TCP_NODELY", "on", "TCP_NODELAY"),
        ("SO_TYPE", "1", "only be read"),
        ("TCP_NODELAY", "perhaps", "on or off"),
        ("IP_TTL", "many", "whole number"),
        ("IP_TTL", "99999999999999", "whole number"),
        ("IP_TTL", "999", "EINVAL"),
        ("IPV6_V6ONLY", "on", "IP_..."),
        ("TCP_CONGESTION", "none-such", "available_congestion"),
        ("SO_RCVTIMEO", "inf", "seconds"),
        ("SO_LINGER", "1.5", "whole seconds"),
    ],
)
def test_what_is_refused(tcp: socket.socket, name: str, value: str, why: str) -> None:
    with pytest.raises(JobError) as caught:
        write(tcp, name, value)
    assert why in f"{caught.value.cause} {caught.value.code} {caught.value.advice}"


@pytest.mark.parametrize(
    ("family", "kind", "protocol", "known"),
    [
        (socket.AF_INET6, socket.SOCK_DGRAM, 0, ("SO", "IPV6", "UDP")),
        (socket.AF_INET, socket.SOCK_DGRAM, 136, ("SO", "IP", "UDPLITE")),
        (socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, ("SO",)),
    ],
)
def test_each_kind_has_its_own(
    family: int, kind: int, protocol: int, known: tuple[str, ...]
) -> None:
    with socket.socket(family, kind, protocol) as one:
        assert families(one) == known
        assert {found.name.partition("_")[0] for found in read_all(one)} == set(known)


def test_settings_are_checked_before_a_socket_is_there() -> None:
    assert parse_settings(["TCP_NODELAY", "ip_ttl=3"]) == (("TCP_NODELAY", "on"), ("IP_TTL", "3"))
    for word in ("NO_SUCH=1", "IP_TTL", "SO_ERROR=1"):
        with pytest.raises(JobError):
            parse_settings([word])


def test_the_calls_set_the_same(tcp: socket.socket) -> None:
    calls = as_calls(parse_settings(["SO_LINGER=3", "TCP_NODELAY", "IP_TTL=8"]), "tcp")
    for call in calls:
        exec(call, {"tcp": tcp})
    assert tcp.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 3)
    assert tcp.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 8


def test_a_closed_socket() -> None:
    one = socket.socket()
    one.close()
    with pytest.raises(OSError, match="Bad file"):
        read_all(one)
