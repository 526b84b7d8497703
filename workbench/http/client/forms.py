"""Forms as bodies: urlencoded (WHATWG URL) and form-data (RFC 7578), files streamed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

from workbench.core.failure import JobError
from workbench.http.client.content import Bytes, Content, File, Joined
from workbench.http.media_types import media_type


@dataclass(frozen=True, slots=True)
class FormField:
    """One field: a text, or a file with its name and media type.

    `filename` is what the other side is told; "" for a field that is none of a file's.
    """

    name: str
    value: str = ""
    file: Path | None = None
    filename: str = ""
    media_type: str = ""


def typed_form_field(text: str) -> FormField:
    """A field as curl(1) has them typed: NAME=VALUE, NAME=@FILE, NAME=<FILE.

    `;type=MEDIA/TYPE` and `;filename=NAME` may follow a file. `@` sends a file as one, `<` its
    content as the value.

    Raises:
        JobError: it is none, or there is no such file.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise JobError(f"{text[:60]!r} is no form field", advice="type NAME=VALUE or NAME=@FILE")
    if value[:1] not in ("@", "<"):
        return FormField(name, value)
    options = dict(re.findall(r";(type|filename)=([^;]*)", value))
    path = Path(re.split(r";(?:type|filename)=", value[1:], maxsplit=1)[0])
    if not path.exists():
        raise JobError(f"{path}: no such file", advice="after @ stands the path of a file")
    if value[0] == "<":
        return FormField(name, "", path, "", options.get("type", ""))
    # The table adds a charset to what is text; of a file here we do not know it.
    told = media_type(path.name.encode("utf-8", "surrogateescape")).partition(b";")[0]
    kind = options.get("type") or told.decode()
    return FormField(name, "", path, options.get("filename", path.name), kind)


def urlencoded(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Pairs as application/x-www-form-urlencoded, in UTF-8."""

    # quote_plus leaves "~" and encodes "*", the other way round than the form's serialiser.
    def encoded(text: str) -> str:
        quoted = quote_plus(text, safe="*", errors="surrogateescape")
        return quoted.replace("~", "%7E")

    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in pairs).encode()


def form_data(fields: Sequence[FormField], boundary: str = "") -> tuple[str, Content]:
    """Fields as multipart/form-data: the value of Content-Type, and a body that streams files."""
    boundary = boundary or f"workbench-{secrets.token_hex(16)}"
    parts: list[Content] = []
    for one in fields:
        lines = [f"--{boundary}", f'Content-Disposition: form-data; name="{_escaped(one.name)}"']
        if one.file is not None and one.filename:
            lines[1] += f'; filename="{_escaped(one.filename)}"'
        if one.media_type:
            lines.append(f"Content-Type: {one.media_type}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        value = one.value.encode("utf-8", "surrogateescape")
        parts += [Bytes(head), File(one.file) if one.file is not None else Bytes(value)]
        parts.append(Bytes(b"\r\n"))
    parts.append(Bytes(f"--{boundary}--\r\n".encode()))
    return f"multipart/form-data; boundary={boundary}", Joined(parts)


def _escaped(text: str) -> str:
    """A name within quotes, as WHATWG's HTML (4.10.21.8) and so all browsers write it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
