"""The job `what`: what a pasted line, text or file is, and which job understands it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import About, Request, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.tools.what.encoded import is_readable
from workbench.tools.what.layers import SIZE_MOST, Layer, layers
from workbench.tools.what.reading import PASTE

TEXT_MOST = 300
"""Characters of a piece that are shown."""

_PYTHON = """\
import base64
import binascii
import email.utils
import ipaddress
import sys
import urllib.parse
import uuid

text = {text}.strip()
url = urllib.parse.urlsplit(text)
if url.scheme and url.hostname:
    print("URL", url.scheme, url.hostname, url.port or "", url.path, url.query)
for name, read in (
    ("address", ipaddress.ip_interface),
    ("UUID", uuid.UUID),
    ("date", email.utils.parsedate_to_datetime),
    ("base64", lambda one: base64.b64decode(one, validate=True)),
    ("hex", bytes.fromhex),
):
    try:
        print(name, read(text))
    except (ValueError, TypeError, binascii.Error):
        pass
"""


@event("what")
class Recognised(Event):
    """A reading of what was pasted, or of something inside it.

    `depth` is how many layers deep it lies, and `place` where in the layer above; `text` is what
    was read there, cut; `sure` is certain, likely, possible, or "" of text that says nothing more.
    `opens` are the job lines that understand it.
    """

    depth: int
    place: str
    text: str
    kind: str
    sure: str
    why: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    opens: tuple[str, ...] = ()

    def line(self) -> str:
        """A line for the reading, one for each fact, and one for each job."""
        indent = "  " * max(0, min(self.depth, 20))
        place = f"{safe(self.place)}: " if self.place else ""
        why = f"   {safe(self.why)}" if self.why else ""
        head = f"{indent}{place}{safe(self.kind)}   {self.sure}{why}".rstrip()
        lines = [head]
        if self.text:
            lines.append(f"{indent}    {safe(self.text)}")
        lines += [f"{indent}    {safe(name):14} {safe(value)}" for name, value in self.facts]
        lines += [f"{indent}    > {safe(one)}" for one in self.opens]
        return "\n".join(lines)

    def size(self) -> int:
        """The words are most of it."""
        return 256 + len(self.text) + sum(len(one) + len(two) + 100 for one, two in self.facts)


@dataclass(frozen=True, slots=True)
class What(Request):
    """Say what a text, some bytes or a file is: how sure that is, what it holds, what opens it.

    It knows addresses, blocks, MAC addresses, names, endpoints, URLs, mail addresses, UUIDs, times,
    digests, error names, words of HTTP and TLS, cookies, tokens (JWT, Basic), keys and
    certificates, messages of HTTP and mail, robots.txt, JSON, tracebacks, commands of curl, log
    lines, captures, and codings: base64, hex, percent, quoted-printable, encoded words, gzip. What
    is inside is read in turn. Nothing is looked up and nothing is sent; - is standard input.
    """

    # What is pasted may let somebody in: it is kept out of the history.
    text: tuple[str, ...] = field(
        default=(),
        metadata={"about": About("the text, or -", positional=True, secret=True, metavar="TEXT")},
    )
    file: Path | None = option(None, "read this file instead", metavar="FILE")

    def target(self) -> str:
        """The file; of a text nothing, as it may be a secret."""
        return str(self.file) if self.file is not None else ""

    def as_python(self) -> str:
        """A few of the kinds, by the standard library; the text is read from standard input."""
        given = "sys.stdin.read()" if self.file is None else f"open({str(self.file)!r}).read()"
        return _PYTHON.format(text=given)

    def as_shell(self) -> str:
        """file(1), which knows by how bytes begin."""
        return f"file -b {shlex.quote(str(self.file))}" if self.file is not None else "file -b -"


@job(
    "what",
    tab="tools",
    example="what aHR0cDovL2V4YW1wbGUub3JnLz9xPTE=",
    reads_input=True,
)
def what(request: What, scope: Scope) -> Iterator[Event]:
    """Tell all readings, the surest first."""
    data, place = _given(request, scope)
    if not data.strip():
        raise JobError(
            "there is nothing to read", advice="give a text, --file FILE, or - and a pipe"
        )
    count = 0
    for layer in layers(data):
        scope.check()
        count += layer.depth == 0
        yield told(layer, place)
    if len(data) > SIZE_MOST:
        raise JobError(f"more than {amount(SIZE_MOST)}: only that much was looked at")
    yield Done("" if count else "nothing that is known here: plain text or bytes")


def _given(request: What, scope: Scope) -> tuple[bytes, str]:
    """The bytes, and how a job line names them."""
    if request.file is not None:
        with request.file.open("rb") as file:
            return file.read(SIZE_MOST + 1), shlex.quote(str(request.file))
    if request.text and request.text != ("-",):
        return " ".join(request.text).encode("utf-8", "surrogateescape"), "-"
    if scope.input is None:
        raise JobError("there is no standard input here", advice="give a text or --file FILE")
    with os.fdopen(os.dup(scope.input), "rb") as file:
        return file.read(SIZE_MOST + 1), "-"


def told(layer: Layer, place: str) -> Recognised:
    """A layer as an event; `place` stands in job lines for what was pasted."""
    data = layer.data[: TEXT_MOST * 4]
    readable = is_readable(data) or is_readable(data[:-3])
    text = data.decode("utf-8", "replace") if readable else data[:64].hex(" ")
    if len(text) > TEXT_MOST or len(data) < len(layer.data):
        text = f"{text[:TEXT_MOST]}…"
    reading = layer.reading
    if layer.depth == 0 or (reading is not None and reading.secret):
        text = ""  # who pasted it has it before them
    if reading is None:
        return Recognised(layer.depth, layer.place, text, "text" if readable else "bytes", "")
    # Only the whole of a paste is a file or on standard input.
    opens = tuple(
        one.replace(PASTE, place) for one in reading.opens if layer.depth == 0 or PASTE not in one
    )
    return Recognised(
        layer.depth,
        layer.place,
        text,
        reading.kind,
        reading.sure,
        reading.why,
        reading.facts,
        opens,
    )
