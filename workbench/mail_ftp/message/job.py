"""message: a mail message from a file or a paste, taken apart; or one that is built."""

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
from workbench.core.units import amount, duration
from workbench.mail_ftp.message import authentication
from workbench.mail_ftp.message.compose import Draft, compose
from workbench.mail_ftp.message.path import hops
from workbench.mail_ftp.message.tree import Message, Part, parse

SIZE_LIMIT = 512 << 20
SHOWN = 20_000
"""Characters of the text that are shown without --whole."""

BUILD = "build"
READ = "read"

_READ = """\
import email
import email.policy
import sys

source = {source!r}
data = sys.stdin.buffer.read() if source == "-" else open(source, "rb").read()
message = email.message_from_bytes(data, policy=email.policy.default)
for name, value in message.items():
    print(f"{{name}}: {{value}}")
for part in message.walk():
    size = len(part.get_payload(decode=True) or b"")
    print(part.get_content_type(), part.get_filename() or "", size)
    for defect in part.defects:
        print("defect:", type(defect).__name__)
"""
_BUILD = """\
import email.utils
import mimetypes
import pathlib
import sys
from email.message import EmailMessage
from email.policy import SMTP

message = EmailMessage(policy=SMTP)
for name, value in {fields!r}:
    message[name] = value
message["Date"] = email.utils.formatdate(localtime=True)
message["Message-ID"] = email.utils.make_msgid(domain={domain!r})
{content}for path in map(pathlib.Path, {files!r}):
    kind = (mimetypes.guess_type(path.name)[0] or "application/octet-stream").split("/")
    message.add_attachment(path.read_bytes(), maintype=kind[0], subtype=kind[1], filename=path.name)
sys.stdout.buffer.write(message.as_bytes())
"""


@event("mail-field")
class MailField(Event):
    """A header field of a message, decoded; `part` is the number of its part, "" of the whole."""

    part: str
    name: str
    value: str

    def line(self) -> str:
        """As it would stand."""
        return f"{self.name}: {safe(self.value)}"


@event("mail-part")
class MailPart(Event):
    """A part: its number as IMAP counts, its type, bytes as they stand and what they are of."""

    number: str
    kind: str
    length: int
    charset: str
    encoding: str
    disposition: str
    filename: str

    def line(self) -> str:
        """One line, indented by its depth."""
        depth = self.number.count(".") + 1 if self.number else 0
        words = [self.charset, self.encoding, self.disposition]
        name = f'  "{safe(self.filename)}"' if self.filename else ""
        about = " ".join(safe(one) for one in words if one)
        number = self.number or "message"
        text = f"{number}  {safe(self.kind)}{name}  {amount(self.length)}  {about}"
        return "  " * depth + text.rstrip()


@event("mail-hop")
class MailHop(Event):
    """A server that the message went through; `delay` in seconds since the one before."""

    number: int
    by: str
    sender: str
    address: str
    protocol: str
    at: float | None
    delay: float | None
    odd: str

    def line(self) -> str:
        """One line."""
        delay = f"+{duration(self.delay)}" if self.delay is not None and self.delay >= 0 else ""
        if self.delay is not None and self.delay < 0:
            delay = f"-{duration(-self.delay)}"
        address = f" [{self.address}]" if self.address else ""
        odd = f"  ! {self.odd}" if self.odd else ""
        start = f"{self.sender}{address}" if self.sender else "(written there)"
        text = f"hop {self.number}  {delay:>8}  {start} -> {self.by}  {self.protocol}"
        return safe(text.rstrip()) + odd


@event("mail-check")
class MailCheck(Event):
    """What some server found out about the sender; trust it only where that server is yours."""

    server: str
    method: str
    result: str
    words: str
    properties: tuple[tuple[str, str], ...]
    bad: bool

    def line(self) -> str:
        """One line."""
        about = " ".join(f"{name}={value}" for name, value in self.properties)
        mark = "! " if self.bad else ""
        return safe(
            f"{mark}{self.method}={self.result} by {self.server or '?'}  {self.words}  {about}"
        )


@event("mail-signature")
class MailSignature(Event):
    """A DKIM signature as it stands, not verified; `record` is where DNS has its key."""

    domain: str
    selector: str
    algorithm: str
    record: str
    signed: tuple[str, ...]
    odd: tuple[str, ...]

    def line(self) -> str:
        """One line, and what is odd."""
        odd = "".join(f"  ! {one}" for one in self.odd)
        return safe(f"signed by {self.domain} ({self.algorithm}), key at {self.record}") + odd


