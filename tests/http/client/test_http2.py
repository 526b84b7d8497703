"""HTTP/2: against hypercorn, nginx and curl's numbers; broken off, flooded, held up."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.client import certificates
from tests.http.client.certificates import Certificates
from tests.http.client.peers import WAIT, Fetched, Talk, fetch, listening
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.http.client.client import Client, ClientOptions, Connected
from workbench.http.client.content import Bytes, Stream
from workbench.http.client.decoding import Decoder
from workbench.http.client.exchange import Wire
from workbench.http.client.frames import PREFACE, Frame, FrameReader
from workbench.http.client.http1 import CutError, HangupError
from workbench.http.client.http2 import IDLE_FRAMES, Http2
from workbench.http.client.message import Fields, HttpRequest, ProtocolError
from workbench.tls.client_context import TlsOptions

APP = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body = b""
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            break
    path = scope["path"]
    if path == "/big":
        out = bytes(30_000_000)
    elif path == "/version":
        out = scope["http_version"].encode()
    else:
        names = [name + b"=" + value for name, value in scope["headers"]]
        out = scope["method"].encode() + b" " + body + b" " + b";".join(names)
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", str(len(out)).encode())]})
    await send({"type": "http.response.body", "body": out})
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it signed."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def hypercorn(made: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a hypercorn that speaks HTTP/2 and 1.1 over TLS."""
    folder = tmp_path_factory.mktemp("hypercorn")
    (folder / "served.py").write_text(APP, encoding="utf-8")
    words = [sys.executable, "-m", "hypercorn", "--bind", "127.0.0.1:0", "served:app"]
    words += ["--certfile", str(made.server), "--keyfile", str(made.server_key)]
    with subprocess.Popen(
        words, cwd=folder, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                if "Running on" in line:
                    yield line.split("Running on ")[1].split()[0]
                    break
            else:
                raise AssertionError("hypercorn did not start")
        finally:
            child.terminate()


def over_tls(url: str, made: Certificates, method: str = "GET", **more: object) -> Fetched:
    """A request that trusts the tests' authority."""
    return fetch(url, method, tls=TlsOptions(ca=made.ca), **more)  # type: ignore[arg-type]


def test_the_version_is_agreed_on_or_chosen(hypercorn: str, made: Certificates) -> None:
    for version, wanted in (("", b"2"), ("2", b"2"), ("1.1", b"1.1")):
        found = over_tls(f"{hypercorn}/version", made, version=version)
        assert found.body == wanted
        assert found.of(Connected)[0].version == wanted.decode()


def test_a_body_goes_out_and_fields_arrive(hypercorn: str, made: Certificates) -> None:
    fields = Fields([(b"X-One", b"1"), (b"Connection", b"X-Hop"), (b"X-Hop", b"gone")])
    more = {"content": Bytes(b"hello"), "fields": fields}
    found = over_tls(f"{hypercorn}/x", made, "PUT", more=more)
    assert found.body.startswith(b"PUT hello ")
    assert b"x-one=1" in found.body
    assert b"hop" not in found.body


def test_bodies_larger_than_any_window(hypercorn: str, made: Certificates) -> None:
    assert len(over_tls(f"{hypercorn}/big", made).body) == 30_000_000
    data = os.urandom(1_000_000)
    found = over_tls(f"{hypercorn}/x", made, "POST", more={"content": Bytes(data)})
    assert found.body.startswith(b"POST " + data)


def test_a_body_of_unknown_length(hypercorn: str, made: Certificates) -> None:
    read, write = os.pipe()
    os.write(write, b"piped")
    os.close(write)
    found = over_tls(f"{hypercorn}/x", made, "POST", more={"content": Stream(read)})
    os.close(read)
    assert found.body.startswith(b"POST piped ")


def test_frames_of_both_directions_are_shown(hypercorn: str, made: Certificates) -> None:
    found = over_tls(f"{hypercorn}/version", made, watched=True)
    frames = [frame for wire in found.of(Wire) for frame in wire.frames]
    sent = [frame.type for frame in frames if frame.sent]
    received = [frame.type for frame in frames if not frame.sent]
    assert sent[:3] == ["SETTINGS", "WINDOW_UPDATE", "HEADERS"]
    assert {"SETTINGS", "HEADERS", "DATA"} <= set(received)
    assert any("INITIAL_WINDOW_SIZE 16,777,216" in frame.line() for frame in frames)
    head = next(frame for frame in frames if frame.sent and frame.type == "HEADERS")
    assert (head.stream, head.flags) == (1, ("END_HEADERS",))


def test_one_connection_carries_several_requests(hypercorn: str, made: Certificates) -> None:
    scope = Scope(WAIT)
    client = Client(ClientOptions(tls=TlsOptions(ca=made.ca)), scope)
    uses = []
    for _ in range(3):
        found = fetch(f"{hypercorn}/version", client=client)
        uses.append(found.of(Connected)[0].uses)
        assert found.body == b"2"
    assert uses == [0, 1, 2]
    client.close()
    scope.close()


NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {cert}; ssl_certificate_key {key};
    gzip on; gzip_types text/plain; gzip_min_length 1;
    root {folder};
    location /v {{ return 200 $server_protocol; }}
  }}
}}
"""


@contextmanager
def nginx(folder: Path, made: Certificates) -> Iterator[str]:
    """An nginx that speaks HTTP/2."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "nginx.conf"
    config.write_text(
        NGINX.format(folder=folder, port=port, cert=made.server, key=made.server_key),
        encoding="utf-8",
    )
    with subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL) as child:
        try:
            while True:
                assert child.poll() is None
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except ConnectionRefusedError:
                    continue
            yield f"https://localhost:{port}"
        finally:
            child.terminate()


