"""STARTTLS: what is said before TLS on a port that begins in the clear, sans-IO.

SMTP and LMTP (RFC 3207, 2033), IMAP (9051), POP3 (2595), FTP (4217), NNTP (4642), LDAP (4511),
XMPP (6120), PostgreSQL (protocol 3, section 55.2.10) and MySQL (its X protocol is another).
"""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable

from workbench.core.text import safe
from workbench.tls.wire.reading import WireError

HELD = 65_536
"""The most bytes of a dialogue that are kept: no greeting or feature list is longer."""


class StartTlsError(WireError):
    """The server does not go on to TLS; the text says what it answered."""


class Dialogue(ABC):
    """One dialogue: feed it what came, send what it returns, until it is `done`.

    Args:
        host: the name of the server, where the protocol wants it told.
    """

    begins = b""
    """What is sent first, by the protocols where the client speaks first."""

    def __init__(self, host: str = "localhost") -> None:
        self.host = host
        self.done = False
        self.early = b""
        self._held = bytearray()

    def start(self) -> bytes:
        """What to send once the connection stands."""
        return self.begins

    def feed(self, data: bytes) -> bytes:
        """What to send next; b"" while more is to come.

        What came behind the last answer, in the clear and before TLS, is left in `early`: a
        server waits there for the ClientHello and sends nothing.

        Raises:
            StartTlsError: the server refuses, or says what does not belong to the protocol.
        """
        self._held += data
        if len(self._held) > HELD:
            raise StartTlsError(f"more than {HELD:,} bytes before TLS: {shown(self._held)}")
        reply = bytearray()
        while not self.done:
            answer = self.step()
            if answer is None:
                break
            reply += answer
        if self.done:
            self.early = bytes(self._held)
        return bytes(reply)

    @abstractmethod
    def step(self) -> bytes | None:
        """Take one answer off the front: what to send, or None while it is not whole."""

    def take(self, count: int) -> bytes | None:
        """So many bytes off the front, once they are there."""
        if len(self._held) < count:
            return None
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def refused(self, what: str) -> StartTlsError:
        """The error for an answer that is not the one that was waited for."""
        return StartTlsError(f"the server does not go on to TLS: {safe(what.strip(), limit=200)}")


def shown(data: bytes | bytearray) -> str:
    """The start of what came, for a message."""
    return safe(data[:80])


class Lines(Dialogue):
    """A dialogue of lines: for each answer of the script what to send then.

    `script` holds pairs: what a final line must match, and what is sent upon it. `continues` is
    what a line that is not the final one of its answer looks like.
    """

    script: tuple[tuple[str, bytes], ...] = ()
    continues = r"\d{3}-"
    wanted = ""
    """A word that the second answer must hold, where what the server can do is listed there."""

    def __init__(self, host: str = "localhost") -> None:
        super().__init__(host)
        self._at = 0
        self._lines: list[str] = []

    def step(self) -> bytes | None:
        """One whole answer, against the script."""
        while True:
            end = self._held.find(b"\n")
            if end < 0:
                return None
            line = (self.take(end + 1) or b"").decode("utf-8", "backslashreplace").rstrip("\r\n")
            self._lines.append(line)
            if self.is_final(line):
                break
        expected, send = self.script[self._at]
        if not re.match(expected, line, re.IGNORECASE):
            raise self.refused(line)
        said, self._lines = " ".join(self._lines).upper(), []
        if self._at == 1 and self.wanted and self.wanted not in said:
            raise StartTlsError(f"the server does not offer {self.wanted}")
        self._at += 1
        self.done = self._at == len(self.script)
        return send

    def is_final(self, line: str) -> bool:
        """Whether a line is the last one of its answer."""
        return not re.match(self.continues, line)


class Smtp(Lines):
    """SMTP: EHLO first, since STARTTLS must be offered."""

    script = (
        (r"220 ?", b"EHLO workbench.invalid\r\n"),
        (r"250 ?", b"STARTTLS\r\n"),
        (r"220 ?", b""),
    )
    wanted = "STARTTLS"


class Lmtp(Smtp):
    """LMTP: SMTP with LHLO."""

    script = ((r"220 ?", b"LHLO workbench.invalid\r\n"), *Smtp.script[1:])


class Imap(Lines):
    """IMAP: a greeting, then a tagged command."""

    script = ((r"\* (OK|PREAUTH)", b"a1 STARTTLS\r\n"), (r"a1 OK", b""))
    continues = r"\* (?!OK|BYE|PREAUTH|BAD|NO)"


class Pop3(Lines):
    """POP3: STLS."""

    script = ((r"\+OK", b"STLS\r\n"), (r"\+OK", b""))
    continues = r"(?!)"


class Ftp(Lines):
    """FTP: AUTH TLS."""

    script = ((r"220 ?", b"AUTH TLS\r\n"), (r"234 ?", b""))

    def is_final(self, line: str) -> bool:
        """An answer of several lines ends where its number comes again (RFC 959 section 4.2)."""
        first = self._lines[0]
        return not re.match(r"\d{3}-", first) or line.startswith(first[:3] + " ")


class Nntp(Lines):
    """NNTP: STARTTLS after the greeting."""

    script = ((r"20[01] ?", b"STARTTLS\r\n"), (r"382 ?", b""))


