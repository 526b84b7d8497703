"""Our client into a real postfix with TLS, which hands on to our sink by LMTP."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.addresses.named import free_port
from tests.servers.watching import PATIENCE, Watched, serving
from tests.tls.serving.conftest import ca  # noqa: F401 - a fixture
from workbench.core.endpoint import parse
from workbench.core.events import Done, Failed
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.mail_ftp.dialogue import Secured
from workbench.mail_ftp.smtp.events import Recipient, Summary
from workbench.mail_ftp.smtp.job import Smtp, send
from workbench.mail_ftp.smtp.serve import MessageTaken, ServeSmtp, serve_smtp
from workbench.tls.making import authority
from workbench.tls.making.issuing import issue, new_key

pytestmark = [
    pytest.mark.peer("postfix"),
    pytest.mark.skipif(os.geteuid() != 0, reason="postfix starts as root"),
]

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = /dev/stdout
maillog_file_prefixes = /dev
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.test
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = example.org
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/server.pem
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ no@example.org = REJECT }} }}
  permit_mynetworks, reject
message_size_limit = 200000
mailbox_size_limit = 0
"""
MASTER = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    request = ServeSmtp(parse("lmtp://127.0.0.1:0"), inbox=tmp_path_factory.mktemp("inbox"))
    with serving(serve_smtp, request, process=False) as server:
        yield server


@pytest.fixture(scope="module")
def postfix(sink: Watched, ca: Path) -> Iterator[int]:  # noqa: F811
    """The port of a postfix; everything of it lies in a folder that its users can enter."""
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    root = authority.load(ca)
    made = issue(authority.order("localhost", ("localhost",), "server", 30, root),
                 new_key("ecdsa"), root)  # fmt: skip
    (folder / "server.pem").write_bytes(made.key_pem + made.certificate_pem)
    port = free_port()
    for name in ("queue", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "main.cf").write_text(MAIN.format(folder=folder, lmtp=sink.endpoint.port))
    (folder / "master.cf").write_text(MASTER.format(port=port))
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        ["postfix", "-c", folder, "start-fg"], stdout=log, stderr=log, start_new_session=True
    )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        # The master leads a group of its own, and would go on without this.
        subprocess.run(["postfix", "-c", folder, "stop"], capture_output=True, check=False)
        server.wait(PATIENCE)
        log.close()
        shutil.rmtree(folder)


def run(port: int, ca: Path, **more: object) -> list[Event]:  # noqa: F811
    asked = Smtp(
        server=parse(f"smtp://localhost:{port}"), ca=ca / "ca.pem", starttls="require",
        from_="me@example.org", timeout=PATIENCE,
    )  # fmt: skip
    return list(execute(send, replace(asked, **more), Scope(PATIENCE)))  # type: ignore[arg-type]


def test_through_postfix(postfix: int, sink: Watched, ca: Path) -> None:  # noqa: F811
    to = ("a@example.org", "ö@example.org", "no@example.org")
    events = run(postfix, ca, to=to, subject="through postfix", text=".dot\n..\né", ret="full")
    assert any(isinstance(one, Secured) and one.verified for one in events)
    codes = {one.address: one.code for one in events if isinstance(one, Recipient)}
    assert codes == {"a@example.org": 250, "ö@example.org": 250, "no@example.org": 554}
    told = sink.next(MessageTaken)
    assert told.protocol == "LMTP"
    assert told.subject == "through postfix"
    assert b"\r\n\r\n.dot\r\n..\r\n\xc3\xa9\r\n" in Path(told.path).read_bytes()


def test_many_and_too_big(postfix: int, sink: Watched, ca: Path) -> None:  # noqa: F811
    events = run(postfix, ca, to=("a@example.org",), count=20)
    assert isinstance(events[-1], Done)
    assert next(one for one in events if isinstance(one, Summary)).count == 20
    for _ in range(20):
        sink.next(MessageTaken)
    last = run(postfix, ca, to=("a@example.org",), text="x\n" * 200_000)[-1]
    assert isinstance(last, Failed)
    assert last.code == "SIZE"
