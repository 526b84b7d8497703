"""The command `workbench`: the screen by default, else a job or what goes with the jobs."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn


def script() -> NoReturn:
    """The same as a process of its own, which ends with it."""
    status = main()
    others = [one for one in threading.enumerate() if one is not threading.current_thread()]
    if len(sys.argv) > 1 and all(one.daemon for one in others):
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the long way says what is wrong
        else:
            # A job has let go of all it had: taking the interpreter down would take 10 ms more.
            os._exit(status)
    sys.exit(status)


def main() -> int:
    """Run what the command line asks for; returns the exit status."""
    _hold_descriptors()
    words = sys.argv[1:]
    if not words:
        from workbench.ui.app import run

        return run()
    from workbench.cli.main import main as command

    return command(words)


def _hold_descriptors() -> None:
    """Put /dev/null where one of the first three descriptors is closed.

    Else the first socket or pipe that is opened would be taken for standard output.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    script()
