"""What the servers of a mailbox share: what they are asked, how they are run, and their script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.job import option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.accounts import WHO, Account
from workbench.mail_ftp.inbox import Inbox, usual_folder
from workbench.servers.connection import Handler
from workbench.servers.layer import Layer
from workbench.servers.loop import Loop
from workbench.sockets.simple import Code, as_python
from workbench.tls.serving.code import in_tls, python_command
from workbench.tls.serving.request import SecureRequest


@dataclass(frozen=True, slots=True)
class MailboxRequest(SecureRequest):
    """What the servers of a mailbox are asked; the protocol is a subclass."""

    inbox: Path | None = option(
        None, "the messages' Maildir, instead of the one that serve smtp fills", metavar="DIR"
    )
    starttls: bool = option(False, "let TLS begin on request, in the clear before", group="TLS")
    user: str = option("", "the one name; without, any is taken", metavar="NAME", group=WHO)
    password: str = option("", "the password that goes with it", secret=True, group=WHO)

    @property
    def account(self) -> Account:
        """Who may log in.

        Raises:
            JobError: a password without a name.
        """
        if self.password and not self.user:
            raise JobError("a password without a name", advice="give --user as well")
        return Account(self.user, self.password)

    def place(self, scheme: str, secure: str) -> Endpoint:
        """Where to listen, by the scheme that is spoken there.

        Raises:
            JobError: mail is not served over that; or TLS is to begin twice.
        """
        end = self.endpoint
        at_once = self.tls or end.tls or (self.secured and not self.starttls)
        if at_once and self.starttls:
            raise JobError("TLS begins at once or on request", advice="leave out one of the two")
        if end.scheme not in (scheme, secure, "tcp", "tcp4", "tcp6", "tls", "unix", "vsock"):
            raise JobError(
                f"{scheme} is not served over {end.scheme}",
                advice=f"use {scheme}://HOST:PORT or {secure}://HOST:PORT",
            )
        if end.is_unix or end.transport == "vsock":
            return end
        return end.with_scheme(secure if at_once else scheme)

    def layers(self) -> tuple[Layer | None, Layer | None]:
        """The layer from the beginning, and that which STARTTLS lays; one of them or none."""
        if self.starttls:
            return None, self.secure_layer()
        return (self.secure_layer() if self.secured else None), None

    def script(self, handle: str) -> str:
        """A socketserver over the standard library's mailbox; `handle` is what it does."""
        folder = str(self.inbox or usual_folder())
        code = Code(("mailbox",), handle, "", f"inbox = mailbox.Maildir({folder!r})\n")
        return in_tls(as_python(self.endpoint, code, "threading"), self)

    def as_shell(self) -> str:
        """That script: no usual tool serves a folder without being set up first."""
        return python_command(self.as_python())


def serve(
    request: MailboxRequest,
    scope: Scope,
    scheme: str,
    handler: Callable[[Inbox, Account, Layer | None], Handler],
) -> Iterator[Event]:
    """Serve the inbox until stopped; `scheme` is imap or pop3."""
    end, account = request.place(scheme, f"{scheme}s"), request.account
    inbox = Inbox(request.inbox)
    layer, later = request.layers()
    told: list[Event] = [Note(f"the inbox is {safe(str(inbox.folder))}")]
    if later is not None:
        told += later.told
    made = handler(inbox, account, later)
    yield from Loop(end, made, scope, request.admit, layer, told=told).run()
