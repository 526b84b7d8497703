"""`cert show`: anything pasted is decoded, chains are judged, and keys stay hidden."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tls.badssl import NOW
from tests.tls.test_make import do, events, fails
from workbench.core.events import Done
from workbench.core.job import execute
from workbench.core.scope import Scope
from workbench.tls import der, pem
from workbench.tls.make import CertCa, CertCsr, CertServer
from workbench.tls.making import broken
from workbench.tls.show import CertShow, Fault, Shown, cert_show, shown
from workbench.tls.x509 import bundles, certificate

PKCS7 = der.element(
    der.SEQUENCE,
    der.oid(bundles.SIGNED_DATA),
    der.element(
        0xA0,
        der.element(
            der.SEQUENCE,
            der.element(der.INTEGER, b"\1"),
            der.element(0xA0, der.element(der.SEQUENCE, der.element(der.SEQUENCE))),
        ),
    ),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    do(CertCa(ca=str(folder)), "job")
    do(CertServer(("a.example",), output=folder, ca=str(folder)), "job")
    do(CertCsr(("b.example",), output=folder), "job")
    return folder


def faults(request: CertShow) -> list[str]:
    return [one.code for one in events(request) if isinstance(one, Fault)]


def test_everything_in_a_text_and_no_key(made: Path, tmp_path: Path) -> None:
    names = ("a.example.pem", "a.example.key", "b.example.csr", "ca.pem")
    text = b"Hello,\n" + b"> and this\n".join((made / name).read_bytes() for name in names)
    (tmp_path / "mail").write_bytes(text)
    found = events(CertShow(str(tmp_path / "mail")))
    kinds = [one.kind for one in found if isinstance(one, Shown)]
    assert kinds == ["certificate", "private key", "certificate request", "certificate"]
    whole = "\n".join(one.line() for one in found)
    secret = (made / "a.example.key").read_text().splitlines()[1]
    assert secret not in whole
    assert "EC P-256" in whole
    assert "DNS:b.example" in whole


def test_a_chain_is_judged(made: Path) -> None:
    file, trust = str(made / "a.example.pem"), str(made / "ca.pem")
    assert faults(CertShow(file, name="a.example", trust=trust)) == []
    assert faults(CertShow(file, name="b.example", trust=trust)) == ["wrong-name"]
    assert faults(CertShow(file, trust=trust, use="client")) == ["wrong-use"]
    assert faults(CertShow(file)) == ["missing-intermediate"]
    assert faults(CertShow(trust)) == []
    assert "no certificate to judge" in fails(CertShow(str(made / "b.example.csr"), name="x"))


def test_standard_input(made: Path) -> None:
    there, here = os.pipe()
    os.write(here, (made / "ca.pem").read_bytes())
    os.close(here)
    try:
        found = list(execute(cert_show, CertShow(), Scope(input=there)))
    finally:
        os.close(there)
    assert isinstance(found[0], Shown)
    assert isinstance(found[-1], Done)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "neither PEM"), (b"hello", "neither PEM"), (b"-----BEGIN X-----\nAA", "does not end")],
)
def test_what_is_nothing_says_so(data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert why in fails(CertShow(str(tmp_path / "file")))


def test_a_file_without_end_ends() -> None:
    assert "longer than 16 MiB" in fails(CertShow("/dev/zero"))
    assert "EISDIR" in fails(CertShow("/"))


@pytest.mark.peer("openssl")
def test_code_shows_the_same_certificates(tmp_path: Path) -> None:
    one = broken.make("none", "a.example", NOW)
    file = tmp_path / "chain.pem"
    file.write_bytes(b"".join(pem.write("CERTIFICATE", raw) for raw in one.chain))
    ours = [certificate.decode(raw) for raw in one.chain]
    request = CertShow(str(file))
    script = [sys.executable, "-c", request.as_python()]
    text = subprocess.run(script, capture_output=True, check=True, text=True).stdout
    prints = [line.split()[1] for line in text.splitlines() if line.startswith("SHA-256")]
    assert prints == [each.sha256 for each in ours]
    shell = ["sh", "-c", request.as_shell()]
    text = subprocess.run(shell, capture_output=True, check=True, text=True).stdout
    assert text.count("Subject: ") == 2
    assert "DNS:a.example" in text


@given(
    st.binary(max_size=300),
    st.sampled_from(["CERTIFICATE", "CERTIFICATE REQUEST", "X509 CRL", "PUBLIC KEY", "PKCS7"]),
)
def test_any_block_has_its_lines(data: bytes, label: str) -> None:
    assert shown(pem.Block(label, data), NOW).line()


def test_a_signature_is_tried(made: Path, tmp_path: Path) -> None:
    leaf = pem.find((made / "a.example.pem").read_bytes())[0].der
    root = (made / "ca.pem").read_bytes()
    forged = leaf[:-1] + bytes((leaf[-1] ^ 1,))
    (tmp_path / "chain.pem").write_bytes(pem.write("CERTIFICATE", forged) + root)
    request = CertShow(str(tmp_path / "chain.pem"), trust=str(made / "ca.pem"))
    assert "bad-signature" in faults(request)


# -- bundles -----------------------------------------------------------------------------------


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("password", ["", "secret"])
def test_pkcs12_is_opened(password: str, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.p12"
    words = ["openssl", "pkcs12", "-export", "-in", str(made / "a.example.pem")]
    words += ["-inkey", str(made / "a.example.key"), "-certfile", str(made / "ca.pem")]
    subprocess.run([*words, "-out", str(out), "-passout", f"pass:{password}"], check=True)
    found = events(CertShow(str(out), password=password))
    kinds = [one.kind for one in found if isinstance(one, Shown)]
    assert kinds == ["certificate", "certificate", "private key"]
    assert "a.example" in found[0].line()
    whole = "\n".join(one.line() for one in found)
    assert (made / "a.example.key").read_text().splitlines()[1] not in whole
    for wrong in {"", "wrong"} - {password} if password else ():
        said = fails(CertShow(str(out), password=wrong))
        assert ("does not open it" if wrong else "wants its password") in said


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_pkcs7_is_opened(form: str, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.p7b"
    words = ["openssl", "crl2pkcs7", "-nocrl", "-certfile", str(made / "a.example.pem")]
    words += ["-certfile", str(made / "ca.pem"), "-outform", form, "-out", str(out)]
    subprocess.run(words, check=True)
    found = events(CertShow(str(out)))
    assert [one.kind for one in found if isinstance(one, Shown)] == ["certificate"] * 2
    whole = b"".join((made / name).read_bytes() for name in ("a.example.pem", "ca.pem"))
    wanted = {block.der for block in pem.find(whole)}
    block = pem.find(out.read_bytes())[0]
    assert {one.der for one in bundles.open_pkcs7(block.der)} == wanted


@given(st.data())
def test_a_damaged_bundle_is_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(PKCS7)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    try:
        bundles.open_pkcs7(bytes(whole[:cut]))
    except (bundles.BundleError, der.DerError):
        pass


def test_rounds_without_end_are_refused() -> None:
    def number(value: int) -> bytes:
        return der.element(der.INTEGER, value.to_bytes(5, "big"))

    mac = der.element(
        der.SEQUENCE, der.element(der.SEQUENCE), der.element(4, b"salt"), number(1 << 33)
    )
    whole = der.element(
        der.SEQUENCE, der.element(der.INTEGER, b"\3"), der.element(der.SEQUENCE), mac
    )
    with pytest.raises(bundles.BundleError, match="rounds"):
        bundles.open_pkcs12(whole, "")
