"""The runs of this screen: started here, drained once a frame, kept in the history."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from workbench.core.feed import Batch, Feed
from workbench.core.history import History, Record, outcome_of
from workbench.core.job import Job, Request, dump_request, secrets_of
from workbench.core.message import Event
from workbench.core.runner import Run, start
from workbench.core.settings import Settings

FEED_LIMIT = 2_000
"""Events of a run that one frame may have to take in."""

Sink = Callable[[Batch], None]
"""Where a run's events go, on the screen's own thread."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run, the place for its events, and its number in the history once that is known."""

    run: Run
    sink: Sink
    recorded: list[int]


class Runs:
    """Starts runs and hands out their events.

    History is written by a thread of its own: a slow disk is no reason for a slow screen.
    """

    def __init__(self, settings: Settings) -> None:
        self._watched: list[Watched] = []
        self._settled: set[int] = set()
        self._taps: dict[int, tuple[tuple[type[Event], ...], Callable[[Event], None]]] = {}
        self._history = History(keep=settings.history.keep, stored=settings.history.enabled)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="history")

    @property
    def going(self) -> list[Run]:
        """The runs that have not ended, oldest first."""
        return [one.run for one in self._watched]

    @property
    def servers(self) -> list[Run]:
        """Those of them that serve."""
        return [run for run in self.going if run.job.tab == "servers"]

    @property
    def others(self) -> list[Run]:
        """Those of them that do not."""
        return [run for run in self.going if run.job.tab != "servers"]

    @property
    def waited_for(self) -> list[Run]:
        """Those that the user waits for: not servers, nor sessions that are open."""
        return [run for run in self.others if run.number not in self._settled]

    def settle(self, run: Run) -> None:
        """This run has come to where it waits for the user."""
        self._settled.add(run.number)

    def start(self, job: Job[Any], request: Request, sink: Sink) -> Run:
        """Start a job; its events come to `sink` in batches."""
        run = start(job, request, feed=Feed(FEED_LIMIT))
        watched = Watched(run, sink, [])
        self._watched.append(watched)
        self._writer.submit(self._begin, watched)
        return run

    def pulse(self) -> bool:
        """Hand out what has come since the last frame; whether there was anything."""
        any_news = False
        for one in list(self._watched):
            batch = one.run.feed.drain()
            if not batch:
                continue
            any_news = True
            if batch.ended is not None:
                self._watched.remove(one)
                self._settled.discard(one.run.number)
                self._writer.submit(self._end, one)
            if one.run.number in self._taps:
                self._tapped(one.run.number, batch)
            one.sink(batch)
            if batch.ended is not None:
                self._taps.pop(one.run.number, None)
        return any_news

    def tap(
        self, run: Run, kinds: tuple[type[Event], ...], take: Callable[[Event], None]
    ) -> Callable[[], None]:
        """Have events of these kinds go here, and nowhere else; returns what ends that.

        What comes of them after the end goes nowhere: it was asked for here alone.
        """
        self._taps[run.number] = (kinds, take)

        def release() -> None:
            if run.number in self._taps:
                self._taps[run.number] = (kinds, lambda event: None)

        return release

    def _tapped(self, number: int, batch: Batch) -> None:
        kinds, take = self._taps[number]
        for event in batch.events:
            if isinstance(event, kinds):
                take(event)
        batch.events[:] = [event for event in batch.events if not isinstance(event, kinds)]

    def close(self) -> None:
        """Cancel all that runs, and see the history written."""
        for one in self._watched:
            one.run.cancel()
        for one in self._watched:
            one.run.wait(1.0)
            self._writer.submit(self._end, one)
        self._watched.clear()
        self._writer.shutdown(wait=True)
        self._history.close()

    # -- history -------------------------------------------------------------------------------

    def past_targets(self, jobs: list[str], found: Callable[[list[str]], None]) -> None:
        """Ask for the targets that these jobs had before; `found` is called in another thread."""

        def look() -> None:
            lines = [
                f"{job} {target}" if len(jobs) > 1 else target
                for job in jobs
                for target in self._history.targets(job, "")
            ]
            found(lines)

        self._writer.submit(look)

    def search(self, text: str, found: Callable[[list[Record]], None]) -> None:
        """Search the history; `found` is called in another thread."""
        self._writer.submit(lambda: found(self._history.search(text)))

    def forget(self, run: int) -> None:
        """Forget one run."""
        self._writer.submit(self._history.forget, run)

    def _begin(self, one: Watched) -> None:
        request = one.run.request
        text = dump_request(request, secrets=False).decode()
        number = self._history.begin(
            one.run.job.name, request.target(), text, secrets=secrets_of(request)
        )
        one.recorded.append(number)

    def _end(self, one: Watched) -> None:
        ended = one.run.ended
        if not one.recorded or ended is None:
            return
        outcome, summary = outcome_of(ended)
        self._history.end(one.recorded[0], outcome, summary, secrets=secrets_of(one.run.request))
