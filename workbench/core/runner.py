"""Runners: a job in a thread, or in a child process that speaks JSON lines. One interface."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from workbench.core.events import Cancel, Done, Failed
from workbench.core.failure import cancelled, died, explain
from workbench.core.feed import Feed
from workbench.core.job import Job, Request, dump_request, execute
from workbench.core.message import Command, encode
from workbench.core.scope import Scope

CANCEL_PATIENCE = 0.15
"""Seconds between a cancel and the moment the run counts as ended, whatever its job does."""

EXIT_PATIENCE = 1.0
"""Seconds that a child may go on after it has closed its output."""

COMMANDS_LIMIT = 4 << 20
"""Bytes of commands that may wait for a child to read them; then it is told no more."""

STDERR_KEPT = 8192
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
    follow; events come up its standard output. A pipe that nobody writes to is its lifeline: the
    kernel ends the child when the parent's end of it closes.
    """

    def __init__(self, job: Job[Any], request: Request, feed: Feed) -> None:
        super().__init__(job, request, feed)
        self.pid = 0
        self._said = bytearray()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._unwritten = 0
        self._lock = threading.Lock()
        try:
            self._spawn()
        except OSError as problem:
            self.feed.end(explain(request.tried(), problem))
            return
        self._put(dump_request(request, secrets=True) + b"\n")
        self._stderr_reader = self._thread(self._read_stderr, "stderr")
        self._thread(self._write_commands, "commands")
        self._thread(self._read_events, "events")

    def send(self, command: Command) -> bool:
        """Have the command written to the child's standard input, after those that wait."""
        return self._put(encode(command) + b"\n")

    def _spawn(self) -> None:
        lifeline, self._lifeline = os.pipe()
        # -P: nothing in the current folder can take the place of a module.
        command = [sys.executable, "-P", "-m", "workbench.core.child"]
        try:
            self._child = subprocess.Popen(
                [*command, self.job.module, self.job.name, str(lifeline)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(lifeline,),
                env=_environment(),
                # Ctrl+C on the terminal is for the front end; it ends its children itself.
                start_new_session=True,
            )
        except OSError:
            os.close(self._lifeline)
            raise
        finally:
            os.close(lifeline)
        self.pid = self._child.pid

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        thread = threading.Thread(target=target, name=f"{self.job.name} {name}", daemon=True)
        thread.start()
        return thread

    def _put(self, line: bytes) -> bool:
        with self._lock:
            if self.ended is not None or self._unwritten > COMMANDS_LIMIT:
                return False
            self._unwritten += len(line)
            self._outbox.put(line)
            return True

    def _cancel(self) -> None:
        if not self.send(Cancel()):
            self._give_up()

    def _give_up(self) -> None:
        super()._give_up()
        self._kill()

    def _kill(self) -> None:
        """End the child and what it has started itself: it leads a process group."""
        if self._child.poll() is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it has just ended

    # -- the threads ---------------------------------------------------------------------------

    def _write_commands(self) -> None:
        assert self._child.stdin is not None
        with self._child.stdin as stream:
            while (line := self._outbox.get()) is not None:
                try:
                    rest = memoryview(line)
                    while rest:
                        rest = rest[os.write(stream.fileno(), rest) :]
                except OSError:
                    return  # the child reads no more; how it ended is told by who reads its events
                with self._lock:
                    self._unwritten -= len(line)

    def _read_events(self) -> None:
        tried = self.request.tried()
        last: Done | Failed | None = None
        try:
            last = self._pump()
        except Exception as problem:
            self._kill()
            cause = f"its process wrote what is no event: {problem}"
            last = Failed(tried, cause, "EBADMSG", "please report it")
        try:
            status = self._child.wait(EXIT_PATIENCE)
        except subprocess.TimeoutExpired:
            self._kill()
            status = self._child.wait()
            last = last or Failed(tried, "its process closed its output before the end", "EPIPE")
        self._outbox.put(None)
        os.close(self._lifeline)
        if last is None:
            self._stderr_reader.join(EXIT_PATIENCE)
            last = died(tried, status, self._said.decode("utf-8", "replace"))
        self.feed.end(last)

    def _pump(self) -> Done | Failed | None:
        """Move whole lines into the feed until the child closes its end or has said its last.

        Raises:
            ValueError: a line is no event.
        """
        assert self._child.stdout is not None
        rest = b""
        with self._child.stdout as stream:
            while chunk := os.read(stream.fileno(), CHUNK):
                lines = (rest + chunk).split(b"\n")
                rest = lines.pop()
                if len(rest) > LINE_LIMIT:
                    raise ValueError(f"a line that does not end: {rest[:80]!r}")
                last = self.feed.put_lines(lines)
                if last is not None:
                    return last
        return None

    def _read_stderr(self) -> None:
        assert self._child.stderr is not None
        with self._child.stderr as stream:
            while chunk := os.read(stream.fileno(), 4096):
                self._said += chunk
                del self._said[:-STDERR_KEPT]


def _environment() -> dict[str, str]:
    """Ours; and where this package was found through the folder of `python -m`, that folder."""
    found = os.fspath(Path(__file__).parents[2])
    if os.path.realpath(sys.path[0]) != os.path.realpath(found):
        return dict(os.environ)
    others = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{found}{os.pathsep}{others}" if others else found}
