"""Families of sockets: each as it is really to be had here, and why not."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys

import pytest

from tests.cli.program import PATIENCE, run
from workbench.core.endpoint import parse
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.sockets.families import KINDS, Families, Family, Kind, families, look


def told(*words: str, missing: bool = False) -> list[Family]:
    events = list(execute(families, Families(words, missing=missing), Scope(PATIENCE)))
    return [one for one in events if isinstance(one, Family)]


def test_each_is_told_as_it_is() -> None:
    found = {one.name: one for one in told()}
    assert list(found) == [kind.name for kind in KINDS]
    for kind in KINDS:
        try:
            socket.socket(kind.family, kind.type, kind.protocol).close()
            there = True
        except OSError:
            there = False
        one = found[kind.name]
        assert one.kernel is there
        assert bool(one.why) is not (there and one.python), one
        assert one.line()
    for name in ("INET TCP", "INET UDP", "UNIX stream", "UNIX seqpacket", "NETLINK route"):
        assert found[name].kernel


def test_the_numbers_are_those_of_python() -> None:
    for kind in KINDS:
        name = kind.names[0]
        if hasattr(socket, name):
            assert getattr(socket, name) == kind.family


def test_what_is_missing_says_why_and_what_brings_it() -> None:
    for one in told(missing=True):
        assert one.why
        assert not (one.python and one.kernel)
    nothing = Kind("NOTHING", 45, 1, 0, ("AF_NOTHING",), "", module="no_such", option="CONFIG_NO")
    found = look(nothing)
    assert not found.kernel
    assert "EAFNOSUPPORT" in found.why or "this kernel" in found.why
    assert "CONFIG_NO" in found.brings


@pytest.mark.peer("setpriv")
def test_without_the_right_it_is_the_right_that_is_named() -> None:
    found = subprocess.run(
        [
            *("setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"),
            *(sys.executable, "-m", "workbench", "families", "inet", "raw"),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    ).stdout
    assert "CAP_NET_RAW" in found


def test_words_choose() -> None:
    assert [one.name for one in told("unix")] == ["UNIX stream", "UNIX datagram", "UNIX seqpacket"]


def test_what_can_be_done_is_a_command_line() -> None:
    from workbench import catalogue

    for kind in KINDS:
        if kind.use:
            name, words = catalogue.match(kind.use.split())
            assert name in catalogue.JOBS
            for word in words:
                if "://" in word or word.startswith("unix"):
                    assert parse(word)


@pytest.mark.parametrize("as_shell", [False, True])
def test_the_code(as_shell: bool) -> None:
    request = Families()
    command = (
        ["sh", "-c", request.as_shell()]
        if as_shell
        else [sys.executable, "-c", request.as_python()]
    )
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout.splitlines()
    if as_shell:
        assert {"TCP", "UDP", "UNIX"} <= set(said)
    else:
        assert [line.endswith(" yes") for line in said] == [one.kernel for one in told()]


def test_the_command() -> None:
    printed = run("families", "inet", "tcp").stdout.decode()
    assert printed.splitlines()[0].split()[:3] == ["INET", "TCP", "yes"]
    assert errno.EAFNOSUPPORT == 97
