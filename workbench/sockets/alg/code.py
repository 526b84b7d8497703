"""Hashes and ciphers of the kernel as scripts, and as the tools of user space that do the same."""

from __future__ import annotations

import re
import shlex

from workbench.sockets.alg.known import hashlib_name

_HASH = """\
import os
import socket
import sys

name, source = {name!r}, {source!r}
data = sys.stdin.buffer if source == "-" else open(source, "rb")
algorithm = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
algorithm.bind(("hash", name))
{key}work, _ = algorithm.accept()
while piece := data.read(65536):
    work.sendall(piece, socket.MSG_MORE)
work.send(b"")
print(work.recv(4096).hex())
"""
_SET_KEY = """\
algorithm.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, bytes.fromhex(os.environ["KEY"]))
"""
_CIPHER = """\
import os
import socket
import sys

source, iv, associated = {source!r}, bytes.fromhex({iv!r}), bytes.fromhex({aad!r})
data = sys.stdin.buffer.read() if source == "-" else open(source, "rb").read()
algorithm = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
algorithm.bind(({kind!r}, {name!r}))
algorithm.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, bytes.fromhex(os.environ["KEY"]))
{tag}work, _ = algorithm.accept()
size = len(associated) + len(data) + {extra}
more = {{"assoclen": len(associated)}} if associated else {{}}
if iv:
    more["iv"] = iv
work.sendmsg_afalg([associated, data], op=socket.{what}, **more)
sys.stdout.buffer.write(work.recv(size)[len(associated):])
"""
_SET_TAG = "algorithm.setsockopt(socket.SOL_ALG, socket.ALG_SET_AEAD_AUTHSIZE, None, {tag})\n"
_OPENSSL_DIGESTS = {"blake2b-512": "blake2b512", "blake2s-256": "blake2s256"}
_CBC = re.compile(r"(cbc|ctr|ecb)\(aes\)")


def hash_python(name: str, source: str, *, keyed: bool) -> str:
    """The script; a key comes from the variable KEY, in hex."""
    text = _HASH.format(name=name, source=source, key=_SET_KEY if keyed else "")
    return text if keyed else text.replace("import os\n", "")


def hash_shell(name: str, source: str) -> str:
    """openssl dgst, which hashes in user space."""
    known, mac = hashlib_name(name)
    inner = name.removeprefix("hmac(").removesuffix(")")
    if not known:
        return f"# no usual tool does {name}; Linux's own kcapi-dgst(1) asks the kernel as we do"
    digest = _OPENSSL_DIGESTS.get(inner, inner)
    place = "" if source == "-" else f" {shlex.quote(source)}"
    if mac:
        return f'openssl dgst -{digest} -mac hmac -macopt hexkey:"$KEY" -r{place}'
    return f"openssl dgst -{digest} -r{place}"


def cipher_python(
    kind: str, name: str, source: str, iv: str, aad: str, tag: int, *, decrypt: bool
) -> str:
    """The script; the key comes from the variable KEY, in hex."""
    extra = 0 if kind != "aead" else -tag if decrypt else tag
    return _CIPHER.format(
        kind=kind, name=name, source=source, iv=iv, aad=aad, extra=extra,
        what="ALG_OP_DECRYPT" if decrypt else "ALG_OP_ENCRYPT",
        tag=_SET_TAG.format(tag=tag) if kind == "aead" else "",
    )  # fmt: skip


def cipher_shell(name: str, source: str, iv: str, *, decrypt: bool) -> str:
    """openssl enc, where it knows the cipher."""
    mode = _CBC.fullmatch(name)
    if mode is None:
        return f"# openssl enc does no {name}; Linux's own kcapi-enc(1) asks the kernel as we do"
    place = "" if source == "-" else f" -in {shlex.quote(source)}"
    vector = f" -iv {iv}" if iv else ""
    way = "-d" if decrypt else "-e"
    return f'openssl enc {way} -aes-$((4 * ${{#KEY}}))-{mode[1]} -K "$KEY"{vector} -nopad{place}'
