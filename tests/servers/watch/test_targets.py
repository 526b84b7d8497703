"""Targets from the command line and from files, and what is wrong with them in one line."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.arguments import parse_line
from workbench.core.failure import JobError
from workbench.servers.watch import job
from workbench.servers.watch import targets as reading
from workbench.servers.watch.job import Watch
from workbench.servers.watch.targets import TARGETS_MOST, Step, Target


def read(folder: Path, text: str, **options: Any) -> list[Target]:
    """The targets of a file."""
    file = folder / "watch.toml"
    file.write_text(text)
    return Watch(file=file, **options).all_targets()


EXAMPLE = r"""
interval = 30
command = ["notify-send", "a server has changed"]

[[target]]
name = "shop"
target = "https://shop.example/"
status = [200, 302]
expect = "Welcome"
days = 21
ca = "own.pem"

[[target]]
target = "tcp://127.0.0.1:6379"
interval = 5.5
retries = 0
talk = ['send PING\r\n', 'expect +PONG']
command = ["true"]

[[target]]
target = "udp://127.0.0.1:7"
send = '\x00\x01'
answer = true
"""


def test_a_file(tmp_path: Path) -> None:
    shop, redis, echo = read(tmp_path, EXAMPLE, timeout=3.0, retries=4)
    assert (shop.name, shop.interval, shop.timeout, shop.retries) == ("shop", 30.0, 3.0, 4)
    assert (shop.status, shop.expect, shop.days) == ((200, 302), ("Welcome",), 21)
    assert shop.ca == tmp_path / "own.pem"
    assert shop.command == ("notify-send", "a server has changed")
    assert (redis.name, redis.interval, redis.retries) == ("tcp://127.0.0.1:6379", 5.5, 0)
    assert redis.steps == (Step("send", b"PING\r\n"), Step("expect", b"+PONG"))
    assert redis.command == ("true",)
    assert (echo.send, echo.answer) == (b"\0\1", True)


def test_the_example_of_the_help_is_one(tmp_path: Path) -> None:
    text = inspect.cleandoc(Watch.__doc__ or "")
    text = text.partition("of its own:\n")[2].partition("\nAt the top")[0]
    shop, redis = read(tmp_path, text)
    assert (shop.name, redis.steps[0].data) == ("shop", b"PING\r\n")


T = '[[target]]\ntarget = "tcp://127.0.0.1:1"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no target in it"),
        ("interval = 5", "there is no target in it"),
        ("[target]\nname = 'x'", "write [[target]] above each target"),
        ("target = 5", "write [[target]] above each target"),
        ("[[target]]\nname = 'x'", "target 1 (x): target is missing"),
        ("[[target]]\ntarget = ''", "target 1: "),
        ("[[target]]\ntarget = 'tcp://'", "target 1 (tcp://): "),
        ("[[target]]\ntarget = 'tcp://a'", "there is no port"),
        ("[[target]]\ntarget = 'vsock://1:1'", "vsock cannot be watched yet"),
        ("[[target]]\ntarget = 'dns://127.0.0.1/a?type=B'", "there is no record type 'B'"),
        ("[[target]]\ntarget = 'gopher://a'", "the scheme gopher is not known"),
        (T + "intervall = 5", "there is no intervall; did you mean interval?"),
        (T + "colour = 5", "there is no colour; known are command, expect,"),
        ("interwal = 5\n" + T, "there is no interwal; did you mean interval?"),
        ("name = 'x'\n" + T, "there is no name"),
        (T + "interval = 'x'", "interval is a number of seconds"),
        (T + "interval = 0.5", "interval is 0.5; from 1 s to a day"),
        (T + "interval = inf", "interval is a number of seconds"),
        (T + "timeout = 1e9", "timeout is 1e+09; from 0.1 s to a day"),
        (T + "retries = -1", "retries is a whole number from 0 to 100"),
        (T + "retries = true", "retries is a whole number from 0 to 100"),
        (T + "status = 200", "status is not for tcp"),
        (T + "days = 3", "days is not for tcp"),
        (T + "send = '\\q'", "send has \\q at character 1 is no escape"),
        (T + "talk = ['say hello']", "talk is a list such as"),
        (T + "command = 'rm -rf'", "command is a list of a program and its arguments"),
        (T + "command = []", "command is a list of a program and its arguments"),
        (T + T.replace(":1", ":1/"), ""),
        (T + 'name = "a"\n' + T.replace(":1", ":2") + 'name = "a"', "two targets are called a"),
        ("[[target]]\ntarget = 'http://a/'\nstatus = 20", "status is a whole number from 100"),
        ("[[target]]\ntarget = 'http://a/'\nmethod = 'POST'", "method is"),
        ("[[target]]\ntarget = 'https://a/'\nverify = 'no'", "verify is true or false"),
        ("a = ", "it is no TOML"),
        ("a = [" * 5_000, "it is "),
        ("#" * (2 << 20), "it is larger than 1 MiB"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, words: str, tmp_path: Path) -> None:
    if not words:  # the same target twice is one
        assert len(read(tmp_path, text)) == 1
        return
    with pytest.raises(JobError) as problem:
        read(tmp_path, text)
    line = f"{problem.value.cause}; {problem.value.advice}"
    assert words in line
    assert "\n" not in line
    if "two targets" not in line:
        assert str(tmp_path / "watch.toml") in line


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no such path"):
        Watch(file=tmp_path / "none.toml").all_targets()
    with pytest.raises(JobError, match=r"directory|regular"):
        Watch(file=tmp_path).all_targets()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(JobError, match="regular"):
        Watch(file=tmp_path / "fifo").all_targets()
    (tmp_path / "latin").write_bytes(b"# \xff")
    with pytest.raises(JobError, match="UTF-8"):
        Watch(file=tmp_path / "latin").all_targets()


def line(text: str) -> list[Target]:
    return parse_line(job.watch, text.split()).all_targets()


def test_the_options_of_a_line_go_to_those_that_heed_them() -> None:
    words = "--expect hello --status 204 --days 3 --interval 5 --command true"
    web, mail, plain = line(f"http://a/ smtps://b 127.0.0.1:1 {words}")
    assert (web.expect, web.status, web.interval) == (("hello",), (204,), 5.0)
    assert (mail.expect, mail.status, mail.days) == (("hello",), (), 3)
    assert (plain.name, plain.steps) == ("tcp://127.0.0.1:1", (Step("expect", b"hello"),))
    assert plain.command == ("true",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is nothing to follow"),
        ("example.org", "or icmp://example.org to ping it"),
        ("127.0.0.1:1 --interval 0", "interval is 0"),
        ("127.0.0.1:1 --timeout nan", "timeout is nan"),
        ("127.0.0.1:1 --retries 1000", "retries is 1000"),
        ("127.0.0.1:1 --command 'x", "close the quote"),
        pytest.param(
            " ".join(f"127.0.0.1:{port}" for port in range(1, 1_003)),
            f"({TARGETS_MOST:,})",
            id="too many",
        ),
    ],
)
def test_what_is_wrong_with_a_line(text: str, words: str) -> None:
    with pytest.raises(JobError) as problem:
        line(text)
    assert words in f"{problem.value.cause}; {problem.value.advice}"


def test_the_same_target_twice_is_one() -> None:
    assert len(line("127.0.0.1:1 tcp://127.0.0.1:1")) == 1


plain = st.one_of(
    st.none().map(lambda _: True), st.integers(), st.floats(), st.text(), st.lists(st.text())
)


@given(st.sampled_from(sorted(reading._READERS)), plain)
def test_any_value_of_a_key(name: str, value: object) -> None:
    try:
        reading._READERS[name](value)
    except ValueError as problem:
        said = str(problem).replace(repr(value), "")
    else:
        said = ""
    assert "\n" not in said
