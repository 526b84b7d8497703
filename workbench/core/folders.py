"""Where the user's settings and history live (XDG Base Directory Specification)."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Literal

_NAME = "workbench"
_IS_LINUX = sys.platform.startswith("linux")
_LINUX = {"user_state_dir": "~/.local/state", "user_config_dir": "~/.config"}


def state_folder() -> Path:
    """Folder of the history: $XDG_STATE_HOME/workbench, else ~/.local/state/workbench.

    Names it and creates nothing. Raises FileNotFoundError where the user has no home.
    """
    return _folder("user_state_dir", "XDG_STATE_HOME")


def config_folder() -> Path:
    """Folder of the settings: $XDG_CONFIG_HOME/workbench, else ~/.config/workbench.

    Names it and creates nothing. Raises FileNotFoundError where the user has no home.
    """
    return _folder("user_config_dir", "XDG_CONFIG_HOME")


def make_private(folder: Path) -> None:
    """Create the folder and its missing parents with mode 0700, as XDG asks; raises OSError.

    A folder that exists keeps its mode.
    """
    for missing in reversed([folder, *folder.parents]):
        if not missing.is_dir():
            try:
                missing.mkdir(0o700)
            except FileExistsError:
                if not missing.is_dir():  # another workbench may just have made it; a file stops us
                    raise NotADirectoryError(
                        errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(missing)
                    ) from None


def write_whole(path: Path, data: bytes) -> None:
    """Put a new file in the place of the old: after a crash there is one or the other, whole.

    The new one has mode 0600.

    Raises:
        OSError: it cannot be written; the old one stays.
    """
    from tempfile import mkstemp

    number, new = mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with open(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)  # the rename, too, must reach the disk
    finally:
        os.close(folder)


def _folder(kind: Literal["user_state_dir", "user_config_dir"], variable: str) -> Path:
    if _IS_LINUX:  # as platformdirs has it, which takes 4 ms to load
        place = os.environ.get(variable, "").strip() or os.path.expanduser(_LINUX[kind])
        folder = Path(place, _NAME)
        return _absolute(folder, variable)
    import platformdirs

    try:
        folder = Path(getattr(platformdirs, kind)(_NAME, appauthor=False))
    except RuntimeError:
        folder = Path("~")
    return _absolute(folder, variable)


def _absolute(folder: Path, variable: str) -> Path:
    # A user without a home (a container's bare uid): older platformdirs leave "~" standing, and
    # a folder of that name would be made wherever the program was started.
    if not folder.is_absolute():
        raise FileNotFoundError(
            errno.ENOENT, f"no home folder is known; set {variable} to an absolute path"
        )
    return folder
