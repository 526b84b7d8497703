"""Pictures of every pane, from the running app with real servers and real traffic.

    python -m tests.screenshots [--folder screenshots] [SCENE...]

Takes about a minute: the figures on the pictures are those of connections that were really open.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from textual.widgets import Input

from tests.ui.driving import Driver, driving

WIDE, NARROW = (120, 40), (80, 24)
HOST = "vm"
SECONDS = 25
"""How long the traffic runs before its picture is taken."""

Step = Callable[[int], Awaitable[None]]


def main() -> int:
    """Take all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "screenshots")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="some of them: mail, tools, ...")
    asked = parser.parse_args()
    folder, scenes = asked.folder.resolve(), asked.scenes or list(SCENES)
    folder.mkdir(exist_ok=True)
    platform.node = lambda: HOST
    with tempfile.TemporaryDirectory(prefix="workbench-") as home:
        for name in ("state", "config"):
            os.environ[f"XDG_{name.upper()}_HOME"] = str(Path(home, name))
        os.environ.pop("NO_COLOR", None)
        site = _site(Path(home))
        os.chdir(site)
        try:
            asyncio.run(_all(folder, scenes))
        finally:
            os.chdir(folder)
    return 0


def _site(home: Path) -> Path:
    """A folder to be served."""
    site = home / "site"
    (site / "img").mkdir(parents=True)
    (site / "index.html").write_text("<!doctype html><title>It works</title>" + "<p>It works" * 99)
    (site / "a.json").write_text("[" + "1, 2, 3, " * 900 + "4]")
    (site / "shop.py").write_text(_SHOP)
    (site / "letter.eml").write_text(_LETTER)
    (site / "b.json").write_text('{"name": "b"}')
    (site / "img" / "logo.png").write_bytes(bytes(range(256)) * 300)
    return site


class Camera:
    """Takes pictures of what a driver shows."""

    def __init__(self, driver: Driver, folder: Path) -> None:
        self._driver = driver
        self._folder = folder

    async def take(self, name: str, size: tuple[int, int]) -> None:
        """Bring the screen to a size and write it to a file of this name."""
        driver = self._driver
        if driver.app.size != size:
            await driver.pilot.resize_terminal(*size)
        for _ in range(4):
            await driver.pilot.pause(0.1)
        path = self._folder / f"{name}-{size[0]}x{size[1]}.svg"
        path.write_text(driver.app.export_screenshot(title="workbench"), encoding="utf-8")
        print(path)


async def _all(folder: Path, scenes: list[str]) -> None:
    async with driving(WIDE) as driver:
        camera = Camera(driver, folder)
        for scene in scenes:
            await SCENES[scene](driver, camera)


async def _servers(driver: Driver, camera: Camera) -> None:
    echo = str((await driver.serve("echo tcp://127.0.0.1:7007")).endpoint)
    await driver.serve("echo udp://0.0.0.0:7007")
    http = str((await driver.serve("http http://127.0.0.1:8000/ --root .")).endpoint)
    for wanted, got in (("7007", echo), ("8000", http)):
        if wanted not in got:
            sys.exit(f"port {wanted} could not be had: end what listens there, and try again")
    async with _traffic():
        await asyncio.sleep(SECONDS)
        await driver.press("tab")
        await driver.see("GET /")
        await camera.take("servers", WIDE)
        await camera.take("servers", NARROW)
        await driver.press("v")
        await camera.take("servers-log", WIDE)
        await driver.press("tab", "home", "down", "down", "t")
        await driver.see("[transcript]", "#1 of http", "HTTP/1.1")
        await camera.take("servers-transcript", WIDE)
        await driver.press("v")
        await driver.see("p99")
        await camera.take("servers-figures", NARROW)
        await driver.press("k")
        await driver.see("Start which server?")
        await camera.take("servers-kinds", NARROW)
        await driver.press("escape")
        await _inspector(driver, camera)
        await _watch(driver, camera)
        await _boards(driver, camera)
        await driver.open("servers")
        driver.servers.detail.open("connections")
        driver.servers.target.edit()


