"""Dovecot on loopback, with a user whose mail is a Maildir of the test's."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.http.client.certificates import Certificates, make

USER, PASSWORD = "me", "sesame"
PATIENCE = 30.0

_CONFIGURATION = """
protocols = imap pop3
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
default_login_user = dovenull
default_internal_user = dovecot
disable_plaintext_auth = no
auth_failure_delay = 0
auth_mechanisms = plain login cram-md5 apop
ssl = yes
ssl_cert = <{certificates.server}
ssl_key = <{certificates.server_key}
mail_location = maildir:{folder}/mail
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={owner} gid={group} home={folder}/home
}}
service imap-login {{
  inet_listener imap {{
    port = {ports[0]}
  }}
  inet_listener imaps {{
    port = {ports[1]}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {ports[2]}
  }}
  inet_listener pop3s {{
    port = {ports[3]}
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running server; its places by scheme, and its Maildir."""

    places: dict[str, str]
    mail: Path
    certificates: Certificates

    def put(self, *messages: bytes) -> None:
        """Deliver messages to the inbox, from scratch."""
        for place in ("new", "cur", "tmp"):
            shutil.rmtree(self.mail / place, ignore_errors=True)
        for path in self.mail.glob("dovecot*"):
            path.unlink(missing_ok=True)  # a session that ends may be quicker
        for place in ("new", "cur", "tmp"):
            (self.mail / place).mkdir(parents=True)
        for number, data in enumerate(messages):
            name = f"{1_700_000_000 + number}.M{number}.test"
            (self.mail / "cur" / f"{name}:2,").write_bytes(data)
        _give(self.mail)


def _give(folder: Path) -> None:
    owner = pwd.getpwnam("nobody")
    for one in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):  # a lock of a session that ends
            os.chown(one, owner.pw_uid, owner.pw_gid)


def _ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def dovecot(folder: Path) -> Iterator[Dovecot]:
    """Run it until the block is left."""
    for one in (folder, *folder.parents):
        if one.stat().st_uid == os.getuid() and one != Path("/"):
            one.chmod(one.stat().st_mode | 0o711)
    certificates = make(folder)
    ports = _ports(4)
    owner = pwd.getpwnam("nobody")
    for name in ("mail", "home"):
        (folder / name).mkdir()
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            certificates=certificates,
            password=PASSWORD,
            owner=owner.pw_uid,
            group=owner.pw_gid,
            ports=ports,
        )
    )
    names = ("imap", "imaps", "pop3", "pop3s")
    places = {
        name: f"{name}://{USER}:{PASSWORD}@127.0.0.1:{port}"
        for name, port in zip(names, ports, strict=True)
    }
    child = subprocess.Popen(
        ["dovecot", "-F", "-c", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(child, ports, folder / "log")
        running = Dovecot(places, folder / "mail", certificates)
        running.put()
        yield running
    finally:
        child.terminate()
        child.wait(PATIENCE)


def _wait(child: subprocess.Popen[bytes], ports: list[int], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                said = log.read_text() if log.exists() else ""
                assert child.poll() is None, said
                assert time.monotonic() < until, said
                time.sleep(0.02)
