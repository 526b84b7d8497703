"""capture: the packets of an interface as they pass, filtered in the kernel, decoded, saved."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import hexdump, safe
from workbench.core.units import amount
from workbench.servers.events import Stop
from workbench.sockets import pcapng
from workbench.sockets.capture import bpf
from workbench.sockets.capture.bpf import Instruction
from workbench.sockets.capture.code import python
from workbench.sockets.capture.compile import compile_filter
from workbench.sockets.capture.decode import decode
from workbench.sockets.capture.source import Interface, default_interface, read_file, wait
from workbench.sockets.capture.words import Expression, FilterError, parse
from workbench.sockets.pcapng import LINK_ETHERNET, LINK_RAW, SNAPLEN, Packet

AT_ONCE = 256
SECRETS_LONGEST = 8 << 20
"""Bytes of a key log that are put into a capture."""
STATISTICS_INTERVAL = 0.5


def clock(stamp: int, digits: int) -> str:
    """The time of day of nanoseconds since 1970; a time that no calendar has, in seconds."""
    seconds, rest = divmod(stamp, 1_000_000_000)
    try:
        whole = time.strftime("%H:%M:%S", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        whole = str(seconds)
    return f"{whole}.{rest // 10 ** (9 - digits):0{digits}}"


@event("packet")
class Captured(Event):
    """A packet: when it passed (nanoseconds since 1970), what it is, and its bytes.

    Attributes:
        length: what it had on the wire; `data` is what was captured of it.
        link: the type of its link (www.tcpdump.org/linktypes.html).
        sent: this host sent it; None where that is not known.
        hex: its bytes are to be shown too.
    """

    number: int
    stamp: int
    interface: str
    protocol: str
    source: str
    target: str
    words: str
    length: int
    link: int
    data: bytes
    sent: bool | None = None
    hex: bool = False

    def line(self) -> str:
        """As tcpdump has it."""
        ends = f"{self.source} > {self.target}: " if self.source or self.target else ""
        line = safe(f"{clock(self.stamp, 6)} {self.protocol} {ends}{self.words}")
        return "\n".join([line, *hexdump(self.data)]) if self.hex else line

    def size(self) -> int:
        """Roughly the bytes of it."""
        return 512 + len(self.data)


@event("captured", channel="talk", coalesce=True)
class Capturing(Event):
    """How much has passed the filter, and what the kernel lost because nobody took it in time."""

    packets: int
    octets: int
    lost: int
    rate: float

    def line(self) -> str:
        """Nothing; the last line tells."""
        return ""


@dataclass(frozen=True, slots=True)
class Capture(Request):
    """Capture the packets of an interface, or show those of a file.

    The filter has the words of tcpdump: host, net, port, portrange with src or dst; tcp, udp, icmp,
    icmp6, arp, ip, ip6, sctp, vlan; less, greater; ether host; tcp[tcpflags] & tcp-syn != 0; and,
    or, not and parentheses. The kernel filters, so that nothing else costs anything.

    With --secrets a capture of TLS carries the keys that decrypt it (serve tls --keylog FILE
    writes them, and any program with SSLKEYLOGFILE): keep it as you would keep the keys.
    """

    interface: str = argument("whose packets; else the first that is up", default="")
    filter: str = option("", "which packets", metavar="FILTER")
    count: int = option(0, "end after so many packets")
    save: str = option("", "write them to a new file of pcapng too", metavar="FILE")
    secrets: str = option(
        "", "with --save: an SSLKEYLOGFILE to put in, so that TLS is read too", metavar="FILE"
    )
    read: str = option("", "show the packets of a file, pcapng or pcap", metavar="FILE")
    snaplen: int = option(SNAPLEN, "bytes of a packet that are kept", unit="B")
    promiscuous: bool = option(False, "also what is for other hosts")
    hex: bool = option(False, "show the bytes of each as well")

    def expression(self) -> Expression | None:
        """The filter.

        Raises:
            JobError: it is none.
        """
        try:
            return parse(self.filter)
        except FilterError as problem:
            raise JobError(
                f"the filter: {problem}", advice="as: tcp port 80 and not host 127.0.0.1"
            ) from None

    def program(self, link: int) -> list[Instruction]:
        """What the filter is for packets of that link.

        Raises:
            JobError: it is none, or has no meaning for them.
        """
        expression = self.expression()
        try:
            return compile_filter(expression, link, self.snaplen)
        except FilterError as problem:
            raise JobError(f"the filter: {problem}") from None

    def as_python(self) -> str:
        """A packet socket with the same program in the kernel; a reader of pcap for a file."""
        return python(self.interface or "lo", self.program(LINK_ETHERNET), self.count, self.read)

    def as_shell(self) -> str:
        """tcpdump, with the same filter."""
        words = ["tcpdump", "-n", "-l"]
        words += ["-r", self.read] if self.read else ["-i", self.interface or "lo"]
        words += [] if self.promiscuous or self.read else ["-p"]
        words += ["-c", str(self.count)] if self.count else []
        words += ["-s", str(self.snaplen)] if self.snaplen != SNAPLEN else []
        words += ["-w", self.save] if self.save else []
        words += ["-X"] if self.hex else []
        return shlex.join([*words, *([self.filter] if self.filter else [])])


@job("capture", tab="sockets", example="capture lo --count 10", commands=(Stop,))
def capture(request: Capture, scope: Scope) -> Iterator[Event]:
    """Capture until stopped, or so many packets; or show a file."""
    if not 64 <= request.snaplen <= SNAPLEN:
        raise JobError(f"a snaplen is 64 to {SNAPLEN:,} bytes, not {request.snaplen:,}")
    if request.secrets:
        if not request.save:
            raise JobError("secrets go into a file that is saved", advice="add --save FILE")
        os.stat(request.secrets)  # better said now than at the end
    saved = _Saved(request) if request.save else None
    try:
        if request.read:
            yield from _file(request, scope, saved)
        else:
            yield from _live(request, scope, saved)
    finally:
        if saved is not None:
            saved.close()


class _Saved:
    """The file that packets are written to; there must be none of its name."""

    def __init__(self, request: Capture) -> None:
        if request.read and Path(request.read).resolve() == Path(request.save).resolve():
            raise JobError("a capture cannot be read and written at one time")
        try:
            self._file: IO[bytes] = open(request.save, "xb")  # noqa: SIM115 - closed by its owner
        except FileExistsError:
            raise JobError(
                f"{safe(request.save)} exists already", code="EEXIST", advice="choose another name"
            ) from None
        self._path = Path(request.save)
        self._secrets = Path(request.secrets) if request.secrets else None
        self._chosen = request.filter
        self._numbers: dict[tuple[int, str], int] = {}
        self._file.write(pcapng.begin())

    def add(self, one: Packet) -> None:
        """Write a packet; its interface comes before its first."""
        key = (one.link, one.interface)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._file.write(pcapng.interface(one.link, one.interface, chosen=self._chosen))
        number = self._numbers[key]
        self._file.write(
            pcapng.packet(one.time, one.data, length=one.length, number=number, sent=one.sent)
        )

    def close(self) -> None:
        """What is written is whole; the secrets, known only now, stand before the packets."""
        self._file.close()
        if self._secrets is None:
            return
        with open(self._secrets, "rb") as log:
            text = log.read(SECRETS_LONGEST)
        head = pcapng.begin()
        whole = self._path.with_name(f".{self._path.name}.new")
        try:
            number = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(self._path, "rb") as old, open(number, "wb") as new:
                old.seek(len(head))
                new.write(head + pcapng.secrets(text))
                shutil.copyfileobj(old, new)
            os.replace(whole, self._path)
        except BaseException:
            whole.unlink(missing_ok=True)
            raise


def _shown(one: Packet, number: int, request: Capture) -> Captured:
    found = decode(one.data, one.link)
    return Captured(
        *(number, one.time, one.interface, found.protocol, found.source, found.target, found.words),
        *(one.length, one.link, one.data, one.sent, request.hex),
    )


def _file(request: Capture, scope: Scope, saved: _Saved | None) -> Iterator[Event]:
    programs: dict[int, list[Instruction]] = {}
    number = seen = 0
    for one in read_file(Path(request.read), scope):
        seen += 1
        if request.filter:
            if one.link not in programs:
                programs[one.link] = request.program(one.link)
            if not bpf.run(programs[one.link], one.data, one.length):
                continue
        number += 1
        if saved is not None:
            saved.add(one)
        yield _shown(one, number, request)
        if number == request.count:
            break
    of = f" of {seen:,}" if request.filter else ""
    yield Done(f"{number:,}{of} packets")


def _live(request: Capture, scope: Scope, saved: _Saved | None) -> Iterator[Event]:
    name = request.interface or default_interface()
    source = Interface(name, request.snaplen, promiscuous=request.promiscuous)
    with source.sock:
        source.listen(request.program(source.link))
        kind = {LINK_ETHERNET: "Ethernet", LINK_RAW: "IP"}[source.link]
        yield Note(
            f"listening on {name} ({kind})" + (f" for {request.filter}" * bool(request.filter))
        )
        number = octets = lost = told = 0
        begun = tick = time.monotonic()
        ended = False
        while not ended:
            left = request.count - number if request.count else AT_ONCE
            found = source.packets(min(left, AT_ONCE))
            for one in found:
                number += 1
                octets += one.length
                if saved is not None:
                    saved.add(one)
                yield _shown(one, number, request)
            ended = bool(request.count) and number >= request.count
            ended |= any(isinstance(one, Stop) for one in scope.commands())
            now = time.monotonic()
            if now - tick >= STATISTICS_INTERVAL or ended:
                lost += source.statistics()[1]
                if number != told:
                    told = number
                    yield Capturing(number, octets, lost, number / max(now - begun, 1e-9))
                tick = now
            if not ended and not found:
                wait(source, scope, STATISTICS_INTERVAL if number != told else None)
    missed = f"; the kernel lost {lost:,}: a filter or --snaplen makes it less" if lost else ""
    yield Done(f"{number:,} packets, {amount(octets)}{missed}")
