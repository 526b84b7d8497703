"""Runners: whatever a job does, its run ends with the reason, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.core import sample_jobs
from tests.core.sample_jobs import Misbehave, Numbered
from workbench import catalogue
from workbench.core import runner
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Feed
from workbench.core.job import Job, Request
from workbench.core.message import Event
from workbench.core.runner import ProcessRun, Run, ThreadRun, start
from workbench.servers.events import Listening, Stop
from workbench.sockets.session import Finish, Send

PATIENCE = 30.0
ROOT = Path(__file__).parents[2]

JOB = sample_jobs.ways()


@pytest.fixture
def begin() -> Iterator[Callable[..., Run]]:
    """Starts runs, and ends them with the test."""
    runs: list[Run] = []

    def begin(how: str, *, process: bool, feed: Feed | None = None, **more: Any) -> Run:
        runs.append(start(JOB, Misbehave(how=how, **more), process=process, feed=feed))
        return runs[-1]

    yield begin
    for run in runs:
        run.cancel()
        assert run.wait(PATIENCE) is not None


both = pytest.mark.parametrize("process", [False, True], ids=["thread", "process"])


def next_events(run: Run) -> list[Event]:
    """What comes next from a run that has not ended."""
    assert run.feed.wait(PATIENCE)
    batch = run.feed.drain()
    assert batch.ended is None, batch.ended
    return batch.events


def begun(run: Run) -> int:
    """Wait until a job says that it begins; the process that it runs in."""
    note = next_events(run)[0]
    assert isinstance(note, Note)
    return int(note.text.split()[0])


def failed(run: Run) -> Failed:
    ended = run.wait(PATIENCE)
    assert isinstance(ended, Failed), ended
    return ended


def gone(pid: int) -> bool:
    """Whether a process has ended, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_gone(pid: int) -> None:
    """Wait for the end of a process, whoever's child it is."""
    end = time.monotonic() + PATIENCE
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([pidfd], [], [], max(0.0, end - time.monotonic()))[0], "it goes on"
    finally:
        os.close(pidfd)
    assert gone(pid)


# -- one interface ------------------------------------------------------------------------------


@both
def test_events_come_and_then_the_end(begin: Callable[..., Run], process: bool) -> None:
    run = begin("count", process=process, count=1_000)
    assert isinstance(run, ProcessRun if process else ThreadRun)
    ended = run.wait(PATIENCE)
    batch = run.feed.drain()
    assert isinstance(ended, Done)
    assert batch.ended is ended is run.ended
    numbers = [one.number for one in batch.events if isinstance(one, Numbered)]
    assert numbers == list(range(1_000))
    assert batch.dropped == 0


@both
def test_a_flood_is_counted_to_the_last_event(begin: Callable[..., Run], process: bool) -> None:
    """The reader looks only now and then; what it missed is known."""
    count = 200_000
    run = begin("count", process=process, count=count, feed=Feed(limit=1_000))
    taken = dropped = 0
    last = -1
    ended = None
    while ended is None:
        assert run.feed.wait(PATIENCE)
        batch = run.feed.drain()
        numbers = [one.number for one in batch.events if isinstance(one, Numbered)]
        assert numbers == sorted(numbers)
        assert not numbers or numbers[0] > last
        last = numbers[-1] if numbers else last
        taken += len(numbers)
        dropped += batch.dropped
        ended = batch.ended
        time.sleep(0.02)
    assert isinstance(ended, Done)
    assert last == count - 1, "the newest is never among the dropped"
    assert taken + dropped == count


@both
def test_commands_reach_the_job_in_order(begin: Callable[..., Run], process: bool) -> None:
    run = begin("echo", process=process, data=b"\xff" * 300_000)
    (first,) = next_events(run)
    assert isinstance(first, Note)
    assert first.text.endswith("300000 bytes"), "a request of any size"
    assert run.send(Send(b"a" * 1_000_000)), "a command of any size"
    for number in range(50):
        assert run.send(Send(str(number).encode()))
    assert run.send(Finish())
    assert isinstance(run.wait(PATIENCE), Done)
    long, *short = [one.text for one in run.feed.drain().events if isinstance(one, Note)]
    assert long == f"1000000 {'a' * 20}"
    assert [text.split()[1] for text in short] == [str(number) for number in range(50)]
    assert not run.send(Finish()), "nobody listens any more"


@both
def test_a_job_that_exits_is_a_failed_job(begin: Callable[..., Run], process: bool) -> None:
    ended = failed(begin("exit_softly", process=process))
    assert ended.code == "SystemExit"
    assert "enough" in ended.cause


@both
def test_cancel_and_again_and_after_the_end(begin: Callable[..., Run], process: bool) -> None:
    run = begin("echo", process=process)
    begun(run)
    run.cancel()
    run.cancel()
    ended = failed(run)
    assert ended.cancelled
    run.cancel()
    assert run.ended is ended
    assert run.feed.drain().ended is ended