class Ldap(Dialogue):
    """LDAP: an extended request, answered in BER (RFC 4511 section 4.14)."""

    begins = bytes.fromhex("301d0201017718 8016") + b"1.3.6.1.4.1.1466.20037"

    def step(self) -> bytes | None:
        """One LDAPMessage with its result code."""
        if len(self._held) < 2:
            return None
        if self._held[0] != 0x30:
            raise self.refused(f"this is no LDAP: {shown(self._held)}")
        size, head = self._held[1], 2
        if size & 0x80:
            head += size & 0x7F
            if len(self._held) < head:
                return None
            size = int.from_bytes(self._held[2:head], "big")
        if size > HELD:
            raise self.refused(f"an LDAP message of {size:,} bytes")
        whole = self.take(head + size)
        if whole is None:
            return None
        found = re.search(rb"\x78(?:.|\x81.|\x82..|\x83...|\x84....)\x0a\x01(.)", whole, re.DOTALL)
        if not found:
            raise self.refused("an answer that is no extended response")
        if found[1] != b"\0":
            raise self.refused(f"result code {found[1][0]} (RFC 4511 section 4.1.9)")
        self.done = True
        return b""


class Xmpp(Dialogue):
    """XMPP: a stream is opened, and its features must name STARTTLS."""

    namespace = "jabber:client"

    def __init__(self, host: str = "localhost") -> None:
        super().__init__(host)
        self._asked = False

    def start(self) -> bytes:
        """The stream's head, to the host by its name."""
        name = re.sub(r"[^\w.:-]", "", self.host)
        return (
            f"<?xml version='1.0'?><stream:stream to='{name}' xmlns='{self.namespace}' "
            "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        ).encode()

    def step(self) -> bytes | None:
        """The features, or the word to proceed."""
        text = bytes(self._held)
        if re.search(rb"<(?:\w+:)?(?:error|failure)\b", text):
            raise self.refused(shown(text))
        if text.lstrip() and not text.lstrip().startswith(b"<"):
            raise self.refused(f"this is no XMPP: {shown(text)}")
        if self._asked:
            found = re.search(rb"<proceed\b[^>]*/>|<proceed\b[^>]*>\s*</proceed\s*>", text)
            if not found:
                return None
            del self._held[: found.end()]
            self.done = True
            return b""
        found = re.search(rb"</(?:\w+:)?features\s*>|<(?:\w+:)?features\s*/>", text)
        if not found:
            return None
        if b"urn:ietf:params:xml:ns:xmpp-tls" not in text[: found.end()]:
            raise StartTlsError("the server does not offer STARTTLS")
        del self._held[: found.end()]
        self._asked = True
        return b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"


class XmppServer(Xmpp):
    """XMPP between servers."""

    namespace = "jabber:server"


class Postgres(Dialogue):
    """PostgreSQL: SSLRequest, answered with one letter."""

    begins = struct.pack(">II", 8, 80877103)

    def step(self) -> bytes | None:
        """S for yes, N for no."""
        letter = self.take(1)
        if letter is None:
            return None
        if letter == b"N":
            raise StartTlsError("the server does not offer TLS (ssl = off in postgresql.conf)")
        if letter != b"S":
            raise self.refused(f"this is no PostgreSQL: {shown(letter + self._held)}")
        self.done = True
        return b""


_MYSQL_TLS = 0x0800
_MYSQL_PROTOCOL_41 = 0x0200
_MYSQL_SECURE = 0x8000


class Mysql(Dialogue):
    """MySQL and MariaDB: the greeting tells whether TLS is there; SSLRequest switches to it."""

    def step(self) -> bytes | None:
        """The greeting's capabilities, against the flag CLIENT_SSL."""
        if len(self._held) < 4:
            return None
        size = int.from_bytes(self._held[:3], "little")
        if size > HELD - 4:
            raise self.refused(f"this is no MySQL: {shown(self._held)}")
        packet = self.take(4 + size)
        if packet is None:
            return None
        greeting = packet[4:]
        if greeting[:1] == b"\xff":
            raise self.refused(shown(greeting[3:]))
        end = greeting.find(b"\0")
        flags_at = end + 1 + 4 + 8 + 1
        if greeting[:1] != b"\x0a" or end < 0 or len(greeting) < flags_at + 2:
            raise self.refused(f"this is no MySQL: {shown(packet)}")
        flags = int.from_bytes(greeting[flags_at : flags_at + 2], "little")
        if not flags & _MYSQL_TLS:
            raise StartTlsError("the server does not offer TLS (CLIENT_SSL is not set)")
        self.done = True
        wanted = _MYSQL_TLS | _MYSQL_PROTOCOL_41 | _MYSQL_SECURE
        body = struct.pack("<IIB23x", wanted, 1 << 24, 33)
        return len(body).to_bytes(3, "little") + bytes((packet[3] + 1 & 0xFF,)) + body


DIALOGUES: dict[str, Callable[[str], Dialogue]] = {
    "smtp": Smtp,
    "lmtp": Lmtp,
    "imap": Imap,
    "pop3": Pop3,
    "ftp": Ftp,
    "nntp": Nntp,
    "ldap": Ldap,
    "xmpp": Xmpp,
    "xmpp-server": XmppServer,
    "postgres": Postgres,
    "mysql": Mysql,
}
"""A dialogue for each protocol, by the name that `openssl s_client -starttls` has for it."""

USUAL_PORTS = {
    25: "smtp",
    587: "smtp",
    24: "lmtp",
    143: "imap",
    110: "pop3",
    21: "ftp",
    119: "nntp",
    389: "ldap",
    5222: "xmpp",
    5269: "xmpp-server",
    5432: "postgres",
    3306: "mysql",
}
"""The protocol that a port begins in, where it begins in the clear."""
