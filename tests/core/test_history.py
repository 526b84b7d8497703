"""The history: what it keeps, for how long, and what happens to it when things go wrong."""

from __future__ import annotations

import json
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.core import history as module
from workbench.core import history_file
from workbench.core.history import History


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.sqlite3"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    history = History(path)
    yield history
    history.close()


def fill(history: History, *targets: str, job: str = "connect") -> list[int]:
    runs = [history.begin(job, target, '{"target": "x"}') for target in targets]
    for run in runs:
        history.end(run, "done", "closed")
    return runs


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another workbench: Python code in a process of its own, its lines read as they come."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


# What a record is


def test_a_run_is_kept_and_can_be_repeated(path: Path) -> None:
    first = History(path)
    run = first.begin("serve echo", "tcp://127.0.0.1:0", '{"endpoint": "tcp://127.0.0.1:0"}')
    open_run = first.find(run)
    first.end(run, "failed", "address in use")
    first.close()
    assert open_run is not None
    assert (open_run.outcome, open_run.ended) == (None, None)

    again = History(path)
    record = again.find(run)
    again.close()
    assert record is not None
    assert record.ended is not None
    assert record.ended >= record.started > 1_700_000_000
    assert (record.job, json.loads(record.request)) == (
        "serve echo",
        {"endpoint": "tcp://127.0.0.1:0"},
    )
    assert (record.outcome, record.summary) == ("failed", "address in use")
    assert again.problem is None


def test_file_and_what_stands_beside_it_are_the_users_alone(history: History, path: Path) -> None:
    fill(history, "tcp://127.0.0.1:1")
    files = list(path.parent.iterdir())
    assert path in files
    assert len(files) > 1
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    fill(first := History(path), "tcp://127.0.0.1:1")
    first.close()
    path.chmod(0o644)
    fill(second := History(path), "tcp://127.0.0.1:2")
    second.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_lives_in_the_state_folder_and_looking_creates_no_run(own_home: Path) -> None:
    history = History()
    assert not (own_home / "state").exists()
    assert history.search() == []
    history.close()
    assert (own_home / "state" / "workbench" / "history.sqlite3").is_file()


def test_a_second_end_changes_nothing(history: History) -> None:
    (run,) = fill(history, "tcp://127.0.0.1:1")
    history.end(run, "failed", "later")
    history.end(run + 1, "failed", "unknown")
    assert [(r.outcome, r.summary) for r in history.search()] == [("done", "closed")]


def test_an_outcome_is_one_of_four(history: History) -> None:
    with pytest.raises(ValueError, match="cancelled"):
        history.end(1, "fine", "")  # type: ignore[arg-type]


def test_memory_alone_writes_no_file(path: Path) -> None:
    history = History(path, stored=False)
    fill(history, "tcp://127.0.0.1:1")
    assert [r.target for r in history.search()] == ["tcp://127.0.0.1:1"]
    assert history.problem is None
    history.close()
    assert not path.parent.exists()


def test_after_close_calls_do_nothing(history: History) -> None:
    fill(history, "tcp://127.0.0.1:1")
    history.close()
    history.close()
    assert history.begin("connect", "tcp://127.0.0.1:2", "{}") == 0
    history.end(1, "done", "")
    assert (history.find(1), history.search(), history.targets(None, "")) == (None, [], [])
    assert history.forget() == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    job=st.text(st.characters(), max_size=50),
    target=st.text(st.characters(), max_size=50),
    summary=st.text(st.characters(), max_size=50),
    value=st.text(st.characters(), min_size=1, max_size=50),
)
def test_any_text_is_kept_and_found_again(
    history: History, job: str, target: str, summary: str, value: str
) -> None:
    request = json.dumps({"value": value}, ensure_ascii=False)
    run = history.begin(job, target, request)
    history.end(run, "done", summary)
    record = history.find(run)
    assert history.problem is None
    assert record is not None
    assert json.loads(record.request) == {"value": value}
    if target and "\0" not in target and target.isprintable():
        assert record.target == target
        assert run in [r.id for r in history.search(target)]
        assert target in history.targets(job, target)
    assert run in [r.id for r in history.search(value)]


