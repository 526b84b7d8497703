"""What a command line may go on as: `workbench __complete WORDS...`, the last word unfinished.

Prints a candidate a line, with a tab and a few words about it where there are some. A line that
begins with a tab asks the shell for file names, to stand after the text that follows the tab.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench import catalogue
from workbench.cli.main import COMMANDS, kinds
from workbench.cli.output import say
from workbench.cli.words import FLAGS, secret_flags, takes_value
from workbench.core.endpoint import Endpoint, complete
from workbench.core.job import Job, Parameter, parameters

SHELLS = ("bash", "zsh", "fish")

_HISTORY_OPTIONS = ("--again", "--forget", "--forget-all", "--limit", "--json", "--quiet", "--help")
_USUAL_SCHEMES = 6
"""How many are offered where nothing has been typed yet."""

_PAST = 15

Candidate = tuple[str, str]


def answer(words: Sequence[str]) -> int:
    """Print what the last word may become; says nothing where something goes wrong."""
    try:
        lines = _lines(words)
    except Exception:  # a message here would land in the middle of the user's command line
        return 1
    if lines:
        say("\n".join(lines))
    return 0


def _lines(words: Sequence[str]) -> list[str]:
    before, word = list(words[:-1]), words[-1] if words else ""
    found: dict[str, None] = {}
    for value, about in _candidates(before, word):
        if not value:
            found[f"\t{about}"] = None
        elif value.startswith(word) and value.isprintable():
            found[f"{value}\t{about}".rstrip("\t")] = None
    return list(found)


def _candidates(before: list[str], word: str) -> Iterator[Candidate]:
    if before[:1] == ["help"]:
        before = before[1:]
    elif before and before[0] in COMMANDS:
        yield from _of_command(before[0])
        return
    try:
        name, rest = catalogue.match(before)
    except KeyError:
        yield from _first_words(before)
        return
    yield from _of_job(catalogue.load(name), rest, word)


def _first_words(before: Sequence[str]) -> Iterator[Candidate]:
    if not before:
        for name in dict.fromkeys(name.partition(" ")[0] for name in catalogue.JOBS):
            yield name, ""
        yield from COMMANDS.items()
        yield "--help", ""
        yield "--version", ""
    elif len(before) == 1 and kinds(before[0]):
        for kind in kinds(before[0]):
            yield kind, ""
        yield "--help", ""


def _of_command(name: str) -> Iterator[Candidate]:
    if name == "completion":
        for shell in SHELLS:
            yield shell, ""
    if name == "history":
        for option in _HISTORY_OPTIONS:
            yield option, ""


def _of_job(job: Job[Any], rest: Sequence[str], word: str) -> Iterator[Candidate]:
    """Options, or the values of the option or place that the word stands at."""
    options = {one.flag: one for one in parameters(job.request) if not one.about.positional}
    places = [one for one in parameters(job.request) if one.about.positional]
    taken, used, waiting = 0, set(), None
    for one in rest:
        if waiting is not None:
            waiting = None
        elif one.startswith("-") and len(one) > 1:
            used.add(one.partition("=")[0])
            parameter = options.get(one)
            waiting = parameter if parameter is not None and takes_value(parameter) else None
        else:
            taken += 1
    flag, equals, _ = word.partition("=")
    if waiting is not None:
        yield from _values(job, waiting, word, "")
    elif equals and flag in options:
        yield from _values(job, options[flag], word.removeprefix(f"{flag}="), f"{flag}=")
    elif word.startswith("-"):
        yield from _option_names(options.values(), used)
    else:
        place = places[min(taken, len(places) - 1)] if places else None
        if place is not None and (taken < len(places) or place.many):
            yield from _values(job, place, word, "")
        elif not word:
            yield from _option_names(options.values(), used)


def _option_names(options: Any, used: set[str]) -> Iterator[Candidate]:
    for one in options:
        if one.flag in used and not one.many:
            continue
        if one.about.secret:
            for flag in secret_flags(one):
                yield flag, one.about.help
        else:
            off = one.kind is bool and one.default is True
            yield (f"--no-{one.flag.removeprefix('--')}" if off else one.flag), one.about.help
    for flag, about in FLAGS.items():
        if flag not in used:
            yield flag, about


def _values(job: Job[Any], parameter: Parameter, typed: str, before: str) -> Iterator[Candidate]:
    """The values that a parameter may have, each with what stands before it in its word."""
    if parameter.kind is Endpoint:
        values = [*_past(job, parameter, typed), *_example(job)]
        values += complete(typed)[: None if typed else _USUAL_SCHEMES]
        scheme, colon, _ = typed.partition(":")
        if colon and scheme in ("unix", "unixgram", "unixseq"):
            yield "", f"{before}{scheme}:"
    elif issubclass(parameter.kind, Path):
        values = []
        yield "", before
    elif parameter.kind is bool:
        values = ["yes", "no"]
    else:
        values = [str(one) for one in (*parameter.literals, *parameter.about.choices)]
    for value in values:
        yield before + value, ""


def _example(job: Job[Any]) -> list[str]:
    return [word for word in job.example.split() if ":" in word][:1]


def _past(job: Job[Any], parameter: Parameter, typed: str) -> list[str]:
    """Targets that this job had before."""
    if not parameter.about.positional:
        return []
    from workbench.core.folders import state_folder

    if not state_folder().is_dir():
        return []  # nothing has been kept, and looking would make the file
    from workbench.core.history import History
    from workbench.core.settings import load

    settings, _ = load()
    history = History(keep=settings.history.keep, stored=settings.history.enabled)
    try:
        return history.targets(job.name, typed, _PAST)
    finally:
        history.close()
