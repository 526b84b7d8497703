"""A program on a terminal of its own (pty(7)), its bytes moved by a server's loop."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import signal
import struct
import subprocess
import termios
from collections.abc import Callable

from workbench.servers.connection import Host
from workbench.servers.turns import READ, WRITE

READ_SIZE = 65_536
WAITING = 1 << 20
"""Bytes that wait for a program that does not read; what comes beyond is lost, as on a tty."""
GRACE = 1.0
"""Seconds from SIGHUP to SIGKILL."""


class PtyChild:
    """A program that runs; to be closed once.

    Args:
        command: for sh.
        output: called with what it writes; b"" when it has ended.

    Raises:
        OSError: there is no terminal or no process to be had.
    """

    def __init__(
        self,
        loop: Host,
        command: str,
        environment: dict[str, str],
        output: Callable[[bytes], None],
    ) -> None:
        self._loop = loop
        self._output = output
        self._waiting = bytearray()
        self._reading = True
        self._interest = READ
        self.fd, other = pty.openpty()
        try:
            # A session's first terminal that is opened becomes its own (tty_ioctl(4)).
            own = shlex.quote(os.ttyname(other))
            line = f"exec /bin/sh -c {shlex.quote(command)} <>{own} >&0 2>&1"
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", line],
                stdin=other,
                stdout=other,
                stderr=other,
                env={**os.environ, **environment},
                start_new_session=True,
                preexec_fn=_heed_signals,
            )
        except BaseException:
            os.close(self.fd)
            raise
        finally:
            os.close(other)
        os.set_blocking(self.fd, False)
        loop.watch(self.fd, READ, self._ready)

    def resize(self, columns: int, lines: int) -> None:
        """The window's size, which the program is told by SIGWINCH."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def write(self, data: bytes) -> None:
        """What was typed."""
        if len(self._waiting) + len(data) <= WAITING:
            self._waiting += data
            self._flush()

    def hold_back(self, holding: bool) -> None:
        """Read nothing more of it while its reader is slow."""
        if self._reading == holding:
            self._reading = not holding
            self._adjust()

    def _ready(self, mask: int) -> None:
        if mask & WRITE:
            self._flush()
        if mask & READ and self.fd >= 0:
            try:
                data = os.read(self.fd, READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""  # EIO: nobody has the terminal open any more
            self._output(data)

    def _flush(self) -> None:
        try:
            while self._waiting:
                count = os.write(self.fd, self._waiting)
                del self._waiting[:count]
        except BlockingIOError:
            pass
        except OSError:
            self._waiting.clear()
        self._adjust()

    def _adjust(self) -> None:
        wanted = (READ if self._reading else 0) | (WRITE if self._waiting else 0)
        if wanted != self._interest:
            if self._interest:
                self._loop.unwatch(self.fd)
            self._interest = wanted
            if wanted:
                self._loop.watch(self.fd, wanted, self._ready)

    def close(self) -> None:
        """Hang up: its terminal is gone, and soon it is."""
        if self.fd < 0:
            return
        if self._interest:
            self._loop.unwatch(self.fd)
        os.close(self.fd)
        self.fd = -1
        self._signal(signal.SIGHUP)
        self._loop.call_later(GRACE, self.end)

    def end(self) -> None:
        """End what is left of it."""
        self._signal(signal.SIGKILL)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass  # it hangs in the kernel; it is reaped with this process

    def _signal(self, number: int) -> None:
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, number)
            except OSError:
                pass


def _heed_signals() -> None:
    """What this process ignores, a program on a terminal is not to ignore: ctrl+c ends it."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
