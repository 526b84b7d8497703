"""Every family of sockets: what its addresses look like, whether it is to be had, what brings it.

address_families(7), ip(7), unix(7), netlink(7), packet(7), vsock(7) and the kernel's own papers on
CAN, TIPC, AF_ALG, QRTR, MPTCP. That a family can be had is found out by making a socket.
"""

from __future__ import annotations

import errno
import gzip
import os
import platform
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Done
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe

CONFIG_MOST = 1 << 22


@dataclass(frozen=True, slots=True)
class Kind:
    """A family with a type and a protocol, as `socket.socket` takes them.

    Attributes:
        names: constants that this Python has if it was built with the family.
        module: the kernel's module, and `option` of the kernel's configuration that builds it.
        right: the capability that making one takes.
        address: the form in Python, with an example.
        use: a command line of this program for it, where there is one.
    """

    name: str
    family: int
    type: int
    protocol: int
    names: tuple[str, ...]
    address: str
    module: str = ""
    option: str = ""
    right: str = ""
    sysctl: str = ""
    use: str = ""


STREAM, DATAGRAM, RAW, SEQPACKET = 1, 2, 3, 5
_INET, _INET6, _UNIX, _NETLINK, _PACKET = 2, 10, 1, 16, 17
_CAN, _TIPC, _BLUETOOTH, _ALG, _VSOCK, _QRTR = 29, 30, 31, 38, 40, 42
_RAW_RIGHT = "CAP_NET_RAW"
_V4, _V6 = "('192.0.2.1', 80)", "('2001:db8::1', 80, 0, 0): address, port, flow, scope"
_CAN_NAMES = ("AF_CAN", "CAN_RAW")

