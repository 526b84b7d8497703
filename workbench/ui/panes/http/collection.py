"""A collection as rows: folders, files, requests, each with what came of it last."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from workbench.core.failure import JobError, explain
from workbench.core.runner import Run
from workbench.http.collections.document import Section
from workbench.http.collections.environments import environment, environments
from workbench.http.collections.job import HttpCase, HttpRun
from workbench.http.collections.running import Loaded, load
from workbench.ui.panes.http.exchange import Exchange

LAYERS_KEPT = 200
"""Requests whose layers are kept; of those before only the result is."""

Place = tuple[str, int]
"""A file and the number of a request in it, from 0."""


@dataclass(frozen=True, slots=True)
class Row:
    """A folder ("folder"), a file ("file") or a request ("request") on the screen."""

    kind: str
    path: str
    name: str
    depth: int
    entry: int = -1
    case: HttpCase | None = None
    going: bool = False
    passed: int = 0
    failed: int = 0
    count: int = 0
    folded: bool = False
    section: Section | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What the cursor stays on."""
        return self.kind, self.path, self.entry


@dataclass(slots=True)
class Collection:
    """The files of a run, what came of their requests, what was kept of the responses."""

    request: HttpRun
    files: list[Loaded] = field(default_factory=list)
    cases: dict[Place, HttpCase] = field(default_factory=dict)
    exchanges: dict[Place, Exchange] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    folded: set[str] = field(default_factory=set)
    going: Place | None = None

    def read(self) -> str:
        """Read the files anew; returns what went wrong in one line, or nothing."""
        try:
            self.files = load(replace(self.request, only=()))
        except (JobError, OSError) as problem:
            return explain("read", problem).line()
        return ""

    def names(self) -> list[str]:
        """The environments that can be chosen."""
        return list(environments(self.folder))

    def variables(self, file: str) -> dict[str, str]:
        """Those that a file defines."""
        return next((one.document.variables for one in self.files if str(one.path) == file), {})

    def environment(self) -> dict[str, str]:
        """Those of the environment that is chosen; none where it cannot be read."""
        try:
            return environment(self.folder, self.request.env)
        except JobError:
            return {}

    @property
    def folder(self) -> Path:
        """Where the first file is."""
        return self.files[0].path.parent if self.files else Path()

    def begin(self, place: Place, run: Run) -> Exchange:
        """A request is about to go out."""
        self.going = place
        self.cases.pop(place, None)
        self.exchanges.pop(place, None)
        made = self.exchanges[place] = Exchange(len(self.exchanges), run)
        while len(self.exchanges) > LAYERS_KEPT:
            del self.exchanges[next(iter(self.exchanges))]
        return made

    def end(self, case: HttpCase) -> None:
        """A request has run."""
        self.cases[case.file, case.entry] = case
        self.going = None

    def sections(self, file: str) -> Sequence[Section]:
        """The requests of a file."""
        return next((one.document.entries for one in self.files if str(one.path) == file), ())

    def rows(self) -> list[Row]:
        """What stands on the screen, what is folded left out."""
        paths = [str(one.path) for one in self.files]
        top = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""
        found: list[Row] = []
        seen: set[str] = set()
        for one in self.files:
            folders = self._folders(os.path.dirname(str(one.path)), top)
            for depth, folder in enumerate(folders):
                if folder in seen or self._hidden(folders[:depth]):
                    continue
                seen.add(folder)
                found.append(self._sum("folder", folder, os.path.basename(folder), depth))
            if self._hidden(folders):
                continue
            path = str(one.path)
            found.append(self._sum("file", path, one.path.name, len(folders)))
            if path not in self.folded:
                found += self._requests(one, len(folders) + 1)
        return found

    def _requests(self, one: Loaded, depth: int) -> Iterator[Row]:
        path = str(one.path)
        for at, entry in enumerate(one.document.entries):
            yield Row(
                "request", path, entry.name, depth, at, self.cases.get((path, at)),
                self.going == (path, at), section=entry,
            )  # fmt: skip

    def _folders(self, folder: str, top: str) -> list[str]:
        found = []
        while folder and folder != top:
            found.append(folder)
            folder = os.path.dirname(folder)
        return found[::-1]

    def _hidden(self, folders: Sequence[str]) -> bool:
        return any(folder in self.folded for folder in folders)

    def _sum(self, kind: str, path: str, name: str, depth: int) -> Row:
        under = [
            one for one in self.files
            if str(one.path) == path or str(one.path).startswith(path + os.sep)
        ]  # fmt: skip
        places = [(str(one.path), at) for one in under for at in range(len(one.document.entries))]
        cases = [self.cases[place] for place in places if place in self.cases]
        passed = sum(one.passed for one in cases)
        return Row(
            kind, path, name, depth, going=self.going in places, passed=passed,
            failed=len(cases) - passed, count=len(places), folded=path in self.folded,
        )  # fmt: skip

    # -- what is asked for ---------------------------------------------------------------------

    def everything(self) -> HttpRun:
        """A run of all of it, from the beginning."""
        return replace(self.request, list=False, only=())

    def of(self, row: Row) -> HttpRun:
        """A run of one row: a request with what was kept before, or all in a file or folder."""
        import json

        chosen = replace(self.everything(), path=(Path(row.path),))
        if row.kind != "request":
            return chosen
        return replace(chosen, only=(f"#{row.entry + 1}",), kept=json.dumps(self.kept))
