"""Start a program in a folder, with pipes on its output, for little: posix_spawn(3).

Python's posix_spawn knows no current folder. The thread that starts programs gets one of its own
instead (unshare(2), CLONE_FS), so that going there and back is nobody else's business; where that
is not permitted, subprocess takes over.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from typing import NamedTuple

_CLONE_FS = 0x200
_DEFAULTED = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores, and a program that it starts must not."""


class Started(NamedTuple):
    """A process that leads a group of its own, and the reading ends of its output."""

    pid: int
    out: int
    errors: int


def keep_to_ourselves() -> None:
    """Have nothing that this process has open so far pass to programs that it starts.

    What Python opens later does not in any case (PEP 446).
    """
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                pass  # it was the listing's own


class Spawner:
    """Starts programs; made, used and closed in one and the same thread."""

    def __init__(self) -> None:
        self._home = -1
        if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_FS) == 0:
            keep_to_ourselves()
            self._home = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Let go of the folder that it goes back to."""
        if self._home >= 0:
            os.close(self._home)
            self._home = -1

    def spawn(
        self,
        command: tuple[bytes, ...],
        folder: bytes,
        environment: dict[bytes, bytes],
        stdin: int | None,
    ) -> Started:
        """Start a program, with `stdin` or else nothing for its standard input.

        Raises:
            OSError: it cannot be started.
        """
        if self._home < 0:
            return _by_subprocess(command, folder, environment, stdin)
        out, out_end = os.pipe()
        errors, errors_end = os.pipe()
        first: tuple[object, ...] = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        if stdin is not None:
            first = (os.POSIX_SPAWN_DUP2, stdin, 0)
        actions = [first, (os.POSIX_SPAWN_DUP2, out_end, 1), (os.POSIX_SPAWN_DUP2, errors_end, 2)]
        try:
            os.chdir(folder)
            try:
                pid = os.posix_spawn(
                    command[0],
                    command,
                    environment,
                    file_actions=actions,
                    setpgroup=0,
                    setsigdef=_DEFAULTED,
                )
            finally:
                os.fchdir(self._home)
        except OSError:
            os.close(out)
            os.close(errors)
            raise
        finally:
            os.close(out_end)
            os.close(errors_end)
        return Started(pid, out, errors)


def _by_subprocess(
    command: tuple[bytes, ...], folder: bytes, environment: dict[bytes, bytes], stdin: int | None
) -> Started:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        cwd=folder,
        env=environment,
        process_group=0,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    started = Started(process.pid, os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno()))
    process.stdout.close()
    process.stderr.close()
    process.returncode = 0  # it is waited for by its number, not by this object
    return started
