"""Where settings and history live."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.core import folders


def test_xdg_variables_decide(own_home: Path) -> None:
    assert folders.state_folder() == own_home / "state" / "workbench"
    assert folders.config_folder() == own_home / "config" / "workbench"


def test_naming_a_folder_creates_nothing(own_home: Path) -> None:
    folders.state_folder()
    folders.config_folder()
    assert list(own_home.iterdir()) == []


def test_an_empty_variable_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folders.state_folder() == tmp_path / ".local" / "state" / "workbench"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(FileNotFoundError, match="XDG_STATE_HOME"):
        folders.state_folder()


def test_made_folders_are_private_and_existing_ones_keep_their_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    folders.make_private(shared / "a" / "b")
    folders.make_private(shared / "a" / "b")
    modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (shared, shared / "a", shared / "a/b")]
    assert modes == [0o755, 0o700, 0o700]


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        folders.make_private(tmp_path / "file" / "workbench")


def test_importing_what_keeps_state_is_cheap() -> None:
    code = (
        "import sys, workbench.core.folders, workbench.core.history\n"
        "import workbench.core.settings\n"
        "print(sorted({'platformdirs', 'sqlite3', 'tomllib', 'tomli_w'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
