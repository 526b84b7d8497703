"""The target line: what a pane works on, with history and completion."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Label
from textual.widgets.input import Selection

from workbench import catalogue
from workbench.core.arguments import UsageError, nearest
from workbench.core.endpoint import complete

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class TargetLine(Horizontal):
    """A line of words: a job's name (or what follows the verb) and its values.

    Enter runs it, up and down walk through what was run before, right takes the completion.

    Args:
        verb: what is meant where the line begins with no job's name.
        schemes: the job that a line means which begins with an endpoint of that scheme.
        prompt: what stands before the line; the verb if nothing else.
    """

    DEFAULT_CSS = """
    TargetLine { height: 1; background: $surface; }
    TargetLine Label { padding: 0 1; color: $text-accent; text-style: bold; }
    TargetLine Input { width: 1fr; border: none; height: 1; padding: 0; background: $surface; }
    TargetLine Input:focus { border: none; background: $boost; }
    TargetLine .hint { color: $text-muted; text-style: none; }
    """

    class Submitted(Message):
        """Enter was pressed."""

    class Changed(Message):
        """The text is another."""

    class Pasted(Message):
        """Several lines were pasted, which do not fit on one."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(
        self,
        verb: str,
        jobs: list[str],
        first: str,
        schemes: Mapping[str, str] = MappingProxyType({}),
        prompt: str = "",
    ) -> None:
        super().__init__()
        self._verb = verb
        self._schemes = schemes
        self._prompt = prompt or verb
        self._jobs = jobs
        self._first = first
        self.past: list[str] = []

    def compose(self) -> ComposeResult:
        """The verb, the line, and the key of the options."""
        yield Label(f"{self._prompt} >", markup=False)
        yield _Line(
            value=self._first,
            select_on_focus=False,
            compact=True,
            suggester=_Suggester(self, [job.removeprefix(f"{self._verb} ") for job in self._jobs]),
        )
        yield Label("^o options", classes="hint", markup=False)

    takes_lines = False
    """The pane has a use for several lines at once (`Pasted`)."""

    def on_mount(self) -> None:
        """Ask the history for what was run here before."""
        line = self.query_one(_Line)
        line.cursor_blink = False
        line.offer()  # the example
        self.recall()

    def recall(self) -> None:
        """Fetch the past targets, in another thread."""
        app = cast("WorkbenchApp", self.app)

        def found(lines: list[str]) -> None:
            self.call_later(self._remember, lines)

        app.runs.past_targets(self._jobs, found)

    def _remember(self, lines: list[str]) -> None:
        bare = (line.removeprefix(f"{self._verb} ") for line in lines)
        self.past = [line for line in bare if line]

    @property
    def value(self) -> str:
        """The text as it stands."""
        return self.query_one(Input).value

    @value.setter
    def value(self, text: str) -> None:
        line = self.query_one(Input)
        line.value = text
        line.cursor_position = len(text)

    def edit(self) -> None:
        """Go to the line itself."""
        self.query_one(Input).focus()

    def replace(self) -> None:
        """Go to the line, its text selected: what is typed takes its place; end keeps it."""
        self.edit()
        self.query_one(_Line).offer()

    def names_job(self) -> bool:
        """Whether the line begins with the name of any job."""
        try:
            catalogue.match(shlex.split(self.value))
        except (KeyError, ValueError):
            return False
        return True

    def elsewhere(self) -> str:
        """The tab of the job that the line names where that is not one of ours, or ""."""
        try:
            words = shlex.split(self.value)
            name, _ = catalogue.match(words)
        except (KeyError, ValueError):
            return ""
        ours = name in self._jobs or f"{self._verb} {words[0]}" in self._jobs
        return "" if ours else catalogue.load(name).tab

    def words(self) -> tuple[str, list[str]]:
        """The job's name and the words after it.

        Raises:
            UsageError: quotes that do not end, or no job of that name.
        """
        try:
            words = shlex.split(self.value)
        except ValueError as problem:
            raise UsageError(f"{problem}: close the quote, or put \\ before it") from None
        scheme = words[0].partition("://")[0].lower() if words and "://" in words[0] else ""
        if self._schemes.get(scheme) in self._jobs:
            return self._schemes[scheme], words
        for start in (words, [self._verb, *words]):
            try:
                name, rest = catalogue.match(start)
            except KeyError:
                continue
            if name in self._jobs:
                return name, rest
        known = [job.removeprefix(f"{self._verb} ") for job in self._jobs]
        if not words:
            raise UsageError(f"nothing to {self._verb}: type one of {', '.join(known)}")
        hint = nearest(words[0], known) or f"; it is one of {', '.join(known)}"
        raise UsageError(f"{self._verb} what? there is no {words[0]!r}{hint}")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Pass it on, and keep the line among those before it."""
        event.stop()
        line = self.value.strip()
        if line:
            self.past = [line, *(one for one in self.past if one != line)]
        self.post_message(self.Submitted())

    def on_input_changed(self, event: Input.Changed) -> None:
        """Pass it on."""
        event.stop()
        self.post_message(self.Changed())


class _Line(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "run", id="target.run"),
        Binding("up", "past(1)", "history", key_display="up", id="target.earlier"),
        Binding("down", "past(-1)", "later", show=False, id="target.later"),
        Binding("escape", "leave", "results", show=False, id="target.leave"),
    ]

    _place = -1
    _draft = ""
    _offered: Selection | None = None

    def offer(self) -> None:
        """Select all that stands there, so that what is typed takes its place."""
        self.select_all()
        self._offered = self.selection

    def action_copy(self) -> None:
        """Copy what the user selected; of what was offered ctrl+c is nothing but ctrl+c."""
        if self.selection == self._offered:
            raise SkipAction
        super().action_copy()

    def action_past(self, step: int) -> None:
        """Walk through the past lines; what was being typed is kept at the end of them."""
        past = cast(TargetLine, self.parent).past
        place = max(-1, min(len(past) - 1, self._place + step))
        if place == self._place:
            return
        if self._place == -1:
            self._draft = self.value
        self._place = place
        self.value = self._draft if place == -1 else past[place]
        self.cursor_position = len(self.value)

    def _on_paste(self, event: events.Paste) -> None:
        """One line is typed; several are for the pane, which else gets the first."""
        pane = cast(TargetLine, self.parent)
        if pane.takes_lines and len(event.text.strip().splitlines()) > 1:
            event.stop()
            event.prevent_default()
            pane.post_message(TargetLine.Pasted(event.text))

    def on_blur(self) -> None:
        """The walk begins anew."""
        self._place = -1

    def action_leave(self) -> None:
        """Go on to the results."""
        self.screen.focus_next()


class _Suggester(Suggester):
    """Completes from past lines first, then kinds and schemes."""

    def __init__(self, line: TargetLine, kinds: list[str]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._line = line
        self._kinds = kinds

    async def get_suggestion(self, value: str) -> str | None:
        """The whole line as it would be, or None."""
        if not value:
            return None
        for past in self._line.past:
            if past.startswith(value) and past != value:
                return past
        head, space, last = value.rpartition(" ")
        if not space and (kind := next((k for k in self._kinds if k.startswith(last)), None)):
            return kind
        for end in complete(last) if last else ():
            if end != last:
                return f"{head}{space}{end}"
        return None
