"""What `http run` as code is made from: texts taken apart into what is fixed and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.core.failure import JobError
from workbench.http.client.building import pairs_of
from workbench.http.collections.document import Section, Wanted
from workbench.http.collections.environments import environment
from workbench.http.collections.job import HttpRun
from workbench.http.collections.judging import (
    Assertion,
    Capture,
    parse_assertion,
    parse_capture,
)
from workbench.http.collections.running import load
from workbench.http.collections.sending import FILE_LINE
from workbench.http.collections.variables import BRACES, DEEP, Variables

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^']*)'\]")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a text: "text", or what a script finds out: "kept", "env", "uuid", "now"."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a run, its texts taken apart."""

    entry: Section
    wanted: Wanted
    folder: Path
    texts: Texts
    asserted: tuple[Assertion, ...]
    captures: tuple[Capture, ...]

    @property
    def follow(self) -> bool:
        """Redirects are followed."""
        return not self.entry.all("no-redirect")

    def body(self) -> Iterator[tuple[Path | None, list[Part]]]:
        """The body's pieces: a file, or a text."""
        if not self.wanted.body:
            return
        lines = self.wanted.body.split("\n")
        kind = next(
            (value for name, value in self.wanted.headers if name.lower() == "content-type"), ""
        ).lower()
        multipart = kind.startswith("multipart/")
        newline = "\r\n" if multipart else "\n"
        if kind.startswith("application/x-www-form-urlencoded"):
            lines, newline = [line.strip() for line in lines], ""
        text = ""
        for at, line in enumerate(lines):
            end = newline if at + 1 < len(lines) or multipart else ""
            found = FILE_LINE.fullmatch(line)
            if found is None:
                text += line + end
                continue
            if text:
                yield None, self.texts.parts(text)
            yield self.folder / found["path"].rstrip(), []
            text = end
        if text:
            yield None, self.texts.parts(text)


class Texts:
    """Takes texts apart: what is known before the run is filled in."""

    def __init__(self, variables: Variables, kept: set[str]) -> None:
        self._variables = variables
        self._kept = kept

    def parts(self, text: str, depth: int = 0) -> list[Part]:
        """The text's pieces."""
        found: list[Part] = []
        at = 0
        for one in BRACES.finditer(text):
            found.append(Part("text", text[at : one.start()]))
            found += self._name(one["inside"].strip(), one[0], depth)
            at = one.end()
        found.append(Part("text", text[at:]))
        return [one for one in found if one.kind != "text" or one.text]

    def plain(self, text: str) -> str:
        """The text where nothing in it is found out in the run; braces stay otherwise."""
        return "".join(one.text if one.kind == "text" else text for one in self.parts(text))

    def _name(self, name: str, whole: str, depth: int) -> list[Part]:
        word, _, rest = name.partition(" ")
        if name in self._kept:
            return [Part("kept", name)]
        if word == "$processEnv" or word.startswith("$env."):
            return [Part("env", rest.strip() or word.removeprefix("$env."))]
        if word in ("$uuid", "$guid", "$random.uuid"):
            return [Part("uuid")]
        if name == "$timestamp":
            return [Part("now")]
        values = self._variables
        for layer in (values.given, values.file, values.environment):
            if name in layer and depth < DEEP:
                return self.parts(layer[name], depth + 1)
        try:
            return [Part("text", values.fill(whole))]
        except JobError:
            return [Part("text", whole)]


def steps(request: HttpRun) -> list[Step]:
    """The requests of a run.

    Raises:
        JobError: what is asked for is not there, or cannot be read.
        OSError: a file cannot be read.
    """
    kept: set[str] = set()
    found = []
    for file in load(request):
        folder = file.path.parent
        variables = Variables(
            file=file.document.variables, environment=environment(folder, request.env),
            given=dict(pairs_of(request.var, "variable")), folder=folder,
        )  # fmt: skip
        for at in file.wanted:
            entry = file.document.entries[at]
            assert entry.wanted is not None
            captures = tuple(parse_capture(one.value) for one in entry.all("capture"))
            asserted = tuple(parse_assertion(one.value) for one in entry.all("assert"))
            if not asserted:
                asserted = (parse_assertion("status < 400"),)
            texts = Texts(variables, set(kept))
            found.append(Step(entry, entry.wanted, folder, texts, asserted, captures))
            kept |= {one.name for one in captures}
    return found


def steps_of_path(path: str) -> Sequence[str | int] | None:
    """A JSONPath of names and numbers alone as these; None for any other."""
    if not path.startswith("$"):
        return None
    at, found = 1, []
    while at < len(path):
        one = _STEP.match(path, at)
        if one is None:
            return None
        found.append(int(one[2]) if one[2] else one[1] if one[1] is not None else one[3])
        at = one.end()
    return found
