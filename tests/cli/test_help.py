"""Help: every job is there, fits the width, and gives an example that works as it stands."""

from __future__ import annotations

import shlex

import pytest

from tests.cli.program import run
from workbench import __version__, catalogue
from workbench.cli.main import COMMANDS
from workbench.cli.words import split
from workbench.core.arguments import parse_line
from workbench.core.job import parameters


def test_help_lists_every_job_by_tab() -> None:
    found = run("--help")
    text = found.stdout.decode()
    assert (found.returncode, found.stderr) == (0, b"")
    assert run("help").stdout == found.stdout == run("-h").stdout
    titles = {tab.name: tab.title for tab in catalogue.TABS}
    for job in catalogue.load_all():
        assert text.index(titles[job.tab]) < text.index(f"\n  {job.name} ")
    for name in COMMANDS:
        assert f"\n  {name} " in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", catalogue.JOBS)
def test_help_on_a_job(name: str) -> None:
    job = catalogue.load(name)
    found = run(*name.split(), "--help")
    text = found.stdout.decode()
    assert (found.returncode, found.stderr) == (0, b"")
    assert run("help", *name.split()).stdout == found.stdout
    assert text.startswith(f"usage: workbench {name} ")
    assert job.summary in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
    for one in parameters(job.request):
        assert one.about.positional or one.flag in text
    line = text.splitlines()[-1]
    assert line == f"  workbench {job.example}"
    found_name, words = catalogue.match(shlex.split(line)[1:])
    assert found_name == name
    assert parse_line(job, split(job, words).words).job == name


def test_defaults_and_units_stand_beside_the_options() -> None:
    text = " ".join(run("serve", "http", "--help").stdout.decode().split())
    assert "--timeout SECONDS" in text
    assert "(default: 10 s)" in text
    assert "--root DIR the folder (default: .)" in text
    assert "--links, --no-links" in text


def test_a_family_lists_its_kinds() -> None:
    found = run("serve", "--help")
    text = found.stdout.decode()
    assert found.returncode == 0
    for name in catalogue.JOBS:
        assert (f"  {name} " in text) is name.startswith("serve ")
    assert run("help", "serve").stdout == found.stdout


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "help"])
def test_what_is_no_job_has_help_too(name: str) -> None:
    found = run(name, "--help")
    assert (found.returncode, found.stderr) == (0, b"")
    assert found.stdout.startswith(f"usage: workbench {name}".encode())
    assert run("help", name).stdout == found.stdout


def test_help_is_asked_for_anywhere() -> None:
    assert run("connect", "tcp://127.0.0.1:7", "--help").stdout == run("connect", "-h").stdout


def test_version() -> None:
    found = run("--version")
    assert (found.returncode, found.stdout) == (0, f"workbench {__version__}\n".encode())


@pytest.mark.parametrize("which", ["--python", "--shell"])
def test_code_is_printed_and_nothing_run(which: str) -> None:
    found = run("connect", "tcp://127.0.0.1:1", which)
    assert (found.returncode, found.stderr) == (0, b"")
    assert b"127.0.0.1" in found.stdout
    assert found.stdout.endswith(b"\n")
    assert run("history", "--json").stdout.count(b"\n") == 1


def test_the_settings_are_shown(own_home: str) -> None:
    found = run("settings")
    assert found.returncode == 0
    assert b"[screen]" in found.stdout
    assert f"{own_home}/config/workbench/settings.toml".encode() in found.stderr