@event("mail-defect")
class MailDefect(Event):
    """Something that is wrong with the message."""

    text: str

    def line(self) -> str:
        """The words."""
        return f"! {safe(self.text)}"


@event("mail-text")
class MailText(Event):
    """What a person would read first: its plain text, or its HTML as text."""

    text: str
    left_out: int = 0

    def line(self) -> str:
        """All of it."""
        more = f"\n({self.left_out:,} more characters; --whole shows them)" if self.left_out else ""
        return "\n" + safe(self.text, keep_newlines=True, limit=None) + more

    def size(self) -> int:
        """The text."""
        return 200 + len(self.text)


@event("mail-saved", channel="talk")
class MailSaved(Event):
    """A part was written to a file."""

    part: str
    path: str
    length: int

    def line(self) -> str:
        """Which, where, how much."""
        return f"part {self.part or 'message'} saved as {safe(self.path)} ({amount(self.length)})"


@event("mail-bytes", channel="bytes")
class MailBytes(Event):
    """Bytes for standard output: a part, or a message that was built."""

    data: bytes

    def size(self) -> int:
        """The bytes."""
        return 64 + len(self.data)


@dataclass(frozen=True, slots=True)
class MessageRequest(Request):
    """Take a mail message apart: fields, tree of parts, way, checks, text, and what is wrong.

    The hops are told in the order in which they were taken, each with its delay. What a server
    found out about the sender is worth something where that server is your own. --part gives one
    part, decoded. With --build a message is made of the other options, and given as bytes.
    """

    source: str = argument("the message; - is standard input", default="-", metavar="FILE")
    part: str = option("", "give this part, decoded, as numbered here", metavar="NUMBER")
    output: Path | None = option(None, "write it to this new file", metavar="FILE")
    attachments: Path | None = option(
        None, "write all attachments to this folder; nothing there is replaced", metavar="FOLDER"
    )
    whole: bool = option(False, "show all of a long text")
    build: bool = option(False, "build a message in place of reading one", group=BUILD)
    sender: str = option("", "From", metavar="ADDRESS", group=BUILD)
    to: tuple[str, ...] = option((), "To", metavar="ADDRESS", group=BUILD)
    cc: tuple[str, ...] = option((), "Cc", metavar="ADDRESS", group=BUILD)
    subject: str = option("", "Subject", group=BUILD)
    text: str = option("", "the text", group=BUILD)
    html: str = option("", "the same in HTML", group=BUILD)
    attach: tuple[Path, ...] = option((), "a file to attach", metavar="FILE", group=BUILD)
    header: tuple[str, ...] = option((), "a field more", metavar="NAME:VALUE", group=BUILD)

    @property
    def draft(self) -> Draft:
        """What is to be built."""
        return Draft(
            self.sender, self.to, self.cc, self.subject, self.text, self.html, self.attach,
            self.header,
        )  # fmt: skip

    def as_python(self) -> str:
        """The email package."""
        if not self.build:
            return _READ.format(source=self.source)
        pairs = [("From", self.sender), ("To", ", ".join(self.to)), ("Cc", ", ".join(self.cc))]
        fields = [(name, value) for name, value in [*pairs, ("Subject", self.subject)] if value]
        fields += [tuple(part.strip() for part in one.split(":", 1)) for one in self.header]  # type: ignore[misc]
        content = f"message.set_content({self.text!r})\n" if self.text or not self.html else ""
        if self.html:
            how = "add_alternative" if self.text else "set_content"
            content += f"message.{how}({self.html!r}, subtype='html')\n"
        domain = self.sender.rpartition("@")[2].strip("<> ") or "localhost"
        files = [str(one) for one in self.attach]
        return _BUILD.format(fields=fields, domain=domain, content=content, files=files)

    def as_shell(self) -> str:
        """reformime of maildrop, which lists the parts; swaks, which writes a message."""
        if not self.build:
            return "reformime -i" + (f" < {shlex.quote(self.source)}" if self.source != "-" else "")
        words = ["swaks", "--dump-mail"]
        for flag, values in (("--from", [self.sender]), ("--to", self.to), ("--cc", self.cc)):
            if any(values):
                words += [flag, ",".join(values)]
        words += ["--header", f"Subject: {self.subject}", "--body", self.text or self.html]
        for one in self.header:
            words += ["--add-header", one]
        for path in self.attach:
            words += ["--attach", f"@{path}"]
        return shlex.join(words)


