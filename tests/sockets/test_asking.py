"""Which datagram answers which."""

from __future__ import annotations

from workbench.sockets.asking import KEPT, Asking


def test_an_answer_is_for_what_begins_alike() -> None:
    asking = Asking()
    assert [asking.sent(data, at) for at, data in enumerate((b"\x01\x02a", b"\x03\x04b"))] == [1, 2]
    assert asking.received(b"\x03\x04 answer", 5.0) == (2, 4.0)
    assert asking.received(b"\x01\x02 answer", 6.0) == (1, 6.0)
    assert asking.received(b"\x03\x04 once more", 7.0) == (2, 6.0)


def test_else_for_the_oldest_that_waits_and_then_for_the_last() -> None:
    asking = Asking()
    for at, data in enumerate((b"one", b"two", b"three")):
        asking.sent(data, at)
    assert [asking.received(b"OK", 3.0)[0] for _ in range(4)] == [1, 2, 3, 3]


def test_nobody_asked() -> None:
    assert Asking().received(b"hello", 1.0) == (0, 0.0)


def test_it_forgets() -> None:
    asking = Asking()
    for _ in range(3 * KEPT):
        asking.sent(b"x", 0.0)
    assert asking.received(b"y", 0.0)[0] == 2 * KEPT + 1
