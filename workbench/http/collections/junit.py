"""Results as JUnit XML, as CI services read it (github.com/testmoapp/junitxml)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree

from workbench.http.collections.job import HttpCase

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2) has no way to write."""


def junit_xml(cases: Sequence[HttpCase]) -> bytes:
    """A suite for each file, a case for each request: failures and errors are told apart."""
    top = ElementTree.Element("testsuites", {"name": "workbench http run"} | _counts(cases))
    for file, group in groupby(cases, key=lambda one: one.file):
        members = list(group)
        suite = ElementTree.SubElement(top, "testsuite", {"name": _text(file)} | _counts(members))
        for one in members:
            _case(suite, one)
    ElementTree.indent(top)
    return bytes(ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(suite: ElementTree.Element, one: HttpCase) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", name=_text(one.name), classname=_text(one.file), file=_text(one.file),
        line=str(one.row), time=f"{one.took:.6f}",
    )  # fmt: skip
    if one.problem:
        error = ElementTree.SubElement(case, "error", message=_text(one.problem))
        error.text = _text(one.line())
        return
    missed = [f"{text}: {why}" for text, why in one.checks if why]
    if missed:
        failure = ElementTree.SubElement(case, "failure", message=_text(missed[0]))
        failure.text = _text("\n".join(missed))


def _counts(cases: Sequence[HttpCase]) -> dict[str, str]:
    errors = sum(bool(one.problem) for one in cases)
    bad = sum(not one.passed for one in cases)
    return {
        "tests": str(len(cases)), "failures": str(bad - errors), "errors": str(errors),
        "time": f"{sum(one.took for one in cases):.6f}",
    }  # fmt: skip


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
