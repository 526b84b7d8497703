"""A session written down: as text, JSON lines, packets, or a script that plays it again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Failed
from workbench.core.failure import JobError, explain
from workbench.core.message import Event, encode
from workbench.servers.events import Closed, Listening, Opened
from workbench.sockets import pcapng
from workbench.sockets.connect_code import address, opening
from workbench.sockets.packets import Place, TcpTalk, place, udp_packet
from workbench.sockets.session import Connected, Finished, Received, Sent
from workbench.sockets.transcript import Transcript, shows

SCRIPT_LIMIT = 8 << 20
"""Bytes of a conversation that a script holds."""

PIECE = 4_096
"""Bytes in one literal of a script."""

_STREAMS = ("tcp", "mptcp", "unix", "unixseq", "vsock", "tipc")

CAPTURED = ("tcp", "mptcp", "udp", "udplite")
"""Transports of sessions that have packets; UDP-Lite is written as UDP."""

Pieces = Iterator[bytes]


# Each of these gives lines without their newline.
# -- text --------------------------------------------------------------------------------


def as_text(events: Iterable[Event], started: float) -> Pieces:
    """The transcript as it stands on the screen."""
    lines = Transcript(started)
    for event in events:
        if shows(event):
            for row in lines.rows_of(event, "text"):
                yield str(row).encode()


# -- packets --------------------------------------------------------------------------------------


class Packets:
    """The packets of a session's events."""

    def __init__(self, transport: str) -> None:
        """Raises JobError: it is no conversation over IP."""
        if transport not in CAPTURED:
            raise JobError(
                f"a session over {transport} has no packets",
                advice="save it as .txt, .jsonl or .py",
            )
        self._stream = transport in _STREAMS
        self._listening: Place | None = None
        self._talks: dict[int, tuple[Place, Place, TcpTalk]] = {}

    def take(self, event: Event) -> Iterator[tuple[int, bytes]]:
        """The packets of one event, with their time in nanoseconds since 1970."""
        for packet in self._packets(event):
            yield round(event.time * 1_000_000) * 1_000, packet

    def _packets(self, event: Event) -> Iterator[bytes]:
        match event:
            case Listening():
                end = parse(event.endpoint)
                self._listening = place(end.authority)
            case Connected():
                yield from self._begin(0, place(event.local), place(event.peer), we_began=True)
            case Opened():
                theirs = place(event.peer)
                ours = self._listening
                if ours is None and theirs is not None:
                    ours = ("::" if ":" in theirs[0] else "0.0.0.0", 0)
                yield from self._begin(event.id, ours, theirs, we_began=False)
            case Received() | Sent():
                yield from self._data(event)
            case Finished() if self._stream:
                for _, _, talk in self._talks.values():
                    yield from talk.finish(sent=event.side == "ours")
            case Closed():
                found = self._talks.pop(event.id, None)
                if found is not None and self._stream:
                    yield from found[2].finish(sent=False)
            case Failed() if self._stream and event.code == "ECONNRESET":
                for _, _, talk in self._talks.values():
                    yield from talk.reset(sent=False)
            case _:
                pass

    def _begin(
        self, number: int, ours: Place | None, theirs: Place | None, *, we_began: bool
    ) -> Iterator[bytes]:
        if ours is None or theirs is None or (":" in ours[0]) != (":" in theirs[0]):
            return
        talk = TcpTalk(ours, theirs, we_began)
        self._talks[number] = (ours, theirs, talk)
        if self._stream:
            yield from talk.open()

    def _data(self, event: Received | Sent) -> Iterator[bytes]:
        found = self._talks.get(event.peer)
        if found is None:
            return
        ours, theirs, talk = found
        sent = isinstance(event, Sent)
        if self._stream:
            yield from talk.data(event.data, sent=sent)
        elif sent:
            yield udp_packet(ours, theirs, event.data)
        else:
            yield udp_packet(theirs, ours, event.data)


def as_packets(events: Iterable[Event], transport: str) -> Pieces:
    """A capture as pcapng; its pieces follow each other without anything between.

    Raises:
        JobError: it is no conversation over IP.
    """
    packets = Packets(transport)
    yield pcapng.begin()
    yield pcapng.interface(pcapng.LINK_RAW, "session")
    for event in events:
        for at, data in packets.take(event):
            yield pcapng.packet(at, data)


# -- a script -------------------------------------------------------------------------------------

_SCRIPT = '''\
"""Plays a session again that was recorded {when}: {what}.

It sends what was sent and waits for as much as came, which goes to standard output.
"""

import socket
import sys

STEPS = [
{steps}]

with {connect} as peer:
{begin}    for what, value in STEPS:
        if what == "send":
            peer.send{all}(value)
        elif what == "finish":
            peer.shutdown(socket.SHUT_WR)
        else:
{receive}        sys.stdout.buffer.flush()
'''
_RECEIVE_BYTES = """\
            while value and (data := peer.recv(min(value, 65536))):
                sys.stdout.buffer.write(data)
                value -= len(data)
            if value:
                sys.exit(f"the peer ended {value} bytes before the end")
"""
_RECEIVE_ONE = """\
            sys.stdout.buffer.write(peer.recv(65536))
"""


