"""What all connections of a server of HTTP share."""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbench.http.application import Application
from workbench.http.dates import format_date
from workbench.http.response import STATUS_LINES, Response, status_line


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds a peer may take: to send a request's head, and its body, to ask for something, to
    read some of what waits for it, and to read why it was refused."""

    head: float = 30.0
    body: float = 60.0
    idle: float = 60.0
    stalled: float = 30.0
    refused: float = 2.0


class Service:
    """What all connections of a server share: who answers, how patiently, and today's date."""

    def __init__(self, application: Application, patience: Patience) -> None:
        self.application = application
        self.respond = application.respond
        self.patience = patience
        self._second = 0
        self._common = b""

    def common(self) -> bytes:
        """The Server and Date fields, made anew each second."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._common = b"Server: workbench\r\nDate: %b\r\n" % format_date(now)
        return self._common

    def head(self, response: Response, *, keep: bool, minor: int) -> bytes:
        """The head of an answer."""
        if not keep:
            end = b"Connection: close\r\n\r\n"
        elif minor:
            end = b"\r\n"
        else:
            end = b"Connection: keep-alive\r\n\r\n"
        first = STATUS_LINES.get(response.status) or status_line(response.status)
        return first + self.common() + response.fields + end
