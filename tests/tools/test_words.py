"""The reference tables: against the standard library, and the code that looks things up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus
from ssl import AlertDescription

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import PATIENCE, run
from workbench.core.failure import JobError
from workbench.core.job import Request
from workbench.http.field_names import REGISTERED
from workbench.tools.words.alerts import alerts
from workbench.tools.words.attributes import attributes
from workbench.tools.words.entry import Entry, look_up
from workbench.tools.words.http_fields import SENT_BY, SOURCES, http_fields
from workbench.tools.words.job import Alerts, Attributes, Headers, Methods, Status
from workbench.tools.words.methods import methods
from workbench.tools.words.statuses import statuses

TABLES = [statuses, http_fields, methods, attributes, alerts]


def test_every_status_of_python_is_known() -> None:
    known = {one.number: one for one in statuses()}
    assert set(map(int, HTTPStatus)) <= known.keys()
    assert len(known) == len(statuses())
    for one in HTTPStatus:
        assert one.name in known[one].python
        # A phrase that is not the registry's is told.
        assert one.phrase == known[one].name or one.phrase in known[one].python


def test_every_method_and_alert_of_python_is_known() -> None:
    assert {str(one.value) for one in HTTPMethod} <= {one.name for one in methods()}
    assert set(map(int, AlertDescription)) <= {one.number for one in alerts()}


def test_every_registered_field_has_its_document() -> None:
    known = {one.name.lower(): one for one in http_fields()}
    assert SOURCES.keys() <= REGISTERED.keys() <= known.keys()
    assert SENT_BY.keys() <= known.keys()
    assert [name for name in REGISTERED if not known[name].source] == []


def found(table: tuple[Entry, ...], *words: str) -> list[str]:
    return [one.title for one in look_up(table, words, "word")]


def test_a_number_a_class_a_name_and_a_part() -> None:
    assert found(statuses(), "404") == ["404 Not Found"]
    assert {title[0] for title in found(statuses(), "5XX")} == {"5"}
    assert found(http_fields(), "Vary:") == ["Vary"]
    assert found(http_fields(), "age")[0] == "Age"
    assert found(attributes(), "samesite=none")[0] == "SameSite=None"
    assert found(alerts(), "48") == ["48 unknown_ca"]
    with pytest.raises(JobError, match="no word is called 1234"):
        look_up(statuses(), ("1234",), "word")


@given(st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_any_words_find_rows_or_nothing(words: list[str]) -> None:
    for table in TABLES:
        try:
            rows = look_up(table(), tuple(words), "word")
        except JobError:
            continue
        assert set(rows) <= set(table())


def printed(*command: str) -> list[str]:
    shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return shown.stdout.splitlines()


@pytest.mark.parametrize(
    ("request_", "table"),
    [
        (Status(("404", "5xx")), statuses()),
        (Status(), statuses()),
        (Headers(("vary:", "etag")), http_fields()),
        (Methods(("patch",)), methods()),
        (Attributes(("httponly",)), attributes()),
        (Alerts(("48", "expired")), alerts()),
    ],
)
def test_the_code_finds_what_the_job_finds(
    request_: Status | Headers | Methods | Attributes | Alerts, table: tuple[Entry, ...]
) -> None:
    rows = look_up(table, request_.words, "word")
    by_shell = printed("sh", "-c", request_.as_shell())
    assert {line.partition(":")[0] for line in by_shell} == {one.title for one in rows}
    by_python = printed(sys.executable, "-c", request_.as_python())
    if isinstance(request_, Headers):
        assert sorted(by_python) == sorted(by_shell)
        return
    # What the standard library knows of them; phrases differ between Pythons, numbers do not.
    in_python = [one for one in rows if one.python and not one.python.startswith("not ")]
    assert {line.split()[0].lower() for line in by_python} == {
        str(one.number) if one.number >= 0 else one.name.lower() for one in in_python
    }


@pytest.mark.parametrize("kind", [Status, Headers, Methods, Attributes, Alerts])
def test_hostile_words_stay_words_in_the_code(
    kind: Callable[[tuple[str, ...]], Request],
) -> None:
    request = kind(("'; echo gone; #", "x[", "\\"))
    for command in (["sh", "-c", request.as_shell()], [sys.executable, "-c", request.as_python()]):
        shown = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert (shown.stdout, shown.stderr) == ("", "")


def test_the_command_line() -> None:
    shown = run("status", "502")
    assert shown.returncode == 0
    assert b"502 Bad Gateway" in shown.stdout
    assert b"RFC 9110" in shown.stdout
    assert run("alerts", "zzz").returncode == 1
