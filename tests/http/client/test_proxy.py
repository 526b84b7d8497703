"""Proxies: which one, as urllib.request decides it, and the way through real ones."""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.client import certificates
from tests.http.client.certificates import Certificates
from tests.http.client.peers import WAIT, Talk, answering, fetch, listening, read_head
from tests.http.client.test_client import server_context
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.scope import Scope
from workbench.http.client.client import Client, ClientOptions, Connected, Finished
from workbench.http.client.proxy import (
    Proxies,
    ProxyError,
    bypassed,
    from_environment,
    parse_proxy,
    socks5,
)
from workbench.tls.client_context import TlsOptions

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it signed."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


# -- which one ----------------------------------------------------------------------------------

NAMES = ["http", "https", "no", "all", "HTTP", "Https", "ftp"]


@given(
    st.dictionaries(
        st.sampled_from([f"{name}_{end}" for name in NAMES for end in ("proxy", "PROXY", "Proxy")]
                        + ["REQUEST_METHOD", "_proxy", "proxy"]),
        st.sampled_from(["", "a:1", "b:2"]),
    )
)  # fmt: skip
def test_the_environment_is_read_as_urllib_reads_it(environ: dict[str, str]) -> None:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        theirs = urllib.request.getproxies_environment()
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert from_environment(environ) == theirs


HOSTS = ["a.test", "b.a.test", "ba.test", "A.TEST:80", "a.test:81", "127.0.0.1", "[::1]:8", "[::1]"]
ELEMENTS = [
    "a.test",
    ".a.test",
    "*",
    "a.test:81",
    "127.0.0.1",
    "[::1]",
    " A.test ",
    "",
    "test",
    ".",
]


@given(host=st.sampled_from(HOSTS), elements=st.lists(st.sampled_from(ELEMENTS), max_size=3))
def test_no_proxy_is_read_as_urllib_reads_it(host: str, elements: list[str]) -> None:
    table = {"no": ",".join(elements)}
    theirs = urllib.request.proxy_bypass_environment(host, table)  # type: ignore[attr-defined]
    assert bool(bypassed(host, table)) == bool(theirs)


def test_the_reason_for_a_choice_is_told() -> None:
    proxies = Proxies({"http": "p:1", "no": "b.test"})
    chosen, why = proxies.choose(parse("http://a.test/"))
    assert (str(chosen), why) == ("http://p:1", "http_proxy names it")
    assert proxies.choose(parse("http://x.b.test/")) == (None, "no_proxy has b.test")
    assert proxies.choose(parse("https://a.test/")) == (None, "no https_proxy is set")
    forced = Proxies({"no": "*"}, forced="socks5://u:p%40@q")
    chosen, _ = forced.choose(parse("https://a.test/"))
    assert chosen is not None
    assert (chosen.kind, chosen.place.port, chosen.user, chosen.password) == (
        "socks5", 1080, "u", "p@",
    )  # fmt: skip
    assert "p@" not in repr(chosen)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:3128", "http://127.0.0.1:3128"),
        ("http://p", "http://p:80"),
        ("https://p", "https://p:443"),
        ("SOCKS5h://[::1]", "socks5h://[::1]:1080"),
        ("socks5://p:80", "socks5://p:80"),
        ("http://u:p@h:1/path", "http://h:1"),
    ],
)
def test_proxies_are_read(text: str, shown: str) -> None:
    assert str(parse_proxy(text)) == shown


def test_a_kind_that_is_not_known() -> None:
    with pytest.raises(JobError, match="no kind of proxy"):
        parse_proxy("gopher://x")