def test_a_run_counts_and_dates_itself(begin: Callable[..., Run]) -> None:
    first, second = (begin("count", process=False) for _ in range(2))
    assert second.number > first.number
    assert 0 < first.started <= second.started
    assert first.job is JOB
    assert first.request == Misbehave(how="count")


# -- cancel -------------------------------------------------------------------------------------


def test_a_cancel_is_felt_within_a_fifth_of_a_second() -> None:
    """The run counts as ended after this, whatever its job does; the rest is tested as order."""
    assert runner.CANCEL_PATIENCE < 0.2


def test_a_thread_that_cannot_be_woken_is_left_behind(begin: Callable[..., Run]) -> None:
    run = begin("sleep", process=False)
    begun(run)
    run.cancel()
    assert failed(run).cancelled


@pytest.mark.parametrize("how", ["sleep", "spin", "hog", "helper"])
def test_a_child_that_does_not_listen_is_killed(begin: Callable[..., Run], how: str) -> None:
    run = begin(how, process=True)
    pid = begun(run)
    run.cancel()
    assert failed(run).cancelled
    wait_gone(pid)


def test_what_a_child_has_started_is_killed_with_it(begin: Callable[..., Run]) -> None:
    run = begin("helper", process=True)
    notes = [one.text for one in next_events(run) if isinstance(one, Note)]
    while len(notes) < 2:
        notes += [one.text for one in next_events(run) if isinstance(one, Note)]
    run.cancel()
    assert failed(run).cancelled
    wait_gone(int(notes[1]))


def test_a_child_that_is_stopped_takes_commands_only_so_far(begin: Callable[..., Run]) -> None:
    """It reads nothing: who sends never waits, learns it in the end, and can still cancel."""
    run = begin("echo", process=True)
    pid = begun(run)
    os.kill(pid, signal.SIGSTOP)
    sent = 0
    while run.send(Send(b"x" * 65536)):
        sent += 1
        assert sent < 1_000
    run.cancel()
    assert failed(run).cancelled
    wait_gone(pid)


# -- children that end by themselves ------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_killed_child_is_a_failed_job(begin: Callable[..., Run], number: signal.Signals) -> None:
    run = begin("echo", process=True)
    pid = begun(run)
    assert isinstance(run, ProcessRun)
    assert run.pid == pid
    os.kill(pid, number)
    ended = failed(run)
    assert ended.code == number.name
    assert ended.cause == f"killed by signal {int(number)}"
    assert ended.advice


def test_a_child_that_just_exits(begin: Callable[..., Run]) -> None:
    ended = failed(begin("exit", process=True))
    assert ended.code == "exit 7"
    assert "status 7" in ended.cause
    assert "a last word" in ended.detail


GARBAGE = [b"garbage", b"\xff\xfe", b"", b'{"type":"none"}', b'{"a":1}', b"[" * 100_000]


@pytest.mark.parametrize("line", GARBAGE)
def test_a_child_that_writes_garbage(begin: Callable[..., Run], line: bytes) -> None:
    run = begin("garbage", process=True, data=line + b"\n")
    pid = begun(run)
    ended = failed(run)
    assert ended.code == "EBADMSG"
    assert "no event" in ended.cause
    wait_gone(pid)


