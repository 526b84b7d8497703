"""uuid: made in every version, one or a million; or read field by field."""

from __future__ import annotations

import shlex
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from workbench.core.events import Done
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tools.uuids import making, reading

MOST = 10_000_000
LOOK_EVERY = 10_000
MAKE = "make"
NAMESPACES = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
}

Version = Literal["1", "3", "4", "5", "6", "7", "8", "nil", "max"]
Form = Literal["canonical", "urn", "braces", "hex", "integer", "base32", "base64url"]

_STAMP = """\
def stamped(value, version):
    value = value & ~(0xF << 76) & ~(0x3 << 62)
    return uuid.UUID(int=value | version << 76 | 0x2 << 62)


"""
_V6 = (
    "stamped(((t := time.time_ns() // 100 + 0x1B21DD213814000) >> 12) << 80"
    " | (t & 0xFFF) << 64 | secrets.randbits(62) | 1 << 40, 6)"
)
_V8 = (
    "stamped(int.from_bytes(hashlib.sha256({space}.bytes + {name!r}.encode()).digest()[:16],"
    " 'big'), 8)"
)
_MAKE = {
    "1": ("", "uuid.uuid1()"),
    "3": ("", "uuid.uuid3({space}, {name!r})"),
    "4": ("", "uuid.uuid4()"),
    "5": ("", "uuid.uuid5({space}, {name!r})"),
    "6": ("import secrets\nimport time", _V6),
    "7": (
        "import secrets\nimport time",
        "stamped(time.time_ns() // 1_000_000 << 80 | secrets.randbits(80), 7)",
    ),
    "8": ("import hashlib", _V8),
    "nil": ("", "uuid.UUID(int=0)"),
    "max": ("", "uuid.UUID(int=(1 << 128) - 1)"),
}
_READ = """\
import uuid

for text in {texts!r}:
    one = {made}
    print(one, one.variant, one.version)
    if one.version == 1:
        print((one.time - 0x1B21DD213814000) / 1e7, one.clock_seq, hex(one.node))
"""


@event("uuid")
class Made(Event):
    """A UUID that was made, in the form that was asked for."""

    uuid: str
    version: int

    def line(self) -> str:
        """The text."""
        return self.uuid


@event("uuid-fields")
class Fields(Event):
    """A UUID that was read. `at` is Unix seconds; `clock`, `node`, `counter` are -1 or "" where
    there is none, `random` is how many of its bits are."""

    uuid: str
    form: str
    variant: str
    version: int
    name: str
    at: float | None
    clock: int
    node: str
    counter: int
    random: int
    owner: str
    odd: tuple[str, ...]
    forms: dict[str, str]

    def line(self) -> str:
        """A line for each field."""
        version = f"version {self.version}: {self.name}" if self.version else self.name
        rows = [("", self.uuid), ("read as", self.form), ("variant", self.variant)]
        rows.append(("version", version) if version else ("", ""))
        if self.at is not None:
            rows.append(("time", reading.shown_time(self.at)))
        if self.clock >= 0:
            rows.append(("clock sequence", str(self.clock)))
        if self.node:
            rows.append(("node", self.node))
        if self.counter >= 0:
            rows.append(("rand_a or counter", f"{self.counter} (0x{self.counter:03x})"))
        if self.random:
            rows.append(("random bits", str(self.random)))
        if self.owner:
            rows.append(("owner", self.owner))
        rows += [("!", one) for one in self.odd]
        rows += [(name, text) for name, text in self.forms.items() if name != "canonical"]
        return "\n".join(safe(f"{name:<18} {text}").strip() for name, text in rows if text)


