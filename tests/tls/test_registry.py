"""The tables of the registry: whole, of one mind with OpenSSL, and inside the wheel's package."""

from __future__ import annotations

import re
import subprocess

import pytest

from workbench.tls.registry.alerts import ALERTS, alert_kind
from workbench.tls.registry.extensions import EXTENSIONS, extension_name
from workbench.tls.registry.groups import GROUPS, group_name
from workbench.tls.registry.signatures import SIGNATURE_SCHEMES, signature_name
from workbench.tls.registry.suites import SSL2_SUITES, suite_name, suites, suites_of
from workbench.tls.registry.versions import (
    GREASE,
    SSL2,
    SSL3,
    TLS10,
    TLS12,
    TLS13,
    is_grease,
    version_name,
)

ENCRYPTION = re.compile(r"Enc=([\w/]+?)(?:\((\d+)\))? ")


@pytest.mark.peer("openssl")
def test_openssl_calls_every_suite_the_same_and_takes_it_apart_the_same() -> None:
    said = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(said) > 100
    for line in said:
        found = re.match(r"\s*0x(..),0x(..) - (\S+)\s+- (\S+)\s+(\S+)\s+Kx=(\S+)\s+Au=(\S+)", line)
        assert found
        high, low, name, openssl, _, kx, auth = found.groups()
        suite = suites()[int(high + low, 16)]
        assert suite.name == name
        assert suite.openssl == openssl
        ephemeral = kx in ("any", "DH", "ECDH", "DHEPSK", "ECDHEPSK", "SRP")
        assert suite.forward_secret == ephemeral, line
        assert (suite.auth == "anon") == (auth == "None"), line
        assert suite.aead == line.rstrip().endswith("Mac=AEAD"), line
        encryption = ENCRYPTION.search(line)
        assert encryption
        bits = int(encryption[2] or 0)
        assert suite.bits == (112 if encryption[1] == "3DES" else bits), line


def test_every_registered_suite_is_there() -> None:
    registered = [one for one in suites().values() if one.registered]
    assert len(registered) == 350
    assert all(one.recommended in ("Y", "N", "D") for one in registered)
    assert all(not one.recommended for one in suites().values() if not one.registered)
    assert [one.name for one in suites_of(TLS13)[:2]] == ["TLS_SM4_GCM_SM3", "TLS_SM4_CCM_SM3"]
    assert 0x1301 in {one.value for one in suites_of(TLS13)}
    assert 0x1301 not in {one.value for one in suites_of(TLS12)}
    assert 0 not in {one.value for one in suites_of(SSL3)}
    assert suites_of(SSL2) == tuple(SSL2_SUITES.values())
    assert suites_of(TLS10) == suites_of(TLS12)


def test_what_a_name_says_stands_in_the_columns() -> None:
    rc4 = suites()[0x0003]
    assert (rc4.name, rc4.kx, rc4.bits, rc4.mac) == (
        "TLS_RSA_EXPORT_WITH_RC4_40_MD5",
        "RSA_EXPORT",
        40,
        "MD5",
    )
    assert rc4.export
    assert not rc4.forward_secret
    assert not rc4.block_bits
    triple = suites()[0xC012]
    assert (triple.block_bits, triple.bits, triple.cbc, triple.forward_secret) == (
        64,
        112,
        True,
        True,
    )
    assert suites()[0x0019].forward_secret
    assert suites()[0x0019].auth == "anon"
    assert suites()[0xC02F].block_bits == 128
    assert {one.export for one in SSL2_SUITES.values()} == {True, False}


def test_names_say_what_a_value_is() -> None:
    assert suite_name(0x1301) == "TLS_AES_128_GCM_SHA256"
    assert suite_name(0x00FF) == "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
    assert suite_name(0x010080) == "SSL_CK_RC4_128_WITH_MD5"
    assert suite_name(0x2A2A) == group_name(0x2A2A) == extension_name(0x2A2A) == "GREASE"
    assert suite_name(0xEEEE) == "0xEEEE"
    assert group_name(0x11EC) == "X25519MLKEM768"
    assert signature_name(0x0804) == "rsa_pss_rsae_sha256"
    assert signature_name(0x0402) == "dsa_sha256"
    assert extension_name(0) == "server_name"
    assert version_name(TLS13) == "TLS 1.3"
    assert version_name(0x7F1C) == "TLS 1.3 draft 28"
    assert version_name(0x0505) == "0x0505"
    assert len(GREASE) == 16
    assert all(is_grease(one) for one in GREASE)
    assert not is_grease(0x0A1A)


def test_tables_have_no_name_twice() -> None:
    for names in (
        [one.name for one in suites().values()],
        [one.name for one in GROUPS.values()],
        list(SIGNATURE_SCHEMES.values()),
        list(EXTENSIONS.values()),
        [one.name for one in ALERTS.values()],
    ):
        assert len(set(names)) == len(names)


def test_an_alert_says_what_to_look_at() -> None:
    for one in ALERTS.values():
        assert one.meaning
        assert one.look_at
    assert alert_kind(112).name == "unrecognized_name"
    assert alert_kind(200).name == "alert 200"


def test_groups_know_what_a_quantum_computer_breaks() -> None:
    assert {one.name for one in GROUPS.values() if one.post_quantum and one.registered} == {
        "MLKEM512",
        "MLKEM768",
        "MLKEM1024",
        "SecP256r1MLKEM768",
        "X25519MLKEM768",
        "SecP384r1MLKEM1024",
        "curveSM2MLKEM768",
    }
    assert not GROUPS[0x001A].tls13
    assert GROUPS[0x001F].tls13
    assert not GROUPS[0x0001].tls13