@job("message", tab="tools", example="message mail.eml", reads_input=True)
def message(request: MessageRequest, scope: Scope) -> Iterator[Event]:
    """Taken apart from the outside in; or built."""
    if request.build:
        yield from _given(compose(request.draft), "", request.output)
        return
    found = parse(_read(request.source, scope))
    if request.part:
        part = found.part(request.part)
        if part is None:
            numbers = ", ".join(one.number for one in found.parts if one.number) or "1"
            raise JobError(f"there is no part {safe(request.part)}", advice=f"it has {numbers}")
        yield from _given(found.content(part)[0], part.number, request.output)
        return
    yield from told(found, whole=request.whole)
    if request.attachments is not None:
        yield from _save_all(found, request.attachments)
    count = len(found.parts)
    yield Done(f"{count} part{'' if count == 1 else 's'}, {amount(len(found.data))}")


def told(found: Message, *, whole: bool = False) -> Iterator[Event]:
    """All that there is to say of a message."""
    for one in found.root.fields:
        if one.name.lower() not in ("received", "dkim-signature", "authentication-results"):
            yield MailField("", one.name, one.value)
    for hop in hops(found.root.all("Received")):
        at = hop.at.timestamp() if hop.at is not None else None
        yield MailHop(
            hop.number, hop.by, hop.sender, hop.address, hop.words, at, hop.delay, hop.odd
        )
    checks = authentication.results(found.root.all("Authentication-Results"))
    checks += authentication.spf(found.root.all("Received-SPF"))
    for check in checks:
        yield MailCheck(
            check.server, check.method, check.result, check.words, check.properties, check.bad
        )
    for value in found.root.all("DKIM-Signature")[: authentication.MOST]:
        sign = authentication.signature(value)
        yield MailSignature(
            sign.domain, sign.selector, sign.algorithm, sign.record, sign.signed, sign.odd
        )
    for part in found.root.walk():
        yield part_event(part)
    for defect in found.defects[:1_000]:
        yield MailDefect(defect)
    text = found.readable()
    if text:
        shown = text if whole else text[:SHOWN]
        yield MailText(shown, len(text) - len(shown))


def part_event(part: Part) -> MailPart:
    """A part as an event."""
    return MailPart(
        part.number, part.type, part.size, part.charset, part.encoding, part.disposition,
        part.filename,
    )  # fmt: skip


def _read(source: str, scope: Scope) -> bytes:
    if source != "-":
        with Path(source).open("rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    elif scope.input is None:
        raise JobError("there is no standard input here", advice="name a file")
    else:
        with os.fdopen(os.dup(scope.input), "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    if len(data) > SIZE_LIMIT:
        raise JobError(f"more than {amount(SIZE_LIMIT)} are no mail message")
    if not data:
        raise JobError("there is nothing to read", advice="give a message as a file or paste it")
    return data


def _given(data: bytes, number: str, output: Path | None) -> Iterator[Event]:
    if output is None:
        yield MailBytes(data)
    else:
        _write_new(output, data)
        yield MailSaved(number, str(output), len(data))
    yield Done(amount(len(data)))


def _save_all(found: Message, folder: Path) -> Iterator[Event]:
    for part in found.attachments():
        name = part.filename or f"part-{part.number}"
        data, _ = found.content(part)
        path = folder / name
        for count in range(1, 1_000):
            try:
                _write_new(path, data)
            except JobError as problem:
                if problem.code != "EEXIST":
                    raise
                stem, dot, ending = name.rpartition(".")
                path = folder / (f"{stem}-{count}.{ending}" if dot else f"{name}-{count}")
                continue
            yield MailSaved(part.number, str(path), len(data))
            break


def _write_new(path: Path, data: bytes) -> None:
    """A file that was not there; half of one is not left behind."""
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
            except OSError:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        raise JobError(
            f"{safe(str(path))} exists already", code="EEXIST", advice="choose another name"
        ) from None
    except OSError as problem:
        raise JobError(f"{safe(str(path))}: {(problem.strerror or '').lower()}") from None
