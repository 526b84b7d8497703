"""serve tls: tells every visitor what was agreed on, as a page of HTTP or as text; then echoes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.failure import JobError
from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.making import files
from workbench.tls.serving.code import context_lines
from workbench.tls.serving.events import Visitor
from workbench.tls.serving.request import SecureRequest

_PYTHON = """\
import socketserver
import ssl

{context}

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        tls = self.request
        text = f"{{tls.version()}}, {{tls.cipher()[0]}}, ALPN {{tls.selected_alpn_protocol()}}\\n"
        first = self.rfile.readline()
        if b" HTTP/1." in first:
            head = "HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n"
            self.wfile.write(f"{{head}}{{text}}".encode())
            return
        while first:
            self.wfile.write(first)
            first = self.rfile.readline()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def finish_request(self, request, client_address):
        with context.wrap_socket(request, server_side=True) as tls:
            super().finish_request(tls, client_address)


with Server({address!r}, Handler) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""


@dataclass(frozen=True, slots=True)
class ServeTls(SecureRequest):
    """A server to try clients of TLS on: it tells each what was agreed on.

    Who asks by HTTP gets a page: version, suite, and all that its ClientHello offered. To others
    it sends back what they send, line by line. Its certificate is a new one by your CA, your own
    (--cert), or wrong on purpose (--broken).
    """

    def as_python(self) -> str:
        """The standard library's ssl and socketserver, for a certificate that is there."""
        end = self.endpoint
        address = (end.host or "127.0.0.1", end.port)
        return _PYTHON.format(context=context_lines(self), address=address)

    def as_shell(self) -> str:
        """openssl s_server -www, for a certificate that is there."""
        end = self.endpoint
        cert = str(self.cert or files.ca_folder(self.ca) / files.CA_CERTIFICATE)
        key = str(self.key or self.cert or files.ca_folder(self.ca) / files.CA_KEY)
        words = ["openssl", "s_server", "-accept", end.authority, "-cert", cert, "-key", key]
        words += ["-www", "-cert_chain", cert] if self.cert else ["-www"]
        words += ["-alpn", ",".join(self.alpn)] if self.alpn else []
        words += {"no": [], "ask": ["-verify", "5"], "require": ["-Verify", "5"]}[self.client_cert]
        words += ["-keylogfile", str(self.keylog)] if self.keylog else []
        return shlex.join(words)


class Mirror(Handler):
    """A page for who speaks HTTP; what comes, back, for others."""

    def opened(self, connection: Connection) -> None:
        """Nothing is known of it yet but its handshake."""
        connection.state = bytearray()

    def received(self, connection: Connection, data: memoryview) -> None:
        """The first line tells whether it is HTTP."""
        if connection.state is None:
            connection.send(data)
            return
        connection.state += data
        head = bytes(connection.state)
        line, ended, _ = head.partition(b"\n")
        if b" HTTP/1." not in line:
            if ended or len(head) > 8_192:
                connection.state = None
                connection.send(head)
            return
        if b"\r\n\r\n" in head or b"\n\n" in head or len(head) > 65_536:
            connection.last = safe(line.strip().decode("latin-1"))
            connection.request_done()
            connection.send(page(getattr(connection.laid, "visitor", None)))
            connection.close("the page was sent")

    def ended(self, connection: Connection) -> None:
        """What is left goes back."""
        if connection.state:
            connection.send(bytes(connection.state))
        connection.close("closed by the peer")


def page(visitor: Visitor | None) -> bytes:
    """A whole answer of HTTP that tells a visitor about itself."""
    text = told(visitor).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text


def told(visitor: Visitor | None) -> str:
    """What was agreed on, and what the visitor offered, in lines."""
    if visitor is None:
        return "no TLS\n"
    lines = [
        ("version", visitor.version),
        ("suite", visitor.suite),
        ("ALPN", visitor.protocol or "none"),
        ("server name", safe(visitor.server_name) or "none"),
        ("resumed", "yes" if visitor.resumed else "no"),
        ("your certificate", visitor.certificate or "none"),
        ("JA4", visitor.ja4),
        ("versions offered", ", ".join(visitor.versions)),
        ("suites offered", ", ".join(visitor.suites)),
        ("groups offered", ", ".join(visitor.groups)),
        ("signatures", ", ".join(visitor.signatures)),
        ("ALPN offered", ", ".join(map(safe, visitor.protocols)) or "none"),
        ("extensions", ", ".join(visitor.extensions)),
        ("GREASE", "yes" if visitor.grease else "no"),
    ]
    return "".join(f"{name:<18}{value}\n" for name, value in lines)


@job(
    "serve tls",
    tab="servers",
    example="serve tls tls://127.0.0.1:8443",
    process=True,
    commands=COMMANDS,
)
def serve_tls(request: ServeTls, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = request.endpoint
    if end.scheme in ("tcp", "https", "http"):
        end = end.with_scheme("tls")
    if end.scheme != "tls" and not end.is_unix:
        raise JobError(
            f"TLS is not served over {end.scheme}", advice="use tls://HOST:PORT or unix:PATH"
        )
    yield from Loop(end, Mirror(), scope, request.admit, request.secure_layer()).run()
