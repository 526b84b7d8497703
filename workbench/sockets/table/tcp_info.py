"""TCP_INFO: what the kernel knows of a TCP connection (tcp(7), linux/tcp.h struct tcp_info)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from workbench.core.units import amount, duration

STATES = {
    1: "ESTAB",
    2: "SYN-SENT",
    3: "SYN-RECV",
    4: "FIN-WAIT-1",
    5: "FIN-WAIT-2",
    6: "TIME-WAIT",
    7: "UNCONN",
    8: "CLOSE-WAIT",
    9: "LAST-ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "NEW-SYN-RECV",
}
"""Numbers of net/tcp_states.h, with the names that ss(8) gives them (RFC 9293, 3.3.2)."""

_RECOVERY = ("open", "disorder", "congestion reduced", "recovery", "loss")

# Name, offset, format; a kernel that is older gives a shorter structure, and the rest is 0.
_FIELDS = (
    ("retransmits", 2, "B"),
    ("rto", 8, "I"),
    ("send_mss", 16, "I"),
    ("receive_mss", 20, "I"),
    ("unacked", 24, "I"),
    ("lost", 32, "I"),
    ("last_sent", 44, "I"),
    ("last_received", 52, "I"),
    ("path_mtu", 60, "I"),
    ("rtt", 68, "I"),
    ("rtt_variance", 72, "I"),
    ("slow_start_threshold", 76, "I"),
    ("congestion_window", 80, "I"),
    ("receive_space", 96, "I"),
    ("total_retransmits", 100, "I"),
    ("pacing_rate", 104, "Q"),
    ("bytes_acked", 120, "Q"),
    ("bytes_received", 128, "Q"),
    ("segments_out", 136, "I"),
    ("segments_in", 140, "I"),
    ("not_sent", 144, "I"),
    ("min_rtt", 148, "I"),
    ("delivery_rate", 160, "Q"),
    ("bytes_sent", 200, "Q"),
    ("bytes_retransmitted", 208, "Q"),
)
_INFINITE = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class TcpInfo:
    """The fields that people look at.

    Times in seconds; `congestion_window` and `slow_start_threshold` in segments (None: not set),
    rates in bytes a second.
    """

    state: str
    recovery: str
    retransmits: int
    rto: float
    send_mss: int
    receive_mss: int
    unacked: int
    lost: int
    last_sent: float
    last_received: float
    path_mtu: int
    rtt: float
    rtt_variance: float
    slow_start_threshold: int | None
    congestion_window: int
    receive_space: int
    total_retransmits: int
    pacing_rate: int
    bytes_acked: int
    bytes_received: int
    segments_out: int
    segments_in: int
    not_sent: int
    min_rtt: float
    delivery_rate: int
    bytes_sent: int
    bytes_retransmitted: int

    def words(self) -> str:
        """In a few lines."""
        threshold = self.slow_start_threshold
        window = f"{self.congestion_window} segments of {self.send_mss}"
        if threshold is not None:
            window += f" (slow start to {threshold})"
        lines = [
            (
                f"rtt {duration(self.rtt)} ±{duration(self.rtt_variance)}, least"
                f" {duration(self.min_rtt)}; rto {duration(self.rto)}; {self.recovery}"
            ),
            (
                f"congestion window {window}; {self.unacked} unacknowledged, {self.lost} lost,"
                f" {self.total_retransmits} sent again"
            ),
            (
                f"delivers {amount(self.delivery_rate, 'B/s')}, paced at"
                f" {amount(self.pacing_rate, 'B/s')}; path MTU {self.path_mtu}"
            ),
            (
                f"acknowledged {amount(self.bytes_acked)}, received {amount(self.bytes_received)};"
                f" segments {self.segments_out:,} out, {self.segments_in:,} in"
            ),
            (
                f"last sent {duration(self.last_sent)} ago, last received"
                f" {duration(self.last_received)} ago"
            ),
        ]
        return "\n".join(lines)


def parse(data: bytes) -> TcpInfo:
    """The structure as the kernel of this host has it; what is missing at its end is 0."""
    padded = data.ljust(232, b"\0")
    values: dict[str, Any] = {
        name: struct.unpack_from(f"={kind}", padded, offset)[0] for name, offset, kind in _FIELDS
    }
    for name in ("rto", "rtt", "rtt_variance", "min_rtt"):
        values[name] /= 1e6
    for name in ("last_sent", "last_received"):
        values[name] /= 1e3
    if values["slow_start_threshold"] >= _INFINITE:
        values["slow_start_threshold"] = None
    for name in ("pacing_rate", "delivery_rate"):
        values[name] = 0 if values[name] >= 1 << 63 else values[name]
    recovery = _RECOVERY[padded[1]] if padded[1] < len(_RECOVERY) else str(padded[1])
    return TcpInfo(state=STATES.get(padded[0], str(padded[0])), recovery=recovery, **values)
