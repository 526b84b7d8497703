"""Requests kept whole, within bounds, and what happens where they cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.http.keeping import IN_MEMORY, Keeper


def test_what_fits_stays_in_memory() -> None:
    keeper = Keeper(None, 1 << 20)
    keeping = keeper.begin("PUT", b"head")
    keeping.write(bytes(IN_MEMORY))
    keeping.finish()
    assert (keeping.path, keeping.length, len(keeping.first)) == ("", IN_MEMORY, IN_MEMORY)
    keeper.close()


@pytest.mark.parametrize("size", [1, 7_000, 100_000])
def test_what_does_not_fit_goes_to_a_file(size: int) -> None:
    data = os.urandom(150_000)
    keeper = Keeper(None, 1 << 20)
    keeping = keeper.begin("P/../T", b"head\r\n")
    for at in range(0, len(data), size):
        keeping.write(data[at : at + size])
    keeping.finish()
    assert Path(keeping.path).name == "000001-P____T.http"
    assert Path(keeping.path).read_bytes() == b"head\r\n" + data
    assert keeping.first == data[:IN_MEMORY]
    keeper.close()
    assert not Path(keeping.path).exists()


def test_files_of_others_are_let_alone(tmp_path: Path) -> None:
    (tmp_path / "000041-GET.http").write_bytes(b"before")
    (tmp_path / "notes").write_bytes(b"mine")
    keeper = Keeper(tmp_path, 10)
    for _ in range(3):
        keeping = keeper.begin("GET", b"123456789")
        keeping.finish()
    keeper.close()
    assert sorted(os.listdir(tmp_path)) == ["000041-GET.http", "000044-GET.http", "notes"]


DISK_FULL = """
import os, resource, sys
from pathlib import Path
from workbench.http.keeping import Keeper
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
keeping = Keeper(Path(sys.argv[1]), 1 << 20).begin("PUT", b"head")
keeping.write(bytes(50_000))
keeping.write(bytes(200_000))
keeping.write(bytes(200_000))
keeping.finish()
print([keeping.trouble, keeping.path, keeping.length, len(keeping.first), os.listdir(sys.argv[1])])
"""


def test_where_the_disk_is_full_that_is_told_and_nothing_half_is_left(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"['not kept whole: file too large', '', 450000, {IN_MEMORY}, []]\n"
