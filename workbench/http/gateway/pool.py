"""The server's side of an application that lives in a worker process.

Requests are handed to idle threads of the worker, one each; the others wait here. So it is known
of every thread how long it has been at work: one that takes too long is given up (its peer gets
504) and counted as hung until it comes back, and a worker whose threads all hang is replaced, as
is one that has ended, or whose files have changed.

A changed program takes over in a new process, since nothing less forgets all of the old one
(modules hold on to each other, to threads and to signal handlers; a subinterpreter does not load
every extension). Listening socket and connections stay where they are, in this process: requests
that come while the new one loads wait for it, those that the old one has begun end there.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections import deque
from functools import partial
from typing import IO

import msgspec

from workbench.core.events import Note
from workbench.http.application import Application, Exchange
from workbench.http.gateway import messages
from workbench.http.gateway.crash import Crash
from workbench.http.gateway.events import Workers
from workbench.http.gateway.lines import unwatch
from workbench.http.gateway.messages import Asked, Ended
from workbench.http.gateway.page import POLICY, page
from workbench.http.gateway.process import Program, WorkerProcess, read_crash
from workbench.http.response import complete, refusal
from workbench.http.spool import discard
from workbench.servers.connection import Host

READ = selectors.EVENT_READ

INLINE = 48 << 10
"""Bytes of a request's body that go along with its packet; a longer one is a file."""

BODY_LIMIT = 1 << 30
WAITING = 1_000
"""Requests that wait for a thread at most."""

SWEEP = 0.25
"""Seconds between two looks at who takes too long."""

RETRY = (0.5, 10.0)
"""Seconds before a worker that has ended by itself is started again: at first, and at most."""

OUTLIVES = 30.0
"""Seconds that a worker whose program has changed may take for the requests it has begun."""

AT_ONCE = 16
"""Packets that are read from one thread before others have their turn."""


class Job:
    """A request that waits for a thread or is being answered."""

    __slots__ = ("body", "exchange", "since")

    def __init__(self, exchange: Exchange, body: IO[bytes] | None) -> None:
        self.exchange = exchange
        self.body = body
        self.since = time.monotonic()


class Thread:
    """One thread of a worker, by its channel. `job` is None where it is idle or hung."""

    __slots__ = ("busy", "closing", "held", "hung", "job", "sock", "worker")

    def __init__(self, worker: WorkerProcess, sock: socket.socket) -> None:
        self.worker = worker
        self.sock = sock
        self.job: Job | None = None
        self.busy = 0.0
        self.closing = False
        self.hung = False
        self.held = False


