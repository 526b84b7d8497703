"""The command line reads no terminal and loads no screen, and little before its first line."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.cli.program import PATIENCE

RUN = """
import sys
sys.argv = ["workbench", *sys.argv[1:]]
from workbench.__main__ import main
status = main()
for name in ("textual", "rich", "workbench.ui"):
    assert name not in sys.modules, name
sys.exit(status)
"""

HEAVY = {
    "argparse",
    "asyncio",
    "concurrent.futures",
    "cryptography",
    "email",
    "http.client",
    "http.server",
    "multiprocessing",
    "rich",
    "sqlite3",
    "ssl",
    "textual",
    "tomli_w",
    "unittest",
    "urllib.request",
    "workbench.ui",
}


def test_a_job_loads_no_screen_from_start_to_end() -> None:
    for words in (["connect", "tcp://127.0.0.1:1"], ["--help"], ["history"], ["settings"]):
        found = subprocess.run(
            [sys.executable, "-c", RUN, *words],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
        assert found.returncode == (1 if words[0] == "connect" else 0)
        assert b"AssertionError" not in found.stderr


def loaded_before_the_first_line(*words: str) -> set[str]:
    """The modules that Python had told of on standard error when the first line came."""
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "workbench", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() != b""
        child.kill()
        _, told = child.communicate(timeout=PATIENCE)
    return set(re.findall(r"\| +([\w.]+)$", told.decode(), re.MULTILINE))


def test_little_is_loaded_before_the_first_line() -> None:
    for words in (
        ["serve", "echo", "tcp://127.0.0.1:0", "--json"],
        ["serve", "http", "http://127.0.0.1:0/"],
        ["connect", "tcp://127.0.0.1:1", "--json"],
    ):
        loaded = loaded_before_the_first_line(*words)
        assert "workbench.core.job" in loaded
        assert loaded & HEAVY == set(), words
