"""Options as they are negotiated, in words: what each end says, and what it means."""

from __future__ import annotations

from typing import Literal

from workbench.core.message import Event, event
from workbench.core.text import safe
from workbench.mail_ftp.telnet.codec import (
    BINARY,
    ECHO,
    LINEMODE,
    NAWS,
    NEW_ENVIRON,
    SGA,
    TTYPE,
    Item,
    Option,
    Order,
    Oversized,
    Sub,
    Telnet,
    command_name,
    option_name,
)

IS, SEND, INFO = 0, 1, 2
"""The first byte of a subnegotiation of TTYPE and NEW-ENVIRON (RFC 1091, 1572)."""
VAR, VALUE, ESC, USERVAR = 0, 1, 2, 3

MEANINGS = {
    BINARY: "bytes as they are, no line ends",
    ECHO: "the server shows what is typed",
    SGA: "both may send at any time",
    TTYPE: "the terminal's type",
    NAWS: "the window's size",
    LINEMODE: "lines are edited by the client",
    NEW_ENVIRON: "variables of the environment",
}
TOLD = 500
"""Negotiations of one connection that are told."""

Who = Literal["client", "server"]


@event("negotiated", channel="talk")
class Negotiated(Event):
    """One step of the negotiation: `side` says it; `peer` is the number of a server's connection.

    `option` is its name in the registry ("" of a command), `on` how it stands after that.
    """

    side: Who
    text: str
    option: str = ""
    on: bool = False
    peer: int = 0

    def line(self) -> str:
        """An arrow and the words."""
        number = f"#{self.peer} " if self.peer else ""
        return f"{number}{'>' if self.side == 'client' else '<'} {self.text}"


def say(telnet: Telnet, item: Item, side: Who, peer: int = 0) -> Negotiated | None:
    """What has come, in words; None of data."""
    match item:
        case Option(verb, option, _, on, _):
            meaning = MEANINGS.get(option, "")
            text = f"{command_name(verb)} {option_name(option)}"
            note = f"   [{meaning}]" if meaning and verb in (251, 253) else ""
            return Negotiated(side, text + note, option_name(option), on, peer)
        case Order(code):
            return Negotiated(side, command_name(code), peer=peer)
        case Sub(option, data):
            text = f"SB {option_name(option)} {of_sub(option, data)}".rstrip()
            return Negotiated(side, text, option_name(option), True, peer)
        case Oversized(option):
            text = f"SB {option_name(option)}, too long: ignored"
            return Negotiated(side, text, option_name(option), False, peer)
        case _:
            return None


def said(data: bytes, side: Who, peer: int = 0) -> list[Negotiated]:
    """What we send, in words: `data` is of `Telnet.take`, what is typed left out."""
    reader = Telnet()
    told = (say(reader, item, side, peer) for item in reader.receive(data))
    return [one for one in told if one is not None]


def of_sub(option: int, data: bytes) -> str:
    """What a subnegotiation holds."""
    if option == NAWS:
        size = window(data)
        return f"{size[0]}x{size[1]}" if size else safe(data)
    if option == TTYPE and data[:1] in (b"\0", b"\1"):
        return "SEND" if data[0] == SEND else f"IS {safe(data[1:80])}"
    if option == NEW_ENVIRON and data[:1] in (b"\0", b"\1", b"\2"):
        names = ", ".join(f"{safe(name)}={safe(value)}" for name, value in variables(data[1:]))
        return f"{('IS', 'SEND', 'INFO')[data[0]]} {names}".rstrip(" =")
    return data[:40].hex(" ") + ("..." if len(data) > 40 else "")


def window(data: bytes) -> tuple[int, int] | None:
    """Columns and lines of NAWS (RFC 1073); None where it is malformed. 0 means: not known."""
    if len(data) != 4:
        return None
    return int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")


def variables(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of NEW-ENVIRON (RFC 1572), at most 64."""
    found: list[list[bytearray]] = []
    at = 0
    while at < len(data) and len(found) <= 64:
        byte = data[at]
        at += 1
        if byte in (VAR, USERVAR):
            found.append([bytearray(), bytearray()])
            part = 0
        elif byte == VALUE and found:
            part = 1
        else:
            if byte == ESC and at < len(data):
                byte = data[at]
                at += 1
            if found:
                found[-1][part].append(byte)
    return [(bytes(name), bytes(value)) for name, value in found[:64]]
