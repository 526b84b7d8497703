"""Run a program to its end: bounded in time and in what it says, and ended with all it started."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.core.units import duration

OUT_MOST = 64 << 20
ERRORS_MOST = 1 << 20
READ = 1 << 16


@dataclass(slots=True)
class Finished:
    """What came of a program: `told` is what it wrote to the descriptor that it was given.

    `status` is its exit status, or minus the signal that ended it; `dropped` counts the bytes of
    output beyond what is kept.
    """

    out: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)
    told: bytearray = field(default_factory=bytearray)
    status: int = 0
    took: float = 0.0
    dropped: int = 0

    def take(self, kind: str, data: bytes) -> None:
        """Keep a piece, as far as there is room."""
        place: bytearray = getattr(self, kind)
        room = (ERRORS_MOST if kind == "errors" else OUT_MOST) - len(place)
        place += data[: max(0, room)]
        self.dropped += max(0, len(data) - max(0, room))

    @property
    def ended(self) -> str:
        """How it ended, if not well."""
        if self.status < 0:
            return f"it was ended by {signal.Signals(-self.status).name}"
        return f"it ended with status {self.status}" if self.status else ""


def run(
    command: Sequence[str | bytes],
    scope: Scope,
    *,
    data: bytes,
    timeout: float,
    env: Mapping[bytes, bytes] | None = None,
    folder: str | None = None,
    tells: bool = False,
) -> Finished:
    """Run a program with `data` on its standard input.

    Args:
        env: all of its environment; None for ours.
        tells: the number of a descriptor, to which it can tell something, is put after its words.

    Raises:
        OSError: it cannot be started.
        JobError: it is not over in time.
        Cancelled: the scope was cancelled; the program and what it started is ended.
    """
    found = Finished()
    ours, theirs = os.pipe() if tells else (-1, -1)
    words = [*command, str(theirs)] if tells else list(command)
    began = time.monotonic()
    try:
        child = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=env, cwd=folder, start_new_session=True, pass_fds=(theirs,) if tells else (),
        )  # fmt: skip
    except BaseException:
        if tells:
            os.close(ours)
        raise
    finally:
        if tells:
            os.close(theirs)
    release = scope.on_cancel(lambda: _end(child))
    try:
        with child:
            _talk(child, ours, data, began + timeout, found)
            scope.check()
            found.status = child.wait(max(0.1, began + timeout - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        late = f"it was not over after {duration(timeout)}"
        raise JobError(late, advice="--timeout gives it more", code="timeout") from None
    finally:
        release()
        _end(child)
        if tells:
            os.close(ours)
    found.took = time.monotonic() - began
    return found


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the program and what it has started, which are a group of their own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _talk(
    child: subprocess.Popen[bytes], ours: int, data: bytes, until: float, found: Finished
) -> None:
    """Feed it and read it, until it has closed its output."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    left = memoryview(data)
    with selectors.DefaultSelector() as selector:
        os.set_blocking(child.stdin.fileno(), False)
        selector.register(child.stdin.fileno(), selectors.EVENT_WRITE, "")
        selector.register(child.stdout.fileno(), selectors.EVENT_READ, "out")
        selector.register(child.stderr.fileno(), selectors.EVENT_READ, "errors")
        if ours >= 0:
            selector.register(ours, selectors.EVENT_READ, "told")
        while selector.get_map():
            ready = selector.select(max(0.0, until - time.monotonic()))
            if not ready and time.monotonic() >= until:
                _end(child)
                raise TimeoutError
            for key, _ in ready:
                if not key.data:
                    try:
                        left = left[os.write(key.fd, left[:READ]) :] if left else left
                    except BrokenPipeError:
                        left = left[:0]  # it does not want the body
                    if not left:
                        selector.unregister(key.fd)
                        child.stdin.close()
                    continue
                piece = os.read(key.fd, READ)
                if piece:
                    found.take(key.data, piece)
                else:
                    selector.unregister(key.fd)
