"""The form of options, made from the fields of a job's request."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Checkbox, Input, Label, Select

from workbench.core.arguments import UsageError, convert
from workbench.core.job import Job, Parameter, parameters


class Form(VerticalScroll):
    """A row an option: its name, a field for its value, and what it means."""

    DEFAULT_CSS = """
    Form { height: auto; max-height: 9; display: none; background: $surface; }
    Form .row { height: 1; }
    Form .name { width: 16; padding: 0 1; color: $text-accent; }
    Form .about { width: 1fr; color: $text-muted; }
    Form Input { width: 22; border: none; height: 1; padding: 0 1; background: $boost; }
    Form Input:focus { border: none; background: $primary 30%; }
    Form Checkbox { width: 22; border: none; height: 1; padding: 0; background: $surface; }
    Form Select { width: 22; height: 1; }
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
        self.mount_all(self._row(one) for one in _options(job))

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


def _options(job: Job[Any]) -> list[Parameter]:
    return [one for one in parameters(job.request) if not one.about.positional]


def _field(one: Parameter) -> Input | Checkbox | Select[str]:
    name = f"option-{one.name}"
    default = "" if one.default in (MISSING, None, ()) else one.default
    if one.kind is bool:
        return Checkbox("", bool(default), id=name, compact=True)
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
