"""The scan against what `openssl s_client` finds by trying each suite alone, and bad servers."""

from __future__ import annotations

import random
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import tlslite.api as tlslite

from tests.tls.peers import Identity, in_between, many_at_once, s_server, scripted
from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.job import execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.tls.inspecting.events import Changed
from workbench.tls.registry.suites import suites
from workbench.tls.scan import TlsScan, tls_scan
from workbench.tls.scanning.events import (
    FeatureTold,
    GroupFound,
    Looked,
    SuiteFound,
    Verdict,
    VersionTold,
    Weakness,
)
from workbench.tls.wire import client_hello as ch
from workbench.tls.wire import handshake, record
from workbench.tls.wire.server_hello import RETRY_RANDOM

VERSIONS = {"TLS 1.0": "-tls1", "TLS 1.1": "-tls1_1", "TLS 1.2": "-tls1_2"}
SUITES13 = [one.name for one in suites().values() if 0x1301 <= one.value <= 0x1305]
WEAK = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")


def scan(end: Endpoint, **more: object) -> list[Event]:
    timeout = float(str(more.pop("timeout", 10)))
    request = TlsScan(end, timeout=timeout, **more)  # type: ignore[arg-type]
    found = list(execute(tls_scan, request, Scope(timeout)))
    for one in found:
        assert one.line().isprintable()
    return found


def suites_of(found: list[Event]) -> set[tuple[str, str]]:
    return {(one.version, one.suite) for one in found if isinstance(one, SuiteFound)}


def told(found: list[Event]) -> dict[str, str]:
    return {one.version: one.told for one in found if isinstance(one, VersionTold)}


def features(found: list[Event]) -> dict[str, str]:
    return {one.feature: one.told for one in found if isinstance(one, FeatureTold)}


def weak(found: list[Event]) -> set[str]:
    return {one.name for one in found if isinstance(one, Weakness)}


