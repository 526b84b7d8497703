"""The client over real sockets: bodies, waits, kept connections, TLS, Unix sockets, cancels."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.client import certificates
from tests.http.client.certificates import PASSWORD, Certificates
from tests.http.client.peers import WAIT, answering, fetch, listening, read_head
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.scope import Cancelled, Scope
from workbench.http.client import exchange as exchange_module
from workbench.http.client.client import Client, ClientOptions, Connected, Finished, Retrying
from workbench.http.client.content import Bytes, File, Stream
from workbench.http.client.exchange import ContentSent, RequestSent, Wire
from workbench.http.client.http1 import CutError, HangupError
from workbench.http.client.message import Body, Fields, HttpRequest, Switched
from workbench.tls.client_context import TlsOptions

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def echo_body(sock: socket.socket) -> None:
    """Answers with the raw bytes of the body that came, as long as its length or chunks say."""
    head = read_head(sock)
    raw = b""
    if b"chunked" in head:
        while not raw.endswith(b"0\r\n\r\n") and not raw.endswith(b"\r\nSum: 1\r\n\r\n"):
            raw += sock.recv(1 << 16)
    else:
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(raw) < length:
            raw += sock.recv(1 << 16)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)


# -- requests -----------------------------------------------------------------------------------


def test_a_request_goes_out_as_it_was_typed() -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    fields = Fields([(b"X-oNE", b"1"), (b"x-Two", b""), (b"X-oNE", b"3"), (b"Accept", b"a/b")])
    with listening(talk) as port:
        found = fetch(f"http://127.0.0.1:{port}/a?b#c", more={"fields": fields})
    lines = got[0].split(b"\r\n")
    assert lines[0] == b"GET /a?b HTTP/1.1"
    assert lines[1] == b"Host: 127.0.0.1:%d" % port
    assert lines[-6:] == [b"X-oNE: 1", b"x-Two:", b"X-oNE: 3", b"Accept: a/b", b"", b""]
    assert found.of(RequestSent)[0].head == got[0]
    tapped = [one for wire in found.of(Wire) for one in wire.tapped]
    assert b"".join(one.data for one in tapped if one.sent) == got[0]
    assert b"".join(one.data for one in tapped if not one.sent) == OK


def test_the_phases_come_in_order_and_add_up() -> None:
    with listening(answering(OK)) as port:
        found = fetch(f"http://localhost:{port}/")
    finished = found.of(Finished)[0]
    names = [phase.name for phase in finished.phases]
    assert names == ["dns", "connect", "send", "wait", "download"]
    for one, following in zip(finished.phases, finished.phases[1:], strict=False):
        assert one.start + one.took <= following.start + 1e-6
    assert sum(phase.took for phase in finished.phases) <= finished.took


def test_bodies_with_a_length_and_without(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    path = tmp_path / "body"
    path.write_bytes(data)
    with listening(echo_body) as port:
        url = f"http://127.0.0.1:{port}/"
        assert fetch(url, "POST", more={"content": Bytes(data)}).body == data
        assert fetch(url, "POST", more={"content": File(path)}).body == data
        read, write = os.pipe()
        os.write(write, b"piped")
        os.close(write)
        found = fetch(url, "POST", more={"content": Stream(read)})
        os.close(read)
    assert found.body == b"5\r\npiped\r\n0\r\n\r\n"
    assert found.of(ContentSent) == [ContentSent(5)]


def test_trailers_of_a_request() -> None:
    more = {"content": Bytes(b"abc"), "trailers": Fields([(b"Sum", b"1")])}
    with listening(echo_body) as port:
        found = fetch(f"http://127.0.0.1:{port}/", "POST", more=more)
    assert found.body == b"3\r\nabc\r\n0\r\nSum: 1\r\n\r\n"


def test_an_answer_comes_while_the_pipe_is_silent() -> None:
    read, write = os.pipe()
    try:
        with listening(answering(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")) as port:
            found = fetch(f"http://127.0.0.1:{port}/", "POST", more={"content": Stream(read)})
    finally:
        os.close(read)
        os.close(write)
    assert found.status == 403
    assert "before all of it was sent" in found.of(ContentSent)[0].why


EXPECT = Fields([(b"Expect", b"100-continue")])


def test_a_body_waits_for_100() -> None:
    seen: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.settimeout(0.05)
        try:
            seen.append(sock.recv(1))
        except TimeoutError:
            seen.append(b"silence")
        sock.settimeout(WAIT)
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        seen.append(sock.recv(3))
        sock.sendall(OK)

    with listening(talk) as port:
        more = {"content": Bytes(b"abc"), "fields": EXPECT}
        found = fetch(f"http://127.0.0.1:{port}/", "POST", more=more)
    assert seen == [b"silence", b"abc"]
    assert [head.status for head in found.heads] == [100, 200]


def test_a_body_goes_out_unasked_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "CONTINUE_WAIT", 0.02)
    with listening(echo_body) as port:
        more = {"content": Bytes(b"abc"), "fields": EXPECT}
        assert fetch(f"http://127.0.0.1:{port}/", "POST", more=more).body == b"abc"


def test_a_refusal_spares_the_body() -> None:
    refusal = b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"
    with listening(answering(refusal)) as port:
        more = {"content": Bytes(b"abc"), "fields": EXPECT}
        found = fetch(f"http://127.0.0.1:{port}/", "POST", more=more)
    assert found.status == 417
    assert found.of(ContentSent)[0].size == 0


def test_an_answer_that_comes_while_a_body_is_sent_is_read() -> None:
    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nless")

    with listening(talk) as port:
        more = {"content": Bytes(bytes(50_000_000))}
        found = fetch(f"http://127.0.0.1:{port}/", "POST", more=more)
    assert (found.status, found.body) == (413, b"less")
    assert found.of(ContentSent)[0].size < 50_000_000


def test_http_1_0() -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(b"HTTP/1.0 200 OK\r\n\r\nto the end")

    with listening(talk) as port:
        found = fetch(f"http://127.0.0.1:{port}/", version="1.0")
        assert got[0].startswith(b"GET / HTTP/1.0\r\nHost: ")
        assert found.body == b"to the end"
        read, write = os.pipe()
        with pytest.raises(JobError, match="cannot send a body"):
            fetch(f"http://127.0.0.1:{port}/", "PUT", version="1.0", more={"content": Stream(read)})
        os.close(read)
        os.close(write)


def test_raw_bytes_go_out_as_they_stand() -> None:
    got: list[bytes] = []
    raw = b"BREW  /pot HTTP/9.9\nX : y\n\r\n\r\n"

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    with listening(talk) as port:
        found = fetch(f"http://127.0.0.1:{port}/", more={"raw": raw})
    assert got == [raw]
    assert found.body == b"ok"


def test_a_raw_head_request_has_no_body() -> None:
    with listening(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as port:
        raw = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
        assert fetch(f"http://127.0.0.1:{port}/", more={"raw": raw}).body == b""


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 None\r\n\r\n"),
    ],
)
def test_responses_without_a_body(method: str, answer: bytes) -> None:
    with listening(answering(answer)) as port:
        assert fetch(f"http://127.0.0.1:{port}/", method).body == b""


def test_an_upgrade_gives_the_connection_away() -> None:
    answer = b"HTTP/1.1 101 Yes\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nfirst bytes"
    fields = Fields([(b"Connection", b"Upgrade"), (b"Upgrade", b"x")])
    with listening(answering(answer)) as port:
        found = fetch(f"http://127.0.0.1:{port}/", more={"fields": fields})
    assert found.status == 101
    assert found.of(Switched) == [Switched(b"first bytes")]


def test_pieces_are_given_as_they_come() -> None:
    """As server-sent events need it."""
    seen = threading.Event()

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
        if seen.wait(WAIT):
            sock.sendall(b"4\r\ntwo\n\r\n0\r\n\r\n")

    with listening(talk) as port:
        scope = Scope(WAIT)
        client = Client(ClientOptions(), scope)
        pieces = []
        for step in client.fetch(HttpRequest("GET", parse(f"http://127.0.0.1:{port}/"))):
            if isinstance(step, Body):
                pieces.append(step.data)
                seen.set()
        client.close()
        scope.close()
    assert pieces == [b"one\n", b"two\n"]


# -- kept connections ---------------------------------------------------------------------------


@pytest.fixture
def client() -> Iterator[Client]:
    """A client for several requests."""
    scope = Scope(WAIT)
    made = Client(ClientOptions(follow=5), scope)
    yield made
    made.close()
    scope.close()


def test_a_connection_is_kept_and_says_so(client: Client) -> None:
    with listening(answering(OK, OK, OK)) as port:
        uses = []
        for _ in range(3):
            found = fetch(f"http://127.0.0.1:{port}/", client=client)
            uses.append((found.of(Connected)[0].number, found.of(Connected)[0].uses))
    assert [count for _, count in uses] == [0, 1, 2]
    assert len({number for number, _ in uses}) == 1


def test_a_kept_connection_that_died_is_replaced(client: Client) -> None:
    calls: list[int] = []

    def talk(sock: socket.socket) -> None:
        calls.append(1)
        read_head(sock)
        sock.sendall(OK)
        if len(calls) == 1:
            read_head(sock)  # and hangs up without an answer

    with listening(talk) as port:
        fetch(f"http://127.0.0.1:{port}/", client=client)
        found = fetch(f"http://127.0.0.1:{port}/", client=client)
        assert found.body == b"ok"
        assert len(found.of(Retrying)) == 1
        assert [one.uses for one in found.of(Connected)] == [1, 0]


def test_a_post_is_not_sent_twice(client: Client) -> None:
    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(OK)
        read_head(sock)

    with listening(talk) as port:
        fetch(f"http://127.0.0.1:{port}/", client=client)
        with pytest.raises(HangupError):
            fetch(f"http://127.0.0.1:{port}/", "POST", client=client)


def test_a_connection_is_not_kept_where_the_server_closes(client: Client) -> None:
    close = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
    with listening(answering(close)) as port:
        for _ in range(2):
            found = fetch(f"http://127.0.0.1:{port}/", client=client)
            assert found.of(Connected)[0].uses == 0
        assert len(client.pool) == 0


def test_a_body_that_is_left_unread_costs_the_connection(client: Client) -> None:
    with listening(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")) as port:
        steps = client.fetch(HttpRequest("GET", parse(f"http://127.0.0.1:{port}/")))
        next(steps)
        steps.close()  # type: ignore[attr-defined]
    assert len(client.pool) == 0


# -- addresses ----------------------------------------------------------------------------------


def test_the_addresses_of_a_name_race(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        socket.AF_INET6: ("::1", 0, 0),
        socket.AF_INET: ("127.0.0.1",),
    }

    def resolver(
        _: str, port: int, family: int = 0, kind: int = 0, *more: int
    ) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
        first, *rest = answers[socket.AddressFamily(family)]
        return [(family, kind, 6, "", (first, port, *rest))]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with listening(answering(OK)) as port:
        found = fetch(f"http://two.example:{port}/")
        attempts = found.of(Connected)[0].attempts
    assert [(one.address, one.result) for one in attempts] == [
        (f"[::1]:{port}", "refused"),
        (f"127.0.0.1:{port}", "connected"),
    ]


def test_a_pinned_address_is_dialled_for_the_name() -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    with listening(talk) as port:
        found = fetch(
            f"http://no.such.name.invalid:{port}/",
            pins={("no.such.name.invalid", port): "127.0.0.1"},
        )
    assert found.body == b"ok"
    assert b"Host: no.such.name.invalid:%d\r\n" % port in got[0]


def test_ipv6() -> None:
    with listening(answering(OK), family=socket.AF_INET6) as port:
        found = fetch(f"http://[::1]:{port}/")
    assert found.of(Connected)[0].peer == f"[::1]:{port}"


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(path))
        listener.listen()

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                assert b"Host: localhost\r\n" in read_head(sock)
                sock.sendall(OK)

        thread = threading.Thread(target=serve)
        thread.start()
        name = os.fspath(path).replace("/", "%2F")
        assert fetch(f"http+unix://{name}/x").body == b"ok"
        thread.join(WAIT)


# -- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority and what it signed."""
    return certificates.make(tmp_path_factory.mktemp("certificates"))


