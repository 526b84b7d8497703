"""Checks of bare transports: does it connect, and does it say what is expected of it."""

from __future__ import annotations

import select

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.servers.watch.attempt import Attempt, Stream
from workbench.servers.watch.outcome import Outcome

HEARD_LIMIT = 1 << 16
"""Bytes among which what is expected is looked for."""

REFUSAL = 1.0
"""Seconds in which a host says that nobody listens for a datagram (ICMP, port unreachable)."""

SHOWN = 60


def talk(attempt: Attempt) -> Outcome:
    """Connect; then what is to be sent and what is expected, in turn."""
    target = attempt.target
    with attempt.connect(target.endpoint) as stream:
        took = attempt.took
        last = b""
        for step in target.steps:
            if step.verb == "send":
                stream.send(step.data)
            else:
                last = _expect(stream, step.data)
                took = attempt.took
    heard = f"; it said {_shown(last)}" if last else ""
    return Outcome("up", f"connected{heard}", took)


def datagram(attempt: Attempt) -> Outcome:
    """Send a datagram. Where an answer is asked for, wait for it; else up to a refusal."""
    target = attempt.target
    wanted = [text.encode() for text in target.expect]
    asked = target.answer or bool(wanted)
    with attempt.datagrams(target.endpoint) as sock:
        sock.send(target.send)
        what = "no answer"
        while True:
            try:
                attempt.wait(sock, select.POLLIN, what, None if asked else REFUSAL)
                data = sock.recv(HEARD_LIMIT)
            except BlockingIOError:
                continue  # its checksum was wrong
            except TimeoutError:
                if asked:
                    raise
                return Outcome("up", "sent, and nothing refused it")
            if all(one in data for one in wanted):
                return Outcome("up", f"answered {_shown(data)}", attempt.took)
            what = f"{_shown(data)} came, and nothing else,"


def _expect(stream: Stream, wanted: bytes) -> bytes:
    """Read until this has come, and return all that did.

    Raises:
        JobError: the end came before, or too much else.
        OSError: the connection broke, or time is up.
    """
    heard = bytearray()
    while wanted not in heard:
        said = f"; it said {_shown(bytes(heard))}" if heard else ""
        data = stream.receive(f"{_shown(wanted)} did not come{said}")
        heard += data
        if not data or len(heard) > HEARD_LIMIT:
            why = "it hung up" if not data else f"{HEARD_LIMIT >> 10} KiB came"
            raise JobError(f"{why} without {_shown(wanted)}{said}", code="expect")
    return bytes(heard)


def _shown(data: bytes) -> str:
    """The first of some bytes, for people."""
    text = safe(data[:SHOWN].rstrip(b"\r\n"))
    return f"'{text}'" if len(data) <= SHOWN else f"'{text}' and more"