# -- HTTP proxies -------------------------------------------------------------------------------

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 30
MaxClients 20
LogLevel Critical
{more}
"""


@contextmanager
def tinyproxy(folder: Path, more: str = "") -> Iterator[str]:
    """A tinyproxy on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "tinyproxy.conf"
    config.write_text(TINYPROXY.format(port=port, more=more), encoding="utf-8")
    words = ["tinyproxy", "-d", "-c", str(config)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            while True:
                assert child.poll() is None
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except ConnectionRefusedError:
                    continue
            yield f"127.0.0.1:{port}"
        finally:
            child.terminate()


@pytest.mark.peer("tinyproxy")
def test_tinyproxy_carries_http_and_tunnels_https(made: Certificates, tmp_path: Path) -> None:
    tls = TlsOptions(ca=made.ca)
    secure = server_context(made)
    with (
        tinyproxy(tmp_path) as place,
        listening(answering(OK)) as port,
        listening(answering(OK), context=secure) as tls_port,
    ):
        proxies = Proxies({"http": place, "https": place})
        found = fetch(f"http://127.0.0.1:{port}/", proxies=proxies)
        assert found.body == b"ok"
        assert found.heads[-1].fields.has(b"via")
        found = fetch(f"https://localhost:{tls_port}/", proxies=proxies, tls=tls)
        assert found.body == b"ok"
        connected = found.of(Connected)[0]
        assert connected.peer == place
        assert connected.said[0].startswith(f"CONNECT localhost:{tls_port}: 200")
        assert [phase.name for phase in found.of(Finished)[0].phases] == [
            "connect", "proxy", "tls", "send", "wait", "download",
        ]  # fmt: skip


@pytest.mark.peer("tinyproxy")
def test_tinyproxy_wants_a_name_and_a_password(tmp_path: Path) -> None:
    with (
        tinyproxy(tmp_path, "BasicAuth alice secret") as place,
        listening(answering(OK, OK)) as port,
    ):
        url = f"http://127.0.0.1:{port}/"
        assert fetch(url, proxies=Proxies({"http": place})).status == 407
        found = fetch(url, proxies=Proxies({"http": f"http://alice:secret@{place}"}))
        assert found.body == b"ok"
        with pytest.raises(ProxyError, match="407") as caught:
            fetch(f"https://127.0.0.1:{port}/", proxies=Proxies({"https": place}))
        assert "USER:PASSWORD@" in caught.value.advice


@pytest.mark.peer("tinyproxy")
def test_tinyproxy_refuses_a_port(tmp_path: Path) -> None:
    with tinyproxy(tmp_path, "ConnectPort 443") as place, pytest.raises(ProxyError, match="403"):
        fetch("https://127.0.0.1:1/", proxies=Proxies({"https": place}))


def test_what_a_proxy_gets_to_see() -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        for _ in range(2):
            got.append(read_head(sock))
            sock.sendall(OK)

    with listening(talk) as port:
        scope = Scope(WAIT)
        proxies = Proxies({"http": f"http://u:p@127.0.0.1:{port}"})
        client = Client(ClientOptions(proxies=proxies), scope)
        fetch("http://one.invalid/a?b", client=client)
        found = fetch("http://two.invalid:81/", client=client)
        assert found.of(Connected)[0].uses == 1
        client.close()
        scope.close()
    assert got[0].startswith(b"GET http://one.invalid/a?b HTTP/1.1\r\nHost: one.invalid\r\n")
    assert b"Proxy-Authorization: Basic dTpw\r\n" in got[0]
    assert got[1].startswith(b"GET http://two.invalid:81/ HTTP/1.1\r\nHost: two.invalid:81\r\n")


def test_the_origin_behind_a_tunnel_does_not_see_the_proxys_password(made: Certificates) -> None:
    got: list[bytes] = []

    def origin(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    with (
        listening(origin, context=server_context(made)) as port,
        listening(relay(b"HTTP/1.1 200 Go\r\n\r\n", port)) as proxy,
    ):
        proxies = Proxies({"https": f"http://u:p@127.0.0.1:{proxy}"})
        tls = TlsOptions(ca=made.ca)
        assert fetch(f"https://localhost:{port}/", proxies=proxies, tls=tls).body == b"ok"
    assert b"Proxy-Authorization" not in got[0]


def relay(answer: bytes, port: int) -> Talk:
    """A proxy of one request: answers CONNECT with these bytes, and carries on to a port."""

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(answer)
        with socket.create_connection(("127.0.0.1", port), WAIT) as far:
            while True:
                pending = isinstance(sock, ssl.SSLSocket) and sock.pending()
                ready = [sock] if pending else select.select([sock, far], [], [], WAIT)[0]
                for one in ready:
                    data = one.recv(1 << 16)
                    if not data:
                        return
                    (far if one is sock else sock).sendall(data)

    return talk


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "without an answer"),
        (b"SSH-2.0-x\r\n", "no HTTP"),
        (b"HTTP/1.1 200 Go\r\n\r\nearly", "before the tunnel"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "503 No"),
        (b"HTTP/1.1 302 See\r\nLocation: http://evil/\r\nContent-Length: 0\r\n\r\n", "302"),
    ],
)
def test_a_proxy_that_does_not_tunnel_is_named(answer: bytes, words: str) -> None:
    with listening(answering(answer)) as port, pytest.raises(JobError, match=words):
        fetch("https://127.0.0.1:1/", proxies=Proxies({"https": f"127.0.0.1:{port}"}))


def test_tls_within_tls(made: Certificates) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1_000_000)
    with (
        listening(answering(body), context=server_context(made)) as port,
        listening(relay(b"HTTP/1.1 200 Go\r\n\r\n", port), context=server_context(made)) as proxy,
    ):
        proxies = Proxies({"https": f"https://localhost:{proxy}"})
        found = fetch(f"https://127.0.0.1:{port}/", proxies=proxies, tls=TlsOptions(ca=made.ca))
    assert found.body == bytes(1_000_000)


def test_an_https_proxy(made: Certificates) -> None:
    with listening(answering(OK), context=server_context(made)) as port:
        proxies = Proxies({"http": f"https://localhost:{port}"})
        assert fetch("http://a.invalid/", proxies=proxies, tls=TlsOptions(ca=made.ca)).body == b"ok"


