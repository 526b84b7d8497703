"""The scripts below one folder: which one a path names, and how it is run."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from workbench.http.files import Root
from workbench.http.request_head import BadRequest
from workbench.http.target import Path, parse_target

INDEX = b"index.cgi"
DEPTH = 64


@dataclass(frozen=True, slots=True)
class Script:
    """A script that was found: its file, what runs it, and how its path was taken apart.

    `script_name` and `path_info` are decoded; `translated` is PATH_INFO below the root.
    """

    file: bytes
    command: tuple[bytes, ...]
    script_name: bytes
    path_info: bytes
    translated: bytes

    @property
    def whole(self) -> bool:
        """It prints a whole HTTP answer (RFC 3875 section 5)."""
        return os.path.basename(self.file).startswith(b"nph-")

    @property
    def name(self) -> str:
        """Its name for people."""
        return self.script_name.decode("utf-8", "backslashreplace").lstrip("/")


class Scripts:
    """Finds scripts below a root; no file outside of it is ever looked at.

    Args:
        interpreters: what runs files with these suffixes (".py"), whether executable or not.

    Raises:
        OSError: the folder cannot be entered.
    """

    def __init__(self, folder: str | os.PathLike[str], interpreters: Mapping[bytes, bytes]) -> None:
        self._root = Root(folder)
        self._interpreters = dict(interpreters)
        self.folder = os.readlink(f"/proc/self/fd/{self._root.fd}".encode())

    def close(self) -> None:
        """Let go of the folder."""
        self._root.close()

    def find(self, target: bytes) -> Script | BadRequest:
        """The script that a request target names, or why there is none.

        The first name on the path that is a file is the script; what follows is PATH_INFO.
        """
        path = parse_target(target)
        if isinstance(path, BadRequest):
            return path
        names = [] if path.relative == b"." else path.relative.split(b"/")
        if len(names) > DEPTH:
            return BadRequest(404, "no script is that deep")
        at = b""
        for number, name in enumerate(names, 1):
            at = at + b"/" + name if at else name
            found = self._open(at)
            if isinstance(found, BadRequest):
                return found
            if found:
                rest = names[number:]
                return self._script(found, at, rest, path)
        if not path.folder:
            return BadRequest(404, "a folder, not a script: its index has a slash at its end")
        index = b"/".join([*names, INDEX])
        found = self._open(index)
        if found and not isinstance(found, BadRequest):
            return self._script(found, index, [], Path(path.relative, False))
        return BadRequest(404, f"the folder has no {INDEX.decode()}")

    def _open(self, path: bytes) -> bytes | BadRequest:
        """The true path of a regular file; nothing for a folder."""
        try:
            fd = self._root.open(path)
        except OSError as problem:
            if isinstance(problem, PermissionError):
                return BadRequest(403, "it may not be read")
            return BadRequest(404, "there is no such script")
        try:
            mode = os.fstat(fd).st_mode
            if stat.S_ISDIR(mode):
                return b""
            true = os.readlink(f"/proc/self/fd/{fd}".encode())
        finally:
            os.close(fd)
        if not stat.S_ISREG(mode) or not true.startswith(self.folder.rstrip(b"/") + b"/"):
            return BadRequest(404, "there is no such script")
        return true

    def _script(
        self, file: bytes, name: bytes, rest: list[bytes], path: Path
    ) -> Script | BadRequest:
        interpreter = self._interpreters.get(os.path.splitext(file)[1])
        if interpreter is not None:
            command: tuple[bytes, ...] = (*interpreter.split(), file)
        elif os.access(file, os.X_OK):
            command = (file,)
        else:
            return BadRequest(
                403,
                "the file is no script: neither executable, nor of a suffix with an interpreter",
            )
        info = b"".join(b"/" + one for one in rest)
        if path.folder:
            info += b"/"
        translated = os.path.join(self.folder, *rest) if info else b""
        return Script(file, command, b"/" + name, info, translated)
