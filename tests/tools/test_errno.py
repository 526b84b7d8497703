"""Error numbers by name, number and meaning, and the code that looks them up."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from tests.cli.program import PATIENCE, run
from workbench.tools.errno import Errno, matches, table


def named(*words: str) -> set[str]:
    """The names that a word finds."""
    return {one.name for one in table() if any(matches(one, word) for word in words)}


def test_a_number_is_meant_exactly_and_text_by_any_part() -> None:
    assert named(str(errno.EAGAIN)) == {"EAGAIN", "EWOULDBLOCK"}
    assert named("econnref") == {"ECONNREFUSED"}
    assert named("refused") == {"ECONNREFUSED"}
    assert named("no such error") == set()


@pytest.mark.parametrize("words", [("refused",), (str(errno.EAGAIN), "EPIPE"), ("it's",)])
@pytest.mark.parametrize("shell", [False, True])
def test_the_code_finds_what_the_job_finds(words: tuple[str, ...], shell: bool) -> None:
    request = Errno(words)
    command = ["sh", "-c", request.as_shell()]
    if not shell:
        command = [sys.executable, "-c", request.as_python()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    rows = [f"{one.name} {one.number} {one.meaning}" for one in table()]
    expected = [row for row, one in zip(rows, table(), strict=True) if one.name in named(*words)]
    assert shown.stdout.splitlines() == expected


def test_a_word_that_names_nothing_is_told_so() -> None:
    assert run("errno", "zzz").returncode == 1