KINDS = (
    Kind("INET TCP", _INET, STREAM, 0, ("AF_INET",), _V4, use="connect tcp://127.0.0.1:7007"),
    Kind("INET UDP", _INET, DATAGRAM, 0, ("AF_INET",), _V4, use="connect udp://127.0.0.1:7007"),
    Kind(
        "INET ICMP",
        _INET,
        DATAGRAM,
        1,
        ("AF_INET",),
        "('192.0.2.1', 0)",
        sysctl="net.ipv4.ping_group_range",
        use="ping 127.0.0.1",
    ),
    Kind(
        "INET raw",
        _INET,
        RAW,
        1,
        ("AF_INET", "SOCK_RAW"),
        "('192.0.2.1', 0)",
        right=_RAW_RIGHT,
        use="ping 127.0.0.1",
    ),
    Kind(
        "INET MPTCP",
        _INET,
        STREAM,
        262,
        ("AF_INET",),
        _V4,
        option="CONFIG_MPTCP",
        sysctl="net.mptcp.enabled",
        use="connect mptcp://127.0.0.1:7007",
    ),
    Kind(
        "INET SCTP",
        _INET,
        STREAM,
        132,
        ("AF_INET", "IPPROTO_SCTP"),
        _V4,
        module="sctp",
        option="CONFIG_IP_SCTP",
    ),
    Kind(
        "INET UDP-Lite",
        _INET,
        DATAGRAM,
        136,
        ("AF_INET", "IPPROTO_UDPLITE"),
        _V4,
        option="CONFIG_IP_UDPLITE",
        use="connect udplite://127.0.0.1:7007",
    ),
    Kind("INET6 TCP", _INET6, STREAM, 0, ("AF_INET6",), _V6, use="connect tcp://[::1]:7007"),
    Kind("INET6 UDP", _INET6, DATAGRAM, 0, ("AF_INET6",), _V6, use="connect udp://[::1]:7007"),
    Kind(
        "INET6 ICMP",
        _INET6,
        DATAGRAM,
        58,
        ("AF_INET6",),
        "('2001:db8::1', 0)",
        sysctl="net.ipv4.ping_group_range",
        use="ping ::1",
    ),
    Kind(
        "UNIX stream",
        _UNIX,
        STREAM,
        0,
        ("AF_UNIX",),
        "'/run/x.sock'; '\\0name' abstract; '' unnamed (socketpair)",
        use="connect unix:/run/x.sock",
    ),
    Kind(
        "UNIX datagram",
        _UNIX,
        DATAGRAM,
        0,
        ("AF_UNIX",),
        "'/run/x.sock', '\\0name'",
        use="connect unixgram:/run/x.sock",
    ),
    Kind(
        "UNIX seqpacket",
        _UNIX,
        SEQPACKET,
        0,
        ("AF_UNIX", "SOCK_SEQPACKET"),
        "'/run/x.sock', '\\0name'",
        use="connect unixseq:/run/x.sock",
    ),
    Kind(
        "NETLINK route",
        _NETLINK,
        RAW,
        0,
        ("AF_NETLINK",),
        "(0, 0): port (0: the kernel), groups as bits",
        use="interfaces --follow",
    ),
    Kind(
        "NETLINK sock_diag",
        _NETLINK,
        RAW,
        4,
        ("AF_NETLINK",),
        "(0, 0)",
        module="inet_diag",
        option="CONFIG_INET_DIAG",
        use="sockets",
    ),
    Kind(
        "PACKET",
        _PACKET,
        RAW,
        0x0300,
        ("AF_PACKET",),
        "('eth0', 0x0800): interface, EtherType; then packet type, hardware",
        module="af_packet",
        option="CONFIG_PACKET",
        right=_RAW_RIGHT,
        use="capture lo --count 10",
    ),
    Kind(
        "CAN raw",
        _CAN,
        RAW,
        1,
        _CAN_NAMES,
        "('can0',): interface",
        module="can_raw",
        option="CONFIG_CAN_RAW",
        use="can follow can0",
    ),
    Kind(
        "CAN broadcast manager",
        _CAN,
        DATAGRAM,
        2,
        ("AF_CAN", "CAN_BCM"),
        "('can0',)",
        module="can_bcm",
        option="CONFIG_CAN_BCM",
    ),
    Kind(
        "CAN ISO-TP",
        _CAN,
        DATAGRAM,
        6,
        ("AF_CAN", "CAN_ISOTP"),
        "('can0', 0x123, 0x456): interface, receive id, send id",
        module="can_isotp",
        option="CONFIG_CAN_ISOTP",
    ),
    Kind(
        "CAN J1939",
        _CAN,
        DATAGRAM,
        7,
        ("AF_CAN", "CAN_J1939"),
        "('can0', name, pgn, address)",
        module="can_j1939",
        option="CONFIG_CAN_J1939",
    ),
    Kind(
        "TIPC",
        _TIPC,
        SEQPACKET,
        0,
        ("AF_TIPC",),
        "(TIPC_ADDR_NAME, 1000, 1, 0, TIPC_NODE_SCOPE)",
        module="tipc",
        option="CONFIG_TIPC",
        use="serve echo tipc://1000:1",
    ),
    Kind(
        "ALG",
        _ALG,
        SEQPACKET,
        0,
        ("AF_ALG",),
        "('hash', 'sha256'), ('skcipher', 'cbc(aes)'): type, algorithm",
        module="algif_hash",
        option="CONFIG_CRYPTO_USER_API_HASH",
        use="alg hash sha256 /etc/hostname",
    ),
    Kind(
        "VSOCK",
        _VSOCK,
        STREAM,
        0,
        ("AF_VSOCK",),
        "(1, 5000): context identifier (1: this host), port",
        module="vsock",
        option="CONFIG_VSOCKETS",
        use="serve echo vsock://any:5000",
    ),
    Kind(
        "BLUETOOTH L2CAP",
        _BLUETOOTH,
        SEQPACKET,
        0,
        ("AF_BLUETOOTH", "BTPROTO_L2CAP"),
        "('00:11:22:33:44:55', 25): device, PSM",
        module="bluetooth",
        option="CONFIG_BT",
    ),
    Kind(
        "BLUETOOTH RFCOMM",
        _BLUETOOTH,
        STREAM,
        3,
        ("AF_BLUETOOTH", "BTPROTO_RFCOMM"),
        "('00:11:22:33:44:55', 1): device, channel",
        module="rfcomm",
        option="CONFIG_BT_RFCOMM",
    ),
    Kind(
        "QIPCRTR",
        _QRTR,
        DATAGRAM,
        0,
        ("AF_QIPCRTR",),
        "(1, 5): node, port",
        module="qrtr",
        option="CONFIG_QRTR",
    ),
)


@event("family")
class Family(Event):
    """A family with a type: `python` and `kernel` say whether each has it, `why` why not.

    `brings` is what would bring it; `use` a command line of this program, "" where there is none.
    """

    name: str
    number: int
    address: str
    python: bool
    kernel: bool
    why: str
    brings: str
    use: str

    def line(self) -> str:
        """In one or two lines."""
        mark = "yes" if self.kernel and self.python else "no"
        text = f"{self.name:<22} {mark:<4} {self.address}"
        if self.why:
            text += f"\n{'':<27} {self.why}"
            text += f"\n{'':<27} -> {self.brings}" if self.brings else ""
        elif self.use:
            text += f"\n{'':<27} {self.use}"
        return text


@dataclass(frozen=True, slots=True)
class Families(Request):
    """List every family of sockets: addresses, whether this Python and this kernel have it.

    Where one is not to be had it says why, as far as that can be known, and what would bring it: a
    module, a right, a setting, another build.
    """

    words: tuple[str, ...] = argument("only those with these words", default=(), metavar="WORD")
    missing: bool = option(False, "only those that are not to be had")

    def as_python(self) -> str:
        """A socket of each, made and closed."""
        rows = [(kind.name, kind.family, kind.type, kind.protocol) for kind in self.kinds]
        listed = "".join(f"    {row!r},\n" for row in rows)
        return _PYTHON.format(rows=listed)

    def as_shell(self) -> str:
        """What the kernel has registered."""
        return "awk 'NR > 1 { print $1 }' /proc/net/protocols | sort -u"

    @property
    def kinds(self) -> list[Kind]:
        """Those with the words."""
        words = [word.lower() for word in self.words]
        return [kind for kind in KINDS if all(word in kind.name.lower() for word in words)]


