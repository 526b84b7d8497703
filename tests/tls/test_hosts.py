"""Many servers, the soonest to expire first."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.tls.peers import Identity, scripted
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Progress
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.tls import pem
from workbench.tls.hosts import Listed, Ranked, TlsList, tls_list
from workbench.tls.making.issuing import Made, Order, issue, lifetime, new_key

DAYS = (40, 7, 300, -3)


def identity(folder: Path, days: int, root: Made) -> Identity:
    now = datetime.now(UTC)
    begin, end = now - timedelta(days=30), now + timedelta(days=days, hours=1)
    order = Order("localhost", "server", begin, end, ("localhost", "127.0.0.1"))
    leaf = issue(order, new_key("ecdsa"), root)
    made = Identity(folder / f"{days}.pem", folder / f"{days}.key")
    made.certificate.write_bytes(pem.write("CERTIFICATE", leaf.certificate))
    made.key.write_bytes(pem.write("PRIVATE KEY", leaf.key))
    return made


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    folder = tmp_path_factory.mktemp("hosts")
    begin, end = lifetime(datetime.now(UTC), 400)
    root = issue(Order("List root", "ca", begin, end), new_key("ecdsa"))
    (folder / "root.pem").write_bytes(pem.write("CERTIFICATE", root.certificate))
    return folder, root


@contextlib.contextmanager
def servers(ca: tuple[Path, Made], *days: int) -> Iterator[list[Endpoint]]:
    """A server for each number of days that its certificate has left."""
    folder, root = ca
    with contextlib.ExitStack() as stack:
        found = []
        for each in days:
            mine = identity(folder, each, root)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(mine.certificate, mine.key)

            def until_they_leave(peer: socket.socket, context: ssl.SSLContext = context) -> None:
                with context.wrap_socket(peer, server_side=True) as inside:
                    while inside.recv(100):
                        pass
                    inside.unwrap()

            found.append(stack.enter_context(scripted(until_they_leave)))
        yield found


def run(request: TlsList) -> list[Event]:
    return list(execute(tls_list, request, Scope(request.timeout)))


def test_the_soonest_comes_first_and_who_is_silent_before_it(ca: tuple[Path, Made]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        silent = parse(f"127.0.0.1:{free.getsockname()[1]}")
    with servers(ca, *DAYS) as ends:
        events = run(TlsList((*ends, silent), ca=str(ca[0] / "root.pem")))
    listed = {one.target: one for one in events if isinstance(one, Listed)}
    assert [listed[str(end)].days for end in ends] == [40, 7, 300, -2]
    assert "refused" in listed[str(silent)].problem
    ranked = [one for one in events if isinstance(one, Ranked)]
    order = [str(silent), *(str(end) for _, end in sorted(zip(DAYS, ends, strict=True)))]
    assert [one.target for one in ranked] == order
    assert all(one.target in one.line() for one in ranked)
    assert any(isinstance(one, Progress) for one in events)
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.cause == "2 of 5 not trusted or without an answer, 1 with fewer than 14 days left"


def test_all_is_well(ca: tuple[Path, Made], tmp_path: Path) -> None:
    with servers(ca, 40, 300) as ends:
        file = tmp_path / "hosts"
        file.write_text(f"# ours\n{ends[0]}\n\n{ends[1].authority}  # the other\n{ends[0]}\n")
        events = run(TlsList(file=str(file), ca=str(ca[0] / "root.pem")))
    assert isinstance(events[-1], Done)
    assert len([one for one in events if isinstance(one, Listed)]) == 2


@pytest.mark.parametrize(("text", "words"), [("a:b:c\n", "line 1"), ("", "no server is named")])
def test_a_list_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text(text)
    last = run(TlsList(file=str(tmp_path / "hosts")))[-1]
    assert isinstance(last, Failed)
    assert words in last.cause


@pytest.mark.peer("openssl")
def test_script_and_openssl_find_the_same_order(ca: tuple[Path, Made]) -> None:
    with servers(ca, 40, 7, 300) as ends:
        request = TlsList(tuple(ends), ca=str(ca[0] / "root.pem"))
        ranked = [one for one in run(request) if isinstance(one, Ranked)]
        both = [[sys.executable, "-c", request.as_python()], ["sh", "-c", request.as_shell()]]
        said = [
            subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
            for words in both
        ]
    wanted = [one.target.removeprefix("tcp://") for one in ranked]
    assert [re.findall(r"127\.0\.0\.1:\d+", one) for one in said] == [wanted, wanted]
    assert "7 days left" in said[0]
