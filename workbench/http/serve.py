"""Serve a folder's files over HTTP (RFC 9110, 9112), and take files in where that is asked for."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http import script
from workbench.http.access import guarded, http_endpoint
from workbench.http.application import Answering
from workbench.http.files import Root
from workbench.http.server import HttpHandler
from workbench.http.static import StaticFiles
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.code import in_tls, python_command
from workbench.tls.serving.request import SecureRequest

UPLOADS = "files that come in"
WHO_ASKS = "who may ask"


@dataclass(frozen=True, slots=True)
class ServeHttp(SecureRequest):
    """Serve the files of a folder over HTTP/1.1.

    Ranges, conditional requests, an index of each folder. Nothing outside the folder is ever
    read: symbolic links are followed only where all of their way stays inside.

    With --upload files come in as well: PUT of one (curl -T FILE URL), a form of several
    (curl -F file=@FILE URL, or the browser's, on each index). A file is seen when all of it has
    come; hidden names are not taken, and nothing is replaced without --overwrite.
    """

    root: Path = option(Path("."), "the folder", metavar="DIR")
    links: bool = option(True, "follow symbolic links that stay inside the folder")
    upload: bool = option(False, "let files come in", group=UPLOADS)
    overwrite: bool = option(False, "let a file that comes in replace another", group=UPLOADS)
    upload_limit: int = option(1 << 30, "bytes of one upload", unit="B", group=UPLOADS)
    user: str = option("", "ask for this name and a password", metavar="NAME", group=WHO_ASKS)
    password: str = option("", "the password that goes with it", secret=True, group=WHO_ASKS)

    def as_python(self) -> str:
        """The standard library's http.server."""
        found = script.files(
            self.endpoint,
            os.fspath(self.root),
            upload=self.upload,
            overwrite=self.overwrite,
            limit=self.upload_limit,
            user=self.user,
        )
        return in_tls(found, self)

    def as_shell(self) -> str:
        """Python's module, for a Unix socket with socat before it; where it cannot, a script."""
        if self.upload or self.user or self.secured:
            return python_command(self.as_python())
        end = self.endpoint
        host, port = end.host or "127.0.0.1", end.port
        if end.is_unix:
            host, port = "127.0.0.1", 8000
        root = shlex.quote(os.fspath(self.root))
        command = f"python3 -m http.server {port} --bind {host} --directory {root}"
        if not end.is_unix:
            return command
        path = end.unix_path
        kind = "ABSTRACT-LISTEN" if path.startswith("@") else "UNIX-LISTEN"
        socat = shlex.quote(f"{kind}:{path.lstrip('@')},fork")
        return f"{command} & socat {socat} TCP4:{host}:{port}"


@job(
    "serve http",
    tab="servers",
    example="serve http http://127.0.0.1:8000/ --root .",
    process=True,
    commands=COMMANDS,
)
def serve_http(request: ServeHttp, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = http_endpoint(request)
    if not request.upload and request.overwrite:
        raise JobError("nothing comes in to replace a file", advice="give --upload as well")
    if request.upload_limit <= 0:
        raise JobError("the limit of an upload is one byte at least")
    root = Root(request.root, links=request.links)
    try:
        files = StaticFiles(root, form=request.upload)
        if request.upload:
            from workbench.http.upload import Uploads

            application: Answering = Uploads(
                files, overwrite=request.overwrite, limit=request.upload_limit
            )
        else:
            application = Answering(files.respond)
        handler = HttpHandler(guarded(application, request.user, request.password))
        layer = request.layer("http/1.1")
        yield from Loop(end, handler, scope, request.admit, layer).run()
    finally:
        root.close()
