"""TIPC: whole where the kernel has it, up to the system call where not."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from typing import Any

import pytest

from tests.servers.watching import PATIENCE, failure, receive, serving
from workbench.core import tipc
from workbench.core.endpoint import EndpointError, parse
from workbench.core.events import Failed
from workbench.core.failure import JobError
from workbench.core.job import Job, Request
from workbench.core.runner import start
from workbench.sockets.connect import Connect, connect
from workbench.sockets.echo import Echo, serve_echo
from workbench.sockets.listen import Listen, listen

END = parse("tipc://1000:1")


def _has() -> str:
    """Why this kernel cannot do it; "" where it can."""
    try:
        tipc.open_socket().close()
    except JobError as problem:
        return str(problem)
    return ""


LACKS = _has()


def test_a_service_is_an_endpoint() -> None:
    assert (END.host, END.port, END.family, END.transport) == ("1000", 1, "tipc", "tipc")
    assert str(parse("tipc://01000:4294967295")) == "tipc://1000:4294967295"
    assert END.is_loopback
    for text in ("tipc://", "tipc://x:1", "tipc://1000:4294967296", "tipc://[::1]:1"):
        with pytest.raises(EndpointError):
            parse(text)


def test_addresses_are_those_of_tipc_h() -> None:
    assert tipc.name(END) == (2, 1000, 1, 0)
    assert tipc.span(END) == (1, 1000, 1, 1, 3)
    assert tipc.packed(END, listening=False) == b"\x02\0" + struct.pack("=III", 1000, 1, 0)
    assert tipc.packed(END, listening=True) == b"\x01\x03" + struct.pack("=III", 1000, 1, 1)
    with pytest.raises(JobError, match="TIPC's own"):
        tipc.name(parse("tipc://1:1"))


def test_the_numbers_are_this_pythons_where_it_has_names() -> None:
    for name, value in (
        ("AF_TIPC", tipc.AF_TIPC), ("TIPC_ADDR_NAMESEQ", tipc.ADDR_RANGE),
        ("TIPC_ADDR_NAME", tipc.ADDR_NAME), ("TIPC_ADDR_ID", tipc.ADDR_ID),
        ("TIPC_CLUSTER_SCOPE", tipc.CLUSTER_SCOPE), ("TIPC_NODE_SCOPE", tipc.NODE_SCOPE),
    ):  # fmt: skip
        assert getattr(socket, name, value) == value, name


def test_as_shown_it_is_the_same_address() -> None:
    assert "socket.socket(socket.AF_TIPC, socket.SOCK_STREAM)" in Connect(END).as_python()
    assert "peer.connect((2, 1000, 1, 0))" in Connect(END).as_python()
    assert "server.bind((1, 1000, 1, 1, 3))" in Listen(END).as_python()
    assert "(1, 1000, 1, 1, 3)" in Echo(END).as_python()
    packed = tipc.packed(END, listening=False).hex()
    assert f"SOCKET-CONNECT:30:0:x{packed}" in Connect(END).as_shell()


@pytest.mark.skipif(not LACKS, reason="the kernel has TIPC")
@pytest.mark.parametrize(
    ("job", "request_"), [(connect, Connect(END)), (listen, Listen(END)), (serve_echo, Echo(END))]
)
def test_without_tipc_it_says_what_would_bring_it(job: Job[Any], request_: Request) -> None:
    failed = failure(job, request_)
    assert isinstance(failed, Failed)
    assert failed.code == "EAFNOSUPPORT"
    assert "modprobe tipc" in failed.advice
    script = subprocess.run(
        [sys.executable, "-c", request_.as_python()], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "Errno 97" in script.stderr


@pytest.mark.skipif(bool(LACKS), reason=f"the kernel: {LACKS}")
def test_a_session_over_tipc() -> None:
    end = parse(f"tipc://{1000 + os.getpid()}:1")
    with serving(serve_echo, Echo(end)), tipc.open_socket() as one:
        one.settimeout(PATIENCE)
        one.connect(tipc.name(end))
        one.sendall(b"hello")
        assert receive(one, 5) == b"hello"
        run = start(connect, Connect(end), process=False)
        assert run.feed.wait(PATIENCE)
        run.cancel()
