"""Hashes and ciphers of the kernel: whole where it has AF_ALG, up to the system call where not."""

from __future__ import annotations

import hmac
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import Job, Request
from workbench.core.runner import start
from workbench.sockets.alg import kernel
from workbench.sockets.alg.job import (
    AlgCipher,
    AlgHash,
    AlgList,
    Ciphered,
    Digest,
    Known,
    alg_cipher,
    alg_hash,
    alg_list,
)
from workbench.sockets.alg.known import PROC, hashlib_name, parse


def _has() -> str:
    """Why this kernel cannot do it; "" where it can."""
    try:
        kernel.bound("hash", "sha256").close()
    except Exception as problem:
        return str(problem)
    return ""


LACKS = _has()
here = pytest.mark.skipif(bool(LACKS), reason=f"the kernel: {LACKS}")
lacking = pytest.mark.skipif(not LACKS, reason="the kernel has AF_ALG")
TEXT = b"The quick brown fox jumps over the lazy dog"


def events(job: Job[Any], request: Request) -> list[Any]:
    """All that a run told."""
    run = start(job, request, process=False)
    run.wait(60)
    batch = run.feed.drain()
    return [*batch.events, *([batch.ended] if batch.ended else [])]


def shell(command: str, **more: Any) -> str:
    """What it prints."""
    out: str = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True, **more
    ).stdout
    return out


# -- the formats ---------------------------------------------------------------------------------


def test_the_control_messages_are_those_of_if_alg_h() -> None:
    little = sys.byteorder == "little"
    one = b"\x01\0\0\0" if little else b"\0\0\0\x01"
    four = b"\x04\0\0\0" if little else b"\0\0\0\x04"
    assert kernel.ancillary(kernel.ENCRYPT) == [(279, 3, one)]
    assert kernel.ancillary(kernel.ENCRYPT, b"abcd", 4) == [
        (279, 3, one),
        (279, 2, four + b"abcd"),
        (279, 4, four),
    ]


def test_the_numbers_are_this_pythons_where_it_has_names() -> None:
    for name, value in (
        ("AF_ALG", kernel.AF_ALG), ("SOL_ALG", kernel.SOL_ALG), ("ALG_SET_KEY", kernel.SET_KEY),
        ("ALG_SET_IV", kernel.SET_IV), ("ALG_SET_OP", kernel.SET_OP),
        ("ALG_SET_AEAD_ASSOCLEN", kernel.SET_AEAD_ASSOCLEN),
        ("ALG_SET_AEAD_AUTHSIZE", kernel.SET_AEAD_AUTHSIZE),
        ("ALG_OP_ENCRYPT", kernel.ENCRYPT), ("ALG_OP_DECRYPT", kernel.DECRYPT),
    ):  # fmt: skip
        assert getattr(socket, name, value) == value, name


@pytest.mark.parametrize("name", ["", "x" * 64, "sha\x00256", "ſha256"])
def test_a_name_that_an_address_cannot_hold(name: str) -> None:
    with pytest.raises(JobError, match="no name of an algorithm"):
        kernel.bound("hash", name)


def test_proc_crypto_is_read() -> None:
    (one, two) = parse(
        "name         : cbc(aes)\ndriver       : cbc-aes-aesni\npriority     : 400\n"
        "type         : skcipher\nblocksize    : 16\nmin keysize  : 16\nmax keysize  : 32\n\n"
        "driver: nothing\n\nname : x\ntype : scomp\npriority: many\n\n\n"
    )
    assert (one.name, one.socket_type, one.priority, one.number("blocksize")) == (
        "cbc(aes)", "skcipher", 400, 16,
    )  # fmt: skip
    assert (two.name, two.socket_type, two.priority, two.number("ivsize")) == ("x", "", 0, 0)


@given(st.text(max_size=400))
def test_any_text_is_survived(text: str) -> None:
    for one in parse(text):
        assert one.number("blocksize") >= 0


def test_names_of_hashlib() -> None:
    assert hashlib_name("sha3-256") == ("sha3_256", False)
    assert hashlib_name("hmac(sha512)") == ("sha512", True)
    assert hashlib_name("cmac(aes)") == ("", False)


# -- the jobs ------------------------------------------------------------------------------------


@pytest.mark.skipif(not PROC.exists(), reason="no /proc/crypto")
def test_the_list_is_that_of_proc() -> None:
    told = events(alg_list, AlgList())
    names = sorted(one.name for one in told if isinstance(one, Known))
    request = AlgList()
    lines = shell(request.as_shell()).splitlines()
    assert sorted(line.split(":", 1)[1].strip() for line in lines) == names
    env = {**os.environ, "CODE": request.as_python()}
    printed = shell(f'{sys.executable} -c "$CODE"', env=env)
    assert sorted(line.split()[0] for line in printed.splitlines()) == names
    assert isinstance(told[-1], Done)
    assert any(isinstance(one, Note) for one in told) == bool(LACKS)
    some = events(alg_list, AlgList("SHA256"))
    assert all("sha256" in one.name for one in some if isinstance(one, Known))


