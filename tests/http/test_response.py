"""Status lines and header fields of answers."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from workbench.http.response import PHRASES, check_fields, refusal, status_line


def test_every_status_that_python_knows_has_a_phrase() -> None:
    assert {status.value for status in HTTPStatus} <= set(PHRASES)
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"


def test_other_statuses_and_phrases() -> None:
    assert status_line(299) == b"HTTP/1.1 299 \r\n"
    assert status_line(200, "Fine, thanks") == b"HTTP/1.1 200 Fine, thanks\r\n"
    assert status_line(200, "") == b"HTTP/1.1 200 \r\n"
    assert status_line(200, "\u00fc \u20ac") == b"HTTP/1.1 200 \xfc ?\r\n"
    assert refusal(599, "no").body == [b"599 : no\n"]
    for status, reason in ((99, None), (1000, None), (200, "a\nb"), (200, "\0")):
        with pytest.raises(ValueError):
            status_line(status, reason)


@pytest.mark.parametrize(
    "pair", [(b"", b"x"), (b"a b", b"x"), (b"a:", b"x"), (b"a", b"x\r\ny"), (b"a", b"\x7f")]
)
def test_fields_that_would_break_out_of_their_lines(pair: tuple[bytes, bytes]) -> None:
    check_fields(((b"X-Fine", b"as \t it \xff is"),))
    with pytest.raises(ValueError):
        check_fields((pair,))
