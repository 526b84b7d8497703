"""A scripted server: say this, expect that, from a small file; over streams and datagrams."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.job import argument, job
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.servers.callbacks import Timer
from workbench.servers.connection import Connection, Handler
from workbench.servers.datagram import DATAGRAM_LIMIT
from workbench.servers.events import COMMANDS
from workbench.sockets import script_code
from workbench.sockets.script_file import Script, parse, read
from workbench.sockets.script_play import Deed, End, Hear, Play, Send, SendFile, Wait
from workbench.sockets.simple import DATAGRAMS, SimpleRequest, serve
from workbench.tls.serving.code import in_tls, socat_options

HELD_MOST = 64 << 10
"""Bytes of a peer that may wait for the script's turn."""

EXAMPLE = Path("example")
"""What stands for the script below, unless there is a file of that name."""

_EXAMPLE_TEXT = """\
# A server of mail that takes nothing: it shows what a script can say.
nocase
say 220 example ready
on EHLO *
    say 250-hello $1
    say 250 SIZE 1000000
on HELO *
    say 250 hello $1
on MAIL FROM:<*>*
    say 250 $1 may send
on RCPT TO:<*>*
    say 550 nobody is called $1 here
on NOOP
    say 250 fine
on QUIT
    say 221 bye
    close
otherwise
    say 502 what is $0?
"""

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Scripted(SimpleRequest):
    r"""Say and expect what a small file says: a server that behaves as one needs it.

    One statement a line; # begins a comment:

        # when a peer comes: a line, and how long to wait for an answer
        say 220 ready
        within 30
        # for each line that is so; $1 is what the star was
        on HELO *
            say 250 hello $1
        on GET ?*
            file page.html
            wait 0.5
            send bye\x00
            close
        otherwise
            say 500 what was that?

    Above the first "on", "expect GLOB" waits for a line and "read COUNT" for bytes. "again" begins
    from the top, "reset" breaks the connection off (TCP RST), "nocase" at the top makes globs
    ignore case, and send takes \\r \\n \\xHH and the like. Over datagrams each datagram is a line,
    and the blocks answer it.
    """

    script: Path = argument(
        'the file with what to say and to expect; "example" is a small one', metavar="FILE"
    )

    def as_python(self) -> str:
        """The script as data, and what plays it, on socketserver."""
        return in_tls(script_code.python(self.endpoint, self.loaded(), self.how), self)

    def as_shell(self) -> str:
        """socat, and a shell that reads lines, for each peer."""
        return script_code.shell(self.endpoint, self.loaded(), socat_options(self))

    def loaded(self) -> Script:
        """The script.

        Raises:
            JobError: it is not understood, or cannot be played over that endpoint.
            OSError: it cannot be read.
        """
        if self.script == EXAMPLE and not self.script.exists():
            script = parse(_EXAMPLE_TEXT, name="example")
        else:
            script = read(self.script)
        if self.endpoint.scheme in DATAGRAMS:
            _for_datagrams(script)
        return script


def _for_datagrams(script: Script) -> None:
    """Refuse what has no meaning without a connection."""
    if script.opening:
        first = script.opening[0]
        raise JobError(
            f"{safe(script.name)}, line {first.line}: this comes before any datagram",
            advice="over datagrams everything stands below an on or an otherwise",
        )
    for step in (
        *(step for rule in script.rules for step in rule.steps),
        *(script.otherwise or ()),
    ):
        if step.verb not in ("send", "file"):
            raise JobError(
                f"{safe(script.name)}, line {step.line}: {step.verb} has no meaning over datagrams",
                advice="there a block has say, send and file; all of it is one datagram",
            )


class _Session:
    """A peer's play, the timer that wakes it, and whether the peer says no more."""

    __slots__ = ("ended", "play", "timer")

    def __init__(self, play: Play) -> None:
        self.play = play
        self.timer: Timer | None = None
        self.ended = False


class ScriptHandler(Handler):
    """The stream side: plays the script to each peer."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def opened(self, connection: Connection) -> None:
        """Begin."""
        session = connection.state = _Session(Play(self.script))
        self._do(connection, session.play.begin())

    def received(self, connection: Connection, data: memoryview) -> None:
        """Go on with what came."""
        play = connection.state.play
        self._do(connection, play.received(data))
        if play.heard:
            connection.last = safe(play.heard[:_SHOWN])
        connection.hold_back(play.buffered > HELD_MOST)

    def ended(self, connection: Connection) -> None:
        """A peer that says no more still hears what the script has to say without it."""
        connection.state.ended = True
        if connection.state.timer is None:
            super().ended(connection)

    def closed(self, connection: Connection) -> None:
        """No timer may wake it."""
        if connection.state is not None and connection.state.timer is not None:
            connection.state.timer.cancel()

    def idle(self, connection: Connection, quiet: bool) -> bool:
        """Nothing is under way when the script waits for the peer."""
        return quiet and connection.state.timer is None

    def _do(self, connection: Connection, deeds: Iterable[Deed]) -> None:
        for deed in deeds:
            if connection.closing:
                return
            match deed:
                case Send(data):
                    connection.send(data)
                case SendFile():
                    self._send_file(connection, deed)
                case Wait(seconds):
                    connection.deadline(None)
                    self._wait(connection, seconds)
                case Hear() if connection.state.ended:
                    connection.close("closed by the peer")
                case Hear(seconds, what):
                    connection.deadline(seconds, f"{what} did not come within {seconds:g} s")
                case End(reason, True):
                    connection.reset(reason)
                case End(reason):
                    connection.close(reason)

    def _wait(self, connection: Connection, seconds: float) -> None:
        session = connection.state

        def wake() -> None:
            session.timer = None
            self._do(connection, session.play.woken())
            connection.hold_back(session.play.buffered > HELD_MOST)

        session.timer = connection.loop.call_later(seconds, wake)

    def _send_file(self, connection: Connection, deed: SendFile) -> None:
        try:
            fd = os.open(deed.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as problem:
            connection.close(f"line {deed.line}: {problem.strerror}: {safe(str(deed.path))}")
            return
        connection.send_file(fd, 0, os.fstat(fd).st_size)


def answer(script: Script, datagram: bytes) -> bytes | None:
    """What the blocks say about a datagram; None where they say nothing.

    Raises:
        OSError: a file of theirs cannot be read.
    """
    steps, stars = script.for_line(datagram.removesuffix(b"\n").removesuffix(b"\r"))
    said = bytearray()
    for step in steps or ():
        if step.verb == "file":
            with step.path.open("rb") as file:
                said += file.read(DATAGRAM_LIMIT)
        else:
            said += step.text(stars)
    return bytes(said[:DATAGRAM_LIMIT]) if steps else None


@job(
    "serve script",
    tab="servers",
    example="serve script tcp://127.0.0.1:7025 example",
    process=True,
    commands=COMMANDS,
)
def serve_script(request: Scripted, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    script = request.loaded()
    return serve(request, scope, ScriptHandler(script), lambda data: answer(script, bytes(data)))
