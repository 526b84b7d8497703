"""What a scan makes of what it found: grades, weaknesses, levels, keys, primes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from tests.tls.peers import Identity
from workbench.tls.registry.suites import suites
from workbench.tls.registry.versions import SSL2, SSL3, TLS10, TLS11, TLS12, TLS13
from workbench.tls.scanning.certificates import key_of
from workbench.tls.scanning.findings import DhParameters, Findings, Key, grade, remarks
from workbench.tls.scanning.mozilla import LEVELS, against, verdict
from workbench.tls.scanning.primes import shared_prime, well_made
from workbench.tls.scanning.weaknesses import weaknesses

GOOD = {TLS12: [0xC02F, 0xC030, 0xCCA8], TLS13: [0x1301, 0x1302, 0x1303]}


def found(taken: dict[int, list[int]], **more: object) -> Findings:
    every = (SSL2, SSL3, TLS10, TLS11, TLS12, TLS13)
    made = Findings(
        {one: "yes" if taken.get(one) else "no" for one in every},
        taken,
        {one: set() for one in every},
    )
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("value", "its_grade", "says"),
    [
        (0xC02F, "good", ()),
        (0x1301, "good", ()),
        (0xC013, "fair", ("CBC",)),
        (0x009C, "fair", ("no forward secrecy",)),
        (0xC012, "weak", ("64-bit blocks", "CBC")),
        (0x0005, "broken", ("RC4", "no forward secrecy")),
        (0x0003, "broken", ("export", "RC4", "MD5", "no forward secrecy")),
        (0x0001, "broken", ("no encryption", "MD5", "no forward secrecy")),
        (0x00A6, "broken", ("no authentication",)),
        (0x0009, "broken", ("56 bits", "64-bit blocks", "no forward secrecy", "CBC")),
        (0xCC13, "fair", ("unregistered",)),
    ],
)
def test_a_suite_is_graded_with_reasons(value: int, its_grade: str, says: tuple[str, ...]) -> None:
    suite = suites()[value]
    assert (grade(suite), remarks(suite)) == (its_grade, says)


def test_a_good_server_has_no_weakness() -> None:
    assert weaknesses(found(GOOD, groups={TLS13: [0x11EC, 0x001D]})) == []


@pytest.mark.parametrize(
    ("findings", "name", "severity"),
    [
        (found({SSL2: [0x010080]}), "DROWN", "critical"),
        (found({SSL3: [0x002F]}), "POODLE", "high"),
        (found({TLS10: [0xC013]}), "BEAST", "low"),
        (found({TLS11: [0xC013]}), "old versions", "medium"),
        (found({TLS12: [0x0003]}), "FREAK", "critical"),
        (found({TLS12: [0x0014]}), "Logjam (export)", "critical"),
        (found({TLS12: [0x0028]}), "export", "critical"),
        (found({TLS12: [0x003B]}), "no encryption", "critical"),
        (found({TLS12: [0x00A6]}), "anonymous", "critical"),
        (found({TLS12: [0xC011]}), "RC4", "high"),
        (found({TLS12: [0x0009]}), "short keys", "high"),
        (found({TLS12: [0xC012]}), "SWEET32", "medium"),
        (found({TLS12: [0x002F]}), "no forward secrecy", "low"),
        (found({TLS12: [0xC013]}), "LUCKY13", "info"),
        (found({TLS12: [0xC02F]}), "no TLS 1.3", "info"),
        (found({TLS12: [0xCC13]}), "unregistered suites", "info"),
        (found(GOOD, compression="yes"), "CRIME", "high"),
        (found(GOOD, renegotiation="no"), "insecure renegotiation", "high"),
        (found(GOOD, extended_secret="no"), "Triple Handshake", "low"),
        (found(GOOD, heartbeat="yes"), "heartbeat", "info"),
        (found({TLS10: [0xC013], TLS12: [0xC02F]}, fallback="no"), "no fallback SCSV", "low"),
        (found(GOOD, tickets="no", session_ids="no"), "no resumption", "info"),
        (found(GOOD, dh=DhParameters(1024)), "Logjam", "high"),
        (found(GOOD, dh=DhParameters(1536)), "Logjam", "medium"),
        (found(GOOD, dh=DhParameters(2048, "Postfix's samples")), "shared prime", "low"),
        (found(GOOD, groups={TLS12: [0x0013]}), "weak curves", "medium"),
        (found(GOOD, groups={TLS13: [0x001D]}), "no post-quantum group", "info"),
        (found(GOOD, sha1_signature=True), "SLOTH", "medium"),
        (found(GOOD, key=Key("RSA", 1024)), "short key", "high"),
        (found(GOOD, key=Key("RSA", 2048, "", "SHA-1")), "weak signature", "high"),
    ],
)
def test_each_weakness_is_named(findings: Findings, name: str, severity: str) -> None:
    by_name = {one.name: one for one in weaknesses(findings)}
    assert by_name[name].severity == severity
    assert by_name[name].words
    assert by_name[name].change


def test_the_worst_comes_first() -> None:
    every = [one.severity for one in weaknesses(found({SSL3: [0x0003, 0x000A], TLS12: [0x002F]}))]
    order = ("critical", "high", "medium", "low", "info")
    assert every == sorted(every, key=order.index)
    assert len(set(every)) > 3


def test_the_levels_of_mozilla() -> None:
    ecdsa, rsa = Key("ECDSA", 256, "secp256r1"), Key("RSA", 2048)
    modern = found({TLS13: [0x1301]}, key=ecdsa)
    assert verdict(modern).level == "modern"
    assert verdict(found(GOOD, key=rsa)).level == "intermediate"
    assert verdict(found({TLS12: [0x009E]}, key=rsa, dh=DhParameters(2048))).level == "intermediate"
    old = found({TLS10: [0x002F], TLS12: [0xC02F]}, key=rsa)
    assert verdict(old).level == "old"
    assert verdict(old).missing == ("turn TLS 1.0 off",)
    nothing = verdict(found({SSL3: [0x0005], TLS12: [0x002F]}, key=rsa))
    assert (nothing.level, nothing.better) == ("none", "old")
    assert nothing.missing == ("turn SSLv3 off",)
    assert against(found(GOOD, key=Key("RSA", 1024)), LEVELS[1]) == (
        "take an RSA key of 2048 bits (it has 1024)",
    )
    assert against(found({TLS12: [0x009E]}, dh=DhParameters(1024)), LEVELS[1]) == (
        "take a prime of 2048 bits for DHE (it has 1024)",
    )
    unsure = found(GOOD)
    unsure.versions[SSL3] = "unknown"
    assert not verdict(unsure).sure
    assert "as far as could be told" in verdict(unsure).line()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "dsa"])
def test_a_key_is_read_off_its_certificate(kind: str, request: pytest.FixtureRequest) -> None:
    identity: Identity = request.getfixturevalue(f"{kind}_identity")
    read = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    key = key_of(read.public_bytes(serialization.Encoding.DER))
    assert key
    assert key.kind == kind.upper()
    assert key.bits == read.public_key().key_size  # type: ignore[union-attr]
    assert key.curve == ("secp256r1" if kind == "ecdsa" else "")
    assert (key.signature, key.days) == ("SHA-256", 31)


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("ed25519", ("Ed25519", 256, "", "Ed25519")),
        ("ed448", ("Ed448", 456, "", "Ed448")),
        ("rsa:1024", ("RSA", 1024, "", "SHA-1")),
    ],
)
def test_keys_that_openssl_makes_are_read(
    algorithm: str, expected: tuple[str, int, str, str], tmp_path: Path
) -> None:
    words = ["openssl", "req", "-x509", "-newkey", algorithm, "-nodes", "-subj", "/CN=x", "-sha1"]
    words += ["-keyout", str(tmp_path / "key"), "-outform", "DER"]
    der = subprocess.run(words, capture_output=True, check=True).stdout
    key = key_of(der)
    assert key
    assert (key.kind, key.bits, key.curve, key.signature) == expected


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_are_survived(junk: bytes, cut: int) -> None:
    start = bytes.fromhex("3082012c3082011fa003020102020101300d06092a864886f70d01010b0500")
    for one in (junk, start[:cut] + junk):
        key = key_of(one)
        assert key is None or key.bits >= 0


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("modp_2048", "MODP group 14 (RFC 3526)"),
        ("modp_4096", "MODP group 16 (RFC 3526)"),
        ("ffdhe2048", "ffdhe2048 (RFC 7919)"),
        ("dh_1024_160", "RFC 5114"),
    ],
)
def test_a_prime_that_openssl_knows_is_named(group: str, name: str) -> None:
    kind = "DHX" if group.startswith("dh_") else "DH"
    words = ["openssl", "genpkey", "-genparam", "-algorithm", kind]
    made = subprocess.run(
        [*words, "-pkeyopt", f"group:{group}"], capture_output=True, check=True
    ).stdout
    text = subprocess.run(
        ["openssl", "asn1parse"], input=made, capture_output=True, check=True
    ).stdout.decode()
    prime = int(
        next(line for line in text.splitlines() if "INTEGER" in line).rpartition(":")[2], 16
    )
    assert shared_prime(prime) == name
    assert well_made(name) == (group != "dh_1024_160")
    assert shared_prime(prime + 2) == ""
