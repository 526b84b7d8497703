"""The job `wsgi`: one request to a WSGI application, without a server (PEP 3333)."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event, decode_event, to_json
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import duration
from workbench.http.gateway.crash import Crash
from workbench.http.gateway.environ import meta_variables, split_mount, split_target
from workbench.http.gateway.events import Said
from workbench.http.gateway.loading import check_name
from workbench.tools.once import children
from workbench.tools.once.asking import OneRequest, told
from workbench.tools.once.running import Finished, run

LINES_MOST = 500
"""Lines of what a program says that are told."""

_PYTHON = """\
import importlib
import io
import sys
from wsgiref.handlers import SimpleHandler
from wsgiref.validate import validator

sys.path.insert(0, {folder!r})
found = importlib.import_module({module!r})
environ = {environ!r}
body = {body!r}
application = {application}
SimpleHandler(io.BytesIO(body), sys.stdout.buffer, sys.stderr, environ).run({called})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wsgi(OneRequest):
    """Call a WSGI application once, and show what it was given, what it gave, and how it failed.

    The environment is the one that a server makes of the request (PEP 3333, RFC 3875). The
    application runs in a process of its own, which is ended when it takes too long; what it prints
    is told. wsgiref's validator stands between, and says which rule is broken. Of a failure the
    frames are shown with their source and values.
    """

    app: str = argument("the application, as MODULE:APP or MODULE:FACTORY()", metavar="MODULE:APP")
    folder: Path = option(Path("."), "where its module is", metavar="DIR")
    validate: bool = option(True, "have wsgiref.validate look on")

    def environ(self) -> dict[str, str]:
        """The variables that the request makes.

        Raises:
            JobError: no server would take it.
            OSError: the body cannot be read.
        """
        body = self.body
        head = self.head(self.path, len(body) if body else None)
        mounted = split_mount(split_target(head.target).path, b"") or ("", "")
        return meta_variables(
            head, peer=self.peer, server=self.server, script_name=mounted[0],
            path_info=mounted[1], length=len(body) if body else None, credentials=True,
        )  # fmt: skip

    def as_python(self) -> str:
        """wsgiref, which writes the answer as CGI has it."""
        module, _, name = self.app.partition(":")
        name = name or "application"
        return _PYTHON.format(
            folder=os.path.abspath(self.folder), module=module, environ=self.environ(),
            body=self.body, application=f"found.{name}",
            called="validator(application)" if self.validate else "application",
        )  # fmt: skip

    def as_shell(self) -> str:
        """That script: no usual tool calls an application without a server."""
        return f"python3 -c {shlex.quote(self.as_python())}"


@job("wsgi", tab="tools", example="wsgi wsgiref.simple_server:demo_app --path '/hello?a=1'")
def wsgi(request: Wsgi, scope: Scope) -> Iterator[Event]:
    """Call it in a process of its own."""
    check_name(request.app)
    environ, body = request.environ(), request.body
    yield told(environ)
    spec = {
        "app": request.app, "folder": os.path.abspath(request.folder), "environ": environ,
        "scheme": request.scheme, "validate": request.validate,
        "request": f"{environ['REQUEST_METHOD']} {request.path}",
    }  # fmt: skip
    found = run(
        [sys.executable, children.__file__, "wsgi"], scope, data=to_json(spec) + b"\n" + body,
        timeout=request.timeout, folder=os.fspath(request.folder), tells=True,
    )  # fmt: skip
    yield from said(request.app, found)
    failed: Crash | None = None
    for event in events_of(found):
        failed = event if isinstance(event, Crash) else failed
        yield event
    finish(request.app, found, failed)
    yield Done(f"{request.app} answered in {duration(found.took)}, starting it included")


def said(name: str, found: Finished) -> Iterator[Said]:
    """What a program wrote to its standard error, line by line."""
    lines = found.errors.decode("utf-8", "replace").splitlines()
    for line in lines[:LINES_MOST]:
        yield Said(name, safe(line))
    if len(lines) > LINES_MOST:
        yield Said(name, f"… {len(lines) - LINES_MOST:,} lines more")


def events_of(found: Finished) -> Iterator[Event]:
    """What a child of ours has told; the program in it may have written there as well."""
    for line in bytes(found.told).split(b"\n"):
        try:
            yield decode_event(line)
        except ValueError:
            continue


def finish(name: str, found: Finished, failed: Crash | None) -> None:
    """Say whether it went well.

    Raises:
        JobError: it did not.
    """
    if failed is not None:
        raise JobError(f"{name}: {failed.title}", code="crash")
    if found.ended:
        raise JobError(f"{name}: {found.ended}", code="crash")
