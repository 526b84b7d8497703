"""Runners: a job in a thread, or in a child process that speaks JSON lines. One interface."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from itertools import count
from typing import Any

from workbench.core.events import Cancel, Done, Failed
from workbench.core.failure import cancelled, died, explain
from workbench.core.feed import Feed
from workbench.core.job import Job, Request, dump_request, execute
from workbench.core.message import Command, decode_event, encode, type_of
from workbench.core.scope import Scope

CANCEL_PATIENCE = 0.15
"""Seconds between a cancel and the moment the run counts as ended, whatever its job does."""

CHUNK = 1 << 18
LINE_LIMIT = 4 << 20
"""A child's line longer than this is a fault: it ends the run."""

_numbers = count(1)


class Run(ABC):
    """A job that has been started. Its events wait in `feed`."""

    def __init__(self, job: Job[Any], request: Request, feed: Feed) -> None:
        self.number = next(_numbers)
        self.job = job
        self.request = request
        self.feed = feed
        self.started = time.time()

    @property
    def ended(self) -> Done | Failed | None:
        """The last event, once there is one."""
        return self.feed.ended

    def cancel(self) -> None:
        """End it; returns at once, and the run has ended a moment later come what may."""
        if self.ended is None:
            self._cancel()
            timer = threading.Timer(CANCEL_PATIENCE, self._give_up)
            timer.daemon = True
            timer.start()

    def wait(self, timeout: float | None = None) -> Done | Failed | None:
        """Wait for the last event; None when time is up."""
        return self.feed.wait_end(timeout)

    @abstractmethod
    def send(self, command: Command) -> bool:
        """Tell the running job something; False when it has ended or does not listen."""

    @abstractmethod
    def _cancel(self) -> None: ...

    def _give_up(self) -> None:
        self.feed.end(cancelled(self.request.tried()))


def start(
    job: Job[Any], request: Request, *, process: bool | None = None, feed: Feed | None = None
) -> Run:
    """Start a job: in a child process if it asks for that or `process` does, else in a thread."""
    made = feed if feed is not None else Feed()
    if job.process if process is None else process:
        return ProcessRun(job, request, made)
    return ThreadRun(job, request, made)


class ThreadRun(Run):
    """A job in a thread of this process: for jobs that wait."""

    def __init__(self, job: Job[Any], request: Request, feed: Feed) -> None:
        super().__init__(job, request, feed)
        self._scope = Scope(request.timeout)
        thread = threading.Thread(target=self._work, name=job.name, daemon=True)
        thread.start()

    def send(self, command: Command) -> bool:
        """Hand the job a command."""
        return self.ended is None and self._scope.tell(command)

    def _cancel(self) -> None:
        self._scope.cancel()

    def _work(self) -> None:
        try:
            for event in execute(self.job, self.request, self._scope):
                if isinstance(event, Done | Failed):
                    self.feed.end(event)
                else:
                    self.feed.put(event)
        except Exception as problem:  # a run always ends, even by a fault in an event's own code
            self.feed.end(explain(self.request.tried(), problem))


class ProcessRun(Run):
    """A job in a child process: for jobs that work, and for those that must survive a fault.

    The request goes down its standard input (a command line can be read by others), commands
    follow; events come up its standard output. The end of standard input tells the child that
    its parent is gone.
    """

    def __init__(self, job: Job[Any], request: Request, feed: Feed) -> None:
        super().__init__(job, request, feed)
        self._stderr = bytearray()
        self._write_lock = threading.Lock()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "workbench.core.child", job.module, job.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # Ctrl+C on the terminal is for the front end; it ends its children itself.
            start_new_session=True,
        )
        self.pid = self._child.pid
        threads = [
            threading.Thread(target=self._read_stderr, name=f"{job.name} stderr", daemon=True),
            threading.Thread(target=self._read_events, name=f"{job.name} events", daemon=True),
        ]
        assert self._child.stdin is not None
        self._stdin = self._child.stdin
        try:
            self._stdin.write(dump_request(request, secrets=True) + b"\n")
        except OSError:
            pass  # it died at once; the reader tells how
        os.set_blocking(self._stdin.fileno(), False)
        for thread in threads:
            thread.start()
        self._stderr_thread = threads[0]

    def send(self, command: Command) -> bool:
        """Write the command to the child's standard input."""
        line = encode(command) + b"\n"
        with self._write_lock:
            try:
                return self.ended is None and self._stdin.write(line) == len(line)
            except (OSError, ValueError):
                return False

    def _cancel(self) -> None:
        if not self.send(Cancel()):
            self._child.kill()

    def _give_up(self) -> None:
        if self.feed.end(cancelled(self.request.tried())) or self._child.poll() is None:
            self._child.kill()

    def _read_events(self) -> None:
        last: Done | Failed | None = None
        try:
            last = self._pump()
        except Exception as problem:
            self._child.kill()
            last = explain(self.request.tried(), problem)
        status = self._child.wait()
        self._stderr_thread.join(0.5)
        with self._write_lock:
            self._stdin.close()
        said = self._stderr.decode("utf-8", "replace")
        self.feed.end(last or died(self.request.tried(), status, said))

    def _pump(self) -> Done | Failed | None:
        """Move whole lines into the feed until the child closes its end or has said its last."""
        assert self._child.stdout is not None
        fd = self._child.stdout.fileno()
        rest = b""
        with self._child.stdout:
            while chunk := os.read(fd, CHUNK):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                if len(rest) > LINE_LIMIT:
                    raise ValueError("the child process sent a line that does not end")
                if lines and type_of(lines[-1]) in ("done", "failed"):
                    self.feed.put_lines(lines[:-1])
                    last = decode_event(lines[-1])
                    assert isinstance(last, Done | Failed)
                    return last
                self.feed.put_lines(lines)
        return None

    def _read_stderr(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as stream:
            while chunk := os.read(stream.fileno(), 4096):
                self._stderr += chunk
                del self._stderr[:-8192]
