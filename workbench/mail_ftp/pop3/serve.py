"""The job `serve pop3`: the inbox, as clients of POP3 see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Note
from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.accounts import MailboxRequest
from workbench.mail_ftp.inbox import Inbox, usual_folder
from workbench.mail_ftp.pop3.server import Pop3Handler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.sockets.simple import Code, as_python
from workbench.tls.serving.code import in_tls, python_command

_PRELUDE = """\
inbox = mailbox.Maildir({folder!r})
"""
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
        folder = str(self.inbox or usual_folder())
        code = Code(("mailbox",), _HANDLE, "", _PRELUDE.format(folder=folder))
        return in_tls(as_python(self.endpoint, code, "threading"), self)

    def as_shell(self) -> str:
        """That script: no usual tool serves a folder without being set up first."""
        return python_command(self.as_python())


@job(
    "serve pop3",
    tab="servers",
    example="serve pop3 pop3://127.0.0.1:1110",
    process=True,
    commands=COMMANDS,
)
def serve_pop3(request: ServePop3, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end, account = request.place("pop3", "pop3s"), request.account
    inbox = Inbox(request.inbox)
    layer, later = request.layers()
    handler = Pop3Handler(inbox, account, later)
    told: list[Event] = [Note(f"the inbox is {safe(str(inbox.folder))}")]
    if later is not None:
        told += later.told
    yield from Loop(end, handler, scope, request.admit, layer, told=told).run()
