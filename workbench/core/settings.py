"""The settings: a TOML file in the user's config folder, read into frozen dataclasses.

A wrong setting never stops the program: its default is used and one line says why. Each
setting is declared once, below: its default, bounds, and the line that explains it.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.core.folders import config_folder, make_private, write_whole

_BYTES = 1 << 20  # a settings file larger than this is something else
_PROBLEMS = 20  # lines worth reading


class SettingsError(ValueError):
    """The file is no TOML, or what should be saved cannot be; the text is for the user."""


def _setting(default: Any, text: str, *, least: int = 0, most: int = 0) -> Any:
    return field(default=default, metadata={"help": text, "least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Screen:
    """How the screen is drawn."""

    light: bool = _setting(True, "send only the cells that changed; false sends whole regions")
    frames_per_second: int = _setting(20, "how often the screen is drawn", least=1, most=60)
    frames_per_second_ssh: int = _setting(8, "the same in an SSH session", least=1, most=60)
    theme: str = _setting("textual-dark", "colours; the command palette lists the themes")
    ascii: bool = _setting(False, "draw with ASCII alone, for terminals without box characters")
    animations: bool = _setting(False, "slide and fade; never in an SSH session")


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """What is remembered of the runs."""

    keep: int = _setting(5000, "runs kept; the oldest go first", least=1, most=100_000)
    enabled: bool = _setting(True, "false keeps runs in memory, until you quit")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `keys`: action to keys ("ctrl+q,f10"). `job`: job name to its options."""

    screen: Screen = Screen()
    history: HistorySettings = HistorySettings()
    keys: Mapping[str, str] = field(default_factory=dict)
    job: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def settings_file() -> Path:
    """Where the settings are; the file need not exist. FileNotFoundError without a home."""
    return config_folder() / "settings.toml"


def load(path: Path | None = None) -> tuple[Settings, list[str]]:
    """The settings, and one line for each thing wrong: where, what, and what is used instead.

    Never raises for what stands in the file; no file is no problem.
    """
    try:
        path = path or settings_file()
        document = _read(path)
    except FileNotFoundError as error:
        # A missing file has its name in the error; a missing home has a text to show.
        return Settings(), [] if path else [f"no settings: {error.strerror}; defaults are used"]
    except OSError as error:
        return Settings(), [f"{path}: cannot be read: {error.strerror}; defaults are used"]
    except SettingsError as error:
        return Settings(), [f"{error}; defaults are used"]
    settings, problems = _parse(document)
    if len(problems) > _PROBLEMS:
        problems[_PROBLEMS:] = [f"and {len(problems) - _PROBLEMS} more settings are wrong"]
    return settings, [f"{path}: {problem}" for problem in problems]


def save(settings: Settings, path: Path | None = None) -> None:
    """Write what differs from the defaults, all of it or nothing, with mode 0600.

    What the file holds and this version does not know stays; comments are lost. Raises OSError,
    and SettingsError where the file is no TOML (it is left for the user to mend) or would not be.
    """
    import tomli_w

    # A link (settings kept among other dot files) stays one: its target is replaced.
    path = Path(os.path.realpath(path or settings_file()))
    try:
        document = _read(path)
    except FileNotFoundError:
        document = {}
    except SettingsError as error:
        raise SettingsError(f"{error}; nothing was saved: mend or remove it first") from None
    _merge(document, settings)
    try:
        data = tomli_w.dumps(document).encode()
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: cannot be written as TOML: {error}") from None
    make_private(path.parent)
    write_whole(path, data)


def describe() -> str:
    """Every setting with its default and what it does: a settings.toml that changes nothing."""
    lines = ["# Settings of the workbench: uncomment a line to change it."]
    for table, default in _tables():
        lines += ["", f"[{table}]"]
        for item in dataclasses.fields(default):
            text, least, most = (item.metadata[name] for name in ("help", "least", "most"))
            bounds = f" ({least} to {most})" if most else ""
            lines += [f"# {text}{bounds}", f"# {item.name} = {_toml(item.default)}"]
    lines += [
        "",
        "[keys]",
        '# an action and its keys, e.g. quit = "ctrl+q,f10"',
        "",
        "# defaults for the options of one job",
        '# [job."serve http"]',
        '# root = "/srv/www"',
    ]
    return "\n".join(lines) + "\n"


def _tables() -> Iterator[tuple[str, Any]]:
    """The tables whose keys are declared above, with their defaults."""
    defaults = Settings()
    yield "screen", defaults.screen
    yield "history", defaults.history


