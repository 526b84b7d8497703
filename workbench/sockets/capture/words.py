"""The words of a filter, as tcpdump(8) has them: a text in, an expression out; pcap-filter(7)."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Literal

LONGEST = 65_536
DEEPEST = 50

Side = Literal["", "src", "dst"]

PROTOCOLS = ("ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "udplite", "vlan")
TRANSPORTS = ("tcp", "udp", "sctp")
_NAMES = {
    "tcpflags": 13,
    "icmptype": 0,
    "icmpcode": 1,
    "icmp6type": 0,
    "icmp6code": 1,
    "tcp-fin": 1,
    "tcp-syn": 2,
    "tcp-rst": 4,
    "tcp-push": 8,
    "tcp-ack": 16,
    "tcp-urg": 32,
    "icmp-echo": 8,
    "icmp-echoreply": 0,
    "icmp-unreach": 3,
    "icmp-timxceed": 11,
}
_TOKEN = re.compile(r"\s*(\(|\)|!=|<=|>=|==|=|<|>|&&|\|\||!|&|\||\[|\]|[^\s()\[\]!<>=&|]+)")


class FilterError(ValueError):
    """The text is no filter; one line says what and where."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Packets of a protocol."""

    name: str


@dataclass(frozen=True, slots=True)
class Net:
    """Packets of, from or to a network; a host is one of one address."""

    side: Side
    network: ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Ports:
    """Packets of some protocols, of, from or to ports."""

    side: Side
    first: int
    last: int
    protocols: tuple[str, ...] = TRANSPORTS


@dataclass(frozen=True, slots=True)
class Ether:
    """Frames of, from or to an address of Ethernet, six bytes."""

    side: Side
    address: bytes


@dataclass(frozen=True, slots=True)
class Cast:
    """Frames to everybody, or to some."""

    name: Literal["broadcast", "multicast"]


@dataclass(frozen=True, slots=True)
class Length:
    """Packets of so many bytes at the most (less), or at the least (greater)."""

    name: Literal["less", "greater"]
    size: int


@dataclass(frozen=True, slots=True)
class Compare:
    """PROTOCOL[OFFSET:SIZE] & MASK compared with a number."""

    protocol: str
    offset: int
    size: int
    mask: int | None
    sign: str
    value: int


