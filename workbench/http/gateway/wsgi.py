"""Serve a WSGI application (PEP 3333) over HTTP."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.access import http_endpoint
from workbench.http.gateway.loading import check_name
from workbench.http.gateway.pool import Gateway
from workbench.http.gateway.process import Program
from workbench.http.server import HttpHandler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.code import in_tls, python_command
from workbench.tls.serving.request import SecureRequest

_PYTHON = """\
import importlib
import sys

sys.path.insert(0, "")
found = importlib.import_module({module!r})
application = {find}
"""

_USUAL = """\
(
    getattr(found, "application", None) or getattr(found, "app", None) or found.create_app()
)"""

_SERVER = """\


import socket
import socketserver
import wsgiref.simple_server


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    address_family = socket.{family}
    daemon_threads = True
{more}

class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def address_string(self):
        return str(self.client_address[0])


with Server({address!r}, Handler) as server:
    server.set_app(application)
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""

_UNIX = """
    def server_bind(self):
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 80
        self.setup_environ()

    def get_request(self):
        request, _ = super().get_request()
        return request, ("", 0)
"""


@dataclass(frozen=True, slots=True)
class ServeWsgi(SecureRequest):
    """Serve a WSGI application: Flask, Django, or a function of your own.

    The application runs in a process of its own and is loaded anew when one of its files changes.
    One that hangs, crashes or forks ends its request with 504 or 502, never the server. Where it
    fails, the frames with their source lines and local values are told here, and shown in the
    browser too where the server listens on loopback only, or with --debug.
    """

    app: str = option(
        "", "the application, as MODULE:APP or MODULE:FACTORY()", metavar="MODULE:APP"
    )
    threads: int = option(4, "requests that the application is at work on at one time")
    validate: bool = option(
        False, "check application and server against PEP 3333 (wsgiref.validate)"
    )
    reload: bool = option(True, "load the application anew when one of its files changes")
    debug: bool = option(False, "show failures in the browser whatever the bind address is")
    request_timeout: float = option(
        30.0, "seconds that the application may take to go on with an answer", unit="s"
    )

    def as_python(self) -> str:
        """The standard library's wsgiref, in threads."""
        script = _python(self.app, validate=self.validate) + wsgiref_server(self.endpoint)
        return in_tls(script, self)

    def as_shell(self) -> str:
        """waitress, from its own command; it speaks no TLS, for which the script stands."""
        if self.secured:
            return python_command(self.as_python())
        end = self.endpoint
        where = (
            f"--unix-socket={end.unix_path}" if end.is_unix else f"--listen={_host(end)}:{end.port}"
        )
        app, call = self.app.removesuffix("()"), ["--call"] if self.app.endswith("()") else []
        if ":" not in app:
            app += ":application"  # waitress wants a name; this one is the usual
        words = ["waitress-serve", where, f"--threads={self.threads}", *call, app]
        return shlex.join(words)


def _host(end: Endpoint) -> str:
    host = end.host or "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _python(app: str, *, validate: bool) -> str:
    module, _, name = app.partition(":")
    find = f"found.{name}" if name else _USUAL
    if validate:
        find = f'importlib.import_module("wsgiref.validate").validator({find})'
    return _PYTHON.format(module=module, find=find)


def wsgiref_server(end: Endpoint) -> str:
    """The end of a script: `application` is served by wsgiref, in threads."""
    if end.is_unix:
        return _SERVER.format(family="AF_UNIX", more=_UNIX, address=end.unix_address)
    family = "AF_INET6" if ":" in end.host else "AF_INET"
    address = (end.host or "127.0.0.1", end.port)
    return _SERVER.format(family=family, more="", address=address)


def is_private(end: Endpoint) -> bool:
    """Only this machine can ask there: a loopback address, or a Unix socket."""
    if end.is_unix or end.host == "localhost":
        return True
    try:
        return ip_address(end.host).is_loopback
    except ValueError:
        return False


def check_limits(*, threads: int, request_timeout: float) -> None:
    """See whether a pool can be made so.

    Raises:
        JobError: it cannot.
    """
    if not 1 <= threads <= 256:
        raise JobError(f"{threads} threads cannot be had", advice="use 1 to 256")
    if not 0 < request_timeout <= 86_400:
        raise JobError(
            f"a request timeout of {request_timeout:g} s makes no sense",
            advice="use seconds above 0, up to 86400",
        )


def serve_program(
    request: SecureRequest, end: Endpoint, program: Program, patience: float, scope: Scope
) -> Iterator[Event]:
    """Serve a program that runs in worker processes, until stopped."""
    gateway = Gateway(program, patience=patience)
    layer = request.layer("http/1.1")
    loop = Loop(end, HttpHandler(gateway), scope, request.admit, layer)
    try:
        gateway.start(loop)
        yield from loop.run()
    finally:
        gateway.close()


@job(
    "serve wsgi",
    tab="servers",
    example="serve wsgi http://127.0.0.1:0/ --app wsgiref.simple_server:demo_app",
    process=True,
    commands=COMMANDS,
)
def serve_wsgi(request: ServeWsgi, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = http_endpoint(request)
    if not request.app:
        raise JobError("no application is named", advice="--app MODULE:APP, as --app app:app")
    check_name(request.app)
    check_limits(threads=request.threads, request_timeout=request.request_timeout)
    program = Program(
        "wsgi",
        request.app,
        os.getcwd(),
        threads=request.threads,
        validate=request.validate,
        show=request.debug or is_private(end),
        reload=request.reload,
    )
    yield from serve_program(request, end, program, request.request_timeout, scope)
