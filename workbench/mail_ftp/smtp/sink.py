"""The server's side of one connection of SMTP or LMTP: bytes in, replies out (RFC 5321, 2033).

It says what is to happen with the connection in `wants`, and has each message taken by what it is
given for that. Commands may come many at a time (PIPELINING, RFC 2920); chunks (BDAT, RFC 3030).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from workbench.core.text import safe
from workbench.core.units import amount
from workbench.mail_ftp.smtp import refusals
from workbench.mail_ftp.smtp.codec import command, from_xtext, path, reply
from workbench.mail_ftp.smtp.logins import MECHANISMS, Accounts, Steps, decoded, encoded
from workbench.mail_ftp.smtp.refusals import Refusal
from workbench.mail_ftp.smtp.text import LINE, DotReader, SmugglingError, bare, longest_line, mended

LINE_LIMIT = 12_288
"""Bytes of a command; RFC 4954 asks for so many of AUTH."""

MISTAKES = 20
"""Commands that are not understood before the connection is given up."""

SMUGGLED = "a lone dot between line endings that are not CRLF: this smuggles messages"
BARE = "lines must end in CRLF; a lone LF or CR stands in this message (nc -C, swaks, --bare-lf)"

_MAIL = ("SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID")
_RCPT = ("NOTIFY", "ORCPT")
_HELP = "EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY STARTTLS AUTH HELP QUIT"


StartTls = Literal["no", "offer", "require"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a sink behaves. `limit` is bytes of a message; `accounts` None where nobody logs in."""

    host: str = "localhost"
    lmtp: bool = False
    limit: int = 1 << 27
    recipients: int = 1_000
    starttls: StartTls = "no"
    accounts: Accounts | None = None
    refuse: tuple[Refusal, ...] = ()
    bare_lf: bool = False


@dataclass(slots=True)
class Letter:
    """A message and its envelope; `helo` is how the visitor called itself, `user` who logged in."""

    helo: str
    sender: str
    recipients: list[str] = field(default_factory=list)
    parameters: tuple[str, ...] = ()
    data: bytes = b""
    user: str = ""
    protocol: str = "SMTP"
    remarks: tuple[str, ...] = ()


Take = Callable[[Letter], str]
"""Keeps a message; "" where it could, or why it could not."""