# Bounds


def test_the_oldest_runs_go_first(path: Path) -> None:
    history = History(path, keep=3)
    runs = fill(history, *(f"tcp://127.0.0.1:{port}" for port in range(1, 9)))
    assert [r.id for r in history.search()] == runs[:-4:-1]
    history.close()
    with pytest.raises(ValueError):
        History(path, keep=0)


def test_a_record_is_bounded(history: History) -> None:
    run = history.begin("j" * 10_000, "t" * 10_000, json.dumps("r" * 100_000))
    history.end(run, "done", "s" * 10_000)
    record = history.find(run)
    assert record is not None
    assert (len(record.job), len(record.target)) == (module.JOB_LENGTH, module.TARGET_LENGTH)
    assert (record.request, len(record.summary)) == ("", module.SUMMARY_LENGTH)


def test_numbers_are_never_given_twice(history: History) -> None:
    (old,) = fill(history, "tcp://127.0.0.1:1")
    history.forget()
    (new,) = fill(history, "tcp://127.0.0.1:2")
    assert new > old
    assert history.find(old) is None


def test_a_number_past_64_bits_names_no_run(history: History) -> None:
    fill(history, "tcp://127.0.0.1:1")
    assert history.find(1 << 70) is None
    assert history.forget(1 << 70) == 0
    assert len(history.search()) == 1


# Search and completion


def test_search_looks_in_every_text_and_in_one_job(history: History) -> None:
    a = history.begin("connect", "tcp://Host:1", "{}")
    b = history.begin("serve echo", "udp://127.0.0.1:0", '{"how": "HOST"}')
    c = history.begin("resolve", "name", "{}")
    history.end(c, "failed", "no such host")
    history.begin("connect", "unix:/run/x.sock", "{}")
    assert [r.id for r in history.search("host")] == [c, b, a]
    assert [r.id for r in history.search("host", job="connect")] == [a]
    assert [r.id for r in history.search("echo")] == [b]
    assert [r.id for r in history.search("host", before=b)] == [a]
    assert [r.id for r in history.search("host", limit=1)] == [c]
    assert history.search("host", limit=-1) == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", 'say "hi"', "a\\b", "'; --", "é"])
def test_searched_text_is_never_a_pattern(history: History, text: str) -> None:
    run = history.begin("connect", "x", json.dumps({"line": f"<{text}>"}, ensure_ascii=False))
    history.begin("connect", "y", '{"line": "<1000 things>"}')
    assert [r.id for r in history.search(text)] == [run]


def test_a_text_longer_than_any_record_finds_nothing(history: History) -> None:
    fill(history, "tcp://127.0.0.1:1")
    assert history.search("é%" * 100_000) == []
    assert history.problem is None