@pytest.mark.parametrize("name", ["sha256", "sha3-512", "blake2b-512", "hmac(sha1)"])
def test_a_file_is_hashed_as_the_tools_do(name: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(TEXT * 10_000)
    request = AlgHash(name, str(file), key="00ff10" if "(" in name else "")
    told = events(alg_hash, request)
    (found,) = [one for one in told if isinstance(one, Digest)]
    if "(" in name:
        assert found.hex == hmac.new(bytes.fromhex("00ff10"), TEXT * 10_000, "sha1").hexdigest()
    assert found.length == len(TEXT) * 10_000
    key = {**os.environ, "KEY": "00ff10"}
    if name != "sha3-512" or "sha3-512" in shell("openssl dgst -list"):
        assert shell(request.as_shell(), env=key).split()[0] == found.hex
    script = subprocess.run(
        [sys.executable, "-c", request.as_python()], env=key, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    if LACKS:
        # Neither has a kernel that does it: both say so, and ours gives what can be had.
        assert found.by == "hashlib"
        assert isinstance(told[-1], Failed)
        assert told[-1].code == "EAFNOSUPPORT"
        assert "algif_hash" in told[-1].advice
        assert "Errno 97" in script.stderr
    else:
        assert (found.by, found.agrees) == ("the kernel", True)
        assert script.stdout.strip() == found.hex


def test_a_hash_that_nobody_has() -> None:
    (ended,) = events(alg_hash, AlgHash("sha257", "/etc/hostname"))
    assert isinstance(ended, Failed)
    assert "sha257" in ended.cause or "no sockets" in ended.cause


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (AlgHash("hmac(sha256)", "/etc/hostname", key="xyz"), "the key is not in hex"),
        (AlgHash("sha256", "-"), "no standard input"),
        (AlgHash("sha256", "/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_hashed(request_: AlgHash, words: str) -> None:
    ended = events(alg_hash, request_)[-1]
    assert isinstance(ended, Failed)
    assert words in ended.line()


@lacking
def test_a_cipher_says_what_would_bring_it() -> None:
    for name, module in (("cbc(aes)", "algif_skcipher"), ("gcm(aes)", "algif_aead")):
        request = AlgCipher(name, "/etc/hostname", key="00" * 16, iv="00" * 16)
        (ended,) = events(alg_cipher, request)
        assert isinstance(ended, Failed)
        assert module in ended.advice
        script = subprocess.run(
            [sys.executable, "-c", request.as_python()], env={**os.environ, "KEY": "00" * 16},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Errno 97" in script.stderr


def test_openssl_is_asked_for_the_same_cipher(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(TEXT[:32])
    key, iv = "00112233445566778899aabbccddeeff", "0f" * 16
    request = AlgCipher("cbc(aes)", str(file), key=key, iv=iv)
    there = subprocess.run(
        ["bash", "-c", request.as_shell()], env={**os.environ, "KEY": key}, capture_output=True,
        timeout=60, check=True,
    ).stdout  # fmt: skip
    assert len(there) == 32
    (tmp_path / "back").write_bytes(there)
    back = AlgCipher("cbc(aes)", str(tmp_path / "back"), key=key, iv=iv, decrypt=True)
    assert shell(back.as_shell(), env={**os.environ, "KEY": key}) == TEXT[:32].decode()
    assert "kcapi" in AlgCipher("gcm(aes)", "-").as_shell()


@here
@pytest.mark.parametrize("size", [16, 16_400, 1_000_000])
def test_the_kernel_and_openssl_agree(size: int, tmp_path: Path) -> None:
    data = os.urandom(size - size % 16)
    (tmp_path / "file").write_bytes(data)
    key, iv = os.urandom(32).hex(), os.urandom(16).hex()
    request = AlgCipher("cbc(aes)", str(tmp_path / "file"), key=key, iv=iv)
    made = b"".join(one.data for one in events(alg_cipher, request) if isinstance(one, Ciphered))
    env = {**os.environ, "KEY": key}
    assert made == subprocess.run(
        ["bash", "-c", request.as_shell()], env=env, capture_output=True, timeout=60, check=True
    ).stdout  # fmt: skip
    (tmp_path / "back").write_bytes(made)
    back = AlgCipher("cbc(aes)", str(tmp_path / "back"), key=key, iv=iv, decrypt=True)
    assert data == b"".join(o.data for o in events(alg_cipher, back) if isinstance(o, Ciphered))


@here
def test_a_message_is_sealed_and_opened(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    (tmp_path / "file").write_bytes(TEXT)
    key, iv = bytes(range(16)), bytes(12)
    request = AlgCipher("gcm(aes)", str(tmp_path / "file"), key=key.hex(), iv=iv.hex(), aad="0102")
    made = b"".join(one.data for one in events(alg_cipher, request) if isinstance(one, Ciphered))
    assert made == AESGCM(key).encrypt(iv, TEXT, b"\1\2")
    (tmp_path / "back").write_bytes(made[:-1] + b"\0")
    bad = AlgCipher(
        "gcm(aes)", str(tmp_path / "back"), key=key.hex(), iv=iv.hex(), aad="0102", decrypt=True
    )
    assert events(alg_cipher, bad)[-1].code == "EBADMSG"
