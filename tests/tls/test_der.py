"""DER read within bounds, PEM found in any text: against openssl and against any bytes."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tls import der, oids, pem

SPKI = bytes.fromhex("302a300506032b6570032100") + bytes(range(32))


def test_an_element_is_taken_apart_to_its_bytes() -> None:
    top = der.read(SPKI)
    algorithm, key = top.children()
    assert (top.tag, len(top.raw)) == (der.SEQUENCE, 44)
    assert algorithm.children()[0].oid() == "1.3.101.112"
    assert key.value == b"\0" + bytes(range(32))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "an element expected, the end found at byte 0"),
        ("30", "cut off before a length at byte 1"),
        ("3005", "SEQUENCE of 5 bytes where only 0 are left at byte 0"),
        ("3000ff", "1 bytes follow the SEQUENCE at byte 2"),
        ("3089" + "01" * 9, "a length of too many bytes, or cut off at byte 1"),
        ("1fffffffffff", "a tag of too many bytes, or cut off at byte 5"),
        ("0480", "an indefinite length where there are no elements at byte 0"),
        ("30800000ff", "1 bytes follow the SEQUENCE at byte 4"),
        ("308002010", None),
    ],
)
def test_what_is_wrong_is_said_with_its_place(data: str, why: str | None) -> None:
    with pytest.raises(der.DerError) as caught:
        der.read(bytes.fromhex(data + "0" * (len(data) % 2)))
    assert why is None or str(caught.value) == why


def test_nesting_ends_at_its_limit() -> None:
    data = b""
    for _ in range(der.DEPTH + 5):
        data = der.element(der.SEQUENCE, data)

    def descend(one: der.Element) -> None:
        for child in one.children():
            descend(child)

    with pytest.raises(der.DerError, match="nested more than 32 deep"):
        descend(der.read(data))
    with pytest.raises(der.DerError, match="nested more than 32 deep"):
        der.read(b"\x30\x80" * 5000)


@pytest.mark.parametrize(
    ("tag", "text", "moment"),
    [
        (der.UTC_TIME, "491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.UTC_TIME, "500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (der.UTC_TIME, "2601010130+0100", datetime(2026, 1, 1, 0, 30, tzinfo=UTC)),
        (der.GENERALIZED_TIME, "99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.GENERALIZED_TIME, "20260101000000.5Z", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_times(tag: int, text: str, moment: datetime) -> None:
    assert der.read(der.element(tag, text.encode())).moment() == moment


@pytest.mark.parametrize("text", ["", "Z", "261301000000Z", "26010100000²Z", "000000000000Z+9999"])
def test_no_times(text: str) -> None:
    with pytest.raises(der.DerError, match="is no time"):
        der.read(der.element(der.UTC_TIME, text.encode())).moment()


@given(st.lists(st.integers(0, 2**40), max_size=8), st.integers(0, 2), st.integers(0, 39))
def test_identifiers_come_back(rest: list[int], head: int, second: int) -> None:
    text = ".".join(map(str, (head, second, *rest)))
    assert der.read(der.oid(text)).oid() == text


def test_names_of_identifiers() -> None:
    assert oids.name("2.5.29.17") == "subject alternative name"
    assert oids.name("1.2.840.113549.1.1.5") == "sha1WithRSAEncryption"
    assert oids.name("1.2.3.4") == "1.2.3.4"


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("oid", [*oids.SIGNATURES, *oids.EXTENSIONS, *oids.USES])
def test_every_identifier_is_one_that_openssl_can_write(oid: str) -> None:
    made = subprocess.run(
        ["openssl", "asn1parse", "-genstr", f"OID:{oid}", "-noout", "-out", "/dev/stdout"],
        capture_output=True,
        check=True,
    )
    assert der.oid(oid) == made.stdout


def _walk(one: der.Element) -> None:
    for child in one.children():
        if child.constructed:
            _walk(child)
        for reader in (child.oid, child.integer, child.boolean, child.bits, child.text):
            try:
                reader()
            except der.DerError:
                pass
        try:
            child.moment()
        except der.DerError:
            pass


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda b: der.element(0x30, b)))
def test_any_bytes_are_a_value_or_one_error(data: bytes) -> None:
    try:
        top = der.read(data)
        if top.constructed:
            _walk(top)
    except der.DerError as problem:
        offset = problem.offset
    else:
        offset = 0
    assert 0 <= offset <= len(data)


@given(st.binary(max_size=400), st.sampled_from(["\n", "\r\n", "\\n", "\n   ", "\n> "]))
def test_a_block_comes_back_through_any_line_end(data: bytes, end: str) -> None:
    text = pem.write("CERTIFICATE", data).decode()
    around = "Dear all,\n> " + text.replace("\n", end) + "\nregards"
    assert pem.find(around.encode()) == (pem.Block("CERTIFICATE", data),)


def test_der_and_bare_base64_are_recognised() -> None:
    block = pem.Block("PUBLIC KEY", SPKI)
    assert pem.find(SPKI) == (block,)
    assert pem.find(SPKI + b"\n") == (block,)
    long = der.element(
        der.SEQUENCE, der.element(der.SEQUENCE), der.element(der.BIT_STRING, bytes(90))
    )
    assert pem.find(b"key: " + base64.b64encode(long)) == (pem.Block("PUBLIC KEY", long),)
    assert pem.write("PUBLIC KEY", SPKI).splitlines()[0] == b"-----BEGIN PUBLIC KEY-----"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "neither PEM"),
        (b"hello", "neither PEM"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB", "does not end"),
        (b"-----BEGIN X-----\nMII!\n-----END X-----", "not base64"),
        (b"\x30\x82\xff\xff\x00", "begins as DER does"),
    ],
)
def test_what_cannot_be_read_says_why(text: bytes, why: str) -> None:
    with pytest.raises(pem.PemError, match=why):
        pem.find(text)


@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda b: b"-----BEGIN A-----" + b))
def test_any_bytes_are_blocks_or_one_error(data: bytes) -> None:
    try:
        assert all(isinstance(block.der, bytes) for block in pem.find(data))
    except pem.PemError:
        pass