_PYTHON = """\
import socket

KINDS = [
{rows}]
for name, family, kind, protocol in KINDS:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as problem:
        print(name, "no:", problem)
    else:
        print(name, "yes")
"""


@job("families", tab="sockets", example="families")
def families(request: Families, scope: Scope) -> Iterator[Event]:
    """Try each."""
    told = have = 0
    for kind in request.kinds:
        scope.check()
        found = look(kind)
        has = found.python and found.kernel
        have += has
        if request.missing and has:
            continue
        told += 1
        yield found
    yield Done(f"{have} of {len(request.kinds)} are to be had here")


def look(kind: Kind) -> Family:
    """Whether a family is to be had, by making a socket of it."""
    lacks = [name for name in kind.names if not hasattr(socket, name)]
    problem = _try(kind)
    why, brings = "", ""
    if problem is not None:
        why, brings = _why(kind, problem)
    elif lacks:
        why = f"this Python has no socket.{lacks[0]}"
        brings = f"numbers work in its place; {_build(kind)}"
    return Family(
        kind.name, kind.family, kind.address, not lacks, problem is None, why, brings, kind.use
    )


def _try(kind: Kind) -> OSError | None:
    try:
        socket.socket(kind.family, kind.type, kind.protocol).close()
    except OSError as problem:
        return problem
    return None


def _build(kind: Kind) -> str:
    """What a Python needs when it is built."""
    if kind.family == _BLUETOOTH:
        return "a Python built with BlueZ's headers (libbluetooth-dev) has it"
    return (
        f"a newer Python than {platform.python_version()}, or one built on a newer system, has it"
    )


def _why(kind: Kind, problem: OSError) -> tuple[str, str]:
    """Why there is no such socket, and what would bring it."""
    if sys.platform != "linux":
        return f"this system refuses: {problem.strerror}", ""
    if problem.errno in (errno.EPERM, errno.EACCES):
        if kind.sysctl:
            value = _sysctl(kind.sysctl)
            return (
                f"this user may not: {kind.sysctl} is {value or 'not to be read'}",
                f"sysctl {kind.sysctl}='0 2147483647'",
            )
        return (
            f"this user has no {kind.right or 'right to it'}",
            f"root, or setcap {kind.right.lower()}+ep on the program" if kind.right else "",
        )
    if problem.errno == errno.ENOPROTOOPT and kind.sysctl:
        return (
            f"it is turned off: {kind.sysctl} is {_sysctl(kind.sysctl)}",
            f"sysctl {kind.sysctl}=1",
        )
    if problem.errno in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT):
        return _lacking(kind, problem)
    return f"the kernel refuses: {problem.strerror} ({errno.errorcode.get(problem.errno or 0)})", ""


def _lacking(kind: Kind, problem: OSError) -> tuple[str, str]:
    code = errno.errorcode.get(problem.errno or 0, "")
    why = f"this kernel ({os.uname().release}) does not have it ({code})"
    if kind.module and _has_module(kind.module):
        return f"its module is not loaded ({code})", f"modprobe {kind.module}"
    built = _configured(kind.option)
    if built in ("y", "m"):
        return why, f"it was built with {kind.option}={built}: its modules are not installed here"
    if kind.option:
        return why, f"a kernel with {kind.option}" + (
            f" (modprobe {kind.module})" * bool(kind.module)
        )
    return why, ""


def _has_module(name: str) -> bool:
    """Whether this kernel's modules hold one of that name (depmod(8))."""
    path = Path("/lib/modules") / os.uname().release / "modules.dep"
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return False
    return re.search(rf"/{re.escape(name)}\.ko", text.replace("-", "_")) is not None


def _configured(option: str) -> str:
    """The value of a kernel's option, "y", "m" or "", where its configuration can be read."""
    texts = (Path("/proc/config.gz"), Path("/boot") / f"config-{os.uname().release}")
    for path in texts if option else ():
        try:
            with path.open("rb") as file:
                data = file.read(CONFIG_MOST)
            text = gzip.decompress(data) if path.suffix == ".gz" else data
        except OSError:
            continue
        found = re.search(rf"^{option}=([ym])$".encode(), text[: 4 * CONFIG_MOST], re.M)
        return found[1].decode() if found else ""
    return ""


def _sysctl(name: str) -> str:
    try:
        with open(f"/proc/sys/{name.replace('.', '/')}", encoding="utf-8") as file:
            return safe(" ".join(file.read(100).split()))
    except OSError:
        return ""
