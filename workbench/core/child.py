"""The child process of a run: `python -m workbench.core.child MODULE JOB`.

It reads its request and then commands from standard input, a JSON object a line, and writes
events to standard output the same way. A server must not stand still because its reader is slow,
so events pass a feed of their own on the way: what does not fit is dropped and counted. The end
of standard input means that the parent is gone, and ends the child.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading

from workbench.core.events import Cancel, Done, Dropped, Failed
from workbench.core.failure import explain
from workbench.core.feed import Feed
from workbench.core.job import declared, execute, load_request
from workbench.core.message import decode_command, encode
from workbench.core.scope import Scope

GRACE = 1.0
"""Seconds between the parent's end and this process's, if its job does not see to it."""

PAUSE = 0.01
"""Seconds between two writes: many events go in one."""


def main(arguments: list[str]) -> int:
    """Run one job and speak of it; the exit status is 0 when done, 1 when failed."""
    module, name = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Descriptor 1 is for events alone: what the job's own code prints goes to standard error.
    out = os.dup(1)
    os.dup2(2, 1)
    feed = Feed()
    writer = threading.Thread(target=_write, args=(feed, out), name="writer")
    writer.start()
    last: Done | Failed
    try:
        importlib.import_module(module)
        job = declared(name)
        request = load_request(job, sys.stdin.buffer.readline())
    except Exception as problem:
        last = explain(name, problem)
    else:
        scope = Scope(request.timeout)
        threading.Thread(target=_listen, args=(scope,), name="commands", daemon=True).start()
        for event in execute(job, request, scope):
            if isinstance(event, Done | Failed):
                last = event
            else:
                feed.put(event)
    feed.end(last)
    writer.join()
    return 1 if isinstance(last, Failed) else 0


def _listen(scope: Scope) -> None:
    """Pass commands on to the job until the parent closes our standard input."""
    for line in sys.stdin.buffer:
        try:
            command = decode_command(line)
        except ValueError as problem:
            print(problem, file=sys.stderr)
            continue
        if isinstance(command, Cancel):
            scope.cancel()
        else:
            scope.tell(command)
    killer = threading.Timer(GRACE, os._exit, (1,))
    killer.daemon = True
    killer.start()
    scope.cancel()


def _write(feed: Feed, out: int) -> None:
    """Write what the feed holds until it has ended or nobody reads any more."""
    quiet = threading.Event()
    while True:
        feed.wait()
        batch = feed.drain()
        lines = [encode(event) for event in batch.events]
        if batch.dropped:
            lines.insert(0, encode(Dropped(batch.dropped)))
        if batch.ended is not None:
            lines.append(encode(batch.ended))
        data = memoryview(b"\n".join(lines) + b"\n")
        try:
            while data:
                data = data[os.write(out, data) :]
        except OSError:
            return
        if batch.ended is not None:
            return
        quiet.wait(PAUSE)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    # Threads that a job left behind (a resolver that does not answer) must not hold the exit up.
    os._exit(status)
