"""What the Servers tab knows of a server, event by event."""

from __future__ import annotations

import json

import pytest

from workbench.core.endpoint import parse
from workbench.core.events import CANCELLED, Done, Failed
from workbench.core.feed import Batch
from workbench.core.message import Event
from workbench.servers.events import Closed, ConnectionRow, Connections, Listening, Opened, Stats
from workbench.sockets.echo import Echo, serve_echo
from workbench.ui.panes.servers.board import LOG_KEPT, MINUTE, Server

ROW = ConnectionRow(1, "127.0.0.1:50000", 1.0, 2, 3, 4.0, "")


def server(*events: Event, ended: Done | Failed | None = None, dropped: int = 0) -> Server:
    """A server of which so much is known."""
    made = Server(1, serve_echo, Echo(parse("tcp://127.0.0.1:0")))
    made.take(Batch(list(events), dropped, ended))
    return made


def stats(rate: float = 0.0) -> Stats:
    return Stats(1, 2, 3, 4, 5, 6, rate, 2 * rate, 0.0)


def test_it_is_up_where_it_says_that_it_listens() -> None:
    assert (server().state, server().endpoint_text) == ("starting", "tcp://127.0.0.1:0")
    up = server(Listening("tcp://127.0.0.1:7007"))
    assert (up.state, up.endpoint_text, up.alive) == ("up", "tcp://127.0.0.1:7007", True)
    assert up.kind == "echo"


@pytest.mark.parametrize(
    ("endpoint", "exposed"),
    [
        ("tcp://127.0.0.1:1", False),
        ("tcp://[::1]:1", False),
        ("unix:/run/x", False),
        ("tcp://0.0.0.0:1", True),
        ("tcp://[::]:1", True),
        ("udp://192.0.2.1:1", True),
    ],
)
def test_who_can_reach_it(endpoint: str, exposed: bool) -> None:
    assert server(Listening(endpoint)).exposed is exposed


def test_figures_are_those_of_the_last_minute() -> None:
    one = server(*(stats(float(n)) for n in range(100)))
    assert list(one.rates_in) == [float(n) for n in range(100 - MINUTE, 100)]
    assert one.rate == 99.0 + 198.0
    assert not one.log, "figures are no news"


@pytest.mark.parametrize(
    ("ended", "state", "reason"),
    [
        (Done("served"), "stopped", ""),
        (Failed("serve", "cancelled", CANCELLED), "stopped", ""),
        (Failed("serve", "killed by signal 9", "SIGKILL"), "failed", "killed by signal 9"),
    ],
)
def test_its_end(ended: Done | Failed, state: str, reason: str) -> None:
    one = server(Listening("tcp://127.0.0.1:7"), stats(5.0), Connections((ROW,), 1), ended=ended)
    assert (one.state, one.reason, one.alive) == (state, reason, False)
    assert one.connections is None
    assert one.stats is not None
    assert (one.stats.connections, one.rate) == (0, 0.0)
    assert one.log[-1] is ended
    assert one.uptime


def test_its_log_is_bounded_and_counts_what_came() -> None:
    one = server(*(Opened(n, "peer") for n in range(LOG_KEPT + 10)), dropped=3)
    assert (len(one.log), one.logged, one.dropped) == (LOG_KEPT, LOG_KEPT + 10, 3)


def test_what_is_no_endpoint_is_no_end() -> None:
    one = server(Listening("nonsense://"))
    assert one.state == "up"
    assert one.reason


def test_each_batch_is_a_new_version() -> None:
    one = server()
    before = one.version
    one.take(Batch([stats()], 0, None))
    assert one.version > before


def test_its_log_as_json_lines() -> None:
    one = server(Opened(1, "[red]"), Closed(1, "[red]", 2, 3, 4.0, "closed by the peer"))
    opened, closed = map(json.loads, one.export())
    assert (opened["type"], opened["peer"]) == ("opened", "[red]")
    assert (closed["type"], closed["bytes_in"], closed["reason"]) == (
        "closed",
        2,
        "closed by the peer",
    )


def test_without_a_run_nothing_can_be_told() -> None:
    one = server()
    one.stop()
    one.hide()
    assert not one.close(1)
    assert one.state == "starting"
