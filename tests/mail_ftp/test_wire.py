"""The wire and the dialogue on it, against sockets of this process."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http.client.certificates import Certificates, make
from workbench.core.endpoint import parse
from workbench.core.failure import JobError
from workbench.core.scope import Cancelled, Scope
from workbench.mail_ftp.dialogue import Dialogue, one_line
from workbench.mail_ftp.wire import Wire
from workbench.tls.client_context import TlsOptions


@contextmanager
def peer(talk: Callable[[socket.socket], object], timeout: float = 5.0) -> Iterator[Wire]:
    """A wire to a server that serves one connection in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                try:
                    talk(sock)
                except OSError:
                    pass  # the test hangs up when it has seen enough

        thread = threading.Thread(target=serve)
        thread.start()
        scope = Scope(timeout)
        try:
            with Wire.dial(parse(f"tcp://127.0.0.1:{listener.getsockname()[1]}"), scope) as wire:
                yield wire
        finally:
            scope.cancel()
            scope.close()
            thread.join(10)


def test_lines_come_apart_wherever_the_packets_do() -> None:
    def talk(sock: socket.socket) -> None:
        for piece in (b"220 a\r", b"\n250-b\r\n250 ", b"c\n", b"half"):
            sock.sendall(piece)

    with peer(talk) as wire:
        assert [wire.line() for _ in range(5)] == [
            b"220 a\r\n",
            b"250-b\r\n",
            b"250 c\n",
            b"half",
            b"",
        ]
        assert wire.received == 24


def test_bytes_and_lines_in_turn() -> None:
    with peer(lambda sock: sock.sendall(b"{5}\r\nab\r\nc rest\r\n" + b"x" * 200_000)) as wire:
        assert wire.line() == b"{5}\r\n"
        assert wire.read(5) == b"ab\r\nc"
        assert wire.line() == b" rest\r\n"
        assert wire.read(300_000) == b"x" * 200_000
        assert wire.piece() == b""


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_line_has_an_end(ending: bytes) -> None:
    flood = b"y" * 2_000 + ending
    words = "more than 1,000 bytes, beginning yyyy"
    with peer(lambda sock: sock.sendall(flood)) as wire, pytest.raises(JobError, match=words):
        wire.line(1_000)


def test_a_byte_at_a_time_is_no_way_round_the_deadline() -> None:
    stop = threading.Event()

    def drip(sock: socket.socket) -> None:
        while not stop.wait(0.02):
            sock.sendall(b"z")

    with peer(drip, timeout=0.3) as wire:
        try:
            with pytest.raises(TimeoutError):
                wire.line()
        finally:
            stop.set()


def test_a_cancel_ends_a_wait_at_once() -> None:
    with peer(lambda sock: sock.recv(1), timeout=60) as wire:
        threading.Timer(0.1, wire.scope.cancel).start()
        with pytest.raises(Cancelled):
            wire.line()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of an own authority."""
    return make(tmp_path_factory.mktemp("certificates"))


def _tls(made: Certificates, say: bytes, *, notify: bool) -> Callable[[socket.socket], None]:
    def talk(sock: socket.socket) -> None:
        sock.sendall(b"220 begin\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.server, made.server_key)
        with context.wrap_socket(sock, server_side=True) as secure:
            secure.sendall(say)
            if notify:
                secure.unwrap()

    return talk


@pytest.mark.parametrize("notify", [True, False])
def test_tls_begins_in_the_middle_and_ends_either_way(made: Certificates, notify: bool) -> None:
    with peer(_tls(made, b"250 in TLS\r\n", notify=notify)) as wire:
        assert wire.line() == b"220 begin\r\n"
        facts = wire.start_tls("localhost", TlsOptions(ca=made.ca))
        assert facts.verified
        assert facts.version.startswith("TLSv1.")
        assert len(facts.chain) >= 1
        assert wire.line() == b"250 in TLS\r\n"
        assert wire.line() == b""


def test_who_cannot_be_trusted_is_not(made: Certificates) -> None:
    with peer(_tls(made, b"", notify=False)) as wire:
        wire.line()
        with pytest.raises(ssl.SSLCertVerificationError):
            wire.start_tls("localhost", TlsOptions())


def test_what_stands_before_tls_is_refused() -> None:
    with peer(lambda sock: sock.sendall(b"220 go\r\n250 injected\r\n")) as wire:
        wire.line()
        with pytest.raises(JobError, match="more where TLS begins: 250 injected"):
            wire.start_tls("localhost", TlsOptions(verify=False))


def test_a_dialogue_tells_both_sides_and_hides_the_secret() -> None:
    heard: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        with sock.makefile("rb") as file:
            heard.append(file.readline())
            sock.sendall(b"535 no\r\n")
            heard.append(file.read(3))

    with peer(talk) as wire:
        dialogue = Dialogue(wire, lambda line: "refused" if line.startswith(b"5") else "")
        said = dialogue.say("AUTH PLAIN AGEAYg==", "AUTH PLAIN ********")
        line, reply = dialogue.hear()
        poured = dialogue.pour([b"a", b"bc"], "the message")
        with pytest.raises(JobError, match="hung up"):
            dialogue.hear()
    assert heard == [b"AUTH PLAIN AGEAYg==\r\n", b"abc"]
    assert said.line() == "> AUTH PLAIN ********"
    assert line == b"535 no"
    assert reply.took > 0
    assert reply.line().startswith("< 535 no   [")
    assert "refused" in reply.line()
    assert poured.line() == "> the message (3 B)"


@pytest.mark.parametrize("text", ["a\r\nRCPT TO:<x>", "a\nb", "a\rb", "a\0b"])
def test_a_line_break_makes_no_second_command(text: str) -> None:
    with pytest.raises(JobError, match="the sender holds a line break"):
        one_line(text, "the sender")
    with peer(lambda sock: sock.recv(100)) as wire, pytest.raises(JobError, match="line break"):
        Dialogue(wire).say(f"MAIL FROM:<{text}>")


def test_names_of_files_are_not_needed(tmp_path: Path) -> None:
    with (
        peer(lambda sock: sock.sendall(b"x")) as wire,
        pytest.raises(JobError, match="no such file"),
    ):
        wire.start_tls("localhost", TlsOptions(ca=tmp_path / "none"))
