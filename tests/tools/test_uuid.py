"""UUIDs: RFC 9562's vectors, the standard library, uuidgen and uuidparse."""

from __future__ import annotations

import subprocess
import sys
import uuid
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.tools.uuids import making
from workbench.tools.uuids.job import Fields, Made, UuidRequest, make_or_read
from workbench.tools.uuids.reading import Uuid, UuidError, read, shown_time

PATIENCE = 60.0


def events(request: UuidRequest) -> list[Any]:
    """All that a run told."""
    run = start(make_or_read, request, process=False)
    run.wait(PATIENCE)
    batch = run.feed.drain()
    return [*batch.events, *([batch.ended] if batch.ended else [])]


# RFC 9562, appendices A and B: the same moment, 2022-02-22T14:22:22-05:00, in each.
@pytest.mark.parametrize(
    ("text", "version", "at", "node", "clock"),
    [
        ("C232AB00-9414-11EC-B3C8-9F6BDECED846", 1, 1645557742.0, "9f:6b:de:ce:d8:46", 0x33C8),
        ("5df41881-3aed-3515-88a7-2f4a814cf09e", 3, None, "", -1),
        ("919108f7-52d1-4320-9bac-f847db4148a8", 4, None, "", -1),
        ("2ed6657d-e927-568b-95e1-2665a8aea6a2", 5, None, "", -1),
        ("1EC9414C-232A-6B00-B3C8-9F6BDECED846", 6, 1645557742.0, "9f:6b:de:ce:d8:46", 0x33C8),
        ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 7, 1645557742.0, "", -1),
        ("2489E9AD-2EE2-8E00-8EC9-32D5F69181C0", 8, None, "", -1),
        ("5c146b14-3c52-8afd-938a-375d0df1fbf6", 8, None, "", -1),
    ],
)
def test_the_vectors_of_rfc_9562(
    text: str, version: int, at: float | None, node: str, clock: int
) -> None:
    one = read(text)
    assert (one.version, one.at, one.mac, one.clock) == (version, at, node, clock)
    assert one.variant == "RFC 9562"
    assert making.canonical(one.value) == text.lower()


def test_the_vectors_of_rfc_9562_made() -> None:
    assert making.canonical(making.version8(b"www.example.com", uuid.NAMESPACE_DNS)) == (
        "5c146b14-3c52-8afd-938a-375d0df1fbf6"
    )
    for version, text in (
        ("3", "5df41881-3aed-3515-88a7-2f4a814cf09e"),
        ("5", "2ed6657d-e927-568b-95e1-2665a8aea6a2"),
        ("8", "5c146b14-3c52-8afd-938a-375d0df1fbf6"),
    ):
        (made, _) = events(UuidRequest(version=version, name="www.example.com"))  # type: ignore[arg-type]
        assert made.uuid == text


@pytest.mark.parametrize("version", ["1", "4", "6", "7"])
def test_many_are_all_different_and_of_their_version(version: Any) -> None:
    *made, done = events(UuidRequest(version=version, count=1_000))
    assert isinstance(done, Done)
    found = {uuid.UUID(one.uuid) for one in made}
    assert len(found) == 1_000
    for one in found:
        assert (one.version, one.variant) == (int(version), uuid.RFC_4122)
    if version in "67":
        texts = [one.uuid for one in made]
        assert texts == sorted(texts)


def test_version_7_never_goes_back_within_a_millisecond_nor_when_the_clock_does() -> None:
    values = list(making.version7(20_000, now_ms=1_645_557_742_000))
    assert all(one < other for one, other in pairwise(values))
    first = read(making.canonical(values[0]))
    assert first.at == 1_645_557_742.0
    assert first.counter < 0x400
    assert read(making.canonical(values[-1])).at == pytest.approx(1_645_557_742.0, abs=0.01)


def test_a_node_that_is_given() -> None:
    (made, _) = events(UuidRequest(version="6", node="02-00-5e-10-00-00"))
    assert read(made.uuid).mac == "02:00:5e:10:00:00"
    assert "network card" in read(made.uuid).odd[0]
    (made, _) = events(UuidRequest(version="6"))
    assert "random" in read(made.uuid).odd[0]


