"""The check of name servers: one question, and whether its answer is the one expected.

The endpoint is `dns://SERVER/NAME?type=TYPE`, much as RFC 4501 has it; `dot://` asks over TLS.
Without a name the root is asked for its servers.
"""

from __future__ import annotations

import re
import secrets
import select

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.servers.watch import dns_codec
from workbench.servers.watch.attempt import Attempt
from workbench.servers.watch.dns_codec import Answer, WireError
from workbench.servers.watch.outcome import Outcome

TRIES = 3
"""Times that a question is sent over UDP before time is up."""
LARGEST = 65_535
SHOWN = 4
"""Records that the words for an answer have."""

_TYPE = re.compile(r"(?:\A|[&;])type=([\w-]*)", re.IGNORECASE)


def ask(attempt: Attempt) -> Outcome:
    """Ask, over TCP again where the answer was cut short, and judge."""
    target = attempt.target
    name, kind = question_of(target.endpoint)
    asked = dns_codec.question(name, dns_codec.type_number(kind), secrets.randbits(16))
    over_udp = target.endpoint.transport == "udp"
    try:
        answer = dns_codec.read(_datagram(attempt, asked) if over_udp else _stream(attempt, asked))
        if over_udp and answer.truncated:
            answer = dns_codec.read(_stream(attempt, asked))
    except WireError as problem:
        raise JobError(f"its answer is no DNS: {problem}", code="FORMERR") from None
    return _judge(name, kind, answer, target.expect, attempt.took)


def question_of(endpoint: Endpoint) -> tuple[str, str]:
    """The name and the type that an endpoint asks for.

    Raises:
        WireError: there is no such type, or the name could not be written on the wire.
    """
    name = endpoint.path.strip("/") or "."
    found = _TYPE.search(endpoint.query)
    kind = (found[1] if found else "") or ("NS" if name == "." else "A")
    dns_codec.question(name, dns_codec.type_number(kind), 0)
    return name, kind.upper()


def _judge(name: str, kind: str, answer: Answer, wanted: tuple[str, ...], took: float) -> Outcome:
    if answer.rcode != "NOERROR":
        raise JobError(f"it answers {answer.rcode} for {name} {kind}", code=answer.rcode)
    texts = [text for one, text in answer.records if kind in (one, "ANY")]
    said = ", ".join(texts[:SHOWN]) + (
        "" if len(texts) <= SHOWN else f" and {len(texts) - SHOWN} more"
    )
    if not texts:
        raise JobError(f"it has no {kind} for {name}", code="NODATA")
    known = {text.rstrip(".").lower() for text in texts}
    for one in wanted:
        if one.rstrip(".").lower() not in known:
            raise JobError(f"it answers {said}, not {one}", code="expect")
    return Outcome("up", said, took)


def _datagram(attempt: Attempt, asked: bytes) -> bytes:
    """What answers over UDP; anything else that comes is passed over (RFC 5452)."""
    what = "no answer"
    with attempt.datagrams(attempt.target.endpoint) as sock:
        for tries in range(TRIES, 0, -1):
            sock.send(asked)
            patience = attempt.left(what) / tries
            begun = attempt.took
            while (left := patience - (attempt.took - begun)) > 0:
                try:
                    attempt.wait(sock, select.POLLIN, what, left)
                    got = sock.recv(LARGEST)
                except (TimeoutError, BlockingIOError):
                    continue
                if dns_codec.is_answer(asked, got):
                    return got
                what = "only answers to other questions"
    raise attempt.late(what)


def _stream(attempt: Attempt, asked: bytes) -> bytes:
    """Two bytes of length, then the message (RFC 1035 section 4.2.2)."""
    end = attempt.target.endpoint
    with attempt.connect(end if end.tls else end.with_scheme("tcp")) as stream:
        stream.send(len(asked).to_bytes(2, "big") + asked)
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = stream.receive("its answer was not whole")
            if not more:
                raise JobError("it hung up before its answer was whole", code="EOF")
            data += more
    got = data[2 : 2 + int.from_bytes(data[:2], "big")]
    if not dns_codec.is_answer(asked, got):
        raise JobError("it answers another question", code="mismatch")
    return got