class Session:
    """One connection.

    Attributes:
        wants: "layer" where TLS is to be laid after the replies, "close" where it is to end.
        secure: TLS protects it.
        last: what the visitor did last, in a few words.
        requests: messages that were offered, and how many of them were refused.
    """

    def __init__(self, settings: Settings, take: Take, *, secure: bool = False) -> None:
        self.settings = settings
        self.secure = secure
        self.wants: Literal["", "layer", "close"] = ""
        self.last = ""
        self.requests = self.refused = 0
        self._take = take
        self._buffer = bytearray()
        self._skipping = False
        self._mistakes = 0
        self._helo = self._user = ""
        self._extended = False
        self._letter: Letter | None = None
        self._reader: DotReader | None = None
        self._chunk = 0
        self._chunks: bytearray | None = None
        self._last_chunk = False
        self._chunk_over = False
        self._login: Steps | None = None

    # -- bytes ---------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Something is under way."""
        return bool(self._letter or self._buffer or self._login)

    @property
    def held(self) -> int:
        """Bytes of a message that is coming in."""
        if self._reader is not None:
            return self._reader.size if not self._reader.too_big else 0
        return len(self._chunks or b"")

    def greeting(self) -> bytes:
        """The first words."""
        rule = refusals.first(self.settings.refuse, "connect")
        if rule is not None:
            return self._refusal(rule)
        kind = "LMTP" if self.settings.lmtp else "ESMTP"
        return reply(220, f"{self.settings.host} {kind} workbench")

    def receive(self, data: bytes | memoryview) -> bytes:
        """The replies to what came; look at `wants` when they are sent."""
        out: list[bytes] = []
        rest: bytes | memoryview = data
        while len(rest) and not self.wants:
            if self._reader is not None:
                rest = self._text(self._reader, rest, out)
            elif self._chunk:
                rest = self._bdat_piece(rest, out)
            else:
                rest = self._lines(rest, out)
        if self.wants == "layer":
            self._buffer.clear()  # what came in the clear after STARTTLS is not to be trusted
        return b"".join(out)

    def layered(self) -> None:
        """TLS has begun: the visitor begins anew (RFC 3207, 4.2)."""
        self.secure = True
        self.wants = ""
        self._helo = ""
        self._letter = None

    def _lines(self, data: bytes | memoryview, out: list[bytes]) -> bytes:
        """Take commands until something else than commands follows; what is left over then."""
        buffer = self._buffer
        buffer += data
        at = 0
        while not self.wants and self._reader is None and not self._chunk:
            end = buffer.find(b"\n", at)
            if end < 0:
                break
            line = bytes(buffer[at:end]).rstrip(b"\r")
            at = end + 1
            if self._skipping or len(line) > LINE_LIMIT:
                self._skipping = False
                out.append(self._mistake(500, "5.5.6", "the line is too long"))
            else:
                out.append(self._line(line))
        left = bytes(buffer[at:])
        buffer.clear()
        if self._reader is not None or self._chunk:
            return left
        if len(left) > LINE_LIMIT or self._skipping:
            self._skipping = True  # until its end comes
        else:
            buffer += left
        return b""

    def _line(self, line: bytes) -> bytes:
        if self._login is not None:
            return self._answer(line)
        if b"\0" in line or b"\r" in line:
            return self._mistake(500, "5.5.2", "a command holds NUL or a lone CR")
        verb, rest = command(line)
        act = getattr(self, f"_do_{verb.lower()}", None) if verb.isascii() else None
        if act is None:
            said = safe(verb, limit=20)
            return self._mistake(500, "5.5.2", f"“{said}” is no command of SMTP")
        try:
            answer: bytes = act(rest)
        except ValueError as problem:
            return self._mistake(501, "5.5.4", f"{verb}: {problem}")
        return answer

    def _reply(self, code: int, enhanced: str, text: str) -> bytes:
        return reply(code, f"{enhanced} {text}" if self._extended and enhanced else text)

    def _mistake(self, code: int, enhanced: str, text: str) -> bytes:
        self._mistakes += 1
        answer = self._reply(code, enhanced, text)
        if self._mistakes >= MISTAKES:
            self.wants = "close"
            answer += self._reply(421, "4.7.0", "too many commands that are not understood")
        return answer

    def _order(self, text: str) -> bytes:
        return self._mistake(503, "5.5.1", text)

    def _refusal(self, rule: Refusal) -> bytes:
        if rule.code == 421 or rule.stage == "connect":
            self.wants = "close"
        return self._reply(rule.code, rule.enhanced, rule.words)

    def _refused(self, stage: str, value: str = "") -> bytes | None:
        rule = refusals.first(self.settings.refuse, stage, value)
        return self._refusal(rule) if rule is not None else None

    # -- the beginning -------------------------------------------------------------------------

    def _hello(self, name: str, extended: bool) -> bytes | None:
        if not name:
            raise ValueError("a name is wanted")
        self._extended = False
        refused = self._refused("ehlo", name)
        if refused is not None:
            return refused
        self._helo = name
        self._extended = extended
        self._letter = None
        self.last = f"{'EHLO' if extended else 'HELO'} {name}"
        return None

    def _do_helo(self, rest: str) -> bytes:
        if self.settings.lmtp:
            return self._order("this is LMTP: LHLO is wanted")
        return self._hello(rest, False) or reply(250, self.settings.host)

    def _do_ehlo(self, rest: str) -> bytes:
        if self.settings.lmtp:
            return self._order("this is LMTP: LHLO is wanted")
        return self._extensions(rest)

    def _do_lhlo(self, rest: str) -> bytes:
        if not self.settings.lmtp:
            return self._order("this is SMTP: EHLO is wanted")
        return self._extensions(rest)

    def _extensions(self, name: str) -> bytes:
        refused = self._hello(name, True)
        if refused is not None:
            return refused
        settings = self.settings
        offered = [
            settings.host, "PIPELINING", f"SIZE {settings.limit}", "8BITMIME", "SMTPUTF8",
            "CHUNKING", "DSN", "ENHANCEDSTATUSCODES",
        ]  # fmt: skip
        if settings.starttls != "no" and not self.secure:
            offered.append("STARTTLS")
        if settings.accounts is not None and not self._user:
            offered.append(f"AUTH {' '.join(MECHANISMS)}")
        return reply(250, *offered, "HELP")

    def _do_starttls(self, rest: str) -> bytes:
        if self.secure:
            return self._order("TLS is there already")
        if self.settings.starttls == "no":
            return self._mistake(502, "5.5.1", "TLS is not offered")
        if rest:
            raise ValueError("nothing follows it")
        refused = self._refused("starttls")
        if refused is not None:
            return refused
        self.wants = "layer"
        self.last = "STARTTLS"
        return self._reply(220, "2.0.0", "begin TLS")

    def _do_auth(self, rest: str) -> bytes:
        accounts = self.settings.accounts
        if accounts is None:
            return self._mistake(502, "5.5.1", "nobody needs to log in here")
        if self._user or self._letter is not None:
            return self._order("not now: once, and before MAIL")
        if self._needs_tls:
            return self._reply(530, "5.7.0", "STARTTLS first")
        name, _, initial = rest.partition(" ")
        try:
            self._login = accounts.begin(name)
        except KeyError:
            offered = " ".join(MECHANISMS)
            return self._mistake(504, "5.5.4", f"there are {offered}")
        challenge = next(self._login)
        if initial:
            return self._answer(initial.encode("utf-8", "surrogateescape"))
        return reply(334, encoded(challenge))

    def _answer(self, line: bytes) -> bytes:
        steps, self._login = self._login, None
        assert steps is not None
        if line == b"*":
            return self._mistake(501, "5.7.0", "the login was broken off")
        try:
            challenge = steps.send(decoded(line.decode("ascii", "replace")))
        except ValueError:
            return self._mistake(501, "5.5.2", "that is no base64")
        except StopIteration as ended:
            return self._logged_in(*ended.value)
        self._login = steps
        return reply(334, encoded(challenge))

    def _logged_in(self, good: bool, user: str) -> bytes:
        refused = self._refused("auth", user)
        if refused is not None:
            return refused
        if not good:
            return self._mistake(535, "5.7.8", "wrong name or password")
        self._user = user or "?"
        self.last = "AUTH"
        return self._reply(235, "2.7.0", "logged in")

    @property
    def _needs_tls(self) -> bool:
        return self.settings.starttls == "require" and not self.secure

    # -- the envelope --------------------------------------------------------------------------

    def _do_mail(self, rest: str) -> bytes:
        if not self._helo:
            return self._order("LHLO first" if self.settings.lmtp else "EHLO first")
        if self._needs_tls:
            return self._reply(530, "5.7.0", "STARTTLS first")
        if self.settings.accounts is not None and not self._user:
            return self._reply(530, "5.7.0", "log in first (AUTH)")
        if self._letter is not None:
            return self._order("a message is under way: RSET first")
        sender, given = path(rest, "FROM")
        unknown = [name for name in given if name not in _MAIL] if self._extended else [*given]
        if unknown:
            return self._mistake(555, "5.5.4", f"MAIL: {unknown[0]} is not known")
        size = given.get("SIZE", "0")
        if not (size.isascii() and size.isdigit()) or len(size) > 20:
            raise ValueError("SIZE wants a number")
        if given.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME"):
            raise ValueError("BODY is 7BIT or 8BITMIME")
        if given.get("RET", "HDRS").upper() not in ("FULL", "HDRS"):
            raise ValueError("RET is FULL or HDRS")
        if not sender.isascii() and "SMTPUTF8" not in given:
            return self._reply(553, "5.6.7", "such an address needs SMTPUTF8")
        self.last = f"MAIL FROM:<{safe(sender, limit=60)}>"
        refused = self._refused("mail", sender)
        if refused is not None:
            return refused
        if int(size) > self.settings.limit:
            return self._reply(552, "5.3.4", self._too_big)
        self._letter = Letter(self._helo, sender, user=self._user, protocol=self._protocol)
        self._letter.parameters = tuple(
            f"{name}={from_xtext(value)}" if value else name for name, value in given.items()
        )
        return self._reply(250, "2.1.0", "sender taken")

    @property
    def _too_big(self) -> str:
        return f"the message is too big: {amount(self.settings.limit)} is the limit"

    @property
    def _protocol(self) -> str:
        kind = "LMTP" if self.settings.lmtp else "ESMTP" if self._extended else "SMTP"
        logged_in = "A" if self._user else ""
        return kind + ("S" if self.secure else "") + logged_in  # RFC 3848

    def _do_rcpt(self, rest: str) -> bytes:
        letter = self._letter
        if letter is None:
            return self._order("MAIL first")
        recipient, given = path(rest, "TO")
        if not recipient:
            raise ValueError("an address is wanted")
        unknown = [name for name in given if name not in _RCPT]
        if unknown:
            return self._mistake(555, "5.5.4", f"RCPT: {unknown[0]} is not known")
        if not recipient.isascii() and "SMTPUTF8" not in letter.parameters:
            return self._reply(553, "5.6.7", "such an address needs SMTPUTF8")
        self.last = f"RCPT TO:<{safe(recipient, limit=60)}>"
        refused = self._refused("rcpt", recipient)
        if refused is not None:
            return refused
        if len(letter.recipients) >= self.settings.recipients:
            return self._reply(452, "4.5.3", "too many recipients")
        letter.recipients.append(recipient)
        letter.parameters += tuple(
            f"{name}={from_xtext(value)} ({recipient})" for name, value in given.items()
        )
        return self._reply(250, "2.1.5", "recipient taken")

    # -- the message ---------------------------------------------------------------------------

    def _ready(self) -> bytes | None:
        if self._letter is None:
            return self._order("MAIL first")
        if not self._letter.recipients:
            return self._mistake(503, "5.5.1", "RCPT first: there is no recipient")
        return self._refused("data")

    def _do_data(self, rest: str) -> bytes:
        if rest:
            raise ValueError("nothing follows it")
        if self._chunks is not None:
            return self._order("BDAT has begun")
        trouble = self._ready()
        if trouble is not None:
            return trouble
        self._reader = DotReader(self.settings.limit * 4 // 3 + 4)  # dots are stuffed
        self.last = "DATA"
        return reply(354, "send the message, a line with a dot alone ends it")

    def _text(self, reader: DotReader, data: bytes | memoryview, out: list[bytes]) -> bytes:
        try:
            rest = reader.feed(data)
        except SmugglingError:
            self._reader = self._letter = None
            self.requests += 1
            self.refused += 1
            self.last = "refused: smuggling"
            self.wants = "close"
            out.append(self._reply(550, "5.5.2", SMUGGLED))
            return b""
        if reader.complete:
            self._reader = None
            too_big, message = reader.too_big, reader.message()
            out.append(self._whole(message, too_big=too_big))
        return rest

    def _do_bdat(self, rest: str) -> bytes:
        words = rest.upper().split()
        number = words[0] if words else ""
        good = number.isascii() and number.isdigit() and len(number) <= 15
        if not good or words[1:] not in ([], ["LAST"]):
            # How many bytes follow is not known: nothing after this can be read.
            self.wants = "close"
            return self._reply(501, "5.5.4", "BDAT wants a number, and LAST or nothing")
        self._chunk = int(number)
        self._last_chunk = words[1:] == ["LAST"]
        if self._chunks is None:
            self._chunks = bytearray()
            self._chunk_over = False
        self.last = "BDAT"
        return b"" if self._chunk else self._chunk_done()

    def _bdat_piece(self, data: bytes | memoryview, out: list[bytes]) -> bytes | memoryview:
        piece = data[: self._chunk]
        assert self._chunks is not None
        if self._letter is None or len(self._chunks) + len(piece) > self.settings.limit:
            self._chunk_over = self._letter is not None
            self._chunks.clear()
        elif not self._chunk_over:
            self._chunks += piece
        self._chunk -= len(piece)
        if not self._chunk:
            out.append(self._chunk_done())
        return data[len(piece) :]

    def _chunk_done(self) -> bytes:
        assert self._chunks is not None
        trouble = self._ready()
        if trouble is not None:
            self._chunks = None
            return trouble
        if not self._last_chunk:
            return self._reply(250, "2.0.0", "chunk taken")
        message, self._chunks = bytes(self._chunks), None
        return self._whole(message, too_big=self._chunk_over)

    def _whole(self, message: bytes, *, too_big: bool) -> bytes:
        """What is said to a message that is complete; by LMTP once for each recipient."""
        letter, self._letter = self._letter, None
        assert letter is not None
        times = len(letter.recipients) if self.settings.lmtp else 1
        self.requests += 1
        trouble = self._judge(letter, message, too_big=too_big)
        if trouble is not None:
            self.refused += 1
            self.last = "a message, refused"
            return trouble * times
        self.last = f"a message of {amount(len(letter.data))}"
        return self._reply(250, "2.0.0", f"taken, {len(letter.data)} bytes") * times

    def _judge(self, letter: Letter, message: bytes, *, too_big: bool) -> bytes | None:
        """The refusal of a message, or None when it was taken."""
        if too_big or len(message) > self.settings.limit:
            return self._reply(552, "5.3.4", self._too_big)
        refused = self._refused("message", letter.sender)
        if refused is not None:
            return refused
        remarks = []
        if bare(message):
            if not self.settings.bare_lf:
                return self._reply(550, "5.6.0", BARE)
            remarks.append("lines that ended in LF or CR alone, mended")
            message = mended(message)
        longest = longest_line(message)
        if longest > LINE:
            remarks.append(f"a line of {longest:,} bytes ({LINE} is the limit)")
        eight = not message.isascii()
        declared = {one.partition("=")[0] for one in letter.parameters}
        if eight and not declared & {"BODY", "SMTPUTF8"}:
            remarks.append("8-bit bytes, and BODY=8BITMIME was not said")
        letter.data = message
        letter.remarks = tuple(remarks)
        problem = self._take(letter)
        return self._reply(452, "4.3.1", problem) if problem else None

    # -- the rest ------------------------------------------------------------------------------

    def _do_rset(self, rest: str) -> bytes:
        self._letter = self._chunks = None
        return self._reply(250, "2.0.0", "forgotten")

    def _do_noop(self, rest: str) -> bytes:
        return self._reply(250, "2.0.0", "still here")

    def _do_vrfy(self, rest: str) -> bytes:
        if not rest:
            raise ValueError("an address is wanted")
        return self._reply(252, "2.5.0", "send it some mail, and see")

    def _do_expn(self, rest: str) -> bytes:
        return self._mistake(502, "5.5.1", "there are no lists here")

    def _do_help(self, rest: str) -> bytes:
        return reply(214, f"2.0.0 {_HELP}" if self._extended else _HELP)

    def _do_quit(self, rest: str) -> bytes:
        self.wants = "close"
        self.last = "QUIT"
        return self._reply(221, "2.0.0", "good-bye")
