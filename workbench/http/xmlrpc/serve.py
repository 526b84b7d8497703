"""Serve functions over XML-RPC."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.access import http_endpoint
from workbench.http.gateway.process import Program
from workbench.http.gateway.wsgi import check_limits, serve_program
from workbench.http.xmlrpc.functions import is_file
from workbench.servers.events import COMMANDS
from workbench.tls.serving.code import in_tls, python_command
from workbench.tls.serving.request import SecureRequest

_DEMO = """\
import datetime


def add(a: int, b: int) -> int:
    return a + b


def echo(*values):
    return list(values)


def now():
    return datetime.datetime.now().replace(microsecond=0)


functions = {"add": add, "echo": echo, "now": now}
"""

_FILE = """\
import runpy
import types

found = runpy.run_path({where!r}, run_name="functions")
"""

_MODULE = """\
import importlib
import sys
import types

sys.path.insert(0, "")
found = vars(importlib.import_module({where!r}))
"""

_PUBLIC = """\
if "__all__" in found:
    functions = {name: found[name] for name in found["__all__"] if callable(found[name])}
else:
    functions = {
        name: one
        for name, one in found.items()
        if isinstance(one, types.FunctionType)
        and not name.startswith("_")
        and one.__module__ == found["__name__"]
    }
"""

_SERVER = """\

import socket
import socketserver
import xmlrpc.server


class Handler(xmlrpc.server.SimpleXMLRPCRequestHandler):
    rpc_paths = ()
{handler}

class Server(socketserver.ThreadingMixIn, xmlrpc.server.SimpleXMLRPCServer):
    address_family = socket.{family}
    daemon_threads = True
{server}

with Server({address!r}, Handler, allow_none=True, use_builtin_types=True) as server:
    server.register_introspection_functions()
    server.register_multicall_functions()
    for name, function in functions.items():
        server.register_function(function, name)
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""

_UNIX_HANDLER = """\
    disable_nagle_algorithm = False
"""

_UNIX_SERVER = """
    def get_request(self):
        request, _ = super().get_request()
        return request, ("", 0)
"""


@dataclass(frozen=True, slots=True)
class ServeXmlrpc(SecureRequest):
    """Serve functions of your own over XML-RPC, with introspection and multicall.

    Public functions of the file or module are called, or what its `__all__` names; it is loaded
    anew when it changes. Without one there is a small demo: add, echo, now. Calls with a document
    type (entity bombs), too deep or too large ones are refused.
    """

    functions: str = option("", "the functions: a Python file, or a module", metavar="FILE")
    threads: int = option(4, "calls that are at work at one time")
    reload: bool = option(True, "load the functions anew when their file changes")
    request_timeout: float = option(30.0, "seconds that a call may take", unit="s")

    def as_python(self) -> str:
        """The standard library's xmlrpc.server, in threads."""
        if not self.functions:
            found = _DEMO
        else:
            form = _FILE if is_file(self.functions) else _MODULE
            found = form.format(where=self.functions) + "\n" + _PUBLIC
        return in_tls(found + _server(self.endpoint), self)

    def as_shell(self) -> str:
        """Python's own server, as there is no usual program that serves functions."""
        return python_command(self.as_python())


def _server(end: Endpoint) -> str:
    if end.is_unix:
        family, address = "AF_UNIX", repr(end.unix_address)
        handler, server = _UNIX_HANDLER, _UNIX_SERVER
    else:
        family = "AF_INET6" if ":" in end.host else "AF_INET"
        address, handler, server = repr((end.host or "127.0.0.1", end.port)), "", ""
    return (
        _SERVER.replace("{family}", family)
        .replace("{address!r}", address)
        .replace("{handler}", handler)
        .replace("{server}", server)
    )


@job(
    "serve xmlrpc",
    tab="servers",
    example="serve xmlrpc http://127.0.0.1:8000/",
    process=True,
    commands=COMMANDS,
)
def serve_xmlrpc(request: ServeXmlrpc, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = http_endpoint(request)
    check_limits(threads=request.threads, request_timeout=request.request_timeout)
    where = request.functions
    if where and is_file(where):
        where = os.path.abspath(where)
        if not os.path.isfile(where):
            raise JobError(f"there is no file {where}", advice="name a Python file or a module")
    program = Program("xmlrpc", where, os.getcwd(), threads=request.threads, reload=request.reload)
    yield from serve_program(request, end, program, request.request_timeout, scope)
