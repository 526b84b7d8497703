"""The first look of an inspection: the verdict as fast as a handshake, or what it is instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.core.failure import JobError, explain
from workbench.core.scope import Scope
from workbench.tls.inspecting.contexts import Contexts, Wanted
from workbench.tls.inspecting.events import Seen, days_until
from workbench.tls.inspecting.judge import Judged, judge
from workbench.tls.inspecting.shake import Shaken, shake
from workbench.tls.registry.groups import group_name
from workbench.tls.registry.suites import suite_name
from workbench.tls.registry.versions import version_name
from workbench.tls.starttls import StartTlsError
from workbench.tls.wire.reading import WireError

if TYPE_CHECKING:
    from workbench.tls.probe import Answer

TAKEN = 102_400
"""Bytes of a chain that OpenSSL takes (SSL_MAX_CERT_LIST_DEFAULT of ssl.h)."""

_NO_ISSUER = "unable to get"
_LONG = ("EXCESSIVE_MESSAGE_SIZE", "EXCESSIVE_MSG_SIZE")


@dataclass(slots=True)
class First:
    """What the first look found. `lax`: an ordinary client is refused, and why in `refused`.

    `unfinished` says why the handshake did not come to its end, where it was seen far enough to
    know the certificate.
    """

    shaken: Shaken
    judged: Judged
    lax: bool = False
    refused: str = ""
    unfinished: str = ""

    @property
    def too_long(self) -> bool:
        """OpenSSL refused the chain for its length."""
        return _too_long(self.shaken)


def first_look(
    wanted: Wanted, scope: Scope, now: datetime, contexts: Contexts | None = None
) -> First:
    """One handshake, or two where the first one shows that the certificate is not trusted.

    Args:
        contexts: those of other looks that trust the same.

    Raises:
        JobError: there is no TLS to be had, and why.
        OSError: there is no connection.
    """
    contexts = contexts or Contexts(wanted)
    try:
        shaken = shake(wanted, scope, contexts.get(verify=True))
        lax, refused, unfinished = False, "", ""
        if isinstance(shaken.problem, TimeoutError):
            raise _no_tls(_ask_plainly(wanted, scope))
        if shaken.problem is not None and not shaken.untrusted:
            words = explain("", shaken.problem).cause
            again = None
            if not (_too_long(shaken) or shaken.tap.request or shaken.tap.chain):
                again = _laxly(wanted, scope, contexts)
            if again is None:
                unfinished = words
            else:
                shaken, lax, refused = again, True, words
        if shaken.untrusted:
            shaken = _untrusted(wanted, scope, shaken, contexts, lax=lax)
    except StartTlsError as problem:
        raise JobError(str(problem), advice="--starttls none asks for TLS at once") from None
    if not shaken.done and not unfinished:
        unfinished = explain("", shaken.problem).cause if shaken.problem else ""
    if not shaken.chain and not shaken.done:
        shaken = _by_hand(wanted, scope, shaken)
    judged = judge(
        shaken.chain,
        shaken.verified,
        untrusted=shaken.untrusted,
        roots=contexts.roots,
        name=wanted.name,
        now=now,
    )
    if _too_long(shaken):
        size = sum(map(len, shaken.chain))
        unfinished = f"the chain has {size:,} bytes, and OpenSSL takes {TAKEN:,}"
    return First(shaken, judged, lax, refused, unfinished)


def _too_long(shaken: Shaken) -> bool:
    return getattr(shaken.problem, "reason", None) in _LONG


def _laxly(wanted: Wanted, scope: Scope, contexts: Contexts) -> Shaken | None:
    """Once more with all that OpenSSL still has; a server that has no TLS is told here."""
    answer = _ask_plainly(wanted, scope)
    if answer.kind in ("not_tls", "timeout", "closed"):
        raise _no_tls(answer)
    again = shake(wanted, scope, contexts.get(verify=True, lax=True))
    return again if again.done or again.untrusted or again.tap.chain else None


def _untrusted(
    wanted: Wanted, scope: Scope, shaken: Shaken, contexts: Contexts, *, lax: bool
) -> Shaken:
    """The same without verification, for the chain; the whole store is read before that."""
    if _NO_ISSUER in shaken.untrusted and not wanted.ca:
        again = shake(wanted, scope, contexts.get(verify=True, whole_store=True, lax=lax))
        if again.done:
            return again
    open_eyed = shake(wanted, scope, contexts.get(verify=False, lax=lax))
    open_eyed.untrusted = shaken.untrusted
    return open_eyed


def _by_hand(wanted: Wanted, scope: Scope, before: Shaken) -> Shaken:
    """What OpenSSL does not get through: a chain that is too long, a certificate it cannot read."""
    from workbench.tls.inspecting import flight  # what few servers need is not loaded for all

    try:
        found = flight.take(wanted, scope)
        if found.chain:
            return replace(before, chain=found.chain)
    except (WireError, OSError):
        scope.check()
    answer = _ask_plainly(wanted, scope, flight_too=True)
    if answer.chain:
        return replace(before, chain=answer.chain)
    if answer.accepted and before.problem is not None:
        raise before.problem
    raise _no_tls(answer)


def _ask_plainly(wanted: Wanted, scope: Scope, *, flight_too: bool = False) -> Answer:
    """A ClientHello of our own, whose answer is told from anything else that may come."""
    from workbench.tls.probe import probe
    from workbench.tls.scanning.hellos import Hellos

    hello = Hellos(wanted.sni).ordinary()
    host = wanted.sni or wanted.end.host
    try:
        return probe(
            wanted.end, scope, hello, starttls=wanted.starttls, host=host, flight=flight_too
        )
    except StartTlsError as problem:
        raise JobError(str(problem), advice="--starttls none asks for TLS at once") from None


def _no_tls(answer: Answer) -> JobError:
    if answer.kind == "not_tls":
        return JobError(answer.words, advice="check the port, or the protocol before TLS")
    if answer.kind == "timeout":
        advice = "it may wait for a word before TLS (--starttls PROTOCOL), or be no TLS at all"
        return JobError(answer.words, code="ETIMEDOUT", advice=advice)
    if answer.alert is not None:
        name = answer.alert.kind.name
        return JobError(f"the server refuses with the TLS alert {answer.line()}", code=name)
    if answer.accepted:
        return JobError(
            "the server begins TLS and does not bring the handshake to an end",
            advice="try another version: --highest 1.2",
        )
    return JobError(answer.line(), advice="it may not speak TLS here, or want a name (--sni NAME)")


def seen_of(wanted: Wanted, first: First, now: datetime) -> Seen:
    """The first verdict as an event."""
    shaken, leaf = first.shaken, first.judged.leaf
    hello = shaken.tap.hello
    errors = [one for one in first.judged.findings if one.weight == "error"]
    why = "; ".join(one.words for one in errors)
    if first.unfinished and not errors:
        why = f"the handshake was not finished: {first.unfinished}"
    return Seen(
        str(wanted.end),
        shaken.peer,
        wanted.name,
        wanted.sni,
        wanted.starttls,
        version_name(hello.version) if hello else shaken.version,
        suite_name(hello.suite) if hello else shaken.suite,
        group_name(shaken.tap.group) if shaken.tap.group is not None else "",
        shaken.alpn,
        not why,
        why,
        days_until(leaf.not_after, now) if leaf else None,
        leaf.not_after.isoformat() if leaf else "",
        shaken.lookup + shaken.connect,
        shaken.took,
    )
