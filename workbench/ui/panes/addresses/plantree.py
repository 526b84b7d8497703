"""A plan on the screen: a tree of blocks, drawn a window at a time however many there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from workbench.addresses.plan import Block, Plan, PlanError, Row
from workbench.addresses.planning import PlanBlock
from workbench.addresses.presence import Presence
from workbench.addresses.span import Span
from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.ui.widgets import tones
from workbench.ui.widgets.columns import Column, Parts, header, row_parts
from workbench.ui.widgets.tones import Tone, ink, paper

_COLUMNS = (
    Column("block", "block", width=24, flex=3, most=56),
    Column("name", "name", width=12, flex=2, most=30),
    Column("count", "addresses", width=13, align="right", priority=1),
    Column("wanted", "for hosts", width=11, align="right", priority=3),
    Column("here", "this host has here", width=18, flex=3, priority=2, tone="in"),
)
COLUMNS = {4: _COLUMNS, 6: (replace(_COLUMNS[0], width=46), *_COLUMNS[1:])}
"""By the widest family in the plan: an IPv6 block is told by its end, which must be in sight."""

WHEEL = 3


class PlanTree(Widget, can_focus=True):
    """The rows of a plan's open blocks; keys split, join, name, undo.

    Attributes:
        plan: what is drawn; set by `show`.
        remark: what stands at the right of the views: where the cursor is, of how many.
    """

    DEFAULT_CSS = """
    PlanTree { height: 1fr; background: $background; color: $foreground; }
    PlanTree > .plan--header { color: $text-muted; background: $surface; text-style: bold; }
    PlanTree > .plan--cursor { background: $panel; }
    PlanTree:focus > .plan--cursor { background: $primary 60%; text-style: bold; }
    PlanTree:nocolor > .plan--cursor { text-style: reverse; }
    """ + tones.css("PlanTree")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "plan--header",
        "plan--cursor",
        *tones.COMPONENT_CLASSES,
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False),
        Binding("down", "move(1)", "down", show=False),
        Binding("pageup", "page(-1)", "page up", show=False),
        Binding("pagedown", "page(1)", "page down", show=False),
        Binding("home", "jump(0)", "first block", show=False),
        Binding("end", "jump(-1)", "last block", show=False),
        Binding("right", "unfold(True)", "open", show=False),
        Binding("left", "unfold(False)", "close", show=False),
        Binding("enter", "turn", "open", show=False, id="plan.open"),
        Binding("plus", "halve", "split", key_display="+", id="plan.halve"),
        Binding("t", "split", "split to", id="plan.split"),
        Binding("minus", "join", "join", key_display="-", id="plan.join"),
        Binding("m", "name", "name", id="plan.name"),
        Binding("a", "allot", "place hosts", id="plan.allot"),
        Binding("u", "undo", "undo", id="plan.undo"),
        Binding("U", "redo", "redo", show=False, id="plan.redo"),
        Binding("w", "write", "write", id="plan.write"),
    ]

    class Wants(Message):
        """A question has to be asked before the step can be taken."""

        def __init__(self, what: str, title: str, value: str, hint: str) -> None:
            super().__init__()
            self.what = what
            self.title = title
            self.value = value
            self.hint = hint

    class Problem(Message):
        """A step that the plan cannot take; an empty text when one was taken."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.plan = Plan()
        self.path: Path | None = None
        self._here: list[Presence] = []
        self._cursor = 0
        self._top = 0
        self._total = 0
        self._window: list[Row] = []
        self._drawn: tuple[int, int] = (-1, -1)
        self._columns = COLUMNS[4]

    # -- what is shown -------------------------------------------------------------------------

    def show(self, plan: Plan, path: Path | None = None) -> None:
        """Draw another plan."""
        self.plan, self.path = plan, path
        self._cursor = self._top = 0
        self._changed()

    def show_presence(self, here: list[Presence]) -> None:
        """What this host has, to be told beside each block."""
        self._here = here
        self.refresh()

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return next(self.plan.rows(self._cursor, 1), None)

    @property
    def remark(self) -> str:
        """Where the cursor is, of how many rows; the file's name."""
        if not self._total:
            return ""
        name = f"  {safe(self.path.name)}" if self.path else ""
        return f"{_amount(self._cursor + 1)} of {_amount(self._total)}{name}"

    def present(self, block: Block) -> list[Presence]:
        """What this host has in a block, or the routes that hold it where there is nothing."""
        span = Span(block.family, block.first, block.end - 1, block.prefix)
        return [one for one in self._here if one.within(span)]

    def _changed(self) -> None:
        self._total = self.plan.count()
        self._columns = COLUMNS[max((one.block.family for one in self.plan.roots), default=4)]
        self._cursor = max(0, min(self._cursor, self._total - 1))
        self._drawn = (-1, -1)
        self._follow()

    def _follow(self) -> None:
        """Keep the cursor in sight."""
        height = max(1, self.size.height - 1)
        self._top = max(0, min(self._top, self._cursor, self._total - 1))
        if self._cursor >= self._top + height:
            self._top = self._cursor - height + 1
        self.refresh()

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self._follow()

    def render_line(self, y: int) -> Strip:
        """The header, or one row."""
        width = self.size.width
        if not self._total:
            text = EMPTY[y] if y < len(EMPTY) else ""
            return Strip([Segment(text, ink(self, "dim") + self.rich_style)]).adjust_cell_length(
                width, self.rich_style
            )
        if y == 0:
            style = self.get_component_rich_style("plan--header")
            return Strip(
                [Segment(header(self._columns, width, "", False), style)]
            ).adjust_cell_length(width, style)
        height = max(1, self.size.height - 1)
        if self._drawn != (self._top, height):
            self._window = list(self.plan.rows(self._top, height))
            self._drawn = (self._top, height)
        place = y - 1
        if place >= len(self._window):
            return Strip.blank(width, self.rich_style)
        under = self._top + place == self._cursor
        return self._strip(
            row_parts(self._columns, width, self._window[place], self._cell, None), under
        )

    def _strip(self, parts: Parts, under: bool) -> Strip:
        back = self.rich_style
        if under:
            back += paper(self, "plan--cursor")
        segments = [Segment(text, back + ink(self, tone)) for text, tone in parts]
        return Strip(segments).adjust_cell_length(self.size.width, back)

    def _cell(self, row: Row, column: str, room: int) -> str | tuple[str, Tone] | None:
        match column:
            case "block":
                mark = " " if not row.parts else "-" if row.is_open else "+"
                text = f"{'  ' * min(row.depth, 12)}{mark} {row.block}"
                return (text, "dim") if row.free else text
            case "name":
                if row.free:
                    return "free", "dim"
                return safe(row.name or row.comment)
            case "count":
                return _amount(row.block.size)
            case "wanted":
                return _amount(row.hosts) if row.hosts else ""
            case _:
                return _words(self.present(row.block), room)

    # -- moving --------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Another row."""
        self._cursor = max(0, min(self._total - 1, self._cursor + step))
        self._follow()

    def action_page(self, step: int) -> None:
        """A screen's height."""
        self.action_move(step * max(1, self.size.height - 2))

    def action_jump(self, place: int) -> None:
        """The first row, or the last."""
        self._cursor = 0 if place == 0 else self._total - 1
        self._follow()

    def on_click(self, event: Click) -> None:
        """Put the cursor there; on the mark, open or close."""
        if 0 < event.y <= self._total - self._top:
            self._cursor = self._top + event.y - 1
            row = self.row
            if row is not None and row.parts and event.x <= 2 * min(row.depth, 12) + 1:
                self.action_turn()
            self._follow()

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Down some rows."""
        event.stop()
        self.action_move(WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Up some rows."""
        event.stop()
        self.action_move(-WHEEL)

    def action_turn(self) -> None:
        """Open the block, or close it."""
        row = self.row
        if row is not None and row.parts:
            self.plan.toggle(row.block)
            self._changed()

    def action_unfold(self, wanted: bool) -> None:
        """Open the block; close it, or go to the one that it is in."""
        row = self.row
        if row is None:
            return
        if row.parts and row.is_open != wanted:
            self.action_turn()
        elif not wanted:
            self._go_to(self.plan.parent(row.block))

    def _go_to(self, block: Block | None) -> None:
        """Put the cursor on a block above it."""
        place = self._cursor
        while block is not None and place > 0:
            # Upwards a window at a time; the parent of a row stands before it.
            start = max(0, place - 256)
            rows = list(self.plan.rows(start, place - start))
            for back, row in enumerate(reversed(rows), 1):
                if row.block == block:
                    self._cursor = place - back
                    self._follow()
                    return
            place = start
            if self._cursor - place > 100_000:
                return

    # -- steps ---------------------------------------------------------------------------------

    def take(self, what: str, answer: str) -> None:
        """Go on with a step for which a question was asked."""
        row = self.row
        if row is None:
            return
        try:
            if what == "split":
                self.plan.split(row.block, _prefix(row.block, answer))
            elif what == "name":
                self.plan.name(row.block, answer)
            elif what == "allot":
                wants = PlanBlock(str(row.block), tuple(answer.split())).wanted()
                self.plan.allot(row.block, wants)
        except (PlanError, JobError) as problem:
            self.post_message(self.Problem(str(problem)))
            return
        self._done()

    def action_halve(self) -> None:
        """Split the block in two."""
        row = self.row
        if row is not None:
            self._step(lambda: self.plan.split(row.block, row.block.prefix + 1))

    def action_join(self) -> None:
        """Make the block one piece; on a part, the block that it is in."""
        row = self.row
        if row is None:
            return
        block = row.block if row.parts else self.plan.parent(row.block)
        if block is None:
            self.post_message(self.Problem(f"{row.block} is in one piece"))
            return
        self._go_to(block)
        self._step(lambda: self.plan.join(block))

    def action_undo(self) -> None:
        """Take the last step back."""
        self._step(self.plan.undo, "there is no step to take back")

    def action_redo(self) -> None:
        """Take it again."""
        self._step(self.plan.redo, "there is no step to take again")

    def action_split(self) -> None:
        """Split in more than two."""
        row = self.row
        if row is not None:
            prefix = min(row.block.prefix + 2, 32 if row.block.family == 4 else 128)
            hint = "a prefix length (/26), or into how many (4)   enter splits"
            self.post_message(self.Wants("split", f"Split {row.block} into", f"/{prefix}", hint))

    def action_name(self) -> None:
        """Name the block."""
        row = self.row
        if row is not None:
            title = f"What is {row.block} called?"
            self.post_message(self.Wants("name", title, row.name, "empty for no name"))

    def action_allot(self) -> None:
        """Place blocks for so many hosts in it."""
        row = self.row
        if row is not None:
            title = f"Place in {row.block}: NAME=HOSTS or NAME=/PREFIX, as many as you like"
            hint = "office=100 lab=50 link=/31   enter places them"
            self.post_message(self.Wants("allot", title, "", hint))

    def action_write(self) -> None:
        """Write the plan to a file."""
        name = str(self.path) if self.path else "plan.txt"
        title = "Write the plan to which file?"
        self.post_message(self.Wants("write", title, name, "read again with: plan FILE"))

    def _step(self, step: Callable[[], object], refusal: str = "") -> None:
        """Take a step; one that gives False was none."""
        try:
            taken = step() is not False
        except PlanError as problem:
            taken, refusal = False, str(problem)
        if taken:
            self._done()
        else:
            self.post_message(self.Problem(refusal))

    def _done(self) -> None:
        self.post_message(self.Problem(""))
        self._changed()


