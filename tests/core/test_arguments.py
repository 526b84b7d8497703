"""Words to requests: the grammar that the command line and the target lines share."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench import catalogue
from workbench.core.arguments import UsageError, convert, nearest, parse_line
from workbench.core.endpoint import parse
from workbench.core.job import parameters
from workbench.http.serve import ServeHttp
from workbench.sockets.connect import Connect

HTTP = catalogue.load("serve http")
CONNECT = catalogue.load("connect")


def test_values_by_place_and_by_name() -> None:
    request = parse_line(HTTP, ["http://127.0.0.1:0/", "--root", "/tmp", "--timeout=2.5"])
    assert request == ServeHttp(parse("http://127.0.0.1:0/"), root=Path("/tmp"), timeout=2.5)


def test_options_may_come_first() -> None:
    request = parse_line(HTTP, ["--root", "/tmp", "http://127.0.0.1:0/"])
    assert request == ServeHttp(parse("http://127.0.0.1:0/"), root=Path("/tmp"))


def test_yes_and_no() -> None:
    target = "tcp://127.0.0.1:7"
    assert parse_line(CONNECT, [target, "--crlf"]) == Connect(parse(target), crlf=True)
    assert parse_line(HTTP, ["http://[::1]:0/", "--no-links"]).links is False


def test_what_is_known_already_yields_to_the_words() -> None:
    given = {"root": Path("/a"), "timeout": 3.0}
    request = parse_line(HTTP, ["http://127.0.0.1:0/", "--root", "/b"], given)
    assert (request.root, request.timeout) == (Path("/b"), 3.0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "ENDPOINT is missing"),
        (["http://127.0.0.1:0/", "more"], "'more' is one word too many"),
        (["http://127.0.0.1:0/", "--rot", "x"], "did you mean --root?"),
        (["http://127.0.0.1:0/", "--root"], "--root wants a value"),
        (["http://127.0.0.1:0/", "--timeout", "soon"], "'soon' is not a number"),
        (["http://127.0.0.1:99999/"], "65535"),
        (["http://127.0.0.1:0/", "--no-root"], "no option --no-root"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_line(HTTP, words)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_dashes_end_the_options() -> None:
    with pytest.raises(UsageError, match="--root"):
        parse_line(HTTP, ["--", "--root"])


def test_every_example_is_a_request() -> None:
    for job in catalogue.load_all():
        _, words = catalogue.match(job.example.split())
        assert parse_line(job, words).job == job.name


def test_convert_knows_every_kind_that_requests_use() -> None:
    for job in catalogue.load_all():
        for one in parameters(job.request):
            if one.required or one.default in (None, ()):
                continue
            text = "yes" if one.default is True else "no" if one.default is False else one.default
            assert convert(one, str(text)) == one.default


def test_nearest_is_silent_when_nothing_is_near() -> None:
    assert nearest("zzz", ["--root"]) == ""