def server_context(made: Certificates, *, wants_client: bool = False) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.server_key)
    context.set_alpn_protocols(["http/1.1"])
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(made.ca)
    return context


def test_tls_with_an_authority_of_ones_own(made: Certificates) -> None:
    with listening(answering(OK), context=server_context(made)) as port:
        url = f"https://localhost:{port}/"
        found = fetch(url, tls=TlsOptions(ca=made.ca))
        assert found.body == b"ok"
        facts = found.of(Connected)[0].tls
        assert facts is not None
        assert (facts.alpn, facts.verified, len(facts.chain)) == ("http/1.1", True, 1)
        assert facts.version.startswith("TLSv1.")
        names = [phase.name for phase in found.of(Finished)[0].phases]
        assert names == ["dns", "connect", "tls", "send", "wait", "download"]
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch(url)
        assert fetch(url, tls=TlsOptions(verify=False)).body == b"ok"


def test_a_body_that_the_end_of_tls_cuts_is_named(made: Certificates) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
    with (
        listening(answering(cut), context=server_context(made)) as port,
        pytest.raises(CutError, match="3 of 9"),
    ):
        fetch(f"https://localhost:{port}/", tls=TlsOptions(ca=made.ca))


def test_large_bodies_go_both_ways_through_tls(made: Certificates) -> None:
    data = os.urandom(3_000_000)
    with listening(echo_body, context=server_context(made)) as port:
        found = fetch(
            f"https://localhost:{port}/", "POST", tls=TlsOptions(ca=made.ca),
            more={"content": Bytes(data)},
        )  # fmt: skip
    assert found.body == data


