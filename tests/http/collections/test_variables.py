"""`{{names}}`: where their values come from, and environments."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.http.collections.answers import Answer
from workbench.http.collections.environments import environment, environments
from workbench.http.collections.variables import Variables


def test_which_value_goes_before_which() -> None:
    names = Variables(
        file={"a": "file", "b": "file", "url": "{{host}}/x", "c": "file"},
        environment={"host": "http://h", "a": "env", "only": "env"},
        given={"b": "given", "c": "given"},
    )
    names.captured["c"] = "{{a}}"  # what came off the wire is never filled in
    assert names.fill("{{a}} {{b}} {{c}} {{only}} {{ url }}") == "file given {{a}} env http://h/x"
    assert names.fill("{{%url}} {a} {{}}") == "http%3A%2F%2Fh%2Fx {a} {{}}"


def test_names_without_an_end_or_a_value() -> None:
    names = Variables(file={"a": "{{b}}", "b": "{{a}}", "big": "{{x}}" * 5000, "x": "y" * 5000})
    with pytest.raises(JobError, match="without an end"):
        names.fill("{{a}}")
    with pytest.raises(JobError, match="did you mean big"):
        names.fill("{{bigg}}")
    with pytest.raises(JobError, match="16 MB"):
        names.fill("{{big}}")
    for text in ("{{$what}}", "{{$randomInt a b}}", "{{$timestamp 1 zz}}", "{{$processEnv}}",
                 "{{$timestamp 99999999999999 y}}", "{{$processEnv NONE}}",
                 "{{$dotenv NO_SUCH}}"):  # fmt: skip
        with pytest.raises(JobError):
            Variables(environ={}).fill(text)


def test_values_that_are_made() -> None:
    names = Variables()
    assert uuid.UUID(names.fill("{{$uuid}}")) != uuid.UUID(names.fill("{{$guid}}"))
    uuid.UUID(names.fill("{{$random.uuid}}"))
    now = datetime.datetime.now(datetime.UTC)
    assert abs(int(names.fill("{{$timestamp}}")) - now.timestamp()) < 60
    day = int(names.fill("{{$timestamp -1 d}}"))
    assert 86340 < now.timestamp() - day < 86460
    assert 3 <= int(names.fill("{{$randomInt 3 5}}")) < 5
    assert 3 <= int(names.fill("{{$random.integer(3, 5)}}")) < 5
    assert re.fullmatch("[a-z]{12}", names.fill("{{$random.alphabetic(12)}}"))
    assert names.fill('{{$datetime "YYYY-MM-DD" 1 d}}') == str(
        (datetime.datetime.now(datetime.UTC) + datetime.timedelta(1)).date()
    )
    assert names.fill("{{$datetime rfc1123}}").endswith("GMT")
    assert names.fill("{{$isoTimestamp}}").endswith("Z")


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("export KEY='from file'\n# no\nOTHER=a # b\n")
    folder = tmp_path / "deep"
    folder.mkdir()
    names = Variables(folder=folder, environ={"TOKEN": "s3cret"}, given={"which": "TOKEN"})
    assert names.fill("{{$processEnv TOKEN}} {{$env.TOKEN}} {{$processEnv %which}}") == (
        "s3cret s3cret s3cret"
    )
    assert names.fill("{{$dotenv KEY}}|{{$dotenv OTHER}}") == "from file|a"
    assert names.secrets == {"s3cret", "from file", "a"}


def test_values_of_a_request_that_has_run() -> None:
    names = Variables()
    names.answers["login"] = Answer(
        200, headers=(("X-A", "b"),), body=b'{"token": "t", "n": [1]}',
        sent_headers=(("Accept", "x"),), sent_body='{"q": 1}',
    )  # fmt: skip
    assert names.fill("{{login.response.body.$.token}}") == "t"
    assert names.fill("{{login.response.body.$.n}}") == "[1]"
    assert names.fill("{{login.response.headers.x-a}}") == "b"
    assert names.fill("{{login.request.headers.accept}}") == "x"
    assert names.fill("{{login.request.body.*}}") == '{"q": 1}'
    for text in ("login.response.body.$.x", "login.response.headers.b", "other.response.body.*"):
        with pytest.raises(JobError):
            names.fill(f"{{{{{text}}}}}")


def test_environments(tmp_path: Path) -> None:
    (tmp_path / "http-client.env.json").write_text(
        json.dumps({"dev": {"host": "a", "port": 1}, "prod": {"host": "b"}, "$shared": {"v": "1"}})
    )
    (tmp_path / "http-client.private.env.json").write_text('{"dev": {"host": "private"}}')
    below = tmp_path / "below"
    below.mkdir()
    assert environments(below) == {
        "dev": {"v": "1", "host": "private", "port": "1"}, "prod": {"v": "1", "host": "b"},
    }  # fmt: skip
    assert environment(below, "prod")["host"] == "b"
    assert environment(below, "") == {"v": "1"}
    with pytest.raises(JobError, match="did you mean prod"):
        environment(below, "prd")
    (tmp_path / "http-client.env.json").write_text("[]")
    with pytest.raises(JobError, match="no environments"):
        environments(tmp_path)
    (tmp_path / "http-client.env.json").write_text("{")
    with pytest.raises(JobError, match="no JSON"):
        environments(tmp_path)


def test_environments_of_an_editor(tmp_path: Path) -> None:
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode/settings.json").write_text(
        '{ // mine\n "rest-client.environmentVariables":'
        ' {"$shared": {"a": "1"}, "local": {"b": "http://x"},},\n}'
    )
    assert environments(tmp_path) == {"local": {"a": "1", "b": "http://x"}}


@given(st.text(alphabet="{}$%.ab \n", max_size=60))
def test_any_text_is_filled_or_refused(text: str) -> None:
    try:
        Variables(file={"a": "1", "b": "{{a}}"}, environ={}).fill(text)
    except JobError:
        pass
