"""The job `download`: a file, resumed where it broke off, whole or not there at all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note, Progress
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.client.building import Items, http_url
from workbench.http.client.digests import Digest, told_digest, typed_digest
from workbench.http.client.message import Body, Fields, HttpRequest, ResponseHead
from workbench.http.client.meter import Meter
from workbench.http.client.request import ClientRequest

if TYPE_CHECKING:
    from workbench.http.client.client import Client
    from workbench.http.client.partial import Partial

PAUSE = 1.0
"""Seconds before a transfer that broke off is taken up again; twice as many each time."""

_CONTENT_RANGE = re.compile(rb"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_UNSATISFIED = re.compile(rb"bytes \*/(\d{1,18})")


@event("downloaded")
class Downloaded(Event):
    """A file is whole. `resumed` bytes were there before; `digest` is what was checked, if any."""

    path: str
    bytes: int
    resumed: int
    took: float
    rate: float
    digest: str = ""

    def line(self) -> str:
        """Where it is, how large, and what was checked."""
        resumed = f", {amount(self.resumed)} of it from before" if self.resumed else ""
        checked = f", {self.digest}" if self.digest else ""
        return (
            f"{self.path}: {amount(self.bytes)} in {duration(self.took)},"
            f" {amount(self.rate)}/s{resumed}{checked}"
        )


@dataclass(frozen=True, slots=True)
class Download(ClientRequest):
    """Download a file: progress, rate and time left; taken up again where it broke off.

    What is not whole yet is in FILE.part. The next run goes on with it where the server can prove
    that it is still the same (ETag or Last-Modified), and starts over where it cannot. The length
    is checked, and the digest where one is given or the server tells one.
    """

    url: Endpoint = argument("what to download", metavar="URL", scheme="http")
    item: tuple[str, ...] = argument("header fields", default=(), metavar="NAME:VALUE")
    output: Path | None = option(
        None, "the file; by default named by the server or the URL", metavar="FILE"
    )
    resume: bool = option(True, "go on with what is there")
    overwrite: bool = option(False, "replace a file that is there")
    digest: str = option("", "what it must hash to: sha256:HEX, sha512:HEX, …", metavar="DIGEST")
    retries: int = option(3, "times that a transfer that broke off is taken up again")

    def as_python(self) -> str:
        """urllib.request."""
        from workbench.http.client.code_python import download_python

        return download_python(self)

    def as_shell(self) -> str:
        """curl."""
        from workbench.http.client.code_shell import download_shell

        return download_shell(self)


@job("download", tab="http", example="download http://127.0.0.1:8000/file.iso --output file.iso")
def download(request: Download, scope: Scope) -> Iterator[Event]:
    """Fetch it, as often as it takes within the retries."""
    from workbench.http.client.client import Client
    from workbench.http.client.setting import client_options, save_jar

    items = Items(request.item)
    bound = items.add_secret(request.secret_header)
    if items.json or items.query:
        raise JobError("a download has header fields alone after its URL", advice="NAME:VALUE")
    wanted = typed_digest(request.digest) if request.digest else None
    if request.output is not None:
        check_free(request.output, overwrite=request.overwrite)
    url = http_url(request.url)
    options, notes = client_options(
        request, url, items.omit, decode=False, follow=request.max_redirects, bound=bound
    )
    yield from (Note(text) for text in notes)
    fields = Fields(items.fields).default(b"Accept-Encoding", b"identity")
    asked = HttpRequest("GET", url.replace(user="", password=""), fields)
    client = Client(options, scope)
    transfer = Transfer(request, client, asked, wanted)
    try:
        yield from transfer.run(scope)
    finally:
        transfer.close()
        client.close()
        if options.jar is not None and request.cookies is not None:
            save_jar(options.jar, request.cookies)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Whether a file may be put there.

    Raises:
        JobError: something is there already.
    """
    if path.is_dir():
        raise JobError(f"{path} is a folder", advice="name a file in it")
    if path.exists() and not overwrite:
        raise JobError(f"{path} is there already", advice="--overwrite replaces it")


