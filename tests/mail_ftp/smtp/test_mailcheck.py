"""`mailcheck` against a real named and our own sinks as exchangers."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.addresses.named import free_port
from tests.cli.test_as_code import Code, both
from tests.servers.watching import PATIENCE, serving
from tests.tls.serving.conftest import ca  # noqa: F401 - a fixture
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.smtp import policies
from workbench.mail_ftp.smtp.job import Smtp, send
from workbench.mail_ftp.smtp.mailcheck import MailCheck, MailRecord, MxChecked, check
from workbench.mail_ftp.smtp.names import Names, parents
from workbench.mail_ftp.smtp.serve import MessageTaken, ServeSmtp, serve_smtp

pytestmark = pytest.mark.peer("named", "dig", "openssl")

ZONE = """\
$TTL 60
@ SOA ns admin 1 3600 900 86400 60
@ NS ns
ns A 127.0.0.1
good MX 10 localhost.good
good MX 20 other.good
localhost.good A 127.0.0.1
other.good A 127.0.0.9
good TXT "v=spf1 mx include:_spf " "-all"
_spf TXT "v=spf1 ip4:192.0.2.0/24 a -all"
good TXT "unrelated"
_dmarc.good TXT "v=DMARC1; p=reject; rua=mailto:a@good.example"
_mta-sts.good TXT "v=STSv1; id=1"
_smtp._tls.good TXT "v=TLSRPTv1; rua=mailto:a@good.example"
_25._tcp.localhost.good TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
bad MX 5 nowhere
bad TXT "v=spf1 +all ptr"
bad TXT "v=spf1 -all"
open TXT "v=spf1 include:nothing nonsense +all"
open A 127.0.0.1
null MX 0 .
away MX 1 mx.away
mx.away A 192.0.2.1
sub.good A 127.0.0.1
"""
CONF = """\
options {{ directory "{folder}"; pid-file none; session-keyfile none; recursion no;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no;
  notify no; }};
controls {{ }};
zone "example" {{ type primary; file "{folder}/zone"; }};
"""


@pytest.fixture(scope="module")
def dns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a named answers for example."""
    folder = tmp_path_factory.mktemp("named")
    zone = ZONE.replace("include:_spf", "include:_spf.example")
    (folder / "zone").write_text(zone.replace("include:nothing", "include:nothing.example"))
    port = free_port()
    (folder / "conf").write_text(CONF.format(folder=folder, port=port))
    server = subprocess.Popen(
        ["named", "-g", "-c", folder / "conf"], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    try:
        seen = []
        for line in server.stderr:
            seen.append(line)
            if " running" in line:
                break
        else:
            raise AssertionError("".join(seen))
        yield f"127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait(PATIENCE)
        server.stderr.close()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, ca: Path) -> Iterator[int]:  # noqa: F811
    """The port of an exchanger with TLS on 127.0.0.1."""
    request = ServeSmtp(
        parse("smtp://127.0.0.1:0"), inbox=tmp_path_factory.mktemp("inbox"), ca=str(ca),
        starttls=True, name=("localhost.good.example",),
    )  # fmt: skip
    with serving(serve_smtp, request, process=False) as server:
        yield server.endpoint.require_port()


def run(domain: str, dns: str, port: int = 1, ca: Path | None = None) -> list[Event]:  # noqa: F811
    asked = MailCheck(domain, dns=dns, port=port, ca=ca)
    return list(execute(check, asked, Scope(PATIENCE)))


def levels(events: list[Event], kind: str) -> list[str]:
    return [one.level for one in events if isinstance(one, MailRecord) and one.kind == kind]


def test_a_good_domain(dns: str, port: int, ca: Path) -> None:  # noqa: F811
    events = run("good.example", dns, port, ca / "ca.pem")
    for kind in ("MX", "SPF", "DMARC", "MTA-STS", "TLS-RPT", "TLSA"):
        assert set(levels(events, kind)) == {"good"}, kind
    first, second = (one for one in events if isinstance(one, MxChecked))
    assert (first.host, first.address) == ("localhost.good.example", "127.0.0.1")
    assert first.level == "good"
    assert first.tls == "TLS 1.3"
    assert first.trusted
    assert "PIPELINING" in first.offers
    assert (second.reached, second.level) == (False, "bad")
    assert isinstance(events[-1], Done)
    assert "1 bad" in events[-1].summary


def test_an_exchanger_that_nobody_vouches_for(dns: str, port: int) -> None:
    events = run("good.example", dns, port)
    first = next(one for one in events if isinstance(one, MxChecked))
    assert (first.level, first.tls, first.trusted) == ("warn", "TLS 1.3", False)
    assert "issuer" in first.problem


def test_a_bad_domain(dns: str) -> None:
    events = run("bad.example", dns)
    assert levels(events, "MX") == ["bad"]
    assert levels(events, "SPF") == ["bad"]
    assert levels(events, "DMARC") == ["warn"]
    assert levels(events, "MTA-STS") == ["info"]


