"""Search through a body: forward, backward, around, while it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workbench.http.viewing.kept import KeptBody
from workbench.http.viewing.search import SLICE, Search


@contextmanager
def searching(body: KeptBody, *texts: bytes) -> Iterator[Search]:
    made = Search(body, *texts)
    try:
        yield made
    finally:
        made.close()


def found(search: Search, at: int, step: int) -> int:
    number = search.find(at, step)
    deadline = time.monotonic() + 30
    while search.hit is None or search.hit.number != number:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return search.hit.offset


def until_done(search: Search) -> int:
    deadline = time.monotonic() + 30
    while not search.done:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return search.count


def body_with(places: list[int], size: int) -> KeptBody:
    data = bytearray(b"." * size)
    for place in places:
        data[place : place + 6] = b"NeeDle"
    body = KeptBody()
    body.write(bytes(data))
    body.finish()
    return body


PLACES = [0, SLICE - 3, 2 * SLICE, 3 * SLICE + 7]


def test_forward_backward_and_around_the_end() -> None:
    body = body_with(PLACES, 4 * SLICE)
    with searching(body, b"needle") as search:
        assert found(search, 0, 1) == 0
        assert [found(search, place + 1, 1) for place in PLACES] == [*PLACES[1:], 0]
        assert [found(search, place, -1) for place in PLACES] == [PLACES[-1], *PLACES[:-1]]
        assert until_done(search) == 4
        assert found(search, 4 * SLICE, 1) == 0


def test_one_of_several_texts() -> None:
    body = body_with(PLACES, 4 * SLICE)
    with searching(body, b"dle.", b"nothing", b"needle..") as search:
        assert found(search, 1, 1) == 3
        assert until_done(search) == 8


@pytest.mark.parametrize("text", [b"", b"absent"])
def test_what_is_not_there(text: bytes) -> None:
    with searching(body_with(PLACES, 4 * SLICE), text) as search:
        assert found(search, 9, 1) == -1
        assert found(search, 9, -1) == -1
        assert until_done(search) == 0


def test_what_comes_later_is_found_then() -> None:
    body = KeptBody()
    body.write(b"one nee")
    with searching(body, b"needle") as search:
        assert found(search, 0, 1) == -1
        body.write(b"dle and one needle more")
        body.finish()
        assert until_done(search) == 2
        assert found(search, 5, 1) == 19
