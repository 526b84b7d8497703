"""Words to requests: the grammar that the command line and the target lines share."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import catalogue
from workbench.core.arguments import UsageError, convert, nearest, parse_line, words_of
from workbench.core.endpoint import parse
from workbench.core.job import parameters
from workbench.core.text import escape
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
        _, words = catalogue.match(shlex.split(job.example))
        assert parse_line(job, words).job == job.name


def test_convert_knows_every_kind_that_requests_use() -> None:
    for job in catalogue.load_all():
        for one in parameters(job.request):
            if one.required or one.default in (None, ()):
                continue
            for value in one.default if one.many else (one.default,):
                text = "yes" if value is True else "no" if value is False else value
                if isinstance(value, bytes):
                    text = escape(value)
                assert convert(one, str(text)) == value


def test_nearest_is_silent_when_nothing_is_near() -> None:
    assert nearest("zzz", ["--root"]) == ""


# -- and back ------------------------------------------------------------------------------------


@given(
    st.sampled_from(["tcp://127.0.0.1:7007", "unix:/run/a b", "[::1]:80"]),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), max_size=3),
    st.booleans(),
    st.integers(0, 9),
)
def test_words_of_a_request_make_the_same_request(
    endpoint: str, allow: list[str], links: bool, most: int
) -> None:
    request = ServeHttp(parse(endpoint), allow=tuple(allow), links=links, max_connections=most)
    words = words_of(request)
    assert words[:2] == ["serve", "http"]
    assert parse_line(HTTP, words[2:]) == request


def test_words_of_a_request_hold_no_secret_and_no_default() -> None:
    request = ServeHttp(parse("http://me:hush@127.0.0.1:80/"))
    assert words_of(request) == ["serve", "http", "http://me@127.0.0.1/"]
    pasted = parse_line(catalogue.load("what"), ["Basic bWU6aHVzaA=="])
    assert words_of(pasted) == ["what"]


def test_words_that_look_like_options_stay_what_they_are() -> None:
    job = catalogue.load("address")
    request = job.request(what=("--x", "1"), nat64="64:ff9b::/96")
    words = words_of(request)
    assert words == ["address", "--nat64=64:ff9b::/96", "--", "--x", "1"]
    assert parse_line(job, words[1:]) == request
