"""Which jobs understand an endpoint."""

from __future__ import annotations

import pytest

from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.endpoint import parse
from workbench.ui.sendto import COPY, choices


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("tcp://127.0.0.1:7007", "connect tcp://127.0.0.1:7007"),
        ("udp://[::1]:53", "connect udp://[::1]:53"),
        ("http://127.0.0.1:8000/a?b#c", "connect tcp://127.0.0.1:8000"),
        ("unix:/run/x.sock", "connect unix:/run/x.sock"),
        ("tcp://0.0.0.0:7007", "connect tcp://127.0.0.1:7007"),
        ("tcp://[::]:7007", "connect tcp://[::1]:7007"),
    ],
)
def test_a_session_can_be_opened_with_it(endpoint: str, line: str) -> None:
    (found, words), copy = choices(parse(endpoint))
    assert found == line
    assert words.startswith("Sockets: talk to ")
    assert copy[0].startswith(COPY)
    name, rest = catalogue.match(found.split())
    assert parse_line(catalogue.load(name), rest, {}).target() == line.partition(" ")[2]


def test_what_needs_tls_is_only_copied() -> None:
    keys = [key for key, _ in choices(parse("https://127.0.0.1:443/"))]
    assert keys == [f"{COPY} https://127.0.0.1/"]


def test_a_password_is_not_sent_along() -> None:
    lines = [line for line, _ in choices(parse("http://me:secret@127.0.0.1:80/"))]
    assert not any("secret" in line for line in lines)
