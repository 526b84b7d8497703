"""What a pane holds, written to a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ui.export import csv_lines, write

FORMULA = tuple("=+-@\t\r")
FORMATS = {".jsonl": lambda: [b"{}", b"[]"], ".csv": lambda: csv_lines(["a"], [[1]])}


def test_the_ending_chooses_the_format(tmp_path: Path) -> None:
    assert write(tmp_path / "x.jsonl", FORMATS) == ""
    assert (tmp_path / "x.jsonl").read_bytes() == b"{}\n[]\n"
    assert write(tmp_path / "x.csv", FORMATS) == ""
    assert (tmp_path / "x.csv").read_bytes() == b"a\n1\n"
    assert (tmp_path / "x.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["x", "x.txt", ".jsonl"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    assert "end the name by .jsonl or .csv" in write(tmp_path / name, FORMATS)
    assert list(tmp_path.iterdir()) == []


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("kept")
    assert "is there already" in write(path, FORMATS)
    assert path.read_text() == "kept"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x.csv").symlink_to(tmp_path / "elsewhere")
    assert "is there already" in write(tmp_path / "x.csv", FORMATS)
    assert not (tmp_path / "elsewhere").exists()


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    problem = write(tmp_path / "missing" / "x.csv", FORMATS)
    assert "ENOENT" in problem
    assert "\n" not in problem
    assert write(tmp_path / ("n" * 300 + ".csv"), FORMATS)


TEXTS = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text[:1] != "'")


@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2)))
def test_texts_come_back_and_none_is_a_formula(rows: list[list[str]]) -> None:
    data = b"".join(line + b"\n" for line in csv_lines(["one", "two"], rows))
    text = data.decode("utf-8")
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found[0] == ["one", "two"]
    assert [[_untamed(cell) for cell in row] for row in found[1:]] == rows
    assert not [cell for row in found for cell in row if cell[:1] in FORMULA]


def _untamed(cell: str) -> str:
    """Without the mark before what a spreadsheet would run."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA else cell