def test_a_child_whose_line_does_not_end(
    begin: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LINE_LIMIT", 100_000)
    run = begin("garbage", process=True, data=b'{"type":"note"' + b" " * 500_000)
    pid = begun(run)
    assert failed(run).code == "EBADMSG"
    wait_gone(pid)


def test_a_broken_event_is_told_where_it_stood(begin: Callable[..., Run]) -> None:
    run = begin("garbage", process=True, data=b'{"type":"note","text":5}\n')
    begun(run)
    (note,) = next_events(run)
    assert isinstance(note, Note)
    assert "could not be read" in note.text


def test_a_child_that_closes_its_output(begin: Callable[..., Run]) -> None:
    run = begin("close", process=True)
    pid = begun(run)
    ended = failed(run)
    assert "closed its output" in ended.cause
    wait_gone(pid)


def test_an_event_that_json_does_not_have(begin: Callable[..., Run]) -> None:
    run = begin("unspeakable", process=True)
    ended = failed(run)
    assert ended.code == "TypeError"
    assert "no JSON form" in ended.cause
    (note,) = run.feed.drain().events
    assert isinstance(note, Note), "what came before it is not lost"
    wait_gone(int(note.text.split()[0]))


def test_what_a_job_prints_is_no_event(begin: Callable[..., Run]) -> None:
    """Nor does it read the commands: it and what it starts have nothing to read."""
    run = begin("print", process=True)
    assert isinstance(run.wait(PATIENCE), Done)
    (note,) = run.feed.drain().events
    assert isinstance(note, Note)
    assert note.text == "read ''"


def in_module(name: str) -> Job[Any]:
    """The job as if another module declared it."""

    def function(request: Request, scope: object) -> Iterator[Event]:
        raise AssertionError

    function.__module__ = name
    return replace(JOB, function=function)


@pytest.mark.parametrize(
    ("module", "code", "cause"),
    [
        ("tests.core.nowhere", "ModuleNotFoundError", "nowhere"),
        ("tests.core.dies_at_import", "SystemExit", "no further"),
        ("workbench.core.units", "KeyError", "misbehave"),
    ],
)
def test_a_child_that_dies_at_import(module: str, code: str, cause: str) -> None:
    ended = failed(start(in_module(module), Misbehave()))
    assert ended.code == code
    assert cause in ended.cause


def test_a_child_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    run = start(JOB, Misbehave(how="count"))
    ended = failed(run)
    assert ended.code == "ENOENT"
    assert not run.send(Finish())
    run.cancel()


def test_a_child_takes_no_module_from_the_current_folder(
    begin: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("workbench", "fcntl", "random", "subprocess"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    run = begin("strays", process=True)
    assert isinstance(run.wait(PATIENCE), Done)
    (note,) = run.feed.drain().events
    assert isinstance(note, Note)
    assert note.text == "False"


CHECKOUT = """
import workbench
from workbench import catalogue
from workbench.core.endpoint import parse
from workbench.core.runner import start
job = catalogue.load("serve echo")
run = start(job, job.request(endpoint=parse("tcp://127.0.0.1:0")))
assert run.feed.wait(30)
listening, *_ = run.feed.drain().events
print(workbench.__file__)
print(open(f"/proc/{run.pid}/environ").read())
"""


def test_a_child_of_a_checkout_runs_the_same_checkout(tmp_path: Path) -> None:
    """Started by `python -m workbench` in a folder, the package is found only through that."""
    shutil.copytree(ROOT / "workbench", tmp_path / "workbench")
    ran = subprocess.run(
        [sys.executable, "-c", CHECKOUT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    where, environment = ran.stdout.split("\n", 1)
    assert where == str(tmp_path / "workbench" / "__init__.py")
    paths = dict(one.partition("=")[::2] for one in environment.split("\0"))["PYTHONPATH"]
    assert paths.split(os.pathsep)[0] == str(tmp_path)


def test_ctrl_c_on_the_terminal_is_not_for_the_child(begin: Callable[..., Run]) -> None:
    run = begin("echo", process=True)
    pid = begun(run)
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGINT)
    assert run.send(Send(b"still here"))
    assert next_events(run)


# -- what is left -------------------------------------------------------------------------------


PARENT = """
import sys
from tests.core import sample_jobs
from workbench.core.runner import start
run = start(sample_jobs.ways(), sample_jobs.Misbehave(how=sys.argv[1]))
told = []
while len(told) < int(sys.argv[2]):
    assert run.feed.wait(30)
    told += [one.text.split()[0] for one in run.feed.drain().events]
print(*told, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("how", "told"), [("echo", 1), ("sleep", 1), ("spin", 1), ("hog", 1), ("helper", 2)]
)
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "exit"])
def test_no_child_outlives_its_parent(how: str, told: int, end: str) -> None:
    """However the parent ends, and however stuck its child is."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, how, str(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == told
        assert not any(gone(pid) for pid in pids)
        if end == "exit":
            parent.stdin.close()
        else:
            parent.send_signal(signal.Signals[end])
        for pid in pids:
            wait_gone(pid)
        parent.wait(PATIENCE)


def test_runs_leave_no_descriptor_nor_thread(begin: Callable[..., Run]) -> None:
    def left() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    def settle(before: tuple[int, int]) -> None:
        """The threads of a run that has ended are about to end themselves."""
        end = time.monotonic() + PATIENCE
        while left() > before and time.monotonic() < end:
            time.sleep(0.01)
        assert left() <= before

    before = left()
    for how in ("count", "exit", "echo", "exit_softly"):
        for process in (True, False):
            if how == "exit" and not process:
                continue
            run = begin(how, process=process, count=10)
            if how == "echo":
                begun(run)
                run.cancel()
            assert run.wait(PATIENCE) is not None
    settle(before)


def test_a_server_stops_and_its_port_is_free_when_it_says_so() -> None:
    serve = catalogue.load("serve echo")
    run = start(serve, serve.request(endpoint=parse("tcp://127.0.0.1:0")))
    listening, *_ = next_events(run)
    assert isinstance(listening, Listening)
    run.send(Stop())
    assert isinstance(run.wait(PATIENCE), Done)
    again = start(serve, serve.request(endpoint=parse(listening.endpoint)))
    second, *_ = next_events(again)
    assert isinstance(second, Listening)
    assert second.endpoint == listening.endpoint
    again.cancel()
    assert failed(again).cancelled
