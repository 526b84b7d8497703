"""The worker process of an application: `python -m workbench.http.gateway.worker SPEC`.

It runs a program of the user's, which may hang, crash, fork or fill its memory: all of that stays
in here. Each thread answers the requests that come over its own channel, one after another. The
main thread watches the program's files. When the server is gone, the kernel ends this process.
"""

from __future__ import annotations

import array
import io
import os
import select
import signal
import socket
import sys
import threading

import msgspec

from workbench.core.child import depend_on
from workbench.core.message import encode as encode_event
from workbench.http.application import ServerName
from workbench.http.gateway import messages
from workbench.http.gateway.calling import (
    Call,
    Environ,
    FieldPairs,
    FileWrapper,
    WsgiApplication,
)
from workbench.http.gateway.crash import Crash, crash
from workbench.http.gateway.environ import meta_variables, split_mount, split_target
from workbench.http.gateway.loading import load
from workbench.http.gateway.messages import Asked, Ended, Head
from workbench.http.gateway.page import POLICY, page
from workbench.http.gateway.watching import Watched
from workbench.http.request_head import RequestHead

POLL = 0.4
"""Seconds between two looks at the files."""

OWN = os.path.dirname(os.path.dirname(__file__))
"""Where the frames of the server itself are, which say nothing of the application."""

FIELD_TEXT = ((b"Content-Type", b"text/plain; charset=utf-8"),)
FIELD_PAGE = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Content-Security-Policy", POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
)


class Spec(msgspec.Struct):
    """What a worker is started with.

    `app` names the application; `functions` a file for `kind` "xmlrpc". `channels`, `control` and
    `lifeline` are descriptors. `show` has crashes shown to the browser.
    """

    kind: str
    app: str
    folder: str
    channels: list[int]
    control: int
    lifeline: int
    validate: bool
    show: bool
    watch: bool


class Channel:
    """One thread's socket to the server: a sink for answers."""

    def __init__(self, fd: int) -> None:
        self.sock = socket.socket(fileno=fd)
        self.gone = False
        self.closing = False
        self._buffer = bytearray(messages.PACKET)
        self._view = memoryview(self._buffer)

    def next(self) -> tuple[Asked, int] | None:
        """The next request, and the descriptor of its body or -1; None when all is over."""
        while True:
            count, ancillary, _, _ = self.sock.recvmsg_into([self._buffer], socket.CMSG_SPACE(4))
            if not count:
                return None
            if self._buffer[0] != messages.ASKED[0]:
                continue  # of a request that is over
            fd = -1
            for _, _, data in ancillary:
                fds = array.array("i")
                fds.frombytes(data[:4])
                fd = fds[0]
            self.gone = self.closing = False
            return messages.decode_asked(self._view[1:count]), fd

    def head(
        self,
        status: int,
        reason: str | None,
        fields: FieldPairs,
        length: int | None,
        body: bytes,
        ended: Ended,
    ) -> None:
        """Send the head of an answer."""
        self.closing = ended is Ended.CLOSING
        head = Head(status, reason, fields, length, body, ended)
        self.sock.send(messages.HEAD + messages.encode(head))

    def more(self, data: bytes) -> None:
        """Send a piece of the answer.

        Raises:
            ConnectionError: the peer is gone.
        """
        if self._is_gone():
            raise ConnectionAbortedError("the peer is gone")
        self.sock.send(messages.MORE + data)

    def end(self, ended: Ended) -> None:
        """Say that the answer is complete."""
        self.closing = ended is Ended.CLOSING
        self.sock.send(messages.END + bytes((ended,)))

    def tell(self, kind: bytes, data: bytes = b"") -> None:
        """Send another packet."""
        self.sock.send(kind + data)

    def _is_gone(self) -> bool:
        if not self.gone:
            try:
                self.gone = self.sock.recv(1, socket.MSG_DONTWAIT) in (b"", messages.GONE)
            except BlockingIOError:
                pass
        return self.gone


