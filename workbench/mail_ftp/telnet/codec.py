"""Telnet's bytes (RFC 854, 855): data, commands, options by RFC 1143's Q method. Without a socket.

    telnet = Telnet(Wanted(local={SGA, NAWS}, remote={ECHO, SGA}))
    for item in telnet.receive(data): ...   # Data, Order, Option, Sub, Oversized
    sock.sendall(telnet.take())             # the answers to what came, and what was asked for

Data keeps its line ends (CR LF stays CR LF; CR NUL is the CR that it stands for), since a screen
and a shell want different things of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

IAC, DONT, DO, WONT, WILL, SB, GA, EL, EC, AYT, AO, IP, BRK, DM, NOP, SE = range(255, 239, -1)
EOR_MARK, ABORT, SUSP, EOF = 239, 238, 237, 236

BINARY, ECHO, SGA, STATUS, TIMING_MARK = 0, 1, 3, 5, 6
TTYPE, NAWS, TSPEED, LFLOW, LINEMODE, XDISPLOC = 24, 31, 32, 33, 34, 35
ENVIRON, AUTHENTICATION, ENCRYPT, NEW_ENVIRON, START_TLS = 36, 37, 38, 39, 46

COMMANDS = {
    EOF: "EOF",
    SUSP: "SUSP",
    ABORT: "ABORT",
    EOR_MARK: "EOR",
    SE: "SE",
    NOP: "NOP",
    DM: "DM",
    BRK: "BRK",
    IP: "IP",
    AO: "AO",
    AYT: "AYT",
    EC: "EC",
    EL: "EL",
    GA: "GA",
    SB: "SB",
    WILL: "WILL",
    WONT: "WONT",
    DO: "DO",
    DONT: "DONT",
    IAC: "IAC",
}
OPTIONS = {
    BINARY: "BINARY",
    ECHO: "ECHO",
    2: "RCP",
    SGA: "SGA",
    STATUS: "STATUS",
    TIMING_MARK: "TIMING-MARK",
    18: "LOGOUT",
    23: "SEND-LOCATION",
    TTYPE: "TTYPE",
    25: "EOR",
    NAWS: "NAWS",
    TSPEED: "TSPEED",
    LFLOW: "LFLOW",
    LINEMODE: "LINEMODE",
    XDISPLOC: "XDISPLOC",
    ENVIRON: "OLD-ENVIRON",
    AUTHENTICATION: "AUTHENTICATION",
    ENCRYPT: "ENCRYPT",
    NEW_ENVIRON: "NEW-ENVIRON",
    42: "CHARSET",
    44: "COM-PORT",
    START_TLS: "START-TLS",
    69: "MSDP",
    70: "MSSP",
    86: "MCCP2",
    200: "ATCP",
    201: "GMCP",
    255: "EXOPL",
}
"""By IANA's registry of telnet options, and what games use beside it."""

SUB_LIMIT = 8_192
"""Bytes of a subnegotiation that are kept; of a longer one nothing is used."""

Side = Literal["local", "remote"]
"""An option is for what we do (WILL, DO asks for it), or for what the peer does."""


def option_name(option: int) -> str:
    """Its name in the registry, or its number."""
    return OPTIONS.get(option, f"option {option}")


def command_name(code: int) -> str:
    """Its name in RFC 854, or its number."""
    return COMMANDS.get(code, f"command {code}")


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes that are for the terminal, or from it."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """A command that stands alone: AYT, IP, NOP, DM..."""

    code: int


@dataclass(frozen=True, slots=True)
class Option:
    """The peer said WILL, WONT, DO or DONT; `on` is how the option stands after it."""

    verb: int
    option: int
    side: Side
    on: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Sub:
    """A subnegotiation: what stood between IAC SB option and IAC SE."""

    option: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Oversized:
    """A subnegotiation that was longer than is kept."""

    option: int


Item = Data | Order | Option | Sub | Oversized


class _State(Enum):
    NO = 0
    YES = 1
    WANT_NO = 2
    WANT_YES = 3


@dataclass(slots=True)
class _Half:
    """One side of one option (RFC 1143, 7): its state, and whether the opposite is queued."""

    state: _State = _State.NO
    opposite: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options that are agreed to where the peer asks: what we would do, and what it may do."""

    local: frozenset[int] = field(default_factory=frozenset)
    remote: frozenset[int] = field(default_factory=frozenset)


