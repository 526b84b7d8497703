"""What a session answers when its socket's options or the kernel's view are asked for."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace

from workbench.core.events import Note
from workbench.core.failure import JobError, explain
from workbench.core.message import Event
from workbench.sockets.kernel import look
from workbench.sockets.options import find, read_all, write
from workbench.sockets.session import Options, OptionSet, ReadOptions, SetOption


def tune(command: ReadOptions | SetOption, sockets: Sequence[socket.socket]) -> list[Event]:
    """Read the options of the first socket, or set one of all and tell what the first has then."""
    number = command.peer
    if not sockets:
        return [Note(f"#{number} is gone" if number else "there is no socket")]
    found: list[Event] = []
    try:
        if isinstance(command, SetOption):
            values = [write(one, command.name, command.value) for one in sockets]
            found.append(OptionSet(find(command.name).name, values[0], number))
        found.append(Options(read_all(sockets[0]), number))
    except (JobError, OSError) as problem:
        what = f"set {command.name}" if isinstance(command, SetOption) else "read the options"
        found.append(Note(explain(what, problem).line()))
    return found


def views(sockets: Sequence[socket.socket], number: int = 0) -> list[Event]:
    """The kernel's view of the first socket, with the datagrams dropped by all of them."""
    try:
        found = [look(one, number) for one in sockets]
    except OSError:
        return []  # it is being closed
    return [replace(found[0], dropped=sum(one.dropped for one in found))] if found else []
