"""Serve a folder's files over HTTP (RFC 9110, 9112)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.application import Answering
from workbench.http.files import Root
from workbench.http.server import HttpHandler
from workbench.http.static import StaticFiles
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop

_PYTHON = """\
import functools
import http.server
import socket


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.{family}


Files = functools.partial(http.server.SimpleHTTPRequestHandler, directory={root!r})
with Server({address!r}, Files) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""

_PYTHON_UNIX = """\
import functools
import http.server
import socketserver


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)


Files = functools.partial(http.server.SimpleHTTPRequestHandler, directory={root!r})
with Server({address!r}, Files) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""


@dataclass(frozen=True, slots=True)
class ServeHttp(Request):
    """Serve the files of a folder over HTTP/1.1.

    Ranges, conditional requests, an index of each folder. Nothing outside the folder is ever
    read: symbolic links are followed only where all of their way stays inside.
    """

    endpoint: Endpoint = argument("where to listen; port 0 takes a free one", metavar="ENDPOINT")
    root: Path = option(Path("."), "the folder", metavar="DIR")
    links: bool = option(True, "follow symbolic links that stay inside the folder")

    def as_python(self) -> str:
        """The standard library's http.server."""
        end, root = self.endpoint, os.fspath(self.root)
        if end.is_unix:
            return _PYTHON_UNIX.format(root=root, address=end.unix_address)
        family = "AF_INET6" if ":" in end.host else "AF_INET"
        address = (end.host or "127.0.0.1", end.port)
        return _PYTHON.format(root=root, family=family, address=address)

    def as_shell(self) -> str:
        """Python's module; for a Unix socket with socat before it."""
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
    end = request.endpoint
    if end.scheme == "tcp":
        end = end.with_scheme("http")
    if end.scheme not in ("http", "http+unix", "unix"):
        raise JobError(
            f"files are not served over {end.scheme}",
            advice="use http://HOST:PORT/ or unix:PATH",
        )
    root = Root(request.root, links=request.links)
    try:
        yield from Loop(end, HttpHandler(Answering(StaticFiles(root).respond)), scope).run()
    finally:
        root.close()
