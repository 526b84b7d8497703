"""A redirect followed by hand: what goes along is what --follow sends."""

from __future__ import annotations

import pytest

from workbench.core.arguments import parse_line
from workbench.core.failure import JobError
from workbench.http.client.job import Http, http
from workbench.http.client.stepping import next_hop


def asked(*words: str, **secrets: str) -> Http:
    made: Http = parse_line(http, list(words), secrets)
    return made


def hop(request: Http, status: int, location: str) -> tuple[Http, str]:
    made, told = next_hop(request, status, [("Location", location)])
    return made, "; ".join(told)


def test_a_post_becomes_a_get_without_its_body() -> None:
    first = asked(
        "POST", "http://h/a", "x=1", "n:=2", "q==3", "X-A:b", "Content-Type:x/y", "Accept:"
    )
    made, told = hop(first, 303, "/b?c")
    assert (made.method, str(made.url), made.item) == ("GET", "http://h/b?c", ("X-A:b", "Accept:"))
    assert told == "POST becomes GET, without its body (RFC 9110, 15.4)"
    made, told = hop(asked("POST", "http://h/a", "--data=x", "--query=a=b"), 302, "b")
    assert (made.method, made.data, made.query, str(made.url)) == ("GET", (), (), "http://h/b")


def test_a_307_keeps_all() -> None:
    made, told = hop(asked("PUT", "http://h/a", "x=1", "X-A:b"), 307, "/b")
    assert (made.method, made.item, told) == ("PUT", ("x=1", "X-A:b"), "")


def test_credentials_stay_with_their_origin() -> None:
    first = asked(
        "GET", "https://me:pw@h/a", "Cookie:a=1", "X-A:b", "--header=X-B:c",
        secret_header="X-Key: k", bearer="t",
    )  # fmt: skip
    made, told = hop(first, 302, "/b")
    assert (made.user, made.password, made.bearer, made.secret_header) == (
        "me",
        "pw",
        "t",
        "X-Key: k",
    )
    assert "Cookie:a=1" in made.item
    made, told = hop(first, 302, "http://other/b")
    assert (made.user, made.password, made.bearer, made.secret_header) == ("", "", "", "")
    assert (made.url.user, made.item, made.header) == ("", ("X-A:b",), ("X-B:c",))
    assert "https becomes http" in told
    assert "the login" in told
    assert "Cookie" in told
    assert "k" not in told.split("without")[1].replace("Cookie", "").replace("X-Key", "")


@pytest.mark.parametrize(
    ("status", "location", "words"),
    [(200, "/b", "no redirect"), (302, "ftp://h/", "another scheme"),
     (302, "/a\nb", "control character")],
)  # fmt: skip
def test_what_is_not_followed_is_said(status: int, location: str, words: str) -> None:
    with pytest.raises(JobError, match=words):
        hop(asked("GET", "http://h/"), status, location)
