"""The job `serve imap`: the inbox, as clients of IMAP see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.events import Note
from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.accounts import MailboxRequest
from workbench.mail_ftp.imap.server import ImapHandler
from workbench.mail_ftp.inbox import Inbox, usual_folder
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.sockets.simple import Code, as_python
from workbench.tls.serving.code import in_tls, python_command

_PRELUDE = """\
inbox = mailbox.Maildir({folder!r})
"""
_HANDLE = """\
keys = sorted(inbox.keys())
lines = self.request.makefile("rwb")

def say(*answer):
    for one in answer:
        lines.write(one if isinstance(one, bytes) else one.encode())
    lines.write(b"\\r\\n")
    lines.flush()

say("* OK [CAPABILITY IMAP4rev1] ready")
for line in lines:
    tag, name, *given = line.decode("utf-8", "replace").split() or ["*", ""]
    name = name.upper()
    by_uid = name == "UID"
    if by_uid:
        name = given.pop(0).upper()
    if name == "CAPABILITY":
        say("* CAPABILITY IMAP4rev1")
    elif name in ("LIST", "LSUB"):
        say(f'* {name} () "." "INBOX"')
    elif name in ("SELECT", "EXAMINE"):
        say("* FLAGS (\\\\Seen)")
        say(f"* {len(keys)} EXISTS")
        say("* OK [UIDVALIDITY 1] UIDs are places")
    elif name == "SEARCH":
        say("* SEARCH", *(f" {one}" for one in range(1, len(keys) + 1)))
    elif name == "FETCH":
        first, _, last = given[0].replace("*", str(len(keys))).partition(":")
        for one in range(int(first), min(int(last or first), len(keys)) + 1):
            data = b"\\r\\n".join(inbox.get_bytes(keys[one - 1]).splitlines()) + b"\\r\\n"
            body = [f" BODY[] {{{len(data)}}}\\r\\n", data] if "[]" in given[-1] else []
            say(f"* {one} FETCH (UID {one} FLAGS () RFC822.SIZE {len(data)}", *body, ")")
    elif name == "LOGOUT":
        say("* BYE")
        say(f"{tag} OK")
        break
    elif name not in ("LOGIN", "NOOP", "CLOSE"):
        say(f"{tag} BAD {name} is not known")
        continue
    say(f"{tag} OK {name} done")
"""


@dataclass(frozen=True, slots=True)
class ServeImap(MailboxRequest):
    """Show the inbox to clients of IMAP (IMAP4rev1, RFC 3501).

    It is the inbox that serve smtp fills, with folders inside that clients may make. Flags are
    kept as a Maildir keeps them. LOGIN, AUTHENTICATE PLAIN and CRAM-MD5, IDLE, MOVE, UIDPLUS;
    TLS at once (--tls) or on request (--starttls).
    """

    def as_python(self) -> str:
        """A socketserver over the standard library's mailbox, which can be read only."""
        folder = str(self.inbox or usual_folder())
        code = Code(("mailbox",), _HANDLE, "", _PRELUDE.format(folder=folder))
        return in_tls(as_python(self.endpoint, code, "threading"), self)

    def as_shell(self) -> str:
        """That script: no usual tool serves a folder without being set up first."""
        return python_command(self.as_python())


@job(
    "serve imap",
    tab="servers",
    example="serve imap imap://127.0.0.1:1143",
    process=True,
    commands=COMMANDS,
)
def serve_imap(request: ServeImap, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end, account = request.place("imap", "imaps"), request.account
    inbox = Inbox(request.inbox)
    layer, later = request.layers()
    handler = ImapHandler(inbox, account, later)
    told: list[Event] = [Note(f"the inbox is {safe(str(inbox.folder))}")]
    if later is not None:
        told += later.told
    yield from Loop(end, handler, scope, request.admit, layer, told=told).run()