async def _inspector(driver: Driver, camera: Camera) -> None:
    server = await driver.serve("inspect http://127.0.0.1:0/")
    assert server.endpoint is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", server.endpoint.port)
    body = '{"name": "Grüße", "tags": ["a", "b"]}'.encode()
    head = "POST /hooks/deploy?env=test HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Signature: sha256=0f5d\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for data in (b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", head.encode() + body):
        writer.write(data)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.3)
    await driver.see("requests")
    driver.servers.detail.open("requests")
    await driver.see("/hooks/deploy", "X-Signature")
    await camera.take("servers-inspect", WIDE)
    writer.close()
    server.stop()


async def _watch(driver: Driver, camera: Camera) -> None:
    targets = [
        "tcp://127.0.0.1:7007 http://127.0.0.1:8000/ icmp://127.0.0.1",
        "http://127.0.0.1:8000/missing tcp://127.0.0.1:9 dns://127.0.0.1:8053/example.org",
    ]
    await driver.target(
        driver.servers, f"watch {' '.join(targets)} --interval 1 --retries 0 --no-history"
    )
    await driver.see("3 down")
    await asyncio.sleep(12)
    await camera.take("servers-watch", NARROW)
    await driver.target(driver.servers, "ways echo --connections 200 --seconds 1.5")
    await driver.see("most by")
    await camera.take("servers-ways", NARROW)
    await driver.press("b")


async def _sockets(driver: Driver, camera: Camera) -> None:
    await driver.open("sockets")
    await driver.pilot.resize_terminal(*WIDE)
    await driver.connect("tcp://127.0.0.1:7007")
    for line in ("hello", "Grüße, 世界", r"tab\tand \x00\x1b[31m", "the end of it"):
        await driver.submit(line)
        await driver.pilot.pause(0.3)
    await driver.see("< the end of it")
    await camera.take("sockets", NARROW)
    await driver.pilot.resize_terminal(*WIDE)
    await driver.connect("tcp://127.0.0.1:8000")
    await driver.press("ctrl+e")
    await driver.submit(r"GET /b.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n")
    await driver.see('{"name": "b"}')
    await driver.press("escape", "v")
    await driver.see("000000a0")
    await camera.take("sockets", WIDE)


async def _boards(driver: Driver, camera: Camera) -> None:
    pane = await driver.open("sockets")
    await driver.target(pane, "scan 127.0.0.1 --ports 7000-9000")
    await driver.see("2,001 in")
    await camera.take("sockets-scan", NARROW)
    await driver.target(pane, "ping 127.0.0.1 --interval 0.05")
    await asyncio.sleep(6)
    await camera.take("sockets-ping", NARROW)
    await driver.press("x")
    await driver.target(pane, "sockets port:8000 !time-wait")
    await driver.see("LISTEN", "ESTAB")
    await driver.press("down", "down")
    await driver.see("congestion window")
    await asyncio.sleep(3)
    await camera.take("sockets-host", NARROW)
    await driver.press("x")
    await driver.target(pane, 'capture lo --filter "tcp port 8000"')
    await driver.see("TCP", "listening on lo")
    await asyncio.sleep(2)
    await driver.press("space", "down", "down")
    await camera.take("sockets-capture", NARROW)
    await driver.press("x")
    await driver.target(pane, "selectors --peers 4 --pace 0.3 --slow 0.05")
    await driver.see("peer 127.0.0.1")
    await asyncio.sleep(3)
    await camera.take("sockets-selectors", NARROW)
    await driver.press("x")


async def _http(driver: Driver, camera: Camera) -> None:
    await driver.open("servers")
    server = await driver.serve("inspect http://127.0.0.1:0/")
    assert server.endpoint is not None
    pane = await driver.open("http")
    for line in (
        "GET http://127.0.0.1:8000/missing",
        "GET http://127.0.0.1:8000/a.json",
        f"POST {server.endpoint}hooks/deploy?env=test X-Signature:0f5d name=Grüße tags:=[1,2]",
    ):
        await driver.target(pane, line)
        await driver.pilot.pause(0.5)
    await driver.see("200 OK", "wait")
    await camera.take("http", WIDE)
    await driver.press("tab", "v")
    await driver.see('"method"')
    await camera.take("http-body", NARROW)
    server.stop()
    await driver.target(pane, "repeat http://127.0.0.1:8000/a.json --requests 20000")
    await driver.see("p99.9")
    await driver.until(lambda: "20,000" in driver.text, "the end")
    await camera.take("http-repeat", NARROW)
    await driver.target(pane, "http clients GET http://127.0.0.1:8000/missing")
    await driver.see("urllib")
    await asyncio.sleep(2)
    await camera.take("http-clients", WIDE)


