"""A body kept while it comes."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from workbench.core.events import Note
from workbench.core.message import Event
from workbench.http.client.events import HttpBody, HttpEnd, HttpHead
from workbench.http.viewing.keeping import TOLD, keeping
from workbench.http.viewing.kept import KeptBody


def descriptors() -> set[str]:
    return {os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()}


def test_it_goes_to_a_file_that_nobody_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    body = KeptBody(memory=10)
    body.write(b"0123456789")
    assert not any(str(tmp_path) in one for one in descriptors())
    body.write(b"abcdef")
    body.write(b"ghi")
    assert any(str(tmp_path) in one for one in descriptors())
    assert list(tmp_path.iterdir()) == []
    assert body.size == 19
    assert body.read(8, 5) == b"89abc"
    assert body.read(15, 100) == b"fghi"
    assert body.read(50, 5) == b""
    body.begin()
    body.write(b"anew")
    assert (body.size, body.read(0, 100)) == (4, b"anew")
    del body
    gc.collect()
    assert not any(str(tmp_path) in one for one in descriptors())


def test_what_finds_no_room_is_left_out_and_said() -> None:
    body = KeptBody(memory=10, left_free=1 << 62)
    events: list[Event] = [
        HttpHead("1.1", 200, "OK", (("Content-Length", "16"),)),
        *(HttpBody(b"12345678", offset) for offset in (0, 8, 16)),
        HttpEnd(24, 24),
    ]
    told = list(keeping(events, body))
    (note,) = [event for event in told if isinstance(event, Note)]
    assert "8 B of the body are kept, and the rest is not: the disk of " in note.text
    assert body.read(0, 100) == b"12345678"
    assert body.whole
    assert len([event for event in told if isinstance(event, HttpBody)]) == 3


def test_what_is_beyond_the_beginning_is_kept_and_not_told() -> None:
    body = KeptBody()
    piece = bytes(1 << 16)
    events = [HttpBody(piece, at) for at in range(0, 2 * TOLD, len(piece))]
    told = [event for event in keeping(events, body) if isinstance(event, HttpBody)]
    assert sum(len(event.data) for event in told) == TOLD
    assert body.size == 2 * TOLD
