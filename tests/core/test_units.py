"""Amounts and durations in words."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.units import amount, duration


@pytest.mark.parametrize(
    ("n", "unit", "words"),
    [
        (0, "B", "0 B"),
        (1, "B", "1 B"),
        (0.4, "B", "0.4 B"),
        (512, "B", "512 B"),
        (999, "B", "999 B"),
        (999.7, "B", "1 kB"),
        (1000, "B", "1 kB"),
        (1234, "B", "1.2 kB"),
        (9_940, "B", "9.9 kB"),
        (9_960, "B", "10 kB"),
        (45_000, "B", "45 kB"),
        (999_499, "B", "999 kB"),
        (999_500, "B", "1 MB"),
        (1_200_000, "B/s", "1.2 MB/s"),
        (214, "req/s", "214 req/s"),
        (3e9, "B", "3 GB"),
        (5e18, "B", "5 EB"),
        (5e21, "B", "5000 EB"),
        (-1234, "B", "-1.2 kB"),
        (math.inf, "B", "– B"),
        (math.nan, "B", "– B"),
    ],
)
def test_amount(n: float, unit: str, words: str) -> None:
    assert amount(n, unit) == words


@given(st.integers(0, 10**20))
def test_an_amount_is_near_what_it_stands_for(n: int) -> None:
    number, unit = amount(n).split(" ")
    value = float(number) * 1000 ** " kMGTPE".index(unit[:-1] or " ")
    assert value == pytest.approx(n, rel=0.051)
    assert n >= 10**21 or len(number) <= 3


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0s"),
        (0.000045, "45 µs"),
        (0.0008, "0.8 ms"),
        (0.00123, "1.2 ms"),
        (0.00996, "10 ms"),
        (0.12, "120 ms"),
        (0.9996, "1s"),
        (1.5, "1.5s"),
        (9.97, "10s"),
        (12.9, "12s"),
        (59.99, "59s"),
        (60, "1m"),
        (300, "5m"),
        (3599, "59m"),
        (3720, "1h02"),
        (86399, "23h59"),
        (86400 * 3 + 4 * 3600, "3d04"),
        (-1.5, "-1.5s"),
        (math.inf, "–"),
        (math.nan, "–"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(0, 1e7))
def test_a_duration_is_one_short_word(seconds: float) -> None:
    assert re.fullmatch(r"\d+(\.\d)?( µs| ms|s)|\d+m|\d+[hd]\d\d", duration(seconds))
    assert len(duration(seconds)) <= 7