@dataclass(frozen=True, slots=True)
class UuidRequest(Request):
    """Make UUIDs, or read them field by field (RFC 9562).

    With texts it reads them, in whatever form: canonical, URN, braces, hex, integer, base32,
    base64. Without it makes them: version 7 sorts by time and never goes back within a run, 4 is
    random, 5 and 3 are made from a name, 1 and 6 from time and node.
    """

    texts: tuple[str, ...] = argument(
        "UUIDs to read; none makes new ones", default=(), metavar="UUID"
    )
    guid: bool = option(False, "the bytes are in the order of Microsoft's GUIDs")
    version: Version = option("7", "which to make", group=MAKE)
    count: int = option(1, "how many", group=MAKE)
    namespace: str = option(
        "dns", "of a name: dns, url, oid, x500, or a UUID", metavar="NAMESPACE", group=MAKE
    )
    name: str = option("", "the name, of versions 3, 5 and 8", group=MAKE)
    node: str = option("", "the node of versions 1 and 6, as a MAC address", group=MAKE)
    form: Form = option("canonical", "how they are written", group=MAKE)

    @property
    def space(self) -> uuid.UUID:
        """The namespace.

        Raises:
            JobError: it is none.
        """
        if self.namespace in NAMESPACES:
            return NAMESPACES[self.namespace]
        try:
            return uuid.UUID(int=reading.read(self.namespace).value)
        except reading.UuidError as problem:
            raise JobError(str(problem), advice="give dns, url, oid, x500 or a UUID") from None

    def as_python(self) -> str:
        """The module uuid; versions 6 to 8 by hand, which it has from Python 3.14 on."""
        if self.texts:
            made = "uuid.UUID(bytes_le=uuid.UUID(text).bytes)" if self.guid else "uuid.UUID(text)"
            return _READ.format(texts=list(self.texts), made=made)
        imports, made = _MAKE[self.version]
        known = f"uuid.UUID({str(self.space)!r})"
        made = made.format(space=known, name=self.name)
        helper = _STAMP if "stamped(" in made else ""
        head = "\n".join(one for one in (imports, "import uuid") if one)
        shown = {
            "canonical": "str(one)", "urn": "one.urn", "braces": "f'{{{one}}}'", "hex": "one.hex",
            "integer": "one.int", "base32": "base64.b32encode(one.bytes).decode().rstrip('=')",
            "base64url": "base64.urlsafe_b64encode(one.bytes).decode().rstrip('=')",
        }[self.form]  # fmt: skip
        head = f"import base64\n{head}" if "base64." in shown else head
        gap = "\n\n\n" if helper else "\n\n"
        loop = f"for _ in range({self.count}):\n    one = {made}\n    print({shown})\n"
        return head + gap + helper + loop

    def as_shell(self) -> str:
        """uuidgen and uuidparse of util-linux."""
        if self.texts:
            return f"uuidparse {shlex.join(self.texts)}"
        flags = {"1": "-t", "4": "-r"}.get(self.version, "")
        if self.version in ("3", "5"):
            kind = "--md5" if self.version == "3" else "--sha1"
            flags = f"{kind} -n {self.space} -N {shlex.quote(self.name)}"
        if not flags or self.form != "canonical":
            return f"python3 -c {shlex.quote(self.as_python())}"
        one = f"uuidgen {flags}"
        return one if self.count == 1 else f"for _ in $(seq {self.count}); do {one}; done"


@job("uuid", tab="tools", example="uuid --count 3")
def make_or_read(request: UuidRequest, scope: Scope) -> Iterator[Event]:
    """Read what is given, else make."""
    if request.texts:
        for text in request.texts:
            yield fields(text, guid=request.guid)
        yield Done("")
        return
    if not 1 <= request.count <= MOST:
        raise JobError(f"1 to {MOST:,} at once", advice="run it again for more")
    began = time.monotonic()
    version = int(request.version) if request.version.isdigit() else 0
    for number, value in enumerate(_made(request)):
        if number % LOOK_EVERY == 0:
            scope.check()
        yield Made(_written(value, request.form), version)
    took = time.monotonic() - began
    yield Done(f"{request.count:,} made in {took:.2f} s" if request.count > 1 else "")


def fields(text: str, *, guid: bool = False) -> Fields:
    """A text as an event.

    Raises:
        JobError: it is no UUID.
    """
    try:
        one = reading.read(text, little=guid)
    except reading.UuidError as problem:
        raise JobError(str(problem)) from None
    return Fields(
        making.canonical(one.value), one.form, one.variant, one.version, one.name, one.at,
        one.clock, one.mac, one.counter, one.random, one.owner, one.odd, one.forms(),
    )  # fmt: skip


def _made(request: UuidRequest) -> Iterator[int]:
    match request.version:
        case "1":
            return making.version1(request.count, _node(request.node))
        case "3":
            value = uuid.uuid3(request.space, request.name).int
        case "4":
            return making.version4(request.count)
        case "5":
            value = uuid.uuid5(request.space, request.name).int
        case "6":
            return making.version6(request.count, _node(request.node))
        case "7":
            return making.version7(request.count)
        case "8":
            value = making.version8(request.name.encode(), request.space)
        case "nil":
            value = making.NIL
        case _:
            value = making.MAX
    return iter([value] * request.count)


def _node(text: str) -> int | None:
    if not text:
        return None
    digits = text.replace(":", "").replace("-", "").replace(".", "")
    try:
        if len(digits) != 12:
            raise ValueError
        return int(digits, 16)
    except ValueError:
        raise JobError(f"{safe(text)!r} is no MAC address", advice="as 02:00:5e:10:00:00") from None


def _written(value: int, form: str) -> str:
    if form == "canonical":
        return making.canonical(value)
    return reading.Uuid(value, "", "", 0).forms()[form]
