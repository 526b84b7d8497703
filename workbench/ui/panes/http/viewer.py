"""A body of any size on the screen: only the rows in sight are made."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.core.units import amount
from workbench.http.viewing.form import Form
from workbench.http.viewing.hex_form import HexForm
from workbench.http.viewing.json_form import JsonForm
from workbench.http.viewing.kept import KeptBody
from workbench.http.viewing.rows import Rows
from workbench.http.viewing.search import Search
from workbench.http.viewing.text_form import TextForm
from workbench.ui.widgets.backlog import Backlog, Line
from workbench.ui.widgets.match import Pattern
from workbench.ui.widgets.ring import Ring

COPIED_MOST = 10_000
"""Rows that are copied at a time."""

CONTEXT = 3
"""What part of the height is above a row that was gone to."""


class BodyView(Ring):
    """The rows of a kept body, with the keys of a log. `follow_body` is called once a frame.

    Going to the end, and to what a search has found, may have to wait until the rows up to there
    are counted; any other move ends that wait.
    """

    DEFAULT_CSS = """
    BodyView { display: none; }
    """

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._log = self._paged = _Paged()
        self._search_in: Search | None = None
        self._goal = -1
        """A byte that the cursor shall go to."""
        self._to_end = False
        self._asked = 0
        """The number of a question to the search that waits for its answer."""
        self._opened = ("", "utf-8", 0)
        """Form, charset, and which body of those that were kept in one place."""

    # -- what is shown -------------------------------------------------------------------------

    @property
    def rows(self) -> Rows | None:
        """What is open."""
        return self._paged.rows

    def open(self, body: KeptBody, form: str, encoding: str = "utf-8") -> None:
        """Read a body as "json", "text" or "hex", if it is not what is open."""
        rows, opened = self.rows, (form, encoding, body.bodies)
        if rows is None or rows.body is not body or opened != self._opened:
            self._opened = opened
            self._read(body)

    def _read(self, body: KeptBody) -> None:
        """Begin to read; another form of the same body keeps the place."""
        before = self.rows
        place = -1
        if before is not None and before.body is body and len(before):
            place = before.offset_of(max(0, self._cursor))
        self.leave()
        made = self._paged.rows = Rows(body, self._made_form())
        made.start()
        self.following = False
        self._cursor = self._anchor = 0
        self._width = 0
        self._settle()
        self._scroll(0)
        self._goal = place
        self._look()
        self.follow_body()
        self.refresh()

    def leave(self) -> None:
        """Let go of what is open."""
        if self._paged.rows is not None:
            self._paged.rows.close()
            self._paged.rows = None
        if self._search_in is not None:
            self._search_in.close()
            self._search_in = None
        self._goal, self._to_end, self._asked = -1, False, 0

    def _made_form(self) -> Form:
        form, encoding, _ = self._opened
        if form == "json":
            return JsonForm()
        if form == "hex":
            return HexForm()
        return TextForm(max(20, self.size.width - 1), encoding)

    def on_unmount(self) -> None:
        """Nothing goes on counting."""
        self.leave()

    def on_resize(self) -> None:
        """Text is cut into rows anew."""
        rows = self.rows
        if rows is not None and isinstance(rows.form, TextForm):
            self._read(rows.body)
        else:
            super().on_resize()

    def follow_body(self) -> None:
        """Take in what was counted and found since the last frame."""
        rows = self.rows
        if rows is None:
            return
        if self.virtual_size.height != len(rows):
            self._settle()
            self.refresh()
        hit = self._search_in.hit if self._search_in is not None else None
        if hit is not None and hit.number == self._asked:
            self._asked = 0
            if hit.offset >= 0:
                self._goal = hit.offset
        if self._goal >= 0 and (self._goal < rows.counted or rows.complete) and len(rows):
            goal, self._goal = self._goal, -1
            self._go_in_context(rows.row_at(goal))
        if self._to_end and rows.complete:
            self._to_end = False
            self.action_follow()

    def row(self) -> str:
        """Where the cursor is."""
        return f"row {self._cursor + 1:,}"

    def where(self) -> str:
        """The same, of how many, and what is being waited for."""
        rows = self.rows
        if rows is None:
            return ""
        parts = [f"{self.row()} of {len(rows):,}"]
        if not rows.complete:
            share = rows.counted / rows.body.size if rows.body.size else 0.0
            waits = "going there, " if self._to_end or self._goal >= 0 else ""
            parts.append(f"{waits}counted {share:.0%}")
        parts.append(amount(rows.body.size))
        return "  ".join(parts)

    @property
    def searched(self) -> bool:
        """Nothing is searched, or all of the body has been."""
        return self._search_in is None or self._search_in.done

    # -- search --------------------------------------------------------------------------------

    @property
    def search_text(self) -> str:
        """This text is marked wherever it stands and counted; `find` goes to it."""
        return self._search.text

    @search_text.setter
    def search_text(self, text: str) -> None:
        if text != self._search.text:
            self._search = Pattern(text)
            self._look()
            self.refresh()

    def _look(self) -> None:
        """Search the body for what is to be searched."""
        if self._search_in is not None:
            self._search_in.close()
            self._search_in = None
        self._asked = 0
        rows = self.rows
        if rows is not None and self._search:
            texts = dict.fromkeys(self._wanted())
            self._search_in = Search(rows.body, *texts)

    def _wanted(self) -> Iterator[bytes]:
        """The text as it may stand in the body: what is laid out may have more space."""
        text, (form, encoding, _) = self._search.text, self._opened
        try:
            yield text.encode(encoding)
        except (LookupError, UnicodeEncodeError):
            yield text.encode("utf-8", "surrogateescape")
        if form == "json" and '": ' in text:
            yield text.replace('": ', '":').encode()

    def find(self, step: int) -> bool:
        """Ask for the next place of what is searched, or the one before; it comes a moment later.

        As long as the cursor stays in a row with a place, that row counts as seen.
        """
        rows = self.rows
        if self._search_in is None or rows is None or not len(rows):
            return False
        self._to_end, self._goal = False, -1
        here = max(0, self._cursor)
        if step > 0:
            after = rows.get(here, 2)
            at = after[1].offset if len(after) == 2 else 0
        else:
            at = rows.offset_of(here)
        self._asked = self._search_in.find(at, step)
        return True

    def find_first(self) -> None:
        """Ask for the first place from the cursor's row on."""
        rows = self.rows
        if self._search_in is not None and rows is not None:
            at = rows.offset_of(max(0, self._cursor)) if len(rows) else 0
            self._asked = self._search_in.find(at, 1)

    def count_matches(self) -> int:
        """How many places have been found so far."""
        return self._search_in.count if self._search_in is not None else 0

    # -- moving --------------------------------------------------------------------------------

    def action_follow(self) -> None:
        """Go to the last row, once it is known."""
        rows = self.rows
        if rows is None or not len(rows):
            return
        if rows.complete:
            self._go(len(rows) - 1)
        else:
            self._goal, self._to_end = -1, True

    def action_cursor(self, step: int, extend: bool = False) -> None:
        """Move the cursor, or one end of what is selected."""
        if len(self._log):
            self._go(max(0, min(self._cursor + step, len(self._log) - 1)), extend=extend)

    def _go_in_context(self, place: int) -> None:
        """Put the cursor on a row, with rows around it if it was out of sight."""
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if not top <= place < top + height:
            self._scroll(max(0, place - height // CONTEXT))
        super()._go(place)

    def _go(self, place: int, *, extend: bool = False) -> None:
        self._goal, self._to_end, self._asked = -1, False, 0
        super()._go(place, extend=extend)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """The wheel moves the cursor with it; the end is not followed."""
        super().watch_scroll_y(old, new)
        self.following = False

    def selected_text(self) -> str:
        """The selected rows, so many at the most."""
        rows = self.rows
        places = self._selected()
        if rows is None or not places:
            return ""
        texts = rows.get(places.start, min(len(places), COPIED_MOST))
        return "\n".join(row.text for row in texts)


class _Paged(Backlog):
    """What a log asks of its lines, answered by the rows of a body."""

    def __init__(self) -> None:
        super().__init__(0)
        self.rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.rows) if self.rows is not None else 0

    def number(self, place: int) -> int:
        return place

    def place(self, number: int) -> int:
        return max(0, min(number, len(self)))

    def line(self, number: int) -> Line:
        found = self.rows.get(number, 1) if self.rows is not None else []
        return Line(found[0].text if found else "")
