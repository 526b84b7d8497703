"""Certificates made by the jobs and by their code: openssl and a strict context accept them."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Literal

import pytest

from workbench.core.events import Done, Failed
from workbench.core.job import Request, declared, execute
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.tls import pem
from workbench.tls.make import CertCa, CertClient, CertCsr, CertServer, CertSign
from workbench.tls.making.issuing import KeyKind
from workbench.tls.x509 import certificate

Way = Literal["job", "python", "shell"]
ways = pytest.mark.parametrize("way", ["job", "python", "shell"])
KEYS: tuple[KeyKind, ...] = ("ecdsa", "ecdsa-p384", "rsa", "ed25519")


def events(request: Request) -> list[Event]:
    return list(execute(declared(request.job), request, Scope()))


def fails(request: Request) -> str:
    last = events(request)[-1]
    assert isinstance(last, Failed)
    return last.line()


def do(request: Request, way: Way, data: bytes = b"") -> None:
    """Do it by the job itself, by its script or by its command."""
    if way == "job":
        last = events(request)[-1]
        assert isinstance(last, Done), last.line()
        return
    words = [sys.executable, "-c", request.as_python()]
    if way == "shell":
        words = ["sh", "-c", request.as_shell()]
    subprocess.run(words, input=data, capture_output=True, check=True, timeout=60)


def verified(ca: Path, leaf: Path, *words: str) -> bool:
    command = ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile"]
    ran = subprocess.run([*command, str(ca), *words, str(leaf)], capture_output=True)
    return ran.returncode == 0


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "ca"
    do(CertCa(ca=str(folder)), "job")
    return folder


@pytest.mark.peer("openssl")
@ways
@pytest.mark.parametrize("kind", KEYS)
def test_a_ca_of_ones_own(kind: KeyKind, way: Way, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    if way == "python":
        folder.mkdir()
    do(CertCa("The/CA", ca=str(folder), key=kind, days=30), way)
    made = folder / "ca.pem"
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    if way != "python":
        assert folder.stat().st_mode & 0o777 == 0o700
    found = certificate.decode(next(pem.blocks(made.read_bytes())).der)
    assert (found.subject.get("CN"), found.facts.ca) == ("The/CA", True)
    assert (found.not_after - found.not_before).days == 30
    assert verified(made, made)
    do(CertServer(("a.example",), output=tmp_path, ca=str(folder)), "job")
    assert verified(made, tmp_path / "a.example.pem", "-verify_hostname", "a.example")


@pytest.mark.peer("openssl")
@ways
@pytest.mark.parametrize("kind", KEYS)
def test_a_servers_certificate(kind: KeyKind, way: Way, ca: Path, tmp_path: Path) -> None:
    names = ("a.example", "*.b.example", "192.0.2.1", "2001:db8::1", "bücher.example")
    do(CertServer(names, output=tmp_path, ca=str(ca), key=kind, must_staple=True), way)
    made, key = tmp_path / "a.example.pem", tmp_path / "a.example.key"
    assert key.stat().st_mode & 0o777 == 0o600
    found = certificate.decode(next(pem.blocks(made.read_bytes())).der)
    assert [str(one) for one in found.names] == [
        *("DNS:a.example", "DNS:*.b.example", "IP:192.0.2.1", "IP:2001:db8::1"),
        "DNS:xn--bcher-kva.example",
    ]
    assert (found.not_after - found.not_before).days == 90
    assert found.facts.must_staple
    assert found.facts.ca is False
    assert found.facts.key_usage == ("digital signature",)
    for check in (("-verify_hostname", "x.b.example"), ("-verify_ip", "2001:db8::1")):
        assert verified(ca / "ca.pem", made, "-purpose", "sslserver", *check)
    assert not verified(ca / "ca.pem", made, "-purpose", "sslclient")
    public = ["openssl", "pkey", "-in", str(key), "-pubout"]
    of_key = subprocess.run(public, capture_output=True, check=True).stdout
    assert next(pem.blocks(of_key)).der == found.key.raw


@pytest.mark.peer("openssl")
@ways
def test_a_clients_certificate(way: Way, ca: Path, tmp_path: Path) -> None:
    do(CertClient(("joe@a.example",), output=tmp_path, ca=str(ca)), way)
    made = tmp_path / "joe@a.example.pem"
    assert verified(ca / "ca.pem", made, "-purpose", "sslclient", "-verify_email", "joe@a.example")
    assert not verified(ca / "ca.pem", made, "-purpose", "sslserver")


@pytest.mark.peer("openssl")
@ways
@pytest.mark.parametrize("given", [(), ("c.example",)])
def test_a_request_signed(given: tuple[str, ...], way: Way, ca: Path, tmp_path: Path) -> None:
    do(CertCsr(("a.example", "192.0.2.1"), output=tmp_path), way)
    assert (tmp_path / "a.example.key").stat().st_mode & 0o777 == 0o600
    out = tmp_path / "out.pem"
    asked = tmp_path / "a.example.csr"
    do(CertSign(str(asked), output=out, name=given, ca=str(ca), days=5), way)
    assert verified(ca / "ca.pem", out, "-verify_hostname", *(given or ("a.example",)))
    assert verified(ca / "ca.pem", out, "-verify_ip", "192.0.2.1") is not bool(given)


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("way", ["python", "shell"])
def test_code_signs_from_standard_input(way: Way, ca: Path, tmp_path: Path) -> None:
    do(CertCsr(("a.example",), output=tmp_path), "job")
    out = tmp_path / "out.pem"
    data = (tmp_path / "a.example.csr").read_bytes()
    do(CertSign("-", output=out, ca=str(ca)), way, data)
    assert verified(ca / "ca.pem", out, "-verify_hostname", "a.example")


def test_a_request_that_was_changed_is_refused(ca: Path, tmp_path: Path) -> None:
    do(CertCsr(("a.example",), output=tmp_path), "job")
    block = next(pem.blocks((tmp_path / "a.example.csr").read_bytes()))
    changed = tmp_path / "changed.csr"
    changed.write_bytes(pem.write(block.label, block.der.replace(b"a.example", b"b.example")))
    words = fails(CertSign(str(changed), output=tmp_path / "x.pem", ca=str(ca)))
    assert "not signed by its own key" in words
    assert not (tmp_path / "x.pem").exists()


@pytest.mark.parametrize("kind", KEYS)
def test_a_strict_context_accepts_both_sides(kind: KeyKind, ca: Path, tmp_path: Path) -> None:
    do(CertServer(("localhost", "127.0.0.1"), output=tmp_path, ca=str(ca), key=kind), "job")
    do(CertClient(("joe",), output=tmp_path, ca=str(ca), key=kind), "job")
    sides: list[Any] = []
    for purpose, name in ((ssl.Purpose.CLIENT_AUTH, "localhost"), (ssl.Purpose.SERVER_AUTH, "joe")):
        context = ssl.create_default_context(purpose, cafile=str(ca / "ca.pem"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
        sides.append(context)
    here, there = socket.socketpair()

    def serve() -> None:
        with there, sides[0].wrap_socket(there, server_side=True) as one:
            one.sendall(repr(one.getpeercert()["subject"]).encode())

    thread = threading.Thread(target=serve)
    thread.start()
    with here, sides[1].wrap_socket(here, server_hostname="127.0.0.1") as one:
        assert b"joe" in one.recv(1000)
    thread.join()


def test_nothing_is_overwritten_and_no_key_is_shown(ca: Path, tmp_path: Path) -> None:
    request = CertServer(("a.example",), output=tmp_path, ca=str(ca))
    shown = "".join(one.line() for one in events(request))
    assert "PRIVATE" not in shown
    before = (tmp_path / "a.example.key").read_bytes()
    assert "a.example.pem exists already (EEXIST)" in fails(request)
    assert (tmp_path / "a.example.key").read_bytes() == before
    do(CertServer(("a.example",), output=tmp_path, ca=str(ca), force=True), "job")
    assert (tmp_path / "a.example.key").read_bytes() != before
    assert "ca.pem exists already" in fails(CertCa(ca=str(ca)))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.example.key", "a.example.pem"]


def test_the_first_certificate_makes_the_ca(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    do(CertServer(("a.example",), output=tmp_path), "job")
    assert (tmp_path / "workbench" / "ca" / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "workbench").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["", "a b", "a/b", "*.", "a..b", "-a.example", "x" * 70, "*"])
def test_what_is_no_name_is_refused(name: str, ca: Path, tmp_path: Path) -> None:
    words = fails(CertServer((name,), output=tmp_path, ca=str(ca)))
    assert "is no name for a certificate" in words
    assert list(tmp_path.iterdir()) == []


def test_other_mistakes_are_named(ca: Path, tmp_path: Path) -> None:
    assert "0 days is no lifetime" in fails(
        CertServer(("a.example",), output=tmp_path, ca=str(ca), days=0)
    )
    (tmp_path / "ca.pem").write_text("junk")
    assert "cannot be read" in fails(CertServer(("a",), output=tmp_path, ca=str(tmp_path)))
    assert "holds no certificate request but: certificate" in fails(
        CertSign(str(ca / "ca.pem"), output=tmp_path / "x", ca=str(ca))
    )
    assert "ENOENT" in fails(CertSign(str(tmp_path / "none"), ca=str(ca)))
