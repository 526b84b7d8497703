"""serve nntp: groups in memory or in a folder, for any news reader."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.nntp.serve_code import as_python
from workbench.mail_ftp.nntp.store import News, welcome
from workbench.mail_ftp.nntp.visit import Rules, Visit
from workbench.servers.connection import Connection, Handler
from workbench.servers.events import COMMANDS
from workbench.servers.layer import Layer
from workbench.servers.loop import Loop
from workbench.tls.serving.code import python_command
from workbench.tls.serving.request import SecureRequest

SILENCE = 600.0
"""Seconds that a visitor may be silent; RFC 3977, 3.1 asks for three minutes at least."""
LINE = 1 << 16
"""Bytes of a line that has no end yet."""
USUAL = "workbench.test A group to try readers with"


@dataclass(frozen=True, slots=True)
class ServeNntp(SecureRequest):
    """Serve news to any reader of NNTP (RFC 3977).

    Without --group and --folder there is one group, workbench.test, with a few articles. A folder
    has a folder for each group, and in it a file for each article, named by its number; what is
    posted is written there. Nothing is sent on to other servers.
    """

    endpoint: Endpoint = argument(
        "where to listen; port 0 takes a free one", metavar="ENDPOINT", scheme="nntp"
    )
    group: tuple[str, ...] = option(
        (), "a group, and after a space what it is about", metavar="NAME[ TEXT]"
    )
    folder: Path | None = option(None, "where groups and articles are kept", metavar="DIR")
    read_only: bool = option(False, "take no articles")
    user: str = option("", "readers log in by this name", metavar="NAME")
    password: str = option("", "and this password", secret=True)
    starttls: Literal["no", "offer", "require"] = option(
        "no", "TLS on wish, with a certificate as --tls has it; require: before a login"
    )

    def as_python(self) -> str:
        """A socketserver with groups in memory."""
        return as_python(self)

    def as_shell(self) -> str:
        """The script, run by python3: the usual servers want a set-up of their own."""
        return python_command(self.as_python())

    @property
    def names(self) -> tuple[str, ...]:
        """The groups that there are to be."""
        return self.group or (() if self.folder else (USUAL,))


class NntpHandler(Handler):
    """Lines of each visitor to its `Visit`, and its answers back."""

    def __init__(self, news: News, rules: Rules, later: Layer | None) -> None:
        self._news = news
        self._rules = rules
        self._later = later
        self._rest: dict[int, bytes] = {}

    def opened(self, connection: Connection) -> None:
        """Greet."""
        secure = connection.laid is not None
        visit = connection.state = Visit(self._news, self._rules, secure=secure)
        connection.deadline(SILENCE, "silent for too long")
        connection.send(visit.greeting())

    def received(self, connection: Connection, data: memoryview) -> None:
        """Answer each line that is whole."""
        visit: Visit = connection.state
        connection.deadline(SILENCE, "silent for too long")
        rest = self._rest.pop(connection.id, b"") + bytes(data)
        out: list[bytes] = []
        at = 0
        while not (visit.over or visit.starting):
            end = rest.find(b"\n", at)
            if end < 0:
                break
            out.append(self._answer(connection, visit, rest[at : end + 1]))
            at = end + 1
        if out:
            connection.send(b"".join(out))
        connection.last = visit.last
        if visit.over:
            connection.close("the visitor said QUIT")
        elif visit.starting and self._later is not None:
            connection.start_layer(self._later)  # what came behind the wish is forgotten
        elif len(rest) - at > LINE:
            connection.send(b"501 the line is too long\r\n")
            connection.close("a line without an end")
        elif at < len(rest):
            self._rest[connection.id] = rest[at:]

    def _answer(self, connection: Connection, visit: Visit, line: bytes) -> bytes:
        answer = visit.heard(line)
        if answer:
            connection.request_done(error=answer[:1] in (b"4", b"5"))
        return answer

    def layered(self, connection: Connection) -> None:
        """TLS has begun; the visitor speaks first."""
        visit: Visit = connection.state
        visit.secure, visit.starting = True, False
        connection.deadline(SILENCE, "silent for too long")

    def closed(self, connection: Connection) -> None:
        """Forget it."""
        self._rest.pop(connection.id, None)

    def idle(self, connection: Connection, quiet: bool) -> bool:
        """No article is under way."""
        visit: Visit = connection.state
        return not visit.taking and not connection.pending

    def parting(self, reason: str) -> bytes:
        """A visitor hears why (RFC 3977, 3.2.1)."""
        if reason in ("silent for too long", "the server drains", "server stopped"):
            return f"400 {reason}\r\n".encode()
        return b""


@job(
    "serve nntp",
    tab="servers",
    example="serve nntp nntp://127.0.0.1:1119",
    process=True,
    commands=COMMANDS,
)
def serve_nntp(request: ServeNntp, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = request.endpoint
    if end.transport not in ("tcp", "unix"):
        raise JobError(f"news is not served over {end.scheme}", advice="use nntp://HOST:PORT")
    if bool(request.user) != bool(request.password):
        raise JobError(
            "a name and a password go together",
            advice="give --user NAME and --password-env VARIABLE or --password-file FILE",
        )
    if request.secured and request.starttls != "no":
        raise JobError("TLS is there from the beginning", advice="leave out --starttls")
    if request.secured and end.scheme == "nntp":
        end = end.with_scheme("nntps")
    news = News(request.names, request.folder)
    if request.names == (USUAL,):
        welcome(news, "workbench.test")
    rules = Rules(
        not request.read_only,
        request.user,
        request.password,
        request.starttls != "no",
        request.starttls == "require",
    )
    later = request.secure_layer() if request.starttls != "no" else None
    told = later.told if later is not None else ()
    handler = NntpHandler(news, rules, later)
    yield from Loop(end, handler, scope, request.admit, request.layer(), told=told).run()
