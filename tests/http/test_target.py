"""Request targets as paths below a root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.request_head import BadRequest
from workbench.http.target import Path, parse_target


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/", Path(b".", True)),
        (b"/a", Path(b"a", False)),
        (b"/a/", Path(b"a", True)),
        (b"/a/b.txt", Path(b"a/b.txt", False)),
        (b"/.hidden", Path(b".hidden", False)),
        (b"/a?b=/../c", Path(b"a", False, b"?b=/../c")),
        (b"/?", Path(b".", True, b"?")),
        (b"/a//b", Path(b"a/b", False)),
        (b"//a", Path(b"a", False)),
        (b"/a/./b/.", Path(b"a/b", True)),
        (b"/a/b/..", Path(b"a", True)),
        (b"/a/../b", Path(b"b", False)),
        (b"/a/%2e%2E/b", Path(b"b", False)),
        (b"/a/...", Path(b"a/...", False)),
        (b"/a%20b", Path(b"a b", False)),
        (b"/%C3%A9", Path("é".encode(), False)),
        (b"/\xc3\xa9", Path("é".encode(), False)),
        (b"/%252e%252e/a", Path(b"%2e%2e/a", False)),
        (b"/a+b", Path(b"a+b", False)),
        (b"/..%5c..%5ca", Path(b"..\\..\\a", False)),
        (b"/..\\a", Path(b"..\\a", False)),
        (b"/%c0%ae%c0%ae/a", Path(b"\xc0\xae\xc0\xae/a", False)),
        (b"http://h/a", Path(b"a", False)),
        (b"HTTPS://h:1", Path(b".", True)),
        (b"http://h?q", Path(b".", True, b"?q")),
    ],
)
def test_paths(target: bytes, path: Path) -> None:
    assert parse_target(target) == path


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/..", 400),
        (b"/../a", 400),
        (b"/a/../../a", 400),
        (b"/%2e%2e/a", 400),
        (b"/.%2e/a", 400),
        (b"//../a", 400),
        (b"http://h/../a", 400),
        (b"/a%2fb", 404),
        (b"/..%2f..%2fa", 404),
        (b"/%2e%2e%2fa", 404),
        (b"/a%00.txt", 404),
        (b"/a%", 400),
        (b"/a%2", 400),
        (b"/a%2g", 400),
        (b"/a#b", 400),
        (b"*", 400),
        (b"a", 400),
        (b"h:80", 400),
        (b"ftp://h/a", 400),
        (b"http:///a", 400),
    ],
)
def test_what_is_refused(target: bytes, status: int) -> None:
    refused = parse_target(target)
    assert isinstance(refused, BadRequest)
    assert refused.status == status


ELEMENTS = st.sampled_from(
    [b"/", b"//", b"..", b".", b"%2e", b"%2E%2e", b"%2f", b"%00", b"\\", b"%5c", b"a", b"%c0%ae"]
)


@given(st.lists(st.one_of(ELEMENTS, st.binary(max_size=3)), max_size=12).map(b"".join))
def test_no_target_leads_out_of_the_root(rest: bytes) -> None:
    path = parse_target(b"/" + rest)
    if isinstance(path, Path):
        names = path.relative.split(b"/")
        assert b".." not in names
        assert b"" not in names
        assert b"\0" not in path.relative
        assert path.relative == b"." or b"." not in names


NAME = st.binary(min_size=1, max_size=8).filter(
    lambda n: n not in (b".", b"..") and b"/" not in n and b"\0" not in n
)


@given(st.lists(NAME, max_size=4))
def test_a_path_as_url_leads_to_itself(names: list[bytes]) -> None:
    path = Path(b"/".join(names) or b".", True)
    assert parse_target(path.url()) == path
    assert not path.url().startswith(b"//")