def as_script(events: Iterable[Event], end: Endpoint, *, listened: bool) -> Pieces:
    """A Python script that says again what was said: to the same server, or to whoever comes."""
    stream = end.transport in _STREAMS and end.transport != "unixseq"
    steps, started, whole = _steps(events, join=stream)
    lines: list[str] = []
    for what, value in steps:
        if isinstance(value, bytes) and stream:
            cut = [value[at : at + PIECE] for at in range(0, len(value), PIECE)]
            lines += [f"    ({what!r}, {one!r}),\n" for one in cut]
        else:
            lines.append(f"    ({what!r}, {value!r}),\n")
    connect, begin = opening(end, 10.0)
    if listened:
        connect, begin = _accepting(end)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(started))
    what = f"{'listen' if listened else 'connect'} {end}"
    yield (
        _SCRIPT.format(
            when=when,
            what=what.replace("\\", "/") + ("" if whole else " (its beginning: it was too long)"),
            steps="".join(lines),
            connect=connect,
            begin=begin,
            all="all" if stream else "",
            receive=_RECEIVE_BYTES if stream else _RECEIVE_ONE,
        )
        .encode()
        .removesuffix(b"\n")
    )


def _accepting(end: Endpoint) -> tuple[str, str]:
    if end.transport not in ("tcp", "unix"):
        raise JobError(
            f"a script plays no listener over {end.transport}",
            advice="save it as .txt, .jsonl or .pcapng",
        )
    if end.is_unix:
        made = f"socket.socket(socket.AF_UNIX) as server:\n    server.bind({address(end)!r})\n"
        return made + "    server.listen()\n    peer = server.accept()[0]\nwith peer", ""
    family = "AF_INET6" if ":" in end.host else "AF_INET"
    made = f"socket.create_server({address(end)!r}, family=socket.{family}) as server:\n"
    return made + "    peer = server.accept()[0]\nwith peer", ""


def _steps(
    events: Iterable[Event], *, join: bool
) -> tuple[list[tuple[str, bytes | int]], float, bool]:
    """What is sent, and how many bytes are waited for; when it began; whether that is all."""
    steps: list[tuple[str, bytes | int]] = []
    pieces: list[bytes] = []
    size, started, peer, whole = 0, 0.0, None, True

    def flush() -> None:
        if pieces:
            steps.append(("send", b"".join(pieces)))
            pieces.clear()

    for event in events:
        started = started or event.time
        if isinstance(event, Received | Sent):
            peer = event.peer if peer is None else peer
            if event.peer != peer:
                continue  # of a listener the first peer's talk is played
            size += len(event.data)
            if size > SCRIPT_LIMIT:
                whole = False
                break
        if isinstance(event, Sent):
            pieces.append(event.data)
            if not join:
                flush()
        elif isinstance(event, Received):
            flush()
            last = steps[-1] if steps else ("", 0)
            if join and last[0] == "receive" and isinstance(last[1], int):
                steps[-1] = ("receive", last[1] + len(event.data))
            else:
                steps.append(("receive", len(event.data)))
        elif isinstance(event, Finished) and event.side == "ours" and join:
            flush()
            steps.append(("finish", 0))
    flush()
    return steps, started, whole


# -- a file while it goes -------------------------------------------------------------------------


class Recorder:
    """Writes a session's events to a file as they come; the file's suffix says how."""

    def __init__(self, path: Path, end: Endpoint, *, listened: bool) -> None:
        """Raises JobError: no such format, or the file cannot be made; it must not exist yet."""
        self._path, self._end, self._listened = path, end, listened
        self._kept: list[Event] = []
        self._size = 0
        self._transcript: Transcript | None = None
        self._packets = Packets(end.transport) if path.suffix == ".pcapng" else None
        if path.suffix not in FORMATS:
            raise JobError(
                f"{path.name}: no format of that ending",
                advice=f"end the name by {', '.join(FORMATS)}",
            )
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise JobError(f"{path} is there already", advice="choose another name") from None
        except OSError as problem:
            failed = explain("save", problem)
            raise JobError(failed.cause, code=failed.code, advice=failed.advice) from problem
        self._file: IO[bytes] = open(fd, "wb")  # noqa: SIM115 - close does it
        if self._packets is not None:
            self._file.write(pcapng.begin() + pcapng.interface(pcapng.LINK_RAW, "session"))

    def take(self, event: Event) -> None:
        """Write what the event adds."""
        suffix = self._path.suffix
        if suffix == ".jsonl":
            self._file.write(encode(event) + b"\n")
        elif suffix == ".txt":
            if self._transcript is None:
                self._transcript = Transcript(event.time)
            for piece in as_text([event], self._transcript.started):
                self._file.write(piece + b"\n")
        elif self._packets is not None:
            for at, packet in self._packets.take(event):
                self._file.write(pcapng.packet(at, packet))
        elif self._size <= SCRIPT_LIMIT:
            self._size += len(event.data) if isinstance(event, Received | Sent) else 0
            self._kept.append(event)

    def close(self) -> None:
        """Write what is left, and close the file."""
        with self._file:
            if self._path.suffix == ".py":
                for piece in as_script(self._kept, self._end, listened=self._listened):
                    self._file.write(piece + b"\n")


FORMATS = (".txt", ".jsonl", ".pcapng", ".py")


def recorded(
    events: Iterator[Event], path: str, end: Endpoint, *, listened: bool
) -> Iterator[Event]:
    """The events of a session, written down as they pass where there is a path.

    Raises:
        JobError: the file cannot be made.
    """
    if not path:
        yield from events
        return
    recorder = Recorder(Path(path).expanduser(), end, listened=listened)
    try:
        for event in events:
            recorder.take(event)
            yield event
    except Exception as problem:
        recorder.take(explain("session", problem))
        raise
    finally:
        events.close()  # type: ignore[attr-defined]
        recorder.close()
