"""Failures: for each real situation, what was tried, why it failed, the term, and what to try."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from workbench.core.dial import dial
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Failed
from workbench.core.failure import JobError, cancelled, died, explain
from workbench.core.scope import Cancelled, Scope
from workbench.servers.bind import bind

PATIENCE = 30.0
TRIED = "connect to the peer"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What a test opens, and closes at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def scope() -> Iterator[Scope]:
    made = Scope(timeout=PATIENCE)
    yield made
    made.close()


def failure_of(call: Callable[[], object]) -> Failed:
    """The failed event for what a call raises."""
    with pytest.raises(Exception) as caught:
        call()
    return explain(TRIED, caught.value)


def tcp(port: int, host: str = "127.0.0.1") -> Endpoint:
    return parse(f"tcp://{host}:{port}")


def unused_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def serve_once(opened: ExitStack, talk: Callable[[socket.socket], None]) -> int:
    """A peer that does one thing with its first connection; its port."""
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

    def serve() -> None:
        try:
            with listener.accept()[0] as peer:
                peer.settimeout(PATIENCE)
                talk(peer)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    opened.callback(thread.join, PATIENCE)
    port: int = listener.getsockname()[1]
    return port


def reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# -- situations ---------------------------------------------------------------------------------


def refused(scope: Scope, opened: ExitStack, folder: Path) -> None:
    dial(tcp(unused_port()), scope)


def refused_v6(scope: Scope, opened: ExitStack, folder: Path) -> None:
    dial(tcp(unused_port(), "[::1]"), scope)


def refused_datagram(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one = opened.enter_context(dial(parse(f"udp://127.0.0.1:{unused_port()}"), scope).sock)
    one.setblocking(True)
    one.send(b"x")
    one.recv(1)


def no_route(scope: Scope, opened: ExitStack, folder: Path) -> None:
    """To the network of a link that this machine does not have: nothing leaves it."""
    one = opened.enter_context(socket.socket(socket.AF_INET6))
    one.connect(("fe80::1", 9, 0, 999_999))


def no_broadcast(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    one.connect(("127.255.255.255", 9))


def bad_name(scope: Scope, opened: ExitStack, folder: Path) -> None:
    scope.lookup("no such name", 80, flags=socket.AI_NUMERICHOST)


def bad_service(scope: Scope, opened: ExitStack, folder: Path) -> None:
    scope.lookup("127.0.0.1", "no-such-service")


def bad_family(scope: Scope, opened: ExitStack, folder: Path) -> None:
    scope.lookup("127.0.0.1", 80, family=socket.AF_INET6)


def in_use(scope: Scope, opened: ExitStack, folder: Path) -> None:
    other = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    bind(tcp(other.getsockname()[1]), scope)


def not_ours(scope: Scope, opened: ExitStack, folder: Path) -> None:
    bind(parse("tcp://192.0.2.1:0"), scope)  # TEST-NET-1, RFC 5737


def no_path(scope: Scope, opened: ExitStack, folder: Path) -> None:
    dial(parse(f"unix:{folder}/nothing"), scope)


def no_folder(scope: Scope, opened: ExitStack, folder: Path) -> None:
    bind(parse(f"unix:{folder}/nothing/socket"), scope)


def no_socket(scope: Scope, opened: ExitStack, folder: Path) -> None:
    (folder / "file").touch()
    dial(parse(f"unix:{folder}/file"), scope)


def file_in_the_way(scope: Scope, opened: ExitStack, folder: Path) -> None:
    (folder / "file").write_text("precious")
    try:
        bind(parse(f"unix:{folder}/file"), scope)
    finally:
        assert (folder / "file").read_text() == "precious"


def part_is_a_file(scope: Scope, opened: ExitStack, folder: Path) -> None:
    (folder / "file").touch()
    dial(parse(f"unix:{folder}/file/socket"), scope)


def long_path(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one = opened.enter_context(socket.socket(socket.AF_UNIX))
    one.connect(str(folder / ("x" * 200)))


def other_type(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one = opened.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    one.bind(str(folder / "datagrams"))
    dial(parse(f"unix:{folder}/datagrams"), scope)


def left_behind(scope: Scope, opened: ExitStack, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "stale"))
    dial(parse(f"unix:{folder}/stale"), scope)


def broken_off(scope: Scope, opened: ExitStack, folder: Path) -> None:
    port = serve_once(opened, reset)
    one = opened.enter_context(dial(tcp(port), scope).sock)
    one.setblocking(True)
    while True:
        one.recv(1)


def closed_by_the_peer(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one, other = socket.socketpair()
    other.close()
    opened.enter_context(one).send(b"x")


def too_large(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one = opened.enter_context(dial(parse(f"udp://127.0.0.1:{unused_port()}"), scope).sock)
    one.send(b"x" * 65_508)


def no_answer(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one, other = socket.socketpair()
    opened.enter_context(other)
    opened.enter_context(one).settimeout(0.01)
    one.recv(1)


def no_family(scope: Scope, opened: ExitStack, folder: Path) -> None:
    socket.socket(99)


def not_supported(scope: Scope, opened: ExitStack, folder: Path) -> None:
    one = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    one.listen()


def no_descriptors(scope: Scope, opened: ExitStack, folder: Path) -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def folder_as_a_file(scope: Scope, opened: ExitStack, folder: Path) -> None:
    os.open(folder, os.O_WRONLY)


def long_name(scope: Scope, opened: ExitStack, folder: Path) -> None:
    (folder / ("x" * 300)).open()


def disk_full(scope: Scope, opened: ExitStack, folder: Path) -> None:
    with open("/dev/full", "wb", buffering=0) as full:
        full.write(b"x")


def own_words(scope: Scope, opened: ExitStack, folder: Path) -> None:
    raise JobError("it said no", code="550", advice="ask again")


def bad_value(scope: Scope, opened: ExitStack, folder: Path) -> None:
    parse("http://")


Situation = Callable[[Scope, ExitStack, Path], None]

TABLE: list[tuple[Situation, str, str, str]] = [
    # what happens, the term, words of the cause, words of the advice
    (refused, "ECONNREFUSED", "nothing listens there", "check the port"),
    (refused_v6, "ECONNREFUSED", "nothing listens there", "check the port"),
    (refused_datagram, "ECONNREFUSED", "nothing listens there", "start a server"),
    (no_route, "ENETUNREACH", "no route to that network", "ip route"),
    (no_broadcast, "EACCES", "permission denied", "capability"),
    (bad_name, "EAI_NONAME", "the name is not known", "spelling"),
    (bad_service, "EAI_SERVICE", "the service name is not known", "port's number"),
    (bad_family, "EAI_ADDRFAMILY", "no address of that family", "without a family"),
    (in_use, "EADDRINUSE", "another program listens there", "ss -ltnp"),
    (not_ours, "EADDRNOTAVAIL", "does not have that address", "127.0.0.1"),
    (no_path, "ENOENT", "/nothing: no such path", "while its server runs"),
    (no_folder, "ENOENT", "/nothing/socket: no such path", "check the path"),
    (no_socket, "ENOTSOCK", "/file: that is no socket", "check the path"),
    (file_in_the_way, "EEXIST", "/file: something else is there", "another path"),
    (part_is_a_file, "ENOTDIR", "/file/socket: a part of the path is no directory", "check"),
    (long_path, "ENAMETOOLONG", "the name is too long", "107 bytes"),
    (other_type, "EPROTOTYPE", "/datagrams: the socket there is of another type", "unixgram:"),
    (left_behind, "ECONNREFUSED", "/stale: the connection was refused", "start"),
    (broken_off, "ECONNRESET", "broke the connection off", "another protocol"),
    (closed_by_the_peer, "EPIPE", "the other side has closed", "open it again"),
    (too_large, "EMSGSIZE", "the datagram is too large", "65,507"),
    (no_answer, "ETIMEDOUT", "no answer", "--timeout"),
    (no_family, "EAFNOSUPPORT", "does not have that address family", "load its module"),
    (not_supported, "EOPNOTSUPP", "this kind of socket cannot do that", ""),
    (no_descriptors, "EMFILE", "no file descriptors left", "ulimit -n"),
    (folder_as_a_file, "EISDIR", "the path is a directory", "name a file"),
    (long_name, "ENAMETOOLONG", "the name is too long", ""),
    (disk_full, "ENOSPC", "the disk is full", "free some space"),
    (own_words, "550", "it said no", "ask again"),
    (bad_value, "EndpointError", "there is no host", ""),
]


@pytest.mark.parametrize(
    ("situation", "code", "cause", "advice"), TABLE, ids=[row[0].__name__ for row in TABLE]
)
def test_situations(
    situation: Situation,
    code: str,
    cause: str,
    advice: str,
    scope: Scope,
    opened: ExitStack,
    tmp_path: Path,
) -> None:
    failed = failure_of(lambda: situation(scope, opened, tmp_path))
    assert failed.tried == TRIED
    assert failed.code == code
    assert cause in failed.cause
    assert advice in failed.advice
    assert failed.detail == "", "this is no fault of the workbench"
    line = failed.line()
    assert "\n" not in line
    for part in (failed.tried, failed.cause, failed.code, failed.advice):
        assert part in line


def test_no_permission(tmp_path: Path) -> None:
    """As root there is little that may not be done: a process without rights is asked."""
    script = (
        "import os, socket\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
        "except OSError as problem: print(problem.errno)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=PATIENCE, cwd="/"
    )
    failed = explain(TRIED, OSError(int(told.stdout), "told by the kernel"))
    assert failed.code == "EPERM"
    assert "does not permit" in failed.cause
    assert "capability" in failed.advice


# -- TLS ----------------------------------------------------------------------------------------


def handshake(port: int, context: ssl.SSLContext, opened: ExitStack) -> None:
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    opened.enter_context(context.wrap_socket(plain, server_hostname="localhost"))


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def tls_alert(number: int) -> Callable[[socket.socket], None]:
    """A peer that answers a ClientHello with a fatal alert (RFC 8446, 6)."""

    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(bytes([21, 3, 3, 0, 2, 2, number]))
        peer.recv(65536)

    return talk


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (20, "bad_record_mac"),
        (40, "handshake_failure"),
        (42, "bad_certificate"),
        (48, "unknown_ca"),
        (70, "protocol_version"),
        (112, "unrecognized_name"),
        (116, "certificate_required"),
        (120, "no_application_protocol"),
    ],
)
def test_a_tls_alert_keeps_its_name(number: int, name: str, opened: ExitStack) -> None:
    port = serve_once(opened, tls_alert(number))
    failed = failure_of(lambda: handshake(port, trusting(), opened))
    assert failed.code == name
    assert f"TLS alert {name}" in failed.cause
    assert failed.advice


@pytest.mark.parametrize(
    "greeting", [b"220 ready\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64]
)
def test_a_peer_that_speaks_no_tls(greeting: bytes, opened: ExitStack) -> None:
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(greeting)
        peer.recv(65536)

    port = serve_once(opened, talk)
    failed = failure_of(lambda: handshake(port, trusting(), opened))
    assert "does not speak TLS" in failed.cause
    assert failed.code in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST")
    assert "without TLS" in failed.advice


def test_a_peer_that_hangs_up_in_the_handshake(opened: ExitStack) -> None:
    def talk(peer: socket.socket) -> None:
        peer.recv(65536)

    port = serve_once(opened, talk)
    failed = failure_of(lambda: handshake(port, trusting(), opened))
    assert failed.code in ("UNEXPECTED_EOF_WHILE_READING", "ECONNRESET")
    assert failed.advice


def test_a_handshake_that_is_not_answered(opened: ExitStack) -> None:
    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    plain = socket.create_connection(listener.getsockname(), timeout=0.05)
    failed = failure_of(lambda: trusting().wrap_socket(plain, server_hostname="localhost"))
    plain.close()
    assert failed.code == "ETIMEDOUT"
    assert failed.advice


@pytest.mark.peer("openssl")
def test_a_certificate_that_is_not_trusted(opened: ExitStack, certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)

    def talk(peer: socket.socket) -> None:
        server.wrap_socket(peer, server_side=True).close()

    port = serve_once(opened, talk)
    failed = failure_of(lambda: handshake(port, ssl.create_default_context(), opened))
    assert "the certificate is not trusted: self" in failed.cause
    assert re.fullmatch(r"verify \d+", failed.code)
    assert "CA" in failed.advice


@pytest.mark.peer("openssl")
def test_a_certificate_for_another_name(opened: ExitStack, certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)

    def talk(peer: socket.socket) -> None:
        server.wrap_socket(peer, server_side=True).close()

    context = ssl.create_default_context(cafile=str(certificate))
    port = serve_once(opened, talk)
    failed = failure_of(lambda: handshake(port, context, opened))
    assert "localhost" in failed.cause
    assert failed.code == "verify 62"
    assert "name" in failed.advice


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for other.example, by openssl(1)."""
    path = tmp_path_factory.mktemp("tls") / "key-and-cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=other.example"),
            *("-addext", "subjectAltName=DNS:other.example"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-keyout", str(path), "-out", f"{path}.crt"),
        ],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    with path.open("ab") as both:
        both.write(Path(f"{path}.crt").read_bytes())
    return path


