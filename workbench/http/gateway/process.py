"""A worker process as the server sees it: its channels, what it says, its end."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workbench.core.message import decode_event
from workbench.http.gateway import messages
from workbench.http.gateway.crash import Crash
from workbench.http.gateway.lines import ErrorStream, unwatch
from workbench.servers.connection import Host

READ = selectors.EVENT_READ


@dataclass(frozen=True, slots=True)
class Program:
    """What a worker runs: an application by its name, or a file of functions.

    `folder` is where modules are imported from; `show` has crashes shown to the browser.
    """

    kind: str
    app: str
    folder: str
    threads: int = 4
    validate: bool = False
    show: bool = False
    reload: bool = True


class WorkerProcess:
    """A process that has been started.

    Attributes:
        state: "loading", "ready", "broken" or "ended".
        failure: why it is broken.
        channels: the server's ends, one for each thread, not blocking.
    """

    def __init__(
        self,
        loop: Host,
        program: Program,
        *,
        moved: Callable[[WorkerProcess], None],
        changed: Callable[[WorkerProcess, str], None],
    ) -> None:
        self._loop = loop
        self._moved = moved
        self._changed = changed
        self.state = "loading"
        self.failure: Crash | None = None
        self.channels: list[socket.socket] = []
        pairs = [
            socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for _ in range(program.threads + 1)
        ]
        self._control, theirs = pairs[0]
        lifeline, self._lifeline = os.pipe()
        inherited = [theirs.fileno(), lifeline, *(pair[1].fileno() for pair in pairs[1:])]
        spec = {
            "kind": program.kind,
            "app": program.app,
            "folder": program.folder,
            "channels": [pair[1].fileno() for pair in pairs[1:]],
            "control": theirs.fileno(),
            "lifeline": lifeline,
            "validate": program.validate,
            "show": program.show,
            "watch": program.reload,
        }
        try:
            # -P: nothing in the application's folder can take the place of our own modules.
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "workbench.http.gateway.worker"),
                    msgspec.json.encode(spec).decode(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                cwd=program.folder,
                env=_environment(),
                process_group=0,
            )
        except OSError:
            os.close(self._lifeline)
            for pair in pairs:
                pair[0].close()
            raise
        finally:
            os.close(lifeline)
            for pair in pairs:
                pair[1].close()
        for ours, _ in pairs:
            ours.setblocking(False)
        self.channels = [pair[0] for pair in pairs[1:]]
        self.pid = self._process.pid
        assert self._process.stdout is not None
        by = os.path.basename(program.app) or program.kind
        self._errors = ErrorStream(loop, os.dup(self._process.stdout.fileno()), by)
        self._process.stdout.close()
        self._pidfd = os.pidfd_open(self.pid)
        loop.watch(self._pidfd, READ, self._ended)
        loop.watch(self._control.fileno(), READ, self._told)

    def _told(self, _: int) -> None:
        try:
            packet = self._control.recv(messages.PACKET)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        kind, data = packet[:1], packet[1:]
        if kind == messages.READY and self.state == "loading":
            self.state = "ready"
            self._moved(self)
        elif kind == messages.CRASHED and self.state == "loading":
            self.state = "broken"
            self.failure = read_crash(data)
            self._loop.desk.events.append(self.failure)
            self._moved(self)
        elif kind == messages.CHANGED:
            self._changed(self, os.fsdecode(data))
        elif not packet:
            unwatch(self._loop, self._control.fileno())
            self._control.close()

    def _ended(self, _: int) -> None:
        """The process is gone by itself."""
        self.end()
        self._moved(self)

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        status = self._process.returncode
        if status is None:
            return "it runs"
        if status < 0:
            try:
                return f"it was killed by {signal.Signals(-status).name}"
            except ValueError:
                return f"it was killed by signal {-status}"
        return f"it ended with status {status}"

    def end(self) -> None:
        """End the process and all that it has started in its process group."""
        if self.state == "ended":
            return
        self.state = "ended"
        try:
            # Before the process is waited for: its number is nobody else's as long.
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        unwatch(self._loop, self._pidfd)
        os.close(self._pidfd)
        os.close(self._lifeline)
        if self._control.fileno() >= 0:
            unwatch(self._loop, self._control.fileno())
            self._control.close()
        self._errors.close()


def read_crash(data: bytes) -> Crash:
    """The crash that a worker tells of.

    A worker runs a program of the user's: what it says need not make sense.
    """
    try:
        told = decode_event(data)
    except ValueError:
        told = None
    if isinstance(told, Crash):
        return told
    return Crash("a request", "Unreadable", "the worker process tells nothing that makes sense")


def _environment() -> dict[str, str]:
    """Ours; the package is found where this process has found it."""
    found = os.fspath(Path(__file__).parents[3])
    others = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": f"{found}{os.pathsep}{others}" if others else found}
