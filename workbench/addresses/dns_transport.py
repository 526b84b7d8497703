"""One DNS question over UDP, TCP (RFC 7766), TLS (RFC 7858) or HTTPS (RFC 8484): bytes, bytes.

Every wait has a deadline and ends at once when the scope is cancelled. What comes from elsewhere,
has another id or answers another question is passed over, as an attacker's guess would be.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.addresses.dns_servers import Server
from workbench.addresses.dns_wire import answers
from workbench.core.dial import dial
from workbench.core.endpoint import Endpoint, parse
from workbench.core.failure import JobError
from workbench.core.scope import Scope

if TYPE_CHECKING:
    import ssl

LARGEST = 65_535
HEAD = 16_384
"""Bytes of an HTTP answer's head that are read."""
TRIES = 3


@dataclass(frozen=True, slots=True)
class Trust:
    """How a server's certificate is judged: a CA file beside the system's, or not at all."""

    ca: Path | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer and how it came; `took` is in seconds, `ignored` counts what was no answer."""

    wire: bytes
    took: float
    transport: str
    retried_over_tcp: bool = False
    ignored: int = 0


def exchange(
    server: Server, asked: bytes, scope: Scope, *, trust: Trust | None = None, retry: bool = True
) -> Exchange:
    """Ask one server; what is truncated over UDP is asked again over TCP when `retry`.

    Raises:
        OSError, TimeoutError: no answer within the scope's timeout.
        JobError: it answered something that is no DNS.
        Cancelled: the scope was cancelled.
    """
    started = time.monotonic()
    if server.transport == "udp":
        got, ignored = _udp(server, asked, scope)
        if retry and got[2] & 0x02:
            got = _stream(server, asked, scope, None)
            return Exchange(got, time.monotonic() - started, "tcp", True, ignored)
        return Exchange(got, time.monotonic() - started, "udp", False, ignored)
    if server.transport == "doh":
        got = _https(server, asked, scope, trust or Trust())
    else:
        got = _stream(server, asked, scope, trust or Trust())
    if not answers(asked, got):
        raise JobError(f"{server} answered another question", code="mismatch")
    return Exchange(got, time.monotonic() - started, server.transport)


def _udp(server: Server, asked: bytes, scope: Scope) -> tuple[bytes, int]:
    """A datagram from a port of the system's choice (random, RFC 5452), sent again when lost."""
    sock = dial(_place("udp", server), scope).sock
    ignored = 0
    end = time.monotonic() + scope.timeout
    with sock:
        for left in range(TRIES, 0, -1):
            _send_datagram(sock, asked, scope)
            until = min(end, time.monotonic() + (end - time.monotonic()) / left)
            while (rest := until - time.monotonic()) > 0:
                try:
                    scope.wait_for(sock, select.POLLIN, rest)
                    got = sock.recv(LARGEST)
                except (TimeoutError, BlockingIOError):
                    continue
                except OSError:
                    scope.check()
                    raise
                if answers(asked, got):
                    return got, ignored
                ignored += 1
    more = f" ({ignored} datagrams came that were no answer to this question)" if ignored else ""
    raise TimeoutError(f"no answer from {server} in {TRIES} tries{more}")


def _send_datagram(sock: socket.socket, asked: bytes, scope: Scope) -> None:
    try:
        sock.send(asked)
    except OSError:
        scope.check()
        raise


def _place(scheme: str, server: Server) -> Endpoint:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return parse(f"{scheme}://{host}:{server.port}")


