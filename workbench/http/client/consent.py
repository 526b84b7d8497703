"""Redirects one hop at a time: whoever sits at the terminal is asked before each."""

from __future__ import annotations

import os
import select

from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.http.client.redirects import Redirect
from workbench.http.client.waiting import Waiting

LINE_MOST = 1024


class Consent:
    """Asks on standard input, where that is a terminal. `question` is what to ask first.

    Raises:
        JobError: there is no terminal.
    """

    def __init__(self, scope: Scope) -> None:
        if scope.input is None or not os.isatty(scope.input):
            raise JobError(
                "--step asks before each redirect, and standard input is no terminal",
                advice="--follow goes all the way; in the HTTP tab f goes one hop",
            )
        self._input = scope.input
        self._waiting = Waiting(scope)

    @staticmethod
    def question(found: Redirect) -> str:
        """What is asked: where it leads, and what does not go along."""
        to = found.request
        if to is None:
            return ""
        dropped = f", another origin, which does not get {', '.join(found.dropped)}"
        changed = f" ({found.changed})" if found.changed else ""
        return (
            f"{found.status} leads to {safe(str(to.url), limit=2000)}{changed}"
            f"{dropped if found.dropped else ''}: enter follows with {to.method}, n stops here"
        )

    def given(self) -> bool:
        """Wait for a line: an empty one, or yes.

        Raises:
            Cancelled: the scope was cancelled.
        """
        line = b""
        while not line.endswith(b"\n") and len(line) < LINE_MOST:
            self._waiting.wait({self._input: select.POLLIN}, None)
            piece = os.read(self._input, LINE_MOST)
            if not piece:
                return False
            line += piece
        return line.strip().lower() in (b"", b"y", b"yes")
