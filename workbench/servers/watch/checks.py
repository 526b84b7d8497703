"""The kinds of checks, by scheme: where each is, and which settings of a target it heeds.

A check is a function `look(attempt) -> Outcome`. It raises OSError or JobError for what is down,
`CannotCheckError` for what cannot be seen from here. It is named by its module and imported when
it is first wanted, so that a richer one takes a place by its entry in the table alone.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError, explain
from workbench.core.scope import Cancelled, Scope
from workbench.core.text import safe
from workbench.servers.watch.attempt import Attempt, Presented
from workbench.servers.watch.outcome import DETAIL_LENGTH, CannotCheckError, Outcome, State
from workbench.servers.watch.resolver import Resolver
from workbench.servers.watch.targets import TALK_KEYS, TLS_KEYS, Target

Look = Callable[[Attempt], Outcome]

DAY = 86_400.0

_HERE = "workbench.servers.watch"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check: its function as "module:name", and the settings that it heeds."""

    look: str
    heeds: frozenset[str] = frozenset()


_TALK = Kind(f"{_HERE}.talk:talk", TALK_KEYS)
_DATAGRAM = Kind(f"{_HERE}.talk:datagram", frozenset({"send", "expect", "answer"}))
_WEB = Kind(f"{_HERE}.web:fetch", frozenset({"expect", "status", "method"}))
_GREETING = Kind(f"{_HERE}.greeting:greet", frozenset({"expect"}))
_DNS = Kind(f"{_HERE}.dns:ask", frozenset({"expect"}))

KINDS: dict[str, Kind] = {
    "tcp": _TALK,
    "unix": _TALK,
    "udp": _DATAGRAM,
    "unixgram": _DATAGRAM,
    "icmp": Kind(f"{_HERE}.ping:ping"),
    "dns": _DNS,
    "dot": _DNS,
    **dict.fromkeys(("http", "https", "http+unix"), _WEB),
    **dict.fromkeys(
        (
            *("smtp", "smtps", "submission", "submissions", "lmtp", "lmtp+unix"),
            *("imap", "imaps", "pop3", "pop3s", "ftp", "ftps", "nntp", "nntps", "ssh", "sftp"),
        ),
        _GREETING,
    ),
}
"""By scheme; any other scheme is checked as what carries it, so these names go first."""


def kind_of(endpoint: Endpoint) -> Kind:
    """The kind of check for an endpoint.

    Raises:
        JobError: there is none for what carries it.
    """
    kind = KINDS.get(endpoint.scheme) or KINDS.get(endpoint.transport)
    if kind is None:
        raise JobError(
            f"{endpoint}: {endpoint.transport} cannot be watched yet",
            advice="use tcp, udp, unix, icmp, or a scheme that these carry",
        )
    return replace(kind, heeds=kind.heeds | TLS_KEYS) if endpoint.tls else kind


def check(target: Target, scope: Scope, resolver: Resolver) -> Outcome:
    """Check a target once; whatever goes wrong is an outcome too.

    Raises:
        Cancelled: the watch ends.
    """
    attempt = Attempt(target, scope, resolver)
    try:
        module, _, name = kind_of(target.endpoint).look.partition(":")
        look: Look = getattr(importlib.import_module(module), name)
        found = look(attempt)
    except Cancelled:
        raise
    except Exception as problem:
        failed = explain(str(target.endpoint), problem)
        fault = not isinstance(problem, OSError | JobError | ValueError)
        advice = (
            f"; {failed.advice}" if isinstance(problem, CannotCheckError) and failed.advice else ""
        )
        state: State = "unknown" if fault or isinstance(problem, CannotCheckError) else "down"
        found = Outcome(state, failed.cause + advice, code=failed.code)
    found = replace(found, detail=safe(found.detail, limit=DETAIL_LENGTH))
    return _certified(found, attempt.presented, target.days)


def _certified(found: Outcome, presented: Presented | None, days: int) -> Outcome:
    """The outcome with what the certificate that came says of the days that are left."""
    if presented is None:
        return found
    found = replace(found, fingerprint=presented.fingerprint)
    if presented.not_after is None:
        return found
    left = int((presented.not_after - time.time()) // DAY)
    if left >= days:
        more = f"; the certificate is good for {left:,} days"
        return replace(found, detail=found.detail + more)
    words = (
        f"the certificate ends in {left:,} day{'' if left == 1 else 's'}"
        if left >= 0
        else f"the certificate ended {-left:,} day{'' if left == -1 else 's'} ago"
    )
    state: State = "warn" if found.state == "up" else found.state
    return replace(found, state=state, detail=f"{words}; {found.detail}", code="days")
