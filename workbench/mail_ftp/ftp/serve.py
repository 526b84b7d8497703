"""The job `serve ftp`: a folder, as clients of FTP see it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.endpoint import Endpoint
from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.mail_ftp.accounts import WHO, Account
from workbench.mail_ftp.ftp.serve_code import as_python
from workbench.mail_ftp.ftp.server import FtpHandler
from workbench.mail_ftp.ftp.tree import Tree
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.code import python_command
from workbench.tls.serving.request import SecureRequest


@dataclass(frozen=True, slots=True)
class ServeFtp(SecureRequest):
    """Give out a folder by FTP (RFC 959), to read unless --write is given.

    Nothing outside of the folder is reached, by no path and no link. Passive and active transfers,
    IPv4 and IPv6, MLSD, REST; TLS from the start (ftps://, --tls) or on request (--starttls).
    """

    endpoint: Endpoint = argument(
        "where to listen; port 0 takes a free one", metavar="ENDPOINT", scheme="ftp"
    )
    root: Path = option(Path(), "the folder that is given out", metavar="DIR")
    write: bool = option(False, "clients may change it")
    user: str = option("", "the one name; without, any is taken", metavar="NAME", group=WHO)
    password: str = option("", "the password that goes with it", secret=True, group=WHO)
    starttls: Literal["no", "offer", "require"] = option(
        "no", "AUTH TLS, with a certificate as --tls has it; require: before a login", group="TLS"
    )

    def as_python(self) -> str:
        """A server of threads, to read: passive transfers and listings."""
        return as_python(self)

    def as_shell(self) -> str:
        """That script: the usual servers want a set-up of their own."""
        return python_command(self.as_python())


@job(
    "serve ftp",
    tab="servers",
    example="serve ftp ftp://127.0.0.1:2121 --root .",
    process=True,
    commands=COMMANDS,
)
def serve_ftp(request: ServeFtp, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = request.endpoint
    if end.transport != "tcp":
        raise JobError(f"FTP is not served over {end.scheme}", advice="use ftp://HOST:PORT")
    at_once = request.tls or end.tls
    if at_once and request.starttls != "no":
        raise JobError("TLS begins at once or on request", advice="leave out one of the two")
    if request.password and not request.user:
        raise JobError("a password without a name", advice="give --user as well")
    later = request.starttls != "no"
    layer = request.secure_layer() if at_once or later or request.secured else None
    at_once = layer is not None and not later
    if layer is not None:
        # A client that uploads reads nothing: tickets that it leaves unread become a reset (TCP)
        # that takes the end of its file along.
        layer.context.num_tickets = 0
    try:
        tree = Tree(request.root)
    except OSError as problem:
        why = (problem.strerror or "").lower()
        raise JobError(f"{safe(str(request.root))}: {why}", advice="give a folder") from None
    handler = FtpHandler(
        tree, Account(request.user, request.password), write=request.write,
        layer=layer if later else None, context=layer.context if layer is not None else None,
        at_once=at_once, require=request.starttls == "require",
    )  # fmt: skip
    place = end.with_scheme("ftps" if at_once else "ftp") if end.scheme != "ftp" or at_once else end
    what = "to read and write" if request.write else "to read"
    told: list[Event] = [Note(f"{safe(os.fspath(request.root.resolve()))} is given out, {what}")]
    if later and layer is not None:
        told += layer.told
    try:
        laid = layer if at_once else None
        yield from Loop(place, handler, scope, request.admit, laid, told=told).run()
    finally:
        tree.close()
