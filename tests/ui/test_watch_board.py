"""The board of a watch: what it makes of events, and driven by keys with real targets."""

from __future__ import annotations

import csv
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.core.events import Done, Failed, Note
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.servers.watch.events import (
    Acknowledged,
    Alarm,
    Changed,
    Checked,
    Reacted,
    Rested,
    Unwatched,
    Watched,
)
from workbench.servers.watch.outcome import State
from workbench.ui.panes.servers.followed import CHANGES, LATENCIES, Followed, Following
from workbench.ui.panes.servers.watchboard import WatchBoard

SIZES = [(80, 24), (120, 40)]
HERE = "tcp://127.0.0.1:7"


def following(*events: Event, ended: Done | Failed | None = None, dropped: int = 0) -> Following:
    """What is known after so much."""
    made = Following()
    made.take(Batch(list(events), dropped, ended))
    return made


def up(name: str = "a", latency: float = 0.01) -> Checked:
    return Checked(name, HERE, "up", "up", "connected", latency, uptime_day=100.0)


def down(name: str = "a", attempt: int = 0, standing: State = "down") -> Checked:
    return Checked(
        name,
        HERE,
        "down",
        standing,
        "refused",
        attempt=attempt,
        uptime_day=50.0,
    )


def watched(name: str = "a") -> Watched:
    return Watched(name, HERE, 10.0)


# -- what it makes of events ------------------------------------------------------------------


def test_a_target_begins_with_what_its_history_has() -> None:
    begun = Watched("a", HERE, 10.0, "down", 5.0, "no", "old", 4.0, 90.0, 95.0, (0.1, None))
    row = following(begun).rows["a"]
    assert (row.state, row.since, row.detail, row.error, row.error_at) == (
        *("down", 5.0, "no"),
        *("old", 4.0),
    )
    assert (row.uptime, row.uptime_week, list(row.latencies)) == (90.0, 95.0, [0.1, None])


def test_a_check_shows_in_its_row() -> None:
    row = following(watched(), up(latency=0.25)).rows["a"]
    assert (row.state, row.latency, row.uptime, row.error) == ("up", 0.25, 100.0, "")
    assert row.since


def test_a_retry_is_shown_and_the_target_stands_as_before() -> None:
    row = following(watched(), up(), down(attempt=1, standing="up")).rows["a"]
    assert (row.state, row.retry, row.error) == ("up", 1, "refused")
    row = following(watched(), up(), down(attempt=1, standing="up"), down(attempt=2)).rows["a"]
    assert (row.state, row.retry) == ("down", 0)


def test_changes_are_kept_up_to_a_bound() -> None:
    flapping = [
        Changed("a", HERE, "up", "down", f"{number}", lasted=1.0) for number in range(CHANGES + 9)
    ]
    row = following(watched(), *flapping).rows["a"]
    assert row.changed == CHANGES + 9
    kept = [event.detail for event in row.changes if isinstance(event, Changed)]
    assert kept == [str(number) for number in range(9, CHANGES + 9)]
    many = following(watched(), *(up() for _ in range(LATENCIES + 9))).rows["a"]
    assert len(many.latencies) == LATENCIES


def test_what_stands_as_before_the_start_has_done_so_for_longer() -> None:
    first = Changed("a", HERE, "up", "up", "", lasted=100.0, first=True, time=1000.0)
    assert following(watched(), first).rows["a"].since == 900.0
    other = Changed("a", HERE, "down", "up", "", lasted=100.0, first=True, time=1000.0)
    assert following(watched(), other).rows["a"].since == 1000.0


def test_it_is_known_until_it_changes() -> None:
    changed = Changed("a", HERE, "up", "down", "refused")
    assert following(watched(), changed, Acknowledged("a")).rows["a"].acknowledged
    again = Changed("a", HERE, "down", "up", "connected")
    assert not following(watched(), changed, Acknowledged("a"), again).rows["a"].acknowledged


def test_pausing_and_removing() -> None:
    assert following(watched(), Rested("a", True)).rows["a"].paused
    assert not following(watched(), Rested("a", True), Rested("a", False)).rows["a"].paused
    assert not following(watched(), Unwatched("a"), up(), Rested("a", True)).rows


def test_a_command_that_failed_is_told_and_one_that_did_not_is_not() -> None:
    row = following(watched(), Reacted("a", "mail", 0), Reacted("a", "mail", 1, "no")).rows["a"]
    assert [event.line() for event in row.changes] == ["a: the command mail: no"]


def test_only_an_alarm_that_wants_it_rings_the_bell() -> None:
    made = Following()
    quiet = Alarm("a", HERE, "down", "up", "refused")
    loud = Alarm("a", HERE, "down", "up", "refused", bell=True)
    assert not made.take(Batch([watched(), quiet], 0, None))
    assert made.take(Batch([loud], 0, None))


def test_what_is_about_no_target_is_kept_too() -> None:
    ended = Failed("watch", "the file is gone")
    made = following(Note("a word"), ended=ended, dropped=3)
    assert list(made.notes) == [Note("a word", time=made.notes[0].time), ended]
    assert (made.dropped, made.ended) == (3, ended)


def test_the_worst_is_sorted_first_and_what_is_known_of_last() -> None:
    rows = [
        Followed("up", HERE, state="up"),
        Followed("known", HERE, state="down", acknowledged=True),
        Followed("warn", HERE, state="warn"),
        Followed("down", HERE, state="down"),
    ]
    ordered = sorted(rows, key=lambda row: row.severity)
    assert [row.name for row in ordered] == ["down", "warn", "up", "known"]


# -- driven ---------------------------------------------------------------------------------------


