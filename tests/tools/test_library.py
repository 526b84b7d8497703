"""The table of Python's networking library: every job is there, every example runs."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE, WORKBENCH, next_event, started
from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.tools.library import AT, LIBRARY, Library, Row, in_this_python, markdown, rows

ROOT = Path(__file__).parents[2]

NAMED = """ipaddress socket selectors socketserver ssl cgi cgitb wsgiref urllib.parse
urllib.request urllib.robotparser urllib.error http http.client http.server http.cookies
http.cookiejar ftplib nntplib telnetlib smtplib poplib imaplib email uuid xmlrpc.client
xmlrpc.server""".split()  # noqa: SIM905


def test_every_module_has_a_row_and_every_job_is_there() -> None:
    modules = [one.module for one in LIBRARY]
    assert len(set(modules)) == len(modules)
    assert set(NAMED) <= set(modules)
    titles = {tab.name: tab.title for tab in catalogue.TABS}
    for row in LIBRARY:
        assert row.tab == titles[catalogue.load(row.jobs[0]).tab]
        for name in row.jobs:
            assert name in catalogue.JOBS, row.module


def test_a_module_that_left_is_told_so() -> None:
    for name in ("cgi", "cgitb", "nntplib", "telnetlib"):
        (row,) = (one for one in LIBRARY if one.module == name)
        assert "left in Python 3.13" in row.about
        # 3.13 has nntplib only where the package standard-nntplib brings it back.
        assert in_this_python(name) or sys.version_info >= (3, 13)
    assert [one.module for one in rows(("robots",))] == ["urllib.robotparser"]


def test_the_readme_has_the_same_table() -> None:
    assert markdown() in (ROOT / "README.md").read_text()


def words_of(line: str) -> list[str]:
    return shlex.split(line)


# Each line once: many families share one.
EXAMPLES = {(one.example, one.with_): one for one in LIBRARY}


@pytest.mark.parametrize("row", EXAMPLES.values(), ids=lambda row: row.module)
def test_its_example_runs(row: Row, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>a file to serve</p>")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path / "state")}
    if row.example.startswith("serve "):
        with started([*words_of(row.example), "--json"], cwd=tmp_path, env=env) as child:
            assert next_event(child)["type"] == "listening"
        return
    if not row.with_:
        example(row.example, tmp_path, env)
        return
    with started([*words_of(row.with_), "--json"], cwd=tmp_path, env=env) as child:
        listening = next_event(child)
        assert listening["type"] == "listening"
        example(row.example.replace(AT, listening["endpoint"]), tmp_path, env)


def example(line: str, folder: Path, env: dict[str, str]) -> None:
    shown = subprocess.run(
        [*WORKBENCH, *words_of(line)],
        cwd=folder,
        env=env,
        input=b"",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout, shown.stderr


@pytest.mark.parametrize("words", [(), ("urllib", "AF_")])
def test_the_code_says_of_each_row_whether_it_is_here(words: tuple[str, ...]) -> None:
    request = Library(words)
    expected = [f"{one.module} {'yes' if in_this_python(one.module) else 'no'}"
                for one in rows(words)]  # fmt: skip
    command = [sys.executable, "-c", request.as_python()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert shown.stdout.splitlines() == expected
    shell = subprocess.run(
        ["sh", "-c", request.as_shell()],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert [line.split()[0] for line in shell.stdout.splitlines()] == [
        one.module for one in rows(words)
    ]


def test_every_example_is_a_command_line() -> None:
    for row in LIBRARY:
        for line in filter(None, (row.example, row.with_)):
            name, rest = catalogue.match(words_of(line.replace(AT, "tcp://127.0.0.1:1")))
            if AT not in line:
                parse_line(catalogue.load(name), rest)
