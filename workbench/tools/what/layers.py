"""All readings of a piece, the surest first, and what is inside them, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workbench.tools.what import documents, encoded, places, words
from workbench.tools.what.reading import RANKS, Inside, Piece, Reading, piece

SIZE_MOST = 4 << 20
"""Bytes of a paste that are looked at."""
DEPTH_MOST = 6
PIECES_MOST = 60
READINGS_MOST = 12
INNER_MOST = 3
"""Readings of what is inside something."""

_READERS: tuple[Callable[[Piece], Iterator[Reading]], ...] = (
    documents.read,
    words.read,
    places.read,
    encoded.read,
)


@dataclass(frozen=True, slots=True)
class Layer:
    """A reading in its place: `depth` layers deep, at `place` of what it was found in."""

    depth: int
    place: str
    data: bytes
    reading: Reading | None
    """None where it is plain text or bytes that say nothing more."""


def readings(data: bytes) -> list[Reading]:
    """What some bytes may be, the surest first; beside a certainty nothing else."""
    looked_at = piece(data[:SIZE_MOST])
    if not looked_at.data.strip():
        return []
    found = [one for reader in _READERS for one in reader(looked_at)]
    found.sort(key=lambda one: RANKS[one.sure])
    if found and found[0].sure == "certain":
        found = [one for one in found if one.sure == "certain"]
    return found[:READINGS_MOST]


def layers(data: bytes) -> Iterator[Layer]:
    """The readings of a paste, and below each those of what is inside it."""
    seen = {data.strip()}
    left = [PIECES_MOST]
    for reading in readings(data):
        yield Layer(0, "", data, reading)
        yield from _inside(reading.inside, 1, seen, left)


def _inside(
    pieces: tuple[Inside, ...], depth: int, seen: set[bytes], left: list[int]
) -> Iterator[Layer]:
    for one in pieces:
        key = one.data[:SIZE_MOST].strip()
        if key in seen or left[0] <= 0 or depth > DEPTH_MOST:
            continue
        seen.add(key)
        left[0] -= 1
        found = [reading for reading in readings(one.data) if reading.sure != "possible"]
        if not found:
            yield Layer(depth, one.place, one.data, None)
        for reading in found[:INNER_MOST]:
            yield Layer(depth, one.place, one.data, reading)
            yield from _inside(reading.inside, depth + 1, seen, left)
