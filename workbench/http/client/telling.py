"""From the steps of a client to the events of a job: decoded, masked, bounded, on disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from workbench.core.events import Note, Progress
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.client.client import (
    Asking,
    Authenticating,
    ClientStep,
    Connected,
    CookieNews,
    Finished,
    Following,
    Retrying,
)
from workbench.http.client.decoding import Decoder
from workbench.http.client.events import (
    FRAMES_MOST,
    WIRE_MOST,
    Bar,
    HttpAuth,
    HttpBody,
    HttpConnection,
    HttpContent,
    HttpCookie,
    HttpEnd,
    HttpFrame,
    HttpHead,
    HttpPhases,
    HttpRedirect,
    HttpSent,
    HttpWire,
)
from workbench.http.client.exchange import ContentSent, RequestSent, Wire
from workbench.http.client.frames import PREFACE
from workbench.http.client.message import Body, End, ResponseHead, Switched
from workbench.http.client.meter import Meter
from workbench.http.client.redirects import is_redirect

PIECE = 1 << 16
"""Bytes of the body in one event."""

HELD = 1 << 20
"""Bytes of a redirect's or a challenge's body that are kept for the case that it is the last."""

_CREDENTIALS = re.compile(
    rb"(?im)^((?:proxy-)?authorization:[ \t]*(?:basic|bearer|negotiate|token)[ \t]+)([^\r\n]+)"
)


def mask(data: bytes, secrets: tuple[bytes, ...] = ()) -> bytes:
    """Bytes of a request with what logs in put out of sight, of the same length."""
    for secret in secrets:
        data = data.replace(secret, b"*" * len(secret))
    return _CREDENTIALS.sub(lambda found: found[1] + b"*" * len(found[2]), data)


def mask_frames(data: bytes) -> bytes:
    """Frames of HTTP/2 with the header blocks, where credentials are compressed, put out."""
    out = bytearray(data)
    at = len(PREFACE) if data.startswith(PREFACE) else 0
    while at + 9 <= len(data):
        length = int.from_bytes(data[at : at + 3], "big")
        end = min(len(data), at + 9 + length)
        if data[at + 3] in (1, 9):
            out[at + 9 : end] = bytes(end - at - 9)
        at = end
    return bytes(out)


class Teller:
    """Tells the steps of a fetch. Only the last response's body is given, not those of hops.

    `status` and `reason` are the last response's.

    Args:
        wire: bytes and frames are told, within bounds, where `verbose` does not tell all.
    """

    def __init__(
        self, *, decode: bool, output: Path | None, most: int, verbose: bool,
        follows: bool = False, logs_in: bool = False,
        secrets: tuple[bytes, ...] = (), wire: bool = False,
    ) -> None:  # fmt: skip
        self._wired = wire or verbose
        self._wire_left = 0 if verbose else WIRE_MOST
        self._frames = 0
        self._decode = decode
        self._output = output
        self._most = most
        self._verbose = verbose
        self._follows = follows
        self._logs_in = logs_in
        self._secrets = tuple(filter(None, secrets))
        self._holds = False
        self._held: list[Body | End] = []
        self._file: IO[bytes] | None = None
        self._decoder = Decoder(())
        self._meter = Meter(None)
        self._connection = 0
        self._version = ""
        self._has_credentials = False
        self._took = 0.0
        self.status = 0
        self.reason = ""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def summary(self) -> str:
        """What came of it, in one line."""
        size = amount(self._decoder.decoded)
        return f"{self.status} {self.reason}".rstrip() + f", {size} in {duration(self._took)}"

    def tell(self, steps: Iterable[ClientStep]) -> Iterator[Event]:
        """The events of the steps.

        Raises:
            DecodingError: the body does not fit its coding.
            JobError: the body is larger than is wanted.
            OSError: it cannot be written.
        """
        for step in steps:
            match step:
                case Body() | End() if self._holds:
                    self._hold(step)
                case Body(data):
                    yield from self._body(data)
                case Wire():
                    yield from self._wire(step)
                case ResponseHead():
                    yield from self._head(step)
                case End():
                    yield from self._end(step)
                case Connected():
                    self._connection, self._version = step.number, step.version
                    yield _connection(step)
                case RequestSent():
                    masked = mask(step.head, self._secrets)
                    self._has_credentials = masked != step.head
                    yield HttpSent(step.version, safe(masked, keep_newlines=True), self._verbose)
                case Finished():
                    bars = tuple(Bar(one.name, one.start, one.took) for one in step.phases)
                    self._took = step.took
                    yield HttpPhases(str(step.url), bars, step.took, self._verbose, step.whole)
                case _:
                    yield from self._news(step)

    def _news(self, step: ClientStep) -> Iterator[Event]:
        match step:
            case ContentSent():
                yield HttpContent(step.size, step.why)
            case Asking(question):
                yield Note(question)
            case Following(redirect):
                to = redirect.request
                url, method = (str(to.url), to.method) if to else ("", "")
                yield HttpRedirect(
                    redirect.status, redirect.location, url, method, redirect.why_not,
                    redirect.changed, redirect.dropped,
                )  # fmt: skip
                if to is None:
                    yield from self._release()
            case Authenticating():
                yield HttpAuth(step.status, step.how, step.answered)
                if not step.answered:
                    yield from self._release()
            case Retrying():
                yield Note(f"the kept connection is dead ({step.why}): once more on a new one")
            case CookieNews():
                for one in step.decisions:
                    rules = tuple((check.rule, check.passed, check.words) for check in one.checks)
                    yield HttpCookie(
                        safe(one.name, limit=200), one.what, one.accepted,
                        safe(one.why, limit=500), rules, self._verbose,
                    )  # fmt: skip
            case Switched():
                yield Note("the connection is HTTP no more: the protocol was switched")
                if step.rest:
                    yield HttpBody(step.rest[:PIECE], 0)

    def _hold(self, step: Body | End) -> None:
        """A body that may be a mere hop's is held back until it is known whether it is the last."""
        if (
            isinstance(step, End)
            or sum(len(one.data) for one in self._held if isinstance(one, Body)) < HELD
        ):
            self._held.append(step)

    def _release(self) -> Iterator[Event]:
        """It is the last after all."""
        held, self._held, self._holds = self._held, [], False
        for step in held:
            yield from self._body(step.data) if isinstance(step, Body) else self._end(step)

    # -- the response --------------------------------------------------------------------------

    def _head(self, head: ResponseHead) -> Iterator[Event]:
        decoding: tuple[str, ...] = ()
        if not head.informational:
            self.close()
            self._held.clear()
            self._holds = (self._follows and is_redirect(head)) or (
                self._logs_in and head.status == 401
            )
            self.status, self.reason = head.status, safe(head.reason, limit=200)
            codings = head.fields.tokens(b"content-encoding") if self._decode else []
            self._decoder = Decoder(codings)
            decoding = tuple(self._decoder.names)
            length = head.fields.get(b"content-length")
            known = length is not None and length.isdigit() and len(length) < 19
            self._meter = Meter(int(length) if known and length else None)
        fields = tuple((safe(name, encoding="latin-1"), safe(value)) for name, value in head.fields)
        yield HttpHead(
            head.version, head.status, safe(head.reason, limit=200), fields,
            tuple(safe(one) for one in head.oddities), decoding,
        )  # fmt: skip
        if self._decoder.unknown and not head.informational:
            yield Note(f"the coding {safe(self._decoder.unknown, limit=40)} is not known here")

    def _body(self, data: bytes) -> Iterator[Event]:
        for piece in self._decoder.feed(data):
            if self._most and self._decoder.decoded > self._most:
                raise JobError(
                    f"the body is larger than {amount(self._most)}",
                    advice="--max-body takes more, and 0 any",
                )
            if self._output is not None:
                self._write(piece)
                continue
            start = self._decoder.decoded - len(piece)
            for at in range(0, len(piece), PIECE):
                yield HttpBody(piece[at : at + PIECE], start + at)
        if self._output is not None:
            progress = self._meter.tick(self._decoder.coded)
            if progress is not None:
                yield Progress(*progress, unit="B")

    def _write(self, piece: bytes) -> None:
        if self._file is None:
            assert self._output is not None
            self._file = self._output.open("wb")
        self._file.write(piece)

    def _end(self, end: End) -> Iterator[Event]:
        self._decoder.finish()
        if self._output is not None and self._file is None and not 300 <= self.status < 400:
            self._write(b"")
        path = str(self._output) if self._file is not None else ""
        self.close()
        trailers = tuple(
            (safe(name, encoding="latin-1"), safe(value)) for name, value in end.trailers
        )
        yield HttpEnd(self._decoder.coded, self._decoder.decoded, trailers, path)

    def _wire(self, wire: Wire) -> Iterator[Event]:
        if not self._wired:
            return
        for one in wire.tapped:
            data = one.data
            if one.sent and self._has_credentials:
                data = mask_frames(data) if self._version == "2" else mask(data, self._secrets)
            if not self._verbose:
                data = data[: self._wire_left]
                self._wire_left -= len(data)
            for at in range(0, len(data), PIECE):
                yield HttpWire(one.sent, data[at : at + PIECE], self._connection)
        for frame in wire.frames:
            self._frames += 1
            if self._frames > FRAMES_MOST and not self._verbose:
                continue
            yield HttpFrame(
                frame.sent, frame.type, frame.flags, frame.stream, frame.length, frame.detail
            )


def _connection(step: Connected) -> HttpConnection:
    facts = step.tls
    attempts = tuple(one.line() for one in step.attempts)
    return HttpConnection(
        step.number, step.peer, step.local, step.uses, step.version, str(step.url),
        f"{facts.version} {facts.cipher}" if facts else "", facts.alpn if facts else "",
        facts.verified if facts else False, facts.chain if facts else (), attempts,
        step.proxy, step.route, step.said,
    )  # fmt: skip
