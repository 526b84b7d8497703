"""What is known of one request as it runs: its layers, brought up to date by its events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from workbench.core.events import Done, Failed, Note, Progress
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.core.runner import Run
from workbench.core.text import hexdump, safe
from workbench.core.units import amount, duration
from workbench.http.client.events import (
    FRAMES_MOST,
    WIRE_MOST,
    HttpAuth,
    HttpBody,
    HttpConnection,
    HttpContent,
    HttpCookie,
    HttpEnd,
    HttpFrame,
    HttpHead,
    HttpPhases,
    HttpRedirect,
    HttpSent,
    HttpWire,
    placed,
)
from workbench.http.field_names import meaning
from workbench.http.laying_out import kind_of, laid_out
from workbench.http.viewing.kept import KeptBody
from workbench.ui.widgets.glyphs import glyphs
from workbench.ui.widgets.ring import Line
from workbench.ui.widgets.tones import Tone

BODY_KEPT = 2 << 20
"""Bytes of a body that are kept in memory; the HTTP tab keeps all of them on disk."""

PAGED = 256 << 10
"""Bytes of a body up to which it is laid out at once; of a longer one, what is in sight."""

EVENTS_KEPT = 20_000
LINES_MOST = 100_000
"""Lines of a body that are shown: from its beginning, unlike those of what goes on."""

PRETTY_MOST = 2 << 20
"""Bytes of a body that are laid out anew."""

LABEL = 10
MEANT = 36
"""Where the meaning of a field begins, unless it is a longer one."""

_TONES: dict[int, Tone] = {1: "dim", 2: "good", 3: "warn", 4: "bad", 5: "bad"}


def status_tone(status: int) -> Tone:
    """The tone of a status by its class (RFC 9110 section 15)."""
    return _TONES.get(status // 100, "")


@dataclass(slots=True)
class Exchange:
    """One request and its answers: more than one where redirects were followed.

    `version` counts what came, for who draws it. `kept` has the body whole, where it is kept.
    """

    key: int
    run: Run
    kept: KeptBody | None = None
    events: list[Event] = field(default_factory=list)
    heads: list[HttpHead] = field(default_factory=list)
    phases: list[HttpPhases] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    body_size: int = 0
    end: HttpEnd | None = None
    ended: Done | Failed | None = None
    progress: Progress | None = None
    left_out: int = 0
    version: int = 0
    _laid_out: tuple[tuple[int, int], str | None] | None = None

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        self.version += 1
        self.left_out += batch.dropped
        for event in batch.events:
            self._take(event)
        if self.kept is not None:
            self.body_size = self.kept.size
        if batch.ended is not None:
            self.ended = batch.ended
            self.progress = None

    def add(self, event: Event) -> None:
        """One event more."""
        self.version += 1
        self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case HttpBody():
                self.body_size += len(event.data)
                self.body += event.data[: max(0, BODY_KEPT - len(self.body))]
                return
            case Progress():
                self.progress = event
                return
            case HttpHead():
                self.heads.append(event)
                if event.status >= 200:
                    self.body.clear()
                    self.body_size = 0
            case HttpPhases():
                self.phases.append(event)
            case HttpEnd():
                self.end = event
        if len(self.events) < EVENTS_KEPT:
            self.events.append(event)
        else:
            self.left_out += 1

    # -- for the table -------------------------------------------------------------------------

    @property
    def head(self) -> HttpHead | None:
        """The head of the last answer."""
        return self.heads[-1] if self.heads else None

    @property
    def status(self) -> str:
        """The status, or how it stands."""
        if self.head is not None and self.head.status >= 200:
            return str(self.head.status)
        return "..." if self.ended is None else "-"

    @property
    def took(self) -> float:
        """Seconds of all its parts."""
        return sum(one.took for one in self.phases)

    def field(self, name: str) -> str:
        """A field of the last head, "" where there is none."""
        fields = self.head.fields if self.head is not None else ()
        return next((value for key, value in fields if key.lower() == name), "")

    # -- the views -----------------------------------------------------------------------------

    def summary(self) -> Iterator[Line]:
        """What happened, in order."""
        for event in self.events:
            tone: Tone = ""
            match event:
                case HttpCookie() | HttpWire() | HttpFrame() | HttpPhases():
                    continue
                case HttpHead():
                    yield Line(
                        safe(f"< HTTP/{event.version} {event.status} {event.reason}"),
                        status_tone(event.status),
                    )
                    for odd in event.oddities:
                        yield Line(safe(f"! {odd}"), "warn")
                    continue
                case HttpSent() | HttpContent():
                    tone = "out"
                case HttpConnection() | HttpEnd():
                    tone = "dim"
                case HttpRedirect() | HttpAuth() | Note():
                    tone = "warn"
            for text in event.line().split("\n"):
                if text:
                    yield Line(safe(text), tone)
        for phases in self.phases:
            yield from waterfall(phases)
        if self.left_out:
            yield Line(f"{self.left_out:,} events more than are kept", "warn")
        if self.ended is not None:
            bad = isinstance(self.ended, Failed)
            yield Line(safe(self.ended.line()), "bad" if bad else "good")

    def headers(self, *, meanings: bool = True) -> Iterator[Line]:
        """Every head, both ways, and after each field what it means."""
        for event in self.events:
            if isinstance(event, HttpSent):
                for text in event.head.rstrip().splitlines():
                    yield Line(safe(_meant(f"> {text}") if meanings else f"> {text}"), "out")
                yield Line("")
            elif isinstance(event, HttpHead):
                first, *others = event.line().split("\n")
                yield Line(safe(first), status_tone(event.status))
                for text in others:
                    tone: Tone = "warn" if text.startswith("!") else "in"
                    yield Line(safe(_meant(text) if meanings else text), tone)
                yield Line("")

    @property
    def lays_out(self) -> bool:
        """The body is of a kind that is laid out for reading."""
        kind = kind_of(self.field("content-type"))
        return bool(kind) and (self.body_size <= PRETTY_MOST or (self.paged and kind == "json"))

    @property
    def paged(self) -> bool:
        """The body is so long that only what is in sight is laid out, from where it is kept."""
        if self.kept is None:
            return False
        whole = kind_of(self.field("content-type")) in ("xml", "html")
        return self.kept.size > (PRETTY_MOST if whole else PAGED)

    def paged_form(self, *, as_hex: bool, as_it_came: bool) -> str:
        """The form that a paged body is shown in: "json", "text" or "hex"."""
        if as_hex or self._is_binary():
            return "hex"
        return "json" if self.lays_out and not as_it_came else "text"

    @property
    def charset(self) -> str:
        """The charset of the body, as its sender names it, else UTF-8."""
        return self.field("content-type").partition("charset=")[2].strip("\"' ;") or "utf-8"

    def body_lines(self, *, as_hex: bool, as_it_came: bool = False) -> Iterator[Line]:
        """The body: JSON and XML laid out, HTML as text, other text as it is, the rest in hex."""
        if not self.body:
            words = "Nothing has come yet."
            if self.end is not None and self.end.path:
                words = f"The body is in {safe(self.end.path)}"
            elif self.ended is not None:
                words = "The answer has no body."
            yield Line(words, "dim")
            return
        if as_hex or self._is_binary():
            texts = hexdump(bytes(self.body))
        else:
            texts = iter(self._text(as_it_came=as_it_came).split("\n"))
        for text in islice(texts, LINES_MOST):
            yield Line(text)
        if next(texts, None) is not None:
            words = f"only {LINES_MOST:,} lines are shown; --output FILE keeps all of it"
            yield Line(words, "warn")
        if self.body_size > len(self.body):
            rest = amount(self.body_size - len(self.body))
            yield Line(f"{rest} more are not kept here; --output FILE keeps them", "warn")

    def _is_binary(self) -> bool:
        return b"\0" in self.body[:4096] and "charset" not in self.field("content-type")

    def _text(self, *, as_it_came: bool) -> str:
        data, media_type = bytes(self.body), self.field("content-type")
        charset = self.charset
        if self.lays_out and not as_it_came and self.end is not None:
            key = (id(self.end), self.body_size)
            if self._laid_out is None or self._laid_out[0] != key:
                self._laid_out = key, laid_out(data, kind_of(media_type), charset)
            text = self._laid_out[1]
            if text is not None:  # else it only says what it is
                return safe(text, keep_newlines=True, limit=None)
        try:
            return safe(data, encoding=charset, keep_newlines=True, limit=None)
        except LookupError:
            return safe(data, keep_newlines=True, limit=None)

    def wire(self) -> Iterator[Line]:
        """Bytes and frames, both ways."""
        found, size, frames = False, 0, 0
        for event in self.events:
            if isinstance(event, HttpWire):
                found = True
                size += len(event.data)
                arrow, tone = (">", "out") if event.sent else ("<", "in")
                for text in hexdump(event.data):
                    yield Line(f"{arrow} {text}", tone)  # type: ignore[arg-type]
            elif isinstance(event, HttpFrame):
                found = True
                frames += 1
                yield Line(safe(event.line()), "out" if event.sent else "in")
        if not found:
            yield Line("No byte has gone over the wire.", "dim")
        if size == WIRE_MOST or frames == FRAMES_MOST:
            yield Line("what follows is not kept here; --verbose keeps more", "warn")

    def cookies(self) -> Iterator[Line]:
        """Why each cookie was stored or not, sent or not, rule by rule."""
        found = False
        for event in self.events:
            if not isinstance(event, HttpCookie):
                continue
            found = True
            mark = "+" if event.accepted else "-"
            text = f"{mark} {event.name or '(no name)'}: {event.what}: {event.why}"
            yield Line(safe(text), "good" if event.accepted else "bad")
            for rule, holds, words in event.rules:
                text = f"    {'yes' if holds else 'NO '} {rule} {words}"
                yield Line(safe(text), "dim" if holds else "warn")
        if not found:
            words = "No cookie came or went. --cookies FILE keeps a jar; --verbose tells each rule."
            yield Line(words, "dim")


def _meant(text: str) -> str:
    """The line of a field, and after it what that means, where it is known."""
    name, colon, _ = text[2:].partition(":")
    words = meaning(name.strip()) if colon and text[0] in "<>" else ""
    return f"{text:<{MEANT}}   ({words})" if words else text


def waterfall(phases: HttpPhases, width: int = 48) -> Iterator[Line]:
    """The parts of an exchange as bars, one below the other."""
    full = glyphs().full
    for one in phases.bars:
        start, length = placed(one, phases.took, width)
        picture = " " * start + full * length
        yield Line(f"{one.name:>{LABEL}} {picture:<{width}} {duration(one.took)}", "in")
