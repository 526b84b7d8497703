"""hash: beside hashlib, coreutils and openssl; RFC 2202 and 4231 for HMAC."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from workbench.core.events import Done, Failed
from workbench.core.runner import start
from workbench.tools.digests import NAMES, Hash, Hashed, hash_all

PATIENCE = 60.0


def events(request: Hash) -> list[Any]:
    """All that a run told."""
    run = start(hash_all, request, process=False)
    run.wait(PATIENCE)
    batch = run.feed.drain()
    return [*batch.events, *([batch.ended] if batch.ended else [])]


def digests(request: Hash) -> dict[str, str]:
    """By the name of the hash."""
    return {one.name: one.hex for one in events(request) if isinstance(one, Hashed)}


def test_all_of_them_in_one_reading(tmp_path: Path) -> None:
    data = os.urandom(2_500_000)
    (tmp_path / "file").write_bytes(data)
    found = digests(Hash((str(tmp_path / "file"),), by=("all",)))
    assert set(found) == set(NAMES)
    for name, made in found.items():
        if name == "crc32":
            assert int(made, 16) == zlib.crc32(data)
        elif name.startswith("shake"):
            assert made == hashlib.new(name, data).hexdigest(len(made) // 2)  # type: ignore[call-arg]
        else:
            assert made == hashlib.new(name, data).hexdigest()


def test_hmac_vectors() -> None:
    # RFC 4231, test case 2; RFC 2202, 2.
    found = digests(Hash(text="what do ya want for nothing?", key="Jefe", by=("sha-256", "md5")))
    assert found == {
        "sha256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "md5": "750c783e6ab0b503eaa86e310a5db738",
    }


@pytest.mark.parametrize("key", ["", "secret"])
@pytest.mark.parametrize("text", [None, "grüße"])
@pytest.mark.peer("openssl")
def test_the_code_gives_the_same(key: str, text: str | None, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello\n")
    plain = ["sha256", "md5", "sha1", "blake2b", "sha3_256", "shake_128", "crc32"]
    names = ["sha256", "sha512"] if key else plain
    sources = () if text is not None else (str(tmp_path / "file"),)
    for name in names:
        request = Hash(sources, text=text, key=key, by=(name,))
        (want,) = digests(request).values()
        env = {**os.environ, "KEY": key}
        for words in (
            [sys.executable, "-c", request.as_python()],
            ["bash", "-c", request.as_shell()],
        ):
            out = subprocess.run(
                words, capture_output=True, text=True, timeout=PATIENCE, check=True, env=env
            ).stdout
            assert out.split()[0] == want, (name, words)


def test_what_is_expected() -> None:
    good = hashlib.sha256(b"abc").hexdigest()
    (made, done) = events(Hash(text="abc", expect=good.upper()))
    assert made.matches is True
    assert isinstance(done, Done)
    (made, failed) = events(Hash(text="abd", expect=good))
    assert made.matches is False
    assert "NOT AS EXPECTED" in made.line()
    assert isinstance(failed, Failed)
    assert failed.code == "mismatch"
    assert "64 digits" in events(Hash(text="abc", expect="00ff"))[-1].advice
    assert events(Hash(text="abc", expect="ä" * 64))[-1].code == "mismatch"


def test_what_is_broken_is_marked() -> None:
    assert all(one.weak for one in events(Hash(text="x", by=("md5", "sha1")))[:-1])


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Hash(text="x", by=("sha257",)), "no hash sha257"),
        (Hash(("/nowhere",)), "/nowhere"),
        (Hash(), "no standard input"),
        (Hash(text="x", by=("crc32",), key="k"), "fixed length"),
    ],
)
def test_what_cannot_be_hashed(request_: Hash, words: str) -> None:
    failed = events(request_)[-1]
    assert isinstance(failed, Failed)
    assert words in failed.line()


def test_standard_input_by_the_command() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "workbench", "hash", "--by", "sha1"],
        input=b"abc", capture_output=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert found.stdout.split()[1].decode() == hashlib.sha1(b"abc").hexdigest()
