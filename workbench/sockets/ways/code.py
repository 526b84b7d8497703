"""The comparison as a script on the standard library."""

from __future__ import annotations

from collections.abc import Sequence

_SCRIPT = """\
import multiprocessing
import os
import selectors
import socket
import socketserver
import time

KIND, CONNECTIONS, SECONDS, FRESH = {kind!r}, {connections}, {seconds}, {fresh}
SAY = {{
    "daytime": lambda: time.strftime("%A, %B %d, %Y %H:%M:%S-%Z\\r\\n").encode(),
    "time": lambda: (int(time.time()) + 2208988800).to_bytes(4, "big"),
}}


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        if KIND != "echo":
            self.request.sendall(SAY[KIND]())
            return
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            pass


class Plain(socketserver.TCPServer):
    request_queue_size = 4096


class Threading(socketserver.ThreadingMixIn, Plain):
    daemon_threads = True


class Forking(socketserver.ForkingMixIn, Plain):
    max_children = 1000


def selectors_loop(pipe):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    selector.register(listener, selectors.EVENT_READ)
    pipe.send(listener.getsockname())
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                peer, _ = listener.accept()
                if KIND != "echo":
                    peer.sendall(SAY[KIND]())
                    peer.close()
                else:
                    selector.register(peer, selectors.EVENT_READ)
                continue
            peer = key.fileobj
            try:
                data = peer.recv(65536)
                if data:
                    peer.sendall(data)
                    continue
            except OSError:
                pass
            selector.unregister(peer)
            peer.close()


def serve(how, pipe):
    os.setpgid(0, 0)
    if how == "selectors":
        selectors_loop(pipe)
    kind = {{"plain": Plain, "threading": Threading, "forking": Forking}}[how]
    with kind(("127.0.0.1", 0), Handler) as server:
        pipe.send(server.server_address)
        server.serve_forever()


def load(address):
    question = bytes(range(33, 97)) if KIND == "echo" else b""
    selector = selectors.DefaultSelector()
    got, served, times = {{}}, set(), []

    def begin():
        peer = socket.create_connection(address)
        got[peer] = [time.perf_counter(), 0]
        selector.register(peer, selectors.EVENT_READ)
        if question:
            peer.send(question)

    def close(peer):
        selector.unregister(peer)
        peer.close()
        del got[peer]

    for _ in range(CONNECTIONS):
        begin()
    rounds, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        for key, _ in selector.select(0.1):
            peer = key.fileobj
            try:
                data = peer.recv(65536)
            except OSError:
                data = b""
            got[peer][1] += len(data)
            if data:
                served.add(peer)
            if question and data and got[peer][1] < len(question) or data and not question:
                continue
            rounds += bool(got[peer][1])
            times.append(time.perf_counter() - got[peer][0])
            if data and not FRESH:
                got[peer] = [time.perf_counter(), 0]
                peer.send(question)
            else:
                close(peer)
                begin()
    for peer in list(got):
        close(peer)
    times.sort()
    half = times[len(times) // 2] if times else float("nan")
    return len(served), rounds / SECONDS, half


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    for how in {ways!r}:
        here, there = context.Pipe()
        child = context.Process(target=serve, args=(how, there))
        child.start()
        served, rate, half = load(here.recv())
        os.killpg(child.pid, 9)
        child.join()
        row = f"{{how:<10}} {{served:7,}} served {{rate:10,.0f}} a second"
        row += f"   p50 {{half * 1000:.2f}} ms"
        print(row, flush=True)
"""


def script(kind: str, connections: int, seconds: float, ways: Sequence[str], *, fresh: bool) -> str:
    """A script that serves in each way, asks it, and prints how it did."""
    return _SCRIPT.format(
        kind=kind,
        connections=connections,
        seconds=seconds,
        ways=tuple(ways),
        fresh=fresh or kind != "echo",
    )