def test_an_open_domain_without_mx(dns: str) -> None:
    events = run("open.example", dns)
    assert levels(events, "MX") == ["info"]
    assert levels(events, "SPF") == ["bad", "bad", "warn"]
    (one,) = (one for one in events if isinstance(one, MxChecked))
    assert not one.reached


def test_what_a_domain_inherits(dns: str) -> None:
    records = [one for one in run("sub.good.example", dns) if isinstance(one, MailRecord)]
    assert next(one for one in records if one.kind == "DMARC").name == "_dmarc.good.example"


def test_no_mail_and_no_domain(dns: str) -> None:
    events = run("null.example", dns)
    assert levels(events, "MX") == ["info"]
    assert not [one for one in events if isinstance(one, MxChecked)]
    last = run("nobody.example", dns)[-1]
    assert isinstance(last, Failed)
    assert last.code == "NXDOMAIN"
    assert isinstance(run("a..b", dns)[-1], Failed)


def test_exchangers(dns: str) -> None:
    names = Names(dns, Scope(PATIENCE))
    assert [one.preference for one in names.exchangers("good.example")] == [10, 20]
    assert names.exchangers("open.example")[0].implied
    assert list(parents("a.b.c.d")) == ["a.b.c.d", "b.c.d", "c.d"]


def test_spf() -> None:
    found = policies.read_spf("v=spf1 a mx:x ip4:1.2.3.4 include:y exists:%{i}.z redirect=w")
    assert tuple(found) == (5, ("y",), "w", "", ())
    assert policies.read_spf("v=spf1 ~all a").problems
    assert policies.judge_spf(found, 11)[0].level == "bad"
    assert not policies.is_spf("v=spf10 -all")


@given(st.text())
def test_any_record(text: str) -> None:
    spf = policies.read_spf(text)
    assert policies.judge_spf(spf, spf.lookups)
    assert policies.judge_dmarc(text, inherited=False)
    assert policies.judge_versioned(text, "STSv1", "id", "x")


@both
def test_as_code(code: Code, dns: str, port: int) -> None:
    request = replace(MailCheck("good.example", dns=dns, port=port), timeout=5.0)
    found = subprocess.run(
        code(request), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    for text in ("v=spf1", "p=reject", "STSv1", "TLSRPTv1", "10 localhost.good.example"):
        assert text in found.stdout, found.stdout + found.stderr
    assert "TLSv1.3" in found.stdout


def sent(dns: str, port: int, domain: str = "good.example", **more: Any) -> list[Event]:
    asked = Smtp(
        server=parse(f"smtp://{domain}:{port}"), mx=True, dns=dns, timeout=PATIENCE,
        rcpt=(f"joe@{domain}",), insecure=True, **more,
    )  # fmt: skip
    return list(execute(send, asked, Scope(PATIENCE)))


def test_delivery_by_the_exchangers(dns: str, tmp_path: Path) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    where = parse(f"smtp://127.0.0.9:{port}")  # the first exchanger does not answer there
    with serving(serve_smtp, ServeSmtp(where, inbox=tmp_path), process=False) as server:
        events = sent(dns, port)
        assert isinstance(events[-1], Done), events[-1].line()
        notes = [one.text for one in events if isinstance(one, Note)]
        assert notes[0] == "exchanger localhost.good.example at 127.0.0.1"
        assert notes[2] == "exchanger other.good.example at 127.0.0.9"
        assert server.next(MessageTaken).recipients == ("joe@good.example",)


def test_delivery_as_python(dns: str, tmp_path: Path) -> None:
    request = ServeSmtp(parse("smtp://127.0.0.1:0"), inbox=tmp_path)
    with serving(serve_smtp, request, process=False) as server:
        asked = Smtp(
            server=parse(f"smtp://good.example:{server.endpoint.port}"), mx=True, dns=dns,
            rcpt=("joe@good.example",),
        )  # fmt: skip
        subprocess.run([sys.executable, "-c", asked.as_python()], check=True, timeout=PATIENCE)
        assert server.next(MessageTaken).recipients == ("joe@good.example",)
    assert "--server" not in asked.as_shell()


@pytest.mark.parametrize(
    ("domain", "more", "why"),
    [
        ("away.example", {}, "would leave this machine, for mx.away.example (192.0.2.1)"),
        ("null.example", {}, "takes no mail"),
        ("nobody.example", {}, "there is no domain"),
        ("bad.example", {}, "no exchanger of bad.example has an address"),
    ],
)
def test_no_delivery(dns: str, domain: str, more: dict[str, Any], why: str) -> None:
    last = sent(dns, 1, domain, **more)[-1]
    assert isinstance(last, Failed)
    assert why in last.cause


def test_only_to_who_is_there(dns: str) -> None:
    asked = Smtp(server=parse("smtp://good.example"), mx=True, dns=dns, rcpt=("a@b.example",))
    last = list(execute(send, asked, Scope(PATIENCE)))[-1]
    assert isinstance(last, Failed)
    assert "is not of good.example" in last.cause
