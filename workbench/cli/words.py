"""The words of a command line that are the command line's own: what every job has, and secrets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.core.arguments import UsageError, nearest
from workbench.core.job import Job, Parameter, parameters

SECRET_BYTES = 1 << 16

FLAGS = {
    "--json": "one JSON object a line instead of lines for people",
    "--quiet": "no talk on standard error, but for why it failed",
    "--python": "print the Python that does it instead of running it",
    "--shell": "print the shell command that does it instead of running it",
    "--help": "this help",
}
"""What every job has beside its own options."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked of the command line itself."""

    json: bool = False
    quiet: bool = False
    python: bool = False
    shell: bool = False
    help: bool = False

    @property
    def shows_code(self) -> bool:
        """Code is printed and nothing run."""
        return self.python or self.shell


@dataclass(frozen=True, slots=True)
class Split:
    """A job's words: the options of the command line, the job's own words, and its secrets."""

    options: Options
    words: list[str]
    secrets: dict[str, Any]


def is_help(word: str) -> bool:
    """`--help`, in its long or its short form."""
    return word in ("--help", "-h")


def split(job: Job[Any], words: Sequence[str]) -> Split:
    """Take what is the command line's own from what follows a job's name.

    A secret comes from the environment (`--NAME-env VARIABLE`) or a file (`--NAME-file FILE`):
    the command line itself can be read by others, and is kept by the shell.

    Raises:
        UsageError: an option that nothing has, or a secret that is not where it should be.
    """
    known = {one.flag: one for one in parameters(job.request) if not one.about.positional}
    sources = {
        f"{flag}-{kind}": (one, kind)
        for flag, one in known.items()
        if one.about.secret
        for kind in ("env", "file")
    }
    own: dict[str, bool] = {}
    rest: list[str] = []
    secrets: dict[str, Any] = {}
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        flag, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *waiting]
            break
        if word in FLAGS or is_help(word):
            own["help" if is_help(word) else word.removeprefix("--")] = True
        elif flag in sources:
            if not equals and not waiting:
                wanted = "the name of a variable" if flag.endswith("env") else "the name of a file"
                raise UsageError(f"{flag} wants {wanted}")
            parameter, kind = sources[flag]
            secrets[parameter.name] = _secret(parameter, kind, value if equals else waiting.pop(0))
        else:
            rest.append(word)
            if _may_be_option(word):
                of = _option(job, known, [*known, *sources, *FLAGS], flag)
                if takes_value(of) and not equals and waiting:
                    rest.append(waiting.pop(0))
    return Split(Options(**own), rest, secrets)


def _may_be_option(word: str) -> bool:
    """A hyphen alone is standard input, and -5 a number."""
    return len(word) > 1 and word[0] == "-" and not word[1].isdecimal()


def _option(job: Job[Any], known: dict[str, Parameter], flags: list[str], flag: str) -> Parameter:
    """The job's option of that name, or of a yes or no's name with `no-` before it."""
    found = known.get(flag) or known.get("--" + flag.removeprefix("--no-"))
    if found is None or (found.flag != flag and found.kind is not bool):
        hint = nearest(flag, flags) or f"; workbench {job.name} --help lists them"
        raise UsageError(f"{job.name} has no option {flag}{hint}")
    if found.about.secret:
        env, file = secret_flags(found)
        raise UsageError(
            f"{flag} is a secret and is not typed on a line that others can read;"
            f" try {env} VARIABLE or {file} FILE"
        )
    return found


def takes_value(parameter: Parameter) -> bool:
    """Whether the option is followed by a value."""
    return parameter.kind is not bool or parameter.many


def secret_flags(parameter: Parameter) -> tuple[str, str]:
    """The options that say where a secret is."""
    return f"{parameter.flag}-env", f"{parameter.flag}-file"


def _secret(parameter: Parameter, kind: str, place: str) -> Any:
    if kind == "env":
        text = os.environ.get(place)
        if text is None:
            raise UsageError(f"{parameter.flag}-env: there is no variable {place}; export it first")
    else:
        try:
            with open(place, encoding="utf-8") as file:
                text = file.read(SECRET_BYTES)
        except (OSError, ValueError) as problem:
            why = getattr(problem, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"{parameter.flag}-file: {place}: {why}") from None
        text = text.removesuffix("\n")
    return (text,) if parameter.many else text