@contextmanager
def listening(port: int = 0) -> Iterator[int]:
    """A server that accepts whoever comes; its port."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen(1024)
        yield server.getsockname()[1]


def refused() -> str:
    """A target where nobody listens."""
    with listening() as port:
        return f"tcp://127.0.0.1:{port}"


async def watch(driver: Driver, line: str) -> WatchBoard:
    """Watch from the target line; the board has its first results when this returns."""
    pane = await driver.open("servers")
    await driver.target(pane, f"watch {line}")
    await driver.until(lambda: driver.app.query(WatchBoard), "the board")
    board = driver.app.query_one(WatchBoard)
    await driver.until(lambda: board.table.has_focus, "the focus")

    def all_seen() -> bool:
        rows = board.following.rows.values()
        return bool(rows) and all(row.state != "unknown" for row in rows)

    await driver.until(all_seen, "the first results")
    return board


def row_of(driver: Driver, text: str) -> str:
    """The line of the screen that has this text in the table."""
    return next((line for line in driver.text.splitlines()[3:] if text in line), "")


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_targets_are_shown_as_they_go_down_and_come_back(size: tuple[int, int]) -> None:
    with listening() as port:
        name = f"127.0.0.1:{port}"
        other = refused()
        async with driving(size) as driver:
            board = await watch(driver, f"{name} {other} --interval 1 --retries 0")
            await driver.see("watch 2   1 down   1 up", "100%", "0.00%")
            good, bad = row_of(driver, name), row_of(driver, other)
            assert good.lstrip().startswith("*")
            assert "100%" in good
            assert bad.lstrip().startswith("!")
            assert "the connection was ref" in bad
            await driver.see("every 1s  up: connected")
            await driver.press("down")
            await driver.see("every 1s  down: the connection was refused")
            with listening(int(other.rpartition(":")[2])):
                await driver.see("watch 2   2 up", "(was down for")
            await driver.see("watch 2   1 down   1 up")
            assert board.selected is not None
            assert board.selected.changed >= 3


@in_loop
async def test_keys_pause_know_check_and_remove() -> None:
    other = refused()
    async with driving() as driver:
        board = await watch(driver, f"{other} --interval 3600 --retries 0")
        row = board.selected
        assert row is not None
        await driver.press("k")
        await driver.see("down, known")
        assert row_of(driver, other).lstrip().startswith("k")
        await driver.press("a")
        await driver.see("known, paused")
        await driver.press("a")
        await driver.until(lambda: not row.paused, "its going on")
        before = len(row.latencies)
        await driver.press("r")
        await driver.until(lambda: len(row.latencies) > before, "another check")
        await driver.press("d")
        await driver.see("No target is followed.")


@in_loop
async def test_a_target_is_added() -> None:
    with listening() as port, listening() as second:
        async with driving() as driver:
            board = await watch(driver, f"tcp://127.0.0.1:{port} --interval 60")
            await driver.press("plus")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            await driver.submit(f"tcp://127.0.0.1:{second}")
            await driver.see("watch 2   2 up")
            assert f"tcp://127.0.0.1:{second}" in board.following.rows
            await driver.press("plus")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            await driver.submit("nonsense://here")
            await driver.see("not added:")
            assert len(board.following.rows) == 2


@in_loop
async def test_what_cannot_be_followed_is_said_where_it_was_asked_for() -> None:
    async with driving((80, 24)) as driver:
        pane = await driver.open("servers")
        await driver.target(pane, "watch vsock://1:1")
        await driver.see("vsock cannot be watched yet")


@in_loop
async def test_export_and_copy(tmp_path: Path) -> None:
    other = refused()
    async with driving() as driver:
        board = await watch(driver, f"{other} --interval 60 --retries 0")
        for ending in ("csv", "jsonl"):
            await driver.press("e")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the question")
            await driver.submit(str(tmp_path / f"out.{ending}"))
            await driver.until((tmp_path / f"out.{ending}").exists, "the file")
            await driver.until(lambda: board.table.has_focus, "the table")
        await driver.press("y")
        assert driver.app.clipboard == other
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    assert (row["name"], row["state"]) == (other, "down")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["type"] for line in lines] == ["changed"]


@in_loop
async def test_a_target_is_sent_to_another_tab() -> None:
    with listening() as port:
        async with driving() as driver:
            await watch(driver, f"tcp://127.0.0.1:{port} --interval 60")
            await driver.press("s")
            await driver.see("Send to", f"Sockets: talk to tcp://127.0.0.1:{port}")


@in_loop
async def test_stopping_keeps_what_was_found() -> None:
    with listening() as port:
        async with driving() as driver:
            board = await watch(driver, f"tcp://127.0.0.1:{port} --interval 60")
            await driver.press("x")
            await driver.see("ended")
            await driver.see(f"tcp://127.0.0.1:{port}")
            await driver.press("r")
            await driver.see("this watch has ended")
            assert board.run is not None


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_five_hundred_targets(size: tuple[int, int], tmp_path: Path) -> None:
    with listening() as port:
        file = tmp_path / "watch.toml"
        file.write_text(
            "\n".join(
                f'[[target]]\nname = "host {number:03}"\ntarget = "tcp://127.0.0.1:{port}"'
                for number in range(500)
            )
        )
        async with driving(size) as driver:
            board = await watch(driver, f"--file {file} --interval 60")
            await driver.see("watch 500   500 up", "host 000")
            await driver.press("end")
            await driver.see("host 499")
            assert board.selected is not None
            assert board.selected.name == "host 499"
            await driver.press("slash")
            await driver.until(lambda: isinstance(driver.app.focused, Input), "the filter")
            await driver.submit("host 25")
            await driver.until(lambda: len(board.table.shown) == 10, "ten of them")
