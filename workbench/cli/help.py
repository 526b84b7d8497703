"""Help, from what the jobs declare of themselves."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from workbench import catalogue
from workbench.cli.output import BOLD, OUT, paint
from workbench.cli.words import FLAGS, secret_flags
from workbench.core.job import Job, Parameter, Request, parameters

WIDTH = 80
INDENT = 2
COLUMN = 26
"""The widest that a left column gets; what is longer has its text on the next line."""

LITERALS = 56
"""The most characters of an option's values beside its name; more stand in the text, as a list."""

_UNITS = {"s": "SECONDS", "B": "BYTES"}


def everything(commands: Mapping[str, str]) -> str:
    """All jobs by tab, and the commands that are none."""
    jobs = catalogue.briefs()
    lines = [
        "usage: workbench                       the screen",
        "       workbench JOB TARGET [options]  one job, as lines or JSON",
    ]
    for tab in catalogue.TABS:
        rows = [(job.name, job.summary) for job in jobs if job.tab == tab.name]
        if rows:
            lines += ["", _title(tab.title), *_table(rows)]
    lines += ["", _title("Beside the jobs"), *_table(commands.items())]
    lines += ["", _title("Every job takes"), *_table(_own_options())]
    example = next(iter(catalogue.JOBS))
    lines += [
        "",
        f"workbench {example} --help shows its options and an example that works.",
        "Standard output is data, standard error is talk. Exit status: 0 done, 1 failed,",
        "2 usage, 130 interrupted.",
    ]
    return "\n".join(lines)


def family(word: str, kinds: Sequence[str]) -> str:
    """The jobs that share their first word."""
    names = {f"{word} {kind}" for kind in kinds}
    jobs = [one for one in catalogue.briefs() if one.name in names]
    rows = [(job.name, job.summary) for job in jobs]
    lines = [f"usage: workbench {word} KIND TARGET [options]", "", *_table(rows), ""]
    lines += [_title("example"), f"  workbench {jobs[0].example}"]
    return "\n".join(lines)


def one(job: Job[Any]) -> str:
    """A job's usage, what it does, its options with their defaults, and an example."""
    places = [each for each in parameters(job.request) if each.about.positional]
    shared = {each.name for each in fields(Request)}
    options = [each for each in parameters(job.request) if not each.about.positional]
    options.sort(key=lambda each: each.name in shared)
    lines = [f"usage: workbench {' '.join([job.name, *map(_place, places)])} [options]", ""]
    lines += _paragraphs(inspect.cleandoc(job.request.__doc__ or ""))
    if places:
        rows = [(_name(each), _what(each)) for each in places]
        lines += ["", _title("arguments"), *_table(rows)]
    groups = dict.fromkeys(each.about.group for each in options)
    for group in groups:
        rows = [row for each in options if each.about.group == group for row in _rows(each)]
        lines += ["", _title(group or "options"), *_table(rows)]
    lines += ["", _title("every job has"), *_table(_own_options())]
    lines += ["", _title("example"), f"  workbench {job.example}"]
    return "\n".join(lines)


def _paragraphs(text: str) -> list[str]:
    """A docstring folded to the width; what is indented (an example, a list) stays as it is."""
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        laid_out = any(line.startswith(" ") for line in paragraph.split("\n"))
        parts = paragraph.split("\n") if laid_out else textwrap.wrap(paragraph, WIDTH)
        lines += ["", *parts] if lines else parts
    return lines


def _value_name(parameter: Parameter) -> str:
    """The word that stands for an option's value, as "SECONDS"."""
    if parameter.literals and not _many_literals(parameter):
        return "|".join(map(str, parameter.literals))
    unit = _UNITS.get(parameter.about.unit, parameter.about.unit.upper())
    return parameter.about.metavar or unit or parameter.name.upper().replace("_", "-")


def _many_literals(parameter: Parameter) -> bool:
    """Whether its values are too many for the column of names, where a word stands for them."""
    return len("|".join(map(str, parameter.literals))) > LITERALS


def _title(text: str) -> str:
    return paint(text, BOLD, OUT)


def _own_options() -> Iterable[tuple[str, str]]:
    return FLAGS.items()


def _name(parameter: Parameter) -> str:
    return _value_name(parameter) + ("..." if parameter.many else "")


def _place(parameter: Parameter) -> str:
    return _name(parameter) if parameter.required else f"[{_name(parameter)}]"


def _rows(parameter: Parameter) -> list[tuple[str, str]]:
    flag = parameter.flag
    if parameter.about.secret:
        from_env, from_file = secret_flags(parameter)
        return [
            (f"{from_env} VARIABLE", f"{parameter.about.help}: the variable that holds it"),
            (f"{from_file} FILE", "the same from a file"),
        ]
    if parameter.kind is bool and not parameter.many:
        name = f"{flag}, --no-{flag.removeprefix('--')}" if parameter.default else flag
        return [(name, _what(parameter))]
    return [(f"{flag} {_value_name(parameter)}", _what(parameter))]


def _what(parameter: Parameter) -> str:
    """What a parameter is for, whether it may be given more than once, and its default."""
    notes = []
    if _many_literals(parameter):
        notes.append(f"one of {', '.join(map(str, parameter.literals))}")
    if parameter.about.choices:
        notes.append(f"such as {', '.join(parameter.about.choices)}")
    if parameter.many and not parameter.about.positional:
        notes.append("may be given again")
    default = _default(parameter)
    if default:
        notes.append(f"default: {default}")
    return f"{parameter.about.help} ({'; '.join(notes)})" if notes else parameter.about.help


def _default(parameter: Parameter) -> str:
    value = parameter.default
    if parameter.required or value is None or value == () or value == "" or value is False:
        return ""
    if value is True:
        return "yes"
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{text} {parameter.about.unit}".strip()


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Two columns that fit the width; the right one is folded."""
    rows = list(rows)
    column = min(COLUMN, max((len(left) for left, _ in rows), default=0) + 2)
    lines: list[str] = []
    for left, right in rows:
        folded = textwrap.wrap(right, WIDTH - INDENT - column) or [""]
        if len(left) + 2 > column:
            lines.append(" " * INDENT + left)
        else:
            lines.append((" " * INDENT + left.ljust(column) + folded.pop(0)).rstrip())
        lines += [" " * (INDENT + column) + part for part in folded]
    return lines