async def _tls(driver: Driver, camera: Camera) -> None:
    with tempfile.TemporaryDirectory() as folder, _openssl(Path(folder)) as port:
        pane = await driver.open("tls")
        await driver.target(pane, f"localhost:{port}")
        await driver.see("NOT TRUSTED")
        await asyncio.sleep(2)
        await camera.take("tls", NARROW)
        await driver.target(pane, f"tls-scan 127.0.0.1:{port}")
        await driver.see("verdict: ")
        await camera.take("tls-scan", NARROW)


@contextmanager
def _openssl(folder: Path) -> Iterator[int]:
    """A server that takes old suites too, as there are many."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(
        [*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    command = ["openssl", "s_server", "-accept", "127.0.0.1:8443", "-cert", str(certificate)]
    command += ["-key", str(key), "-quiet", "-cipher", "ALL:@SECLEVEL=0"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            time.sleep(0.5)
            yield 8443
        finally:
            child.kill()


async def _addresses(driver: Driver, camera: Camera) -> None:
    pane = await driver.open("addresses")
    await driver.write("2001:db8:7:1:5054:ff:fe12:3456/56")
    await driver.see("MAC address (EUI-64)")
    await camera.take("addresses", WIDE)
    await driver.target(pane, "plan 127.0.0.0/16 office=400 lab=200 printers=60 link=/31")
    await driver.see("office", "listener")
    await driver.press("down", "down", "plus")
    await camera.take("addresses-plan", NARROW)
    await driver.target(pane, "split 2001:db8::/32 --prefix 48")
    await driver.see("65,536 parts")
    await camera.take("addresses-split", NARROW)
    await driver.target(pane, "interfaces")
    await driver.see("[interfaces]", "127.0.0.1/8")
    await camera.take("addresses-interfaces", NARROW)


async def _overlays(driver: Driver, camera: Camera) -> None:
    await driver.press("p")
    await driver.see("python")
    await camera.take("code", WIDE)
    await driver.press("escape", "f1")
    await driver.see("esc closes")
    await camera.take("help", NARROW)
    await driver.press("escape", "ctrl+p")
    await driver.until(lambda: isinstance(driver.app.focused, Input), "the palette")
    await driver.see("serve echo")
    await camera.take("palette", NARROW)
    await driver.press("escape", "escape")


async def _mail(driver: Driver, camera: Camera) -> None:
    inbox = Path.cwd().parent / "inbox"
    await driver.open("servers")
    places = {}
    for kind, more in (
        ("smtp", f"--inbox {inbox}"),
        ("imap", f"--inbox {inbox}"),
        ("ftp", "--root . --write"),
        ("nntp", ""),
        ("telnet", ""),
    ):
        server = await driver.serve(f"{kind} {kind}://127.0.0.1:0 {more}".strip())
        places[kind] = str(server.endpoint)
    pane = await driver.open("mail_ftp")
    for name in ("First", "One more"):
        line = f"smtp {places['smtp']} --to bob@b.example --subject '{name}' --text hello"
        await driver.target(pane, line)
        await driver.see("221")
        await asyncio.sleep(0.5)
    message = "--subject 'A test' --text 'Grüße from the workbench.' --from ann@a.example"
    await driver.target(pane, f"smtp {places['smtp']} --to bob@b.example {message}")
    await driver.see("250", "221", "message")
    await camera.take("mail-smtp", WIDE)
    await driver.target(pane, places["imap"].replace("://", "://bob@") + "/INBOX")
    await driver.see("A test", "One more")
    await driver.press("enter")
    await driver.see("Grüße from", "Subject")
    await camera.take("mail-imap", WIDE)
    await driver.target(pane, places["ftp"])
    await driver.see("index.html", "there  /")
    await camera.take("mail-ftp", NARROW)
    await driver.target(pane, places["nntp"] + "/workbench.test")
    await driver.see("workbench.test")
    await asyncio.sleep(0.5)
    await driver.press("enter")
    await asyncio.sleep(0.5)
    await camera.take("mail-nntp", WIDE)
    await driver.target(pane, places["telnet"])
    await driver.see("help")
    await driver.press(*"colour", "enter")
    await asyncio.sleep(0.5)
    await camera.take("mail-telnet", WIDE)
    await driver.press("ctrl+right_square_bracket")
    for one in list(driver.app.runs.going):
        one.cancel()


_LETTER = """\
Received: from relay.example (relay.example [192.0.2.9]) by mx.example with ESMTPS; \
Mon, 23 Nov 2026 10:00:09 +0000
Received: from desk.example (desk.example [192.0.2.1]) by relay.example with ESMTPSA; \
Mon, 23 Nov 2026 10:00:02 +0000
Authentication-Results: mx.example; spf=fail smtp.mailfrom=ann@a.example; dkim=none
From: =?utf-8?b?QW5uIE3DvGxsZXI=?= <ann@a.example>
To: bob@b.example
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_from_here?=
Date: Mon, 23 Nov 2026 10:00:00 +0000
Message-ID: <1@a.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: multipart/alternative; boundary=y