@dataclass(frozen=True, slots=True)
class Not:
    """What the other is not."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Both:
    """What is both."""

    one: Expression
    other: Expression


@dataclass(frozen=True, slots=True)
class Either:
    """What is one, or the other, or both."""

    one: Expression
    other: Expression


Expression = Protocol | Net | Ports | Ether | Cast | Length | Compare | Not | Both | Either


def parse(text: str) -> Expression | None:
    """The expression that a text stands for; None for an empty one, which lets all through.

    Raises:
        FilterError: it is none.
    """
    if len(text) > LONGEST:
        raise FilterError(f"a filter of more than {LONGEST:,} characters")
    tokens = _tokens(text)
    if not tokens:
        return None
    parser = _Parser(tokens)
    found = parser.either(0)
    if parser.left:
        raise FilterError(f"“{parser.left[0]}” is not expected there; and, or and not connect")
    return found


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterError(f"“{text[at:].strip()[:20]}” is no word of a filter")
        found.append(match[1])
        at = match.end()
    return found


class _Parser:
    """Words from left to right; "and" and "or" bind alike, as in pcap-filter(7)."""

    def __init__(self, tokens: list[str]) -> None:
        self.left = tokens

    def either(self, depth: int) -> Expression:
        found = self.part(depth)
        while True:
            if self.takes("and", "&&"):
                found = Both(found, self.part(depth))
            elif self.takes("or", "||"):
                found = Either(found, self.part(depth))
            else:
                return found

    def part(self, depth: int) -> Expression:
        if depth > DEEPEST:
            raise FilterError("a filter nested too deeply")
        if self.takes("not", "!"):
            return Not(self.part(depth + 1))
        if self.takes("("):
            found = self.either(depth + 1)
            if not self.takes(")"):
                raise FilterError("a ( without its )")
            return found
        return self.primitive()

    def takes(self, *words: str) -> bool:
        if self.left and self.left[0] in words:
            del self.left[0]
            return True
        return False

    def word(self, what: str) -> str:
        if not self.left or self.left[0] in "()[]":
            before = f" before {self.left[0]}" if self.left else ""
            raise FilterError(f"{what} is missing{before}")
        return self.left.pop(0)

    # -- what stands between and, or, not ------------------------------------------------------

    def primitive(self) -> Expression:
        word = self.word("a protocol, host, net or port")
        if self.left[:1] == ["["]:
            return self.compare(word)
        if word in ("less", "greater"):
            size = self.number(self.word("a length"))
            return Length("less" if word == "less" else "greater", size)
        if word in ("broadcast", "multicast"):
            return Cast("broadcast" if word == "broadcast" else "multicast")
        if word == "ether":
            return self.ether()
        if word in PROTOCOLS:
            if self.left[:1] and self.left[0] in ("src", "dst", "port", "portrange", "host", "net"):
                rest = self.qualified(self.word("a direction"), word)
                return rest if isinstance(rest, Ports) else Both(Protocol(word), rest)
            return Protocol(word)
        return self.qualified(word, "")

    def qualified(self, word: str, protocol: str) -> Expression:
        """[src|dst] [host|net|port|portrange] VALUE, and what leaves the middle out."""
        side: Side = ""
        if word in ("src", "dst"):
            side = "src" if word == "src" else "dst"
            word = self.word("a host or a port")
        if word in ("port", "portrange"):
            return self.ports(side, protocol, word)
        if word in ("host", "net"):
            return Net(side, self.network(self.word(f"a {word}"), word))
        return Net(side, self.network(word, "host"))

    def ports(self, side: Side, protocol: str, word: str) -> Ports:
        text = self.word("a port")
        first, dash, last = text, "", ""
        if word == "portrange":
            first, dash, last = text.partition("-")
            if not dash:
                raise FilterError(f"portrange takes A-B, not {text}")
        if protocol not in ("", *TRANSPORTS, "udplite"):
            raise FilterError(f"{protocol} has no ports")
        wanted = (protocol,) if protocol else TRANSPORTS
        low, found = self.port(first, wanted)
        high, also = self.port(last, found) if dash else (low, found)
        return Ports(side, min(low, high), max(low, high), also)

    def port(self, text: str, protocols: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
        """A port, and those of the protocols that know it: a service need not be of all."""
        if text.isascii() and text.isdecimal():
            if int(text) > 65_535:
                raise FilterError(f"{text} is no port: there are 65535")
            return int(text), protocols
        found: dict[str, int] = {}
        for protocol in protocols:
            try:
                found[protocol] = socket.getservbyname(text, protocol)
            except OSError:
                pass
        if not found:
            raise FilterError(f"“{text}” is no port and no service")
        number = next(iter(found.values()))
        return number, tuple(name for name, port in found.items() if port == number)

    def network(self, text: str, kind: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        try:
            if kind == "host":
                return ipaddress.ip_network(ipaddress.ip_address(text))
            if "/" not in text and "." in text and text.count(".") < 3:  # 10.1 is 10.1.0.0/16
                parts = text.split(".")
                text = ".".join(parts + ["0"] * (4 - len(parts))) + f"/{8 * len(parts)}"
            return ipaddress.ip_network(text)
        except ValueError as problem:
            if kind == "host" and not re.search(r"[.:\d]", text):
                raise FilterError(f"“{text}” is no word of a filter, and no address") from None
            raise FilterError(f"{problem}") from None

    def ether(self) -> Expression:
        word = self.word("src, dst or host")
        if word in ("broadcast", "multicast"):
            return Cast("broadcast" if word == "broadcast" else "multicast")
        side: Side = "src" if word == "src" else "dst" if word == "dst" else ""
        text = self.word("an address") if word in ("src", "dst", "host") else word
        try:
            address = bytes.fromhex(re.sub("[:-]", "", text))
        except ValueError:
            address = b""
        if len(address) != 6:
            raise FilterError(f"“{text}” is no address of Ethernet")
        return Ether(side, address)

    def compare(self, protocol: str) -> Compare:
        if protocol not in PROTOCOLS and protocol != "ether":
            raise FilterError(f"“{protocol}” has no bytes to look at")
        self.takes("[")
        place = self.word("an offset")
        offset, colon, size = place.partition(":")
        if not self.takes("]"):
            raise FilterError("a [ without its ]")
        mask = None
        if self.takes("&"):
            mask = self.mask()
        sign = self.word("a comparison")
        if sign not in ("=", "==", "!=", "<", ">", "<=", ">="):
            raise FilterError(f"“{sign}” compares nothing: = != < > <= >=")
        value = self.number(self.word("a number"))
        count = self.number(size) if colon else 1
        if count not in (1, 2, 4):
            raise FilterError("1, 2 or 4 bytes are compared")
        found = self.number(offset)
        if found > 65_535:
            raise FilterError(f"no packet has a byte {found:,}")
        return Compare(protocol, found, count, mask, "=" if sign == "==" else sign, value)

    def mask(self) -> int:
        """A number, or several of them: (tcp-syn|tcp-fin)."""
        if not self.takes("("):
            return self.number(self.word("a mask"))
        mask = self.number(self.word("a mask"))
        while self.takes("|"):
            mask |= self.number(self.word("a mask"))
        if not self.takes(")"):
            raise FilterError("a ( without its )")
        return mask

    def number(self, text: str) -> int:
        if text in _NAMES:
            return _NAMES[text]
        try:
            value = int(text, 0)
        except ValueError:
            raise FilterError(f"“{text}” is no number") from None
        if not 0 <= value < 1 << 32:
            raise FilterError(f"{text} has more than 32 bits")
        return value
