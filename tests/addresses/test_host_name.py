"""What a host name tells by itself."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.cli.program import run
from workbench.addresses.host_name import describe_name


def test_both_forms() -> None:
    for name in ("bücher.example", "xn--bcher-kva.example"):
        found = describe_name(name)
        assert (found.ascii, found.letters) == ("xn--bcher-kva.example", "bücher.example")
        assert "in DNS       xn--bcher-kva.example" in found.line()
    assert "in DNS" not in describe_name("example.org").line()


def test_what_deceives_is_said() -> None:
    found = describe_name("pаypal.example")  # a Cyrillic а
    assert found.warnings
    assert "!" in found.line()
    assert not describe_name("bücher.example").warnings


def test_what_is_no_name_is_said() -> None:
    found = describe_name("☃︎.example" * 3)
    assert found.why or found.ascii
    assert describe_name("a" * 64 + "ü").why


@given(st.text(min_size=1, max_size=30))
def test_anything_is_survived(name: str) -> None:
    found = describe_name(name)
    assert found.line()
    assert all(one.isprintable() for one in found.line().replace("\n", ""))


def test_the_job_tells_it_before_it_asks() -> None:
    found = run("address", "xn--bcher-kva.invalid", "--json")
    first = json.loads(found.stdout.splitlines()[0])
    assert (first["type"], first["letters"]) == ("host-name", "bücher.invalid")
    assert found.returncode == 1
