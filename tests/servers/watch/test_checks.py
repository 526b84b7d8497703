"""Each kind of check against real servers, good and bad."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import server
from tests.servers.watch.peers import (
    Peer,
    answers,
    certified,
    dns_answer,
    dns_server,
    drips,
    floods,
    hangs,
    hangs_up,
    look,
    resets,
    says,
)

SOON = 0.3
"""Seconds that a check has of which nothing comes."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


# -- bare transports ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tcp://127.0.0.1:0", "tcp://[::1]:0", "unix:{folder}/s"])
def test_a_server_that_listens_is_up(kind: str, tmp_path: Path) -> None:
    with server("echo", kind.format(folder=tmp_path)) as end:
        found = look(end)
        assert (found.state, found.detail) == ("up", "connected")
        assert found.latency is not None
        assert found.latency > 0
        found = look(end, send=b"PING\r\n", expect=("PING",))
        assert (found.state, found.detail) == ("up", r"connected; it said 'PING'")


def test_where_nobody_listens_it_is_down(tmp_path: Path) -> None:
    found = look(f"tcp://127.0.0.1:{free_port()}")
    assert (found.state, found.code, found.latency) == ("down", "ECONNREFUSED", None)
    assert "nothing listens there" in found.detail
    assert look(f"unix:{tmp_path}/none").code == "ENOENT"


def test_a_name_that_is_none_is_down() -> None:
    found = look("tcp://does-not-exist.invalid:1")
    assert found.state == "down"
    assert found.code.startswith("EAI")


@pytest.mark.parametrize(
    ("manners", "words", "code"),
    [
        (hangs, "'220' did not come in 0.3 s", "ETIMEDOUT"),
        (hangs_up, "it hung up without '220'", "expect"),
        (drips, "'220' did not come; it said", "ETIMEDOUT"),
        (floods, "64 KiB came without '220'", "expect"),
        (resets, "the other side broke the connection off", "ECONNRESET"),
        (says(b"\x1b[31m554 no"), r"'220' did not come; it said '\x1b[31m554 no' in", "ETIMEDOUT"),
    ],
)
def test_what_is_expected_and_does_not_come(manners: object, words: str, code: str) -> None:
    with Peer(manners) as peer:  # type: ignore[arg-type]
        found = look(f"tcp://127.0.0.1:{peer.port}", expect=("220",), timeout=SOON)
    assert found.state == "down"
    assert words in found.detail
    assert found.detail.isprintable()
    assert found.code == code


@pytest.mark.parametrize("kind", ["udp://127.0.0.1:0", "unixgram:{folder}/s"])
def test_datagrams(kind: str, tmp_path: Path) -> None:
    with server("echo", kind.format(folder=tmp_path)) as end:
        assert look(end, answer=True, send=b"abc").detail == "answered 'abc'"
        found = look(end, expect=("b",), send=b"abc")
        assert (found.state, found.latency is not None) == ("up", True)
        found = look(end, expect=("x",), send=b"abc", timeout=SOON)
        assert (found.state, found.detail) == ("down", "'abc' came, and nothing else, in 0.3 s")
        assert look(end).state == "up"


def test_a_datagram_that_nobody_listens_for() -> None:
    port = free_port(socket.SOCK_DGRAM)
    assert look(f"udp://127.0.0.1:{port}").code == "ECONNREFUSED"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        end = f"udp://127.0.0.1:{silent.getsockname()[1]}"
        assert look(end, timeout=SOON).detail == "sent, and nothing refused it"
        found = look(end, timeout=SOON, answer=True)
        assert (found.state, found.detail) == ("down", "no answer in 0.3 s")


# -- ping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_ping(host: str) -> None:
    found = look(f"icmp://{host}")
    if found.state == "unknown":
        assert "CAP_NET_RAW" in found.detail
    else:
        assert (found.state, found.detail) == ("up", "answered the ping")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not ping")
