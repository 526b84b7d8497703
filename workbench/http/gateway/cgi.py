"""CGI scripts (RFC 3875), run by the server's loop: a process for each request, and no thread.

A script has the folder that it lies in as its current one, a clean environment, the request's
body as a file for its standard input, and none of the server's descriptors. It is a process group
of its own, which is ended when its time is up, when it prints too much or when its peer goes.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from functools import partial
from typing import IO

from workbench.core.events import Note
from workbench.core.text import safe
from workbench.http.application import Application, Exchange, ServerName
from workbench.http.gateway.environ import meta_variables
from workbench.http.gateway.lines import ErrorStream, unwatch
from workbench.http.gateway.script_output import ScriptError, ScriptOutput
from workbench.http.gateway.scripts import Script, Scripts
from workbench.http.gateway.spawn import Spawner
from workbench.http.request_head import BadRequest, RequestHead
from workbench.http.response import refusal
from workbench.http.spool import discard
from workbench.servers.callbacks import Timer
from workbench.servers.connection import Host

READ = selectors.EVENT_READ

BODY_LIMIT = 1 << 30
REDIRECTS = 10
WAITING = 1_000
READ_SIZE = 1 << 16
AT_ONCE = 8
PATH = "/usr/local/bin:/usr/bin:/bin"


class CgiScripts(Application):
    """Answers requests by the scripts of a folder.

    Args:
        patience: seconds that a script may run, without the time that it waits for its peer.
        output_limit: bytes that it may print.
        at_once: scripts that run at one time; more requests wait.
        show: what a failed script said is shown to the browser.
    """

    def __init__(
        self, scripts: Scripts, *, patience: float, output_limit: int, at_once: int, show: bool
    ) -> None:
        self.scripts = scripts
        self.patience = patience
        self.output_limit = output_limit
        self.show = show
        self._spawner: Spawner | None = None
        self._at_once = at_once
        self._running: set[Running] = set()
        self._waiting: deque[tuple[Exchange, Script, IO[bytes] | None]] = deque()

    def begin(self, exchange: Exchange) -> None:
        """Find the script, take the body, run it."""
        script = self.scripts.find(exchange.head.target)
        if isinstance(script, BadRequest):
            exchange.answer(refusal(*script))
        elif exchange.head.has_body:
            exchange.spool(partial(self._queue, exchange, script), BODY_LIMIT)
        else:
            self._queue(exchange, script, None)

    def _queue(self, exchange: Exchange, script: Script, body: IO[bytes] | None) -> None:
        if exchange.gone or len(self._waiting) >= WAITING:
            if body is not None:
                discard(body)
            if not exchange.gone:
                exchange.answer(refusal(503, f"{WAITING} requests wait already"))
            return
        self._waiting.append((exchange, script, body))
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._running) < self._at_once:
            self.run(*self._waiting.popleft())

    def run(
        self, exchange: Exchange, script: Script, body: IO[bytes] | None, redirects: int = 0
    ) -> None:
        """Start a script for a request."""
        try:
            if not exchange.gone:
                Running(self, exchange, script, body, redirects)
        except OSError as problem:
            reason = f"the script cannot be run: {problem.strerror}"
            exchange.loop.desk.events.append(Note(f"{script.name}: {reason}"))
            exchange.answer(refusal(502, reason))
        finally:
            if body is not None:
                discard(body)

    @property
    def spawner(self) -> Spawner:
        """What starts the scripts, in the loop's thread."""
        if self._spawner is None:
            self._spawner = Spawner()
        return self._spawner

    def begun(self, running: Running) -> None:
        """A script has been started."""
        self._running.add(running)

    def over(self, running: Running) -> None:
        """A script has ended."""
        self._running.discard(running)
        self._go_on()

    def close(self) -> None:
        """End all scripts."""
        self._waiting.clear()
        for running in list(self._running):
            running.end()
        if self._spawner is not None:
            self._spawner.close()
        self.scripts.close()


