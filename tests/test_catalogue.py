"""The catalogue is what the modules declare, and every declaration says enough."""

from __future__ import annotations

import importlib
import pkgutil
import shlex
from typing import Any

import pytest

import workbench
from tests.briefs import declared
from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.job import Job, parameters
from workbench.core.message import command_types, event_types

LOADED = catalogue.load_all()


def declared_jobs() -> dict[str, str]:
    """Every job that a module of a tab declares, with that module."""
    found: dict[str, str] = {}
    for tab in catalogue.TABS:
        package = importlib.import_module(f"workbench.{tab.name}")
        for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(one.name)).values():
                if isinstance(value, Job) and value.module == one.name:
                    found[value.name] = one.name
    return found


def test_the_catalogue_is_what_the_modules_declare() -> None:
    assert declared_jobs() == catalogue.JOBS


def test_every_tab_has_its_package() -> None:
    for tab in catalogue.TABS:
        assert importlib.import_module(f"workbench.{tab.name}").__file__
    assert {job.tab for job in LOADED} <= {tab.name for tab in catalogue.TABS}


@pytest.mark.parametrize("job", LOADED, ids=lambda job: job.name)
def test_a_job_says_what_it_is(job: Job[Any]) -> None:
    assert job.summary
    assert len(job.summary) < 90
    for one in parameters(job.request):
        assert one.about.help, one.name
        assert not one.about.help.endswith("."), one.name


@pytest.mark.parametrize("job", LOADED, ids=lambda job: job.name)
def test_an_example_is_a_request_and_shows_itself_as_code(job: Job[Any]) -> None:
    name, words = catalogue.match(shlex.split(job.example))
    assert name == job.name
    request = parse_line(job, words)
    compile(request.as_python(), "example", "exec")
    assert request.as_shell()


def test_what_is_known_without_the_modules_is_what_they_declare() -> None:
    assert catalogue.briefs() == declared(), "python -m tests.briefs writes it"
    for job in LOADED:
        assert catalogue.tab_of(job.name) == job.tab
    with pytest.raises(KeyError):
        catalogue.tab_of("nonsense")


def test_the_longest_name_is_found_first() -> None:
    assert catalogue.match(["serve", "echo", "x"]) == ("serve echo", ["x"])
    with pytest.raises(KeyError):
        catalogue.match(["serve"])
    with pytest.raises(KeyError):
        catalogue.match([])


def test_messages_of_a_kind_have_docstrings_of_their_own() -> None:
    kinds: list[type] = [*event_types().values(), *command_types().values()]
    ours = [kind for kind in kinds if kind.__module__.startswith(f"{workbench.__name__}.")]
    assert ours
    for kind in ours:
        assert kind.__doc__, kind
        assert not kind.__doc__.startswith(f"{kind.__name__}("), kind
