"""Which jobs understand an endpoint."""

from __future__ import annotations

import shlex

import pytest

from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.endpoint import parse
from workbench.ui.sendto import COPY, choices, text_choices


@pytest.mark.parametrize(
    ("endpoint", "lines"),
    [
        (
            "tcp://127.0.0.1:7007",
            [
                "connect tcp://127.0.0.1:7007",
                "http GET http://127.0.0.1:7007/",
                "tls 127.0.0.1:7007",
                "tls-scan 127.0.0.1:7007",
            ],
        ),
        ("udp://[::1]:53", ["connect udp://[::1]:53"]),
        (
            "http://127.0.0.1:8000/a?b",
            ["http GET 'http://127.0.0.1:8000/a?b'", "connect tcp://127.0.0.1:8000"],
        ),
        (
            "ftp://127.0.0.1:2121/pub",
            ["ftp ftp://127.0.0.1:2121/pub", "connect tcp://127.0.0.1:2121"],
        ),
        (
            "nntp://127.0.0.1:1119",
            ["nntp nntp://127.0.0.1:1119", "connect tcp://127.0.0.1:1119"],
        ),
        (
            "telnet://127.0.0.1:2323",
            ["telnet telnet://127.0.0.1:2323", "connect tcp://127.0.0.1:2323"],
        ),
        ("unix:/run/x.sock", ["connect unix:/run/x.sock"]),
        ("unixseq:/run/x.sock", ["connect unixseq:/run/x.sock"]),
        ("mptcp://127.0.0.1:7007", ["connect mptcp://127.0.0.1:7007"]),
        ("udplite://127.0.0.1:7007", ["connect udplite://127.0.0.1:7007"]),
        ("vsock://1:5000", ["connect vsock://1:5000"]),
        (
            "https://127.0.0.1:443/",
            [
                "http GET https://127.0.0.1/",
                "tls 127.0.0.1:443",
                "tls-scan 127.0.0.1:443",
                "connect tls://127.0.0.1:443",
            ],
        ),
        (
            "tls://[::1]:853",
            [
                "http GET 'https://[::1]:853/'",
                "tls '[::1]:853'",
                "tls-scan '[::1]:853'",
                "connect 'tls://[::1]:853'",
            ],
        ),
    ],
)
def test_who_understands_it(endpoint: str, lines: list[str]) -> None:
    *found, copy = choices(parse(endpoint))
    assert [line for line, _ in found] == lines
    assert copy[0].startswith(COPY)
    for line, words in found:
        assert words.partition(":")[0] in ("Sockets", "HTTP", "TLS", "Mail/FTP")
        name, rest = catalogue.match(shlex.split(line))
        assert parse_line(catalogue.load(name), rest, {})


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        ("tcp://0.0.0.0:7007", "connect tcp://127.0.0.1:7007"),
        ("tcp://[::]:7007", "connect tcp://[::1]:7007"),
    ],
)
def test_every_address_is_reached_by_loopback(endpoint: str, line: str) -> None:
    assert choices(parse(endpoint))[0][0] == line


def test_a_password_is_not_sent_along() -> None:
    lines = [line for line, _ in choices(parse("http://me:secret@127.0.0.1:80/"))]
    assert not any("secret" in line for line in lines)


def test_what_a_line_names_can_be_sent_on() -> None:
    text = "* at 192.0.2.7:25 (mx.example.org), host 6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    lines = [line for line, _ in text_choices(text)]
    assert "smtp smtp://192.0.2.7:25" in lines
    assert "resolve mx.example.org" in lines
    assert "uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8" in lines
    assert not any(line.startswith("headers") for line in lines), "a word is no field"
    assert text_choices("nothing is here") == []
