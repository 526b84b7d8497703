"""TLS under our servers: real clients, what is told of each, and what is not let through."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.servers.watching import PATIENCE, Watched, failure, receive, serving, to_end
from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.job import Request
from workbench.servers.events import Closed, Drain, Listening
from workbench.tls.making.broken import KINDS
from workbench.tls.serving.events import Visitor
from workbench.tls.serving.layer import PLAIN_HTTP

NAMES = ("localhost", "127.0.0.1")


def asked(line: str) -> Request:
    words = line.split()
    job = catalogue.load(" ".join(words[:2]))
    request: Request = parse_line(job, words[2:])
    return request


def served(line: str, *, process: bool = False) -> Any:
    """A server of that command line, for the length of a block."""
    return serving(catalogue.load(" ".join(line.split()[:2])), asked(line), process=process)


def trusting(ca: Path, **changes: Any) -> ssl.SSLContext:
    """A client's context that trusts the CA."""
    context = ssl.create_default_context(cafile=ca / "ca.pem")
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def connect(
    server: Watched, context: ssl.SSLContext, name: str = "localhost", **more: Any
) -> ssl.SSLSocket:
    """A client of TLS that has shaken hands."""
    return context.wrap_socket(server.connect(), server_hostname=name, **more)


# -- every server ----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["selectors", "threading", "forking", "plain"])
def test_echo_in_every_way(how: str, ca: Path) -> None:
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca} --how {how}", process=True) as server:
        assert server.endpoint.scheme == "tls"
        with connect(server, trusting(ca)) as one:
            one.sendall(b"hello" * 30_000)
            assert receive(one, 150_000) == b"hello" * 30_000
        visitor = server.next(Visitor)
        assert (visitor.server_name, visitor.version, visitor.why) == ("localhost", "TLS 1.3", "")
        closed = server.next(Closed)
        assert (closed.bytes_in, closed.bytes_out) == (150_000, 150_000)  # in clear


@pytest.mark.parametrize("kind", ["daytime", "chargen", "discard", "time"])
def test_the_small_servers(kind: str, ca: Path) -> None:
    with (
        served(f"serve {kind} tcp://127.0.0.1:0 --tls --ca {ca}") as server,
        connect(server, trusting(ca)) as one,
    ):
        assert server.endpoint.scheme == "tls"  # --tls changes what is spoken
        if kind == "discard":
            one.sendall(b"x" * 100_000)
        else:
            assert one.recv(4)


@pytest.mark.parametrize("line", ["serve echo udp://127.0.0.1:0 --tls", "serve tls udp://:0"])
def test_no_tls_over_datagrams(line: str) -> None:
    failed = failure(catalogue.load(" ".join(line.split()[:2])), asked(line))
    assert "TLS" in failed.cause


def test_over_a_unix_socket(ca: Path, tmp_path: Path) -> None:
    with (
        served(f"serve echo unix:{tmp_path}/s --tls --ca {ca}") as server,
        connect(server, trusting(ca)) as one,
    ):
        one.sendall(b"hello")
        assert receive(one, 5) == b"hello"


def test_listening_comes_first(ca: Path) -> None:
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca}") as server:
        assert isinstance(server.events[0], Listening)


