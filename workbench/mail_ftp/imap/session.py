"""A session with an IMAP server: commands with tags, literals both ways, what nobody asked for."""

from __future__ import annotations

import base64
import hmac
import re
import selectors
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.access import AccessRequest, may_go_on_in_the_clear, reach, secure
from workbench.mail_ftp.dialogue import MASK, Dialogue, hung_up
from workbench.mail_ftp.imap.codec import Response, literal_of, parse, quoted
from workbench.mail_ftp.pop3.client import Refused, sasl_first
from workbench.mail_ftp.wire import Wire

Auth = Literal["auto", "plain", "login", "cram-md5", "xoauth2"]

RESPONSE_LIMIT = 96 << 20
"""Bytes of one response, its literals included."""

ANSWERS_LIMIT = 200_000
"""Responses to one command."""

_SAFE_ATOM = re.compile(rb"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|~-]+")
_CODES = {
    b"AUTHENTICATIONFAILED": "name or password is wrong",
    b"ALERT": "the server wants this to be read",
    b"TRYCREATE": "there is no such folder",
    b"NONEXISTENT": "there is no such folder",
    b"OVERQUOTA": "the mailbox is full",
    b"UNAVAILABLE": "a fault that will pass",
    b"READ-ONLY": "nothing can be changed",
    b"READ-WRITE": "changes are possible",
}

V = TypeVar("V")
Telling = Generator[Event, None, V]


@dataclass(frozen=True, slots=True)
class Text:
    """A value that goes over as a quoted string, or as a literal where it must; maybe a secret."""

    data: bytes
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Pieces:
    """Bytes that go over as a literal, piece by piece."""

    pieces: Iterable[bytes]
    size: int


Word = str | Text | Pieces


def meaning(line: bytes) -> str:
    """The code of a state in words."""
    found = re.match(rb"\S+ (?:OK|NO|BAD|BYE|PREAUTH) \[([^ \]]+)", line)
    return _CODES.get(found[1].upper(), "") if found else ""


