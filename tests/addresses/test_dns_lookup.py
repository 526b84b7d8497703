"""Answers that are broken or lie, and DNS over HTTP/1.1, which named does not speak."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Literal

import dns.edns
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.addresses.dns_lookup import Dns, Told, ask, make_question, read_message, told
from workbench.addresses.dns_many import Many
from workbench.addresses.dns_servers import Server, read_server
from workbench.addresses.dns_transport import Trust, exchange
from workbench.addresses.dns_wire import question
from workbench.core.failure import JobError
from workbench.core.scope import Cancelled, Scope

RECORDS = [
    ("A", "192.0.2.1"),
    ("MX", "10 mail.test."),
    ("TXT", '"v=spf1 a -all" "more"'),
    ("CAA", '0 issue "ca.test"'),
    ("SRV", "1 2 3 www.test."),
    ("HTTPS", "1 . alpn=h2 port=1 ipv4hint=192.0.2.1"),
    ("SOA", "a. b. 1 2 3 4 5"),
    ("NAPTR", '1 2 "u" "E2U+sip" "!^.*$!sip:a@b!" .'),
    ("TYPE65400", "\\# 2 0102"),
]
HOW = Told("udp://127.0.0.1:53", "udp", 0.1, 100)


def whole_answer() -> bytes:
    made = dns.message.make_response(dns.message.from_wire(question("www.test", 1, 7)))
    for kind, data in RECORDS:
        made.answer.append(dns.rrset.from_text("www.test.", 60, "IN", kind, data))
    options = [
        dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, "bogus"),
        dns.edns.NSIDOption(b"\x1b[31m"),
    ]
    made.use_edns(0, options=options)
    return made.to_wire()


def test_all_is_told_and_shown_harmlessly() -> None:
    one = told(read_message(whole_answer(), "here"), "www.test.", "A", HOW)
    text = one.line()
    assert "error 6 (dnssec bogus): bogus" in text
    assert "\x1b" not in text
    assert "\\x1b[31m" in text
    assert {record.type for record in one.answer} == {kind for kind, _ in RECORDS}


@given(st.data())
def test_a_broken_answer_is_told_or_refused(data: st.DataObject) -> None:
    wire = bytearray(whole_answer())
    for _ in range(data.draw(st.integers(1, 6))):
        wire[data.draw(st.integers(2, len(wire) - 1))] = data.draw(st.integers(0, 255))
    del wire[data.draw(st.integers(12, len(wire))) :]
    try:
        message = read_message(bytes(wire), "here")
    except JobError:
        return
    line = told(message, "www.test.", "A", HOW).line()
    assert all(part.isprintable() for part in line.split("\n"))


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    try:
        read_message(data, "here")
    except JobError:
        pass


@contextmanager
def web(chunked: bool, status: int = 200) -> Iterator[Server]:
    """A DoH server on plain HTTP/1.1 that answers as dnspython would."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = dns.message.from_wire(self.rfile.read(int(self.headers["Content-Length"])))
            assert asked.id == 0
            made = dns.message.make_response(asked)
            made.answer.append(dns.rrset.from_text("www.test.", 60, "IN", "A", "192.0.2.1"))
            body = made.to_wire()
            self.send_response(status)
            self.send_header("Content-Type", "application/dns-message")
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in (body[:20], body[20:]):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield read_server(f"http://127.0.0.1:{server.server_port}/dns-query")
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("chunked", [False, True])
def test_https_in_http_1(chunked: bool) -> None:
    scope = Scope()
    with web(chunked) as server:
        answer, _ = ask(Dns("www.test"), "www.test.", "A", server, scope)
    scope.close()
    assert [one.data for one in answer.answer] == ["192.0.2.1"]
    assert answer.transport == "doh"


def test_https_as_python() -> None:
    with web(False) as server:
        request = Dns("www.test", server=(str(server),))
        code = [sys.executable, "-c", request.as_python()]
        found = subprocess.run(code, capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "www.test. 60 A 192.0.2.1\n"


def test_what_a_web_server_refuses() -> None:
    scope = Scope()
    with web(False, 503) as server, pytest.raises(JobError, match="HTTP 503"):
        exchange(server, question("www.test", 1, 9), scope, trust=Trust())
    scope.close()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.0.2.1", "udp://192.0.2.1:53"),
        ("@192.0.2.1:5353", "udp://192.0.2.1:5353"),
        ("2001:db8::1", "udp://[2001:db8::1]:53"),
        ("[2001:db8::1]:54", "udp://[2001:db8::1]:54"),
        ("tcp://192.0.2.1", "tcp://192.0.2.1:53"),
        ("tls://dns.example", "tls://dns.example:853"),
        ("https://dns.example", "https://dns.example:443/dns-query"),
        ("https://dns.example:8443/other", "https://dns.example:8443/other"),
    ],
)
def test_servers_as_people_write_them(text: str, shown: str) -> None:
    assert str(read_server(text)) == shown
    assert str(read_server(shown)) == shown


def test_options_change_port_and_transport() -> None:
    assert str(read_server("192.0.2.1", dot=True)) == "tls://192.0.2.1:853"
    assert str(read_server("192.0.2.1", tcp=True)) == "tcp://192.0.2.1:53"


def test_a_question_carries_what_was_asked_for() -> None:
    request = Dns("www.test", dnssec=True, recurse=False, bufsize=4096, cookie=False)
    asked = dns.message.from_wire(make_question(request, "www.test.", "TYPE65"))
    assert (asked.payload, asked.ednsflags & 0x8000, asked.flags & 0x0110) == (4096, 0x8000, 0x0010)
    assert [int(one.otype) for one in asked.options] == [3]


def test_many_go_on_past_a_server_without_a_way() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]

        def serve() -> None:
            asked, peer = one.recvfrom(4096)
            one.sendto(dns.message.make_response(dns.message.from_wire(asked)).to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        scope = Scope(9)
        # The broadcast address refuses a plain socket (EACCES), as a missing route would.
        servers = [Server("255.255.255.255"), Server("127.0.0.1", port)]
        (found,) = Many(servers, scope).ask(iter([("www.test", "A")]))
        thread.join()
        scope.close()
    assert found.reply is not None
    assert found.server == f"udp://127.0.0.1:{port}"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_wait_is_cancelled_at_once(transport: Literal["udp", "tcp"]) -> None:
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as silent:
        silent.bind(("127.0.0.1", 0))
        if transport == "tcp":
            silent.listen()
        server = Server("127.0.0.1", silent.getsockname()[1], transport)
        scope = Scope(3600)
        ended: list[BaseException] = []

        def wait() -> None:
            try:
                exchange(server, question("www.test", 1, 9), scope)
            except BaseException as problem:
                ended.append(problem)

        thread = threading.Thread(target=wait)
        thread.start()
        if transport == "udp":
            silent.recvfrom(4096)
        else:
            peer, _ = silent.accept()
            peer.recv(4096)
        scope.cancel()
        thread.join(60)
        if transport == "tcp":
            peer.close()
        scope.close()
    assert [type(one) for one in ended] == [Cancelled]
