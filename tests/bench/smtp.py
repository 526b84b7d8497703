"""Messages a second by SMTP, side by side: our client and smtplib, our sink and others'.

    python tests/bench/smtp.py [--messages 1000] [--rounds 5] [--size 2000]

Client: so many messages on one connection into postfix's smtp-sink, by our job as the command line
runs it, by bare smtplib, and by smtplib with what it is given for free, a message that is made
once. Goal: within 1.1x of the time of smtplib. Server: postfix's smtp-source, five sessions at a
time, into our sink (which writes each message into a Maildir, in a child process as the screen
runs it), into bare aiosmtpd, which keeps nothing, into aiosmtpd with its own handler for a Maildir,
and into smtp-sink, which is the limit. Goal: level with bare aiosmtpd. The rounds go through all in
turn, and the median counts.
"""

from __future__ import annotations

import argparse
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from workbench import catalogue
from workbench.core.endpoint import parse
from workbench.core.job import execute
from workbench.core.runner import start
from workbench.core.scope import Scope
from workbench.mail_ftp.smtp.events import Summary
from workbench.mail_ftp.smtp.job import Smtp, send
from workbench.mail_ftp.smtp.serve import ServeSmtp
from workbench.servers.events import Listening

PATIENCE = 60.0
PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
AIOSMTPD = """\
import asyncio, sys
from aiosmtpd.handlers import Mailbox, Sink
from aiosmtpd.smtp import SMTP

async def main():
    handler = Mailbox(sys.argv[2]) if sys.argv[2:] else Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def program(words: list[str], port: int) -> Iterator[int]:
    """A server that runs; its port answers when this begins."""
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE
        while True:
            assert child.poll() is None, words
            assert time.monotonic() < until, words
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait(PATIENCE)


def smtp_sink(stack: ExitStack) -> int:
    port = free_port()
    found = shutil.which("smtp-sink", path=PATH)
    assert found, "postfix is not here"
    return stack.enter_context(program([found, "-u", "nobody", f"127.0.0.1:{port}", "1000"], port))


def aiosmtpd(stack: ExitStack, *folder: str) -> int:
    port = free_port()
    return stack.enter_context(program([sys.executable, "-c", AIOSMTPD, str(port), *folder], port))


@contextmanager
def our_sink(folder: Path) -> Iterator[int]:
    job = catalogue.load("serve smtp")
    request = ServeSmtp(parse("smtp://127.0.0.1:0"), inbox=folder)
    run = start(job, request, process=True)
    try:
        while True:
            assert run.feed.wait(PATIENCE)
            for event in run.feed.drain().events:
                if isinstance(event, Listening):
                    yield parse(event.endpoint).require_port()
                    return
    finally:
        run.cancel()
        run.wait(PATIENCE)


# -- the client ------------------------------------------------------------------------------------


def by_job(port: int, raw: Path, count: int) -> float:
    asked = Smtp(
        server=parse(f"smtp://127.0.0.1:{port}"), raw=str(raw), rcpt=("b@example.org",),
        mail_from="a@example.org", count=count,
    )  # fmt: skip
    told = [one for one in execute(send, asked, Scope(PATIENCE)) if isinstance(one, Summary)]
    assert told[0].count == count
    return told[0].took


def by_smtplib(port: int, raw: Path, count: int) -> float:
    data = raw.read_bytes()
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        client.ehlo()
        began = time.monotonic()
        for _ in range(count):
            assert not client.sendmail("a@example.org", ["b@example.org"], data)
        return time.monotonic() - began


# -- the server ------------------------------------------------------------------------------------


def by_source(port: int, count: int, size: int) -> float:
    found = shutil.which("smtp-source", path=PATH)
    assert found, "postfix is not here"
    began = time.monotonic()
    subprocess.run(
        [found, "-s", "5", "-m", str(count), "-l", str(size), f"127.0.0.1:{port}"],
        check=True, timeout=10 * PATIENCE,
    )  # fmt: skip
    return time.monotonic() - began


def emptied(folder: Path) -> None:
    for place in ("new", "cur"):
        for one in (folder / place).glob("*"):
            one.unlink()


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--messages", type=int, default=1000)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--size", type=int, default=2000)
    given = asked.parse_args()
    count, size = given.messages, given.size
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        raw = folder / "raw"
        raw.write_bytes(b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * (size // 72))
        inbox = folder / "inbox"
        limit = smtp_sink(stack)
        ours = stack.enter_context(our_sink(inbox))
        bare = aiosmtpd(stack)
        keeping = aiosmtpd(stack, str(folder / "other"))
        ways: dict[str, Callable[[], float]] = {
            "client: ours": lambda: by_job(limit, raw, count),
            "client: smtplib": lambda: by_smtplib(limit, raw, count),
            "server: ours": lambda: by_source(ours, count, size),
            "server: aiosmtpd": lambda: by_source(bare, count, size),
            "server: aiosmtpd, Maildir": lambda: by_source(keeping, count, size),
            "server: smtp-sink": lambda: by_source(limit, count, size),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, way in ways.items():
                took[name].append(way())
            emptied(inbox)
    middle = {name: statistics.median(all_) for name, all_ in took.items()}
    for name, seconds in middle.items():
        print(f"{name:<28} {count / seconds:>8,.0f} messages/s")
    client = middle["client: ours"] / middle["client: smtplib"]
    server = middle["server: ours"] / middle["server: aiosmtpd"]
    print(f"client: {client:.2f}x the time of smtplib (goal: 1.1 at the most)")
    print(f"server: {server:.2f}x the time of bare aiosmtpd (goal: 1.0, level)")
    return 0 if client <= 1.1 and server <= 1.05 else 1


if __name__ == "__main__":
    sys.exit(main())