def test_a_pinned_address_keeps_the_name_in_tls(made: Certificates) -> None:
    with listening(answering(OK), context=server_context(made)) as port:
        pins = {("pinned.test", port): "127.0.0.1", ("other.test", port): "127.0.0.1"}
        options = TlsOptions(ca=made.ca)
        assert fetch(f"https://pinned.test:{port}/", pins=pins, tls=options).body == b"ok"
        with pytest.raises(ssl.SSLCertVerificationError):
            fetch(f"https://other.test:{port}/", pins=pins, tls=options)


def test_a_client_certificate(made: Certificates) -> None:
    with listening(answering(OK), context=server_context(made, wants_client=True)) as port:
        url = f"https://127.0.0.1:{port}/"
        own = TlsOptions(
            ca=made.ca, certificate=made.client, key=made.client_key, key_password=PASSWORD
        )
        assert fetch(url, tls=own).body == b"ok"
        with pytest.raises((ssl.SSLError, OSError)):
            fetch(url, tls=TlsOptions(ca=made.ca))


def test_files_of_tls_that_cannot_be_used_are_named(made: Certificates, tmp_path: Path) -> None:
    url = "https://127.0.0.1:1/"
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}/"
        for options, words in (
            (TlsOptions(ca=tmp_path / "none"), "no such file"),
            (TlsOptions(ca=made.client_key), "no certificate"),
            (TlsOptions(certificate=made.client, key=made.server_key), "does not belong"),
            (TlsOptions(certificate=made.client, key=made.client_key), "password"),
            (TlsOptions(key=made.client_key), "no certificate"),
        ):
            with pytest.raises(JobError, match=words):
                fetch(url, tls=options)