def test_completion_puts_often_and_lately_used_targets_first(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = 86_400
    now = 1_800_000_000
    uses = [("old", 30)] * 3 + [("often", 1)] * 3 + [("now", 0)] + [("once", 3)]
    for name, days in sorted(uses, key=lambda use: -use[1]):
        monkeypatch.setattr(time, "time", lambda days=days: float(now - days * day))
        history.begin("connect", f"tcp://{name}:1", "{}")
    history.begin("resolve", "tcp://other:1", "{}")
    history.begin("resolve", "", "{}")
    assert history.targets("connect", "tcp://") == [
        f"tcp://{name}:1" for name in ("often", "now", "once", "old")
    ]
    assert history.targets("connect", "tcp://o", limit=1) == ["tcp://often:1"]
    assert history.targets("connect", "tcp://%") == []
    assert "tcp://other:1" in history.targets(None, "")
    assert "" not in history.targets(None, "")


# Secrets, and forgetting


@pytest.mark.parametrize(
    "request_text",
    [
        '{"password": "p@ss \\"wörd\\""}',
        json.dumps({"deep": [{"k": 'x p@ss "wörd" y'}]}),
        json.dumps({"key": {'p@ss "wörd"': 1}}, ensure_ascii=False),
        json.dumps({"url": "http://u:" + quote('p@ss "wörd"', safe="") + "@h/"}),
        '{"data": "cEBzcyAid8O2cmQi"}',
        'no json: p@ss "wörd"',
    ],
)
def test_a_request_that_holds_a_secret_is_refused(history: History, request_text: str) -> None:
    with pytest.raises(ValueError, match="secret") as caught:
        history.begin("smtp", "smtp://h:25", request_text, secrets=["", 'p@ss "wörd"'])
    assert "wörd" not in str(caught.value)
    assert history.search() == []
    assert history.begin("smtp", "smtp://h:25", request_text, secrets=["", "other"]) > 0


def test_a_target_that_holds_a_secret_is_refused(history: History) -> None:
    with pytest.raises(ValueError, match="secret"):
        history.begin("http", "http://u:p%40ss@h/", "{}", secrets=["p@ss"])


def test_a_summary_that_holds_a_secret_is_left_out(history: History) -> None:
    run = history.begin("smtp", "smtp://h:25", "{}")
    history.end(run, "failed", "535 hunter2 refused", secrets=["hunter2"])
    record = history.find(run)
    assert record is not None
    assert record.outcome == "failed"
    assert "hunter2" not in record.summary


def test_forgetting_takes_one_or_those_found_or_all(history: History) -> None:
    a, b, c, d = fill(history, "tcp://a:1", "tcp://b:1", "tcp://b:2", "tcp://d:1")
    assert history.forget(a) == 1
    assert history.forget(a) == 0
    assert history.forget(matching="//B") == 2
    assert [r.id for r in history.search()] == [d]
    assert history.forget() == 1
    assert history.search() == []
    assert {b, c} == {2, 3}
    for wrong in ({"run": 1, "matching": "x"}, {"matching": ""}):
        with pytest.raises(ValueError):
            history.forget(**wrong)


@pytest.mark.parametrize("how", ["one", "matching", "all"])
def test_forgetting_leaves_no_byte_in_any_file(path: Path, how: str) -> None:
    history, other = History(path), History(path)  # the other stays open and idle, with a cache
    fill(history, *(f"tcp://host{n}:1" for n in range(50)))
    run = history.begin("smtp", "smtp://Marker-4711", '{"line": "Marker-4711%s"}' % ("x" * 9000))
    history.end(run, "done", "Marker-4711 said")
    fill(history, *(f"tcp://host{n}:1" for n in range(50)))
    assert len(other.search()) == 101
    assert any(b"Marker-4711" in file.read_bytes() for file in path.parent.iterdir())
    if how == "one":
        history.forget(run)
    else:
        history.forget(matching="marker-4711" if how == "matching" else None)
    assert history.problem is None
    left = [file for file in path.parent.iterdir() if b"Marker-4711" in file.read_bytes()]
    history.close()
    other.close()
    assert left == []


# Two workbenches, threads, crashes

WRITE = """
import sys, pathlib
from workbench.core.history import History
history = History(pathlib.Path(sys.argv[1]))
print("ready")
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    run = history.begin("connect", f"tcp://{sys.argv[3]}:{number}", "{}")
    history.end(run, "done", "closed")
print(history.problem)
history.close()
"""


def race(*writers: subprocess.Popen[str]) -> list[str]:
    """Start these at the same moment; what each says at the end."""
    for writer in writers:
        assert line(writer) == "ready"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    return [writer.communicate()[0].strip() for writer in writers]


def test_two_workbenches_start_and_write_at_once(path: Path) -> None:
    # Neither has a file yet: creating it, its tables and its log mode are part of the race.
    problems = race(python(WRITE, path, 150, "a"), python(WRITE, path, 150, "b"))
    assert problems == ["None", "None"]
    history = History(path)
    records = history.search(limit=1000)
    history.close()
    assert sorted(r.target for r in records) == sorted(
        f"tcp://{name}:{n}" for name in "ab" for n in range(150)
    )
    assert {r.outcome for r in records} == {"done"}


def test_threads_write_at_once(history: History) -> None:
    threads = [
        threading.Thread(target=fill, args=(history, *(f"tcp://{name}:{n}" for n in range(50))))
        for name in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({r.target for r in history.search(limit=1000)}) == 200
    assert history.problem is None


def test_another_workbench_waits_for_no_lock_between_calls(history: History, path: Path) -> None:
    history.begin("connect", "tcp://127.0.0.1:1", "{}")
    history.search()
    db = sqlite3.connect(path, timeout=0, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    db.execute("ROLLBACK")
    db.close()


def test_a_write_that_waits_too_long_gives_up_and_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "WAIT", 0.05)
    history = History(path)
    fill(history, "tcp://127.0.0.1:1")
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    assert history.begin("connect", "tcp://127.0.0.1:2", "{}") == 0
    assert "locked" in (history.problem or "")
    assert [r.target for r in history.search()] == ["tcp://127.0.0.1:1"]
    db.execute("ROLLBACK")
    db.close()
    assert history.begin("connect", "tcp://127.0.0.1:3", "{}") > 0
    history.close()


KILLED = """
import sys, pathlib
from workbench.core.history import History
history = History(pathlib.Path(sys.argv[1]))
while True:
    run = history.begin("connect", "tcp://127.0.0.1:1", '{"n": "%s"}' % ("x" * 5000))
    history.end(run, "done", "closed")
    print(run)
"""


def test_what_was_written_survives_kill_9(path: Path) -> None:
    seen: set[int] = set()
    for rounds in (3, 40, 90):  # the log is folded into the file about every 400 runs here
        writer = python(KILLED, path)
        seen |= {int(line(writer)) for _ in range(rounds * 5)}
        kill(writer)
    history = History(path)
    records = history.search(limit=5000)
    assert history.problem is None
    assert seen <= {r.id for r in records if r.outcome == "done"}
    assert {r.outcome for r in records} <= {"done", "lost"}
    history.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


HALF = """
import sys, pathlib
from workbench.core import history_file
db, _ = history_file.open_file(pathlib.Path(sys.argv[1]))
with history_file.transaction(db):
    db.execute("INSERT INTO run (started, job, target, request, writer) VALUES (1,'half','','','')")
    print("inside")
    sys.stdin.read()
"""


def test_kill_9_inside_a_write_undoes_it_and_frees_the_lock(path: Path) -> None:
    writer = python(HALF, path)
    assert line(writer) == "inside"
    kill(writer)
    history = History(path)
    fill(history, "tcp://127.0.0.1:1")
    assert [r.job for r in history.search()] == ["connect"]
    assert history.problem is None
    history.close()


def test_an_error_inside_a_write_undoes_it_and_frees_the_lock(path: Path) -> None:
    db, _ = history_file.open_file(path)
    db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    with pytest.raises(sqlite3.IntegrityError), history_file.transaction(db):
        db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,), (1,)])
    with history_file.transaction(db):
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
    db.close()