class Session:
    """A connection whose greeting has been read.

    Attributes:
        capabilities: in capitals; known after `ask_capabilities`.
        inside: the server takes us for logged in.
        folder: what is selected, "" for nothing; `read_only` by EXAMINE or by the server's will.
        exists: messages of it.
        unasked: is called with every response that has no tag.
        told: events to be yielded while waiting; `unasked` may add to them.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.dialogue = Dialogue(wire, meaning)
        self.capabilities: frozenset[str] = frozenset()
        self.inside = False
        self.folder = ""
        self.read_only = True
        self.exists = 0
        self.unasked: Callable[[Response], object] = lambda response: None
        self.told: list[Event] = []
        self._count = 0

    def greeted(self) -> Telling[None]:
        """Hear the greeting."""
        response = yield from self.hear()
        if response.tag != b"*" or response.name not in (b"OK", b"PREAUTH"):
            why = safe(response.text) or safe(response.tag + b" " + response.name)
            raise JobError(f"the server greets with: {why}", code=safe(response.name))
        self.inside = response.name == b"PREAUTH"

    def hear(self) -> Telling[Response]:
        """The next response, told line by line; as `_next`."""
        response = yield from self._next(False, None)
        assert response is not None
        return response

    def _next(self, quiet: bool, quick: Callable[[bytes], bool] | None) -> Telling[Response | None]:
        """The next response, with its literals; None where `quick` has taken its line.

        Raises:
            JobError: it is none, or too long; the server hung up.
        """
        if quiet:
            line = self.wire.line()
            if not line.endswith(b"\n"):
                raise hung_up(line)
            if quick is not None and quick(line):
                return None
        else:
            line, told = self.dialogue.hear()
            line += b"\r\n"
            yield told
        size = literal_of(line)
        if size is not None:
            line = yield from self._literals(line, size, quiet)
        response = parse(line)
        if response.tag == b"*":
            self._keep(response)
        return response

    def _literals(self, line: bytes, size: int | None, quiet: bool) -> Telling[bytes]:
        whole = [line]
        total = len(line)
        while size is not None:
            total += size
            if total > RESPONSE_LIMIT:
                raise JobError(f"a response of more than {RESPONSE_LIMIT:,} bytes", code="too long")
            data = self.wire.read(size)
            if len(data) < size:
                raise JobError(
                    f"the server hung up {size - len(data):,} bytes before a literal's end",
                    code="EOF",
                )
            if not quiet:
                yield self.dialogue.heard("a literal", size)
            line = self.wire.line()
            if not line.endswith(b"\n"):
                raise hung_up(line)
            whole += [data, line]
            total += len(line)
            size = literal_of(line)
        return b"".join(whole)

    def _keep(self, response: Response) -> None:
        name = response.name
        if name == b"EXISTS":
            self.exists = response.number
        elif name == b"EXPUNGE":
            self.exists = max(0, self.exists - 1)
        elif name == b"CAPABILITY":
            words = [one for one in response.values if isinstance(one, bytes)]
            self._can(words)
        elif response.code == b"CAPABILITY":
            self._can(response.argument.split())
        self.unasked(response)

    def _can(self, words: Iterable[bytes]) -> None:
        found = (one.decode("ascii", "replace").upper() for one in words)
        self.capabilities = frozenset(list(found)[:1_000])

    # -- commands ------------------------------------------------------------------------------

    def command(
        self,
        *words: Word,
        quiet: bool = False,
        each: Callable[[Response], bool] | None = None,
    ) -> Telling[list[Response]]:
        """Say a command, its words with a space between, and hear all that answers it.

        Args:
            quiet: what comes is summed up in one line of the dialogue.
            each: takes what it wants of the answers; what it leaves is returned.

        Returns:
            The responses without a tag, and the one with it last.

        Raises:
            Refused: NO or BAD.
        """
        tag = yield from self.ask(*words)
        what = next((one for one in words if isinstance(one, str)), "")
        return (yield from self.answers(tag, what, quiet=quiet, each=each))

    def ask(self, *words: Word) -> Telling[str]:
        """Say a command, and hear its answers later by the tag that is returned."""
        self._count += 1
        tag = f"a{self._count}"
        yield from self._say(tag, words)
        return tag

    def answers(
        self,
        tag: str,
        what: str,
        *,
        quiet: bool = False,
        each: Callable[[Response], bool] | None = None,
        quick: Callable[[bytes], bool] | None = None,
    ) -> Telling[list[Response]]:
        """Hear all that answers a command; as `command`.

        Args:
            what: the command, for a refusal's words.
            quick: takes whole lines that it can read by itself, where `quiet`.
        """
        found: list[Response] = []
        before, count = self.wire.received - self.wire.pending, 0
        while True:
            response = yield from self._next(quiet, quick)
            count += 1
            if response is None or response.tag == b"+":
                continue  # taken; or an answer to nothing, which some servers say twice
            if response.tag != b"*":
                break
            if each is not None and each(response):
                continue
            found.append(response)
            if len(found) > ANSWERS_LIMIT:
                raise JobError(f"more than {ANSWERS_LIMIT:,} answers to one command")
        if quiet:
            size = self.wire.received - self.wire.pending - before
            yield self.dialogue.heard(f"{count:,} responses, {safe(response.name)}", size)
        found.append(response)
        self._judge(response, tag, what)
        return found

    def _judge(self, response: Response, tag: str, what: str) -> None:
        if response.tag != tag.encode():
            raise JobError(
                f"an answer to {safe(response.tag)}, where {tag} was said", code="out of order"
            )
        if response.name != b"OK":
            why = safe(response.text) or "no reason given"
            code = safe(response.code or response.name)
            raise Refused(f"the server refuses {what}: {why}", code=code)

    def _say(self, tag: str, words: tuple[Word, ...]) -> Telling[None]:
        line, shown = tag.encode(), tag
        for word in words:
            if isinstance(word, str):
                line += b" " + word.encode()
                shown += " " + word
                continue
            if isinstance(word, Text) and not any(b >= 0x80 or b in b"\r\n\0" for b in word.data):
                written = word.data if _SAFE_ATOM.fullmatch(word.data) else quoted(word.data)
                line += b" " + written
                shown += " " + (MASK if word.secret else written.decode("ascii"))
                continue
            pieces = word.pieces if isinstance(word, Pieces) else (word.data,)
            size = word.size if isinstance(word, Pieces) else len(word.data)
            yield from self._announce(line, shown, size)
            secret = isinstance(word, Text) and word.secret
            yield self.dialogue.pour(_exactly(pieces, size), MASK if secret else "a literal")
            line, shown = b"", ""
        yield self.dialogue.say(line, shown)

    def _announce(self, line: bytes, shown: str, size: int) -> Telling[None]:
        """Begin a literal: wait until the server wants it (RFC 3501, 4.3)."""
        yield self.dialogue.say(line + b" {%d}" % size, f"{shown} {{{size}}}")
        while True:
            response = yield from self.hear()
            if response.tag == b"+":
                return
            if response.tag != b"*":
                why = safe(response.text) or "no reason given"
                raise Refused(f"the server does not want it: {why}", code=safe(response.code))

    # -- logging in ----------------------------------------------------------------------------

    def ask_capabilities(self) -> Telling[None]:
        """What the server can do."""
        yield from self.command("CAPABILITY")

    def log_in(self, user: str, password: str, how: Auth) -> Telling[None]:
        """Prove who one is, in the way that was asked for or the best that is offered."""
        can = self.capabilities
        if how == "auto":
            if self.wire.tls is None and "AUTH=CRAM-MD5" in can:
                how = "cram-md5"
            else:
                how = "plain" if "AUTH=PLAIN" in can else "login"
        if self.wire.tls is None and how != "cram-md5":
            yield Note("name and password go over in the clear")
        if how == "login":
            if "LOGINDISABLED" in can:
                raise JobError("the server lets nobody log in without TLS", code="LOGINDISABLED")
            yield from self.command(
                "LOGIN", Text(user.encode()), Text(password.encode(), secret=True)
            )
        else:
            yield from self._authenticate(how, user, password)
        self.inside = True
        yield from self.ask_capabilities()

    def _authenticate(self, how: str, user: str, password: str) -> Telling[None]:
        self._count += 1
        tag = f"a{self._count}"
        first = "" if how == "cram-md5" else sasl_first(how, user, password)
        name = f"{tag} AUTHENTICATE {how.upper()}"
        if first and "SASL-IR" in self.capabilities:
            yield self.dialogue.say(f"{name} {first}", f"{name} {MASK}")
            first = ""
        else:
            yield self.dialogue.say(name)
        for _ in range(10):
            response = yield from self.hear()
            if response.tag == b"*":
                continue
            if response.tag != b"+":
                self._judge(response, tag, "the login")
                return
            if how == "cram-md5":
                yield self.dialogue.say(_cram(response.text, user, password), MASK)
            else:
                yield self.dialogue.say(first, MASK if first else "")
                first = ""
        raise JobError("the server asks without end", code="out of order")

    # -- waiting -------------------------------------------------------------------------------

    def idle(self, scope: Scope, seconds: float) -> Telling[bool]:
        """Hear what changes until a command waits in the scope, or the time is up.

        By IDLE (RFC 2177) where the server knows it. Whether a command came.
        """
        if "IDLE" not in self.capabilities:
            woken = _ready(self.wire, scope, min(seconds, 15.0)) == "scope"
            if not woken:
                yield from self.command("NOOP", quiet=True)
            return woken
        self._count += 1
        tag = f"a{self._count}"
        yield self.dialogue.say(f"{tag} IDLE")
        until, begun, woken = time.monotonic() + seconds, False, False
        while not woken:
            left = until - time.monotonic()
            what = _ready(self.wire, scope, max(0.0, left)) if begun else "wire"
            if what == "wire":
                response = yield from self.hear()
                if response.tag not in (b"*", b"+"):
                    self._judge(response, tag, "IDLE")
                    return False
                if response.name == b"BYE":
                    raise JobError(f"the server parts: {safe(response.text)}", code="BYE")
                begun = begun or response.tag == b"+"
                while self.told:
                    yield self.told.pop(0)
            else:
                woken = what == "scope"
                break
        yield self.dialogue.say("DONE")
        while True:
            response = yield from self.hear()
            if response.tag == tag.encode():
                return woken


def _exactly(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces of so many bytes together; what is more would be taken for commands.

    Raises:
        JobError: they are fewer.
    """
    left = size
    for piece in pieces:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            break
    if left != 0:
        raise JobError("the file has changed while it was sent", advice="try again")


