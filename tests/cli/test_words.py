"""What the command line makes of its words, and what it says of those it cannot use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import run
from workbench import catalogue
from workbench.cli.help import one as help_of
from workbench.cli.words import FLAGS, split
from workbench.core.arguments import UsageError, defaults
from workbench.core.job import Job, Request, option, parameters
from workbench.core.message import Event
from workbench.core.scope import Scope

HTTP = catalogue.load("serve http")
CONNECT = catalogue.load("connect")


@dataclass(frozen=True, slots=True)
class Login(Request):
    """A request with a secret."""

    password: str = option("", "the password", secret=True)
    ports: tuple[int, ...] = option((), "ports")
    plain: bool = option(True, "in clear")

    def as_python(self) -> str:
        """Nothing."""
        return ""

    def as_shell(self) -> str:
        """Nothing."""
        return ""


def nothing(request: Login, scope: Scope) -> Iterator[Event]:
    yield from ()


LOGIN: Job[Any] = Job("login", "tools", nothing, Login, "login", False, ())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("conect tcp://127.0.0.1:7", "did you mean connect?"),
        ("nonsense", "workbench --help lists them"),
        ("serve", "workbench: serve what? echo, "),
        ("serve ecko tcp://127.0.0.1:0", "did you mean echo?"),
        ("serve --json", "serve what?"),
        ("connect", "TARGET is missing"),
        ("connect tcp://127.0.0.1:7 more", "one word too many"),
        ("connect tcp://127.0.0.1:7 --jsn", "did you mean --json?"),
        ("connect tcp://127.0.0.1:7 --qwxyz", "workbench connect --help lists them"),
        ("connect tcp://127.0.0.1:7 -q", "connect has no option -q"),
        ("connect tcp://127.0.0.1:7 --no-timeout", "has no option --no-timeout"),
        ("connect tcp://127.0.0.1:7 --timeout soon", "'soon' is not a number"),
        ("connect tcp://127.0.0.1:99999", "a port goes up to 65535"),
        ("connect tpc://127.0.0.1:7", "did you mean tcp?"),
        ("connect tcp://[::1:7", "tcp://[::1:7"),
        ("history --agin 7", "history: "),
        ("history --again 7", "there is no run 7"),
        ("history --again x", "invalid int value"),
        ("completion", "bash, zsh, fish"),
        ("completion fsh", "did you mean fish?"),
        ("settings more", "settings takes nothing"),
        ("help conect", "did you mean connect?"),
        ("--jsn", "there is no job '--jsn'"),
    ],
)
def test_a_line_that_cannot_be_understood(line: str, says: str) -> None:
    found = run(*line.split())
    text = found.stderr.decode()
    assert found.returncode == 2
    assert found.stdout == b""
    assert says in text
    assert text.startswith("workbench: ")
    assert text.count("\n") == 1


def test_no_job_has_an_option_that_is_the_command_lines() -> None:
    own = set(FLAGS)
    for job in catalogue.load_all():
        assert own.isdisjoint(one.flag for one in parameters(job.request))


def test_own_options_stand_anywhere_but_behind_two_dashes() -> None:
    parts = split(CONNECT, ["--json", "tcp://h:1", "--timeout", "--quiet", "--", "--python"])
    assert parts.options.json
    assert not parts.options.python
    assert not parts.options.quiet
    assert parts.words == ["tcp://h:1", "--timeout", "--quiet", "--", "--python"]


def test_a_hyphen_alone_and_a_negative_number_are_values() -> None:
    assert split(CONNECT, ["-", "-5"]).words == ["-", "-5"]


def test_secrets_come_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN_PASSWORD", "hush \n")
    path = tmp_path / "password"
    path.write_text("geheim\n", encoding="utf-8")
    assert split(LOGIN, ["--password-env", "LOGIN_PASSWORD"]).secrets == {"password": "hush \n"}
    assert split(LOGIN, [f"--password-file={path}"]).secrets == {"password": "geheim"}
    assert split(LOGIN, [f"--password-file={path}"]).words == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--password", "hush"], "--password-env VARIABLE or --password-file FILE"),
        (["--password=hush"], "--password-env VARIABLE"),
        (["--password-env"], "--password-env wants the name of a variable"),
        (["--password-env", "NOT_THERE"], "there is no variable NOT_THERE"),
        (["--password-file", "/not/there"], "/not/there: No such file"),
        (["--passwort-env", "X"], "did you mean --password-env?"),
    ],
)
def test_a_secret_that_is_not_where_it_should_be(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        split(LOGIN, words)
    assert says in str(caught.value)
    assert "hush" not in str(caught.value)


def test_help_offers_no_way_to_type_a_secret() -> None:
    text = help_of(LOGIN)
    assert "--password-env VARIABLE" in text
    assert "--password-file FILE" in text
    assert "--password " not in text


def test_the_settings_give_a_job_its_defaults() -> None:
    table = {"root": "/srv", "timeout": 3, "links": False}
    values, problems = defaults(HTTP, table)
    assert (values, problems) == ({"root": Path("/srv"), "timeout": 3.0, "links": False}, [])
    values, problems = defaults(LOGIN, {"ports": [1, 2], "plain": False})
    assert (values, problems) == ({"ports": (1, 2), "plain": False}, [])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"rot": "/srv"}, "did you mean root?"),
        ({"timeout": "soon"}, "not a number"),
        ({"links": "maybe"}, "not one of no, yes"),
    ],
)
def test_a_wrong_default_is_left_out_and_said(table: dict[str, Any], says: str) -> None:
    values, problems = defaults(HTTP, table)
    assert values == {}
    assert len(problems) == 1
    assert says in problems[0]


def test_a_secret_is_not_taken_from_the_settings() -> None:
    values, problems = defaults(LOGIN, {"password": "hush"})
    assert values == {}
    assert "hush" not in problems[0]


def test_defaults_reach_a_run_and_yield_to_its_words(own_home: Path) -> None:
    folder = own_home / "config" / "workbench"
    folder.mkdir(parents=True)
    (folder / "settings.toml").write_text('[job."serve http"]\nroot = "/srv"\nno = 1\n')
    found = run("serve", "http", "http://127.0.0.1:0/", "--python")
    assert b"directory='/srv'" in found.stdout
    found = run("serve", "http", "http://127.0.0.1:0/", "--python", "--root", "/tmp")
    assert b"directory='/tmp'" in found.stdout


def test_every_field_of_a_request_is_an_option() -> None:
    for job in catalogue.load_all():
        assert {one.name for one in parameters(job.request)} == {
            one.name for one in fields(job.request)
        }