def test_who_may_not_ping_is_told_what_is_missing() -> None:
    allowed = Path("/proc/sys/net/ipv4/ping_group_range").read_text().split()
    if int(allowed[0]) <= 65534 <= int(allowed[1]):
        pytest.skip("everybody may ping here")
    look("icmp://127.0.0.1")  # nobody may not read the modules that are still to be imported
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            found = look("icmp://127.0.0.1")
            os.write(writing, f"{found.state} {found.code} {found.detail}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as file:
        state, code, detail = file.read().split(" ", 2)
    os.waitpid(child, 0)
    assert (state, code) == ("unknown", "EPERM"), detail
    for word in ("ping_group_range", "CAP_NET_RAW", "tcp://127.0.0.1:PORT"):
        assert word in detail


# -- web ------------------------------------------------------------------------------------------


def test_a_web_server(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("Welcome, näher")
    with server("http", "http://127.0.0.1:0/", "--root", str(tmp_path)) as end:
        assert look(f"{end}a.html").detail == "200 OK"
        assert look(f"{end}a.html", expect=("Welcome", "näher")).state == "up"
        found = look(f"{end}a.html", expect=("Welcome", "Goodbye"))
        assert (found.state, found.code) == ("down", "expect")
        assert "its body lacks 'Goodbye'" in found.detail
        found = look(f"{end}none")
        assert (found.state, found.code) == ("down", "404")
        assert look(f"{end}none", status=(404, 410)).state == "up"
        found = look(f"{end}a.html", status=(404,))
        assert found.detail == "it answers 200 OK, not 404"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "no HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "no HTTP"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "no HTTP"),
        (b"HTTP/1.1 500 \x1b[2J\r\n\r\n", r"500 \x1b[2J"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + b"HTTP/1.1 503 Busy\r\n\r\n", "503 Busy"),
    ],
)
def test_answers_that_are_none(answer: bytes, words: str) -> None:
    with Peer(answers(answer)) as peer:
        found = look(f"http://127.0.0.1:{peer.port}/")
    assert found.state == "down"
    assert words in found.detail
    assert found.detail.isprintable()


def test_a_body_is_read_to_its_bound_and_in_chunks() -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n4\r\nWelc\r\n3\r\nome\r\n0\r\n\r\n"
    with Peer(answers(head + chunks)) as peer:
        assert look(f"http://127.0.0.1:{peer.port}/", expect=("Welcome",)).state == "up"
    with Peer(answers(head + b"\r\n" + b"x" * (3 << 20) + b"Welcome")) as peer:
        found = look(f"http://127.0.0.1:{peer.port}/", expect=("Welcome",))
        assert "the first 1 MiB of its body lacks 'Welcome'" in found.detail
    with Peer(drips) as peer:
        found = look(f"http://127.0.0.1:{peer.port}/", timeout=SOON)
        assert found.detail == "its answer was not whole in 0.3 s"


def test_it_sends_what_the_url_says() -> None:
    heard: list[bytes] = []

    def note(one: socket.socket) -> None:
        heard.append(one.recv(65_536))
        one.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        one.close()

    with Peer(note) as peer:
        assert look(f"http://ann:s%3Acret@127.0.0.1:{peer.port}/a%20b?c#d").state == "up"
    lines = heard[0].decode().split("\r\n")
    assert lines[:2] == ["GET /a%20b?c HTTP/1.1", f"Host: 127.0.0.1:{peer.port}"]
    assert "Authorization: Basic YW5uOnM6Y3JldA==" in lines


# -- TLS ------------------------------------------------------------------------------------------


def test_the_days_that_a_certificate_has_left(tmp_path: Path) -> None:
    made = certified(tmp_path, 20.5)
    with Peer(hangs, made.context) as peer:
        end = f"tls://127.0.0.1:{peer.port}"
        found = look(end, ca=made.file)
        assert (found.state, found.detail) == (
            "up",
            "connected; the certificate is good for 20 days",
        )
        found = look(end, ca=made.file, days=21)
        assert (found.state, found.code) == ("warn", "days")
        assert found.detail.startswith("the certificate ends in 20 days; ")
        found = look(end)
        assert (found.state, "not trusted" in found.detail) == ("down", True)
        assert look(end, verify=False).fingerprint == look(end, ca=made.file).fingerprint != ""