class Telnet:
    """One end of a connection.

    Attributes:
        wanted: what is agreed to; may be changed at any time.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.wanted = wanted or Wanted()
        self._halves: dict[tuple[Side, int], _Half] = {}
        self._out = bytearray()
        self._held = b""
        """The beginning of a command whose rest has not come."""
        self._sub: bytearray | None = None
        self._oversized = False
        self._after_cr = False

    # -- what came -----------------------------------------------------------------------------

    def receive(self, data: bytes | memoryview) -> Iterator[Item]:
        """What the bytes hold; answers wait in `take`. To be run to its end."""
        data = self._held + bytes(data)
        self._held = b""
        at = 0
        while at < len(data):
            mark = data.find(b"\xff", at)
            end = len(data) if mark < 0 else mark
            if end > at:
                yield from self._plain(data[at:end])
            if mark < 0:
                return
            size = _size_of_command(data, mark)
            if not size:
                self._held = data[mark:]
                return
            at = mark + size
            yield from self._command(data[mark + 1], data[mark + size - 1])

    def _command(self, code: int, option: int) -> Iterator[Item]:
        if code == IAC:
            yield from self._plain(b"\xff")
            return
        # SE ends a subnegotiation; another command there breaks it off.
        sub, self._sub = self._sub, None
        if code == SE:
            if sub:
                yield Oversized(sub[0]) if self._oversized else Sub(sub[0], bytes(sub[1:]))
        elif code == SB:
            self._sub, self._oversized = bytearray(), False
        elif code >= WILL:
            yield self._answer(code, option)
        else:
            yield Order(code)

    def _plain(self, data: bytes) -> Iterator[Item]:
        if self._sub is not None:
            if len(self._sub) + len(data) > SUB_LIMIT:
                self._oversized = True
                data = data[: SUB_LIMIT - len(self._sub)]
            self._sub += data
            return
        if not self.is_on("remote", BINARY):
            if self._after_cr and data[:1] == b"\0":
                data = data[1:]
            self._after_cr = data.endswith(b"\r") if data else False
            data = data.replace(b"\r\0", b"\r")
        else:
            self._after_cr = False
        if data:
            yield Data(data)

    # -- options -------------------------------------------------------------------------------

    def is_on(self, side: Side, option: int) -> bool:
        """Whether it is agreed on; what is being taken back is on until the peer agrees."""
        half = self._halves.get((side, option))
        return half is not None and half.state in (_State.YES, _State.WANT_NO)

    def on(self, side: Side) -> list[int]:
        """The options that are agreed on, by number."""
        return sorted(
            number for (where, number) in self._halves if where == side and self.is_on(side, number)
        )

    def ask(self, side: Side, option: int, on: bool = True) -> None:
        """Ask for an option, or to have it no more; nothing is sent where that is so already."""
        half = self._half(side, option)
        want, wanted, there = (
            (_State.WANT_YES, _State.NO, _State.YES)
            if on
            else (_State.WANT_NO, _State.YES, _State.NO)
        )
        if half.state is wanted:
            half.state = want
            self._say(side, option, on)
        elif half.state is want:
            half.opposite = False
        elif half.state is not there:
            half.opposite = True  # the other is being asked for: this comes after it

    def _half(self, side: Side, option: int) -> _Half:
        return self._halves.setdefault((side, option), _Half())

    def _say(self, side: Side, option: int, on: bool) -> None:
        verb = (WILL if on else WONT) if side == "local" else (DO if on else DONT)
        self._out += bytes((IAC, verb, option))

    def _answer(self, verb: int, option: int) -> Option:
        """RFC 1143, 7, for both sides of both words."""
        side: Side = "remote" if verb in (WILL, WONT) else "local"
        agreed = self.wanted.remote if side == "remote" else self.wanted.local
        half = self._half(side, option)
        before = self.is_on(side, option)
        if verb in (WILL, DO):
            self._says_yes(half, side, option, option in agreed)
        else:
            self._says_no(half, side, option)
        now = self.is_on(side, option)
        return Option(verb, option, side, now, now != before)

    def _says_yes(self, half: _Half, side: Side, option: int, agreed: bool) -> None:
        match half.state:
            case _State.NO:
                half.state = _State.YES if agreed else _State.NO
                self._say(side, option, agreed)
            case _State.WANT_NO:
                # An answer of yes to no is an error of the peer's; what was queued decides.
                half.state = _State.YES if half.opposite else _State.NO
                half.opposite = False
            case _State.WANT_YES if half.opposite:
                half.state, half.opposite = _State.WANT_NO, False
                self._say(side, option, False)
            case _State.WANT_YES:
                half.state = _State.YES
            case _State.YES:
                pass

    def _says_no(self, half: _Half, side: Side, option: int) -> None:
        match half.state:
            case _State.YES:
                half.state = _State.NO
                self._say(side, option, False)
            case _State.WANT_NO if half.opposite:
                half.state, half.opposite = _State.WANT_YES, False
                self._say(side, option, True)
            case _State.NO:
                pass
            case _:
                half.state, half.opposite = _State.NO, False

    # -- what goes -----------------------------------------------------------------------------

    def take(self) -> bytes:
        """What is to be sent by now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def send(self, data: bytes) -> None:
        """Data for the peer: IAC doubled, and a CR alone as CR NUL unless BINARY is agreed on."""
        if not self.is_on("local", BINARY):
            data = data.replace(b"\r", b"\r\0").replace(b"\r\0\n", b"\r\n")
        self._out += data.replace(b"\xff", b"\xff\xff")

    def order(self, code: int) -> None:
        """A command that stands alone."""
        self._out += bytes((IAC, code))

    def sub(self, option: int, data: bytes) -> None:
        """A subnegotiation."""
        self._out += bytes((IAC, SB, option)) + data.replace(b"\xff", b"\xff\xff")
        self._out += bytes((IAC, SE))


def _size_of_command(data: bytes, mark: int) -> int:
    """How many bytes the command at IAC has; 0 where not all have come."""
    if mark + 1 == len(data):
        return 0
    size = 3 if WILL <= data[mark + 1] <= DONT else 2
    return size if mark + size <= len(data) else 0