class Running:
    """One script at work on one request."""

    def __init__(
        self,
        owner: CgiScripts,
        exchange: Exchange,
        script: Script,
        body: IO[bytes] | None,
        redirects: int,
    ) -> None:
        self._owner = owner
        self._exchange = exchange
        self._script = script
        self._redirects = redirects
        self._loop: Host = exchange.loop
        self._output = ScriptOutput(whole=script.whole)
        self._printed = 0
        self._answered = False
        self._held = 0.0
        self._ended = False
        self._exited = False
        started = owner.spawner.spawn(
            script.command,
            os.path.dirname(script.file),
            environment(
                exchange.head,
                script,
                peer=exchange.peer,
                server=exchange.server,
                length=None if body is None else exchange.received,
            ),
            None if body is None else body.fileno(),
        )
        self._pid = started.pid
        self._status: int | None = None
        self._out = started.out
        os.set_blocking(self._out, False)
        self._watching = True
        self._pidfd = os.pidfd_open(started.pid)
        self._errors = ErrorStream(self._loop, started.errors, script.name)
        self._loop.watch(self._out, READ, self._readable)
        self._loop.watch(self._pidfd, READ, self._gone)
        self._until = time.monotonic() + owner.patience
        self._timer: Timer = self._loop.call_later(owner.patience, self._time_up)
        exchange.on_gone = self._peer_gone
        owner.begun(self)

    # -- what it prints --------------------------------------------------------------------------

    def _readable(self, _: int = 0) -> None:
        for _turn in range(AT_ONCE):
            if not self._watching or not self._read():
                return

    def _read(self) -> bool:
        """Read some of what it prints; whether there may be more."""
        try:
            data = os.read(self._out, READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            self._watch_output(False)
            self._finish()
            return False
        self._printed += len(data)
        if self._printed > self._owner.output_limit:
            self._fail(502, f"the script prints more than {self._owner.output_limit:,} bytes")
            return False
        try:
            body = self._output.receive(data)
        except ScriptError as problem:
            self._fail(502, f"the script's answer cannot be read: {problem}")
            return False
        return self._hand_on(body)

    def _hand_on(self, body: bytes) -> bool:
        exchange, answer = self._exchange, self._output.answer
        if answer is None or exchange.gone:
            return True
        if answer.local:
            return True  # its body is nobody's
        if not exchange.status:
            exchange.cork()
            try:
                exchange.start(answer.status, answer.reason, answer.fields, answer.length)
                exchange.write(body)
            finally:
                exchange.uncork()
        elif body:
            exchange.write(body)
        if not exchange.room and not exchange.gone:
            self._held = time.monotonic()
            self._watch_output(False)
            exchange.on_room = self._resume
        return self._watching

    def _resume(self) -> None:
        """The peer reads again: the time that it did not is not the script's."""
        if not self._ended and self._held:
            self._until += time.monotonic() - self._held
            self._held = 0.0
            self._watch_output(True)
            if self._exited:
                self._drain()

    def _watch_output(self, watching: bool) -> None:
        if watching == self._watching:
            return
        self._watching = watching
        if watching:
            self._loop.watch(self._out, READ, self._readable)
        else:
            unwatch(self._loop, self._out)

    # -- how it ends -----------------------------------------------------------------------------

    def _gone(self, _: int) -> None:
        """The script has ended; what it has printed is in the pipe, whoever else holds that."""
        unwatch(self._loop, self._pidfd)
        self._exited = True
        if not self._held:
            self._drain()

    def _drain(self) -> None:
        while self._watching and self._read():
            pass
        if self._held or self._ended:
            return
        if self._watching:
            self._note("the script has left processes behind that hold its output: they are ended")
        self._wait_for_fate()
        self._finish()
        self.end()

    def _finish(self) -> None:
        """All that it prints has come: end the answer, or say what is wrong with it."""
        exchange = self._exchange
        if self._answered or exchange.gone:
            return
        try:
            self._output.end()
        except ScriptError as problem:
            if not self._exited:
                return  # how it ends says more than that it printed nothing
            fate = self._fate()
            why = f"{fate}: {problem}" if fate else str(problem)
            self._fail(502, f"the script did not answer: {why}")
            return
        answer = self._output.answer
        assert answer is not None
        self._answered = True
        if answer.local:
            self._redirect(answer.local)
            return
        if not exchange.status:
            exchange.start(answer.status, answer.reason, answer.fields, answer.length)
        exchange.end()
        if self._exited and (fate := self._fate()):
            self._note(f"the script answered, then {fate}")

    def _redirect(self, target: bytes) -> None:
        """Answer as if that had been asked for (RFC 3875 section 6.2.2)."""
        exchange, owner = self._exchange, self._owner
        exchange.on_gone = None
        if self._redirects >= REDIRECTS:
            exchange.answer(refusal(502, f"{REDIRECTS} scripts send from one to the next"))
            return
        script = owner.scripts.find(target)
        if isinstance(script, BadRequest):
            exchange.answer(refusal(*script))
            return
        method = "HEAD" if exchange.head.method == "HEAD" else "GET"
        exchange.head = exchange.head._replace(target=target, method=method)
        owner.run(exchange, script, None, self._redirects + 1)

    def _wait_for_fate(self) -> None:
        if self._status is None:
            self._kill()
            _, status = os.waitpid(self._pid, 0)
            self._status = os.waitstatus_to_exitcode(status)

    def _fate(self) -> str:
        """How it ended, where that is worth a word."""
        self._wait_for_fate()
        status = self._status or 0
        if status < 0:
            try:
                return f"it was killed by {signal.Signals(-status).name}"
            except ValueError:
                return f"it was killed by signal {-status}"
        return f"it ended with status {status}" if status else ""

    def _time_up(self) -> None:
        left = self._until - time.monotonic()
        if self._held or left > 0.01:
            self._timer = self._loop.call_later(max(left, 0.5), self._time_up)
        elif self._answered:
            self._note("the script went on after its answer until its time was up: it is ended")
            self.end()
        else:
            self._fail(504, f"the script took more than {self._owner.patience:g} s")

    def _peer_gone(self, _: str) -> None:
        if not self._answered:
            self.end()

    def _fail(self, status: int, reason: str) -> None:
        """Say why there is no answer, or break off the one that has begun; end the script."""
        exchange = self._exchange
        self._answered = True
        self.end()
        self._note(reason)
        if exchange.gone:
            return
        if exchange.status:
            exchange.abort(reason)
            return
        said = self._errors.tail.decode("utf-8", "backslashreplace") if self._owner.show else ""
        text = f"{reason}\n\nIt said:\n{safe(said, keep_newlines=True)}" if said else reason
        exchange.answer(refusal(status, text))

    def _note(self, text: str) -> None:
        self._loop.desk.events.append(Note(f"{self._script.name}: {text}"))

    def _kill(self) -> None:
        try:
            # Before the process is waited for: its number is nobody else's as long.
            os.killpg(self._pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def end(self) -> None:
        """End the script, if it runs, and let go of all that was its."""
        if self._ended:
            return
        self._ended = True
        self._timer.cancel()
        self._watch_output(False)
        self._wait_for_fate()
        if not self._exited:
            unwatch(self._loop, self._pidfd)
        os.close(self._pidfd)
        os.close(self._out)
        self._errors.close()
        self._owner.over(self)


def environment(
    head: RequestHead, script: Script, *, peer: str, server: ServerName, length: int | None
) -> dict[bytes, bytes]:
    """All that a script finds in its environment (RFC 3875 section 4.1), and PATH."""
    variables = meta_variables(
        head,
        peer=peer,
        server=server,
        script_name=script.script_name.decode("latin-1"),
        path_info=script.path_info.decode("latin-1"),
        length=length,
    )
    del variables["REQUEST_URI"], variables["REMOTE_PORT"]
    if script.path_info:
        variables["PATH_TRANSLATED"] = script.translated.decode("latin-1")
    found = {name.encode(): value.encode("latin-1") for name, value in variables.items()}
    found[b"PATH"] = os.environb.get(b"PATH", PATH.encode())
    return found
