"""Imports run one way, and what is promised to stay out of a start stays out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import workbench

ROOT = Path(workbench.__file__).parent
FRONT_ENDS = {"ui", "cli"}
ENGINE_LIBRARIES = {
    "brotli",
    "cryptography",
    "dns",
    "h11",
    "h2",
    "idna",
    "jsonpath",
    "msgspec",
    "platformdirs",
    "tomli_w",
    "zstandard",
}
"""What an engine may import beside the standard library; a probe has to run on a bare machine."""


def imported(path: Path) -> set[str]:
    """The top-level names that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


def engine_modules() -> list[Path]:
    """Every module below core, the catalogue and the tabs."""
    return [
        path
        for path in sorted(ROOT.rglob("*.py"))
        if path.relative_to(ROOT).parts[0] not in FRONT_ENDS
    ]


@pytest.mark.parametrize("path", engine_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_engines_import_little_beside_the_standard_library(path: Path) -> None:
    others = imported(path) - set(sys.stdlib_module_names) - {"workbench"}
    assert others <= ENGINE_LIBRARIES


def test_the_contracts_of_the_design_hold() -> None:
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "2 kept, 0 broken" in linted.stdout


JOB_IN_A_FRESH_INTERPRETER = """
import sys
from workbench import catalogue
from workbench.cli.main import main
for name in catalogue.JOBS:
    catalogue.load(name)
status = main(["connect", "tcp://127.0.0.1:1", "--json"])
print(status, sorted({"textual", "rich", "asyncio"} & set(sys.modules)))
"""


def test_a_job_on_the_command_line_leaves_the_screen_out() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", JOB_IN_A_FRESH_INTERPRETER],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "1 []"
