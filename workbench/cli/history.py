"""`workbench history`: past runs, listed, run again, forgotten."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import NoReturn

from workbench import catalogue
from workbench.cli.output import complain, output, say
from workbench.cli.run import DONE, FAILED, run, show_code
from workbench.cli.words import Options
from workbench.core.arguments import UsageError
from workbench.core.events import Done
from workbench.core.history import History, Record
from workbench.core.job import load_request
from workbench.core.message import Event, event
from workbench.core.settings import Settings, load
from workbench.core.units import duration, moment

_EXAMPLE = """\
examples:
  workbench history                   the last runs
  workbench history 127.0.0.1 --json  those with this text, for a script
  workbench history --again 12        run number 12 again
"""


@event("run")
class PastRun(Event):
    """A run from the history; `time` is when it started, `took` the seconds it took.

    `outcome` is done, failed, cancelled or lost; empty while it runs.
    """

    id: int
    job: str
    target: str
    outcome: str
    summary: str
    took: float | None = None

    def line(self) -> str:
        """Number, time, what it was and what became of it."""
        when = moment(self.time, local=True)
        took = duration(self.took) if self.took is not None else ""
        what = f"{self.job} {self.target}".strip()
        outcome = self.outcome or "runs"
        return f"{self.id:>5}  {when}  {outcome:<9} {took:>6}  {what}  {self.summary}".rstrip()


class _Parser(argparse.ArgumentParser):
    """One line for what is wrong, like everywhere."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"history: {message}; workbench history --help")


def command(words: Sequence[str]) -> int:
    """Run `workbench history` with these words; returns the exit status."""
    parser = _parser()
    if "--help" in words or "-h" in words:
        say(parser.format_help())
        return DONE
    asked = parser.parse_args(words)
    settings, _ = load()
    options = Options(asked.json, asked.quiet, asked.python, asked.shell)
    history = History(keep=settings.history.keep, stored=settings.history.enabled)
    try:
        if asked.again is not None:
            return _again(history.find(asked.again), asked.again, options, settings)
        if asked.forget is not None or asked.forget_all:
            return _forget(history, asked.forget, options)
        out = output(options)
        for one in _past(history, asked.text, asked.limit):
            out.write(one)
        return DONE
    finally:
        if history.problem and not options.quiet:
            complain(history.problem)
        history.close()


def _parser() -> _Parser:
    parser = _Parser(
        "workbench history",
        description="Past runs, the newest last. Each has a number.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument(
        "text", nargs="?", default="", metavar="TEXT", help="only runs that hold it"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--again", type=int, metavar="N", help="run number N again")
    what.add_argument("--forget", type=int, metavar="N", help="forget number N")
    what.add_argument("--forget-all", action="store_true", help="forget every run")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="runs shown (50)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--quiet", action="store_true", help="no talk on standard error")
    parser.add_argument("--python", action="store_true", help="with --again: print its Python")
    parser.add_argument("--shell", action="store_true", help="with --again: print its command")
    parser.add_argument("--help", "-h", action="store_true", help="this help")
    return parser


def _past(history: History, text: str, limit: int) -> Iterator[Event]:
    """The runs that were found, the newest last: nearest to the next prompt."""
    found = history.search(text, limit=limit)
    for one in reversed(found):
        took = None if one.ended is None else one.ended - one.started
        yield PastRun(
            one.id, one.job, one.target, one.outcome or "", one.summary, took, time=one.started
        )
    yield Done("" if found else "no runs are kept" + (f" that hold {text!r}" if text else ""))


def _forget(history: History, number: int | None, options: Options) -> int:
    count = history.forget(number)
    if number is not None and not count:
        complain(f"history: there is no run {number}; workbench history lists them")
        return FAILED
    output(options).write(Done(f"forgot {count} run{'' if count == 1 else 's'}"))
    return DONE


def _again(one: Record | None, number: int, options: Options, settings: Settings) -> int:
    if one is None:
        raise UsageError(f"history: there is no run {number}; workbench history lists them")
    if one.job not in catalogue.JOBS or not one.request:
        raise UsageError(f"history: run {number} was not kept in a form that can be run again")
    job = catalogue.load(one.job)
    try:
        request = load_request(job, one.request)
    except ValueError as problem:
        raise UsageError(f"history: run {number} does not fit this version: {problem}") from None
    if options.shows_code:
        return show_code(request, options)
    return run(job, request, options, settings)
