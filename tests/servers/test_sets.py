"""Sets of servers as files that people edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.servers import sets

LINES = ["serve echo tcp://127.0.0.1:0", "serve http http://127.0.0.1:0/ '--root=a b'"]


def written(name: str, text: str | bytes) -> None:
    folder = sets.folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def test_what_is_saved_is_loaded() -> None:
    assert sets.names() == []
    path = sets.save("web", LINES)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sets.names() == ["web"]
    assert sets.load("web") == LINES
    sets.save("web", LINES[:1])
    assert sets.load("web") == LINES[:1]


def test_a_file_is_edited_by_hand() -> None:
    written(
        "mine",
        "# the front\n\n  serve echo 'tcp://127.0.0.1:7' # here\nserve http 'unix:x#y'\n",
    )
    assert sets.load("mine") == ["serve echo tcp://127.0.0.1:7", "serve http 'unix:x#y'"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("serve echo x\nconnect y\n", ":2: a line begins with serve, not connect"),
        ("serve 'echo\n", ":1: No closing quotation"),
        (b"serve \xff\n", "is not UTF-8"),
        ("serve x\n" * 201, "more than 200 servers"),
        ("#" * 70_000, "larger than 64 KiB"),
    ],
)
def test_what_is_wrong_is_one_line(text: str | bytes, words: str) -> None:
    written("mine", text)
    with pytest.raises(sets.SetError, match=words) as caught:
        sets.load("mine")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", "x" * 65, "a\0"])
def test_a_name_is_a_name(name: str) -> None:
    for do in (lambda: sets.load(name), lambda: sets.save(name, LINES)):
        with pytest.raises(sets.SetError, match="no name of a set"):
            do()


def test_what_is_not_there_names_what_is() -> None:
    with pytest.raises(sets.SetError, match="there are: none yet"):
        sets.load("web")
    sets.save("web", LINES)
    with pytest.raises(sets.SetError, match="there are: web"):
        sets.load("other")
    with pytest.raises(sets.SetError, match="start some first"):
        sets.save("empty", [])


def test_what_is_no_set_in_the_folder_is_not_listed(tmp_path: Path) -> None:
    written(".hidden", "")
    written("web", "")
    assert sets.names() == ["web"]
    assert sets.load("web") == []
