"""The palette finds work by what one would say of it."""

from __future__ import annotations

import shlex

import pytest

from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.ui.tasks import TASKS, USUAL, Task, look, search


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.words)
def test_every_line_is_one_that_runs(task: Task) -> None:
    assert task.places <= USUAL.keys()
    words, line = task.filled({})
    assert "{" not in words + line
    name, rest = catalogue.match(shlex.split(line))
    job = catalogue.load(name)
    assert isinstance(parse_line(job, rest, {}), job.request)


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("who listens on 8080", "sockets --listening port:8080"),
        ("who listens on 443?", "sockets --listening port:443"),
        ("is port 22 open on 192.0.2.7", "scan 192.0.2.7 --ports 22"),
        ("open ports 192.0.2.7", "scan 192.0.2.7"),
        ("traceroute ::1", "trace ::1"),
        ("certificate expire example.org", "tls example.org"),
        ("netcat 127.0.0.1 25", "connect 127.0.0.1:25"),
        ("tcpdump", "capture"),
        ("what is my address", "interfaces"),
        ("swaks 127.0.0.1", "smtp smtp://127.0.0.1:25"),
        ("lftp 127.0.0.1", "ftp ftp://127.0.0.1/"),
        ("make a guid", "uuid"),
        ("decode base64", "what http://127.0.0.1:8000/"),
        ("share files", "serve http http://127.0.0.1:8080/"),
    ],
)
def test_what_one_would_say_is_found_first(query: str, line: str) -> None:
    assert search(query)[0][2] == line


@pytest.mark.parametrize("query", ["", "   ", "8080", "zzzz", "[/red]", "{0}", "{port}"])
def test_what_says_nothing_finds_nothing(query: str) -> None:
    assert search(query) == []


def test_markup_and_braces_in_what_is_typed_stay_text() -> None:
    (_, words, line), *_ = search("fetch http://a/{x}[b]")
    assert words == "fetch http://a/{x}[b]"
    assert line == "http GET http://a/{x}[b]"


def test_a_number_that_is_no_port_is_a_word() -> None:
    assert look("who 70000 0 443 80") == (["who", "70000", "0"], {"port": "443"})
