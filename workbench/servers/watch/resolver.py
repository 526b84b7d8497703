"""Names looked up for many checks at once: one question a name at a time, however many ask."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as NotYet

from workbench.core.scope import Address, Cancelled

_Key = tuple[str, int, int, int]


class Resolver:
    """getaddrinfo(3) with deadlines; every method may be called from any thread.

    The system's resolver cannot be interrupted. What does not answer in time is left behind in
    its thread, and who asks for the same name meanwhile waits for that one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[_Key, Future[list[Address]]] = {}
        self._closed = False

    def lookup(
        self, host: str, port: int, *, family: int = 0, kind: int = 0, patience: float
    ) -> list[Address]:
        """The addresses of a name; an address itself is taken apart at once.

        Raises:
            socket.gaierror: the resolver's own answer.
            TimeoutError: no answer within `patience` seconds.
            Cancelled: the resolver was closed.
        """
        try:
            flags = socket.AI_NUMERICHOST
            return list(socket.getaddrinfo(host, port, family, kind, 0, flags))
        except socket.gaierror as problem:
            if problem.errno != socket.EAI_NONAME:
                raise
        answer = self._ask((host, port, family, kind))
        try:
            return answer.result(max(0.0, patience))
        except NotYet:
            raise TimeoutError(f"the resolver did not answer for {host}") from None

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._lock:
            self._closed = True
            asked = list(self._asked.values())
        for answer in asked:
            _settle(answer, Cancelled())

    def _ask(self, key: _Key) -> Future[list[Address]]:
        with self._lock:
            if self._closed:
                raise Cancelled
            answer = self._asked.get(key)
            if answer is not None:
                return answer
            answer = self._asked[key] = Future()
        try:
            name = f"getaddrinfo {key[0]}"
            threading.Thread(target=self._work, args=(key, answer), name=name, daemon=True).start()
        except RuntimeError as problem:
            self._forget(key)
            _settle(answer, OSError(f"no thread for the look-up could be had: {problem}"))
        return answer

    def _work(self, key: _Key, answer: Future[list[Address]]) -> None:
        host, port, family, kind = key
        found: list[Address] | Exception
        try:
            found = list(socket.getaddrinfo(host, port, family, kind))
        except Exception as problem:
            found = problem
        self._forget(key)
        _settle(answer, found)

    def _forget(self, key: _Key) -> None:
        with self._lock:
            self._asked.pop(key, None)


def _settle(answer: Future[list[Address]], found: list[Address] | Exception) -> None:
    try:
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)
    except InvalidStateError:
        pass  # it was closed meanwhile
