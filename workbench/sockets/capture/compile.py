"""From the expression of a filter to a program of classic BPF.

An expression becomes tests that jump forward, to where it holds or to where it does not. A jump of
a test reaches 255 instructions; where that is not enough each test jumps by two long ones.
"""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from workbench.sockets.capture import bpf
from workbench.sockets.capture.bpf import Instruction
from workbench.sockets.capture.words import (
    Both,
    Cast,
    Compare,
    Either,
    Ether,
    Expression,
    FilterError,
    Length,
    Net,
    Not,
    Ports,
    Protocol,
)
from workbench.sockets.pcapng import LINK_ETHERNET, LINK_RAW, SNAPLEN

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
_NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58, "sctp": 132, "igmp": 2, "udplite": 136}
_VLANS = (0x8100, 0x88A8, 0x9100)


class _Step(NamedTuple):
    """An instruction that is not placed yet; `yes` and `no` are labels, -1 the next step."""

    code: int
    k: int
    yes: int = -1
    no: int = -1


def compile_filter(
    expression: Expression | None, link: int = LINK_ETHERNET, snaplen: int = SNAPLEN
) -> list[Instruction]:
    """The program for packets of that link; every packet passes where there is no expression.

    Raises:
        FilterError: the link's packets have no such thing, or the program is too long.
    """
    if link not in (LINK_ETHERNET, LINK_RAW):
        raise FilterError(f"packets of link type {link} cannot be filtered")
    writer = _Writer(14 if link == LINK_ETHERNET else 0)
    yes, no = writer.label(), writer.label()
    if expression is not None:
        writer.test(expression, yes, no)
    writer.place(yes)
    writer.step(bpf.RET, snaplen)
    writer.place(no)
    writer.step(bpf.RET, 0)
    program = writer.placed(long=False) or writer.placed(long=True)
    if program is None or len(program) > bpf.INSTRUCTIONS_MOST:
        raise FilterError(f"the filter makes more than {bpf.INSTRUCTIONS_MOST:,} instructions")
    return program


