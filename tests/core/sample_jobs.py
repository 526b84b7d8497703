"""Jobs that misbehave, each in its own way, for the runners' tests; a child imports them too."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from workbench.core.events import Done, Note
from workbench.core.job import Job, Request, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.sockets.session import Finish, Send


@event("numbered")
class Numbered(Event):
    """One of a series."""

    number: int


@dataclass(frozen=True, slots=True)
class Misbehave(Request):
    """Do something that a job should not."""

    how: str = option("", "in what way")
    count: int = option(0, "how often")
    data: bytes = option(b"", "what to carry")

    def as_python(self) -> str:
        """Nothing."""
        return "pass"

    def as_shell(self) -> str:
        """Nothing."""
        return "true"


def ways() -> Job[Misbehave]:
    """The one job of this module."""
    return misbehave


def said(text: str) -> Note:
    """A note with the process that says it."""
    return Note(f"{os.getpid()} {text}")


def _count(request: Misbehave, scope: Scope) -> Iterator[Event]:
    for number in range(request.count):
        yield Numbered(number)


def _echo(request: Misbehave, scope: Scope) -> Iterator[Event]:
    """Say back what it was started with, and every command."""
    yield said(f"{len(request.data)} bytes")
    while not isinstance(command := scope.next_command(), Finish):
        if isinstance(command, Send):
            yield Note(f"{len(command.data)} {command.data[:20].decode('latin-1')}")


def _sleep(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    time.sleep(3600)


def _spin(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    while True:
        pass


def _hog(request: Misbehave, scope: Scope) -> Iterator[Event]:
    """One call of C code that lets no other thread run."""
    yield said("begins")
    time.sleep(0.2)  # let the event out first
    re.match(r"(a+)+$", "a" * 60 + "b")


def _print(request: Misbehave, scope: Scope) -> Iterator[Event]:
    print("this is no event")
    os.write(1, b"nor is this\n")
    subprocess.run(["/bin/sh", "-c", "echo nor this; cat"], check=True)
    sys.stdout.flush()
    yield Note(f"read {sys.stdin.read()!r}")


def _garbage(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    time.sleep(0.1)
    for fd in _event_pipes(scope):
        os.write(fd, request.data)
    time.sleep(3600)


def _close(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    time.sleep(0.1)
    for fd in _event_pipes(scope):
        os.close(fd)
    time.sleep(3600)


def _exit(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    time.sleep(0.1)
    print("a last word", file=sys.stderr, flush=True)
    os._exit(7)


def _exit_softly(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    sys.exit("enough")


def _unspeakable(request: Misbehave, scope: Scope) -> Iterator[Event]:
    yield said("begins")
    yield Note(cast(Any, object()))
    time.sleep(3600)


def _helper(request: Misbehave, scope: Scope) -> Iterator[Event]:
    """Start a process, say who it is, and never end."""
    yield said("begins")
    with subprocess.Popen(["sleep", "3600"]) as child:
        yield Note(str(child.pid))
        time.sleep(3600)


def _strays(request: Misbehave, scope: Scope) -> Iterator[Event]:
    """What was found in the environment of a child."""
    yield Note(f"{os.getcwd() in sys.path or '' in sys.path}")
    yield Done()


def _event_pipes(scope: Scope) -> list[int]:
    """The descriptors that events go out by: pipes for writing, but not the scope's own."""
    own = {scope._cancel_write, scope._wake_write}
    found = []
    for fd in range(3, 64):
        try:
            mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
            if mode == os.O_WRONLY and os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:"):
                found.append(fd)
        except OSError:
            pass
    return [fd for fd in found if fd not in own]


@job(
    "misbehave", tab="tools", example="misbehave --how count", process=True, commands=(Send, Finish)
)
def misbehave(request: Misbehave, scope: Scope) -> Iterator[Event]:
    """Do it."""
    yield from globals()[f"_{request.how}"](request, scope)
