"""1 GB through `connect` and `listen`, out and in, against socat in the same run, as ratios.

    python tests/bench/transfer.py [--bytes 1000000000] [--rounds 3]

Each transfer is a process of the program's command line, started once for each round; its time
counts from the first byte to the last, so that the start of the interpreter is left out. The other
end is the bench itself, which only moves bytes. socat runs as it comes, with blocks of 8 KiB, and
with blocks of 256 KiB, as large as ours. The rounds go through all of them in turn, and the median
counts. Exit status 1 when we are below 0.9 of socat as it comes (level, but for the noise).
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import threading
import time

PATIENCE = 120.0
PIECE = bytes(1 << 18)
LEVEL = 0.9


def take(sock: socket.socket) -> tuple[int, float]:
    """Receive to the end: bytes, and seconds since the first of them."""
    buffer = memoryview(bytearray(1 << 20))
    total = sock.recv_into(buffer)
    began = time.monotonic()
    while count := sock.recv_into(buffer):
        total += count
    return total, time.monotonic() - began


def give(sock: socket.socket, size: int) -> None:
    """Send so many bytes and end."""
    left = size
    while left:
        piece = PIECE[:left]
        sock.sendall(piece)
        left -= len(piece)
    sock.shutdown(socket.SHUT_WR)


def command(program: str, role: str, port: int) -> list[str]:
    """The words of a program that connects or listens once."""
    if program.startswith("socat"):
        if role == "connect":
            return [*program.split(), "-", f"TCP4:127.0.0.1:{port}"]
        return [*program.split(), "-", f"TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr"]
    words = [sys.executable, "-m", "workbench", role, f"tcp://127.0.0.1:{port}", "--quiet"]
    return [*words, "--once"] if role == "listen" else words


def transfer(program: str, role: str, way: str, size: int) -> float:
    """Bytes a second of one transfer; `way` is as the program sees it: "out" or "in"."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if role == "listen":
            listener.close()
        source = subprocess.Popen(
            ["head", "-c", str(size if way == "out" else 0), "/dev/zero"], stdout=subprocess.PIPE
        )
        with (
            source,
            subprocess.Popen(
                command(program, role, port), stdin=source.stdout, stdout=subprocess.DEVNULL
            ) as child,
        ):
            try:
                sock = accepted(listener) if role == "connect" else connected(port, child)
                with sock:
                    if way == "in":
                        began = time.monotonic()
                        give(sock, size)
                        assert child.wait(PATIENCE) == 0
                        seconds = time.monotonic() - began
                    else:
                        sock.shutdown(socket.SHUT_WR)
                        total, seconds = take(sock)
                        assert total == size, f"{program} sent {total} of {size} bytes"
                assert child.wait(PATIENCE) == 0
            finally:
                child.kill()
                source.kill()
    return size / seconds


def accepted(listener: socket.socket) -> socket.socket:
    """The program's connection."""
    listener.settimeout(PATIENCE)
    sock = listener.accept()[0]
    sock.settimeout(PATIENCE)
    return sock


def connected(port: int, child: subprocess.Popen[bytes]) -> socket.socket:
    """A connection to the program, once it listens."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionRefusedError:
            if child.poll() is not None or time.monotonic() > end:
                raise
            threading.Event().wait(0.02)


def main() -> int:
    """Measure and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    behind = False
    for role in ("connect", "listen"):
        for way in ("out", "in"):
            programs = ("workbench", "socat", "socat -b 262144")
            rates: dict[str, list[float]] = {program: [] for program in programs}
            for _ in range(options.rounds):
                for program, found in rates.items():
                    found.append(transfer(program, role, way, options.bytes))
            ours, theirs, large = (statistics.median(found) for found in rates.values())
            behind |= ours < LEVEL * theirs
            print(
                f"{role} {way:3}: {ours / 1e6:7.0f} MB/s, socat {theirs / 1e6:7.0f} MB/s,"
                f" ratio {ours / theirs:.2f}; socat -b 262144 {large / 1e6:7.0f} MB/s,"
                f" ratio {ours / large:.2f}",
                flush=True,
            )
    return int(behind)


if __name__ == "__main__":
    sys.exit(main())
