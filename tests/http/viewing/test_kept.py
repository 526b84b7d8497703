"""A body kept while it comes."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from workbench.core.failure import JobError
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


def test_a_full_disk_is_said() -> None:
    body = KeptBody(memory=10, left_free=1 << 62)
    with pytest.raises(JobError, match="free"):
        body.write(b"x" * 100)