OPEN = """
import sys, pathlib
from workbench.core.history import History
history = History(pathlib.Path(sys.argv[1]))
print(history.begin("serve echo", "tcp://127.0.0.1:0", "{}"))
sys.stdin.readline()
"""


def test_runs_of_a_killed_workbench_are_lost_and_those_of_a_living_one_are_not(
    history: History, path: Path
) -> None:
    mine = history.begin("connect", "tcp://127.0.0.1:1", "{}")
    writer = python(OPEN, path)
    run = int(line(writer))
    assert {r.id: r.outcome for r in history.search()} == {mine: None, run: None}
    kill(writer)
    assert {r.id: r.outcome for r in history.search()} == {mine: None, run: "lost"}


def test_a_process_number_used_again_is_not_the_writer(history: History, path: Path) -> None:
    run = history.begin("connect", "tcp://127.0.0.1:1", "{}")
    db = sqlite3.connect(path)
    (writer,) = db.execute("SELECT writer FROM run").fetchone()
    pid, start, boot = writer.split(" ")
    db.execute("UPDATE run SET writer = ?", (f"{pid} {int(start) - 1} {boot}",))
    db.commit()
    db.close()
    assert [r.outcome for r in history.search()] == ["lost"]
    history.end(run, "done", "it lived after all")
    assert [r.outcome for r in history.search()] == ["done"]


