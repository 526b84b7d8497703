"""Match, convert, pack and break: by the jobs, by their code, and against openssl."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from tests.tls.test_make import KEYS, Way, do, events, fails, ways
from workbench.core.events import Done, Failed
from workbench.core.job import Request
from workbench.tls import pem
from workbench.tls.keep import CertBroken, CertConvert, CertMatch, CertP12, Kind
from workbench.tls.make import CertCa, CertCsr, CertServer
from workbench.tls.making import broken
from workbench.tls.making.issuing import KeyKind
from workbench.tls.x509 import certificate
from workbench.tls.x509.diagnose import diagnose


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    do(CertCa(ca=str(folder)), "job")
    for name in ("a.example", "b.example"):
        do(CertServer((name,), output=folder, ca=str(folder)), "job")
    do(CertCsr(("c.example",), output=folder), "job")
    return folder


def openssl(*words: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True).stdout


def status(request: Request, way: Way) -> bool:
    if way == "job":
        return isinstance(events(request)[-1], Done)
    words = [sys.executable, "-c", request.as_python()]
    if way == "shell":
        words = ["sh", "-c", request.as_shell()]
    return subprocess.run(words, capture_output=True, timeout=60).returncode == 0


@pytest.mark.peer("openssl")
@ways
def test_a_key_matches_its_certificate_alone(way: Way, made: Path) -> None:
    for one in ("a", "b"):
        for other in ("a", "b"):
            request = CertMatch(
                str(made / f"{one}.example.key"), str(made / f"{other}.example.pem")
            )
            assert status(request, way) is (one == other)


@pytest.mark.peer("openssl")
def test_a_key_matches_in_any_form(made: Path, tmp_path: Path) -> None:
    assert status(CertMatch(str(made / "c.example.key"), str(made / "c.example.csr")), "job")
    locked, plain = tmp_path / "locked", made / "a.example.key"
    openssl("pkey", "-in", plain, "-aes256", "-passout", "pass:x", "-out", locked)
    openssl("pkey", "-in", plain, "-pubout", "-out", tmp_path / "public")
    openssl("pkey", "-in", plain, "-outform", "DER", "-out", tmp_path / "der")
    public = str(tmp_path / "public")
    assert status(CertMatch(str(tmp_path / "der"), public), "job")
    assert status(CertMatch(str(locked), public, password="x"), "job")
    for wrong in ("", "y"):
        assert "cannot be read" in fails(CertMatch(str(locked), public, password=wrong))
    assert "cannot be read" in fails(CertMatch(public, public))


@pytest.mark.peer("openssl")
@ways
def test_pem_to_der_and_back(way: Way, made: Path, tmp_path: Path) -> None:
    source, there, back = made / "a.example.pem", tmp_path / "a.der", tmp_path / "a.pem"
    do(CertConvert(str(source), to="der", output=there), way)
    assert there.read_bytes() == openssl("x509", "-in", source, "-outform", "DER")
    do(CertConvert(str(there), to="pem", output=back), way)
    assert back.read_bytes() == source.read_bytes()


def test_a_key_stays_private_when_converted(made: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "k.der", tmp_path / "k.pem"
    do(CertConvert(str(made / "a.example.key"), to="der", output=there), "job")
    do(CertConvert(str(there), output=back), "job")
    assert back.read_bytes() == (made / "a.example.key").read_bytes()
    assert {one.stat().st_mode & 0o777 for one in (there, back)} == {0o600}
    assert "exists already" in fails(CertConvert(str(there), output=back))


@pytest.mark.peer("openssl")
@ways
@pytest.mark.parametrize("kind", KEYS)
def test_openssl_opens_the_bundle(
    kind: KeyKind, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(CertServer(("a.example",), output=tmp_path, ca=str(tmp_path), key=kind), "job")
    leaf, key = tmp_path / "a.example.pem", tmp_path / "a.example.key"
    chain, out = tmp_path / "chain.pem", tmp_path / "a.p12"
    chain.write_bytes(leaf.read_bytes() + (tmp_path / "ca.pem").read_bytes())
    monkeypatch.setenv("P12_PASSWORD", "secret word")
    do(CertP12(str(chain), str(key), output=out, password="secret word"), way)
    assert out.stat().st_mode & 0o777 == 0o600
    held = openssl("pkcs12", "-in", out, "-nodes", "-passin", "env:P12_PASSWORD")
    blocks = list(pem.blocks(held))
    wanted = [*pem.blocks(chain.read_bytes()), *pem.blocks(key.read_bytes())]
    assert {one.der for one in blocks} == {one.der for one in wanted}


def test_a_bundle_needs_its_own_key_and_a_password(made: Path, tmp_path: Path) -> None:
    leaf, key, out = str(made / "a.example.pem"), str(made / "b.example.key"), tmp_path / "x"
    assert "not that of the certificate" in fails(CertP12(leaf, key, output=out, password="x"))
    assert "no password" in fails(CertP12(leaf, key, output=out))
    assert not out.exists()


def test_the_kinds_offered_are_those_there_are() -> None:
    assert get_args(Kind) == tuple(broken.KINDS)


@pytest.mark.parametrize("way", ["job", "python"])
@pytest.mark.parametrize("kind", ["none", "expired", "md5", "wrong-order"])
def test_broken_on_purpose(kind: Kind, way: Way, tmp_path: Path) -> None:
    do(CertBroken(kind, name="a.example", output=tmp_path), way)
    chain, root = (
        [certificate.decode(one.der) for one in pem.blocks((tmp_path / name).read_bytes())]
        for name in ("chain.pem", "root.pem")
    )
    codes = {
        one.code for one in diagnose(chain, now=datetime.now(UTC), name="a.example", roots=root)
    }
    assert codes == {"none": set(), "md5": {"weak-signature"}}.get(kind, {kind})
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert status(CertMatch(str(tmp_path / "key.pem"), str(tmp_path / "chain.pem")), "job")


def test_the_command_for_broken_is_the_workbenchs(tmp_path: Path) -> None:
    request = CertBroken("expired", output=tmp_path)
    words = request.as_shell().split()
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, timeout=60)
    assert done.returncode == 0
    assert (tmp_path / "chain.pem").exists()
    assert isinstance(events(request)[-1], Failed)