def test_a_proxy_that_is_not_there_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(ProxyError, match=f"{place}, which http_proxy names, is not reached"):
            fetch("http://a.invalid/", proxies=Proxies({"http": place}))


# -- SOCKS5 -------------------------------------------------------------------------------------


def socks_server(port: int, seen: list[bytes], *, user: bytes = b"", reply: int = 0) -> Talk:
    """A server of SOCKS5 that leads everything to one port (RFC 1928)."""

    def talk(sock: socket.socket) -> None:
        _, count = sock.recv(2, socket.MSG_WAITALL)
        methods = sock.recv(count, socket.MSG_WAITALL)
        seen.append(methods)
        wanted = 2 if user else 0
        if wanted not in methods:
            sock.sendall(b"\x05\xff")
            return
        sock.sendall(bytes([5, wanted]))
        if user:
            _, size = sock.recv(2, socket.MSG_WAITALL)
            name = sock.recv(size, socket.MSG_WAITALL)
            (size,) = sock.recv(1, socket.MSG_WAITALL)
            given = name + b":" + sock.recv(size, socket.MSG_WAITALL)
            sock.sendall(b"\x01" + bytes([given != user]))
            if given != user:
                return
        head = sock.recv(4, socket.MSG_WAITALL)
        size = {1: 4, 4: 16}.get(head[3]) or sock.recv(1, socket.MSG_WAITALL)[0]
        seen.append(bytes([head[3]]) + sock.recv(size, socket.MSG_WAITALL))
        sock.recv(2, socket.MSG_WAITALL)
        bound = b"\x03\x04host\0\0" if reply == 0 else b"\x01\0\0\0\0\0\0"
        sock.sendall(b"\x05" + bytes([reply]) + b"\0" + bound)
        if not reply:
            carry(sock)

    def carry(sock: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), WAIT) as far:
            far.sendall(read_head(sock))
            sock.sendall(far.recv(1 << 16))

    return talk


def test_socks5_looks_the_name_up_here_and_socks5h_there() -> None:
    seen: list[bytes] = []
    with listening(answering(OK)) as port, listening(socks_server(port, seen)) as socks:
        url = f"http://localhost:{port}/"
        found = fetch(url, proxies=Proxies(forced=f"socks5://127.0.0.1:{socks}"))
        assert found.body == b"ok"
        assert seen[-1] in (b"\x01\x7f\0\0\x01", b"\x04" + bytes(15) + b"\x01")
        found = fetch(url, proxies=Proxies(forced=f"socks5h://127.0.0.1:{socks}"))
        assert found.body == b"ok"
        assert seen[-1] == b"\x03localhost"
        assert found.of(Connected)[0].said == (f"SOCKS5 to localhost:{port}",)


def test_socks5_with_a_name_and_a_password() -> None:
    seen: list[bytes] = []
    with (
        listening(answering(OK)) as port,
        listening(socks_server(port, seen, user=b"alice:se cret")) as socks,
    ):
        url = f"http://127.0.0.1:{port}/"
        place = f"127.0.0.1:{socks}"
        assert fetch(url, proxies=Proxies(forced=f"socks5://alice:se%20cret@{place}")).body == b"ok"
        with pytest.raises(ProxyError, match="refuses the name"):
            fetch(url, proxies=Proxies(forced=f"socks5://alice:wrong@{place}"))
        with pytest.raises(ProxyError, match="another way to log in"):
            fetch(url, proxies=Proxies(forced=f"socks5://{place}"))


@pytest.mark.parametrize(("reply", "words"), [(2, "its rules"), (5, "refused"), (99, "reply 99")])
def test_socks5_says_why_not(reply: int, words: str) -> None:
    with (
        listening(socks_server(1, [], reply=reply)) as socks,
        pytest.raises(ProxyError, match=words),
    ):
        fetch("http://127.0.0.1:1/", proxies=Proxies(forced=f"socks5://127.0.0.1:{socks}"))


@pytest.mark.parametrize("answer", [b"", b"H", b"HTTP/1.1 400 Bad\r\n", b"\x04\x5a", b"\x05\x00x"])
def test_what_is_no_socks5_is_named(answer: bytes) -> None:
    def talk(sock: socket.socket) -> None:
        sock.recv(3)
        sock.sendall(answer)

    with listening(talk) as socks, pytest.raises(ProxyError):
        fetch("http://127.0.0.1:1/", proxies=Proxies(forced=f"socks5://127.0.0.1:{socks}"))


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=8), st.booleans())
def test_any_answers_end_the_dialogue(answers: list[bytes], logs_in: bool) -> None:
    talk = socks5("host", 80, "u" if logs_in else "", "p")
    try:
        _, need = next(talk)
        for answer in answers:
            padded = (answer * (need + 1))[:need]
            _, need = talk.send(padded)
            assert 0 <= need <= 300
    except (StopIteration, ProxyError):
        pass