@pytest.mark.peer("curl")
@pytest.mark.parametrize("kind", ["http", "inspect", "wsgi", "cgi", "xmlrpc"])
def test_https(kind: str, ca: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    script = tmp_path / "env.sh"
    script.write_text('#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nHTTPS=$HTTPS\\n"\n')
    script.chmod(0o755)
    more = {
        "http": f"--root {tmp_path}",
        "cgi": f"--root {tmp_path}",
        "wsgi": "--app wsgiref.simple_server:demo_app",
    }
    line = f"serve {kind} https://127.0.0.1:0/ --ca {ca} {more.get(kind, '')}"
    with served(line, process=True) as server:
        path = {"http": "a.txt", "cgi": "env.sh"}.get(kind, "")
        url = f"https://localhost:{server.endpoint.port}/{path}"
        command = ["curl", "-sS", "--cacert", str(ca / "ca.pem"), "--max-time", "20", url]
        body = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        shows = {
            "http": "hello",
            "cgi": "HTTPS=on",
            "wsgi": "wsgi.url_scheme = 'https'",
            "inspect": "localhost",
            "xmlrpc": "",
        }
        assert shows[kind] in body
        assert server.next(Visitor).protocol == "http/1.1"


def test_a_file_through_tls_comes_whole(ca: Path, tmp_path: Path) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "big").write_bytes(content)
    with (
        served(f"serve http https://127.0.0.1:0/ --ca {ca} --root {tmp_path}") as server,
        connect(server, trusting(ca)) as one,
    ):
        one.sendall(b"GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        _, _, body = to_end(one).partition(b"\r\n\r\n")
        assert body == content


# -- what is told of visitors ----------------------------------------------------------------------


def test_a_visitor_is_told_of(ca: Path) -> None:
    context = trusting(ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with served(f"serve tls tls://127.0.0.1:0 --ca {ca} --alpn http/1.1") as server:
        with connect(server, context) as one:
            one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = to_end(one).decode()
        visitor = server.next(Visitor)
    assert visitor.protocols == ("h2", "http/1.1")
    assert visitor.protocol == "http/1.1"
    assert visitor.ja4.startswith("t13d")
    assert "TLS_AES_256_GCM_SHA384" in visitor.suites
    assert "x25519" in visitor.groups
    assert "server_name" in visitor.extensions
    for part in (visitor.ja4, visitor.suite, "server name       localhost", "h2, http/1.1"):
        assert part in said


def test_lines_come_back_from_serve_tls(ca: Path) -> None:
    with (
        served(f"serve tls tls://127.0.0.1:0 --ca {ca}") as server,
        connect(server, trusting(ca)) as one,
    ):
        one.sendall(b"hel")
        one.sendall(b"lo\nand more")
        assert receive(one, 14) == b"hello\nand more"


@pytest.mark.peer("openssl")
def test_a_session_is_taken_up_again(ca: Path, tmp_path: Path) -> None:
    with served(f"serve tls tls://127.0.0.1:0 --ca {ca} --tls-max 1.2") as server:
        command = ["openssl", "s_client", "-connect", server.endpoint.authority, "-no_ign_eof"]
        for way in ("-sess_out", "-sess_in"):
            subprocess.run(
                [*command, way, str(tmp_path / "session")],
                input=b"",
                capture_output=True,
                timeout=PATIENCE,
                check=True,
            )
        assert [server.next(Visitor).resumed, server.next(Visitor).resumed] == [False, True]


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_versions(version: str, ca: Path) -> None:
    tls = getattr(ssl.TLSVersion, f"TLSv{version.replace('.', '_').removesuffix('_0')}")
    context = trusting(ca, minimum_version=tls, maximum_version=tls)
    context.set_ciphers("ALL:@SECLEVEL=0")
    line = f"serve echo tls://127.0.0.1:0 --ca {ca} --tls-min {version} --tls-max {version}"
    with served(line) as server, connect(server, context) as one:
        one.sendall(b"hello")
        assert receive(one, 5) == b"hello"
        assert (
            server.next(Visitor).version.removesuffix(".0") == f"TLS {version.removesuffix('.0')}"
        )


# -- what fails, in words --------------------------------------------------------------------------


def test_who_does_not_trust_us_says_so(ca: Path) -> None:
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca}") as server:
        with pytest.raises(ssl.SSLCertVerificationError):
            connect(server, ssl.create_default_context())
        visitor = server.next(Visitor)
        assert visitor.alert == "unknown_ca (48) from the visitor"
        assert "no trusted CA" in visitor.why
        assert visitor.ja4
        assert "no TLS" in server.next(Closed).reason


def test_no_version_in_common(ca: Path) -> None:
    context = trusting(ca, maximum_version=ssl.TLSVersion.TLSv1_2)
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca} --tls-min 1.3") as server:
        with pytest.raises(ssl.SSLError):
            connect(server, context)
        visitor = server.next(Visitor)
        assert visitor.why == "no version in common"
        assert visitor.alert == "protocol_version (70) from this server"


def test_no_suite_in_common(ca: Path) -> None:
    context = trusting(ca, maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    line = f"serve echo tls://127.0.0.1:0 --ca {ca} --ciphers ECDHE-ECDSA-AES256-GCM-SHA384"
    with served(line) as server:
        with pytest.raises(ssl.SSLError):
            connect(server, context)
        visitor = server.next(Visitor)
        assert (visitor.why, visitor.alert) == (
            "no cipher suite in common",
            "handshake_failure (40) from this server",
        )


def test_plain_http_is_answered_and_named(ca: Path) -> None:
    with (
        served(f"serve http https://127.0.0.1:0/ --ca {ca}") as server,
        server.connect() as one,
    ):
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert to_end(one) == PLAIN_HTTP
        assert server.next(Visitor).why == "it spoke plain HTTP"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "it spoke no TLS, but “SSH-2.0-OpenSSH_”"),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", ""),
        (b"\x16\x03\x01\xff\xff" + b"x" * 100, "it spoke no TLS"),
        (b"\x00" * 40, "it spoke no TLS"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "TLS failed"),
    ],
)
def test_what_is_no_tls(said: bytes, words: str, ca: Path) -> None:
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca}") as server, server.connect() as one:
        one.sendall(said)
        one.shutdown(socket.SHUT_WR)
        to_end(one)
        visitor = server.next(Visitor)
        assert visitor.failed
        assert words in visitor.why
        assert "\x1b" not in visitor.line()


def test_who_says_nothing_is_told_of_when_it_leaves(ca: Path) -> None:
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca}") as server:
        server.connect().close()
        assert server.next(Visitor).why