@given(st.integers(0, (1 << 128) - 1))
def test_every_form_reads_back(value: int) -> None:
    one = Uuid(value, "", "", 0)
    for name, text in one.forms().items():
        digits = text.isdigit() and len(text) != 39  # which may be of any of the shorter forms
        if not name.startswith("bytes") and not digits:
            found = read(text)
            assert found.value == value, (name, text)
            assert found.form == name.replace("url", "")
    assert read(one.forms()["bytes"]).value == value
    assert read(one.forms()["bytes, GUID order"], little=True).value == value
    assert one.forms()["urn"] == uuid.UUID(int=value).urn
    assert bytes.fromhex(one.forms()["bytes, GUID order"]) == uuid.UUID(int=value).bytes_le
    told = read(one.forms()["hex"])
    if told.version:
        assert told.version == uuid.UUID(int=value).version
    if told.version == 1:
        theirs = uuid.UUID(int=value)
        assert (told.clock, told.node) == (theirs.clock_seq, theirs.node)
        assert told.at == pytest.approx((theirs.time - making.EPOCH) / 1e7)


@given(st.text(max_size=60))
def test_any_text_is_one_or_an_error(text: str) -> None:
    try:
        one = read(text)
    except UuidError:
        return
    assert 0 <= one.value < 1 << 128


def test_special_and_odd_ones() -> None:
    assert "nil" in read(str(uuid.UUID(int=0))).name
    assert "max" in read("ffffffff-ffff-ffff-ffff-ffffffffffff").name
    assert read("6ba7b810-9dad-11d1-80b4-00c04fd430c8").odd[-1] == "the namespace of DNS names"
    assert "few different" in read("11111111-1111-4111-9111-111111111111").odd[0]
    assert "no version 15" in read("11111111-1111-f111-9111-111111111111").odd[0]
    assert "NCS" in read("11111111-1111-1111-1111-111111111111").variant
    assert "Microsoft" in read("11111111-1111-1111-c111-111111111111").variant
    assert read("11111111-1111-1111-f111-111111111111").variant == "reserved"
    assert "future" in " ".join(read("ffffffff-ffff-7fff-9fff-ffffffffffff").odd)
    assert read("000003e8-cbb9-21ea-b201-00045a86c8a1").owner == "group (GID) 1000"
    assert "beyond the calendar" in shown_time(1e15)


def test_what_is_none() -> None:
    for text, words in (
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c", "31 hex digits of 32"),
        ("nonsense", "looks like"),
        ("9" * 39, "beyond 128 bits"),
    ):
        failed = events(UuidRequest((text,)))[-1]
        assert isinstance(failed, Failed)
        assert words in failed.cause
    for request in (
        UuidRequest(count=0),
        UuidRequest(version="5", namespace="nothing"),
        UuidRequest(version="1", node="xyz"),
    ):
        assert isinstance(events(request)[-1], Failed)


# -- as code -------------------------------------------------------------------------------------


def output(words: list[str]) -> list[str]:
    """The lines that a command prints."""
    return subprocess.run(
        words, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize("version", ["1", "3", "4", "5", "6", "7", "8", "nil", "max"])
@pytest.mark.peer("uuidgen")
def test_code_makes_the_same_kind(version: Any) -> None:
    request = UuidRequest(version=version, count=2, name="example.org")
    for words in (["python3", "-c", request.as_python()], ["bash", "-c", request.as_shell()]):
        if words[0] == "python3":
            words[0] = sys.executable
        lines = output(words)
        assert len(lines) == 2
        ours = [one.uuid for one in events(request) if isinstance(one, Made)]
        if version in ("3", "5", "8", "nil", "max"):
            assert lines == ours
        else:
            assert [read(one).version for one in lines] == [int(version)] * 2


@pytest.mark.peer("uuidparse")
def test_uuidparse_reads_the_same() -> None:
    text = "c232ab00-9414-11ec-b3c8-9f6bdeced846"
    request = UuidRequest((text,))
    (found, _) = events(request)
    assert isinstance(found, Fields)
    line = output(["bash", "-c", request.as_shell()])[-1]
    assert "time-based" in line
    assert "2022-02-22" in line
    assert output([sys.executable, "-c", request.as_python()])[0].startswith(text)
    guid = UuidRequest((text,), guid=True)
    (found, _) = events(guid)
    assert found.uuid == output([sys.executable, "-c", guid.as_python()])[0].split()[0]


@pytest.mark.parametrize(
    "form", ["canonical", "urn", "braces", "hex", "integer", "base32", "base64url"]
)
def test_forms_are_those_of_the_script(form: Any) -> None:
    request = UuidRequest(version="5", name="x", form=form)
    (made, _) = events(request)
    assert output([sys.executable, "-c", request.as_python()]) == [made.uuid]
