"""The job `serve imap`: the inbox, as clients of IMAP see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.job import job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.imap.server import ImapHandler
from workbench.mail_ftp.mailbox_server import MailboxRequest, serve
from workbench.servers.events import COMMANDS

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
        return self.script(_HANDLE)


@job(
    "serve imap",
    tab="servers",
    example="serve imap imap://127.0.0.1:1143",
    process=True,
    commands=COMMANDS,
)
def serve_imap(request: ServeImap, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    yield from serve(request, scope, "imap", ImapHandler)
