"""Jobs: each declared once, as a request, a function that yields events, and an example.

From the declaration come the subcommand and its options, the form in the pane, the palette entry,
the history record and the JSON form. A request's fields are the options: `argument` for what is
named on the command line by its place, `option` for the rest.
"""

from __future__ import annotations

import shlex
import time
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, ClassVar, Generic, Literal, TypeVar

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Failed
from workbench.core.failure import cancelled, explain
from workbench.core.message import Command, Event, build, from_json, to_json_once
from workbench.core.scope import Scope


@dataclass(frozen=True, slots=True)
class About:
    """What a field of a request says of itself."""

    help: str
    positional: bool = False
    secret: bool = False
    unit: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    group: str = ""
    scheme: str = ""


def argument(help: str, *, default: Any = MISSING, metavar: str = "", scheme: str = "") -> Any:
    """A field that the command line takes by its place, and the pane on its target line.

    Args:
        scheme: of an endpoint that is typed without one; "tcp" if not given.
    """
    about = About(help, positional=True, metavar=metavar, scheme=scheme)
    return field(default=default, metadata={"about": about})


def option(
    default: Any,
    help: str,
    *,
    secret: bool = False,
    unit: str = "",
    metavar: str = "",
    choices: tuple[str, ...] = (),
    group: str = "",
) -> Any:
    """A field that the command line takes as `--name` and the pane in its form of options.

    Args:
        secret: masked on the screen, kept out of history, export, log and process list.
        unit: of a number, as "s" or "B".
        choices: suggestions; a Literal type is for what is really limited.
        group: a heading for the form.
    """
    about = About(help, False, secret, unit, metavar, choices, group)
    return field(default=default, kw_only=True, metadata={"about": about})


@dataclass(frozen=True, slots=True)
class Request(ABC):
    """What to do. Subclasses are frozen dataclasses with slots, their docstring the help."""

    job: ClassVar[str] = ""

    # As `option` makes it, in the form that a type checker knows to be no positional argument.
    timeout: float = field(
        default=10.0,
        kw_only=True,
        metadata={"about": About("seconds that any one wait on the network may take", unit="s")},
    )

    @abstractmethod
    def as_python(self) -> str:
        """A script that does it, on the standard library where that can."""

    @abstractmethod
    def as_shell(self) -> str:
        """The command of the usual tool that does it."""

    def tried(self) -> str:
        """What is being done, for a failure's words."""
        return f"{self.job} {self.target()}".strip()

    def target(self) -> str:
        """The positional values as the user would type them, for history and titles."""
        words: list[str] = []
        for one in parameters(type(self)):
            if one.about.positional:
                value = getattr(self, one.name)
                words += _words(value)
        return " ".join(shlex.quote(word) if " " in word else word for word in words)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field of a request, taken apart for a front end.

    `kind` is the type of one value; `many` whether it takes several (a tuple); `optional` whether
    None is allowed; `literals` the values of a Literal type.
    """

    name: str
    kind: type[Any]
    about: About
    default: Any
    many: bool = False
    optional: bool = False
    literals: tuple[Any, ...] = ()

    @property
    def required(self) -> bool:
        """There is no default."""
        return self.default is MISSING

    @property
    def flag(self) -> str:
        """The option's name on the command line; one that is Python's word ends in "_" here."""
        return "--" + self.name.rstrip("_").replace("_", "-")


_parameters: dict[type[Request], tuple[Parameter, ...]] = {}


def parameters(request: type[Request]) -> tuple[Parameter, ...]:
    """The fields of a request class, positional ones first."""
    if request not in _parameters:
        _parameters[request] = _take_apart(request)
    return _parameters[request]


def _take_apart(request: type[Request]) -> tuple[Parameter, ...]:
    hints = typing.get_type_hints(request)
    found = [
        _parameter(f.name, hints[f.name], f.metadata.get("about", About("")), f.default)
        for f in fields(request)
    ]
    return tuple(sorted(found, key=lambda one: not one.about.positional))


def _parameter(name: str, hint: Any, about: About, default: Any) -> Parameter:
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        kinds = [one for one in typing.get_args(hint) if one is not types.NoneType]
        optional = len(kinds) < len(typing.get_args(hint))
        hint = kinds[0]
    many = typing.get_origin(hint) is tuple
    if many:
        hint = typing.get_args(hint)[0]
    literals: tuple[Any, ...] = ()
    if typing.get_origin(hint) is Literal:
        literals = typing.get_args(hint)
        hint = type(literals[0])
    return Parameter(name, hint, about, default, many, optional, literals)


def _words(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, tuple):
        return [word for one in value for word in _words(one)]
    return [str(value)]


R = TypeVar("R", bound=Request)
R_contra = TypeVar("R_contra", bound=Request, contravariant=True)
Function = Callable[[R, Scope], Iterator[Event]]


@dataclass(frozen=True, slots=True)
class Job(Generic[R]):
    """A declared job; calling it gives the events of one run.

    `process` says that it runs in a child process of its own where there is a screen to protect;
    `reads_input` that the command line gives it standard input through its scope.
    """

    name: str
    tab: str
    function: Function[R]
    request: type[R]
    example: str
    process: bool
    commands: tuple[type[Command], ...]
    reads_input: bool = False

    def __call__(self, request: R, scope: Scope) -> Iterator[Event]:
        """The events as the function yields them, exceptions and all."""
        return self.function(request, scope)

    @property
    def summary(self) -> str:
        """The first line of the request's docstring."""
        return (self.request.__doc__ or "").strip().partition("\n")[0].rstrip(".")

    @property
    def module(self) -> str:
        """The module that declares it."""
        return self.function.__module__


