"""`workbench sets`: the sets of servers that were saved, and one of them started."""

from __future__ import annotations

import os
import queue
import shlex
import threading
from collections.abc import Sequence

from workbench import catalogue
from workbench.cli.interrupt import Interrupts
from workbench.cli.output import complain, say, write_err, write_out
from workbench.core.arguments import UsageError, parse_line
from workbench.core.events import Failed
from workbench.core.message import Event
from workbench.core.runner import Run, start
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.servers import sets
from workbench.servers.events import Stop

_HELP = """\
usage: workbench sets [NAME]

List the sets of servers, or start all servers of one; ctrl+c stops them. A set is made on the
screen (S in the Servers tab) or with an editor: a file in the folder `sets` beside the settings,
a server a line, as it is typed.

example
  workbench sets"""


def command(words: Sequence[str]) -> int:
    """List them, or start one; returns the exit status."""
    if words and words[0] in ("--help", "-h"):
        say(_HELP)
        return 0
    if len(words) > 1:
        raise UsageError(f"sets takes one name, not {words[1]!r} as well; try: workbench sets")
    if words:
        return _start(words[0])
    for name in sets.names():
        try:
            lines = sets.load(name)
        except sets.SetError as problem:
            complain(str(problem))
            continue
        say("\n".join([name, *(f"  {line}" for line in lines)]))
    if not sets.names():
        write_err("no set yet: S in the Servers tab saves the servers that run as one\n")
    return 0


def _start(name: str) -> int:
    """Start every server of a set and print what they tell until all have ended."""
    try:
        wanted = [catalogue.match(shlex.split(line)) for line in sets.load(name)]
    except sets.SetError as problem:
        raise UsageError(str(problem)) from None
    except KeyError as problem:
        raise UsageError(f"{name}: there is no server {problem}") from None
    jobs = [(catalogue.load(job), words) for job, words in wanted]
    requests = [(job, parse_line(job, words)) for job, words in jobs]
    told: queue.SimpleQueue[tuple[Run, Event | None]] = queue.SimpleQueue()
    scope = Scope()
    interrupts = Interrupts(scope, os._exit)
    runs = [start(job, request, process=True) for job, request in requests]
    scope.on_cancel(lambda: _stop(runs))
    for run in runs:
        threading.Thread(target=_pump, args=(run, told), daemon=True).start()
    going, failed = len(runs), False
    while going:
        run, event = told.get()
        if event is None:
            going -= 1
            continue
        failed |= isinstance(event, Failed) and not event.cancelled
        _print(run, event)
    if interrupts.number:
        return interrupts.status
    return 1 if failed else 0


def _stop(runs: Sequence[Run]) -> None:
    """Ask all of them to end; those that cannot be asked are ended."""
    for run in runs:
        if not run.send(Stop()):
            run.cancel()


def _pump(run: Run, told: queue.SimpleQueue[tuple[Run, Event | None]]) -> None:
    """Pass on what a run tells, its last word too."""
    while True:
        run.feed.wait(None)
        batch = run.feed.drain()
        for event in batch.events:
            told.put((run, event))
        if batch.ended is not None:
            told.put((run, batch.ended))
            told.put((run, None))
            return


def _print(run: Run, event: Event) -> None:
    text = event.line()
    if not text:
        return
    kind = run.job.name.removeprefix("serve ")
    lines = "".join(f"{kind}: {line}\n" for line in safe(text, keep_newlines=True).split("\n"))
    if event.channel == "talk" or isinstance(event, Failed):
        write_err(lines)
    else:
        write_out(lines.encode("utf-8", "surrogateescape"))
