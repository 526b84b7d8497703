"""Files of certificates and keys: read within bounds, written whole, never overwritten unasked."""

from __future__ import annotations

import os
import select
from pathlib import Path

from workbench.core.failure import JobError
from workbench.core.folders import make_private, write_whole
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.tls import pem

LIMIT = 16 * 1024 * 1024
"""Bytes that are read at most: a system's whole store has a fiftieth of that."""

CA_CERTIFICATE, CA_KEY = "ca.pem", "ca.key"


@event("cert-file")
class Written(Event):
    """A file was written: `path`, what it holds in words, and its mode, as "0600"."""

    path: str
    what: str
    mode: str

    def line(self) -> str:
        """Its name, then what it holds."""
        return f"{safe(self.path)}: {safe(self.what)}"


def read(source: str, scope: Scope) -> bytes:
    """All of a file, or of standard input for "-".

    Raises:
        JobError: it is too long, or there is no standard input.
        OSError: it cannot be read.
    """
    if source == "-":
        if scope.input is None:
            raise JobError("there is no standard input here", advice="name a file instead")
        return _all(scope.input, source, scope)
    # Opened without waiting, so that a pipe nobody writes to does not hold the job for ever.
    number = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _all(number, source, scope)
    finally:
        os.close(number)


def _all(number: int, source: str, scope: Scope) -> bytes:
    found = bytearray()
    poll = select.poll()
    for one in (number, scope.fileno()):
        poll.register(one, select.POLLIN)
    while len(found) <= LIMIT:
        scope.check()
        if number not in dict(poll.poll()):
            scope.commands()
            continue
        some = os.read(number, 65536)
        if not some:
            return bytes(found)
        found += some
    raise JobError(f"{safe(source)} is longer than {LIMIT >> 20} MiB, as no certificate is")


def read_blocks(source: str, scope: Scope) -> tuple[pem.Block, ...]:
    """The blocks of a file or of standard input; raises JobError where there are none."""
    try:
        return pem.find(read(source, scope))
    except pem.PemError as problem:
        name = "standard input" if source == "-" else safe(source)
        advice = "give a file with a certificate, request, key or list, in PEM or DER"
        raise JobError(f"{name}: {problem}", advice=advice) from None


def one_block(source: str, labels: tuple[str, ...], what: str, scope: Scope) -> pem.Block:
    """The first block with one of the labels; raises JobError where there is none."""
    found = read_blocks(source, scope)
    for block in found:
        if block.label in labels:
            return block
    held = ", ".join(dict.fromkeys(block.label.lower() for block in found))
    raise JobError(f"{safe(source)} holds no {what} but: {held}", advice=f"give one with a {what}")


def may_write(paths: list[Path], force: bool) -> None:
    """Raise JobError where one of the files exists and may not be replaced."""
    for path in paths:
        if not force and os.path.lexists(path):
            raise JobError(
                f"{safe(str(path))} exists already",
                code="EEXIST",
                advice="choose another place with --output, or replace it with --force",
            )


def write(path: Path, data: bytes, what: str, *, secret: bool = False) -> Written:
    """Write a file whole, mode 0600 where it is secret, else 0644."""
    write_whole(path, data)
    if not secret:
        os.chmod(path, 0o644)
    return Written(str(path), what, f"{path.stat().st_mode & 0o777:04o}")


def ca_folder(given: str) -> Path:
    """The folder of our CA: as given, else $XDG_DATA_HOME/workbench/ca."""
    if given:
        return Path(given)
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):
        return Path(data, "workbench", "ca")
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise JobError("no home folder is known", advice="say where with --ca FOLDER")
    return Path(home, ".local", "share", "workbench", "ca")


def prepare(folder: Path) -> None:
    """Make the folder of a CA and its missing parents, with mode 0700."""
    make_private(folder)


def file_name(name: str) -> str:
    """A file's name for a host's: no slash, no star, no dot in front."""
    clean = "".join(char if char.isalnum() or char in "-._@" else "_" for char in name)
    return clean.lstrip(".") or "_"