def _ready(wire: Wire, scope: Scope, seconds: float) -> Literal["wire", "scope", ""]:
    """Which of the two has something first."""
    more = getattr(wire.sock, "pending", None)
    if wire.pending or (more is not None and more()):
        return "wire"
    scope.check()
    with selectors.DefaultSelector() as selector:
        selector.register(wire.sock, selectors.EVENT_READ)
        selector.register(scope, selectors.EVENT_READ)
        ready = [key.fileobj for key, _ in selector.select(seconds)]
    scope.check()
    return "scope" if scope in ready else "wire" if ready else ""


def _cram(challenge: bytes, user: str, password: str) -> str:
    """The answer of CRAM-MD5 (RFC 2195)."""
    try:
        asked = base64.b64decode(challenge, validate=True)
    except ValueError:
        raise JobError("the server's challenge is no base64", code="no IMAP") from None
    digest = hmac.new(password.encode(), asked, "md5").hexdigest()
    return base64.b64encode(f"{user} {digest}".encode()).decode("ascii")


def begin(end: Endpoint, access: AccessRequest, scope: Scope, auth: Auth) -> Telling[Session]:
    """Connect, greet, secure and log in. The caller closes the wire."""
    wire = yield from reach(end, access, scope)
    try:
        session = Session(wire)
        yield from session.greeted()
        yield from session.ask_capabilities()
        if not may_go_on_in_the_clear(wire, access, "STARTTLS" in session.capabilities):
            yield from session.command("STARTTLS")
            yield from secure(wire, end, access)
            yield from session.ask_capabilities()
        user, password = access.account(end)
        if user and not session.inside:
            yield from session.log_in(user, password, auth)
    except BaseException:
        wire.close()
        raise
    return session
