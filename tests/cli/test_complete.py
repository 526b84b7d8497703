"""Completion: what is offered, and that the shells themselves take it."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, WORKBENCH, run
from workbench import catalogue
from workbench.cli.main import COMMANDS
from workbench.cli.words import FLAGS, secret_flags
from workbench.core.job import parameters


def offered(*words: str) -> list[str]:
    """The candidates without what is said about them."""
    found = run("__complete", *words)
    assert found.stderr == b""
    return [line.partition("\t")[0] or line for line in found.stdout.decode().splitlines()]


def test_first_words() -> None:
    firsts = {name.partition(" ")[0] for name in catalogue.JOBS}
    assert set(offered("")) == {*firsts, *COMMANDS, "--help", "--version"}
    assert offered("conn") == ["connect"]
    assert offered("nothing") == []
    assert offered("help", "conn") == ["connect"]
    kinds = [name.partition(" ")[2] for name in catalogue.JOBS if name.startswith("serve ")]
    assert offered("serve", "") == [*kinds, "--help"]


def test_every_option_of_every_job() -> None:
    for job in catalogue.load_all():
        names = offered(*job.name.split(), "--")
        for one in parameters(job.request):
            if not one.about.positional:
                off = one.kind is bool and one.default is True
                flag = f"--no-{one.flag[2:]}" if off else one.flag
                wanted = secret_flags(one) if one.about.secret else (flag,)
                assert set(wanted) <= set(names)
        assert set(FLAGS) <= set(names)


def test_an_option_is_offered_once() -> None:
    names = offered("serve", "http", "--root", "x", "--json", "--")
    assert "--root" not in names
    assert "--json" not in names
    assert "--timeout" in names


def test_schemes_and_the_example() -> None:
    assert offered("connect", "ud")[:1] == ["udp://"]
    assert "tcp://127.0.0.1:7007" in offered("connect", "")
    assert offered("connect", "tcp://x:1", "tc") == []


def test_past_targets_come_first() -> None:
    run("connect", "tcp://127.0.0.1:1")
    assert offered("connect", "")[0] == "tcp://127.0.0.1:1"
    assert offered("connect", "tcp://127.0.0.1:1") == ["tcp://127.0.0.1:1"]
    assert "tcp://127.0.0.1:1" not in offered("serve", "echo", "")


def test_looking_keeps_no_file(own_home: Path) -> None:
    assert offered("connect", "")
    assert list(own_home.iterdir()) == []


def test_file_names_are_left_to_the_shell() -> None:
    assert offered("serve", "http", "--root", "") == ["\t"]
    assert offered("serve", "http", "--root=x") == ["\t--root="]
    assert "\tunix:" in offered("connect", "unix:/tm")


def test_values_of_what_is_no_job() -> None:
    assert offered("completion", "") == ["bash", "zsh", "fish"]
    assert "--again" in offered("history", "--")


@pytest.mark.peer("bash", "zsh", "fish")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_good_for_its_shell(shell: str) -> None:
    script = run("completion", shell).stdout
    found = subprocess.run([shell, "-n"], input=script, capture_output=True, check=False)
    assert (found.returncode, found.stderr) == (0, b"")


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment where `workbench` is a command, in a folder with files."""
    path = tmp_path / "bin" / "workbench"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {shlex.join(WORKBENCH)} "$@"\n', encoding="ascii")
    path.chmod(0o755)
    folder = tmp_path / "files"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pine.txt").touch()
    return {
        **os.environ,
        "PATH": f"{path.parent}:{os.environ['PATH']}",
        "PWD": str(folder),
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }


LINES = [
    ("workbench conn", ["connect"]),
    ("workbench serve ec", ["echo"]),
    ("workbench serve http --ro", ["--root"]),
    ("workbench serve http --root pi", ["pictures", "pine.txt"]),
    ("workbench connect udp6", ["udp6://"]),
    ("workbench connect tcp://127.0.0.1:70", ["tcp://127.0.0.1:7007"]),
    ("workbench nothing ", []),
]
"""What is typed, and what its last word may become."""

BASH = """
source <(workbench completion bash)
[[ $(complete -p workbench) == *_workbench* ]] || exit 9
COMP_LINE=$1 COMP_POINT=${#1}
_workbench
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.peer("bash")
@pytest.mark.parametrize(("line", "values"), LINES)
def test_bash(line: str, values: list[str], program: dict[str, str]) -> None:
    found = subprocess.run(
        ["bash", "-c", BASH, "bash", line],
        capture_output=True,
        env=program,
        cwd=program["PWD"],
        timeout=PATIENCE,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    word = line.rpartition(" ")[2]
    # bash puts a candidate behind the last colon of the word.
    cut = word.rfind(":") + 1
    assert sorted(found.stdout.decode().split()) == sorted(value[cut:] for value in values)


@pytest.mark.peer("fish")
@pytest.mark.parametrize(("line", "values"), LINES)
def test_fish(line: str, values: list[str], program: dict[str, str]) -> None:
    script = f"workbench completion fish | source; complete -C {shlex.quote(line)}"
    found = subprocess.run(
        ["fish", "--no-config", "-c", script],
        capture_output=True,
        env=program,
        cwd=program["PWD"],
        timeout=PATIENCE,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    offers = [one.partition("\t")[0] for one in found.stdout.decode().splitlines()]
    # fish marks a folder.
    assert sorted(one.replace("pictures/", "pictures") for one in offers) == sorted(values)


@pytest.mark.peer("zsh")
@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("workbench conn", "workbench connect "),
        ("workbench serve http --ro", "workbench serve http --root "),
        ("workbench serve http --root pic", "workbench serve http --root pictures/"),
        ("workbench connect udp6", "workbench connect udp6://"),
        ("workbench connect tcp://127.0.0.1:70", "workbench connect tcp://127.0.0.1:7007 "),
    ],
)
def test_zsh(line: str, becomes: str, program: dict[str, str]) -> None:
    """In a real zsh: type the line and a tab, then have the line editor show what it holds."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 200))
    set_up = [
        "autoload -U compinit && compinit -D",
        "source <(workbench completion zsh)",
        "show() { print -r -- \"<$BUFFER>\"; BUFFER=; }; zle -N show; bindkey '^X' show",
        "print -r -- set''up",
    ]
    with subprocess.Popen(
        ["zsh", "-f", "-i"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=program,
        cwd=program["PWD"],
        start_new_session=True,
    ) as shell:
        os.close(slave)
        try:
            os.write(master, "\n".join([*set_up, ""]).encode())
            read_until(master, b"\nsetup\r\n")
            os.write(master, f"{line}\t\x18".encode())
            shown = read_until(master, b">\r\n")
        finally:
            shell.kill()
    os.close(master)
    assert shown.decode().rpartition("<")[2] == f"{becomes}>\r\n"


def read_until(master: int, end: bytes) -> bytes:
    """What a terminal shows up to a text."""
    shown = b""
    while end not in shown:
        assert select.select([master], [], [], PATIENCE)[0], shown
        shown += os.read(master, 1 << 16)
    return shown[: shown.index(end) + len(end)]
