"""A file that comes in: nobody sees it under its name before it is whole.

It is written without a name where the file system can (open(2), O_TMPFILE), so that nothing is
left behind even if the server is killed; elsewhere under a hidden one in the same folder.
"""

from __future__ import annotations

import errno
import os
import secrets
from types import TracebackType

from workbench.http.files import Root

NAME_LIMIT = 255
_MODE = 0o666
"""Less the umask."""

_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


class NameRefused(ValueError):  # noqa: N818 - it says what was done
    """The name is not one that is taken."""


def check_name(name: bytes) -> None:
    """Make sure that a file's name is plain: one that everybody can see and nothing hides.

    Raises:
        NameRefused: it is not, and why.
    """
    if name in (b"", b".", b".."):
        raise NameRefused("a file needs a name")
    if b"/" in name or b"\0" in name:
        raise NameRefused("a file's name holds no slash and no NUL")
    if len(name) > NAME_LIMIT:
        raise NameRefused(f"a file's name has at most {NAME_LIMIT} bytes")
    if name.startswith(b"."):
        raise NameRefused("a name that begins by a dot is hidden, and not taken")
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise NameRefused("a file's name must be UTF-8") from None
    if not text.isprintable():
        raise NameRefused("a file's name must not hold control characters")


class Incoming:
    """A file below a root that is being written.

    Args:
        folder: the path of its folder below the root.
        name: its name there, checked.

    Raises:
        NameRefused: the name is not taken.
        FileExistsError: it is there already and must not be replaced.
        OSError: why else it cannot be written.
    """

    def __init__(self, root: Root, folder: bytes, name: bytes, *, overwrite: bool) -> None:
        check_name(name)
        self.name = name
        self.length = 0
        self._overwrite = overwrite
        self._file = -1
        self._hidden: bytes | None = None
        self._folder = root.open(folder)
        try:
            if not overwrite and self.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            self._file = self._create()
        except BaseException:
            os.close(self._folder)
            raise

    def exists(self) -> bool:
        """Something has the name already."""
        try:
            os.stat(self.name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            OSError: the disk is full, or broken.
        """
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self.length += len(data)

    def finish(self) -> bool:
        """It is whole: give it its name. True where there was none of that name before.

        Raises:
            FileExistsError: there is one meanwhile, and it must not be replaced.
            OSError: it cannot be given its name; nothing is left behind.
        """
        with self:
            if not self._overwrite:
                self._link(self.name)
                return True
            new = not self.exists()
            if self._hidden is None:
                hidden = _hidden_name()
                self._link(hidden)
                self._hidden = hidden
            os.replace(self._hidden, self.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._hidden = None
            return new

    def discard(self) -> None:
        """Leave nothing of it behind."""
        if self._file < 0:
            return
        if self._hidden is not None:
            try:
                os.unlink(self._hidden, dir_fd=self._folder)
            except OSError:
                pass  # somebody else has tidied up
        os.close(self._file)
        os.close(self._folder)
        self._file = -1

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def _create(self) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC
        unnamed = getattr(os, "O_TMPFILE", 0)
        if unnamed:
            try:
                return os.open(b".", flags | unnamed, _MODE, dir_fd=self._folder)
            except OSError as problem:
                if problem.errno not in _NO_UNNAMED:
                    raise
        hidden = _hidden_name()
        made = os.open(
            hidden, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE, dir_fd=self._folder
        )
        self._hidden = hidden
        return made

    def _link(self, name: bytes) -> None:
        """Give the file a name that nothing has."""
        if self._hidden is not None:
            os.link(self._hidden, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        else:
            os.link(
                b"/proc/self/fd/%d" % self._file,
                name,
                dst_dir_fd=self._folder,
                follow_symlinks=True,
            )


def _hidden_name() -> bytes:
    return b".%b.part" % secrets.token_hex(8).encode()