EMPTY = (
    "",
    "  No plan yet. On the line above:",
    "",
    "    plan 10.0.0.0/16                         a block to split with + and join with -",
    "    plan 10.0.0.0/24 office=100 lab=50       a place for each, by its hosts",
    "    plan FILE                                one that was written with w",
)


def _prefix(block: Block, answer: str) -> int:
    """A prefix length from /26, or from the number of parts."""
    text = answer.strip()
    number = text.removeprefix("/")
    if not (number.isascii() and number.isdecimal()) or len(number) > 12:
        raise PlanError(f"{text or 'nothing'}: write a prefix length (/26) or a number of parts")
    if text.startswith("/"):
        return int(number)
    if int(number) < 2:
        raise PlanError("a block is split into two parts at least")
    return block.prefix + (int(number) - 1).bit_length()


def _amount(number: int) -> str:
    if number < 10**9:
        return f"{number:,}"
    # A block has a power of two; what else is that large is shown by its order.
    power = number.bit_length() - 1
    return f"2^{power}" if number == 1 << power else f"about 2^{power}"


def _words(here: list[Presence], room: int) -> str:
    """One in words where there is one, else how many of each."""
    if not here:
        return ""
    if len(here) == 1:
        return safe(here[0].words)
    kinds = [one.what for one in here]
    parts = []
    for kind, many in (("address", "addresses"), ("route", "routes"), ("listener", "listeners")):
        number = kinds.count(kind)  # type: ignore[arg-type]
        if number:
            parts.append(f"{number} {kind if number == 1 else many}")
    text = ", ".join(parts)
    return text if len(text) <= room else f"{len(here)} things"