class Transfer:
    """The tries that one download takes."""

    def __init__(
        self, request: Download, client: Client, asked: HttpRequest, wanted: Digest | None
    ) -> None:
        self._request = request
        self._client = client
        self._asked = asked
        self._wanted = wanted
        self._told: Digest | None = None
        self._partial: Partial | None = None
        self._resumed = self._came = 0
        self._total: int | None = None
        self._ranged = self._whole = False
        self._began = time.monotonic()
        self._meter = Meter(None)
        self._notes: list[Event] = []

    def close(self) -> None:
        """Let go of the part."""
        if self._partial is not None:
            self._partial.close()

    def run(self, scope: Scope) -> Iterator[Event]:
        """Try until it is whole, the retries are used up, or it cannot be.

        Raises:
            JobError: the answer is no file, or not the one that was wanted.
            OSError: the network's last word, or the file cannot be written.
        """
        from workbench.http.client.http1 import CutError, HangupError
        from workbench.http.client.partial import Partial

        if self._request.output is not None:
            self._partial = Partial(self._request.output)
        left, pause = self._request.retries, PAUSE
        while not self._whole:
            before = self._came
            try:
                yield from self._once()
            except (CutError, HangupError, ConnectionError, TimeoutError) as problem:
                if left < 1 or not self._came:
                    raise
                left -= 1
                pause = PAUSE if self._came > before else pause * 2
                yield Note(f"broken off ({problem}); taken up again in {duration(pause)}")
                scope.wait(pause)
        yield from self._finish()

    def _once(self) -> Iterator[Event]:
        """One request, from where we are to its end, or to where another one is better."""
        from workbench.http.client.client import Following

        taking = False
        status = 0
        steps = self._client.fetch(self._with_range())
        for step in steps:
            if isinstance(step, ResponseHead) and not step.informational:
                status = step.status
                verdict = self._judge(step)
                yield from self._notes
                self._notes.clear()
                if verdict == "again":
                    steps.close()  # type: ignore[attr-defined]
                    return
                taking = verdict == "take"
            elif isinstance(step, Body) and taking:
                assert self._partial is not None
                self._partial.write(step.data)
                self._came += len(step.data)
                progress = self._meter.tick(self._partial.size)
                if progress is not None:
                    yield Progress(*progress, unit="B")
            elif isinstance(step, Following) and step.redirect.why_not:
                raise JobError(f"the redirect is not followed: {step.redirect.why_not}")
        if not taking and not self._whole:
            raise JobError(f"the answer is {status}, which holds no file", code=str(status))
        self._whole = True

    def _with_range(self) -> HttpRequest:
        """The request for what is still missing."""
        part = self._partial
        self._ranged = False
        goes_on = self._request.resume or self._came > 0
        info = part.info() if part is not None and part.size and goes_on else None
        if part is None or info is None or info.url != str(self._asked.url):
            return self._asked
        self._ranged = True
        fields = self._asked.fields.plus(
            (b"Range", b"bytes=%d-" % part.size),
            (b"If-Range", info.validator.encode("latin-1", "replace")),
        )
        return self._asked.plus(fields=fields)

    def _judge(self, head: ResponseHead) -> str:
        """What to do with a response: "take" its body, "skip" it, or ask "again".

        Raises:
            JobError: it is no file.
        """
        if head.status == 200:
            return self._begin(head)
        if head.status == 206 and self._ranged:
            return self._go_on(head)
        if head.status == 416 and self._ranged:
            return self._beyond(head)
        if head.status == 401 or 300 <= head.status < 400:
            return "skip"
        reason = safe(head.reason, limit=60)
        raise JobError(
            f"the answer is {head.status} {reason}".rstrip(), code=str(head.status),
            advice="workbench http GET shows what the server says",
        )  # fmt: skip

    def _begin(self, head: ResponseHead) -> str:
        """All of it comes, from its first byte."""
        from workbench.http.client.naming import name_for
        from workbench.http.client.partial import Info, Partial, validator_of

        if self._partial is None:
            path = Path(name_for(self._asked.url, head.fields.get(b"content-disposition")))
            check_free(path, overwrite=self._request.overwrite)
            self._partial = Partial(path)
        part = self._partial
        length = head.fields.get(b"content-length")
        self._total = int(length) if length and length.isdigit() else None
        made = Info(str(self._asked.url), validator_of(head.fields), self._total)
        if part.size and self._request.resume:
            if not self._ranged and made.validator and part.info() == made:
                return "again"  # what is there is of this very file: only the name was not known
            self._notes.append(
                Note(f"{amount(part.size)} were there, of another version: it starts over")
            )
        coding = head.fields.get(b"content-encoding")
        if coding and coding.lower() != b"identity":
            self._notes.append(Note(f"it comes coded as {safe(coding, limit=40)}, and stays so"))
        self._resumed = 0
        self._told = told_digest(head.fields, whole=True)
        part.begin(made)
        self._meter = Meter(self._total)
        return "take"

    def _go_on(self, head: ResponseHead) -> str:
        """The rest of it comes."""
        part = self._partial
        assert part is not None
        told = head.fields.get(b"content-range") or b""
        found = _CONTENT_RANGE.fullmatch(told.strip())
        if found is None or int(found[1]) != part.size:
            raise JobError(
                f"the server sends another part than was asked for: {safe(told, limit=60)}",
                code="RFC 9110 14.4", advice="--no-resume starts over",
            )  # fmt: skip
        self._total = None if found[3] == b"*" else int(found[3])
        info = part.info()
        if info is not None and info.total is not None and self._total not in (None, info.total):
            raise JobError(
                f"the file has {self._total} bytes now, and had {info.total}",
                advice="--no-resume starts over",
            )
        if not self._came:
            self._resumed = part.size
            self._notes.append(Note(f"{amount(part.size)} are there already: it goes on"))
        self._told = told_digest(head.fields, whole=False) or self._told
        part.check_room(self._total)
        part.go_on()
        self._meter = Meter(self._total, part.size)
        return "take"

    def _beyond(self, head: ResponseHead) -> str:
        """Nothing is missing, or more is there than the server has."""
        part = self._partial
        assert part is not None
        found = _UNSATISFIED.fullmatch((head.fields.get(b"content-range") or b"").strip())
        if found is not None and int(found[1]) == part.size:
            self._total, self._resumed, self._whole = part.size, part.size, True
            return "skip"
        self._notes.append(Note("more is there than the server has: it starts over"))
        part.size = 0
        return "again"

    def _finish(self) -> Iterator[Event]:
        part = self._partial
        assert part is not None
        if self._total is not None and part.size != self._total:
            size, total = part.size, self._total
            if size > total:
                part.discard()
            raise JobError(
                f"{size} bytes came of {total}", advice="run it again to go on" if size < total
                else "what came is thrown away",
            )  # fmt: skip
        checked = []
        for digest in (self._wanted, self._told):
            if digest is None:
                continue
            found = part.digest(digest.algorithm)
            if found != digest.value:
                part.discard()
                raise JobError(
                    f"it is not what {digest.source} says: {digest.algorithm} is {found.hex()},"
                    f" not {digest.value.hex()}",
                    code=digest.algorithm,
                    advice="what came is thrown away; the file or the digest is another",
                )
            checked.append(f"{digest.algorithm} as {digest.source} says")
        took = time.monotonic() - self._began
        size = part.size
        part.finish()
        rate = self._came / took if took > 0 else 0.0
        yield Downloaded(str(part.target), size, self._resumed, took, rate, " and ".join(checked))
        yield Done()
