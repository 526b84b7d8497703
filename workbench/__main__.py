"""The command `workbench`: the screen by default, else a job or what goes with the jobs."""

from __future__ import annotations

import os
import sys


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
    sys.exit(main())