def brute_force(end: Endpoint, *more: str) -> set[tuple[str, str]]:
    """Every suite that `openssl s_client` gets a handshake with, one connection for each."""

    def works(*options: str) -> bool:
        words = ["openssl", "s_client", "-connect", end.authority, *options]
        done = subprocess.run(words, input=b"", capture_output=True, timeout=60, check=False)
        return b"Cipher is (NONE)" not in done.stdout and b"New, " in done.stdout

    every = subprocess.run(
        ["openssl", "ciphers", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    tries: list[tuple[str, str, tuple[str, ...]]] = []
    for version, option in VERSIONS.items():
        for line in every:
            name, _, openssl, *_ = line.split()
            if not openssl.startswith("TLS_"):
                tries.append((version, name, (option, "-cipher", f"{openssl}:@SECLEVEL=0", *more)))
    tries += [("TLS 1.3", name, ("-tls1_3", "-ciphersuites", name)) for name in SUITES13]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda one: works(*one[2]), tries)
        return {one[:2] for one, yes in zip(tries, answers, strict=True) if yes}


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ecdsa", ()),
        ("dsa", ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0", "-no_tls1_3")),
        ("rsa", ("-cipher", "AES128-SHA:DHE-RSA-AES256-SHA:@SECLEVEL=0", "-no_tls1_3")),
        ("rsa", ("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256:TLS_AES_256_GCM_SHA384")),
    ],
)
def test_the_suites_are_those_that_brute_force_finds(
    kind: str, options: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    identity: Identity = request.getfixturevalue(f"{kind}_identity")
    with s_server(identity, *options) as end:
        found = scan(end)
        truth = brute_force(end)
    assert truth
    assert suites_of(found) == truth
    assert isinstance(found[-1], Done)


@pytest.mark.peer("openssl")
def test_everything_that_openssl_has_is_found(
    rsa_identity: Identity, ecdsa_identity: Identity
) -> None:
    more = ("-dcert", str(ecdsa_identity.certificate), "-dkey", str(ecdsa_identity.key))
    with s_server(rsa_identity, *WEAK, *more, "-psk", "0123456789abcdef") as end:
        found = scan(end)
        truth = brute_force(end, "-psk", "0123456789abcdef")
    assert len(truth) > 200
    assert suites_of(found) == truth
    assert {"no encryption", "anonymous", "old versions", "no forward secrecy"} <= weak(found)
    verdict = next(one for one in found if isinstance(one, Verdict))
    assert (verdict.level, verdict.better) == ("none", "old")
    assert "turn" not in verdict.line().partition("take")[0]


def test_a_server_of_ssl2_alone_is_drown() -> None:
    kinds = b"\x01\x00\x80\x07\x00\xc0"
    body = b"\x04\x00\x01\x00\x02\x00\x00\x00\x06\x00\x10" + kinds + bytes(16)

    def converse(peer: socket.socket) -> None:
        first = peer.recv(65536)
        ssl2 = first[0] & 0x80 and first[2] == 1
        peer.sendall(b"\x80" + bytes((len(body),)) + body if ssl2 else b"\x15\3\0\0\2\2\x28")

    with scripted(converse) as end:
        found = scan(end)
    assert suites_of(found) == {
        ("SSLv2", "SSL_CK_RC4_128_WITH_MD5"),
        ("SSLv2", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
    }
    assert "DROWN" in weak(found)
    assert isinstance(found[-1], Done)


def test_groups_that_are_safe_from_quantum_computers_are_seen() -> None:
    """A server that has X25519MLKEM768 before x25519, which OpenSSL has from 3.5 on."""
    groups = (0x11EC, 0x001D)

    def converse(peer: socket.socket) -> None:
        first = peer.recv(65536)
        if ch.is_ssl2_hello(first):
            return
        hello = ch.parse_client_hello(record.RecordReader().feed(first)[0].body[4:])
        wanted = next((one for one in groups if one in hello.groups), None)
        if wanted is None or 0x1301 not in hello.suites or 0x0304 not in hello.versions:
            peer.sendall(record.records_of(record.ALERT, 0x0303, b"\x02\x28"))
            return
        block = bytes.fromhex("002b 0002 0304 0033 0002") + wanted.to_bytes(2, "big")
        body = b"\x03\x03" + RETRY_RANDOM + b"\x20" + hello.session_id + b"\x13\x01\x00"
        body += len(block).to_bytes(2, "big") + block
        peer.sendall(record.records_of(record.HANDSHAKE, 0x0303, handshake.message(2, body)))

    with scripted(converse) as end:
        found = scan(end)
    assert next(one for one in found if isinstance(one, Looked)).group == "X25519MLKEM768"
    seen = {one.group: one.post_quantum for one in found if isinstance(one, GroupFound)}
    assert seen == {"X25519MLKEM768": True, "x25519": False}
    assert suites_of(found) == {("TLS 1.3", "TLS_AES_128_GCM_SHA256")}
    assert not weak(found)
    assert next(one for one in found if isinstance(one, Verdict)).level == "modern"


@pytest.mark.peer("openssl")
def test_versions_order_groups_and_features(rsa_identity: Identity) -> None:
    with s_server(rsa_identity, "-serverpref", "-groups", "P-384:X25519", "-no_ticket") as end:
        found = scan(end)
    looked = next(one for one in found if isinstance(one, Looked))
    assert (looked.version, looked.group) == ("TLS 1.3", "secp384r1")
    assert looked.peer == f"127.0.0.1:{end.port}"
    assert told(found) == {
        "SSLv2": "no",
        "SSLv3": "no",
        "TLS 1.0": "no",
        "TLS 1.1": "no",
        "TLS 1.2": "yes",
        "TLS 1.3": "yes",
    }
    order = {one.version: one.order for one in found if isinstance(one, VersionTold) and one.order}
    assert order == {"TLS 1.2": "server", "TLS 1.3": "server"}
    groups = {(one.version, one.group) for one in found if isinstance(one, GroupFound)}
    assert groups == {
        (version, group) for version in ("TLS 1.2", "TLS 1.3") for group in ("secp384r1", "x25519")
    }
    has = features(found)
    assert has["session tickets (to TLS 1.2)"] == "no"
    assert has["session ids"] == "yes"
    assert has["secure renegotiation"] == has["extended master secret"] == "yes"
    assert has["fallback SCSV"] == "yes"
    assert has["compression"] == "no"
    assert "no post-quantum group" in weak(found)


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_groups_of_tls12_are_those_that_brute_force_finds(
    kind: str, request: pytest.FixtureRequest
) -> None:
    identity: Identity = request.getfixturevalue(f"{kind}_identity")
    with s_server(identity, "-tls1_2") as end:
        found = scan(end)
        truth = set()
        for group in ("X25519", "X448", "P-256", "P-384", "P-521", "brainpoolP256r1", "secp256k1"):
            # An ECDSA key's own curve has to be among them.
            words = ["openssl", "s_client", "-connect", end.authority, "-groups"]
            words += [group if kind == "rsa" else f"{group}:P-256"]
            said = subprocess.run(words, input=b"", capture_output=True, timeout=60, check=False)
            if b"Server Temp Key" in said.stdout:
                truth.add(said.stdout.partition(b"Server Temp Key: ")[2].split(b",")[0].decode())
    names = {"x25519": "X25519", "x448": "X448", "secp256r1": "ECDH", "secp384r1": "ECDH"}
    groups = {one.group for one in found if isinstance(one, GroupFound)}
    assert {names.get(one, "ECDH") for one in groups} == truth
    assert groups == {"x25519", "secp256r1", "x448", "secp521r1", "secp384r1"}


@pytest.mark.peer("openssl")
def test_a_server_that_keeps_to_a_level_of_mozilla_is_told_so(
    ecdsa_identity: Identity, rsa_identity: Identity
) -> None:
    curves = ("-groups", "X25519:P-256:P-384")
    with s_server(ecdsa_identity, "-tls1_3", *curves) as end:
        modern = next(one for one in scan(end) if isinstance(one, Verdict))
    fine = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"
    with s_server(rsa_identity, "-cipher", fine, *curves) as end:
        intermediate = next(one for one in scan(end) if isinstance(one, Verdict))
    old = f"{fine}:AES128-SHA:@SECLEVEL=0"
    with s_server(rsa_identity, "-cipher", old, *curves) as end:
        lowest = next(one for one in scan(end) if isinstance(one, Verdict))
    assert modern.level == "modern"
    assert (intermediate.level, intermediate.better) == ("intermediate", "modern")
    assert intermediate.missing[0] == "turn TLS 1.2 off"
    assert lowest.level == "old"
    assert "take TLS_RSA_WITH_AES_128_CBC_SHA out" in "; ".join(lowest.missing)
    assert modern.sure
    assert intermediate.sure


@pytest.mark.peer("openssl")
def test_a_short_prime_is_logjam_and_a_shared_one_is_named(rsa_identity: Identity) -> None:
    with s_server(rsa_identity, "-cipher", "ADH:@SECLEVEL=0", "-tls1_2") as end:
        found = scan(end)
    logjam = next(one for one in found if isinstance(one, Weakness) and one.name == "Logjam")
    assert logjam.severity == "high"
    assert logjam.where == ("DHE with 1024 bits",)
    assert "MODP group 2 (RFC 2409)" in logjam.words


@pytest.mark.peer("openssl")
def test_a_staple_is_seen(rsa_identity: Identity, tmp_path: Path) -> None:
    staple = tmp_path / "ocsp.der"
    staple.write_bytes(bytes.fromhex("30030a0103"))  # an answer that says: try later
    with s_server(rsa_identity, "-tls1_2", "-status_file", str(staple)) as end:
        assert features(scan(end))["OCSP staple (to TLS 1.2)"] == "yes"


# -- SSLv3 and what came before, by tlslite-ng ----------------------------------------------------


def test_a_server_of_the_nineties_is_read(rsa_identity: Identity) -> None:
    chain = tlslite.X509CertChain()
    chain.parsePemList(rsa_identity.certificate.read_text())
    key = tlslite.parsePEMKey(rsa_identity.key.read_text(), private=True)
    settings = tlslite.HandshakeSettings()
    settings.minVersion, settings.maxVersion = (3, 0), (3, 1)
    settings.cipherNames, settings.macNames = ["3des", "rc4", "aes128"], ["sha", "md5"]
    settings.keyExchangeNames = ["rsa", "dhe_rsa"]

    def converse(peer: socket.socket) -> None:
        try:
            tlslite.TLSConnection(peer).handshakeServer(
                certChain=chain, privateKey=key, settings=settings
            )
        except tlslite.TLSError:
            pass

    with scripted(converse) as end:
        found = scan(end)
    taken = {
        "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
        "TLS_RSA_WITH_RC4_128_SHA",
        "TLS_RSA_WITH_RC4_128_MD5",
        "TLS_RSA_WITH_AES_128_CBC_SHA",
        "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA",
    }
    assert suites_of(found) == {(one, suite) for one in ("SSLv3", "TLS 1.0") for suite in taken}
    assert {"POODLE", "RC4", "SWEET32", "BEAST", "no TLS 1.3", "old versions"} <= weak(found)
    order = {one.version: one.order for one in found if isinstance(one, VersionTold) and one.order}
    assert set(order.values()) == {"server"}


def test_srp_is_found_without_knowing_a_user(rsa_identity: Identity) -> None:
    chain = tlslite.X509CertChain()
    chain.parsePemList(rsa_identity.certificate.read_text())
    key = tlslite.parsePEMKey(rsa_identity.key.read_text(), private=True)
    users = tlslite.VerifierDB()
    users.create()
    users["someone"] = tlslite.VerifierDB.makeVerifier("someone", b"secret", 2048)
    settings = tlslite.HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 3)

    def converse(peer: socket.socket) -> None:
        try:
            tlslite.TLSConnection(peer).handshakeServer(
                verifierDB=users, certChain=chain, privateKey=key, settings=settings
            )
        except tlslite.TLSError:
            pass

    with scripted(converse) as end:
        found = suites_of(scan(end))
    assert found == {
        ("TLS 1.2", f"TLS_SRP_SHA_RSA_WITH_{cipher}_SHA")
        for cipher in ("AES_128_CBC", "AES_256_CBC", "3DES_EDE_CBC")
    }


# -- far away, one at a time, and not at all -----------------------------------------------------


@pytest.mark.peer("openssl")
def test_a_long_way_changes_nothing_but_the_time(rsa_identity: Identity) -> None:
    with s_server(rsa_identity) as end:
        near = scan(end)
        with in_between(end, delay=0.02) as far_end:
            far = scan(far_end)
    assert suites_of(far) == suites_of(near)
    assert told(far) == told(near)
    assert features(far) == features(near)
    assert {one.group for one in far if isinstance(one, GroupFound)} == {
        one.group for one in near if isinstance(one, GroupFound)
    }


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(("rest", "timeout", "crowd"), [(0.02, 10, False), (0.3, 0.8, True)])
def test_a_server_that_takes_one_connection_at_a_time_is_read_whole(
    rest: float, timeout: float, crowd: bool, rsa_identity: Identity
) -> None:
    options = ("-cipher", "AES128-SHA:AES256-SHA", "-no_tls1_3")
    with s_server(rsa_identity, *options) as end, in_between(end, at_once=1, rest=rest) as narrow:
        found = scan(narrow, timeout=timeout)
    assert suites_of(found) == {
        ("TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("TLS 1.2", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    }
    notes = [one.text for one in found if isinstance(one, Note)]
    assert notes == [
        "the server takes one connection at a time, so one look was taken at a time"
    ] * (crowd)
    assert set(told(found).values()) == {"yes", "no"}


def test_silence_is_never_a_no(rsa_identity: Identity) -> None:
    """A server that answers an ordinary client once, and from then on nothing at all."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rsa_identity.certificate, rsa_identity.key)
    first = threading.Event()

    def converse(peer: socket.socket) -> None:
        if first.is_set():
            while peer.recv(65536):
                pass
            return
        first.set()
        try:
            context.wrap_socket(peer, server_side=True)
        except OSError:
            pass

    with scripted(converse) as end:
        found = scan(end, timeout=0.2)
    versions = told(found)
    assert versions
    assert set(versions.values()) == {"unknown"}
    assert isinstance(found[-1], Failed)
    assert found[-1].cause == "the server answered once and then no more"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "this port speaks plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "this port speaks SSH"),
        (b"", "no version of TLS was agreed on: it hung up without a word"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "handshake_failure (40)"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "the ServerHello ends early"),
    ],
)
def test_what_is_no_tls_is_said_at_once(answer: bytes, cause: str) -> None:
    def converse(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(answer)

    with scripted(converse) as end:
        found = scan(end)
    last = found[-1]
    assert isinstance(last, Failed)
    assert cause in last.cause
    assert last.advice


@pytest.mark.parametrize("seed", range(12))
def test_a_server_that_answers_anything_ends_the_scan_in_words(seed: int) -> None:
    chance = random.Random(seed)
    suite = chance.choice((b"\xc0\x2f", b"\x00\x05", b"\x13\x01", b"\xee\xee"))
    hello = b"\x03" + bytes((chance.randrange(5),)) + bytes(32) + b"\0" + suite + b"\0"
    flight = handshake.message(2, hello) + handshake.message(11, bytes(3)) + b"\x0e\0\0\0"
    good = record.records_of(record.HANDSHAKE, 0x0301, flight)

    def converse(peer: socket.socket) -> None:
        peer.recv(65536)
        answer = bytearray(good)
        for _ in range(chance.randrange(4)):
            answer[chance.randrange(len(answer))] = chance.randrange(256)
        peer.sendall(answer[: chance.choice((len(good), len(good), chance.randrange(len(good))))])

    with scripted(converse) as end:
        last = scan(end, timeout=2)[-1]
    assert isinstance(last, Done | Failed)
    assert "a fault in the workbench" not in last.line()


def test_nobody_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    last = scan(parse(f"127.0.0.1:{port}"))[-1]
    assert isinstance(last, Failed)
    assert last.code == "ECONNREFUSED"


@pytest.mark.peer("openssl")
def test_a_cancelled_scan_ends_at_once_and_leaves_no_thread(rsa_identity: Identity) -> None:
    with s_server(rsa_identity) as end, in_between(end, delay=0.2) as far:
        scope = Scope(30)
        events = execute(tls_scan, TlsScan(far, timeout=30), scope)
        assert isinstance(next(events), Looked)
        threading.Timer(0.2, scope.cancel).start()
        last = list(events)[-1]
    assert isinstance(last, Failed)
    assert last.cancelled
    assert not [one for one in threading.enumerate() if one.name.startswith("look")]


# -- the target's ways --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "starttls", "place", "name", "protocol"),
    [
        ("example.org", "auto", "tcp://example.org:443", "example.org", ""),
        ("https://example.org", "auto", "https://example.org/", "example.org", ""),
        ("127.0.0.1:8443", "auto", "tcp://127.0.0.1:8443", "", ""),
        ("smtp://mail.example", "auto", "smtp://mail.example", "mail.example", "smtp"),
        ("mail.example:25", "auto", "tcp://mail.example:25", "mail.example", "smtp"),
        ("imaps://mail.example", "auto", "imaps://mail.example", "mail.example", ""),
        ("mail.example:25", "none", "tcp://mail.example:25", "mail.example", ""),
        ("db.example:15432", "postgres", "tcp://db.example:15432", "db.example", "postgres"),
        ("unix:/run/x.sock", "auto", "unix:/run/x.sock", "", ""),
    ],
)
def test_a_target_says_where_and_how(
    target: str, starttls: str, place: str, name: str, protocol: str
) -> None:
    request = TlsScan(parse(target), starttls=starttls)  # type: ignore[arg-type]
    assert (str(request.place()), request.name(), request.protocol()) == (place, name, protocol)


@pytest.mark.peer("openssl")
def test_a_server_with_two_names_is_asked_by_the_one_that_is_given(
    rsa_identity: Identity, ecdsa_identity: Identity
) -> None:
    more = ("-servername", "other.example", "-cert2", str(ecdsa_identity.certificate))
    with s_server(rsa_identity, *more, "-key2", str(ecdsa_identity.key), "-tls1_2") as end:
        plain, named = suites_of(scan(end)), suites_of(scan(end, sni="other.example"))
    assert ("TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256") in plain
    assert ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256") in named
    assert not plain & {one for one in named if "ECDSA" in one[1]}


@pytest.mark.peer("openssl", "socat")
def test_a_unix_socket_is_scanned(rsa_identity: Identity, tmp_path: Path) -> None:
    path = tmp_path / "tls.sock"
    with s_server(rsa_identity, "-tls1_3") as end:
        to = f"TCP:{end.authority}"
        words = ["socat", "-d", "-d", f"UNIX-LISTEN:{path},fork", to]
        with subprocess.Popen(words, stderr=subprocess.PIPE) as relay:
            assert relay.stderr
            while b"listening" not in relay.stderr.readline():
                pass
            reader = threading.Thread(target=relay.stderr.read)
            reader.start()
            found = scan(parse(f"unix:{path}"))
            relay.kill()
            reader.join()
    assert told(found)["TLS 1.3"] == "yes"
    assert len(suites_of(found)) == 3


def test_what_changed_since_the_last_scan(rsa_identity: Identity) -> None:
    both = "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384"
    with (
        many_at_once(rsa_identity, ciphers=both) as old,
        many_at_once(rsa_identity, ciphers="ECDHE-RSA-AES256-GCM-SHA384") as new,
    ):
        beyond = SimpleNamespace(host=old.host, port=old.port)
        with in_between(cast("Endpoint", beyond)) as end:
            assert not [one for one in scan(end) if isinstance(one, Changed)]
            beyond.port = new.port
            found = [one for one in scan(end) if isinstance(one, Changed)]
            assert not [one for one in scan(end) if isinstance(one, Changed)]
    assert [(one.what, one.before, one.after) for one in found] == [
        ("suite", "TLS 1.2 TLS_RSA_WITH_AES_128_CBC_SHA", "gone")
    ]
