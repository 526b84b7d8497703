"""Jobs: a declaration is all there is, and a run always has one last event."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core import strategies
from workbench import catalogue
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import (
    Job,
    Request,
    argument,
    dump_request,
    execute,
    job,
    load_request,
    option,
    parameters,
    secrets_of,
)
from workbench.core.message import Event, from_json
from workbench.core.scope import Scope

JOBS = catalogue.load_all()


@dataclass(frozen=True, slots=True)
class Sample(Request):
    """Everything that a request may hold.

    And more about it.
    """

    where: Endpoint = argument("whom to ask", metavar="TARGET")
    names: tuple[str, ...] = argument("what to ask", default=())
    token: str = option("", "who asks", secret=True)
    keys: tuple[str, ...] = option((), "more secrets", secret=True)
    others: tuple[Endpoint, ...] = option((), "whom else to ask")
    count: int = option(1, "how often", unit="times")
    how: Literal["fast", "slow"] = option("fast", "how")
    folder: Path | None = option(None, "where to keep it")
    really_all: bool = option(False, "leave nothing out")

    def as_python(self) -> str:
        """Nothing."""
        return "pass"

    def as_shell(self) -> str:
        """Nothing."""
        return "true"


def sample(run: Any) -> Job[Sample]:
    """A job of the function `run`, not entered anywhere."""
    return Job("sample", "tools", run, Sample, "sample tcp://127.0.0.1:1", False, ())


def events_of(run: Any, scope: Scope | None = None) -> list[Event]:
    request = Sample(parse("tcp://127.0.0.1:1"))
    return list(execute(sample(run), request, scope or Scope()))


# -- requests -----------------------------------------------------------------------------------

REQUESTS = [*(one.request for one in JOBS), Sample]


@pytest.mark.parametrize("cls", REQUESTS)
@given(data=st.data())
def test_every_request_comes_back_from_json(cls: type[Request], data: st.DataObject) -> None:
    made = data.draw(strategies.instances(cls))
    line = dump_request(made, secrets=True)
    assert b"\n" not in line
    job_of_it = next((one for one in JOBS if one.request is cls), sample(None))
    assert load_request(job_of_it, line) == made
    assert from_json(line)["job"] == cls.job


@pytest.mark.parametrize("cls", REQUESTS)
def test_every_request_is_a_frozen_dataclass(cls: type[Request]) -> None:
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]


secret_words = st.text(st.characters(categories=("L", "N")), min_size=6)


@given(token=secret_words, keys=st.lists(secret_words).map(tuple), password=secret_words)
def test_secrets_stay_out(token: str, keys: tuple[str, ...], password: str) -> None:
    end = parse("ftp://me@host/a").replace(password=password)
    made = Sample(where=end, others=(end,), token=token, keys=keys, names=("n",))
    kept = from_json(dump_request(made, secrets=False))
    assert "token" not in kept
    assert "keys" not in kept
    assert kept["where"] == "ftp://me@host/a"
    assert kept["others"] == ["ftp://me@host/a"]
    assert kept["names"] == ["n"]
    assert password not in made.target()
    assert password not in made.tried()
    assert sorted(secrets_of(made)) == sorted([token, *keys, password, password])


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"[]", "JSON object"),
        (b"{", "line 1"),
        (b'{"job":"sample"}', "Sample: .*where"),
        (b'{"where":"http://"}', "Sample: .*there is no host"),
        (b'{"where":"[::1]:1","count":"many"}', "Sample: .*count"),
        (b'{"where":"[::1]:1","how":"badly"}', "Sample: .*how"),
    ],
)
def test_what_is_no_request(line: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        load_request(sample(None), line)


def test_what_is_left_out_has_its_default() -> None:
    made = load_request(sample(None), b'{"where":"[::1]:1"}')
    assert made == Sample(parse("[::1]:1"))


# -- what the front ends read -------------------------------------------------------------------


def test_parameters() -> None:
    found = {one.name: one for one in parameters(Sample)}
    assert list(found)[:2] == ["where", "names"], "positional ones first, in their order"
    where, names, count = found["where"], found["names"], found["count"]
    assert (where.kind, where.required, where.many) == (Endpoint, True, False)
    assert (where.about.help, where.about.metavar) == ("whom to ask", "TARGET")
    assert (names.kind, names.required, names.many) == (str, False, True)
    assert (count.kind, count.default, count.about.unit) == (int, 1, "times")
    assert found["token"].about.secret
    assert (found["how"].kind, found["how"].literals) == (str, ("fast", "slow"))
    assert (found["folder"].kind, found["folder"].optional) == (Path, True)
    assert found["others"].many
    assert found["really_all"].flag == "--really-all"
    assert found["timeout"].default == 10.0


def test_target_and_tried_are_what_was_typed() -> None:
    made = Sample(parse("tcp://127.0.0.1:1"), ("a", "b c"), count=3)
    assert made.target() == "tcp://127.0.0.1:1 a 'b c'"
    assert replace(made, names=()).tried() == "tcp://127.0.0.1:1"


def test_a_declaration_is_a_job() -> None:
    @dataclass(frozen=True, slots=True)
    class Own(Sample):
        """What it does.

        And how.
        """

    def run(request: Own, scope: Scope) -> Iterator[Event]:
        yield Note(str(request.where))

    run.__annotations__ = {"request": Own, "scope": Scope}
    made = job("own sample", tab="tools", example="own sample 127.0.0.1:1")(run)
    assert (made.name, made.tab, made.request) == ("own sample", "tools", Own)
    assert made.summary == "What it does"
    assert made.module == __name__
    assert Own.job == "own sample"
    assert Own(parse("[::1]:1")).tried() == "own sample tcp://[::1]:1"


# -- runs ---------------------------------------------------------------------------------------


def test_events_and_then_done() -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        yield Note("a")
        yield Note("b")

    *events, last = events_of(run)
    assert [one.text for one in events if isinstance(one, Note)] == ["a", "b"]
    assert isinstance(last, Done)
    assert last.took > 0


@pytest.mark.parametrize("last", [Done("summary"), Failed("x", "y")])
def test_nothing_comes_after_a_last_event(last: Done | Failed) -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        yield last
        yield Note("too late")

    (only,) = events_of(run)
    assert type(only) is type(last)
    if isinstance(only, Done):
        assert only.summary == "summary"
        assert only.took > 0


def test_a_job_that_raises_before_its_first_event() -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        raise JobError("not here", code="ENOTHERE", advice="try there")

    (last,) = events_of(run)
    assert last == Failed("tcp://127.0.0.1:1", "not here", "ENOTHERE", "try there", time=last.time)


@pytest.mark.parametrize(
    "problem",
    [RuntimeError("odd"), AssertionError(), KeyError("x"), SystemExit(3), RecursionError("deep")],
)
def test_a_fault_is_a_failed_job(problem: BaseException) -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        yield Note("a")
        raise problem

    _, last = events_of(run)
    assert isinstance(last, Failed)
    assert "a fault in the workbench" in last.cause
    assert last.code == type(problem).__name__
    assert "Traceback" in last.detail
    assert "Traceback" not in last.line()


def test_keyboard_interrupt_is_a_cancel() -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        raise KeyboardInterrupt

    (last,) = events_of(run)
    assert isinstance(last, Failed)
    assert last.cancelled


@pytest.mark.parametrize("last", [None, Done(), Failed("x", "broken by the cancel")])
def test_a_cancelled_job_is_cancelled_however_it_ends(last: Event | None) -> None:
    """Its sockets were shut down: it may see the end of a stream, or an error."""

    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        scope.cancel()
        if last is not None:
            yield last

    (only,) = events_of(run)
    assert isinstance(only, Failed)
    assert only.cancelled


def test_a_cancelled_job_says_no_more() -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        scope.cancel()
        yield Note("seen")
        yield Note("not seen")

    first, last = events_of(run)
    assert isinstance(first, Note)
    assert isinstance(last, Failed)
    assert last.cancelled


def test_a_job_has_let_go_of_everything_by_its_last_event() -> None:
    done: list[str] = []

    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        try:
            yield Done()
        finally:
            done.append("cleaned up")

    scope = Scope()
    for event in execute(sample(run), Sample(parse("[::1]:1")), scope):
        assert isinstance(event, Done)
        assert done == ["cleaned up"]
        assert not scope.tell(Done())  # type: ignore[arg-type] # a closed scope takes nothing


def test_a_fault_in_the_clean_up_is_a_failed_job() -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        try:
            yield Done()
        finally:
            raise OSError(28, "No space left on device")

    (last,) = events_of(run)
    assert isinstance(last, Failed)
    assert last.code == "ENOSPC"


def test_who_stops_reading_ends_the_job() -> None:
    done: list[str] = []

    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        try:
            yield Note("a")
            yield Note("b")
        finally:
            done.append("cleaned up")

    scope = Scope()
    events = execute(sample(run), Sample(parse("[::1]:1")), scope)
    assert isinstance(next(events), Note)
    events.close()  # type: ignore[attr-defined]
    assert done == ["cleaned up"]
    assert not scope.tell(Done())  # type: ignore[arg-type]


def test_a_function_that_gives_an_iterator_is_a_job_too() -> None:
    def run(request: Sample, scope: Scope) -> Iterator[Event]:
        return iter([Note("a")])

    first, last = events_of(run)
    assert isinstance(first, Note)
    assert isinstance(last, Done)
