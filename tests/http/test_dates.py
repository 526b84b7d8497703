"""HTTP dates, written and read."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.dates import format_date, parse_date

EXAMPLE = 784111777  # the moment of the examples in RFC 9110 section 5.6.7


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_forms(text: bytes) -> None:
    assert parse_date(text) == EXAMPLE


def test_the_form_that_is_written() -> None:
    assert format_date(EXAMPLE) == b"Sun, 06 Nov 1994 08:49:37 GMT"


@given(st.integers(-(2**33), 2**37))
def test_it_agrees_with_the_standard_library_and_reads_back(seconds: int) -> None:
    assert format_date(seconds) == formatdate(seconds, usegmt=True).encode()
    assert parse_date(format_date(seconds)) == seconds


@pytest.mark.parametrize("seconds", [-(2**62), 2**62])
def test_what_has_no_date_is_clamped(seconds: int) -> None:
    assert parse_date(format_date(seconds)) is not None


@pytest.mark.parametrize(("year", "full"), [(b"26", 2026), (b"76", 2076), (b"77", 1977)])
def test_a_year_of_two_digits_lies_at_most_50_years_ahead(year: bytes, full: int) -> None:
    now = parse_date(b"Mon, 23 Nov 2026 00:00:00 GMT")
    assert now is not None
    read = parse_date(b"Friday, 01-Jan-" + year + b" 00:00:00 GMT", now)
    assert read == parse_date(b"Fri, 01 Jan %d 00:00:00 GMT" % full)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0",
        b"now",
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:37",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        b"Sun, 31 Feb 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 1994 24:49:37 GMT",
        b"Sun, 06 Nov 1994 08:60:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
        b"Sun, 06 Nov 1994 08:49:37 GMT\n",
        b"sun, 06 nov 1994 08:49:37 gmt",
    ],
)
def test_what_is_no_date(text: bytes) -> None:
    assert parse_date(text) is None