class Worker:
    """Threads that answer requests by calling an application."""

    def __init__(self, application: WsgiApplication, spec: Spec) -> None:
        self._application = application
        self._show = spec.show
        self._pid = os.getpid()
        self._channels = [Channel(fd) for fd in spec.channels]
        self._base: Environ = {
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": len(spec.channels) > 1,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
        }
        if not spec.validate:
            # Who knows of it reads to the end without a size, which wsgiref.validate forbids.
            self._base["wsgi.input_terminated"] = True

    def start(self) -> None:
        """Begin to answer."""
        for number, channel in enumerate(self._channels, 1):
            threading.Thread(
                target=self._serve, args=(channel,), name=f"requests-{number}", daemon=True
            ).start()

    def _serve(self, channel: Channel) -> None:
        while True:
            try:
                asked = channel.next()
                if asked is None:
                    return
                self._answer(channel, *asked)
            except OSError:
                if os.getpid() != self._pid:
                    os._exit(0)  # the application has forked, and this is its child
                return

    def _answer(self, channel: Channel, asked: Asked, fd: int) -> None:
        body: io.BufferedIOBase
        body = os.fdopen(fd, "rb") if asked.inline is None else io.BytesIO(asked.inline)
        call = Call(channel)
        try:
            environ = self._environ(asked, body)
            environ["workbench.crash"] = lambda problem: self._tell(channel, asked, problem)
            call.run(self._application, environ)
        except BaseException as problem:
            if os.getpid() != self._pid:
                os._exit(1)
            if not (channel.gone and isinstance(problem, ConnectionError)):
                self._failed(channel, call, asked, problem)
            elif not call.ended:
                channel.end(Ended.YES)
        finally:
            body.close()
        if os.getpid() != self._pid:
            os._exit(0)
        if channel.closing:
            channel.tell(messages.IDLE)

    def _failed(self, channel: Channel, call: Call, asked: Asked, problem: BaseException) -> None:
        """Tell of a failure, to the server and, where no answer has begun, to the peer."""
        told = self._tell(channel, asked, problem)
        del problem
        if call.ended:
            return
        if call.begun:
            channel.tell(messages.BROKEN)
            channel.closing = False
            return
        status, fields, text = failure(told, show=self._show)
        channel.head(status, None, fields, len(text), text[: messages.PIECE], Ended.NO)
        for at in range(messages.PIECE, len(text), messages.PIECE):
            channel.tell(messages.MORE, text[at : at + messages.PIECE])
        channel.end(Ended.YES)

    def _tell(self, channel: Channel, asked: Asked, problem: BaseException) -> Crash:
        target = asked.target.decode("latin-1")
        told = crash(f"{asked.method} {target}", problem, skip=OWN)
        channel.tell(messages.CRASHED, pack(told))
        return told

    def _environ(self, asked: Asked, body: io.BufferedIOBase) -> Environ:
        head = RequestHead(
            asked.method, asked.target, asked.minor, (), asked.fields, None, False, True
        )
        script_name, path_info = split_mount(split_target(asked.target).path, b"") or ("", "")
        environ: Environ = dict(
            meta_variables(
                head,
                peer=asked.peer,
                server=ServerName(asked.host, asked.port, asked.scheme),
                script_name=script_name,
                path_info=path_info,
                length=asked.length,
                credentials=True,
            )
        )
        environ.update(self._base)
        environ["wsgi.url_scheme"] = asked.scheme
        environ["wsgi.input"] = body
        return environ

    def forked(self) -> None:
        """In a child that the application has forked: it has no part in the server's talk."""
        for channel in self._channels:
            channel.sock.close()


def failure(told: Crash, *, show: bool) -> tuple[int, FieldPairs, bytes]:
    """Status, fields and body of the answer to a request that ended in a crash."""
    if show:
        return 500, FIELD_PAGE, page(told)
    return 500, FIELD_TEXT, b"500 Internal Server Error: the application failed\n"


def pack(told: Crash) -> bytes:
    """A crash as it is sent: at most one packet, with fewer frames where it would be more."""
    data = encode_event(told)
    while len(data) > messages.PACKET // 2 and told.frames:
        told = _shorter(told)
        data = encode_event(told)
    return data


def _shorter(told: Crash) -> Crash:
    keep = len(told.frames) // 2
    frames = told.frames[-keep:] if keep else ()
    return Crash(told.request, told.kind, told.message, frames, told.cause, time=told.time)


def main(arguments: list[str]) -> None:
    """Load the application, answer, and watch its files until the server is gone."""
    spec = msgspec.json.decode(arguments[0], type=Spec)
    depend_on(spec.lifeline)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for fd in (*spec.channels, spec.control, spec.lifeline):
        os.set_inheritable(fd, False)  # what the application starts has no part in them
    control = socket.socket(fileno=spec.control)
    try:
        application = _application(spec)
    except BaseException as problem:
        told = crash(f"loading {spec.app}", problem, skip=OWN)
        others = [frame.file for frame in told.frames]
        del problem
        watched = _watched(spec, others)  # before the server, and so anybody else, knows
        control.send(messages.CRASHED + pack(told))
    else:
        watched = _watched(spec, [])
        worker = Worker(application, spec)
        os.register_at_fork(after_in_child=worker.forked)
        os.register_at_fork(after_in_child=control.close)
        worker.start()
        control.send(messages.READY)
    _watch(control, watched)


def _application(spec: Spec) -> WsgiApplication:
    application: WsgiApplication
    if spec.kind == "xmlrpc":
        sys.path.insert(0, spec.folder)
        from workbench.http.xmlrpc.application import make

        application = make(spec.app)
    else:
        application = load(spec.app, spec.folder)
    if spec.validate:
        from wsgiref.validate import validator

        checked: WsgiApplication = validator(application)
        return checked
    return application


def _watched(spec: Spec, others: list[str]) -> Watched | None:
    """The files of the application; None where they are not to be watched."""
    if not spec.watch:
        return None
    module = os.path.join(spec.folder, *spec.app.partition(":")[0].split("."))
    named = spec.app if spec.kind == "xmlrpc" else f"{module}.py"
    return Watched(spec.folder, [*others, named])


def _watch(control: socket.socket, watched: Watched | None) -> None:
    """Look after the files until the server closes its end."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while not poll.poll(POLL * 1000):
        changed = watched.changed() if watched is not None else ""
        if changed:
            control.send(messages.CHANGED + os.fsencode(changed))
    os._exit(0)  # threads of the application must not hold the exit up


if __name__ == "__main__":
    main(sys.argv[1:])
