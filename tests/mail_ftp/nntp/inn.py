"""INN as a peer: innd in a folder of the test's, on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.watching import PATIENCE
from workbench.core.endpoint import Endpoint, parse

ROOT = Path("/opt/inn2")
"""Where its package is unpacked (.ci/run): to install it would want a domain of the machine."""
BIN = ROOT / "usr/lib/news/bin"
INND = str(BIN / "innd")

_FOLDERS = ("db", "spool/articles", "spool/overview", "spool/incoming/bad", "spool/tmp", "run",
            "log", "archive", "filter")  # fmt: skip
_CONF = """\
pathhost: news.example.org
domain: example.org
organization: test
mta: "/bin/true %s"
hismethod: hisv6
ovmethod: tradindexed
enableoverview: true
port: {port}
runasuser: {user}
runasgroup: {user}
allownewnews: true
pathnews: {root}/usr/lib/news
pathbin: {root}/usr/lib/news/bin
pathcontrol: {root}/usr/lib/news/bin/control
pathetc: {here}/etc
pathdb: {here}/db
pathspool: {here}/spool
patharticles: {here}/spool/articles
pathoverview: {here}/spool/overview
pathincoming: {here}/spool/incoming
pathtmp: {here}/spool/tmp
pathrun: {here}/run
pathlog: {here}/log
pathhttp: {here}/log
patharchive: {here}/archive
pathfilter: {here}/filter
"""
_READERS = """\
auth "all" {{
    hosts: "*"
    default: "<everyone>"
}}
access "all" {{
    users: "<everyone>"
    newsgroups: "*"
    access: "RPN"
}}
"""
_ACTIVE = """\
junk 0000000000 0000000001 y
control 0000000000 0000000001 n
control.cancel 0000000000 0000000001 n
a.test 0000000000 0000000001 y
b.moderated 0000000000 0000000001 m
"""


@contextmanager
def inn() -> Iterator[Endpoint]:
    """A news server with the groups a.test and b.moderated."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
    here = Path(tempfile.mkdtemp(prefix="inn"))
    try:
        here.chmod(0o755)
        _set_up(here, port)
        libraries = f"{ROOT}/usr/lib/news:{ROOT}/usr/lib/x86_64-linux-gnu"
        own = {"INNCONF": str(here / "etc/inn.conf"), "LD_LIBRARY_PATH": libraries}
        env = {**os.environ, **own}
        history = [str(BIN / "makedbz"), "-i", "-o", "-s", "1000", "-f", str(here / "db/history")]
        if os.geteuid() == 0:  # its programs go on as the user news
            for path in here.rglob("*"):
                shutil.chown(path, "news", "news")
        subprocess.run(history, env=env, check=True, capture_output=True, timeout=PATIENCE)
        with subprocess.Popen(
            [INND, "-f", "-P", str(port)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as child:
            try:
                _wait(child, port)
                yield parse(f"nntp://127.0.0.1:{port}")
            finally:
                os.killpg(child.pid, signal.SIGKILL)
    finally:
        shutil.rmtree(here, ignore_errors=True)


def _set_up(here: Path, port: int) -> None:
    for name in _FOLDERS:
        (here / name).mkdir(parents=True)
    shutil.copytree(ROOT / "etc/news", here / "etc")
    user = "news" if os.geteuid() == 0 else os.environ.get("USER", "news")
    conf = _CONF.format(port=port, root=ROOT, here=here, user=user)
    (here / "etc/inn.conf").write_text(conf)
    (here / "etc/readers.conf").write_text(_READERS.format())
    (here / "etc/newsfeeds").write_text("ME:*::\n")
    (here / "db/active").write_text(_ACTIVE)
    (here / "db/newsgroups").write_text("a.test\tFor trying\n")
    for name in ("active.times", "history"):
        (here / "db" / name).touch()


def _wait(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "innd does not listen"
            assert child.poll() is None, "innd has ended"
            time.sleep(0.05)
