"""A WSGI application by its name: `module:name`, `package.module:object.attribute`, `m:make()`."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from typing import Any

from workbench.core.failure import JobError

_NAME = re.compile(r"([A-Za-z_][\w.]*)(?::([A-Za-z_][\w.]*)(\(\))?)?")
USUAL = ("application", "app", "create_app()", "make_app()")


def check_name(name: str) -> None:
    """See whether a name can be one.

    Raises:
        JobError: it cannot.
    """
    if _NAME.fullmatch(name) is None:
        raise JobError(
            f"{name!r} does not name an application",
            advice="use MODULE:NAME, as app:app, or MODULE:FACTORY() for what makes one",
        )


def load(name: str, folder: str) -> Callable[..., Any]:
    """Import an application from a folder; without a name after the module the usual ones.

    Raises:
        Exception: what its import raises; LookupError where the module has no such name,
            TypeError where that is no function.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise LookupError(f"{name!r} does not name an application")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = importlib.import_module(match[1])
    found: Any
    if match[2] is not None:
        found = _attribute(module, match[2])
        if match[3]:
            found = found()
    else:
        found = _usual(module, match[1])
    if not callable(found):
        raise TypeError(f"{name} is {type(found).__name__}, which cannot be called")
    made: Callable[..., Any] = found
    return made


def _attribute(module: object, path: str) -> Any:
    found: Any = module
    for one in path.split("."):
        if not hasattr(found, one):
            raise LookupError(f"{getattr(found, '__name__', found)!r} has no name {one!r}")
        found = getattr(found, one)
    return found


def _usual(module: object, name: str) -> Any:
    for one in USUAL:
        bare = one.removesuffix("()")
        if hasattr(module, bare):
            found = getattr(module, bare)
            return found() if one.endswith("()") else found
    raise LookupError(f"{name} has none of {', '.join(USUAL)}: name it, as {name}:NAME")