class Gateway(Application):
    """Answers requests by an application in a worker process.

    Args:
        patience: seconds until an answer has begun, and between two pieces of it.
        limit: bytes of a request's body.
    """

    def __init__(self, program: Program, *, patience: float, limit: int = BODY_LIMIT) -> None:
        self._program = program
        self._patience = patience
        self._limit = limit
        self._loop: Host | None = None
        self._worker: WorkerProcess | None = None
        self._old: dict[WorkerProcess, float] = {}
        self._threads: dict[WorkerProcess, list[Thread]] = {}
        self._idle: list[Thread] = []
        self._waiting: deque[Job] = deque()
        self._buffer = bytearray(messages.PACKET)
        self._view = memoryview(self._buffer)
        self._replaced = 0
        self._retry = RETRY[0]
        self._ready_at = 0.0
        self._starting = False

    # -- workers ---------------------------------------------------------------------------------

    def start(self, loop: Host) -> None:
        """Start the first worker. `close` is to be called in the end, whatever happens."""
        self._loop = loop
        self._start_worker()
        loop.call_later(SWEEP, self._sweep)

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._threads):
            self._forget(worker, "the server stops")
        self._loop = None

    @property
    def loop(self) -> Host:
        """The loop that it was started on."""
        assert self._loop is not None
        return self._loop

    def _start_worker(self) -> None:
        self._starting = False
        if self._loop is None:
            return
        worker = WorkerProcess(
            self._loop, self._program, moved=self._worker_moved, changed=self._files_changed
        )
        self._worker = worker
        threads = [Thread(worker, sock) for sock in worker.channels]
        self._threads[worker] = threads
        for thread in threads:
            self._loop.watch(thread.sock.fileno(), READ, partial(self._readable, thread))
        self._idle.clear()
        self._tell_workers()

    def _worker_moved(self, worker: WorkerProcess) -> None:
        """A worker has been loaded, could not be, or has ended by itself."""
        if worker.state == "ended":
            self._ended_by_itself(worker)
        elif worker is self._worker:
            self._ready_at = time.monotonic()
            if worker.state == "ready":
                self._idle = list(reversed(self._threads[worker]))
            self._tell_workers()
            self._hand_out()

    def _ended_by_itself(self, worker: WorkerProcess) -> None:
        if worker not in self._threads:
            return
        current = worker is self._worker
        self._note(f"the application's process {worker.pid} is gone: {worker.fate}")
        self._forget(worker, f"the application's process is gone: {worker.fate}")
        if not current:
            return
        self._replaced += 1
        self._tell_workers()
        # One that has worked for a while is worth another at once; a crash at the start is not.
        lived = time.monotonic() - self._ready_at if self._ready_at else 0.0
        self._retry = RETRY[0] if lived > RETRY[1] else min(self._retry * 2, RETRY[1])
        delay = 0.0 if lived > 1.0 else self._retry
        self._ready_at = 0.0
        self._starting = True
        self.loop.call_later(delay, self._start_worker)

    def _files_changed(self, worker: WorkerProcess, file: str) -> None:
        if worker is not self._worker:
            return
        self._note(f"{os.path.relpath(file, self._program.folder)} has changed: loading anew")
        self._retire(worker)
        self._start_worker()

    def _retire(self, worker: WorkerProcess) -> None:
        """Have a worker do what it has begun, and nothing more."""
        self._idle.clear()
        if any(thread.job is not None for thread in self._threads[worker]):
            self._old[worker] = time.monotonic() + max(OUTLIVES, self._patience)
        else:
            self._forget(worker, "")

    def _forget(self, worker: WorkerProcess, reason: str) -> None:
        """End a worker and all that it was at."""
        self._old.pop(worker, None)
        worker.end()
        for thread in self._threads.pop(worker, ()):
            if not thread.held:
                unwatch(self.loop, thread.sock.fileno())
            thread.sock.close()
            job, thread.job = thread.job, None
            if job is not None:
                self._fail(job, 502, reason)
        if worker is self._worker:
            self._worker = None
            self._idle.clear()

    def _tell_workers(self) -> None:
        worker = self._worker
        hung = 0
        if worker is not None:
            hung = sum(thread.hung for thread in self._threads.get(worker, ()))
        state, pid = ("ended", 0) if worker is None else (worker.state, worker.pid)
        self.loop.desk.events.append(
            Workers(state, pid, self._program.threads, hung, self._replaced)
        )

    def _note(self, text: str) -> None:
        self.loop.desk.events.append(Note(text))

    # -- requests --------------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        """Take the body, then hand the request to a thread."""
        if exchange.head.has_body:
            exchange.spool(partial(self._take, exchange), self._limit, INLINE)
        else:
            self._take(exchange, None)

    def _take(self, exchange: Exchange, body: IO[bytes] | None) -> None:
        job = Job(exchange, body)
        if exchange.gone:
            self._drop(job)
        elif len(self._waiting) >= WAITING:
            self._fail(job, 503, f"{WAITING} requests wait already")
        else:
            self._waiting.append(job)
            self._hand_out()

    def _hand_out(self) -> None:
        """Give requests that wait to threads that do not."""
        worker = self._worker
        if worker is not None and worker.state == "broken":
            while self._waiting:
                self._answer_broken(self._waiting.popleft(), worker.failure)
            return
        while self._waiting and self._idle:
            job = self._waiting.popleft()
            if job.exchange.gone:
                self._drop(job)
                continue
            thread = self._idle.pop()
            try:
                self._send(thread, job)
            except OSError as problem:
                self._fail(job, 502, f"the application cannot be reached: {problem.strerror}")
                continue  # its end will be told

    def _send(self, thread: Thread, job: Job) -> None:
        exchange = job.exchange
        head, body = exchange.head, job.body
        inline: bytes | None = b""
        length = exchange.received if head.chunked or head.content_length is not None else None
        if body is not None:
            inline = body.read() if exchange.received <= INLINE else None
        asked = Asked(
            head.method,
            head.target,
            head.minor,
            head.fields,
            length,
            exchange.peer,
            *exchange.server,
            inline,
        )
        packet = messages.ASKED + messages.encode(asked)
        if inline is None and body is not None:
            socket.send_fds(thread.sock, [packet], [body.fileno()])
        else:
            thread.sock.send(packet)
        if body is not None:
            discard(body)
            job.body = None
        thread.job = job
        thread.busy = time.monotonic()
        exchange.on_gone = partial(self._gone, thread, job)

    def _gone(self, thread: Thread, job: Job, _: str) -> None:
        """The peer is gone: the thread is told, and what it still says is thrown away."""
        if thread.job is job:
            self._resume(thread)
            self._tell_gone(thread)

    def _tell_gone(self, thread: Thread) -> None:
        try:
            thread.sock.send(messages.GONE)
        except OSError:
            pass  # its process is gone, or will hear of it by the end of its channel

    # -- answers ---------------------------------------------------------------------------------

    def _readable(self, thread: Thread, _: int) -> None:
        """Packets of a thread have come."""
        for _turn in range(AT_ONCE):
            try:
                count = thread.sock.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                count = 0
            if not count:
                self._lost(thread)
                return
            thread.busy = time.monotonic()
            try:
                waits = self._packet(thread, self._buffer[0], self._view[1:count])
            except (msgspec.DecodeError, ValueError, RuntimeError) as problem:
                self._senseless(thread, problem)
                return
            if waits:
                return

    def _lost(self, thread: Thread) -> None:
        """A channel is closed: its process has ended, which is told of, or its thread has."""
        if not thread.held:
            unwatch(self.loop, thread.sock.fileno())
            thread.held = True
        thread.hung = True  # its request, if any, is answered once it is known why
        if thread in self._idle:
            self._idle.remove(thread)

    def _senseless(self, thread: Thread, problem: Exception) -> None:
        job, thread.job = thread.job, None
        if job is not None:
            self._note(f"what the application answers cannot be sent: {problem}")
            self._fail(job, 502, "the application's answer makes no sense")
        if thread.worker is self._worker and thread.worker.state == "ready":
            self._give_back_later(thread)

    def _give_back_later(self, thread: Thread) -> None:
        """The answer is over for its peer; the thread comes back when it says so."""
        thread.hung = True
        self._tell_gone(thread)
        self._tell_workers()

    def _packet(self, thread: Thread, kind: int, data: memoryview) -> bool:
        """One packet; whether to read no more for now."""
        job = thread.job
        exchange = job.exchange if job is not None else None
        if kind == messages.HEAD[0]:
            head = messages.decode_head(data)
            if exchange is not None and not exchange.gone:
                self._start(exchange, head)
            if head.ended:
                self._over(thread, head.ended)
                return True
            return self._hold(thread, exchange)
        if kind == messages.MORE[0]:
            if exchange is not None and not exchange.gone:
                exchange.write(bytes(data))
            return self._hold(thread, exchange)
        if kind == messages.END[0]:
            if exchange is not None and not exchange.gone:
                exchange.end()
            self._over(thread, Ended(data[0]))
            return True
        if kind == messages.CRASHED[0]:
            self.loop.desk.events.append(read_crash(bytes(data)))
        elif kind == messages.BROKEN[0]:
            if exchange is not None:
                exchange.abort("the application failed in the middle of its answer")
            self._over(thread, Ended.YES)
        elif kind == messages.IDLE[0]:
            self._over(thread, Ended.YES)
        return False

    def _start(self, exchange: Exchange, head: messages.Head) -> None:
        exchange.cork()
        try:
            exchange.start(head.status, head.reason, head.fields, head.length)
            if head.body:
                exchange.write(head.body)
            if head.ended:
                exchange.end()
        finally:
            exchange.uncork()

    def _hold(self, thread: Thread, exchange: Exchange | None) -> bool:
        """Read no more from a thread whose peer reads slower than it writes."""
        if exchange is None or exchange.gone or exchange.room:
            return False
        if not thread.held:
            thread.held = True
            unwatch(self.loop, thread.sock.fileno())
            exchange.on_room = partial(self._resume, thread)
        return True

    def _resume(self, thread: Thread) -> None:
        if thread.held and thread.worker in self._threads and thread.sock.fileno() >= 0:
            thread.held = False
            thread.busy = time.monotonic()
            self.loop.watch(thread.sock.fileno(), READ, partial(self._readable, thread))

    def _over(self, thread: Thread, ended: Ended) -> None:
        """A thread has answered; it is idle unless it has still to close something."""
        thread.job = None
        if ended == Ended.CLOSING:
            thread.busy = time.monotonic()
            thread.closing = True
            return
        was_hung, thread.hung, thread.closing = thread.hung, False, False
        worker = thread.worker
        if worker is self._worker and thread not in self._idle:
            self._idle.append(thread)
            self._hand_out()
        elif worker in self._old and not any(one.job for one in self._threads[worker]):
            self._forget(worker, "")
        if was_hung:
            self._tell_workers()

    # -- what takes too long ---------------------------------------------------------------------

    def _sweep(self) -> None:
        if self._loop is None:
            return
        self._loop.call_later(SWEEP, self._sweep)
        now = time.monotonic()
        while self._waiting and now - self._waiting[0].since > self._patience:
            self._fail(self._waiting.popleft(), 503, "no thread of the application came free")
        for worker, threads in list(self._threads.items()):
            for thread in threads:
                late = now - thread.busy > self._patience
                if thread.job is not None and late and not thread.held:
                    self._give_up(thread)
                elif thread.closing and late and not thread.hung:
                    thread.hung = True
                    self._note("the application hangs in the close() of an answer")
                    self._tell_workers()
            if self._old.get(worker, now) < now:
                self._forget(worker, "the program has changed, and this request took too long")
        worker_now = self._worker
        if worker_now is None:
            return
        if all(thread.hung for thread in self._threads[worker_now]):
            count = self._program.threads
            self._note(
                f"all {count} threads of the application hang: its process"
                f" {worker_now.pid} is replaced"
            )
            self._replaced += 1
            self._forget(worker_now, "all threads of the application hang")
            self._start_worker()

    def _give_up(self, thread: Thread) -> None:
        job, thread.job = thread.job, None
        assert job is not None
        thread.hung = True
        head = job.exchange.head
        target = head.target.decode("latin-1")
        self._note(
            f"{head.method} {target} took more than {self._patience:g} s: the thread is given up"
        )
        self._fail(job, 504, f"the application took more than {self._patience:g} s")
        self._tell_gone(thread)
        self._tell_workers()

    def _fail(self, job: Job, status: int, reason: str) -> None:
        """Answer in the application's place, or break off what it has begun."""
        exchange = job.exchange
        self._drop(job)
        if exchange.gone:
            return
        if exchange.status:
            exchange.abort(reason)
        else:
            exchange.answer(refusal(status, reason))

    def _answer_broken(self, job: Job, failure: Crash | None) -> None:
        exchange = job.exchange
        self._drop(job)
        if exchange.gone:
            return
        if failure is None or not self._program.show:
            exchange.answer(refusal(500, "the application could not be loaded"))
            return
        fields = ((b"Content-Security-Policy", POLICY),)
        exchange.answer(complete(500, b"text/html; charset=utf-8", page(failure), fields))

    def _drop(self, job: Job) -> None:
        if job.body is not None:
            discard(job.body)
            job.body = None
