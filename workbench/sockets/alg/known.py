"""What the kernel's crypto API knows: /proc/crypto, read without a socket (proc(5))."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc/crypto")
READ_LIMIT = 1 << 20

SOCKET_TYPES = {
    "ahash": "hash",
    "shash": "hash",
    "skcipher": "skcipher",
    "lskcipher": "skcipher",
    "aead": "aead",
    "rng": "rng",
}
"""A type as /proc/crypto names it, and as a socket's address does; others have no socket."""

HASHLIB = {
    **{name: name for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")},
    **{f"sha3-{bits}": f"sha3_{bits}" for bits in (224, 256, 384, 512)},
    "blake2b-512": "blake2b",
    "blake2s-256": "blake2s",
}
"""The kernel's name of a hash, and hashlib's."""

_MAC = re.compile(r"hmac\(([a-z0-9-]+)\)")


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One implementation. `facts` are all its lines; sizes are in bytes."""

    name: str
    driver: str
    kind: str
    priority: int
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def socket_type(self) -> str:
        """What a socket's address calls its kind; "" where no socket reaches it."""
        return SOCKET_TYPES.get(self.kind, "")

    def number(self, fact: str) -> int:
        """A size; 0 where there is none."""
        text = self.facts.get(fact, "")
        return int(text) if text.isascii() and text.isdigit() else 0


def parse(text: str) -> Iterator[Algorithm]:
    """The blocks of /proc/crypto; what lacks a name or a type is passed over."""
    for block in text.split("\n\n"):
        facts: dict[str, str] = {}
        for line in block.splitlines():
            name, colon, value = line.partition(":")
            if colon:
                facts[name.strip()] = value.strip()
        if "name" in facts and "type" in facts:
            priority = facts.get("priority", "0")
            yield Algorithm(
                facts["name"],
                facts.get("driver", ""),
                facts["type"],
                int(priority) if priority.isascii() and priority.isdigit() else 0,
                facts,
            )


def known(path: Path = PROC) -> list[Algorithm]:
    """What this kernel has loaded by now; a name that is asked for may load more. May be empty.

    Raises:
        OSError: it cannot be read.
    """
    with path.open(encoding="ascii", errors="replace") as file:
        return list(parse(file.read(READ_LIMIT)))


def hashlib_name(name: str) -> tuple[str, bool]:
    """The same hash in hashlib ("" for none), and whether it is its HMAC."""
    mac = _MAC.fullmatch(name)
    return HASHLIB.get(mac[1] if mac else name, ""), mac is not None
