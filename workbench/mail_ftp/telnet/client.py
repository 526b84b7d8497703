"""The client's end of Telnet: which options it agrees to, and what it answers. Without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from workbench.core.message import Event, event
from workbench.mail_ftp.telnet.codec import (
    BINARY,
    ECHO,
    NAWS,
    NEW_ENVIRON,
    SGA,
    TTYPE,
    Data,
    Item,
    Option,
    Sub,
    Telnet,
    Wanted,
    option_name,
)
from workbench.mail_ftp.telnet.words import IS, SEND, TOLD, VALUE, VAR, Negotiated, said, say

Mode = Literal["auto", "line", "character"]


@event("telnet-state", channel="talk", coalesce=True)
class State(Event):
    """How the session stands: what both sides have agreed to, and how typing is done.

    `ours` and `theirs` are the names of options; `character`: keys go at once, else lines;
    `echo`: what is typed is shown by us.
    """

    ours: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    character: bool = False
    echo: bool = True
    binary: bool = False

    def line(self) -> str:
        """Nothing: each step has been told."""
        return ""


class Client:
    """What a terminal's end agrees to: SGA, TTYPE, NAWS, BINARY; NEW-ENVIRON where a user is named.

    Args:
        terminal: what it is called (TTYPE).
        size: columns and lines, or None to say nothing of a window.
        user: told as USER where the server asks (RFC 1572).
        mode: how typing is done; "auto": by what the server agrees to.
    """

    def __init__(
        self,
        terminal: str = "xterm-256color",
        size: tuple[int, int] | None = None,
        user: str = "",
        mode: Mode = "auto",
    ) -> None:
        self.terminal = terminal
        self.size = size
        self.user = user
        self.mode = mode
        local = (
            {SGA, TTYPE, BINARY} | ({NAWS} if size else set()) | ({NEW_ENVIRON} if user else set())
        )
        self.telnet = Telnet(Wanted(frozenset(local), frozenset({SGA, ECHO, BINARY})))
        self._told = 0

    @property
    def character(self) -> bool:
        """Keys go to the server at once."""
        if self.mode != "auto":
            return self.mode == "character"
        return self.telnet.is_on("remote", ECHO) and self.telnet.is_on("remote", SGA)

    @property
    def echo(self) -> bool:
        """What is typed is to be shown here: the server does not."""
        return not self.telnet.is_on("remote", ECHO)

    @property
    def state(self) -> State:
        """How it stands."""
        telnet = self.telnet
        return State(
            tuple(map(option_name, telnet.on("local"))),
            tuple(map(option_name, telnet.on("remote"))),
            self.character,
            self.echo,
            telnet.is_on("local", BINARY) and telnet.is_on("remote", BINARY),
        )

    def begin(self, *, binary: bool) -> None:
        """Ask for what the user has asked for; of a server that is silent nothing is asked."""
        if self.mode == "character":
            self.telnet.ask("remote", SGA)
            self.telnet.ask("remote", ECHO)
        if binary:
            self.set_binary(True)

    def set_binary(self, on: bool) -> None:
        """Ask for BINARY both ways, or take it back."""
        self.telnet.ask("local", BINARY, on)
        self.telnet.ask("remote", BINARY, on)

    def set_mode(self, mode: Mode) -> None:
        """Another way of typing; the server is asked to echo, or not to."""
        self.mode = mode
        if mode != "auto":
            self.telnet.ask("remote", SGA, mode == "character")
            self.telnet.ask("remote", ECHO, mode == "character")

    def resize(self, columns: int, lines: int) -> None:
        """The window has another size."""
        self.size = columns, lines
        if self.telnet.is_on("local", NAWS):
            self._tell_size()

    def receive(self, data: bytes) -> Iterator[bytes | Negotiated]:
        """Bytes for the screen, and what was negotiated, both ways; `out` of it waits in `take`."""
        for item in self.telnet.receive(data):
            if isinstance(item, Data):
                yield item.data
                continue
            yield from self._tell(say(self.telnet, item, "server"))
            self._heed(item)

    def take(self) -> tuple[bytes, list[Negotiated]]:
        """What is to be sent by now, and what of it is to be told."""
        data = self.telnet.take()
        if b"\xff" not in data:
            return data, []
        return data, [told for one in said(data, "client") for told in self._tell(one)]

    def _tell(self, what: Negotiated | None) -> Iterator[Negotiated]:
        if what is None or self._told > TOLD:
            return
        self._told += 1
        if self._told > TOLD:
            what = Negotiated(what.side, "more of this is not told")
        yield what

    def _heed(self, item: Item) -> None:
        telnet = self.telnet
        match item:
            case Option(_, option, "local", True, True) if option == NAWS:
                self._tell_size()
            case Sub(option, data) if data[:1] == bytes((SEND,)):
                if option == TTYPE and telnet.is_on("local", TTYPE):
                    name = self.terminal.upper().encode("ascii", "replace")
                    telnet.sub(TTYPE, bytes((IS,)) + name)
                elif option == NEW_ENVIRON and telnet.is_on("local", NEW_ENVIRON):
                    telnet.sub(NEW_ENVIRON, self._environment())

    def _environment(self) -> bytes:
        value = bytearray()
        for byte in self.user.encode():
            value += bytes((2, byte)) if byte < 4 else bytes((byte,))
        return bytes((IS, VAR)) + b"USER" + bytes((VALUE,)) + value

    def _tell_size(self) -> None:
        columns, lines = self.size or (80, 24)
        self.telnet.sub(NAWS, columns.to_bytes(2, "big") + lines.to_bytes(2, "big"))