# Damage, files that cannot be used, versions


def assert_begun_anew(path: Path, *, aside: bytes) -> None:
    history = History(path)
    assert history.search() == []
    assert history.problem is not None
    assert f"{path.name}.corrupt-1" in history.problem
    (run,) = fill(history, "tcp://127.0.0.1:2")
    assert history.find(run) is not None
    history.close()
    assert path.with_name(f"{path.name}.corrupt-1").read_bytes() == aside


def test_a_file_that_is_no_database_is_moved_aside(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database\n" * 100)
    assert_begun_anew(path, aside=b"not a database\n" * 100)
    again = History(path)
    assert len(again.search()) == 1
    assert again.problem is None
    again.close()


def test_tables_that_are_not_ours_are_moved_aside(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE run (color TEXT)")
    db.close()
    history = History(path)
    assert history.begin("connect", "tcp://127.0.0.1:1", "{}") > 0
    assert "corrupt-1" in (history.problem or "")
    history.close()


def test_a_page_broken_while_it_is_open_is_found_and_moved_aside(path: Path) -> None:
    history = History(path)
    for number in range(200):
        history.begin("connect", f"tcp://127.0.0.1:{number}", '"%s"' % ("x" * 500))
    history.close()
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)  # header and schema still read well
    path.write_bytes(data)

    history = History(path)
    run = history.begin("connect", "tcp://127.0.0.1:1", "{}")
    assert [r.id for r in history.search()] == [run]
    assert "corrupt-1" in (history.problem or "")
    history.close()


def test_damaged_files_are_bounded_and_forgotten_with_all(path: Path) -> None:
    path.parent.mkdir()
    for number in range(12):
        path.write_bytes(b"damage %d " % number * 100)
        history = History(path)
        fill(history, "tcp://127.0.0.1:1")
        history.close()
    kept = [file for file in path.parent.iterdir() if "corrupt" in file.name]
    assert len(kept) == 9
    history = History(path)
    history.forget()
    history.close()
    assert [file for file in path.parent.iterdir() if "corrupt" in file.name] == []


def test_two_workbenches_that_find_damage_move_it_aside_once(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database\n" * 100)
    problems = race(python(WRITE, path, 20, "a"), python(WRITE, path, 20, "b"))
    assert sorted(problem == "None" for problem in problems) == [False, True]
    history = History(path)
    assert len(history.search(limit=1000)) == 40
    history.close()
    assert [f.name for f in path.parent.iterdir() if "corrupt" in f.name] == [
        f"{path.name}.corrupt-1"
    ]


def test_damage_that_sqlite_quotes_in_bytes_that_are_no_text(path: Path) -> None:
    history = History(path)
    history.begin("connect", "tcp://127.0.0.1:7", "{}")
    history.close()
    whole = path.read_bytes()
    assert whole.count(b"CREATE TABLE run") == 1
    path.write_bytes(whole.replace(b"CREATE TABLE run", b"CREATE TABLE r\x80n"))
    history = History(path)
    assert history.search() == []
    assert history.problem is not None
    history.close()


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_no_damage_ever_raises(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damage") / "history.sqlite3"
    history = History(path)
    for number in range(40):
        history.end(history.begin("connect", f"tcp://h:{number}", '"%s"' % ("x" * 300)), "done", "")
    history.close()
    content = bytearray(path.read_bytes())
    size = len(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, size - 1))
        patch = data.draw(st.binary(min_size=1, max_size=64))
        content[at : at + len(patch)] = patch
    path.write_bytes(content[: data.draw(st.sampled_from([size, size, size // 2, 700, 50, 1]))])

    history = History(path)
    history.search()
    history.targets("connect", "tcp")
    run = history.begin("connect", "tcp://127.0.0.1:1", "{}")
    history.end(run, "done", "closed")
    history.forget(matching="tcp")
    history.forget()
    run = history.begin("connect", "tcp://127.0.0.1:1", "{}")
    found = history.find(run)
    history.close()
    assert found is not None
    assert found.target == "tcp://127.0.0.1:1"


@pytest.mark.parametrize("obstacle", ["file for a folder", "folder for the file"])
def test_a_file_that_cannot_be_used_leaves_runs_in_memory(path: Path, obstacle: str) -> None:
    if obstacle == "file for a folder":
        path.parent.write_text("")
    else:
        path.mkdir(parents=True)
    history = History(path)
    (run,) = fill(history, "tcp://127.0.0.1:1")
    assert history.problem is not None
    assert "until you quit" in history.problem
    assert [r.id for r in history.search()] == [run]
    assert history.forget() == 1
    history.close()


FULL = """
import sys, pathlib, resource
from workbench.core.history import History
history = History(pathlib.Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
runs = [history.begin("connect", "tcp://127.0.0.1:1", '"%s"' % ("x" * 5000)) for _ in range(100)]
print(sum(run > 0 for run in runs), len(history.search()), history.problem)
history.close()
"""


def test_a_full_disk_loses_new_runs_and_nothing_else(path: Path) -> None:
    # A bound on file size stands for the full disk: both make write(2) fail.
    kept, seen, problem = python(FULL, path).communicate()[0].split(" ", 2)
    assert 0 < int(kept) == int(seen) < 100
    assert "could not be" in problem
    history = History(path)
    assert len(history.search()) == int(kept)
    fill(history, "tcp://127.0.0.1:2")
    assert history.problem is None
    history.close()


def test_a_newer_version_is_left_alone(path: Path) -> None:
    fill(first := History(path), "tcp://127.0.0.1:1")
    first.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    before = path.read_bytes()
    history = History(path)
    fill(history, "tcp://127.0.0.1:2")
    assert "newer workbench" in (history.problem or "")
    history.close()
    assert path.read_bytes() == before


def test_an_older_version_is_brought_up_with_what_it_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(first := History(path), "tcp://127.0.0.1:1")
    first.close()
    step = ("ALTER TABLE run ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",)
    monkeypatch.setattr(history_file, "STEPS", [*history_file.STEPS, step])
    second = History(path)
    fill(second, "tcp://127.0.0.1:2")
    assert [r.target for r in second.search()] == ["tcp://127.0.0.1:2", "tcp://127.0.0.1:1"]
    assert second.problem is None
    second.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    assert db.execute("SELECT pinned FROM run").fetchall() == [(0,), (0,)]
    db.close()


def test_a_step_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(first := History(path), "tcp://127.0.0.1:1")
    first.close()
    half = (
        "ALTER TABLE run ADD COLUMN half TEXT",
        "INSERT INTO run (id, started, job, target, request, writer) VALUES (1, 1, '', '', '', '')",
    )  # which fails where there is a run 1
    with monkeypatch.context() as patch:
        patch.setattr(history_file, "STEPS", [*history_file.STEPS, half])
        second = History(path)
        second.search()
        assert "until you quit" in (second.problem or "")
        second.close()
    third = History(path)
    assert [r.target for r in third.search()] == ["tcp://127.0.0.1:1"]
    assert third.problem is None
    third.close()