class _Writer:
    """Steps in order, and where the labels stand among them.

    Args:
        base: bytes of the link's header.
    """

    def __init__(self, base: int) -> None:
        self._base = base
        self._steps: list[_Step] = []
        self._labels: list[int] = []

    def label(self) -> int:
        """A new label, to be placed later."""
        self._labels.append(-1)
        return len(self._labels) - 1

    def place(self, label: int) -> None:
        """The label stands before the next step."""
        self._labels[label] = len(self._steps)

    def step(self, code: int, k: int, yes: int = -1, no: int = -1) -> None:
        """Write a step."""
        self._steps.append(_Step(code, k, yes, no))

    def placed(self, *, long: bool) -> list[Instruction] | None:
        """The program; None where a test would have to jump further than it can."""
        sizes = [3 if long and self._tests(one) else 1 for one in self._steps]
        places = [0]
        for size in sizes:
            places.append(places[-1] + size)
        found: list[Instruction] = []
        for number, one in enumerate(self._steps):
            if not self._tests(one):
                found.append(Instruction(one.code, 0, 0, one.k))
                continue
            after = places[number] + 1
            yes, no = (
                places[self._labels[label]] if label >= 0 else places[number + 1]
                for label in (one.yes, one.no)
            )
            if long:
                found.append(Instruction(one.code, 0, 1, one.k))
                found.append(Instruction(bpf.JA, 0, 0, yes - after - 1))
                found.append(Instruction(bpf.JA, 0, 0, no - after - 2))
            elif max(yes, no) - after > 255:
                return None
            else:
                found.append(Instruction(one.code, yes - after, no - after, one.k))
        return found

    @staticmethod
    def _tests(one: _Step) -> bool:
        return one.code in (bpf.JEQ, bpf.JGT, bpf.JGE, bpf.JSET)

    # -- expressions ---------------------------------------------------------------------------

    def test(self, what: Expression, yes: int, no: int) -> None:
        """Steps that go to `yes` where it holds, and to `no` where it does not."""
        match what:
            case Not(part):
                self.test(part, no, yes)
            case Both(one, other):
                middle = self.label()
                self.test(one, middle, no)
                self.place(middle)
                self.test(other, yes, no)
            case Either(one, other):
                middle = self.label()
                self.test(one, yes, middle)
                self.place(middle)
                self.test(other, yes, no)
            case Protocol(name):
                self._protocol(name, yes, no)
            case Net():
                self._net(what, yes, no)
            case Ports():
                self._ports(what, yes, no)
            case Ether():
                self._ether(what, yes, no)
            case Cast(name):
                self._cast(name, yes, no)
            case Length(name, size):
                self.step(bpf.LD_LEN, 0)
                if name == "greater":
                    self.step(bpf.JGE, size, yes, no)
                else:
                    self.step(bpf.JGT, size, no, yes)
            case Compare():
                self._compare(what, yes, no)

    def _network(self, kind: int, yes: int, no: int) -> None:
        """Whether it is of a type of Ethernet; without a frame IP alone tells itself apart."""
        if self._base:
            self.step(bpf.LDH, 12)
            self.step(bpf.JEQ, kind, yes, no)
        elif kind == ARP:
            self.step(bpf.LD_LEN, 0)
            self.step(bpf.JGE, 0, no, no)
        else:
            self.step(bpf.LDB, 0)
            self.step(bpf.AND, 0xF0)
            self.step(bpf.JEQ, 0x40 if kind == IPV4 else 0x60, yes, no)

    def _protocol(self, name: str, yes: int, no: int) -> None:
        if name in ("ip", "ip6", "arp"):
            self._network({"ip": IPV4, "ip6": IPV6, "arp": ARP}[name], yes, no)
            return
        if name == "vlan":
            self.step(bpf.LDB, bpf.VLAN_PRESENT)
            other = self.label()
            self.step(bpf.JEQ, 0, other, yes)
            self.place(other)
            if not self._base:
                self.step(bpf.JGE, 0, no, no)
                return
            self.step(bpf.LDH, 12)
            for number, kind in enumerate(_VLANS, 1):
                self.step(bpf.JEQ, kind, yes, -1 if number < len(_VLANS) else no)
            return
        number = _NUMBERS[name]
        six = self.label()
        if name not in ("icmp6",):
            four = self.label()
            self._network(IPV4, four, six)
            self.place(four)
            self.step(bpf.LDB, self._base + 9)
            self.step(bpf.JEQ, number, yes, no)
        self.place(six)
        if name in ("icmp", "igmp"):
            self.step(bpf.LD_LEN, 0)
            self.step(bpf.JGE, 0, no, no)
            return
        inside, piece = self.label(), self.label()
        self._network(IPV6, inside, no)
        self.place(inside)
        self.step(bpf.LDB, self._base + 6)
        self.step(bpf.JEQ, number, yes, -1)
        self.step(bpf.JEQ, 44, piece, no)  # a fragment: what it is a part of stands in its header
        self.place(piece)
        self.step(bpf.LDB, self._base + 40)
        self.step(bpf.JEQ, number, yes, no)

    def _net(self, what: Net, yes: int, no: int) -> None:
        network = what.network
        if isinstance(network, ipaddress.IPv6Network):
            inside = self.label()
            self._network(IPV6, inside, no)
            self.place(inside)
            self._either_side(what, (self._base + 8, self._base + 24), yes, no)
            return
        four, other = self.label(), self.label()
        self._network(IPV4, four, other)
        self.place(four)
        self._either_side(what, (self._base + 12, self._base + 16), yes, no)
        self.place(other)
        inside = self.label()
        self._network(ARP, inside, no)
        self.place(inside)
        self._either_side(what, (self._base + 14, self._base + 24), yes, no)

    def _either_side(self, what: Net, offsets: tuple[int, int], yes: int, no: int) -> None:
        wanted = {"src": offsets[:1], "dst": offsets[1:], "": offsets}[what.side]
        for number, offset in enumerate(wanted, 1):
            other = no if number == len(wanted) else self.label()
            self._words(what.network, offset, yes, other)
            if other != no:
                self.place(other)

    def _words(
        self,
        network: ipaddress.IPv4Network | ipaddress.IPv6Network,
        offset: int,
        yes: int,
        no: int,
    ) -> None:
        address, mask = network.network_address.packed, network.netmask.packed
        places = [at for at in range(0, len(address), 4) if any(mask[at : at + 4])]
        if not places:
            self.step(bpf.LD_LEN, 0)
            self.step(bpf.JGE, 0, yes, yes)
        for at in places:
            self.step(bpf.LD, offset + at)
            if mask[at : at + 4] != b"\xff" * 4:
                self.step(bpf.AND, int.from_bytes(mask[at : at + 4], "big"))
            value = int.from_bytes(address[at : at + 4], "big")
            self.step(bpf.JEQ, value, yes if at == places[-1] else -1, no)

    def _ports(self, what: Ports, yes: int, no: int) -> None:
        numbers = [_NUMBERS[name] for name in what.protocols]
        four, six = self.label(), self.label()
        self._network(IPV4, four, six)
        self.place(four)
        self.step(bpf.LDB, self._base + 9)
        self._one_of(numbers, no)
        self.step(bpf.LDH, self._base + 6)
        self.step(bpf.JSET, 0x1FFF, no, -1)  # a later fragment has no ports
        self.step(bpf.LDX_MSH, self._base)
        self._port_pair(what, bpf.LDH_IND, self._base, yes, no)
        self.place(six)
        inside = self.label()
        self._network(IPV6, inside, no)
        self.place(inside)
        self.step(bpf.LDB, self._base + 6)
        self._one_of(numbers, no)
        self._port_pair(what, bpf.LDH, self._base + 40, yes, no)

    def _one_of(self, numbers: list[int], no: int) -> None:
        """Go on where the loaded byte is one of them."""
        good = self.label()
        for place, number in enumerate(numbers, 1):
            self.step(bpf.JEQ, number, good, -1 if place < len(numbers) else no)
        self.place(good)

    def _port_pair(self, what: Ports, load: int, offset: int, yes: int, no: int) -> None:
        offsets = {"src": (0,), "dst": (2,), "": (0, 2)}[what.side]
        for number, more in enumerate(offsets, 1):
            other = no if number == len(offsets) else self.label()
            self.step(load, offset + more)
            if what.first == what.last:
                self.step(bpf.JEQ, what.first, yes, other)
            else:
                self.step(bpf.JGE, what.first, -1, other)
                self.step(bpf.JGT, what.last, other, yes)
            if other != no:
                self.place(other)

    def _ether(self, what: Ether, yes: int, no: int) -> None:
        self._framed()
        offsets = {"src": (6,), "dst": (0,), "": (6, 0)}[what.side]
        for number, offset in enumerate(offsets, 1):
            other = no if number == len(offsets) else self.label()
            self.step(bpf.LD, offset + 2)
            self.step(bpf.JEQ, int.from_bytes(what.address[2:], "big"), -1, other)
            self.step(bpf.LDH, offset)
            self.step(bpf.JEQ, int.from_bytes(what.address[:2], "big"), yes, other)
            if other != no:
                self.place(other)

    def _cast(self, name: str, yes: int, no: int) -> None:
        self._framed()
        if name == "multicast":
            self.step(bpf.LDB, 0)
            self.step(bpf.JSET, 1, yes, no)
        else:
            self.test(Ether("dst", b"\xff" * 6), yes, no)

    def _framed(self) -> None:
        if not self._base:
            raise FilterError("these packets have no frame of Ethernet")

    def _compare(self, what: Compare, yes: int, no: int) -> None:
        loads = {1: (bpf.LDB, bpf.LDB_IND), 2: (bpf.LDH, bpf.LDH_IND), 4: (bpf.LD, bpf.LD_IND)}
        plain, indexed = loads[what.size]
        if what.protocol == "ether":
            self._framed()
            self.step(plain, what.offset)
        elif what.protocol in ("ip", "ip6", "arp"):
            self._follow(Protocol(what.protocol), no)
            self.step(plain, self._base + what.offset)
        elif what.protocol == "icmp6":
            self._follow(Protocol("icmp6"), no)
            self.step(plain, self._base + 40 + what.offset)
        elif what.protocol == "vlan":
            raise FilterError("vlan has no bytes to look at")
        else:
            self._follow(Both(Protocol("ip"), Protocol(what.protocol)), no)
            self.step(bpf.LDH, self._base + 6)
            self.step(bpf.JSET, 0x1FFF, no, -1)
            self.step(bpf.LDX_MSH, self._base)
            self.step(indexed, self._base + what.offset)
        if what.mask is not None:
            self.step(bpf.AND, what.mask)
        match what.sign:
            case "=":
                self.step(bpf.JEQ, what.value, yes, no)
            case "!=":
                self.step(bpf.JEQ, what.value, no, yes)
            case ">":
                self.step(bpf.JGT, what.value, yes, no)
            case ">=":
                self.step(bpf.JGE, what.value, yes, no)
            case "<":
                self.step(bpf.JGE, what.value, no, yes)
            case _:
                self.step(bpf.JGT, what.value, no, yes)

    def _follow(self, what: Expression, no: int) -> None:
        """Go on where it holds."""
        good = self.label()
        self.test(what, good, no)
        self.place(good)