def test_a_drip_is_put_together(ca: Path) -> None:
    """A client whose bytes come one by one shakes hands all the same."""
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca}") as server, server.connect() as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = trusting(ca).wrap_bio(incoming, outgoing, server_hostname="localhost")
        done = False
        while not done:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            for byte in outgoing.read():
                raw.sendall(bytes((byte,)))
            if not done:
                incoming.write(raw.recv(7))
        assert server.next(Visitor).server_name == "localhost"
        tls.write(b"hello")
        raw.sendall(outgoing.read())
        said = b""
        while not said:
            incoming.write(raw.recv(65_536))
            try:
                said = tls.read(100)
            except ssl.SSLWantReadError:
                pass
        assert said == b"hello"


def test_half_a_connection_ends_by_close_notify(ca: Path) -> None:
    with (
        served(f"serve discard tls://127.0.0.1:0 --ca {ca}") as server,
        connect(server, trusting(ca)) as one,
    ):
        one.sendall(b"x")
        one.unwrap()  # waits for the server's close_notify
        assert server.next(Closed).reason == "closed by the peer"


def test_who_shakes_no_hands_is_let_go_when_the_server_drains(ca: Path) -> None:
    with (
        served(f"serve echo tls://127.0.0.1:0 --ca {ca}") as server,
        server.connect() as one,
    ):
        server.tell(Drain(PATIENCE))
        assert to_end(one) == b""
        assert server.next(Closed).reason == "the server drains"


# -- certificates ----------------------------------------------------------------------------------


def test_a_client_shows_its_certificate(ca: Path) -> None:
    context = trusting(ca)
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca} --client-cert require") as server:
        with (
            connect(server, context) as one,
            pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"),
        ):
            one.recv(1)
        visitor = server.next(Visitor)
        assert visitor.why == "it showed no certificate, which is required here"
        context.load_cert_chain(ca / "client.pem")
        with connect(server, context) as one:
            one.sendall(b"hello")
            assert receive(one, 5) == b"hello"
        assert "joe" in server.next(Visitor).certificate


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("none", "long-life")])
def test_broken_certificates_are_served(kind: str) -> None:
    """OpenSSL takes each; whether a client does is the client's matter (see badssl)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        served(f"serve echo tls://127.0.0.1:0 --broken {kind}") as server,
        connect(server, context) as one,
    ):
        assert one.getpeercert(binary_form=True)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--broken nothing", "there is no fault “nothing”"),
        ("--cert /nowhere.pem", "no such path"),
        ("--cert {ca}/ca.pem", "holds no key"),
        ("--cert {ca}/ca.pem --key {ca}/client.pem", "refuses the certificate or its key"),
        ("--tls-min 1.3 --tls-max 1.2", "no version lies between"),
        ("--ciphers NONESUCH", "no suite for “NONESUCH”"),
        ("--broken expired --cert {ca}/client.pem", "--broken makes a certificate of its own"),
        ("--client-cert ask --client-ca /nowhere.pem", "/nowhere.pem"),
    ],
)
def test_options_that_cannot_be(more: str, words: str, ca: Path) -> None:
    line = f"serve echo tls://127.0.0.1:0 --ca {ca} {more.format(ca=ca)}"
    assert words in failure(catalogue.load("serve echo"), asked(line)).cause


def test_the_key_log_is_for_the_user_alone(ca: Path, tmp_path: Path) -> None:
    log = tmp_path / "keys"
    with (
        served(f"serve echo tls://127.0.0.1:0 --ca {ca} --keylog {log}") as server,
        connect(server, trusting(ca)) as one,
    ):
        one.sendall(b"x")
        assert one.recv(1) == b"x"
    assert log.stat().st_mode & 0o777 == 0o600
    assert "SERVER_TRAFFIC_SECRET_0" in log.read_text()


# -- many ------------------------------------------------------------------------------------------


def test_many_at_once_and_some_who_never_read(ca: Path) -> None:
    with served(f"serve echo tls://127.0.0.1:0 --ca {ca}", process=True) as server:
        context = trusting(ca)
        idle = [server.connect() for _ in range(50)]
        stuck = connect(server, context)
        stuck.setblocking(False)
        try:
            for _ in range(2_000):
                stuck.send(b"x" * 16_384)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        found: list[bytes] = []

        def talk() -> None:
            with connect(server, context) as one:
                one.sendall(b"y" * 300_000)
                found.append(receive(one, 300_000))

        threads = [threading.Thread(target=talk) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert found == [b"y" * 300_000] * 8
        for one in (*idle, stuck):
            one.close()


@pytest.mark.peer("socat")
def test_socat_is_served(ca: Path) -> None:
    with served(f"serve daytime tls://127.0.0.1:0 --ca {ca}", process=True) as server:
        place = f"OPENSSL:localhost:{server.endpoint.port},cafile={ca}/ca.pem"
        run = subprocess.run(
            ["socat", "-u", place, "-"], capture_output=True, timeout=PATIENCE, check=True
        )
        assert b"20" in run.stdout


@pytest.mark.peer("ncat")
def test_ncat_is_served(ca: Path) -> None:
    with served(f"serve daytime tls://127.0.0.1:0 --ca {ca}", process=True) as server:
        command = ["ncat", "--ssl-verify", "--ssl-trustfile", str(ca / "ca.pem"), "--recv-only"]
        command += ["localhost", str(server.endpoint.port)]
        run = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
        assert b"20" in run.stdout
