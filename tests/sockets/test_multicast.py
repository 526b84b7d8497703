"""Groups of multicast on loopback: any source or some, both families, and broadcast."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.addresses.namespace import namespace
from tests.cli.test_as_code import place, python, shell
from tests.servers.watching import PATIENCE, failure, serving
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Note
from workbench.servers.events import Opened
from workbench.sockets.multicast import Multicast, multicast
from workbench.sockets.session import Received, Send, Sent

GROUP = "udp://239.77.1.2:0"


def free(text: str) -> Endpoint:
    """The group with a port that is free."""
    return parse(text).with_port(place("udp://127.0.0.1:0", None).require_port())  # type: ignore[arg-type]


@contextmanager
def sender(group: Endpoint, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Somebody who sends to the group over loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(PATIENCE)
        where = struct.pack("@4s4si", b"", b"", socket.if_nametoindex("lo"))
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, where)
        one.bind((source, 0))
        one.connect((group.host, group.require_port()))
        yield one


SIX = """
import socket, sys
from workbench.core.endpoint import parse
from workbench.core.runner import start
from workbench.servers.events import Listening
from workbench.sockets.multicast import Multicast, multicast
from workbench.sockets.session import Received, Send

def next_of(run, kind):
    while True:
        assert run.feed.wait(60)
        for event in run.feed.drain().events:
            if isinstance(event, kind):
                return event

request = Multicast(
    parse("udp://[ff02::7712]:5017"), interface="veth0", source=tuple(sys.argv[1:])
)
run = start(multicast, request, process=False)
next_of(run, Listening)
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one:
    index = socket.if_nametoindex("veth0")
    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    one.bind(("fd77::1", 0))
    one.sendto(b"hello", ("ff02::7712", 5017, 0, index))
    print(next_of(run, Received).data.decode())
run.cancel()
"""


@pytest.mark.peer("ip")
@pytest.mark.parametrize("source", [[], ["fd77::1"]])
def test_ipv6_in_a_network_of_its_own(source: list[str]) -> None:
    with namespace() as space:
        space.ip("addr add fd77::1/64 dev veth0 nodad")
        space.ip("link set veth0 up")
        space.ip("link set veth1 up")
        assert space.run(sys.executable, "-c", SIX, *source) == "hello\n"


def test_who_sends_to_a_group_and_sending_to_it() -> None:
    group = free(GROUP)
    first, second = Multicast(group, interface="lo"), Multicast(group, interface="lo")
    with (
        serving(multicast, first, process=False) as one,
        serving(multicast, second, process=False) as other,
        sender(group) as somebody,
    ):
        somebody.send(b"to all of you")
        for watched in (one, other):
            assert watched.next(Opened).peer
            assert watched.next(Received).data == b"to all of you"
        one.tell(Send(b"from one"))
        assert one.next(Sent).data == b"from one"
        assert other.next(Received).data == b"from one"
        assert one.next(Received).data == b"from one"  # the loop is on
        other.tell(Send(b"only to the first", 1))
        assert somebody.getsockname()
        assert other.next(Sent).peer == 1


def test_only_some_sources() -> None:
    group = free("udp://232.77.1.2:0")
    request = Multicast(group, interface="lo", source=("127.0.0.9",))
    with (
        serving(multicast, request, process=False) as one,
        sender(group, "127.0.0.1") as other,
        sender(group, "127.0.0.9") as source,
    ):
        other.send(b"from elsewhere")
        source.send(b"from the source")
        assert one.next(Received).data == b"from the source"
        assert one.all(Received)[0].data == b"from the source"


def test_broadcast() -> None:
    group = free("udp://127.255.255.255:0")
    with (
        serving(multicast, Multicast(group), process=False) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody,
    ):
        assert "broadcast" in one.all(Note)[0].text
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        somebody.sendto(b"to everybody", (group.host, group.require_port()))
        assert one.next(Received).data == b"to everybody"


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("udp://127.0.0.1:5007", {}, "no multicast group"),
        ("udp://localhost:5007", {}, "no address"),
        ("tcp://239.1.2.3:5007", {}, "groups are of UDP"),
        ("udp://239.1.2.3:5007", {"interface": "nosuch0"}, "no interface"),
        ("udp://239.1.2.3:5007", {"source": ("::1",)}, "not of the group's family"),
        ("udp://239.1.2.3:5007", {"source": ("x",)}, "no address"),
        ("udp://239.1.2.3:5007", {"ttl": 300}, "0 to 255"),
    ],
)
def test_what_is_no_group(text: str, options: dict[str, object], words: str) -> None:
    found = failure(multicast, Multicast(parse(text), **options))  # type: ignore[arg-type]
    assert words in found.cause


@pytest.mark.peer("socat")
@pytest.mark.parametrize("code", [python, shell])
def test_the_code_hears_the_same(code: Callable[..., list[str]]) -> None:
    group = free(GROUP)
    request = Multicast(group, interface="lo")
    read, write = os.pipe()
    with subprocess.Popen(code(request), stdin=read, stdout=subprocess.PIPE) as child:
        os.close(read)
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        try:
            with sender(group) as somebody:
                said = b""
                for _ in range(600):
                    try:
                        somebody.send(b"hello\n")
                    except OSError:
                        pass
                    try:
                        said = os.read(child.stdout.fileno(), 6)
                    except BlockingIOError:
                        pass
                    if said:
                        break
                    subprocess.run(["sleep", "0.1"], check=True)
            assert said == b"hello\n"
        finally:
            os.close(write)
            child.kill()