_jobs: dict[str, Job[Any]] = {}


def job(
    name: str,
    *,
    tab: str,
    example: str,
    process: bool = False,
    commands: tuple[type[Command], ...] = (),
    reads_input: bool = False,
) -> Callable[[Function[R]], Job[R]]:
    """Declare a job: `function(request, scope)` yields events in plain blocking Python.

    Args:
        name: the words of the subcommand, as "serve echo".
        tab: the tab where it lives, by its package's name.
        example: a command line that works as it stands, without the program's name.
        process: it works hard or must survive a fault, so it gets a process of its own.
        commands: what it can be told while it runs.
        reads_input: it reads `Scope.input`; every other job leaves standard input alone.
    """

    def declare(function: Function[R]) -> Job[R]:
        hint = typing.get_type_hints(function)["request"]
        request: type[R] = hint
        request.job = name
        made = Job(name, tab, function, request, example, process, commands, reads_input)
        _jobs[name] = made
        return made

    return declare


def declared(name: str) -> Job[Any]:
    """The job of that name, from a module that has been imported.

    Raises:
        KeyError: no such job has been declared.
    """
    return _jobs[name]


def execute(job: Job[R], request: R, scope: Scope) -> Iterator[Event]:
    """Run a job to its end: its events, then always one Done or Failed.

    Whatever the job raises becomes a Failed; a cancelled scope comes before everything else. By
    the last event the job has let go of all it had, and the scope is closed.
    """
    started = time.monotonic()
    last: Done | Failed = Done()
    try:
        events = job.function(request, scope)
        try:
            for event in events:
                if isinstance(event, Done | Failed):
                    last = event
                    break
                yield event
                scope.check()
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
    except (Exception, KeyboardInterrupt, SystemExit) as problem:
        last = explain(request.tried(), problem)
    finally:
        scope.close()
    if scope.cancelled:
        last = cancelled(request.tried())
    elif isinstance(last, Done):
        last = replace(last, took=time.monotonic() - started)
    yield last


# -- the JSON form of a request -----------------------------------------------------------------


def dump_request(request: Request, *, secrets: bool) -> bytes:
    """A request as a line of JSON; without secrets, what is secret is left out.

    A password inside an endpoint counts as secret too.
    """
    values: dict[str, Any] = {"job": request.job}
    for one in parameters(type(request)):
        value = getattr(request, one.name)
        if not secrets:
            if one.about.secret:
                continue
            value = _without_passwords(value)
        values[one.name] = value
    return to_json_once(values)


def load_request(job: Job[R], line: bytes | str) -> R:
    """The request that a line of JSON holds.

    Raises:
        ValueError: not JSON, or a value does not fit its field.
    """
    values = from_json(line)
    if not isinstance(values, dict):
        raise ValueError("a request is a JSON object")
    values.pop("job", None)
    made: R = build(job.request, values)
    return made


def secrets_of(request: Request) -> list[str]:
    """The secret values that a request carries."""
    found: list[str] = []
    for one in parameters(type(request)):
        value = getattr(request, one.name)
        if one.about.secret:
            found += _words(value)
        for single in value if isinstance(value, tuple) else (value,):
            if isinstance(single, Endpoint) and single.password:
                found.append(single.password)
    return [value for value in found if value]


def _without_passwords(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_without_passwords(one) for one in value)
    if isinstance(value, Endpoint) and value.password:
        return value.without_password()
    return value
