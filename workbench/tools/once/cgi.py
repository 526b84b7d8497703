"""The job `cgi`: one request to a CGI script, without a server (RFC 3875)."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.units import duration
from workbench.http.gateway.cgi import environment
from workbench.http.gateway.crash import Crash
from workbench.http.gateway.script_output import Answer, ScriptError, ScriptOutput
from workbench.http.gateway.scripts import Script
from workbench.http.request_head import RequestHead
from workbench.http.response import PHRASES
from workbench.tools.once import children
from workbench.tools.once.asking import Breach, OneRequest, ProgramAnswer, ProgramBody, told
from workbench.tools.once.running import Finished, run
from workbench.tools.once.wsgi import events_of, finish, said

_GONE = ("cgi", "cgitb")

_PYTHON = """\
import subprocess

done = subprocess.run({command!r}, env={env!r}, cwd={folder!r}, input={body!r})
raise SystemExit(done.returncode)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgi(OneRequest):
    """Run a CGI script once, and show what it was given, what it gave, and how it failed.

    Its environment is the one that a server makes of the request (RFC 3875), and nothing else; it
    runs in its own folder. What it prints is read as a server reads it, and what is wrong with
    that is said. A script of Python runs in this Python, so that a failure can be shown with
    frames, source and values (--bare runs it by itself).
    """

    script: Path = argument("the script", metavar="SCRIPT")
    path: str = option(
        "", "what follows the script's name: a path, a query", metavar="PATH", group="the request"
    )
    interpreter: str = option("", "what runs it, if not itself", metavar="PROGRAM")
    bare: bool = option(False, "run a script of Python by its own interpreter too")

    @property
    def found(self) -> Script:
        """The script as a server has it: what runs it, and its names."""
        file = os.path.abspath(self.script)
        interpreter = self.interpreter or (sys.executable if file.endswith(".py") else "")
        words = (interpreter, file) if interpreter else (file,)
        target, info = self._names()
        below = os.path.dirname(file) + info
        return Script(
            os.fsencode(file), tuple(map(os.fsencode, words)),
            target.encode("utf-8", "surrogateescape"), info.encode("utf-8", "surrogateescape"),
            os.fsencode(below),
        )  # fmt: skip

    def _names(self) -> tuple[str, str]:
        from urllib.parse import unquote

        return f"/cgi-bin/{self.script.name}", unquote(self.path.partition("?")[0])

    @property
    def asked(self) -> RequestHead:
        """The request's head.

        Raises:
            JobError: no server would take it.
        """
        from urllib.parse import quote

        if self.path and self.path[0] not in "/?":
            raise JobError("what follows a script's name begins with / or ?",
                           advice="as in --path '/info?a=1'")  # fmt: skip
        body = self.body
        return self.head(
            f"/cgi-bin/{quote(self.script.name)}{self.path}", len(body) if body else None
        )

    def environ(self) -> dict[bytes, bytes]:
        """All that the script finds in its environment."""
        body = self.body
        return environment(
            self.asked, self.found, peer=self.peer, server=self.server,
            length=len(body) if body else None,
        )  # fmt: skip

    def check(self) -> None:
        """See whether there is something to run.

        Raises:
            JobError: the script cannot be run.
        """
        if not self.script.is_file():
            raise JobError(f"{self.script} is no file", advice="name a script")
        if len(self.found.command) == 1 and not os.access(self.script, os.X_OK):
            advice = "chmod +x, or say what runs it: --interpreter PROGRAM"
            raise JobError(f"{self.script} is not executable", advice=advice)

    @property
    def is_python(self) -> bool:
        """It is run by Python, as far as can be seen."""
        if self.interpreter:
            return "python" in os.path.basename(self.interpreter)
        if self.script.suffix == ".py":
            return True
        with open(self.script, "rb") as file:
            first = file.readline(256)
        return first.startswith(b"#!") and b"python" in first

    def as_python(self) -> str:
        """subprocess, with that environment."""
        command = [os.fsdecode(word) for word in self.found.command]
        env = {os.fsdecode(name): os.fsdecode(value) for name, value in self.environ().items()}
        folder = os.path.dirname(os.path.abspath(self.script))
        return _PYTHON.format(command=command, env=env, folder=folder, body=self.body)

    def as_shell(self) -> str:
        """env -i with that environment, and the script."""
        pairs = [
            shlex.quote(f"{os.fsdecode(name)}={os.fsdecode(value)}")
            for name, value in self.environ().items()
        ]
        command = shlex.join(os.fsdecode(word) for word in self.found.command)
        folder = shlex.quote(os.path.dirname(os.path.abspath(self.script)))
        body = self.body.decode("utf-8", "replace")
        feed = f"printf %s {shlex.quote(body)} | " if body else ""
        return f"cd {folder} && {feed}env -i {' '.join(pairs)} {command}"


@job("cgi", tab="tools", example="cgi cgi-bin/hello.py --path '/info?a=1'")
def cgi(request: Cgi, scope: Scope) -> Iterator[Event]:
    """Run it in its folder."""
    request.check()
    script, environ, body = request.found, request.environ(), request.body
    yield told({name.decode(): value.decode("utf-8", "replace") for name, value in environ.items()})
    command: list[str | bytes] = list(script.command)
    watched = request.is_python and not request.bare
    if watched:
        command = [sys.executable, children.__file__, "cgi", script.file]
        yield Note(f"it runs in Python {sys.version.split()[0]}; --bare runs it by itself")
    found = run(
        command, scope, data=body, timeout=request.timeout, env=environ,
        folder=os.path.dirname(os.path.abspath(request.script)), tells=watched,
    )  # fmt: skip
    name = request.script.name
    yield from said(name, found)
    failed: Crash | None = None
    for event in events_of(found):
        if isinstance(event, Crash):
            failed = event
            yield event
            if event.kind == "ModuleNotFoundError" and event.message.split("'")[1:2] and (
                event.message.split("'")[1] in _GONE
            ):  # fmt: skip
                yield Note("that module left Python with 3.13; legacy-cgi on PyPI has it")
    try:
        yield from _answer(found, whole=script.whole)
    except ScriptError as problem:
        yield Breach(str(problem), "RFC 3875, 6")
        finish(name, found, failed)
        raise JobError(f"{name}: {problem}", code="answer") from None
    finish(name, found, failed)
    yield Done(f"{name} answered in {duration(found.took)}, starting it included")


def _answer(found: Finished, *, whole: bool) -> Iterator[Event]:
    """What was printed, read as a server reads it.

    Raises:
        ScriptError: it is no answer.
    """
    output = ScriptOutput(whole=whole)
    body = output.receive(bytes(found.out))
    output.end()
    answer = output.answer
    assert isinstance(answer, Answer)
    if answer.local:
        yield Note(f"a local redirect: the server asks itself for {answer.local.decode('latin-1')}")
    length = answer.length
    if length is not None and length != len(body):
        yield Breach(f"Content-Length says {length:,}, it printed {len(body):,}", "RFC 3875, 6.3")
    fields = tuple((one.decode("latin-1"), value.decode("latin-1")) for one, value in answer.fields)
    reason = answer.reason if answer.reason is not None else PHRASES.get(answer.status, "")
    yield ProgramAnswer(answer.status, str(reason), fields, len(body), found.took)
    yield ProgramBody(body)
