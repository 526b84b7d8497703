"""The child process of a run: `python -m workbench.core.child MODULE JOB [LIFELINE]`.

It reads its request and then commands from standard input, a JSON object a line, and writes
events to standard output the same way. A server must not stand still because its reader is slow,
so events pass a feed of their own on the way: what does not fit is dropped and counted.

LIFELINE is the number of a descriptor, the reading end of a pipe. When its other end closes the
parent is gone, and the kernel ends this process at once, whatever it is doing.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import select
import signal
import sys
import threading
from typing import BinaryIO

from workbench.core.events import Cancel, Done, Dropped, Failed
from workbench.core.failure import explain
from workbench.core.feed import Batch, Feed
from workbench.core.job import declared, execute, load_request
from workbench.core.message import decode_command, encode
from workbench.core.scope import Scope

PAUSE = 0.01
"""Seconds between two writes: many events go in one."""


def main(arguments: list[str]) -> int:
    """Run one job and speak of it; the exit status is 0 when done, 1 when failed."""
    module, name, *lifeline = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if lifeline:
        depend_on(int(lifeline[0]))
    commands, out = _take_streams()
    feed = Feed()
    writer = threading.Thread(target=_write, args=(feed, out), name="writer")
    writer.start()
    last: Done | Failed
    try:
        importlib.import_module(module)
        job = declared(name)
        request = load_request(job, commands.readline())
    except (Exception, SystemExit) as problem:
        last = explain(name, problem)
    else:
        scope = Scope(request.timeout)
        listener = threading.Thread(
            target=_listen, args=(commands, scope), name="commands", daemon=True
        )
        listener.start()
        for event in execute(job, request, scope):
            if isinstance(event, Done | Failed):
                last = event
            else:
                feed.put(event)
    feed.end(last)
    writer.join()
    return 1 if isinstance(last, Failed) else 0


def depend_on(lifeline: int) -> None:
    """Have the kernel end this process group when the other end of the pipe closes.

    A thread that waits for it would not do: a job stuck in one long call of C code (a regular
    expression, a number of a million digits) lets no other thread run. See O_ASYNC, fcntl(2).
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_RDONLY | os.O_ASYNC)
    poll = select.poll()
    poll.register(lifeline, 0)
    if poll.poll(0):  # it closed before the kernel was asked
        os._exit(1)


def _take_streams() -> tuple[BinaryIO, int]:
    """Standard input and output, kept from the job's own code and from what that starts.

    What such code prints goes to standard error, and it has nothing to read.
    """
    commands, out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(commands, "rb"), out


def _listen(commands: BinaryIO, scope: Scope) -> None:
    """Pass commands on to the job; their end is a cancel."""
    for line in commands:
        try:
            command = decode_command(line)
        except ValueError as problem:
            print(problem, file=sys.stderr)
            continue
        if isinstance(command, Cancel):
            break
        scope.tell(command)
    scope.cancel()


def _write(feed: Feed, out: int) -> None:
    """Write what the feed holds until it has ended or nobody reads any more."""
    quiet = threading.Event()
    while True:
        feed.wait()
        batch = feed.drain()
        lines, fault = _encode(batch)
        rest = memoryview(b"\n".join([*lines, b""]))
        try:
            while rest:
                rest = rest[os.write(out, rest) :]
        except OSError:
            return
        if fault:
            os._exit(1)
        if batch.ended is not None:
            return
        quiet.wait(PAUSE)


def _encode(batch: Batch) -> tuple[list[bytes], bool]:
    """The lines of a batch, and whether one of its events had a value that JSON does not have.

    That is a fault that ends the run, and the last line says so.
    """
    lines = [encode(Dropped(batch.dropped))] if batch.dropped else []
    try:
        lines.extend(map(encode, batch.events))  # up to the one that raises
        if batch.ended is not None:
            lines.append(encode(batch.ended))
    except Exception as problem:
        return [*lines, encode(explain("tell what happened", problem))], True
    return lines, False


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    # Threads that a job left behind (a resolver that does not answer) must not hold the exit up.
    os._exit(status)
