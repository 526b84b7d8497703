"""Front end 1: `workbench JOB TARGET [options]`, and the few commands that go with the jobs."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from types import FrameType

from workbench import catalogue
from workbench.cli.output import Broken, complain, say, unwritable
from workbench.cli.run import DONE, FAILED, PIPE, USAGE, run, show_code
from workbench.cli.words import FLAGS, is_help, split
from workbench.core.arguments import UsageError, defaults, nearest, parse_line
from workbench.core.settings import load

COMMANDS = {
    "help": "help on a job, as its --help",
    "history": "past runs: search, run again, forget",
    "sets": "sets of servers: list them, start one",
    "settings": "the settings file: where it is and what can stand in it",
    "completion": "completion for bash, zsh or fish",
}
"""What is no job, each in one line."""


def main(words: list[str]) -> int:
    """Run one command line without the program's name; returns the exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    # As other tools take them: the options that every job has may also stand before it.
    while len(words) > 1 and words[0] in FLAGS and words[0] != "--help":
        words = [*words[1:], words[0]]
    try:
        return _run(words)
    except UsageError as problem:
        complain(str(problem))
        return USAGE
    except Broken as broken:
        unwritable(broken)
        return PIPE if broken.closed else FAILED


def _leave(number: int, _: FrameType | None) -> None:
    """End at once: there is no job yet that could be cancelled."""
    os._exit(128 + number)


def _run(words: list[str]) -> int:
    first, rest = words[0], words[1:]
    if first == "--version":
        from workbench import __version__

        say(f"workbench {__version__}")
        return DONE
    if first == "__complete":
        from workbench.cli.complete import answer

        return answer(rest)
    if first == "help" or is_help(first):
        if not rest or rest[0] not in COMMANDS:
            return _help(rest)
        first, rest = rest[0], ["--help"]
    if first in COMMANDS:
        return _command(first, rest)
    if len(rest) == 1 and is_help(rest[0]):
        return _help([first])
    return _job(words)


def _command(name: str, words: list[str]) -> int:
    if name == "history":
        from workbench.cli.history import command

        return command(words)
    if name == "settings":
        from workbench.cli.settings import print_settings

        return print_settings(words)
    if name == "sets":
        from workbench.cli.sets import command as sets

        return sets(words)
    if name == "completion":
        from workbench.cli.shells import print_script

        return print_script(words)
    return _help([])


def _help(words: Sequence[str]) -> int:
    """Help on what the words name: everything, a family of jobs, or one job."""
    from workbench.cli import help

    if not words:
        say(help.everything(COMMANDS))
    elif len(words) == 1 and words[0] not in catalogue.JOBS and kinds(words[0]):
        say(help.family(words[0], kinds(words[0])))
    else:
        name, _ = find(words)
        say(help.one(catalogue.load(name)))
    return DONE


def _job(words: list[str]) -> int:
    name, rest = find(words)
    job = catalogue.load(name)
    parts = split(job, rest)
    if parts.options.help:
        return _help(name.split())
    settings, problems = load()
    given, wrong = defaults(job, settings.job.get(name, {}))
    request = parse_line(job, parts.words, {**given, **parts.secrets})
    if parts.options.shows_code:
        return show_code(request, parts.options)
    if not parts.options.quiet:
        for problem in (*problems, *wrong):
            complain(problem)
    return run(job, request, parts.options, settings)


def kinds(word: str) -> list[str]:
    """The second words of the jobs whose first is this one, as "echo" for "serve"."""
    return [name.removeprefix(f"{word} ") for name in catalogue.JOBS if name.startswith(f"{word} ")]


def find(words: Sequence[str]) -> tuple[str, list[str]]:
    """The job that a command line starts with, and the rest of it.

    Raises:
        UsageError: there is no such job; the text has the nearest one.
    """
    try:
        return catalogue.match(words)
    except KeyError:
        pass
    first, several = words[0], kinds(words[0])
    if not several:
        known = [*dict.fromkeys(name.partition(" ")[0] for name in catalogue.JOBS), *COMMANDS]
        hint = nearest(first, known) or "; workbench --help lists them"
        raise UsageError(f"there is no job {first!r}{hint}")
    if len(words) > 1 and not words[1].startswith("-"):
        hint = nearest(words[1], several) or f"; it has {', '.join(several)}"
        raise UsageError(f"there is no {first} {words[1]!r}{hint}")
    example = catalogue.load(f"{first} {several[0]}").example
    raise UsageError(f"{first} what? {', '.join(several)}; try: workbench {example}")
