"""Runs of the command line in the history: kept, listed, run again, forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import events, run, server
from workbench.core.history import History


def past(*words: str) -> list[dict[str, Any]]:
    found = run("history", *words, "--json")
    lines = events(found.stdout)
    assert found.returncode == 0
    assert lines[-1]["type"] == "done"
    return lines[:-1]


def test_runs_are_kept_with_their_outcome() -> None:
    assert past() == []
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        run("connect", endpoint, data=b"x")
    run("connect", "tcp://127.0.0.1:1")
    good, bad = past()
    assert (good["job"], good["target"], good["outcome"]) == ("connect", endpoint, "done")
    assert (bad["job"], bad["target"], bad["outcome"]) == (
        "connect",
        "tcp://127.0.0.1:1",
        "failed",
    )
    assert good["time"] <= bad["time"]
    assert 0 <= good["took"] < 60
    assert past("127.0.0.1:1") == [bad]
    assert past("--limit", "1") == [bad]
    people = run("history").stdout.decode().splitlines()
    assert [line.split()[0] for line in people] == ["1", "2"]
    assert "connect tcp://127.0.0.1:1" in people[1]


def test_a_run_is_run_again() -> None:
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        run("connect", endpoint, "--crlf", "--quiet", data=b"x\n")
        again = run("history", "--again", "1", "--quiet", data=b"y\n")
        code = run("history", "--again", "1", "--shell")
    assert (again.returncode, again.stdout) == (0, b"y\r\n")
    assert b"socat" in code.stdout
    assert [one["target"] for one in past()] == [endpoint, endpoint]


def test_runs_are_forgotten() -> None:
    for _ in range(3):
        run("connect", "tcp://127.0.0.1:1")
    assert run("history", "--forget", "2").returncode == 0
    assert [one["id"] for one in past()] == [1, 3]
    missing = run("history", "--forget", "2")
    assert (missing.returncode, b"there is no run 2" in missing.stderr) == (1, True)
    assert run("history", "--forget-all").stderr == b"forgot 2 runs\n"
    assert past() == []


def test_a_password_in_a_target_is_not_kept(own_home: Path) -> None:
    run("connect", "ftp://someone:hunter2@127.0.0.1:1/x")
    (one,) = past()
    assert one["target"] == "ftp://someone@127.0.0.1:1/x"
    state = own_home / "state" / "workbench"
    kept = b"".join(path.read_bytes() for path in state.iterdir())
    assert b"ftp://someone" in kept
    assert b"hunter2" not in kept


def test_the_settings_can_forbid_it(own_home: Path) -> None:
    folder = own_home / "config" / "workbench"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text("[history]\nenabled = false\n")
    run("connect", "tcp://127.0.0.1:1")
    assert past() == []
    assert not (own_home / "state").exists()


def test_a_history_that_cannot_be_written_fails_no_run(own_home: Path) -> None:
    (own_home / "state").write_text("no folder")
    with server("echo", "tcp://127.0.0.1:0") as endpoint:
        found = run("connect", endpoint, "--quiet", data=b"x")
    assert (found.returncode, found.stdout, found.stderr) == (0, b"x", b"")


def test_a_number_that_does_not_fit_this_version_is_said(own_home: Path) -> None:
    history = History()
    history.begin("connect", "tcp://h:1", '{"job":"connect","endpoint":"tcp://h:1","new":1,"x":')
    history.begin("gone", "x", "{}")
    history.close()
    for number in ("1", "2"):
        found = run("history", "--again", number)
        assert found.returncode == 2
        assert found.stderr.count(b"\n") == 1


def test_times_are_local() -> None:
    run("connect", "tcp://127.0.0.1:1")
    here, there = (run("history", env={"TZ": zone}).stdout for zone in ("UTC0", "AAA-12"))
    assert here != there


@pytest.mark.parametrize(
    "words", [["--forget", "1", "--forget-all"], ["--again", "1", "--forget", "1"]]
)
def test_one_thing_at_a_time(words: list[str]) -> None:
    assert run("history", *words).returncode == 2
