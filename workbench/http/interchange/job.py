"""The job `http import`: what another tool has of a request, as one of ours."""

from __future__ import annotations

import os
import select
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.core.arguments import words_of
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import About, Request, job, option, secrets_of
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.http.client.job import Http
from workbench.http.client.waiting import Waiting

INPUT_MOST = 64 << 20


@event("http-imported")
class HttpImported(Event):
    """A request that was read: the words that send it, and what of it they do not say.

    `secrets` names the options that the words leave out, for a secret is never shown.
    """

    method: str
    url: str
    words: tuple[str, ...]
    secrets: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """The command line."""
        more = [f"{one}-env" for one in self.secrets]
        return shlex.join(["workbench", *self.words, *(w for m in more for w in (m, "NAME"))])


@dataclass(frozen=True, slots=True)
class HttpImport(Request):
    """Read a command of curl or a HAR file, and say what sends the same request here.

    SOURCE is the command in quotes, a file that holds one, a HAR file, or - for standard input.
    Passwords in it are not shown: the options --password-env, --bearer-env and --secret-header-env
    take them from the environment.
    """

    # A command may hold a password: it is kept out of the history, and of what is said of the run.
    source: tuple[str, ...] = field(
        default=(),
        metadata={
            "about": About(
                "a command of curl, or a HAR file", positional=True, secret=True, metavar="SOURCE"
            )
        },
    )
    save: Path | None = option(None, "put the requests at the end of that .http file too",
                               metavar="FILE")  # fmt: skip

    def target(self) -> str:
        """The file, or the places that the command asks; nothing that could be a password."""
        words = self.source
        if not words:
            return ""
        if len(words) == 1 and "curl " not in words[0]:
            return words[0]
        return f"curl {' '.join(str(one.url.without_password()) for one, _ in _asked(self))}"

    def as_python(self) -> str:
        """The requests, each as a script on urllib.request."""
        return "\n\n".join(one.as_python() for one, _ in _asked(self)) or "raise SystemExit(1)\n"

    def as_shell(self) -> str:
        """The requests, each as a command of curl(1)."""
        return "\n".join(one.as_shell() for one, _ in _asked(self)) or "exit 1\n"


def _asked(request: HttpImport) -> list[tuple[Http, tuple[str, ...]]]:
    try:
        return read(request, None)
    except (JobError, OSError):
        return []


@job(
    "http import",
    tab="http",
    example="http import \"curl -H 'Accept: text/html' http://127.0.0.1:8000/\"",
    reads_input=True,
)
def http_import(request: HttpImport, scope: Scope) -> Iterator[Event]:
    """Read it, and tell each request."""
    found = read(request, scope)
    for one, notes in found:
        words = tuple(words_of(one))
        yield HttpImported(one.method, str(one.url.without_password()), words, _secret(one), notes)
        for note in notes:
            yield Note(note)
    if request.save is not None:
        from workbench.http.collections.composing import from_http, to_wanted
        from workbench.http.collections.document import Document
        from workbench.http.collections.writing import change_file

        def added(file: Document) -> Document:
            for one, _ in found:
                file = file.with_new(to_wanted(from_http(one)))
            return file

        change_file(request.save, added, new=True)
        yield Note(f"saved at the end of {request.save}")
        if any(_secret(one) for one, _ in found):
            yield Note(
                "the log-in is not in the file: Authorization: Basic USER {{$processEnv NAME}}"
            )
    yield Done()


def _secret(request: Http) -> tuple[str, ...]:
    known = set(secrets_of(request))
    names = ("password", "bearer", "secret_header", "proxy_password", "key_password")
    return tuple(f"--{one.replace('_', '-')}" for one in names if getattr(request, one) in known)


def read(request: HttpImport, scope: Scope | None) -> list[tuple[Http, tuple[str, ...]]]:
    """The requests of the source, each with what of it is not taken over.

    Raises:
        JobError: it is neither a command of curl nor a HAR file.
        OSError: a file cannot be read.
    """
    from workbench.http.interchange.curl import from_curl
    from workbench.http.interchange.har import from_har

    words = request.source
    if not words:
        raise JobError("nothing to import", advice="paste a command of curl, or name a HAR file")
    if len(words) == 2 and words[0] in ("curl", "har") and not words[1].startswith(("-", "http")):
        words = words[1:]  # the kind may stand before what is pasted
    text = words[0] if len(words) == 1 else shlex.join(words)
    data = text.encode("utf-8", "surrogateescape")
    if text == "-":
        data = _all(scope)
    elif len(words) == 1 and not text.lstrip().startswith(("curl ", "$ curl ")):
        with open(text, "rb") as file:
            data = file.read(INPUT_MOST + 1)
    if len(data) > INPUT_MOST:
        raise JobError(f"more than {INPUT_MOST >> 20} MB are not read")
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return from_har(data)
    found = from_curl(data.decode("utf-8", "surrogateescape"))
    return [(one.request, one.notes) for one in found]


def _all(scope: Scope | None) -> bytes:
    if scope is None or scope.input is None:
        raise JobError("there is no standard input here", advice="paste the command, or a file")
    waiting = Waiting(scope)
    data = bytearray()
    while len(data) <= INPUT_MOST:
        waiting.wait({scope.input: select.POLLIN}, None)
        piece = os.read(scope.input, 1 << 16)
        if not piece:
            break
        data += piece
    return bytes(data)
