"""A server's code as it is shown, running."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def endpoint_of(command: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Run a script that says where it listens, until the block is left."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            found = re.search(r"\('([^']+)', (\d+)", child.stdout.readline())
            assert found is not None
            yield found[1], int(found[2])
        finally:
            child.terminate()
