"""What is wrong with a chain: each fault found alone, and held to what openssl makes of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tls.badssl import NOW, SCENARIOS, Scenario
from workbench.tls import pem
from workbench.tls.making import broken
from workbench.tls.making.issuing import Made, Order, issue, lifetime, new_key
from workbench.tls.x509 import certificate, matching
from workbench.tls.x509.certificate import Certificate
from workbench.tls.x509.diagnose import Finding, build_path, diagnose
from workbench.tls.x509.name import General

NAME = "a.example"


@cache
def made(kind: str) -> broken.Set:
    return broken.make(kind, NAME, NOW)


def chain_of(one: broken.Set) -> list[Certificate]:
    return [certificate.decode(raw) for raw in one.chain]


def judge(one: broken.Set, name: str = NAME) -> tuple[Finding, ...]:
    root = certificate.decode(one.root)
    return diagnose(chain_of(one), now=NOW, name=name, roots=[root])


@pytest.mark.parametrize("kind", broken.KINDS)
def test_each_fault_is_found_and_nothing_else(kind: str) -> None:
    found = judge(made(kind))
    expected = {made(kind).code} - {""} | ({"root-sent"} if kind == "unknown-root" else set())
    assert {one.code for one in found} == expected
    assert all(one.words and one.advice for one in found)


# OpenSSL still looks at a common name, keeps no limit of life and builds any order.
LAXER = {"common-name-only", "long-life", "wrong-order", "root-sent", "duplicate", "unrelated"}


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("kind", broken.KINDS)
def test_openssl_refuses_what_is_called_an_error(kind: str, tmp_path: Path) -> None:
    one = made(kind)
    for name, some in (("leaf", one.chain[:1]), ("sent", one.chain), ("root", (one.root,))):
        (tmp_path / name).write_bytes(b"".join(pem.write("CERTIFICATE", raw) for raw in some))
    words = ["-purpose", "sslserver", "-verify_hostname", NAME, "-auth_level", "2"]
    words += ["-attime", str(int(NOW.timestamp())), "-x509_strict", "-untrusted", "sent"]
    ran = subprocess.run(
        ["openssl", "verify", "-CAfile", "root", "-no-CApath", "-no-CAstore", *words, "leaf"],
        cwd=tmp_path,
        capture_output=True,
    )
    assert (ran.returncode == 0) == (kind == "none" or made(kind).code in LAXER), ran.stderr


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.label)
def test_the_scenarios_of_badssl(one: Scenario) -> None:
    found = judge(one.build(), one.name)
    assert {each.code for each in found} == one.codes


@pytest.mark.parametrize(
    ("held", "target", "fits"),
    [
        ("a.example", "A.Example.", True),
        ("a.example", "b.example", False),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("*.com", "example.com", False),
        ("a*.example.com", "ab.example.com", False),
        ("*a.example.com", "ba.example.com", False),
        ("a.*.example.com", "a.b.example.com", False),
        ("*", "localhost", False),
        ("localhost", "localhost", True),
        ("192.0.2.1", "192.0.2.1", False),
        ("*.0.2.1", "192.0.2.1", False),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("", "", False),
    ],
)
def test_host_names_by_rfc_9525(held: str, target: str, fits: bool) -> None:
    assert matching.is_the_same(General("DNS", held), target) is fits


@pytest.mark.parametrize(
    ("held", "target", "fits"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "[2001:DB8:0::1]", True),
        ("fe80::1", "fe80::1%eth0", True),
        ("192.0.2.1", "::ffff:192.0.2.1", False),
        ("192.0.2.1", "a.example", False),
    ],
)
def test_addresses(held: str, target: str, fits: bool) -> None:
    assert matching.is_the_same(General("IP", held), target) is fits


def test_an_address_that_stands_as_a_name_is_told() -> None:
    (leaf, *rest) = chain_of(made("none"))
    facts = replace(leaf.facts, names=(General("DNS", "192.0.2.1"),))
    found = diagnose([replace(leaf, facts=facts), *rest], now=NOW, name="192.0.2.1")
    assert [one.words for one in found] == [
        "“192.0.2.1” stands in it as a DNS name; an address must stand as IP"
    ]


@pytest.mark.parametrize(
    ("kind", "name", "limit", "inside"),
    [
        ("DNS", "a.example", "example", True),
        ("DNS", "a.example", ".example", True),
        ("DNS", "badexample", "example", False),
        ("DNS", "*.a.example", "a.example", True),
        ("IP", "10.1.2.3", "10.0.0.0/8", True),
        ("IP", "11.1.2.3", "10.0.0.0/8", False),
        ("email", "me@a.example", "a.example", True),
        ("email", "me@b.a.example", ".a.example", True),
        ("email", "me@b.a.example", "a.example", False),
        ("URI", "https://u@a.example:8/x", "a.example", True),
        ("DNS", "a.example", "", True),
    ],
)
def test_name_constraints(kind: str, name: str, limit: str, inside: bool) -> None:
    assert matching.within(General(kind, name), [General(kind, limit)]) is inside
    assert matching.within(General(kind, name), []) is None


def test_without_roots_trust_is_not_judged() -> None:
    assert diagnose(chain_of(made("none")), now=NOW, name=NAME) == ()
    (one,) = diagnose(chain_of(made("missing-intermediate")), now=NOW)
    assert (one.code, one.weight) == ("missing-intermediate", "warning")
    assert [one.code for one in diagnose([], now=NOW)] == ["empty"]


def test_a_chain_for_clients_has_other_uses() -> None:
    codes = {one.code for one in diagnose(chain_of(made("none")), now=NOW, use="client")}
    assert codes == {"wrong-use"}
    assert diagnose(chain_of(made("wrong-use")), now=NOW, use="client") == ()


@pytest.mark.parametrize(
    ("missing", "rule"),
    [
        ("2.5.29.35", "lacks an authority key identifier"),
        ("2.5.29.14", "is a CA without a subject key identifier"),
        ("2.5.29.15", "is a CA without key usage"),
    ],
)
@pytest.mark.peer("openssl")
def test_strict_rules_are_those_of_openssl(missing: str, rule: str, tmp_path: Path) -> None:
    one = made("none")
    begin, end = lifetime(NOW, 90)
    root = _without(Order("Root", "ca", begin, end), missing)
    leaf_order = Order(NAME, "server", begin, end, (NAME,))
    leaf = _without(leaf_order, missing, root) if "lacks" in rule else _sound(leaf_order, root)
    found = diagnose(
        [certificate.decode(leaf.certificate)],
        now=NOW,
        name=NAME,
        roots=[certificate.decode(root.certificate)],
    )
    assert [each.code for each in found] == ["strict"]
    assert rule in found[0].words
    assert judge(one) == ()
    (tmp_path / "root").write_bytes(root.certificate_pem)
    (tmp_path / "leaf").write_bytes(leaf.certificate_pem)
    plain = ["openssl", "verify", "-attime", str(int(NOW.timestamp())), "-CAfile", "root"]
    for strict in ([], ["-x509_strict"]):
        ran = subprocess.run([*plain, *strict, "leaf"], cwd=tmp_path, capture_output=True)
        assert (ran.returncode == 0) is not bool(strict)


def _sound(order: Order, root: Made) -> Made:
    return issue(order, new_key("rsa"), root)


def _without(order: Order, extension: str, issuer: Made | None = None) -> Made:
    """A certificate less one of its extensions, signed anew by openssl's own arithmetic."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    from workbench.tls.making.issuing import load_key

    made = issue(order, new_key("rsa"), issuer)
    old = x509.load_der_x509_certificate(made.certificate)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
    )
    for one in old.extensions:
        if one.oid.dotted_string != extension:
            builder = builder.add_extension(one.value, one.critical)
    signer = load_key((issuer or made).key)
    signed = builder.sign(signer, hashes.SHA256())
    return Made(signed.public_bytes(serialization.Encoding.DER), made.key)


def test_a_loop_of_issuers_ends() -> None:
    leaf, middle = chain_of(made("none"))
    other = replace(middle, subject=leaf.subject, issuer=leaf.issuer, raw=b"1")
    ring = replace(leaf, subject=leaf.issuer, issuer=leaf.subject, raw=b"2")
    assert len(build_path([other, ring, other, ring]).certificates) <= 4


@given(st.permutations(range(4)), st.timedeltas(timedelta(-9999), timedelta(9999)))
def test_any_order_and_any_clock(order: list[int], shift: timedelta) -> None:
    four = [*chain_of(made("wrong-order")), certificate.decode(made("wrong-order").root)]
    chain = [four[at] for at in order if at < len(four)]
    for one in diagnose(chain, now=NOW + shift, name="x"):
        assert one.words
        assert one.at < len(chain)
