"""The form of options, made from the fields of a job's request."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select

from workbench.core.arguments import UsageError, convert
from workbench.core.job import Job, Parameter, parameters


class Form(VerticalScroll):
    """A row an option: its name, a field for its value, and what it means."""

    DEFAULT_CSS = """
    Form { height: auto; max-height: 9; display: none; background: $surface; }
    Form .row { height: 1; }
    Form .name { width: 19; padding: 0 1; color: $text-accent; }
    Form .group { color: $text-muted; padding: 0 1; text-style: bold; height: 1; }
    Form .about { width: 1fr; color: $text-muted; }
    Form Input { width: 20; border: none; height: 1; padding: 0 1; background: $boost; }
    Form Input:focus { border: none; background: $primary 30%; }
    Form Checkbox { width: 20; border: none; height: 1; padding: 0; background: $surface; }
    Form Select { width: 20; height: 1; }
    """

    def __init__(self) -> None:
        super().__init__(can_focus=False)
        self._job: Job[Any] | None = None

    def offer(self, job: Job[Any]) -> None:
        """Show the options of this job; those that stand already keep their values."""
        if self._job is not None and job.name == self._job.name:
            return
        self._job = job
        self.remove_children()
        rows: list[Widget] = []
        group = ""
        for one in _options(job):
            if one.about.group != group:
                group = one.about.group
                rows.append(Label(group, classes="group", markup=False))
            rows.append(self._row(one))
        self.mount_all(rows)

    def focus_first(self) -> None:
        """Go to the first field, once it is there."""

        def go() -> None:
            fields = self.query("Input, Checkbox, Select")
            if fields:
                fields.first().focus()

        self.call_after_refresh(go)

    def values(self) -> dict[str, Any]:
        """The values that differ from the defaults, by field.

        Raises:
            UsageError: a field's text does not stand for a value.
        """
        found: dict[str, Any] = {}
        if self._job is None:
            return found
        for one in _options(self._job):
            field = self.query_one(f"#option-{one.name}")
            if isinstance(field, Checkbox):
                value: Any = field.value
            elif isinstance(field, Select):
                value = convert(one, str(field.value))
            elif isinstance(field, Input):
                text = field.value if one.about.secret else field.value.strip()
                if not text:
                    continue
                value = _many(one, text) if one.many else convert(one, text)
            else:
                continue
            if value != one.default:
                found[one.name] = value
        return found

    def _row(self, one: Parameter) -> Horizontal:
        about = one.about.help + (f" [{one.about.unit}]" if one.about.unit else "")
        return Horizontal(
            Label(one.name.replace("_", " "), classes="name", markup=False),
            _field(one),
            Label(about, classes="about", markup=False),
            classes="row",
        )

    def compose(self) -> ComposeResult:
        """Nothing until a job is offered."""
        yield from ()


class Tick(Checkbox):
    """A box that shows without colour, too, whether it is ticked."""

    @property
    def _button(self) -> Content:
        self.BUTTON_INNER = "x" if self.value else " "
        return super()._button


def _options(job: Job[Any]) -> list[Parameter]:
    """The job's own options before those that it shares with others, groups held together."""
    found = [one for one in parameters(job.request) if not one.about.positional]
    kinds = job.request.__mro__

    def depth(one: Parameter) -> int:
        declares = (one.name in vars(kind).get("__annotations__", ()) for kind in kinds)
        return list(declares).index(True)

    found.sort(key=depth)
    # What has no group stands above all groups.
    groups = ["", *dict.fromkeys(one.about.group for one in found)]
    return sorted(found, key=lambda one: groups.index(one.about.group))


def _field(one: Parameter) -> Input | Checkbox | Select[str]:
    name = f"option-{one.name}"
    default = "" if one.default in (MISSING, None, ()) else one.default
    if one.kind is bool:
        return Tick("", bool(default), id=name, compact=True)
    if one.literals:
        choices = [(str(value), str(value)) for value in one.literals]
        return Select(choices, value=str(default), allow_blank=False, id=name, compact=True)
    field = Input(
        str(default),
        password=one.about.secret,
        id=name,
        compact=True,
        placeholder=one.about.metavar.lower(),
    )
    field.cursor_blink = False
    return field


def _many(one: Parameter, text: str) -> tuple[Any, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise UsageError(f"{one.name}: a value is missing between two commas")
    return tuple(convert(one, word) for word in words)