--y
Content-Type: text/plain; charset=utf-8

Hello Bob.
--y
Content-Type: text/html; charset=utf-8

<p>Hello <b>Bob</b>.
--y--
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename=offer.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--x--
"""
_NEXT = "aHR0cHM6Ly9leGFtcGxlLm9yZy9ob21l"
_TOKEN = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJib2IiLCJhdWQiOiJzaG9wIn0."
_SHOP = """\
from urllib.parse import parse_qs


def price(amount, token="s3cret"):
    return int(amount) * 3


def app(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"])
    body = f"that is {price(query['amount'][0])}".encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
"""


async def _tools(driver: Driver, camera: Camera) -> None:
    pane = await driver.open("tools")
    await driver.target(pane, f"https://example.org/?next={_NEXT}&token={_TOKEN}")
    await driver.see("JSON Web Token", "base64 decoded: URL")
    await driver.press("down", "down", "down")
    await driver.see("algorithm", "never expires")
    await camera.take("tools-what", NARROW)
    await driver.target(pane, "message letter.eml")
    await driver.see("offer.pdf", "spf=fail")
    await camera.take("tools-message", WIDE)
    await driver.target(pane, "wsgi shop:app --path '/buy?amount=two'")
    await driver.see("ValueError", "amount")
    await camera.take("tools-wsgi", WIDE)
    await driver.target(pane, "url 'http://ex.com\\@evil.com/a/%2e%2e/b?q=1'")
    await driver.see("evil.com", "gone round")
    await camera.take("tools-url", NARROW)
    await driver.target(pane, "uuid 017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    await driver.see("Unix time")
    await camera.take("tools-uuid", NARROW)


# -- traffic ------------------------------------------------------------------------------------


@asynccontextmanager
async def _traffic() -> AsyncIterator[None]:
    """Clients that come, go, and send now more, now less."""
    jobs = [_echo(n) for n in range(3)] + [_get(n) for n in range(12)]
    tasks = [asyncio.create_task(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _wave(number: int) -> float:
    """Between 0 and 1, in its own rhythm."""
    return (1 + math.sin(asyncio.get_running_loop().time() * (0.5 + number / 7) + number)) / 2


async def _echo(number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", 7007)
    while True:
        data = b"x" * int(1 + 60_000 * _wave(number))
        writer.write(data)
        await reader.readexactly(len(data))
        await asyncio.sleep(0.1)


async def _get(number: int) -> None:
    paths = ("/", "/a.json", "/b.json", "/missing", "/img/logo.png", "/img/")
    await asyncio.sleep(number)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", 8000)
        for turn in range(20 + 5 * number):
            path = paths[(turn + number) % len(paths)]
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            await asyncio.sleep(0.05 + 0.4 * _wave(number))
        writer.close()


SCENES = {
    "servers": _servers,
    "sockets": _sockets,
    "http": _http,
    "tls": _tls,
    "overlays": _overlays,
    "addresses": _addresses,
    "mail": _mail,
    "tools": _tools,
}

if __name__ == "__main__":
    sys.exit(main())