def _parse(document: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    problems: list[str] = []
    known = [item.name for item in dataclasses.fields(Settings)]
    for name, value in document.items():
        if name not in known:
            problems.append(f"{_key(name)}: {_unknown(name, known)}")
        elif not isinstance(value, dict):
            problems.append(f"{name}: is a table, write [{name}] above its settings; ignored")
    tables = {name: value for name, value in document.items() if isinstance(value, dict)}
    read = {
        name: _declared(name, default, tables.get(name, {}), problems)
        for name, default in _tables()
    }
    keys = _keys(tables.get("keys", {}), problems)
    job = _jobs(tables.get("job", {}), problems)
    return Settings(keys=keys, job=job, **read), problems


def _declared(table: str, default: Any, values: Mapping[str, Any], problems: list[str]) -> Any:
    """The default with every value that is of its setting's type and within its bounds."""
    items = {item.name: item for item in dataclasses.fields(default)}
    good: dict[str, Any] = {}
    for name, value in values.items():
        if name not in items:
            problems.append(f"{table}.{_key(name)}: {_unknown(name, items)}")
        elif wrong := _wrong(items[name], value):
            problems.append(f"{table}.{name}: {wrong}; {_toml(items[name].default)} is used")
        else:
            good[name] = value
    return dataclasses.replace(default, **good)


def _wrong(item: dataclasses.Field[Any], value: Any) -> str | None:
    """What is wrong with a value, or None."""
    kind = type(item.default)
    if type(value) is not kind:  # not isinstance: true is an int to Python, and none to TOML
        return f"must be {_KINDS[kind]}, not {_toml(value)}"
    least, most = item.metadata["least"], item.metadata["most"]
    if most and not least <= value <= most:
        return f"must be from {least} to {most}, not {_toml(value)}"
    return None


def _keys(values: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    good: dict[str, str] = {}
    for action, value in values.items():
        if isinstance(value, str) and value.strip():
            good[action] = value
        else:
            problems.append(
                f'keys.{_key(action)}: must be keys such as "ctrl+q,f10", not {_toml(value)};'
                " the action keeps its own"
            )
    return good


def _jobs(values: Mapping[str, Any], problems: list[str]) -> dict[str, dict[str, Any]]:
    good: dict[str, dict[str, Any]] = {}
    for job, options in values.items():
        if not isinstance(options, dict):
            problems.append(
                f"job.{_key(job)}: is a table, write [job.{_key(job)}] above its options; ignored"
            )
            continue
        good[job] = {}
        for name, value in options.items():
            if isinstance(value, dict):
                whole = _toml(f"{job} {name}")
                problems.append(
                    f"job.{_key(job)}.{_key(name)}: is a table, not an option; ignored"
                    f" (a job of two words is written [job.{whole}])"
                )
            else:
                good[job][name] = value
    return good


def _merge(document: dict[str, Any], settings: Settings) -> None:
    """Put the settings into a parsed file, beside what it holds that is not known here."""
    was, _ = _parse(document)
    for table, default in _tables():
        now = getattr(settings, table)
        values = _table(document, table)
        for item in dataclasses.fields(default):
            value = getattr(now, item.name)
            # A default is not written out, so that it follows a later version's.
            if item.name in values or value != item.default:
                values[item.name] = value
    _merge_table(_table(document, "keys"), was.keys, settings.keys)
    jobs = _table(document, "job")
    for job in {**was.job, **settings.job}:
        _merge_table(_table(jobs, job), was.job.get(job, {}), settings.job.get(job, {}))
        if not jobs[job] and job not in settings.job:
            del jobs[job]
    for table in ("screen", "history", "keys", "job"):
        if not document[table]:
            del document[table]


def _merge_table(values: dict[str, Any], was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for name in was.keys() - now.keys():
        del values[name]
    values.update(now)


def _table(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The table of this name, put in place of nothing or of what is no table."""
    if not isinstance(document.get(name), dict):
        document[name] = {}
    table: dict[str, Any] = document[name]
    return table


def _read(path: Path) -> dict[str, Any]:
    """The file as TOML; raises OSError, SettingsError."""
    with open(path, "rb", opener=_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        data = file.read(_BYTES + 1)
    if len(data) > _BYTES:
        raise SettingsError(f"{path}: is larger than 1 MiB")
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}: is not UTF-8 (at line {line})") from None
    except (ValueError, RecursionError) as error:
        reason = "too deeply nested" if isinstance(error, RecursionError) else error
        raise SettingsError(f"{path}: is no TOML: {reason}") from None


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # opening a FIFO would wait for its writer


_KINDS = {bool: "true or false", int: "a whole number", str: "a text in quotes"}


def _unknown(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), list(known), 1)
    return "no such setting" + (f", did you mean {close[0]}?" if close else "") + "; ignored"


def _key(name: str) -> str:
    """A key as the file writes it, in quotes where it needs them."""
    return name if name.isascii() and name.replace("_", "").isalnum() else _toml(name)


def _toml(value: Any) -> str:
    """A value as the file writes it, cut to fit a line."""
    import tomli_w

    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    try:
        text = tomli_w.dumps({"v": value}).strip().removeprefix("v = ")
    except ValueError:  # tomllib takes hexadecimal numbers that int will not write in decimal
        return "a number past 64 bits"
    return text if len(text) <= 60 else f"{text[:57]}..."
