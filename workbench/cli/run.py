"""One run of a job on the command line, from its first event to the exit status."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from typing import Any

from workbench.cli.interrupt import Interrupts
from workbench.cli.output import (
    ERR,
    OUT,
    Broken,
    Output,
    complain,
    output,
    say,
    unwritable,
)
from workbench.cli.words import Options
from workbench.core.events import Failed
from workbench.core.failure import JobError, cancelled, explain
from workbench.core.job import Job, Request, execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.settings import Settings

DONE, FAILED, USAGE, PIPE = 0, 1, 2, 141
"""Exit statuses; a run that a signal ended has 128 and its number, as shells have it.

141 (SIGPIPE) is for a reader of standard output who went away, as head does.
"""


def run(job: Job[Any], request: Request, options: Options, settings: Settings) -> int:
    """Run a job to its end and write it down in the history; returns the exit status."""
    started = time.time()
    out = output(options)
    scope = Scope(request.timeout, input=0 if job.reads_input else None)
    interrupts = Interrupts(scope, lambda status: _give_up(out, request, status))
    broken = _pump(execute(job, request, scope), out)
    ended = out.ended or cancelled(request.tried())
    if settings.history.enabled:
        from workbench.cli.record import record

        record(request, ended, started, settings)
    if broken is not None:
        unwritable(broken)
        return PIPE if broken.closed else FAILED
    if isinstance(ended, Failed):
        return interrupts.status if ended.cancelled and interrupts.number else FAILED
    return DONE


def show_code(request: Request, options: Options) -> int:
    """Print the code that does what the request asks for; or why there is none."""
    try:
        say(request.as_python() if options.python else request.as_shell())
    except JobError as problem:
        complain(explain(request.tried(), problem).line())
        return USAGE
    return DONE


def _pump(events: Iterator[Event], out: Output) -> Broken | None:
    """Put every event out; returns what went wrong with standard output, if it did."""
    try:
        for event in events:
            out.write(event)
    except Broken as broken:
        return broken
    finally:
        # What nobody reads is not worth doing: the job lets go of all it has.
        events.close()  # type: ignore[attr-defined]
    return None


def _give_up(out: Output, request: Request, status: int) -> None:
    """End the process while its job still stands: the second signal, or patience at an end."""
    if out.ended is None and not out.writing and _takes(OUT) and _takes(ERR):
        try:
            out.write(cancelled(request.tried()))
        except Broken:
            pass
    os._exit(status)


def _takes(number: int) -> bool:
    """Whether a line can be written there without waiting."""
    return bool(select.select([], [number], [], 0)[1])
