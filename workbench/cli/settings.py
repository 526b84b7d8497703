"""`workbench settings`: where the settings are, and a file that shows them all."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.cli.output import DIM, ERR, complain, paint, say, write_err
from workbench.core.arguments import UsageError
from workbench.core.settings import describe, load, settings_file

_HELP = """\
usage: workbench settings

Print every setting with its default, as a settings.toml that changes nothing;
where that file belongs, and what is wrong with it, stands on standard error.

example
  workbench settings"""


def print_settings(words: Sequence[str]) -> int:
    """Print them; returns the exit status."""
    if words and words[0] in ("--help", "-h"):
        say(_HELP)
        return 0
    if words:
        raise UsageError(f"settings takes nothing, not {words[0]!r}; edit the file that it names")
    _, problems = load()
    say(describe())
    for problem in problems:
        complain(problem)
    try:
        write_err(paint(f"the file is {settings_file()}", DIM, ERR) + "\n")
    except FileNotFoundError:
        pass  # there is no home; load has said so
    return 0
