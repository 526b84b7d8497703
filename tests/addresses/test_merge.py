"""The jobs `merge` and `exclude`, beside ipaddress and iprange."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import events, interrupted, run, started
from workbench.addresses.merge import Exclude, Merge
from workbench.core.job import Request

LIST = """\
# a list
10.0.0.0/25
10.0.0.128/25 ; the other half
192.0.2.7
192.0.2.8-192.0.2.20
172.16.0.0/12
172.16.5.0/24
"""
SIX = "2001:db8::/33\n2001:db8:8000::/33\n::1\n"


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    one, other = tmp_path / "it's one.txt", tmp_path / "other.txt"
    one.write_text(LIST)
    other.write_text(SIX)
    return str(one), str(other)


def ours(*words: str, data: str = "") -> list[str]:
    found = run(*words, data=data.encode())
    assert found.returncode == 0, found.stderr
    return found.stdout.decode().splitlines()


def outcome(request: Request, *, shell: bool) -> list[str]:
    code = (
        ["sh", "-c", request.as_shell()] if shell else [sys.executable, "-c", request.as_python()]
    )
    found = subprocess.run(code, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_merge(files: tuple[str, str]) -> None:
    assert ours("merge", *files) == [
        "10.0.0.0/24",
        "172.16.0.0/12",
        "192.0.2.7",
        "192.0.2.8/29",
        "192.0.2.16/30",
        "192.0.2.20",
        "::1",
        "2001:db8::/32",
    ]
    assert ours("merge", *files, "--ranges", "--family", "4") == [
        "10.0.0.0-10.0.0.255",
        "172.16.0.0-172.31.255.255",
        "192.0.2.7-192.0.2.20",
    ]


def test_standard_input_is_read_where_no_file_is_named() -> None:
    assert ours("merge", data="10.0.0.1\n10.0.0.0") == ["10.0.0.0/31"]
    assert ours("merge", "-", "10.0.0.2", data="10.0.0.1\n") == ["10.0.0.1", "10.0.0.2"]


def test_wrong_lines_are_named_and_the_status_says_so() -> None:
    found = run("merge", "--json", data=b"10.0.0.1\nwhat\n\n10.0.0.0/40\n" + b"x\n" * 40)
    *rest, failed = events(found.stdout)
    assert found.returncode == 1
    wrong = [one for one in rest if one["type"] == "wrong"]
    assert [(one["number"], one["text"]) for one in wrong[:3]] == [
        (2, "what"),
        (4, "10.0.0.0/40"),
        (5, "x"),
    ]
    assert len(wrong) == 20
    assert [one["count"] for one in rest if one["type"] == "more"] == [22]
    assert [one["blocks"] for one in rest if one["type"] == "blocks"] == [["10.0.0.1"]]
    assert "42 wrong lines" in failed["cause"]


def test_a_word_that_is_neither_block_nor_file() -> None:
    found = run("merge", "10.0.0.0/33")
    assert (found.returncode, found.stdout) == (1, b"")
    assert b"at most 32" in found.stderr


def test_exclude(files: tuple[str, str]) -> None:
    assert ours("exclude", "10.0.0.0/24", "--remove", "10.0.0.64/26") == [
        "10.0.0.0/26",
        "10.0.0.128/25",
    ]
    assert ours(
        "exclude", files[1], "--remove", "2001:db8::/34", "--remove", "-", data="::1\n"
    ) == [
        "2001:db8:4000::/34",
        "2001:db8:8000::/33",
    ]
    assert ours("exclude", "10.0.0.0/24", "--remove", "10.0.0.0/8") == []
    assert run("exclude", "10.0.0.0/24").returncode == 1


def test_a_pipe_that_never_ends_is_left_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with started(["merge", str(pipe)]) as child, open(pipe, "wb", buffering=0) as end:
        end.write(b"10.0.0.1\nwrong\n")
        assert child.stdout is not None
        status, said = interrupted(child)
        assert (status, said) == (130, b"")


@pytest.mark.parametrize("ranges", [False, True])
def test_merge_as_python(files: tuple[str, str], ranges: bool) -> None:
    more = ["--ranges"] if ranges else []
    words = (*files, "10.9.0.0-10.9.0.99")
    assert outcome(Merge(words, ranges=ranges), shell=False) == ours("merge", *words, *more)


@pytest.mark.peer("iprange")
@pytest.mark.parametrize("ranges", [False, True])
def test_merge_as_shell(files: tuple[str, str], ranges: bool) -> None:
    more = ["--ranges"] if ranges else []
    words = (files[0], "10.9.0.0-10.9.0.99")
    assert outcome(Merge(words, ranges=ranges), shell=True) == ours("merge", *words, *more)


def test_exclude_as_python(files: tuple[str, str]) -> None:
    request = Exclude(files, remove=("172.20.0.0/14", "2001:db8::/40"))
    expected = ours("exclude", *files, "--remove", "172.20.0.0/14", "--remove", "2001:db8::/40")
    assert outcome(request, shell=False) == expected


@pytest.mark.peer("iprange")
def test_exclude_as_shell(files: tuple[str, str]) -> None:
    request = Exclude((files[0],), remove=("172.20.0.0/14",))
    expected = ours("exclude", files[0], "--remove", "172.20.0.0/14")
    assert outcome(request, shell=True) == expected
