"""From words to a request: the one grammar of the command line and of a pane's target line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from workbench.core.endpoint import Endpoint, EndpointError, parse
from workbench.core.job import Job, Parameter, Request, parameters
from workbench.core.text import InputError, escape, unescape

R = TypeVar("R", bound=Request)


class UsageError(ValueError):
    """What was asked for cannot be understood: one line that says what, why, and what to try."""


def parse_line(job: Job[R], words: Sequence[str], given: Mapping[str, Any] | None = None) -> R:
    """The request that a job's words stand for.

    Args:
        words: what follows the job's name: values by their place, and options as `--name VALUE`,
            `--name=VALUE`, or for a yes or no `--name` and `--no-name`. `--` ends the options.
        given: values that are known already; the words go before them.

    Raises:
        UsageError: with one line for people.
    """
    values: dict[str, Any] = dict(given or {})
    places = [one for one in parameters(job.request) if one.about.positional]
    positional = _take_options(job, list(words), values)
    _take_places(job, places, positional, values)
    for one in places:
        if one.required and one.name not in values:
            what = one.about.metavar or one.name
            raise UsageError(f"{job.name}: {what} is missing: {one.about.help}; try: {job.example}")
    return job.request(**values)


def convert(parameter: Parameter, text: str) -> Any:
    """One value from its text.

    Raises:
        UsageError: the text does not stand for such a value.
    """
    name = parameter.about.metavar or parameter.name
    if parameter.literals:
        return _choose(name, parameter.literals, text)
    try:
        if parameter.kind is Endpoint:
            return parse(text, scheme=parameter.about.scheme or None)
        if parameter.kind is bytes:
            return unescape(text)
    except (EndpointError, InputError) as problem:
        raise UsageError(str(problem)) from None
    if parameter.kind is bool:
        return bool(_choose(name, ("no", "yes"), text) == "yes")
    if issubclass(parameter.kind, Path):
        return parameter.kind(text)
    try:
        return parameter.kind(text)
    except ValueError:
        wanted = "a whole number" if parameter.kind is int else "a number"
        raise UsageError(f"{name}: {text!r} is not {wanted}") from None


def defaults(job: Job[Any], table: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values that a table of the settings gives to a job, for `parse_line`.

    A wrong one never stops the job: it is left out, and one line of the second list says why.
    """
    known = {one.name: one for one in parameters(job.request) if not one.about.secret}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in table.items():
        parameter = known.get(name.replace("-", "_"))
        try:
            if parameter is None:
                raise UsageError(f"no such option{nearest(name, list(known))}")
            if parameter.many and isinstance(value, list):
                values[parameter.name] = tuple(convert(parameter, str(one)) for one in value)
            elif isinstance(value, bool) and parameter.kind is bool:
                values[parameter.name] = value
            else:
                one = convert(parameter, str(value))
                values[parameter.name] = (one,) if parameter.many else one
        except UsageError as problem:
            problems.append(f'settings, [job."{job.name}"]: {name}: {problem}; it is ignored')
    return values, problems


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint at the known word that looks most like this one; empty where none does."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _choose(name: str, choices: Sequence[Any], text: str) -> Any:
    for one in choices:
        if str(one) == text:
            return one
    known = [str(one) for one in choices]
    raise UsageError(f"{name}: {text!r} is not one of {', '.join(known)}{nearest(text, known)}")


def _take_options(job: Job[Any], words: list[str], values: dict[str, Any]) -> list[str]:
    """Put the options among the words into `values`; returns the other words."""
    known = {one.flag: one for one in parameters(job.request) if not one.about.positional}
    several: dict[str, list[Any]] = {}
    positional: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            return positional + words
        if not word.startswith("--"):
            positional.append(word)
            continue
        flag, equals, value = word.partition("=")
        parameter = known.get(flag)
        if parameter is None:
            negated = known.get("--" + flag.removeprefix("--no-"))
            if negated is None or negated.kind is not bool or not flag.startswith("--no-"):
                hint = nearest(flag, list(known)) or f"; it has {', '.join(known)}"
                raise UsageError(f"{job.name} has no option {flag}{hint}")
            values[negated.name] = False
        elif parameter.about.secret:
            raise UsageError(
                f"{flag} is a secret and is not typed on a line that history and others can read"
            )
        elif parameter.kind is bool and not equals:
            values[parameter.name] = True
        else:
            if not equals:
                if not words:
                    raise UsageError(f"{flag} wants a value: {parameter.about.help}")
                value = words.pop(0)
            if parameter.many:
                several.setdefault(parameter.name, []).append(convert(parameter, value))
            else:
                values[parameter.name] = convert(parameter, value)
    values.update({name: tuple(found) for name, found in several.items()})
    return positional


def _take_places(
    job: Job[Any], places: list[Parameter], words: list[str], values: dict[str, Any]
) -> None:
    for one in places:
        if not words:
            return
        if one.many:
            values[one.name] = tuple(convert(one, word) for word in words)
            return
        values[one.name] = convert(one, words.pop(0))
    if words:
        raise UsageError(f"{job.name}: {words[0]!r} is one word too many; try: {job.example}")


def words_of(request: Request) -> list[str]:
    """The words that `parse_line` makes this request of, with the job's name before them.

    Secrets are left out, and what is as by default.
    """
    places: list[str] = []
    options: list[str] = []
    for one in parameters(type(request)):
        value = getattr(request, one.name)
        if one.about.secret:
            continue
        if one.about.positional:
            places += _texts(value)
        elif value == one.default:
            continue
        elif one.kind is bool:
            options.append(one.flag if value else "--no-" + one.flag.removeprefix("--"))
        else:
            options += [f"{one.flag}={text}" for text in _texts(value)]
    if any(word.startswith("--") for word in places):
        return [*request.job.split(), *options, "--", *places]
    return [*request.job.split(), *places, *options]


def _texts(value: Any) -> list[str]:
    """Each value as it is typed."""
    if value is None:
        return []
    values = value if isinstance(value, tuple) else (value,)
    return [escape(one) if isinstance(one, bytes) else str(one) for one in values]
