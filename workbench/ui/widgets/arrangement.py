"""Rows, filtered and sorted in small steps, so that keys are answered in between."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from itertools import islice
from math import isnan, nan
from typing import Any

from workbench.ui.widgets.match import Pattern

Key = Hashable
Rows = Sequence[tuple[Key, Any]]

STEP = 200
"""Rows looked at in one step: about a millisecond."""


class Arrangement:
    """All the rows of a table, and those that are shown, in their order.

    Args:
        text: what of a row is looked at by the filter.
        value: what a row is sorted by in a column.
    """

    def __init__(self, text: Callable[[Any], str], value: Callable[[Any, str], Any]) -> None:
        self.rows: Rows = ()
        self.shown: Rows = ()
        self.filter = Pattern()
        self.sort_key = ""
        self.descending = False
        self._text = text
        self._value = value
        self._made_by: tuple[Pattern, str, bool] | None = None
        """Filter, column and direction that made `shown` of these rows."""

    def take(self, rows: Rows) -> None:
        """Have other rows; they are shown once they are arranged."""
        self.rows = rows
        self._made_by = None

    @property
    def plain(self) -> bool:
        """All rows are shown in the order in which they came."""
        return not self.filter and not self.sort_key

    def steps(self) -> Iterator[None]:
        """Do the work; `shown` changes with the last step. The rows must not change meanwhile."""
        rows, wanted, key, descending = self.rows, self.filter, self.sort_key, self.descending
        made_by = self._made_by
        # While somebody types a filter, each letter leaves some of those that were left before.
        narrower = (
            made_by is not None and made_by[1:] == (key, descending) and wanted.narrows(made_by[0])
        )
        if narrower:
            rows = self.shown
        if wanted:
            some, found = iter(rows), list[tuple[Key, Any]]()
            while group := list(islice(some, STEP)):
                found += [one for one in group if wanted.within(self._text(one[1]))]
                yield
            rows = found
        if key and not narrower:
            rows = yield from self._sorted(rows, key, descending)
        self.shown = rows
        self._made_by = (wanted, key, descending)

    def _sorted(self, rows: Rows, key: str, descending: bool) -> Generator[None, None, Rows]:
        values: list[Any] = []
        some = iter(rows)
        while group := list(islice(some, STEP)):
            values += [order(self._value(row, key), descending) for _, row in group]
            yield
        places = sorted(range(len(values)), key=values.__getitem__, reverse=descending)
        return [rows[place] for place in places]


def order(value: Any, descending: bool = False) -> tuple[int, float, str]:
    """What a value of any kind is sorted by: numbers, then texts, and last what has no value.

    A text that is a number ("1,024") counts as one.
    """
    if value is None or value != value:
        return (-1 if descending else 2), 0.0, ""
    if isinstance(value, int | float):
        return 0, value, ""
    text = str(value)
    try:
        number = float(text.replace(",", ""))
    except ValueError:
        number = nan
    return (1, 0.0, text.casefold()) if isnan(number) else (0, number, "")