def test_a_certificate_that_has_ended(tmp_path: Path) -> None:
    made = certified(tmp_path, -2.5)
    with Peer(hangs, made.context) as peer:
        end = f"tls://127.0.0.1:{peer.port}"
        found = look(end, ca=made.file)
        assert (found.state, "expired" in found.detail) == ("down", True)
        found = look(end, verify=False)
        assert found.state == "warn"
        assert found.detail.startswith("the certificate ended 3 days ago")


def test_the_ca_file_is_not_there(tmp_path: Path) -> None:
    found = look("tls://127.0.0.1:1", ca=tmp_path / "none.pem")
    assert found.state == "down", "nobody listens, so nobody has asked for it"
    with Peer(hangs) as peer:
        found = look(f"tls://127.0.0.1:{peer.port}", ca=tmp_path / "none.pem")
    assert (found.state, found.code) == ("unknown", "ca")


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        (hangs, "TLS was not set up in 0.3 s"),
        (says(b"220 hello\r\n"), "does not speak TLS"),
        (hangs_up, ""),
        (resets, ""),
        (floods, ""),
    ],
)
def test_what_speaks_no_tls(manners: object, words: str) -> None:
    with Peer(manners) as peer:  # type: ignore[arg-type]
        found = look(f"https://127.0.0.1:{peer.port}/", timeout=SOON)
    assert found.state == "down"
    assert words in found.detail


@pytest.mark.peer("openssl")
def test_openssl_s_server(tmp_path: Path) -> None:
    certified(tmp_path, 5.5)
    port = free_port()
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet"]
    words += ["-cert", str(tmp_path / "one-key.pem")]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        try:
            found = look(f"tls://127.0.0.1:{port}", verify=False)
            while found.code == "ECONNREFUSED":
                found = look(f"tls://127.0.0.1:{port}", verify=False)
            assert (found.state, found.code) == ("warn", "days")
            assert "the certificate ends in 5 days" in found.detail
            page = look(
                f"https://127.0.0.1:{port}/", ca=tmp_path / "one.pem", expect=("s_server",), days=1
            )
            assert (page.state, page.fingerprint) == ("up", found.fingerprint)
        finally:
            child.kill()


# -- greetings ------------------------------------------------------------------------------------

