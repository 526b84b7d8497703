"""What badssl.com shows of the protocol: a server for each subdomain, and what a scan says of it.

The certificate scenarios are in `tests.tls.badssl`. What this machine's libraries cannot serve
stands in the table as well, with the library's own refusal.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import tlslite.api as tlslite

from tests.servers.watching import PATIENCE, serving
from tests.tls.peers import Identity, s_server, scripted
from tests.tls.test_scan import scan, weak
from workbench.core.arguments import parse_line
from workbench.core.endpoint import Endpoint
from workbench.tls import pem
from workbench.tls.scanning.events import Verdict, VersionTold
from workbench.tls.serving.serve import serve_tls

Server = Callable[[Identity, Path], AbstractContextManager[Endpoint]]

INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256"
)


def openssl(ciphers: str, *options: str) -> Server:
    """An `openssl s_server` of TLS 1.2 with these suites."""
    words = ("-tls1_2", "-cipher", f"{ciphers}:@SECLEVEL=0", *options)
    return lambda identity, _: s_server(identity, *words)


def with_prime(bits: int) -> Server:
    """A server whose Diffie-Hellman has a prime of so many bits."""

    @contextmanager
    def serve(identity: Identity, folder: Path) -> Iterator[Endpoint]:
        command = ["openssl", "prime", "-generate", "-hex", "-bits", str(bits)]
        run = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        prime = int(run.stdout, 16)
        body = b"".join(_integer(number) for number in (prime, 2))
        file = folder / "dh.pem"
        file.write_bytes(pem.write("DH PARAMETERS", b"\x30" + _length(body) + body))
        words = ("-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0", "-tls1_2", "-dhparam", str(file))
        with s_server(identity, *words) as end:
            yield end

    return serve


def _integer(number: int) -> bytes:
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + _length(body) + body


def _length(body: bytes) -> bytes:
    if len(body) < 128:
        return bytes((len(body),))
    size = len(body).to_bytes(2, "big")
    return b"\x82" + size


def old(
    ciphers: list[str], macs: list[str], version: tuple[int, int] = (3, 3), prime: int = 0
) -> Server:
    """tlslite-ng, which still speaks what OpenSSL has left behind.

    Args:
        prime: of Diffie-Hellman; 0 for key transport by RSA.
    """

    def serve(identity: Identity, _: Path) -> AbstractContextManager[Endpoint]:
        chain = tlslite.X509CertChain()
        chain.parsePemList(identity.certificate.read_text())
        key = tlslite.parsePEMKey(identity.key.read_text(), private=True)
        settings = tlslite.HandshakeSettings()
        settings.minVersion = settings.maxVersion = version
        settings.cipherNames, settings.macNames = ciphers, macs
        settings.keyExchangeNames = ["dhe_rsa"] if prime else ["rsa"]
        if prime:
            settings.dhParams = (2, prime)

        def converse(peer: socket.socket) -> None:
            try:
                tlslite.TLSConnection(peer).handshakeServer(
                    certChain=chain, privateKey=key, settings=settings
                )
            except tlslite.TLSError:
                pass

        return scripted(converse)

    return serve


def ours(*words: str) -> Server:
    """`serve tls` itself."""

    @contextmanager
    def serve(identity: Identity, _: Path) -> Iterator[Endpoint]:
        given = ["--cert", str(identity.certificate), "--key", str(identity.key)]
        given += ["--client-ca", str(identity.certificate)]
        request = parse_line(serve_tls, ["tls://127.0.0.1:0", *given, *words])
        with serving(serve_tls, request, process=False) as server:
            yield server.endpoint

    return serve


@dataclass(frozen=True, slots=True)
class Scenario:
    """A subdomain, its server, the weaknesses that must be named, and those that must not."""

    label: str
    server: Server
    names: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    spoken: tuple[str, ...] = ()


def row(
    label: str,
    server: Server,
    names: str = "",
    *,
    never: str = "",
    spoken: tuple[str, ...] = (),
) -> Scenario:
    """A row; several names have commas between them."""
    must, must_not = (frozenset(filter(None, text.split(", "))) for text in (names, never))
    return Scenario(label, server, must, must_not, spoken)


ANONYMOUS = ("-tls1_2", "-cipher", "ADH-AES128-SHA:@SECLEVEL=0")
ELEVEN, TWELVE = ("--tls-min", "1.1", "--tls-max", "1.1"), ("--tls-min", "1.2", "--tls-max", "1.2")
MODERATE = ("--tls-min", "1.2", "--ciphers", INTERMEDIATE)
SCENARIOS = (
    row("cbc", openssl("ECDHE-RSA-AES128-SHA"), "LUCKY13", never="no forward secrecy"),
    row("rc4", old(["rc4"], ["sha"]), "RC4, no forward secrecy"),
    row("rc4-md5", old(["rc4"], ["md5"]), "RC4"),
    row("3des", old(["3des"], ["sha"]), "SWEET32"),
    row("null", openssl("NULL-SHA256"), "no encryption"),
    row("static-rsa", openssl("AES128-GCM-SHA256"), "no forward secrecy", never="LUCKY13"),
    row("ssl-v3", old(["aes128"], ["sha"], (3, 0)), "POODLE, BEAST", spoken=("SSLv3",)),
    row("tls-v1-0", ours("--tls-max", "1.0"), "old versions, BEAST", spoken=("TLS 1.0",)),
    row("tls-v1-1", ours(*ELEVEN), "old versions", spoken=("TLS 1.1",)),
    row("tls-v1-2", ours(*TWELVE), "no TLS 1.3", spoken=("TLS 1.2",)),
    row("dh480", old(["aes128"], ["sha"], prime=(1 << 480) - 47), "Logjam"),
    row("dh512", old(["aes128"], ["sha"], prime=(1 << 512) - 569), "Logjam"),
    row("dh-composite", old(["aes128"], ["sha"], prime=(1 << 1023) + 9), "Logjam"),
    row("dh1024", with_prime(1024), "Logjam"),
    row("dh2048", with_prime(2048), never="Logjam"),
    row("anonymous", lambda *_: s_server(None, *ANONYMOUS), "anonymous"),
    row("mozilla-modern", ours("--tls-min", "1.3"), never="LUCKY13", spoken=("TLS 1.3",)),
    row("mozilla-intermediate", ours(*MODERATE), never="LUCKY13, old versions"),
    row("mozilla-old", ours("--tls-min", "1.0"), "old versions, BEAST"),
    row("client", ours("--client-cert", "ask"), never="old versions"),
    row("client-cert-missing", ours("--client-cert", "require"), never="old versions"),
)


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.label)
def test_a_server_of_badssl(scenario: Scenario, rsa_identity: Identity, tmp_path: Path) -> None:
    with scenario.server(rsa_identity, tmp_path) as end:
        events = scan(end)
    named = weak(events)
    assert scenario.names <= named
    assert not scenario.never & named
    spoken = {one.version for one in events if isinstance(one, VersionTold) and one.told == "yes"}
    if scenario.spoken:
        assert spoken == set(scenario.spoken)
    (verdict,) = (one for one in events if isinstance(one, Verdict))
    if scenario.names & {"RC4", "no encryption", "anonymous", "POODLE", "Logjam"}:
        assert verdict.level == "none"
    if scenario.label.startswith("mozilla-"):
        # The certificate is of RSA, which the modern level does not take: no server is better.
        assert verdict.level in ("none", *_LEVELS[: _LEVELS.index(scenario.label[8:]) + 1])


_LEVELS = ("old", "intermediate", "modern")


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("label", "command", "refusal"),
    [
        ("rc4 by OpenSSL", ["ciphers", "RC4-SHA"], "no cipher match"),
        ("3des by OpenSSL", ["ciphers", "-tls1_2", "DES-CBC3-SHA"], "no cipher match"),
    ],
)
def test_what_this_openssl_does_not_serve(label: str, command: list[str], refusal: str) -> None:
    """Why the rows above take another library, or are not there: OpenSSL's own words."""
    run = subprocess.run(
        ["openssl", *command], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert run.returncode != 0, label
    assert refusal in run.stderr + run.stdout
