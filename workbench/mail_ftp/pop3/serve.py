"""The job `serve pop3`: the inbox, as clients of POP3 see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.mailbox_server import MailboxRequest, serve
from workbench.mail_ftp.pop3.server import Pop3Handler
from workbench.servers.events import COMMANDS

_HANDLE = """\
keys = sorted(inbox.keys())
messages = [inbox.get_bytes(key) for key in keys]
gone, lines = set(), self.request.makefile("rwb")

def say(*answer):
    lines.write("".join(f"{line}\\r\\n" for line in answer).encode("utf-8", "surrogateescape"))
    lines.flush()

say("+OK ready")
for line in lines:
    word, *given = line.decode("utf-8", "surrogateescape").split() or [""]
    word, number = word.upper(), int(given[0]) if given and given[0].isdigit() else 0
    left = [one for one in range(1, len(keys) + 1) if one not in gone]
    if word in ("USER", "PASS", "NOOP"):
        say("+OK")
    elif word == "CAPA":
        say("+OK", "USER", "UIDL", "TOP", ".")
    elif word == "STAT":
        say(f"+OK {len(left)} {sum(len(messages[one - 1]) for one in left)}")
    elif word in ("LIST", "UIDL") and not given:
        about = [len(one) for one in messages] if word == "LIST" else keys
        say("+OK", *(f"{one} {about[one - 1]}" for one in left), ".")
    elif word in ("RETR", "TOP") and number in left:
        text = messages[number - 1].decode("utf-8", "surrogateescape")
        head, _, body = text.replace("\\r\\n", "\\n").partition("\\n\\n")
        body = body.splitlines()
        if word == "TOP":
            body = body[: int(given[1])]
        shown = [*head.splitlines(), "", *body]
        say("+OK", *("." + one if one.startswith(".") else one for one in shown), ".")
    elif word == "DELE" and number in left:
        gone.add(number)
        say("+OK")
    elif word == "QUIT":
        for one in gone:
            inbox.discard(keys[one - 1])
        say("+OK bye")
        break
    else:
        say("-ERR")
"""


@dataclass(frozen=True, slots=True)
class ServePop3(MailboxRequest):
    """Show the inbox to clients of POP3 (RFC 1939).

    It is the inbox that serve smtp fills: USER, APOP and AUTH PLAIN, UIDL, TOP; TLS at once
    (--tls) or on request (--starttls). What a client deletes is gone when it has said QUIT.
    """

    def as_python(self) -> str:
        """A socketserver over the standard library's mailbox."""
        return self.script(_HANDLE)


@job(
    "serve pop3",
    tab="servers",
    example="serve pop3 pop3://127.0.0.1:1110",
    process=True,
    commands=COMMANDS,
)
def serve_pop3(request: ServePop3, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    yield from serve(request, scope, "pop3", Pop3Handler)
