"""encode: bytes through codings, one after the other, and back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount
from workbench.tools.codings import CODINGS, EXPANDED, CodingError, through

_PYTHON = {
    "base64": ("base64.b64encode(data)", "base64.b64decode(data)"),
    "base64url": (
        "base64.urlsafe_b64encode(data).rstrip(b'=')",
        "base64.urlsafe_b64decode(data.strip() + b'==')",
    ),
    "base32": ("base64.b32encode(data)", "base64.b32decode(data.strip())"),
    "hex": ("data.hex().encode()", "bytes.fromhex(data.decode())"),
    "base85": ("base64.b85encode(data)", "base64.b85decode(data.strip())"),
    "ascii85": ("base64.a85encode(data)", "base64.a85decode(data)"),
    "percent": (
        "urllib.parse.quote(data, safe='/').encode()", "urllib.parse.unquote_to_bytes(data)",
    ),
    "component": (
        "urllib.parse.quote(data, safe='').encode()", "urllib.parse.unquote_to_bytes(data)",
    ),
    "form": (
        "urllib.parse.quote_plus(data).encode()",
        "urllib.parse.unquote_to_bytes(data.replace(b'+', b' '))",
    ),
    "quoted-printable": ("binascii.b2a_qp(data, istext=False)", "binascii.a2b_qp(data)"),
    "encoded-word": (
        "email.header.Header(data.decode(), 'utf-8').encode().replace('\\n ', ' ').encode()",
        "str(email.header.make_header(email.header.decode_header(data.decode()))).encode()",
    ),
    "punycode": ("data.decode().strip().encode('idna')", "data.strip().decode('idna').encode()"),
    "html": (
        "html.escape(data.decode()).encode()", "html.unescape(data.decode()).encode()",
    ),
    "escapes": (
        "data.decode('latin-1').encode('unicode_escape')",
        "data.decode('unicode_escape').encode('latin-1')",
    ),
    "gzip": ("gzip.compress(data, mtime=0)", "gzip.decompress(data)"),
    "zlib": ("zlib.compress(data, 9)", "zlib.decompress(data)"),
    "deflate": ("zlib.compress(data, 9)[2:-4]", "zlib.decompress(data, -15)"),
}  # fmt: skip
_MODULES = ("base64", "binascii", "email.header", "gzip", "html", "urllib.parse", "zlib")
_SHELL = {
    "base64": ("base64 -w0", "base64 -d"),
    "base32": ("base32 -w0", "base32 -d"),
    "hex": ("od -An -v -tx1 | tr -d ' \\n'", "xxd -r -p"),
    "gzip": ("gzip -9n", "gzip -d"),
}


@event("coded", channel="bytes")
class Coded(Event):
    """The bytes that came out."""

    data: bytes

    def line(self) -> str:
        """As text."""
        return safe(self.data, keep_newlines=True)

    def size(self) -> int:
        """The bytes."""
        return 64 + len(self.data)


@dataclass(frozen=True, slots=True)
class Encode(Request):
    """Encode bytes, or decode them, by one coding or several in turn.

    encode base64 FILE encodes; --decode takes codings off, in the order given. Codings that are
    chained stand with commas between: gzip,base64 packs and then writes as text.
    """

    codings: str = argument(f"of {', '.join(CODINGS)}; several with commas", metavar="CODING")
    source: str = argument("what to take; - is standard input", default="-", metavar="FILE")
    text: str | None = option(None, "take this text in place of a file", metavar="TEXT")
    decode: bool = option(False, "decode")
    output: Path | None = option(None, "write to this new file", metavar="FILE")

    @property
    def steps(self) -> tuple[str, ...]:
        """The codings in order.

        Raises:
            JobError: there is no such coding.
        """
        found = tuple(one.strip().lower() for one in self.codings.split(",") if one.strip())
        for one in found:
            if one not in CODINGS:
                raise JobError(
                    f"there is no coding {safe(one)}", advice=f"it is one of {', '.join(CODINGS)}"
                )
        if not found:
            raise JobError("no coding is named", advice=f"name one of {', '.join(CODINGS)}")
        return found

    def as_python(self) -> str:
        """The modules of the standard library."""
        lines = [f"data = {_PYTHON[one][self.decode]}" for one in self.steps]
        if self.text is not None:
            first = f"data = {self.text.encode()!r}"
        elif self.source == "-":
            first = "data = sys.stdin.buffer.read()"
        else:
            first = f"data = open({self.source!r}, 'rb').read()"
        body = "\n".join([first, *lines, "sys.stdout.buffer.write(data)"])
        modules = sorted({*(one for one in _MODULES if f"{one}." in body), "sys"})
        return "\n".join(f"import {one}" for one in modules) + f"\n\n{body}\n"

    def as_shell(self) -> str:
        """base64, xxd, gzip and their kin where they can; Python where not."""
        steps = self.steps
        if not all(one in _SHELL for one in steps):
            return f"python3 -c {shlex.quote(self.as_python())}"
        tools = " | ".join(_SHELL[one][self.decode] for one in steps)
        if self.text is not None:
            return f"printf %s {shlex.quote(self.text)} | {tools}"
        return tools if self.source == "-" else f"cat {shlex.quote(self.source)} | {tools}"


@job("encode", tab="tools", example="encode base64 --text hello", reads_input=True)
def encode(request: Encode, scope: Scope) -> Iterator[Event]:
    """Read, code, write."""
    steps = request.steps
    data = _read(request, scope)
    try:
        made = through(data, steps, decode=request.decode)
    except CodingError as problem:
        raise JobError(str(problem)) from None
    if request.output is not None:
        try:
            with request.output.open("xb") as file:
                file.write(made)
        except FileExistsError:
            name = safe(str(request.output))
            raise JobError(f"{name} exists already", advice="choose another name") from None
    else:
        yield Coded(made)
    yield Done(f"{amount(len(data))} became {amount(len(made))}")


def _read(request: Encode, scope: Scope) -> bytes:
    if request.text is not None:
        return request.text.encode("utf-8", "surrogateescape")
    number = scope.input if request.source == "-" else None
    if request.source == "-" and number is None:
        raise JobError("there is no standard input here", advice="name a file, or give --text")
    with (
        os.fdopen(os.dup(number), "rb") if number is not None else Path(request.source).open("rb")
    ) as file:
        data = file.read(EXPANDED + 1)
    if len(data) > EXPANDED:
        raise JobError(f"more than {amount(EXPANDED)} are too much for here")
    return data
