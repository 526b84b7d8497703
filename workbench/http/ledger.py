"""What a connection tells of its answers: each once the kernel has taken the last of it."""

from __future__ import annotations

import time

from workbench.http.events import RequestServed
from workbench.http.request_head import RequestHead
from workbench.servers.connection import Connection

Answer = tuple[str, str, int, int, float]
"""Method, target, status, bytes of its body, and perf_counter() when it was asked for."""


class Ledger:
    """The answers of one connection, in the order they were handed over."""

    __slots__ = ("_connection", "_waiting")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: list[Answer] = []

    def enter(self, head: RequestHead | None, status: int, length: int, began: float) -> None:
        """An answer was handed over, all of it."""
        connection = self._connection
        method = target = ""
        if head is not None:
            method, target = head.method, head.target.decode("ascii", "backslashreplace")
        connection.last = f"{method} {target} {status}"
        answer = (method, target, status, length, began)
        if connection.pending:
            self._waiting.append(answer)
        else:
            self.tell(answer, connection.reason)

    def settle(self, cut: str = "") -> None:
        """All has gone out; or no more will, for this reason."""
        if self._waiting:
            for answer in self._waiting:
                self.tell(answer, cut)
            self._waiting.clear()

    def tell(self, answer: Answer, cut: str) -> None:
        """Tell of one answer now."""
        connection = self._connection
        method, target, status, length, began = answer
        connection.request_done(error=status >= 400 or bool(cut))
        took = time.perf_counter() - began
        if not cut:
            connection.answered(took)
        connection.report(
            RequestServed(connection.id, connection.peer, method, target, status, length, took, cut)
        )


def asked(head: RequestHead | None) -> tuple[str, str]:
    """Method and target as text; nothing for what was no request."""
    if head is None:
        return "", ""
    return head.method, head.target.decode("ascii", "backslashreplace")
