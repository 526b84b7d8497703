"""The round trip: by servers of its own, and by servers that are named."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.test_as_code import Code, both
from tests.servers.watching import PATIENCE, Watched, serving
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.imap.serve import ServeImap, serve_imap
from workbench.mail_ftp.inbox import Inbox
from workbench.mail_ftp.pop3.serve import ServePop3, serve_pop3
from workbench.mail_ftp.roundtrip import RoundTrip, Step, roundtrip
from workbench.mail_ftp.smtp.serve import ServeSmtp, serve_smtp


def run(request: RoundTrip) -> list[Event]:
    return list(execute(roundtrip, request, Scope(PATIENCE)))


def test_servers_of_its_own() -> None:
    events = run(RoundTrip())
    assert isinstance(events[-1], Done), events[-1].line()
    steps = {one.name: one for one in events if isinstance(one, Step)}
    assert list(steps) == ["servers", "smtp", "pop3", "imap"]
    assert all("word for word" in steps[name].text for name in ("pop3", "imap"))
    assert steps["imap"].since >= steps["pop3"].since > 0


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Watched]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(serving(serve_smtp, ServeSmtp(
                parse("smtp://127.0.0.1:0"), inbox=tmp_path), process=False)),
            stack.enter_context(serving(serve_pop3, ServePop3(
                parse("pop3://127.0.0.1:0"), inbox=tmp_path), process=False)),
            stack.enter_context(serving(serve_imap, ServeImap(
                parse("imap://127.0.0.1:0"), inbox=tmp_path), process=False)),
        ]  # fmt: skip


@both
def test_as_code(servers: list[Watched], code: Code, tmp_path: Path) -> None:
    smtp, pop3, imap = (one.endpoint for one in servers)
    request = RoundTrip(smtp=smtp, pop3=pop3, imap=imap)
    Inbox(tmp_path).deliver(b"Subject: another\r\n\r\nx\r\n")
    found = subprocess.run(
        code(request), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "SEARCH 2" in found.stdout or "imap 0." in found.stdout, found.stdout
    asked = RoundTrip(smtp=smtp, pop3=pop3, imap=imap, user="joe", password="x")
    assert isinstance(run(asked)[-1], Done)  # though our sink knows no logins
    assert len(Inbox(tmp_path).messages()) == 3


def test_it_never_comes(servers: list[Watched], tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with serving(
        serve_pop3, ServePop3(parse("pop3://127.0.0.1:0"), inbox=elsewhere), process=False
    ) as other:
        where = parse(f"pop3://joe:x@127.0.0.1:{other.endpoint.port}")
        last = run(RoundTrip(smtp=servers[0].endpoint, pop3=where, within=0.2))[-1]
        assert isinstance(last, Failed)
        assert last.code == "not there"


def test_what_is_no_round_trip() -> None:
    last = run(RoundTrip(smtp=parse("smtp://127.0.0.1")))[-1]
    assert isinstance(last, Failed)
    assert "one to look at" in last.cause
