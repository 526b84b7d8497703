"""A session with a news server, each line of the dialogue told as it is said."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.message import Event
from workbench.core.text import safe
from workbench.mail_ftp.access import AccessRequest, may_go_on_in_the_clear, secure
from workbench.mail_ftp.dialogue import MASK, Dialogue, hung_up, one_line
from workbench.mail_ftp.nntp.codec import (
    LINE_LIMIT,
    NntpError,
    Overview,
    Reply,
    decode,
    is_group,
    is_id,
    meaning,
    overview_of,
    reply_of,
    stuffed,
    unstuffed,
)
from workbench.mail_ftp.wire import Wire

Talk = Generator[Event, None, Reply]

LINES = 1_000_000
"""Lines of a list that are taken."""
BLOCK = 256 << 20
"""Bytes of a list that are taken."""
ARTICLE = 64 << 20
"""Bytes of an article that are taken."""


class News:
    """A session; the caller closes its wire.

    Attributes:
        capabilities: by name, each with its arguments; none where the server knows no such command.
        posting: the server takes articles.
    """

    def __init__(self, wire: Wire) -> None:
        self._dialogue = Dialogue(wire, meaning)
        self._wire = wire
        self.capabilities: dict[str, list[str]] = {}
        self.posting = False
        self.malformed = 0
        """Lines of lists that were none."""

    # -- lines ---------------------------------------------------------------------------------

    def status(self) -> Talk:
        """The server's next line of status.

        Raises:
            JobError: it is none, or the server hung up; TimeoutError: it does not come.
        """
        line, told = self._dialogue.hear(LINE_LIMIT)
        yield told
        try:
            return reply_of(line)
        except NntpError:
            raise JobError(
                f"the server said {safe(line[:60])}, which is no reply of NNTP",
                code="protocol error",
                advice="another protocol may be spoken there",
            ) from None

    def command(self, line: str, shown: str = "") -> Talk:
        """Say something, and hear the status."""
        yield self._dialogue.say(line, shown)
        return (yield from self.status())

    def must(self, line: str, *codes: int, what: str = "", shown: str = "") -> Talk:
        """As `command`; raises JobError where the status is none of these."""
        reply = yield from self.command(line, shown)
        if reply.code not in codes:
            raise refused(reply, what or line)
        return reply

    def lines(self, most: int = BLOCK) -> Iterator[bytes]:
        """The lines of a block, to its dot.

        Raises:
            JobError: it is longer than anybody needs, or breaks off.
        """
        size = count = 0
        while True:
            line = self._wire.line(max(LINE_LIMIT, min(most, 1 << 20)))
            if not line.endswith(b"\n"):
                raise hung_up(line)
            if line in (b".\r\n", b".\n"):
                return
            size += len(line)
            count += 1
            if size > most or count > LINES:
                raise JobError(
                    f"the server sends without end: more than {min(most, size):,} bytes",
                    code="too long",
                )
            yield unstuffed(line)

    def block(self, what: str, most: int = BLOCK) -> Generator[Event, None, list[bytes]]:
        """All lines of a block, told as one."""
        taken = list(self.lines(most))
        yield self._dialogue.heard(f"{len(taken):,} lines: {what}", sum(map(len, taken)))
        return taken

    # -- the beginning -------------------------------------------------------------------------

    def begin(self, end: Endpoint, access: AccessRequest) -> Generator[Event, None, None]:
        """Greeting, capabilities, TLS where it is to be, the reader's mode, login.

        Raises:
            JobError: the server turns us away.
        """
        greeting = yield from self.status()
        if greeting.code not in (200, 201):
            raise refused(greeting, "the greeting")
        self.posting = greeting.code == 200
        yield from self._ask_capabilities()
        if not may_go_on_in_the_clear(self._wire, access, "STARTTLS" in self.capabilities):
            yield from self.must("STARTTLS", 382)
            yield from secure(self._wire, end, access)
            yield from self._ask_capabilities()
        if "MODE-READER" in self.capabilities or "READER" not in self.capabilities:
            reply = yield from self.command("MODE READER")
            self.posting = reply.code == 200 if reply.good else self.posting
            yield from self._ask_capabilities()
        name, password = access.account(end)
        if name:
            yield from self._login(name, password)
            yield from self._ask_capabilities()

    def _ask_capabilities(self) -> Generator[Event, None, None]:
        reply = yield from self.command("CAPABILITIES")
        self.capabilities = {}
        if reply.code == 101:
            for line in (yield from self.block("what the server can do", 1 << 20)):
                name, *rest = decode(line).upper().split() or [""]
                self.capabilities[name] = rest

    def _login(self, name: str, password: str) -> Generator[Event, None, None]:
        if self._wire.tls is None:
            yield Note("name and password go over the network in the clear")
        reply = yield from self.command(f"AUTHINFO USER {one_line(name, 'the name')}")
        if reply.code == 381:
            line = f"AUTHINFO PASS {one_line(password, 'the password')}"
            reply = yield from self.command(line, f"AUTHINFO PASS {MASK}")
        if reply.code != 281:
            raise refused(reply, "the login")

    # -- what there is -------------------------------------------------------------------------

    def lists(self, kind: str, wanted: str = "") -> Generator[Event, None, list[bytes]]:
        """LIST of a kind, for a wildmat; nothing where the server has no such list."""
        line = f"LIST {kind} {one_line(wanted, 'the filter')}".rstrip()
        reply = yield from self.command(line)
        if reply.code != 215:
            if kind == "ACTIVE":
                raise refused(reply, line)
            return []
        return (yield from self.block(f"LIST {kind}"))

    def group(self, name: str) -> Generator[Event, None, tuple[int, int, int]]:
        """Choose a group: how many articles there may be, the first and the last number."""
        if not is_group(name):
            raise JobError(f"{safe(name, limit=60)} is no name of a group")
        reply = yield from self.must(f"GROUP {name}", 211, what=f"the group {name}")
        numbers = [int(one) for one in reply.words[:3] if one.isascii() and one.isdigit()]
        if len(numbers) < 3 or max(numbers) > 1 << 62:
            raise JobError(f"the server's answer to GROUP lacks numbers: {safe(reply.text)}")
        return numbers[0], numbers[1], numbers[2]

    def over(self, first: int, last: int) -> Generator[Event, None, list[Overview]]:
        """The overview of a range, in the chosen group."""
        names = ("OVER", "XOVER") if "OVER" in self.capabilities else ("XOVER", "OVER")
        for name in names:
            reply = yield from self.command(f"{name} {first}-{last}")
            if reply.code not in (500, 501, 502, 503):
                break
        if reply.code in (420, 423):
            return []
        if reply.code != 224:
            raise refused(reply, "the overview")
        found = []
        for line in (yield from self.block("the overview")):
            try:
                found.append(overview_of(line))
            except NntpError:
                self.malformed += 1
        return found

    def article(self, which: str) -> Generator[Event, None, tuple[str, bytes]]:
        """An article by its number in the chosen group, or by its id; its id, and all of it."""
        if not (is_id(which) or (which.isascii() and which.isdigit() and len(which) < 20)):
            raise JobError(
                f"{safe(which, limit=60)} is neither a number nor an id",
                advice="write 42, or <id@host> with its brackets",
            )
        reply = yield from self.must(f"ARTICLE {which}", 220, what=f"article {which}")
        lines = yield from self.block("the article", ARTICLE)
        id_ = next((word for word in reply.words if is_id(word)), which)
        return id_, b"".join(line + b"\r\n" for line in lines)

    def post(self, data: bytes) -> Generator[Event, None, str]:
        """Post an article; what the server says to it."""
        yield from self.must("POST", 340, what="posting")
        yield self._dialogue.pour([stuffed(data)], "the article")
        reply = yield from self.status()
        if reply.code != 240:
            raise refused(reply, "the article")
        return reply.text

    def wave(self) -> Generator[Event, None, None]:
        """Ask for the time, so that the server does not think that we have left."""
        yield from self.command("DATE")

    def leave(self) -> Generator[Event, None, None]:
        """Say goodbye; no matter how it is answered."""
        try:
            yield from self.command("QUIT")
        except (OSError, JobError):
            pass


def refused(reply: Reply, what: str) -> JobError:
    """The failure of a status that says no."""
    advice = {
        480: "log in: --user NAME and --password-env VARIABLE",
        483: "TLS comes first: --starttls require, or nntps://HOST",
        502: "the server does not let you do that; a login may help",
        411: "workbench nntp nntp://HOST lists the groups",
        423: "it has expired, or was never there",
        430: "it has expired, or never came here",
    }.get(reply.code, "")
    words = f"the server refused {what}: {safe(reply.text, limit=200)}"
    return JobError(words, code=str(reply.code), advice=advice)