@pytest.mark.peer("nginx", "curl")
def test_nginx_serves_what_curl_gets(made: Certificates, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(b"hello " * 10_000)
    tmp_path.chmod(0o755)
    with nginx(tmp_path, made) as url:
        assert over_tls(f"{url}/v", made, decode=False).body == b"HTTP/2.0"
        assert over_tls(f"{url}/v", made, version="1.0", decode=False).body == b"HTTP/1.0"
        found = over_tls(f"{url}/text.txt", made)
        words = ["curl", "-s", "--cacert", str(made.ca), "-H", "Accept-Encoding: gzip"]
        ran = subprocess.run([*words, f"{url}/text.txt"], capture_output=True, check=True)
        assert found.heads[-1].fields.get(b"content-encoding") == b"gzip"
        assert found.body == ran.stdout


# -- a server of our own that misbehaves ----------------------------------------------------------

Server = h2.connection.H2Connection
Act = Callable[[Server, int, socket.socket], None]


def h2_server(act: Act, *, settings: dict[int, int] | None = None) -> Talk:
    """Reads until a request's head is there, does this, and answers what must be answered."""

    def talk(sock: socket.socket) -> None:
        conn = Server(h2.config.H2Configuration(client_side=False))
        if settings:
            conn.update_settings(settings)
        conn.initiate_connection()
        sock.sendall(conn.data_to_send())
        while data := sock.recv(1 << 16):
            try:
                for event in conn.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        act(conn, event.stream_id or 0, sock)
            except h2.exceptions.ProtocolError:
                return  # the act has closed what still speaks
            sock.sendall(conn.data_to_send())

    return talk


def raw_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame as it stands on the wire."""
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def send(conn: Server, sock: socket.socket, more: bytes = b"") -> None:
    """What the state machine has to say, and more bytes after it."""
    sock.sendall(conn.data_to_send() + more)


def two(port: int, method: str = "GET", **more: object) -> Fetched:
    """A request by HTTP/2 without TLS."""
    return fetch(f"http://127.0.0.1:{port}/", method, version="2", **more)  # type: ignore[arg-type]


def test_informational_responses_and_trailers() -> None:
    def act(conn: Server, stream: int, sock: socket.socket) -> None:
        conn.send_headers(stream, [(":status", "103"), ("link", "</x>")])
        conn.send_headers(stream, [(":status", "200")])
        conn.send_data(stream, b"body")
        conn.send_headers(stream, [("sum", "1")], end_stream=True)

    with listening(h2_server(act)) as port:
        found = two(port)
    assert [head.status for head in found.heads] == [103, 200]
    assert found.body == b"body"
    assert list(found.trailers) == [(b"sum", b"1")]


def test_a_small_window_holds_a_body_up_but_does_not_stop_it() -> None:
    size = 20_000_000  # so many windows are opened that they would be a flood, were they unasked
    got: list[int] = []

    def talk(sock: socket.socket) -> None:
        conn = Server(h2.config.H2Configuration(client_side=False))
        conn.initiate_connection()
        sock.sendall(conn.data_to_send())
        while data := sock.recv(1 << 16):
            for event in conn.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    got.append(len(event.data or b""))
                    length = event.flow_controlled_length or 0
                    if length:
                        conn.increment_flow_control_window(length)
                        conn.increment_flow_control_window(length, event.stream_id or 0)
                elif isinstance(event, h2.events.StreamEnded):
                    conn.send_headers(event.stream_id or 0, [(":status", "204")], end_stream=True)
            sock.sendall(conn.data_to_send())

    with listening(talk) as port:
        assert two(port, "POST", more={"content": Bytes(bytes(size))}).status == 204
    assert sum(got) == size


def reset(code: int) -> Act:
    """Breaks the stream off."""

    def act(conn: Server, stream: int, sock: socket.socket) -> None:
        conn.reset_stream(stream, code)

    return act


def cut(conn: Server, stream: int, sock: socket.socket) -> None:
    """Begins a body and hangs up."""
    conn.send_headers(stream, [(":status", "200")])
    conn.send_data(stream, b"abc")
    send(conn, sock)
    sock.shutdown(socket.SHUT_WR)


def silent(conn: Server, stream: int, sock: socket.socket) -> None:
    """Hangs up."""
    sock.shutdown(socket.SHUT_WR)


def away(conn: Server, stream: int, sock: socket.socket) -> None:
    """Goes away for a reason."""
    conn.close_connection(error_code=11, additional_data=b"too many", last_stream_id=0)


def flood(frame: bytes) -> Act:
    """Sends one frame again and again, for as long as anybody listens."""

    def act(conn: Server, stream: int, sock: socket.socket) -> None:
        send(conn, sock, frame * 100 * IDLE_FRAMES)

    return act


def data_flood(conn: Server, stream: int, sock: socket.socket) -> None:
    """A head, and then empty DATA without an end."""
    conn.send_headers(stream, [(":status", "200")])
    send(conn, sock, raw_frame(0, 0, stream, b"") * 100 * IDLE_FRAMES)


def headers_flood(conn: Server, stream: int, sock: socket.socket) -> None:
    """A head that CONTINUATION makes ever longer."""
    block = raw_frame(9, 0, stream, b"\x00\x01a\x01b" * 100)
    send(conn, sock, raw_frame(1, 0, stream, b"\x88") + block * 1000)


def hpack_bomb(conn: Server, stream: int, sock: socket.socket) -> None:
    """A short head that stands for a very long one."""
    entry = b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000
    send(conn, sock, raw_frame(1, 4, stream, b"\x88" + entry + b"\xbe" * 12_000))


def broken(frame: bytes) -> Act:
    """Sends a frame that must not be sent."""

    def act(conn: Server, stream: int, sock: socket.socket) -> None:
        send(conn, sock, frame)

    return act


FAULTS: list[tuple[str, Act, type[JobError], str]] = [
    ("reset", reset(2), CutError, "INTERNAL_ERROR"),
    ("reset to HTTP/1.1", reset(13), CutError, "HTTP_1_1_REQUIRED"),
    ("refused", reset(7), HangupError, "refused"),
    ("cut", cut, CutError, "after 3 bytes"),
    ("silent", silent, HangupError, "without an answer"),
    ("goes away", away, HangupError, "ENHANCE_YOUR_CALM: too many"),
    ("pings", flood(raw_frame(6, 0, 0, b"12345678")), ProtocolError, "flood"),
    ("settings", flood(raw_frame(4, 0, 0, b"")), ProtocolError, "flood"),
    ("window updates", flood(raw_frame(8, 0, 0, b"\0\0\0\1")), ProtocolError, "flood"),
    ("priorities", flood(raw_frame(2, 0, 1, b"\0\0\0\3\1")), ProtocolError, "flood"),
    ("unknown frames", flood(raw_frame(99, 0, 0, b"x")), ProtocolError, "flood"),
    ("empty data", data_flood, ProtocolError, "flood"),
    ("continuations", headers_flood, ProtocolError, "breaks HTTP/2|without an end"),
    ("a bomb in a head", hpack_bomb, ProtocolError, "without an end|breaks"),
    ("a push", broken(raw_frame(5, 4, 1, b"\0\0\0\2\x82")), ProtocolError, "breaks HTTP/2"),
    ("data without a head", broken(raw_frame(0, 1, 1, b"x")), ProtocolError, "breaks HTTP/2"),
    ("data on no stream", broken(raw_frame(0, 1, 0, b"x")), ProtocolError, "breaks HTTP/2"),
    ("too large a frame", broken(raw_frame(0, 0, 1, bytes(300_000))), ProtocolError, "breaks"),
    ("a window of nothing", broken(raw_frame(8, 0, 0, bytes(4))), ProtocolError, "breaks HTTP/2"),
    ("a short setting", broken(raw_frame(4, 0, 0, b"x")), ProtocolError, "breaks HTTP/2"),
    ("no HPACK", broken(raw_frame(1, 4, 1, b"\xff\xff\xff\xff")), ProtocolError, "breaks HTTP/2"),
    ("no status", broken(raw_frame(1, 5, 1, b"\x00\x01a\x01b")), ProtocolError, "breaks HTTP/2"),
]


@pytest.mark.parametrize(
    ("act", "kind", "words"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_what_a_server_does_wrong_is_named(act: Act, kind: type[JobError], words: str) -> None:
    with listening(h2_server(act)) as port, pytest.raises(kind, match=words) as caught:
        two(port)
    assert len(caught.value.cause) < 300
    assert caught.value.cause.isprintable()


def test_a_server_of_http_1_is_recognised() -> None:
    def talk(sock: socket.socket) -> None:
        sock.recv(1 << 16)
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(talk) as port, pytest.raises(ProtocolError, match="answers in HTTP/1"):
        two(port)


def test_a_server_without_http_2_in_alpn_is_recognised(made: Certificates) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.server_key)
    with (
        listening(lambda sock: None, context=context) as port,
        pytest.raises(ProtocolError, match="does not take HTTP/2"),
    ):
        over_tls(f"https://localhost:{port}/", made, version="2")


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=3))
def test_any_bytes_are_read_or_named(data: bytes, cuts: list[int]) -> None:
    protocol = Http2()
    protocol.begin(HttpRequest("GET", parse("http://a/")))
    protocol.finish()
    at = 0
    try:
        for end in [*sorted(cuts), len(data)]:
            if data[at:end]:
                list(protocol.receive(data[at:end]))
                protocol.flushed()
            at = max(at, end)
    except JobError:
        pass


@given(data=st.binary(max_size=300), step=st.integers(1, 50), sent=st.booleans())
def test_frames_are_found_in_any_bytes_however_they_come(
    data: bytes, step: int, sent: bool
) -> None:
    start = PREFACE if sent else b""
    whole = start + raw_frame(4, 0, 0, b"\0\1\0\0\0\1") + data

    def frames(size: int) -> list[Frame]:
        reader = FrameReader(sent=sent)
        return [
            frame
            for at in range(0, len(whole), size)
            for frame in reader.feed(whole[at : at + size])
        ]

    assert frames(step) == frames(len(whole))
    assert frames(step)[0].detail == "HEADER_TABLE_SIZE 1"


CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}
}}
https://localhost:{port} {{
    bind 127.0.0.1
    tls {cert} {key}
    encode {coding}
    root * {folder}
    file_server
}}
"""


@pytest.mark.peer("caddy")
@pytest.mark.parametrize("coding", ["zstd", "gzip"])
def test_caddy_serves_coded_bodies(coding: str, made: Certificates, tmp_path: Path) -> None:
    data = b"hello caddy " * 100_000
    (tmp_path / "text.txt").write_bytes(data)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "Caddyfile"
    config.write_text(
        CADDY.format(
            folder=tmp_path, port=port, cert=made.server, key=made.server_key, coding=coding
        ),
        encoding="utf-8",
    )
    words = ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
    env = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    with subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL) as child:
        try:
            while True:
                assert child.poll() is None
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except ConnectionRefusedError:
                    continue
            found = over_tls(f"https://localhost:{port}/text.txt", made)
        finally:
            child.terminate()
    head = found.heads[-1]
    assert head.version == "2"
    assert head.fields.get(b"content-encoding") == coding.encode()
    decoder = Decoder(head.fields.tokens(b"content-encoding"))
    assert b"".join(decoder.feed(found.body)) == data
    decoder.finish()
