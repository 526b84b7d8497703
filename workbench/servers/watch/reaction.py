"""The command for an alarm: run without a shell, bounded in time, its failure told."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence

from workbench.core.failure import explain
from workbench.core.scope import Cancelled, Scope
from workbench.core.text import safe
from workbench.servers.watch.events import Alarm, Reacted

PATIENCE = 30.0
"""Seconds that a command may take."""
SAID_KEPT = 2048
AT_ONCE = 4
"""Commands that run at one time."""
WAITING = 200
"""Commands that may wait for those before them; what is beyond is not run, and that is told."""


def react(
    alarm: Alarm, command: Sequence[str], scope: Scope, patience: float = PATIENCE
) -> Reacted:
    """Run a command with what has happened in its environment, and wait for its end.

    WATCH_NAME, WATCH_TARGET, WATCH_STATE, WATCH_BEFORE, WATCH_DETAIL, WATCH_TIME (Unix seconds).
    It reads nothing; what it writes on standard error is told where it fails.
    """
    started = time.monotonic()
    name = os.path.basename(command[0])
    try:
        status, said = _run(command, _environment(alarm), scope, patience)
    except Cancelled:
        return Reacted(alarm.name, name, None, "ended with the watch", time.monotonic() - started)
    except (OSError, ValueError) as problem:
        cause = explain("", problem).cause
        return Reacted(alarm.name, name, None, f"cannot be run: {cause}", 0.0)
    took = time.monotonic() - started
    if status is None:
        return Reacted(alarm.name, name, None, f"took more than {patience:g} s and was ended", took)
    if status == 0:
        return Reacted(alarm.name, name, 0, "", took)
    last = safe(said.strip().rpartition(b"\n")[2], limit=200)
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return Reacted(alarm.name, name, status, f"{how}: {last}" if last else how, took)


def _environment(alarm: Alarm) -> dict[str, str]:
    return os.environ | {
        "WATCH_NAME": alarm.name,
        "WATCH_TARGET": alarm.target,
        "WATCH_STATE": alarm.state,
        "WATCH_BEFORE": alarm.before,
        "WATCH_DETAIL": alarm.detail,
        "WATCH_TIME": f"{alarm.time:.3f}",
    }


def _run(
    command: Sequence[str], environment: dict[str, str], scope: Scope, patience: float
) -> tuple[int | None, bytes]:
    """The exit status, None where time was up, and the last of its standard error.

    Raises:
        OSError, ValueError: it cannot be started.
        Cancelled: the watch ends.
    """
    deadline = time.monotonic() + patience
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
        bufsize=0,
    ) as child:
        release = scope.on_cancel(lambda: _kill(child))
        try:
            said = _until_end(child, deadline)
            ended = child.poll()
            scope.check()
            return ended, said
        finally:
            release()
            _kill(child)  # and whatever it has left behind in its group


def _until_end(child: subprocess.Popen[bytes], deadline: float) -> bytes:
    """Read its standard error until it ends or time is up."""
    assert child.stderr is not None
    said = b""
    ended = os.pidfd_open(child.pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(child.stderr, select.POLLIN)
    try:
        while (left := deadline - time.monotonic()) > 0:
            ready = dict(poll.poll(left * 1000))
            if child.stderr.fileno() in ready:
                data = child.stderr.read(SAID_KEPT)
                said = (said + (data or b""))[-SAID_KEPT:]
                if not data:
                    poll.unregister(child.stderr)
            elif ended in ready:
                break
    finally:
        os.close(ended)
    return said


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # all of it has ended
