"""Several addresses of one name tried in a race (RFC 8305): the first to answer is taken."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.core.scope import Address, Scope
from workbench.http.client.waiting import Waiting

HEAD_START = 0.25
"""Seconds that an address has before the next is tried beside it (RFC 8305, 5)."""

MOST = 16
"""Addresses of one name that are tried."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An address that was tried: `problem` is why it was not taken, "" for the winner."""

    address: str
    took: float
    problem: str = ""


def interleave(answers: Sequence[Address]) -> list[Address]:
    """Addresses of the two families by turns, the resolver's first first (RFC 8305, 4)."""
    if not answers:
        return []
    first = [one for one in answers if one[0] == answers[0][0]]
    others = [one for one in answers if one[0] != answers[0][0]]
    mixed: list[Address] = []
    for at in range(max(len(first), len(others))):
        mixed += first[at : at + 1] + others[at : at + 1]
    return mixed[:MOST]


def shown(address: Any) -> str:
    """A socket address as host:port."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Race:
    """The connecting sockets of one race; the winner is non-blocking and adopted by the scope."""

    def __init__(self, answers: Sequence[Address], scope: Scope) -> None:
        self._left = interleave(answers)
        self._scope = scope
        self._running: dict[int, tuple[socket.socket, str, float]] = {}
        self.attempts: list[Attempt] = []
        self._waiting = Waiting(scope)
        self._problem: OSError = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

    def run(self) -> socket.socket:
        """The socket that was connected first.

        Raises:
            OSError: what the last of them answered.
            TimeoutError: none answered within the scope's timeout.
            Cancelled: the scope was cancelled.
        """
        end = time.monotonic() + self._scope.timeout
        try:
            while self._left or self._running:
                start_next = time.monotonic() + HEAD_START
                won = self._start() if self._left else None
                while won is None and self._running:
                    now = time.monotonic()
                    if now >= end:
                        self._give_up()
                        raise TimeoutError("timed out")
                    if self._left and now >= start_next:
                        break
                    won = self._wait(min(end, start_next if self._left else end) - now)
                    if won is None and self._left and not self._running:
                        break
                if won is not None:
                    return won
            raise self._problem
        finally:
            for sock, address, began in self._running.values():
                self.attempts.append(Attempt(address, time.monotonic() - began, "not awaited"))
                sock.close()

    def _start(self) -> socket.socket | None:
        family, kind, protocol, _, address = self._left.pop(0)
        began = time.monotonic()
        try:
            sock = socket.socket(family, kind, protocol)
        except OSError as problem:
            self._lost(shown(address), began, problem)
            return None
        try:
            sock.setblocking(False)
            self._scope.adopt(sock)
            result = sock.connect_ex(address)
        except OSError as problem:
            sock.close()
            self._lost(shown(address), began, problem)
            return None
        except BaseException:
            sock.close()
            raise
        if result == errno.EINPROGRESS:
            self._running[sock.fileno()] = (sock, shown(address), began)
            return None
        return self._judge(sock, shown(address), began, result)

    def _wait(self, seconds: float) -> socket.socket | None:
        ready = self._waiting.wait(dict.fromkeys(self._running, select.POLLOUT), seconds)
        for number in ready:
            sock, address, began = self._running.pop(number)
            result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            won = self._judge(sock, address, began, result)
            if won is not None:
                return won
        return None

    def _judge(
        self, sock: socket.socket, address: str, began: float, result: int
    ) -> socket.socket | None:
        if result:
            sock.close()
            self._lost(address, began, OSError(result, os.strerror(result)))
            return None
        self.attempts.append(Attempt(address, time.monotonic() - began))
        return sock

    def _lost(self, address: str, began: float, problem: OSError) -> None:
        self._problem = problem
        why = os.strerror(problem.errno) if problem.errno else str(problem)
        self.attempts.append(Attempt(address, time.monotonic() - began, why))

    def _give_up(self) -> None:
        for sock, address, began in self._running.values():
            self.attempts.append(Attempt(address, time.monotonic() - began, "no answer"))
            sock.close()
        self._running.clear()
