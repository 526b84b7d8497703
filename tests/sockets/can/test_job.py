"""Following and sending: on a virtual bus where the kernel has CAN, else up to the system call."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from workbench.core.events import Done, Failed
from workbench.core.job import Job, Request
from workbench.core.runner import start
from workbench.sockets.can import bus
from workbench.sockets.can.job import (
    CanFollow,
    CanSend,
    Passed,
    SentFrame,
    can_follow,
    can_send,
)


def _has() -> str:
    """Why this kernel cannot do it; "" where it can."""
    try:
        bus.open_bus("any").close()
    except Exception as problem:
        return str(problem)
    return ""


LACKS = _has()
PATIENCE = 60.0


def ended(job: Job[Any], request: Request) -> Any:
    """The last event of a run."""
    return start(job, request, process=False).wait(PATIENCE)


@pytest.fixture
def vcan() -> Iterator[str]:
    """A virtual bus of this test's own."""
    if LACKS:
        pytest.skip(f"the kernel: {LACKS}")
    name = f"vcan{os.getpid() % 10_000}"
    made = subprocess.run(["ip", "link", "add", name, "type", "vcan"], check=False)
    if made.returncode:
        pytest.skip("the kernel: it has no vcan")
    subprocess.run(["ip", "link", "set", name, "mtu", "72", "up"], check=True)
    yield name
    subprocess.run(["ip", "link", "del", name], check=True)


def test_what_is_sent_is_followed(vcan: str) -> None:
    follower = start(can_follow, CanFollow(vcan, count=3), process=False)
    with bus.open_bus(vcan) as probe:  # what is sent before the follower listens is gone
        probe.setblocking(True)
        while not follower.feed.wait(0.05):
            probe.send(bytes(16))
    assert isinstance(follower.wait(PATIENCE), Done)
    followed = [one.frame for one in follower.feed.drain().events if isinstance(one, Passed)]
    assert followed == ["000#"] * 3
    run = start(can_follow, CanFollow(vcan, filter=("123:7FF",), count=2), process=False)
    while run.ended is None:
        sent = start(can_send, CanSend(vcan, ("123#DEADBEEF", "124#00")), process=False)
        assert isinstance(sent.wait(PATIENCE), Done)
        run.wait(0.05)
    frames = {one.frame for one in run.feed.drain().events if isinstance(one, Passed)}
    assert frames == {"123#DEADBEEF"}


def test_the_script_sends_the_same(vcan: str) -> None:
    request = CanSend(vcan, ("123#DEADBEEF", "12345678#R2"))
    with bus.open_bus(vcan) as probe:
        probe.setblocking(True)
        subprocess.run([sys.executable, "-c", request.as_python()], check=True, timeout=PATIENCE)
        assert [str(bus.receive(probe)[1]) for _ in range(2)] == list(request.frames)


@pytest.mark.skipif(not LACKS, reason="the kernel has CAN")
@pytest.mark.parametrize("request_", [CanFollow("can0"), CanSend("can0", ("123#00",))])
def test_without_can_it_says_what_would_bring_it(request_: CanFollow | CanSend) -> None:
    job: Job[Any] = can_follow if isinstance(request_, CanFollow) else can_send
    failed = ended(job, request_)
    assert isinstance(failed, Failed)
    assert failed.code == "EAFNOSUPPORT"
    assert "modprobe can_raw" in failed.advice
    script = subprocess.run(
        [sys.executable, "-c", request_.as_python()], capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "Errno 97" in script.stderr


def test_what_is_shown_as_a_command() -> None:
    both = CanFollow("can0", filter=("123:7FF", "4~7"))
    assert both.as_shell() == "candump -L 'can0,123:7FF,4~7'"
    assert CanFollow("any", count=5).as_shell() == "candump -L -n 5 any"
    assert CanSend("can0", ("123#r4", "1#".rjust(4, "0"))).as_shell() == (
        "cansend can0 '123#R4'; cansend can0 '001#'"
    )
    code = CanFollow("any", filter=("123:7FF",)).as_python()
    assert "23010000ff070000" in code or "00000123000007ff" in code
    assert "bind(('',))" in code


@pytest.mark.parametrize(
    ("job", "request_", "words"),
    [
        (can_send, CanSend("can0", ("nonsense",)), "no frame"),
        (can_send, CanSend("can0", ()), "nothing to send"),
        (can_follow, CanFollow("can0", filter=("x",)), "no filter"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_opened(
    job: Job[Any], request_: Request, words: str
) -> None:
    failed = ended(job, request_)
    assert isinstance(failed, Failed)
    assert words in failed.cause


def test_lines_are_those_of_can_utils() -> None:
    told = Passed("can0", "123#1B5B", 0x123, b"\x1b[", "")
    assert told.line() == r"can0  123#1B5B  \x1b["
    assert SentFrame("can0", "123#R").line() == "can0  123#R  sent"


def test_the_numbers_are_this_pythons_where_it_has_names() -> None:
    for name, value in (
        ("AF_CAN", bus.AF_CAN), ("CAN_RAW", bus.CAN_RAW), ("SOL_CAN_RAW", bus.SOL_CAN_RAW),
        ("CAN_RAW_FILTER", bus.RAW_FILTER), ("CAN_RAW_ERR_FILTER", bus.RAW_ERR_FILTER),
        ("CAN_RAW_FD_FRAMES", bus.RAW_FD_FRAMES),
    ):  # fmt: skip
        assert getattr(socket, name, value) == value, name
