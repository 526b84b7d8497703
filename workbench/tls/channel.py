"""A connection on which TLS is to begin: bytes both ways by a deadline, and STARTTLS before it."""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field

from workbench.core.scope import Scope
from workbench.tls.starttls import DIALOGUES, StartTlsError, shown

READ_SIZE = 65_536


@dataclass
class Channel:
    """A connected, non-blocking socket that is waited for until a moment of `time.monotonic`.

    Every method raises TimeoutError past that, OSError, and Cancelled with its scope. `read`
    counts the bytes that came since TLS may begin.
    """

    sock: socket.socket
    scope: Scope
    until: float
    read: int = field(default=0, init=False)

    def receive(self, until: float | None = None) -> bytes:
        """What comes next; b"" at the end."""
        deadline = self.until if until is None else min(until, self.until)
        while True:
            try:
                data = self.sock.recv(READ_SIZE)
                self.read += len(data)
                return data
            except BlockingIOError:
                self.scope.wait_for(self.sock, select.POLLIN, deadline - time.monotonic())

    def send(self, data: bytes) -> None:
        """All of it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                left = self.until - time.monotonic()
                self.scope.wait_for(self.sock, select.POLLOUT, left)

    def go_through(self, protocol: str, host: str) -> None:
        """The dialogue before TLS, of `starttls.DIALOGUES`.

        Raises:
            StartTlsError: it does not lead there.
        """
        dialogue = DIALOGUES[protocol](host)
        self.send(dialogue.start())
        try:
            while not dialogue.done:
                data = self.receive()
                if not data:
                    raise StartTlsError(f"the server hung up before TLS ({protocol} was tried)")
                reply = dialogue.feed(data)
                if reply:
                    self.send(reply)
        except TimeoutError:
            said = "answered nothing" if not self.read else "stopped answering"
            raise StartTlsError(f"the server {said} before TLS ({protocol} was tried)") from None
        if dialogue.early:
            raise StartTlsError(f"the server says more where TLS begins: {shown(dialogue.early)}")
        self.read = 0
