"""One handshake by OpenSSL, with what it agreed on and what the server showed in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.core.dial import dial
from workbench.core.scope import Scope
from workbench.tls.channel import Channel
from workbench.tls.inspecting.contexts import Wanted, make_context
from workbench.tls.inspecting.tap import Tap

if TYPE_CHECKING:
    import ssl

TICKET_WAIT = 0.3
"""Seconds that the tickets of TLS 1.3, or a late alert, are waited for after the handshake."""


@dataclass(slots=True)
class Shaken:
    """What came of one handshake.

    `chain` is as sent, `verified` the path that OpenSSL built, both in DER. `problem` is the error
    that ended it, `untrusted` the verification's words where it was that. Times are in seconds.
    """

    tap: Tap
    peer: str = ""
    lookup: float = 0.0
    connect: float = 0.0
    took: float = 0.0
    version: str = ""
    suite: str = ""
    alpn: str = ""
    chain: tuple[bytes, ...] = ()
    verified: tuple[bytes, ...] = ()
    untrusted: str = ""
    problem: OSError | None = None
    session: ssl.SSLSession | None = None
    reused: bool = False
    late: OSError | None = field(default=None)

    @property
    def done(self) -> bool:
        """Both sides agreed."""
        return self.problem is None


def shake(
    wanted: Wanted,
    scope: Scope,
    context: ssl.SSLContext | None = None,
    *,
    linger: bool = False,
    session: ssl.SSLSession | None = None,
) -> Shaken:
    """Connect, go through STARTTLS, shake hands, hang up.

    Args:
        context: by default one that verifies.
        linger: after the handshake wait a moment for tickets, and for an alert that comes late.
        session: one to take up again.

    Raises:
        OSError: there is no connection to be had; what comes later is kept in `problem`.
        StartTlsError: the dialogue before TLS does not lead there.
        Cancelled: the scope was cancelled.
    """
    import ssl

    context = context or make_context(wanted, verify=True)
    dialled = dial(wanted.end, scope)
    with dialled.sock as sock:
        channel = Channel(sock, scope, time.monotonic() + scope.timeout)
        if wanted.starttls:
            channel.go_through(wanted.starttls, wanted.sni or wanted.end.host)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inside = context.wrap_bio(
            incoming, outgoing, server_hostname=wanted.sni or None, session=session
        )
        found = Shaken(Tap(), dialled.peer, dialled.lookup, dialled.connect)
        begun = time.monotonic()
        ends = _Ends(channel, inside, incoming, outgoing, found)
        try:
            ends.shake_hands()
        except ssl.SSLCertVerificationError as problem:
            found.untrusted, found.problem = problem.verify_message, problem
        except OSError as problem:  # a time-out is one
            scope.check()  # a cancel takes the socket away
            found.problem = problem
        found.took = time.monotonic() - begun
        if found.problem is None:
            _read_off(found, inside)
            found.reused = bool(inside.session_reused)
            if linger and found.version == "TLS 1.3":
                ends.linger(time.monotonic() + TICKET_WAIT)
            if linger:
                found.session = inside.session
            ends.say_goodbye()
        found.chain = found.chain or found.tap.chain
        return found


@dataclass
class _Ends:
    """OpenSSL between its two buffers, and the socket that they are filled from and sent to."""

    channel: Channel
    inside: ssl.SSLObject
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    found: Shaken

    def shake_hands(self) -> None:
        """The handshake, with bytes to and from the server as it wants them."""
        import ssl

        while True:
            try:
                self.inside.do_handshake()
            except ssl.SSLWantReadError:
                self._send()
                self._fill()
            except ssl.SSLError:
                self._tell_why()
                raise
            else:
                self._send()
                return

    def _fill(self, until: float | None = None) -> None:
        data = self.channel.receive(until)
        if data:
            self.found.tap.feed(data)
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def linger(self, until: float) -> None:
        """Read on: what is decrypted on the way are the tickets, and the alert that comes late."""
        import ssl

        try:
            while not _has_ticket(self.inside):
                try:
                    if not self.inside.read(4096):
                        break
                except ssl.SSLWantReadError:
                    if not _has_ticket(self.inside):
                        self._fill(until)
        except TimeoutError:
            pass
        except OSError as problem:
            self.channel.scope.check()
            self.found.late = problem

    def say_goodbye(self) -> None:
        """close_notify: a server forgets the session of a client that just goes away."""
        import ssl

        try:
            self.inside.unwrap()
        except (ssl.SSLError, ValueError):
            pass  # it waits for the other side's, which nobody needs
        self._tell_why()

    def _send(self) -> None:
        data = self.outgoing.read()
        if data:
            self.channel.send(data)

    def _tell_why(self) -> None:
        """Let an alert out, as far as that goes."""
        try:
            self._send()
        except OSError:
            pass


def _has_ticket(inside: ssl.SSLObject) -> bool:
    return inside.session is not None and inside.session.has_ticket


def _read_off(found: Shaken, inside: ssl.SSLObject) -> None:
    found.version = (inside.version() or "").replace("TLSv1", "TLS 1")
    found.version = "TLS 1.0" if found.version == "TLS 1" else found.version
    cipher = inside.cipher()
    found.suite = cipher[0] if cipher else ""
    found.alpn = inside.selected_alpn_protocol() or ""
    found.chain = _chain(inside, "get_unverified_chain")
    found.verified = _chain(inside, "get_verified_chain")


def _chain(inside: ssl.SSLObject, which: str) -> tuple[bytes, ...]:
    """Public from Python 3.13 on; before, in the object beneath."""
    public = getattr(inside, which, None)
    if public is not None:
        return tuple(public() or ())
    from _ssl import ENCODING_DER

    beneath = getattr(inside._sslobj, which)  # type: ignore[attr-defined]
    return tuple(one.public_bytes(ENCODING_DER) for one in beneath() or ())
