"""The settings file: read forgivingly, written whole."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from workbench.core.settings import (
    HistorySettings,
    Screen,
    Settings,
    SettingsError,
    describe,
    load,
    save,
    settings_file,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# Reading


def test_no_file_is_no_problem(own_home: Path) -> None:
    assert load() == (Settings(), [])
    assert settings_file() == own_home / "config" / "workbench" / "settings.toml"
    assert list(own_home.iterdir()) == []


def test_defaults() -> None:
    settings = Settings()
    assert settings.screen == Screen(
        light=True,
        frames_per_second=20,
        frames_per_second_ssh=8,
        theme="textual-dark",
        ascii=False,
        animations=False,
    )
    assert settings.history == HistorySettings(keep=5000, enabled=True)
    assert (settings.keys, settings.job) == ({}, {})


def test_what_is_written_is_used(path: Path) -> None:
    write(
        path,
        """
        [screen]
        light = false
        frames_per_second = 30
        theme = "nord"
        [history]
        keep = 10
        [keys]
        quit = "ctrl+q,f10"
        [job."serve http"]
        root = "/srv"
        timeout = 2.5
        """,
    )
    settings, problems = load(path)
    assert problems == []
    assert settings == Settings(
        screen=Screen(light=False, frames_per_second=30, theme="nord"),
        history=HistorySettings(keep=10),
        keys={"quit": "ctrl+q,f10"},
        job={"serve http": {"root": "/srv", "timeout": 2.5}},
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("screen.light = 1", "screen.light: must be true or false, not 1; true is used"),
        ('screen.light = "no"', 'screen.light: must be true or false, not "no"; true is used'),
        ("screen.ascii = []", "screen.ascii: must be true or false, not a list; false is used"),
        ("screen.animations = 0.5", "must be true or false, not 0.5; false is used"),
        ("screen.frames_per_second = true", "must be a whole number, not true; 20 is used"),
        ("screen.frames_per_second = 20.0", "must be a whole number, not 20.0; 20 is used"),
        ("screen.frames_per_second = 0", "must be from 1 to 60, not 0; 20 is used"),
        ("screen.frames_per_second_ssh = 61", "must be from 1 to 60, not 61; 8 is used"),
        ("screen.theme = 5", 'screen.theme: must be a text in quotes, not 5; "textual-dark" is'),
        ("screen.theme = {}", "must be a text in quotes, not a table"),
        ('history.keep = "all"', 'history.keep: must be a whole number, not "all"; 5000 is used'),
        ("history.keep = -1", "must be from 1 to 100000, not -1; 5000 is used"),
        pytest.param(
            f"history.keep = 0x{'f' * 3800}",
            "not a number past 64 bits; 5000 is used",
            id="too long for decimal",
        ),
        ("history.enabled = 2026-01-01", "must be true or false, not 2026-01-01; true is used"),
        ("screen = 3", "screen: is a table, write [screen] above its settings; ignored"),
        ("keys.quit = 3", 'keys.quit: must be keys such as "ctrl+q,f10", not 3; the action keeps'),
        ('keys.quit = " "', 'not " "; the action keeps its own'),
        ("keys = []", "keys: is a table"),
        ("job.connect = 3", "job.connect: is a table, write [job.connect] above its options"),
        ("job.serve.http.root = 3", 'words is written [job."serve http"])'),
        ("screen.them = 'x'", "screen.them: no such setting, did you mean theme?; ignored"),
        ("screen.Light = true", "screen.Light: no such setting, did you mean light?; ignored"),
        ("history.zzz = 1", "history.zzz: no such setting; ignored"),
        ("[sreen]", "sreen: no such setting, did you mean screen?; ignored"),
        ('"\\u001b[2J" = 1', '"\\u001b[2J": no such setting; ignored'),
        ('screen."a b\\n" = 1', 'screen."a b\\n": no such setting; ignored'),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_the_rest_is_used(
    path: Path, line: str, problem: str
) -> None:
    write(path, f'{line}\n[job.other]\nkept = "yes"\n')
    settings, problems = load(path)
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}: ")
    assert problem in problems[0]
    assert problems[0].isprintable()
    assert (settings.screen, settings.history, settings.keys) == (
        Screen(),
        HistorySettings(),
        {},
    )
    assert settings.job["other"] == {"kept": "yes"}
    assert "quit" not in settings.keys


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[screen]\nlight = yes\n", "is no TOML: Invalid value (at line 2, column 9)"),
        ("a = 1\na = 2\n", "is no TOML: Cannot overwrite a value (at line 2"),
        ("a = " + "[" * 50_000, "is no TOML: too deeply nested"),
        ("a = " + "9" * 5000, "is no TOML: "),
        (b"# ok\n# \xff\n", "is not UTF-8 (at line 2)"),
        (b"#" * (1 << 21), "is larger than 1 MiB"),
    ],
    ids=["value", "twice", "deep", "digits", "bytes", "large"],
)
def test_a_file_that_is_no_toml_is_said_so_and_never_saved_over(
    path: Path, text: str | bytes, problem: str
) -> None:
    before = write(path, text).read_bytes()
    settings, problems = load(path)
    assert settings == Settings()
    assert len(problems) == 1
    assert f"{path}: {problem}" in problems[0]
    assert problems[0].endswith("defaults are used")
    with pytest.raises(SettingsError, match="nothing was saved"):
        save(Settings(), path)
    assert path.read_bytes() == before


def test_what_is_no_file_is_said_and_never_waited_for(path: Path) -> None:
    path.mkdir(parents=True)
    assert load(path) == (
        Settings(),
        [f"{path}: cannot be read: Is a directory; defaults are used"],
    )
    path.rmdir()
    os.mkfifo(path)
    (problem,) = load(path)[1]
    assert "not a regular file" in problem


def test_a_user_without_a_home_gets_defaults_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    settings, (problem,) = load()
    assert settings == Settings()
    assert "XDG_CONFIG_HOME" in problem


def test_a_thousand_mistakes_are_twenty_lines_and_a_count(path: Path) -> None:
    write(path, "".join(f"screen.x{n} = 1\n" for n in range(1000)))
    problems = load(path)[1]
    assert len(problems) == 21
    assert problems[-1].endswith("and 980 more settings are wrong")


@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.binary(max_size=300)
    | st.text(alphabet="[]{}\".=\n'_-01x#ascreenkyjob, ").map(str.encode)
)
def test_no_bytes_ever_raise(path: Path, data: bytes) -> None:
    settings, problems = load(write(path, data))
    assert isinstance(settings, Settings)
    assert all(isinstance(problem, str) for problem in problems)


def test_the_described_file_holds_every_setting_at_its_default(path: Path) -> None:
    text = describe()
    assert load(write(path, text)) == (Settings(), [])
    declared, _, _ = text.partition("[keys]")
    values = tomllib.loads(
        "\n".join(
            row.removeprefix("# ") if row.startswith("# ") and " = " in row else row
            for row in declared.splitlines()
        )
    )
    settings = Settings()
    assert values == {
        name: {item: getattr(getattr(settings, name), item) for item in kind.__slots__}
        for name, kind in (("screen", Screen), ("history", HistorySettings))
    }


# Writing


def test_it_is_written_for_the_user_alone_and_only_what_differs(own_home: Path) -> None:
    save(Settings(screen=Screen(theme="nord")))
    file = settings_file()
    assert tomllib.loads(file.read_text()) == {"screen": {"theme": "nord"}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_what_is_not_known_stays(path: Path) -> None:
    write(
        path,
        """
        later = 1
        [screen]
        theme = "nord"
        colour_depth = 24
        [future]
        x = [1, 2]
        [job."serve echo"]
        timeout = 3
        """,
    )
    settings, _ = load(path)
    save(
        Settings(
            screen=Screen(light=False, theme="textual-dark"), job=settings.job, keys={"a": "b"}
        ),
        path,
    )
    assert tomllib.loads(path.read_text()) == {
        "later": 1,
        "screen": {"theme": "textual-dark", "colour_depth": 24, "light": False},
        "future": {"x": [1, 2]},
        "keys": {"a": "b"},
        "job": {"serve echo": {"timeout": 3}},
    }


def test_what_was_taken_out_is_gone_and_what_was_wrong_is_left(path: Path) -> None:
    write(
        path,
        """
        keys = {quit = "x", help = "f1", bad = 3}
        [job]
        a = {one = 1, two = 2, sub = {x = 1}}
        b = {one = 1}
        """,
    )
    save(Settings(keys={"help": "f2"}, job={"a": {"two": 3}}), path)
    assert tomllib.loads(path.read_text()) == {
        "keys": {"help": "f2", "bad": 3},
        "job": {"a": {"two": 3, "sub": {"x": 1}}},
    }


@pytest.mark.parametrize("name", ["replace", "fsync"])
def test_a_crash_while_saving_leaves_the_old_file_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    save(Settings(screen=Screen(theme="nord")), path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        with pytest.raises(OSError, match="No space"):
            save(Settings(screen=Screen(theme="dracula")), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "workbench.toml"
    write(target, 'screen.theme = "nord"\n')
    path.parent.mkdir()
    path.symlink_to(target)
    save(Settings(screen=Screen(theme="dracula")), path)
    assert path.is_symlink()
    assert load(target)[0].screen.theme == "dracula"


def test_what_toml_cannot_hold_is_refused_and_the_old_file_stays(path: Path) -> None:
    write(path, ".".join("x" * 1200) + ' = 1\n[screen]\ntheme = "nord"\n')
    before = path.read_bytes()
    assert load(path)[0].screen.theme == "nord"
    with pytest.raises(SettingsError, match="cannot be written"):
        save(Settings(), path)
    assert path.read_bytes() == before


_TEXT = st.text(max_size=20)
_VALUE = st.recursive(
    st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
_SETTINGS = st.builds(
    Settings,
    screen=st.builds(
        Screen,
        light=st.booleans(),
        frames_per_second=st.integers(1, 60),
        frames_per_second_ssh=st.integers(1, 60),
        theme=_TEXT,
        ascii=st.booleans(),
        animations=st.booleans(),
    ),
    history=st.builds(HistorySettings, keep=st.integers(1, 100_000), enabled=st.booleans()),
    keys=st.dictionaries(_TEXT, _TEXT.filter(str.strip), max_size=4),
    job=st.dictionaries(_TEXT, st.dictionaries(_TEXT, _VALUE, max_size=3), max_size=3),
)


@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(first=_SETTINGS, second=_SETTINGS)
def test_saved_settings_come_back_whatever_stood_there_before(
    path: Path, first: Settings, second: Settings
) -> None:
    path.unlink(missing_ok=True)
    for settings in (first, second):
        save(settings, path)
        back, problems = load(path)
        assert problems == []
        assert back == settings