def test_a_plain_server_where_tls_was_expected(made: Certificates) -> None:
    with listening(lambda sock: sock.sendall(OK)) as port, pytest.raises(ssl.SSLError):
        fetch(f"https://127.0.0.1:{port}/")


# -- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["head", "body", "upload", "tls"])
def test_a_cancel_ends_it_at_once(when: str) -> None:
    reached = threading.Event()

    def talk(sock: socket.socket) -> None:
        if when != "tls":
            read_head(sock)
        if when == "body":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        reached.set()
        if when != "upload":
            while sock.recv(1 << 16):
                pass
        else:
            stop.wait(WAIT)

    stop = threading.Event()
    scope = Scope(WAIT)
    content = Bytes(bytes(80_000_000)) if when == "upload" else None
    scheme = "https" if when == "tls" else "http"
    with listening(talk) as port:

        def cancel() -> None:
            reached.wait(WAIT)
            scope.cancel()

        cancelling = threading.Thread(target=cancel)
        cancelling.start()
        with pytest.raises(Cancelled):
            fetch(f"{scheme}://127.0.0.1:{port}/", scope=scope, more={"content": content})
        stop.set()
        cancelling.join()
    scope.close()


def test_a_silent_server_times_out() -> None:
    stop = threading.Event()
    scope = Scope(0.1)

    def talk(_: socket.socket) -> None:
        stop.wait(WAIT)

    with listening(talk) as port:
        with pytest.raises(TimeoutError):
            fetch(f"http://127.0.0.1:{port}/", scope=scope)
        stop.set()
    scope.close()
