"""Where the data connection goes: PASV, EPSV, PORT and EPRT, as text and as values.

RFC 959 section 4.1.2, RFC 2428. What a server names in PASV is a wish: `Passive.elsewhere` says
whether it differs from the host that is talked to, where the connection goes in any case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PASV = re.compile(r"(?<!\d)(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})(?!\d)")
_EPSV = re.compile(r"\(([!-~])\1\1(\d{1,5})\1\)")


class PlaceError(ValueError):
    """No place to connect to; one line says why."""


@dataclass(frozen=True, slots=True)
class Passive:
    """What the server listens on for us; `host` is "" where it names none (EPSV)."""

    host: str
    port: int

    def elsewhere(self, peer: str) -> bool:
        """It names another host than the one that is talked to."""
        return bool(self.host) and self.host != peer


def passive(text: str) -> Passive:
    """The place in a 227 reply.

    Raises:
        PlaceError: six numbers of a byte are not there, or the port is 0.
    """
    found = _PASV.search(text)
    numbers = [int(one) for one in found.groups()] if found else []
    if not numbers or max(numbers) > 255:
        raise PlaceError("PASV was answered without h1,h2,h3,h4,p1,p2")
    port = numbers[4] << 8 | numbers[5]
    if not port:
        raise PlaceError("PASV was answered with port 0")
    return Passive(".".join(map(str, numbers[:4])), port)


def extended_passive(text: str) -> Passive:
    """The place in a 229 reply.

    Raises:
        PlaceError: (|||port|) is not there, or the port is none.
    """
    found = _EPSV.search(text)
    if not found:
        raise PlaceError("EPSV was answered without (|||port|)")
    port = int(found[2])
    if not 0 < port < 65_536:
        raise PlaceError(f"EPSV was answered with port {port}")
    return Passive("", port)


def port_command(host: str, port: int) -> str:
    """PORT for IPv4, EPRT for IPv6: where the server shall connect to."""
    if ":" in host:
        return f"EPRT |2|{host.partition('%')[0]}|{port}|"
    return f"PORT {host.replace('.', ',')},{port >> 8},{port & 255}"


def wished(command: str, text: str) -> tuple[str, int]:
    """Host and port of the value of PORT or EPRT, as a server reads it.

    Raises:
        PlaceError: it is none.
    """
    if command == "PORT":
        try:
            found = passive(text)
        except PlaceError:
            raise PlaceError("PORT takes h1,h2,h3,h4,p1,p2") from None
        return found.host, found.port
    mark = text[:1]
    parts = text.split(mark) if mark else []
    if len(parts) != 5 or parts[1] not in ("1", "2") or not parts[3].isdecimal():
        raise PlaceError("EPRT takes |1 or 2|address|port|")
    if not 0 < int(parts[3][:6]) < 65_536:
        raise PlaceError("EPRT takes a port from 1 to 65535")
    return parts[2], int(parts[3])
