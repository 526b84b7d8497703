"""Names by happy eyeballs: real listeners on both loopback addresses, a resolver that dawdles."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from workbench.core.dial import Dialled, Source, dialling, parse_source
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.race import Attempt
from workbench.core.scope import Cancelled, Scope

PATIENCE = 30.0
NAME = "both.example"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def scope() -> Iterator[Scope]:
    made = Scope(timeout=PATIENCE)
    yield made
    made.close()


def collect(target: str, scope: Scope, **more: Any) -> tuple[list[Attempt], Dialled]:
    """Every attempt, and what won."""
    steps, told = dialling(parse(target), scope, **more), []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return told, end.value


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[int, Callable[[], object]]:
    """NAME is ::1 and 127.0.0.1; before an answer of a family what stands here is called."""
    real = socket.getaddrinfo
    before: dict[int, Callable[[], object]] = {}

    def getaddrinfo(host: Any, port: Any, family: int = 0, *more: Any, **named: Any) -> Any:
        if host != NAME:
            return real(host, port, family, *more, **named)
        before.get(family, lambda: None)()
        address = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return real(address, port, family, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return before


def listener(opened: ExitStack, host: str, port: int = 0, backlog: int = 8) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.create_server((host, port), family=family, backlog=backlog)
    return opened.enter_context(made)


def pair(opened: ExitStack, backlog: int = 8) -> tuple[socket.socket, socket.socket]:
    """Listeners on one port of both addresses."""
    for _ in range(20):
        four = listener(opened, "127.0.0.1")
        try:
            return listener(opened, "::1", four.getsockname()[1], backlog), four
        except OSError:
            four.close()
    raise AssertionError("no port is free on both")


def choke(opened: ExitStack, one: socket.socket) -> None:
    """Fill the backlog, so that the kernel drops who else comes (listen(2))."""
    for _ in range(4):
        filler = opened.enter_context(socket.socket(one.family))
        filler.setblocking(False)
        filler.connect_ex(one.getsockname())


def results(told: list[Attempt]) -> list[tuple[str, str]]:
    return [(one.address.rpartition(":")[0], one.result) for one in told]


def test_ipv6_is_taken_where_both_answer(scope: Scope, opened: ExitStack, resolver: object) -> None:
    six, _ = pair(opened)
    told, won = collect(f"{NAME}:{six.getsockname()[1]}", scope)
    won.sock.close()
    assert results(told)[-1] == ("[::1]", "connected")
    assert "127.0.0.1" not in [name for name, _ in results(told)]


def test_refused_by_the_first_and_taken_by_the_second(
    scope: Scope, opened: ExitStack, resolver: object
) -> None:
    four = listener(opened, "127.0.0.1")
    told, won = collect(f"{NAME}:{four.getsockname()[1]}", scope)
    won.sock.close()
    ends = [one for one in results(told) if one[1] != "trying"]
    assert ends == [("[::1]", "refused"), ("127.0.0.1", "connected")]
    lines = [one.line() for one in told if one.result != "trying"]
    assert "refused after" in lines[0]
    assert "connected, " in lines[1]


def test_one_that_does_not_answer_is_overtaken_and_given_up(
    scope: Scope, opened: ExitStack, resolver: object
) -> None:
    six, four = pair(opened, backlog=0)
    choke(opened, six)
    told, won = collect(f"{NAME}:{four.getsockname()[1]}", scope)
    won.sock.close()
    assert results(told)[0] == ("[::1]", "trying")
    assert results(told)[-2:] == [("127.0.0.1", "connected"), ("[::1]", "given up")]


def test_an_ipv6_answer_that_is_late_is_not_waited_for(
    scope: Scope, opened: ExitStack, resolver: dict[int, Callable[[], object]]
) -> None:
    four = listener(opened, "127.0.0.1")
    never = threading.Event()
    resolver[socket.AF_INET6] = lambda: never.wait(PATIENCE)
    told, won = collect(f"{NAME}:{four.getsockname()[1]}", scope)
    won.sock.close()
    never.set()
    assert results(told)[-1] == ("127.0.0.1", "connected")


def test_a_late_ipv6_answer_still_helps(
    scope: Scope, opened: ExitStack, resolver: dict[int, Callable[[], object]]
) -> None:
    six = listener(opened, "::1")
    asked = threading.Event()
    resolver[socket.AF_INET6] = lambda: asked.wait(PATIENCE)
    steps = dialling(parse(f"{NAME}:{six.getsockname()[1]}"), scope)
    first = next(steps)
    assert (first.address.rpartition(":")[0], first.result) in (
        ("127.0.0.1", "refused"),
        ("127.0.0.1", "trying"),
    )
    asked.set()
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            end.value.sock.close()
            break
    assert results(told)[-1] == ("[::1]", "connected")


def test_a_cancel_in_the_middle_of_a_look_up(
    scope: Scope, resolver: dict[int, Callable[[], object]]
) -> None:
    never = threading.Event()
    for family in (socket.AF_INET, socket.AF_INET6):
        resolver[family] = lambda: never.wait(PATIENCE)
    threading.Timer(0.05, scope.cancel).start()
    with pytest.raises(Cancelled):
        collect(f"{NAME}:1", scope)
    never.set()


def test_nobody_answers_in_time(opened: ExitStack, resolver: object) -> None:
    scope = Scope(timeout=0.3)
    six, four = pair(opened, backlog=0)
    four.close()
    choke(opened, six)
    with pytest.raises(TimeoutError):
        collect(f"tcp://[::1]:{six.getsockname()[1]}", scope)
    scope.close()


def test_an_unknown_name(scope: Scope) -> None:
    with pytest.raises(socket.gaierror):
        collect("nobody.invalid:1", scope)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("", Source()),
        ("127.0.0.2", Source("127.0.0.2")),
        ("127.0.0.2:99", Source("127.0.0.2", 99)),
        (":99", Source("", 99)),
        ("::1", Source("::1")),
        ("[::1]:99", Source("::1", 99)),
        ("[::1]", Source("::1")),
        ("/run/x", Source(path="/run/x")),
        ("@x", Source(path="@x")),
    ],
)
def test_sources(text: str, source: Source) -> None:
    assert parse_source(text) == source


@pytest.mark.parametrize("text", ["a.example", "127.0.0.1:x", "[::1", "[::1]x", ":70000", "1:-2"])
def test_what_is_no_source(text: str) -> None:
    with pytest.raises(JobError, match="no source"):
        parse_source(text)


def test_the_source_is_what_the_peer_sees(scope: Scope, opened: ExitStack) -> None:
    one = listener(opened, "127.0.0.1")
    with socket.create_server(("127.0.0.9", 0)) as free:
        port = free.getsockname()[1]
    target = f"tcp://127.0.0.1:{one.getsockname()[1]}"
    _, won = collect(target, scope, source=Source("127.0.0.9", port))
    with won.sock, one.accept()[0] as peer:
        assert peer.getpeername() == ("127.0.0.9", port)
        assert won.local == f"127.0.0.9:{port}"
    with pytest.raises(OSError, match="assign") as caught:
        collect(target, scope, source=Source("192.0.2.1"))
    assert caught.value.errno == errno.EADDRNOTAVAIL
    with pytest.raises(OSError, match="other family"):
        collect(target, scope, source=Source("::1"))
