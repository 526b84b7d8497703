"""The environment of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.application import ServerName
from workbench.http.gateway.environ import (
    Target,
    meta_variables,
    split_mount,
    split_peer,
    split_target,
)
from workbench.http.request_head import RequestHead, parse_head

SERVER = ServerName("127.0.0.1", 8000, "http")


def head(*fields: bytes, target: bytes = b"/", method: bytes = b"GET") -> RequestHead:
    block = b"\r\n".join([method + b" " + target + b" HTTP/1.1", b"Host: h", *fields, b"", b""])
    found = parse_head(block)
    assert isinstance(found, RequestHead)
    return found


def variables(found: RequestHead, length: int | None = None, **more: bool) -> dict[str, str]:
    return meta_variables(
        found,
        peer="127.0.0.1:5",
        server=SERVER,
        script_name="",
        path_info="/",
        length=length,
        **more,
    )


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (b"/a?b?c", Target(b"/a", b"b?c")),
        (b"/", Target(b"/", b"")),
        (b"*", Target(b"*", b"")),
        (b"http://u@h:1/a?b", Target(b"/a", b"b", b"h:1")),
        (b"HTTP://h", Target(b"/", b"", b"h")),
        (b"http://h?q", Target(b"/", b"q", b"h")),
        (b"//h/a", Target(b"//h/a", b"")),
    ],
)
def test_targets(target: bytes, wanted: Target) -> None:
    assert split_target(target) == wanted


@pytest.mark.parametrize(
    ("path", "mount", "wanted"),
    [
        (b"/a%20b/%C3%A9", b"", ("", "/a b/\xc3\xa9")),
        (b"/x/y", b"/x", ("/x", "/y")),
        (b"/x", b"/x", ("/x", "")),
        (b"/xy", b"/x", None),
        (b"/%zz%", b"", ("", "/%zz%")),
    ],
)
def test_mounts(path: bytes, mount: bytes, wanted: tuple[str, str] | None) -> None:
    assert split_mount(path, mount) == wanted


@pytest.mark.parametrize(
    ("peer", "wanted"),
    [("1.2.3.4:5", ("1.2.3.4", "5")), ("[::1]:5", ("::1", "5")), ("pid 7", ("", ""))],
)
def test_peers(peer: str, wanted: tuple[str, str]) -> None:
    assert split_peer(peer) == wanted


def test_what_fields_become() -> None:
    found = variables(
        head(
            b"Content-Type: a/b", b"Content-Length: 3", b"X-A: 1", b"x-a: 2", b"Cookie: a=1",
            b"Cookie: b=2", b"Authorization: Basic eA==",
        ),
        length=3,
    )  # fmt: skip
    assert found["CONTENT_TYPE"] == "a/b"
    assert found["CONTENT_LENGTH"] == "3"
    assert found["HTTP_X_A"] == "1, 2"
    assert found["HTTP_COOKIE"] == "a=1; b=2"
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH", "HTTP_AUTHORIZATION"} & set(found)
    kept = variables(head(b"Authorization: Basic eA=="), credentials=True)
    assert kept["HTTP_AUTHORIZATION"] == "Basic eA=="


@pytest.mark.parametrize(
    "field", [b"Proxy: http://evil/", b"PROXY: x", b"X_Forwarded_For: 1", b"Content_Length: 9"]
)
def test_what_is_dropped(field: bytes) -> None:
    assert variables(head(field)) == variables(head())


def test_an_absolute_target_counts_instead_of_the_host() -> None:
    assert variables(head(target=b"http://real:1/"))["HTTP_HOST"] == "real:1"


def test_a_body_of_unknown_length_has_the_length_that_came() -> None:
    found = variables(head(b"Transfer-Encoding: chunked", method=b"POST"), length=7)
    assert found["CONTENT_LENGTH"] == "7"
    assert "HTTP_TRANSFER_ENCODING" not in found
    assert "CONTENT_LENGTH" not in variables(head())


@given(st.binary(min_size=1).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b"")))
def test_every_head_that_is_read_has_an_environment(data: bytes) -> None:
    for block in (
        b"GET /" + data + b" HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + data + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\n" + data + b": x\r\n\r\n",
    ):
        found = parse_head(block)
        if isinstance(found, RequestHead):
            for name, value in variables(found).items():
                assert "\0" not in name + value
                value.encode("latin-1")
