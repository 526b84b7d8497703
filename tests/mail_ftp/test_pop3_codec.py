"""POP3's bytes: replies, listings, bodies, whatever the packets are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.failure import JobError
from workbench.mail_ftp.pop3 import codec


def fed(data: bytes, step: int) -> tuple[bytes, codec.Body]:
    body = codec.Body()
    out = b"".join(body.feed(data[at : at + step]) for at in range(0, len(data), step))
    return out, body


@given(
    st.lists(st.sampled_from([b".", b"..", b"a", b"", b".\r", b"x.y", b"\xff"])), st.integers(1, 9)
)
def test_what_is_stuffed_comes_out_as_it_was(lines: list[bytes], step: int) -> None:
    data = b"".join(line.rstrip(b"\r") + b"\r\n" for line in lines)
    out, body = fed(b"".join(codec.stuffed(data)), step)
    assert (out, body.done, body.rest, body.size) == (data, True, b"", len(data))


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes_at_all_are_read(data: bytes, step: int) -> None:
    whole, one = fed(data, max(1, len(data)))
    pieces, other = fed(data, step)
    assert one.done == other.done
    if not one.done:
        assert whole == pieces
    for parse in (codec.parse_reply, codec.parse_scan, codec.parse_uidl):
        try:
            parse(data)
        except JobError:
            pass
    codec.parse_capabilities([data])
    codec.apop_stamp(data)


def test_what_comes_after_the_end_is_told_apart() -> None:
    body = codec.Body()
    assert body.feed(b"one\r\n..two\r\n.\r\n+OK more\r\n") == b"one\r\n.two\r\n"
    assert body.rest == b"+OK more\r\n"


def test_a_reply_is_read_with_its_code() -> None:
    assert codec.parse_reply(b"+OK") == (True, b"", "")
    assert codec.parse_reply(b"-ERR [IN-USE] held") == (False, b"held", "IN-USE")
    assert codec.meaning(b"-ERR [sys/temp] later") == "a fault of the server that will pass"
    with pytest.raises(JobError, match="HTTP"):
        codec.parse_reply(b"HTTP/1.1 400 Bad Request")


def test_listings_that_lie_are_refused() -> None:
    assert codec.parse_scan(b"3 120 octets") == (3, 120)
    assert codec.parse_uidl(b"3 abc") == (3, "abc")
    for line in (b"", b"x 1", b"0 5", b"1 -5", b"1 99999999999", b"\xb2 1"):
        with pytest.raises(JobError):
            codec.parse_scan(line)


def test_the_digest_is_that_of_the_rfc() -> None:
    stamp = codec.apop_stamp(b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
    assert codec.apop_digest(stamp, "tanstaaf") == "c4c9334bac560ecc979e58001b3e22fb"
    assert codec.apop_stamp(b"+OK <a\xffb@c>") == b""