GREETINGS = [
    ("smtp", b"220 mail.example ESMTP\r\n"),
    ("submission", b"220-one\r\n220-two\r\n220 three\r\n"),
    ("lmtp", b"220 x\r\n"),
    ("imap", b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
    ("imap", b"* PREAUTH hello\r\n"),
    ("pop3", b"+OK hello\r\n"),
    ("ftp", b"220 (vsFTPd 3.0.3)\r\n"),
    ("nntp", b"201 no posting\r\n"),
    ("ssh", b"be welcome\r\nSSH-2.0-OpenSSH_9.2\r\n"),
]
BAD = [
    ("smtp", b"554 go away\r\n", "554"),
    ("smtp", b"220x\r\n", "220x"),
    ("imap", b"* BYE too busy\r\n", "*"),
    ("pop3", b"-ERR\r\n", "-ERR"),
    ("ftp", b"421 busy\r\n", "421"),
    ("nntp", b"400 down\r\n", "400"),
    ("smtp", b"\xff\xfe\x00\r\n", ""),
]


@pytest.mark.parametrize(("scheme", "greeting"), GREETINGS)
def test_greetings(scheme: str, greeting: bytes, tmp_path: Path) -> None:
    last = greeting.splitlines()[-1].decode()
    with Peer(says(greeting)) as peer:
        found = look(f"{scheme}://127.0.0.1:{peer.port}")
    assert (found.state, found.detail) == ("up", last)
    with Peer(says(*(bytes([byte]) for byte in greeting))) as peer:
        assert look(f"{scheme}://127.0.0.1:{peer.port}", expect=(last[-3:],)).state == "up"
        assert look(f"{scheme}://127.0.0.1:{peer.port}", expect=("nothing",)).code == "expect"
    if scheme in ("imap", "pop3", "ftp", "nntp", "smtp"):
        made = certified(tmp_path, 30.5)
        with Peer(says(greeting), made.context) as peer:
            found = look(f"{scheme}s://127.0.0.1:{peer.port}", ca=made.file)
        assert (found.state, found.detail) == (
            "up",
            f"{last}; the certificate is good for 30 days",
        )


@pytest.mark.parametrize(("scheme", "greeting", "code"), BAD)
def test_other_greetings(scheme: str, greeting: bytes, code: str) -> None:
    with Peer(says(greeting)) as peer:
        found = look(f"{scheme}://127.0.0.1:{peer.port}")
    assert found.state == "down"
    assert code in found.code
    assert found.detail.isprintable()


@pytest.mark.parametrize(
    ("manners", "words"),
    [
        (hangs, "no greeting came in 0.3 s"),
        (hangs_up, "it hung up before it greeted"),
        (drips, "no greeting came in 0.3 s"),
        (floods, "no smtp greeting"),
        (says(b"220-and so on\r\n" * 1_000), "more than 64 lines"),
    ],
)
def test_no_greeting(manners: object, words: str) -> None:
    with Peer(manners) as peer:  # type: ignore[arg-type]
        found = look(f"smtp://127.0.0.1:{peer.port}", timeout=SOON)
    assert found.state == "down"
    assert words in found.detail


# -- DNS ------------------------------------------------------------------------------------------

A, MX, TXT = 1, 15, 16


def test_dns() -> None:
    def answer(asked: bytes, _: bool) -> bytes | None:
        if b"\x05wrong" in asked:
            return dns_answer(asked, [], rcode=3)
        if b"\x05empty" in asked:
            return dns_answer(asked, [])
        if b"\x05other" in asked:
            return dns_answer(asked.replace(b"\x05other", b"\x05OTHER"), [(A, bytes(4))])
        return dns_answer(asked, [(A, bytes([192, 0, 2, one])) for one in (1, 2)])

    with dns_server(answer) as port:
        end = f"dns://127.0.0.1:{port}"
        found = look(f"{end}/www.example")
        assert (found.state, found.detail) == ("up", "192.0.2.1, 192.0.2.2")
        assert look(f"{end}/www.example", expect=("192.0.2.2",)).state == "up"
        found = look(f"{end}/www.example", expect=("192.0.2.9",))
        assert found.detail == "it answers 192.0.2.1, 192.0.2.2, not 192.0.2.9"
        assert look(f"{end}/wrong.example").code == "NXDOMAIN"
        assert look(f"{end}/empty.example").code == "NODATA"
        assert look(f"{end}/other.example").state == "up", "case does not count"
        assert look(f"{end}/www.example?type=AAAA").code == "NODATA"


def test_dns_over_tcp_where_the_answer_is_cut() -> None:
    said = bytes([0, 10]) + b"\x04mail\xc0\x0c"

    def answer(asked: bytes, tcp: bool) -> bytes | None:
        return dns_answer(asked, [(MX, said)] if tcp else [], cut=not tcp)

    with dns_server(answer) as port:
        found = look(f"dns://127.0.0.1:{port}/example?type=mx", expect=("10 mail.example.",))
    assert (found.state, found.detail) == ("up", "10 mail.example")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda asked: None, "no answer in 0.3 s"),
        (lambda asked: b"\0\0" + asked[2:], "only answers to other questions in 0.3 s"),
        (lambda asked: asked, "only answers to other questions in 0.3 s"),
        (lambda asked: dns_answer(asked, [])[:4] + b"\0\x01\0\x05\0\0\0\0" + asked[12:], "no DNS"),
        (lambda asked: dns_answer(asked, [(TXT, b"\xffx")])[:-1], "no DNS"),
    ],
)
def test_dns_answers_that_are_none(answer: object, words: str) -> None:
    with dns_server(lambda asked, _: answer(asked)) as port:  # type: ignore[operator]
        found = look(f"dns://127.0.0.1:{port}/a?type=TXT", timeout=SOON)
    assert found.state == "down"
    assert words in found.detail