# -- the rest -----------------------------------------------------------------------------------


def test_every_errno_has_words() -> None:
    for number, name in errno.errorcode.items():
        failed = explain(TRIED, OSError(number, os.strerror(number)))
        assert failed.code == {"ENOTSUP": "EOPNOTSUPP"}.get(name, name)
        assert failed.cause


def test_an_errno_that_nobody_knows() -> None:
    failed = explain(TRIED, OSError(9_999, "?"))
    assert failed.code == "errno 9999"
    assert "9999" in failed.cause


def test_cancels() -> None:
    for problem in (Cancelled(), KeyboardInterrupt()):
        failed = explain(TRIED, problem)
        assert failed.cancelled
        assert failed.line() == f"{TRIED}: cancelled"
    assert cancelled(TRIED).tried == TRIED


def test_a_fault_keeps_its_traceback_to_itself() -> None:
    nothing: dict[str, str] = {}
    failed = failure_of(lambda: nothing["missing"])
    assert "a fault in the workbench" in failed.cause
    assert failed.code == "KeyError"
    assert "report" in failed.advice
    assert "Traceback" in failed.detail
    assert "Traceback" not in failed.line()


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (-9, "SIGKILL", "killed by signal 9"),
        (-11, "SIGSEGV", "killed by signal 11"),
        (-64, "SIGRTMAX", "killed by signal 64"),
        (-63, "signal 63", "killed by signal 63"),
        (3, "exit 3", "ended with status 3"),
    ],
)
def test_deaths(status: int, code: str, cause: str) -> None:
    failed = died(TRIED, status, "a last word")
    assert failed.code == code
    assert cause in failed.cause
    assert failed.detail == "a last word"
    assert "a last word" not in failed.line()
