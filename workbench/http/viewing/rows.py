"""The rows of a kept body: counted in the background, made for the screen block by block."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.http.viewing.form import BLOCK, START, Form, Mark
from workbench.http.viewing.hex_form import WIDTH, HexForm
from workbench.http.viewing.kept import KeptBody

BLOCKS_MADE = 16
"""Blocks whose rows are kept ready."""

NAP = 0.001
"""Seconds that counting rests after each slice, so that the screen gets its turn."""

SLICE = 4
"""Blocks that are counted between two rests."""

PATIENCE = 0.5
_IN_STRING = 0x100


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number, its place in the body, and its text."""

    number: int
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class _Block:
    """Where a block's rows begin (offset in the body and depth), and its end."""

    starts: list[tuple[int, int]]
    end: int


class Rows:
    """Rows of one form. A thread counts them, from `start` until `close`; all else is for one
    other thread.

    Memory: 21 bytes for each block, and what `BLOCKS_MADE` blocks need.
    """

    def __init__(self, body: KeptBody, form: Form) -> None:
        self.body = body
        self.form = form
        # A block's first byte, its first row, and its mark; the last of them has not been counted.
        self._offsets = array("Q", [0])
        self._firsts = array("Q", [0])
        self._depths = array("L", [START.depth])
        self._befores = array("H", [START.before])
        self._made: OrderedDict[int, _Block] = OrderedDict()
        self._closed = threading.Event()
        self._direct = isinstance(form, HexForm)
        self.whole = False
        """All rows are counted, and no more will come."""

    # -- counting ------------------------------------------------------------------------------

    def start(self) -> None:
        """Count what the first screen needs, and have a thread do the rest."""
        if self._direct:
            return
        if self.body.size:
            self._step()
        threading.Thread(target=self._work, name="rows", daemon=True).start()

    def close(self) -> None:
        """End the counting."""
        self._closed.set()

    def _work(self) -> None:
        while not self._closed.is_set():
            if any(self._step() for _ in range(SLICE)):
                time.sleep(NAP)
            elif self.whole:
                return
            else:
                self.body.wait(self._offsets[-1] + BLOCK, PATIENCE)

    def _step(self) -> bool:
        """Count a block; False where there is none yet, or none more."""
        if self.whole:
            return False
        # First whether it is whole, then the size: what comes in between is seen later.
        whole, at = self.body.whole, self._offsets[-1]
        data = self.body.read(at, BLOCK)
        last = whole and at + len(data) >= self.body.size
        if len(data) < BLOCK and not last:
            return False
        used, rows, after = self.form.count(data, self._mark(len(self._offsets) - 1), last=last)
        self._depths.append(min(after.depth, 0xFFFFFFFF))
        self._befores.append(after.before | (_IN_STRING if after.in_string else 0))
        self._firsts.append(self._firsts[-1] + rows)
        self._offsets.append(at + used)  # the last one: what others see is all there
        self.whole = last
        return True

    def _mark(self, block: int) -> Mark:
        packed = self._befores[block]
        return Mark(self._depths[block], packed & 0xFF, packed >= _IN_STRING)

    # -- what is known -------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """No more rows will come to be known."""
        return self.body.whole if self._direct else self.whole

    @property
    def counted(self) -> int:
        """Bytes whose rows are known."""
        return self.body.size if self._direct else self._offsets[-1]

    def __len__(self) -> int:
        """Rows that are known."""
        if self._direct:
            return -(-self.body.size // WIDTH)
        return self._firsts[len(self._offsets) - 1]

    def row_at(self, offset: int) -> int:
        """The number of the row that has this byte; of those that are known."""
        if self._direct:
            return min(offset // WIDTH, max(0, len(self) - 1))
        known = len(self._offsets) - 1
        number = max(0, bisect_right(self._offsets, offset, 0, known) - 1)
        if not known:
            return 0
        starts = self._block(number).starts
        inside = bisect_right(starts, (offset, 1 << 40)) - 1
        return max(0, self._firsts[number] + inside)

    def get(self, first: int, count: int) -> list[Row]:
        """Rows from this one on, fewer at the end."""
        return list(self._some(first, min(first + count, len(self))))

    def offset_of(self, number: int) -> int:
        """Where a row begins."""
        found = self.get(number, 1)
        return found[0].offset if found else 0

    def _some(self, number: int, stop: int) -> Iterator[Row]:
        if self._direct:
            data = self.body.read(number * WIDTH, (stop - number) * WIDTH)
            for one in range(number, stop):
                at = (one - number) * WIDTH
                text = self.form.text(data[at : at + WIDTH], 0, one * WIDTH)
                yield Row(one, one * WIDTH, text)
            return
        while number < stop:
            at = bisect_right(self._firsts, number, 0, len(self._offsets) - 1) - 1
            block, base = self._block(at), self._firsts[at]
            last = min(stop - base, len(block.starts))
            if number - base >= last:
                return
            for place in range(number - base, last):
                start, depth = block.starts[place]
                follows = place + 1 < len(block.starts)
                end = block.starts[place + 1][0] if follows else block.end
                text = self.form.text(self.body.read(start, end - start), depth, start)
                yield Row(base + place, start, text)
            number = base + last

    def _block(self, number: int) -> _Block:
        """A block with its rows, made if it is not at hand."""
        found = self._made.get(number)
        if found is None:
            begin, end = self._offsets[number], self._offsets[number + 1]
            data = self.body.read(begin, end - begin)
            starts = self.form.starts(data, self._mark(number))
            found = _Block([(begin + at, depth) for at, depth in starts], end)
            self._made[number] = found
            while len(self._made) > BLOCKS_MADE:
                self._made.popitem(last=False)
        self._made.move_to_end(number)
        return found
