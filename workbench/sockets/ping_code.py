"""The Python of a ping: TCP connects, or ICMP echoes over a ping socket or a raw one."""

from __future__ import annotations

TCP = """\
import itertools
import socket
import time

for number in {count}:
    began = time.perf_counter()
    try:
        socket.create_connection(({host!r}, {port}), {wait}).close()
        said = "reply"
    except ConnectionRefusedError:
        said = "closed"
    except OSError as problem:
        said = f"lost: {{problem}}"
    print(number, said, f"{{(time.perf_counter() - began) * 1000:.2f}} ms", flush=True)
    time.sleep({interval})
"""
ICMP = """\
import itertools
import os
import socket
import struct
import time


def checksum(data):
    total = sum(struct.unpack(f"!{{len(data) // 2}}H", data + b"\\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


family, _, _, _, address = socket.getaddrinfo({host!r}, 0, type=socket.SOCK_DGRAM)[0]
six = family == socket.AF_INET6
protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
try:
    sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
except PermissionError:
    sock = socket.socket(family, socket.SOCK_RAW, protocol)
for number in {count}:
    token = os.urandom({size})
    head = struct.pack("!BBHHH", 128 if six else 8, 0, 0, os.getpid() & 0xFFFF, number)
    head = head[:2] + struct.pack("!H", 0 if six else checksum(head + token)) + head[4:]
    began = time.perf_counter()
    sock.sendto(head + token, address)
    said, end = "lost", time.monotonic() + {wait}
    while said == "lost" and time.monotonic() < end:
        sock.settimeout(max(0.001, end - time.monotonic()))
        try:
            data, sender = sock.recvfrom(65536)
        except TimeoutError:
            break
        start = 4 * (data[0] & 15) if not six and data[0] >> 4 == 4 else 0
        if data[start] == (129 if six else 0) and data[start + 8 :] == token:
            said = "reply"
    print(number, said, f"{{(time.perf_counter() - began) * 1000:.2f}} ms", flush=True)
    time.sleep({interval})
"""


def counter(count: int) -> str:
    """What numbers the questions: so many of them, or 0 for no end."""
    return f"range(1, {count + 1})" if count else "itertools.count(1)"