class _Stream:
    """A connection, plain or under TLS, read and written against a deadline."""

    def __init__(self, server: Server, scope: Scope, trust: Trust | None, alpn: list[str]) -> None:
        self.scope = scope
        self.end = time.monotonic() + scope.timeout
        self.sock: socket.socket = dial(_place("tcp", server), scope).sock
        self.protocol = ""
        if trust is not None and server.transport in ("dot", "doh") and not server.plain:
            try:
                self._secure(server.host, trust, alpn)
            except BaseException:
                self.sock.close()
                raise

    def _secure(self, host: str, trust: Trust, alpn: list[str]) -> None:
        import ssl

        context = ssl.create_default_context()
        if trust.ca is not None:
            context.load_verify_locations(trust.ca)
        if trust.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(alpn)
        secured: ssl.SSLSocket = context.wrap_socket(
            self.sock, server_hostname=host, do_handshake_on_connect=False
        )
        self.sock = self.scope.adopt(secured)
        while True:
            try:
                secured.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            except OSError:
                self.scope.check()
                raise
        self.protocol = secured.selected_alpn_protocol() or ""

    def _wait(self, events: int) -> None:
        self.scope.wait_for(self.sock, events, max(0.0, self.end - time.monotonic()))

    def send(self, data: bytes) -> None:
        """All of it."""
        import ssl

        while data:
            try:
                data = data[self.sock.send(data) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except OSError:
                self.scope.check()
                raise

    def some(self) -> bytes:
        """What there is; empty at the end."""
        import ssl

        while True:
            if time.monotonic() > self.end:
                raise TimeoutError("the answer was not whole in time")
            try:
                return self.sock.recv(LARGEST)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            except OSError:
                self.scope.check()
                raise


def _stream(server: Server, asked: bytes, scope: Scope, trust: Trust | None) -> bytes:
    """Two bytes of length, then the message (RFC 1035 section 4.2.2)."""
    stream = _Stream(server, scope, trust, ["dot"])
    with stream.sock:
        stream.send(len(asked).to_bytes(2, "big") + asked)
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            more = stream.some()
            if not more:
                raise JobError(
                    f"{server} hung up before its answer was whole",
                    code="EOF",
                    advice="it may refuse this client, or not speak DNS here",
                )
            data += more
    got = data[2 : 2 + int.from_bytes(data[:2], "big")]
    if not answers(asked, got):
        raise JobError(f"{server} answered another question", code="mismatch")
    return got


def _https(server: Server, asked: bytes, scope: Scope, trust: Trust) -> bytes:
    asked_zero = b"\0\0" + asked[2:]  # an id of 0 lets caches work (RFC 8484 section 4.1)
    stream = _Stream(server, scope, trust, ["h2", "http/1.1"])
    with stream.sock:
        if stream.protocol == "h2":
            status, kind, body = _http2(stream, server, asked_zero)
        else:
            status, kind, body = _http1(stream, server, asked_zero)
    if status != 200 or not kind.startswith("application/dns-message"):
        from workbench.core.text import safe

        raise JobError(
            f"{server} answered HTTP {status} with {safe(kind) or 'no type'}, no DNS message",
            code=f"HTTP {status}",
            advice="look at the path: most servers have /dns-query",
        )
    return asked[:2] + body[2:]


def _http1(stream: _Stream, server: Server, asked: bytes) -> tuple[int, str, bytes]:
    stream.send(
        f"POST {server.path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        "Accept: application/dns-message\r\nContent-Type: application/dns-message\r\n"
        f"Content-Length: {len(asked)}\r\nConnection: close\r\n\r\n".encode("ascii")
        + asked
    )
    data = b""
    while b"\r\n\r\n" not in data and len(data) < HEAD:
        more = stream.some()
        if not more:
            break
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split()
    if len(words) < 2 or not words[0].startswith("HTTP/1") or not words[1].isdecimal():
        advice = "it may speak HTTP/2 only, which needs TLS here"
        raise JobError(f"{server} did not answer in HTTP/1.1", advice=advice)
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    length = fields.get("content-length", "")
    wanted = min(LARGEST, int(length)) if length.isdecimal() and len(length) < 9 else LARGEST
    chunked = "chunked" in fields.get("transfer-encoding", "").lower()
    while len(body) < (2 * LARGEST if chunked else wanted):
        more = stream.some()
        if not more:
            break
        body += more
    if chunked:
        body = _unchunked(body)
    return int(words[1][:3]), fields.get("content-type", ""), body[:LARGEST]


def _unchunked(data: bytes) -> bytes:
    """The body out of its chunks (RFC 9112 section 7.1)."""
    body = b""
    while data:
        line, _, data = data.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            break
        if size <= 0:
            break
        body, data = body + data[:size], data[size + 2 :]
    return body


def _http2(stream: _Stream, server: Server, asked: bytes) -> tuple[int, str, bytes]:
    import h2.config
    import h2.connection
    import h2.events
    import h2.exceptions

    talk = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
    talk.initiate_connection()
    one = talk.get_next_available_stream_id()
    fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", f"{server.host}:{server.port}"),
        (":path", server.path),
        ("accept", "application/dns-message"),
        ("content-type", "application/dns-message"),
        ("content-length", str(len(asked))),
    ]
    talk.send_headers(one, fields)
    talk.send_data(one, asked, end_stream=True)
    status, kind, body = 0, "", b""
    while True:
        stream.send(talk.data_to_send())
        data = stream.some()
        if not data:
            raise JobError(f"{server} hung up in the middle of HTTP/2", code="EOF")
        try:
            events = talk.receive_data(data)
        except h2.exceptions.H2Error as problem:
            raise JobError(f"{server} broke HTTP/2: {problem}", code="HTTP/2") from None
        for event in events:
            if isinstance(event, h2.events.ResponseReceived):
                told = {str(name): str(value) for name, value in event.headers or ()}
                word = told.get(":status", "")
                status = int(word) if word.isdecimal() else 0
                kind = told.get("content-type", "")
            elif isinstance(event, h2.events.DataReceived):
                body += event.data or b""
                if event.flow_controlled_length:
                    talk.acknowledge_received_data(event.flow_controlled_length, one)
            elif isinstance(event, h2.events.StreamEnded):
                return status, kind, body
            elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                raise JobError(f"{server} broke the request off", code="HTTP/2")
        if len(body) > LARGEST:
            raise JobError(f"{server} sends more than a DNS message can hold")
