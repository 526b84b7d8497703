"""Serve the CGI scripts of a folder over HTTP (RFC 3875)."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.access import http_endpoint
from workbench.http.gateway.cgi import CgiScripts
from workbench.http.gateway.scripts import Scripts
from workbench.http.gateway.wsgi import is_private, wsgiref_server
from workbench.http.server import HttpHandler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.code import in_tls, python_command
from workbench.tls.serving.request import SecureRequest

_PYTHON = """\
import os
import subprocess

ROOT = os.path.realpath({root!r})
INTERPRETERS = {interpreters!r}
KEPT = ("CONTENT_", "GATEWAY_", "HTTP_", "PATH_INFO", "QUERY_", "REMOTE_", "REQUEST_", "SERVER_")


def application(environ, start_response):
    path, script = environ["PATH_INFO"], ROOT
    while path and os.path.isdir(script):
        name, slash, path = path.lstrip("/").partition("/")
        path, script = slash + path, os.path.realpath(os.path.join(script, name))
    command = [*INTERPRETERS.get(os.path.splitext(script)[1], "").split(), script]
    runs = len(command) > 1 or os.access(script, os.X_OK)
    if not script.startswith(ROOT + os.sep) or not os.path.isfile(script) or not runs:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such script\\n"]
    variables = {{
        name: value
        for name, value in environ.items()
        if name.startswith(KEPT) and name != "HTTP_PROXY" and isinstance(value, str)
    }}
    used = len(environ["PATH_INFO"]) - len(path)
    variables["SCRIPT_NAME"], variables["PATH_INFO"] = environ["PATH_INFO"][:used], path
    variables["PATH"] = os.environ["PATH"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    done = subprocess.run(
        command, input=body, stdout=subprocess.PIPE, env=variables, cwd=os.path.dirname(script)
    )
    head, _, body = done.stdout.replace(b"\\r\\n", b"\\n", 1).partition(b"\\n\\n")
    status, fields = "200 OK", []
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = value.strip()
        else:
            fields.append((name, value.strip()))
            if name.lower() == "location" and status == "200 OK":
                status = "302 Found"
    start_response(status, fields)
    return [body]
"""

_LIGHTTPD = """\
server.document-root = {root}
server.bind = {bind}
server.port = {port}
server.modules = ("mod_cgi")
cgi.assign = ({assigned}"" => "")
cgi.local-redir = "enable"
index-file.names = ("index.cgi")
"""


@dataclass(frozen=True, slots=True)
class ServeCgi(SecureRequest):
    """Serve the CGI scripts of a folder.

    A script is a file that is executable, or whose suffix is given an interpreter
    (--interpreter .py=python3). No file's content is ever sent, and nothing outside the folder is
    run. A script that hangs, prints too much, dies or prints no answer is ended with 504 or 502,
    and what it says on its standard error is told here.
    """

    root: Path = option(Path("."), "the folder", metavar="DIR")
    interpreter: tuple[str, ...] = option(
        (), "what runs files with a suffix", metavar=".SUFFIX=PROGRAM"
    )
    script_timeout: float = option(30.0, "seconds that a script may run", unit="s")
    output_limit: int = option(1 << 30, "bytes that a script may print", unit="B")
    scripts: int = option(64, "scripts that run at one time")
    debug: bool = option(False, "show what failed scripts said, whatever the bind address is")

    def as_python(self) -> str:
        """The standard library's wsgiref, with an application that runs scripts."""
        interpreters = {
            os.fsdecode(suffix): os.fsdecode(program)
            for suffix, program in read_interpreters(self.interpreter).items()
        }
        root = os.fspath(self.root)
        script = _PYTHON.format(root=root, interpreters=interpreters)
        return in_tls(script + wsgiref_server(self.endpoint), self)

    def as_shell(self) -> str:
        """lighttpd, with its configuration on its standard input; over TLS the script."""
        if self.secured:
            return python_command(self.as_python())
        end = self.endpoint
        pairs = read_interpreters(self.interpreter).items()
        assigned = "".join(
            f"{_quoted(os.fsdecode(suffix))} => {_quoted(os.fsdecode(program))}, "
            for suffix, program in pairs
        )
        host = end.unix_path if end.is_unix else end.host or "127.0.0.1"
        config = _LIGHTTPD.format(
            root=_quoted(os.path.abspath(self.root)),
            bind=_quoted(f"[{host}]" if ":" in host and not end.is_unix else host),
            port=80 if end.is_unix else end.port,
            assigned=assigned,
        )
        return f"printf %s {shlex.quote(config)} | lighttpd -D -f -"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_interpreters(words: tuple[str, ...]) -> dict[bytes, bytes]:
    """Suffixes, and the program that runs files with each.

    Raises:
        JobError: a word is not of the form, or its program is not there.
    """
    found: dict[bytes, bytes] = {}
    for word in words:
        suffix, equals, program = word.partition("=")
        if not equals or not suffix.startswith(".") or "/" in suffix or not program.strip():
            raise JobError(
                f"{word!r} names no interpreter", advice="use .SUFFIX=PROGRAM: .py=python3"
            )
        name, *rest = program.split()
        path = shutil.which(name)
        if path is None:
            raise JobError(f"there is no program {name!r} to run {suffix} files")
        found[os.fsencode(suffix)] = os.fsencode(" ".join([os.path.abspath(path), *rest]))
    return found


@job(
    "serve cgi",
    tab="servers",
    example="serve cgi http://127.0.0.1:8000/ --root . --interpreter .py=python3",
    process=True,
    commands=COMMANDS,
)
def serve_cgi(request: ServeCgi, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = http_endpoint(request)
    if not 0 < request.script_timeout <= 86_400:
        raise JobError("a script may run for more than 0 and up to 86400 seconds")
    if request.output_limit < 1 or not 1 <= request.scripts <= 10_000:
        raise JobError("one script may run at least, up to 10000, and print one byte at least")
    application = CgiScripts(
        Scripts(request.root, read_interpreters(request.interpreter)),
        patience=request.script_timeout,
        output_limit=request.output_limit,
        at_once=request.scripts,
        show=request.debug or is_private(end),
    )
    try:
        layer = request.layer("http/1.1")
        yield from Loop(end, HttpHandler(application), scope, request.admit, layer).run()
    finally:
        application.close()
