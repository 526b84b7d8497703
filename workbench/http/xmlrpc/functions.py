"""Functions that are called over XML-RPC: where they come from, and what is told of them."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import types
import typing
from collections.abc import Callable
from datetime import datetime
from typing import Any

Function = Callable[..., Any]

_TYPES = {
    int: "int",
    bool: "boolean",
    str: "string",
    float: "double",
    bytes: "base64",
    datetime: "dateTime.iso8601",
    list: "array",
    tuple: "array",
    dict: "struct",
    type(None): "nil",
    None: "nil",
}


def load_functions(where: str) -> dict[str, Function]:
    """The public functions of a file or module by their names; of nothing those of a demo.

    Public is what `__all__` names, or else what is defined there without a leading underscore.

    Raises:
        Exception: what its import raises; LookupError where it has no function.
    """
    if not where:
        return {"add": add, "echo": echo, "now": now}
    module = _module(where)
    named = getattr(module, "__all__", None)
    if named is not None:
        found = {name: getattr(module, name) for name in named}
        found = {name: one for name, one in found.items() if callable(one)}
    else:
        found = {
            name: one
            for name, one in vars(module).items()
            if not name.startswith("_")
            and isinstance(one, types.FunctionType)
            and one.__module__ == module.__name__
        }
    if not found:
        raise LookupError(f"{where} has no public function")
    return found


def is_file(where: str) -> bool:
    """A file, rather than the name of a module."""
    return where.endswith(".py") or os.sep in where


def _module(where: str) -> types.ModuleType:
    if not is_file(where):
        return importlib.import_module(where)
    path = os.path.abspath(where)
    name = os.path.splitext(os.path.basename(path))[0]
    folder = os.path.dirname(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise LookupError(f"{where} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def signature_of(function: Function) -> list[list[str]] | str:
    """XML-RPC's types of the result and the parameters by the annotations; "undef" without."""
    try:
        told = inspect.signature(function)
        hints = typing.get_type_hints(function)
    except Exception:
        return "undef"
    names: list[str] = []
    for hint in (hints.get("return"), *(hints.get(name) for name in told.parameters)):
        kind = _TYPES.get(typing.get_origin(hint) or hint)
        if kind is None:
            return "undef"
        names.append(kind)
    if "return" not in hints or len(hints) <= len(told.parameters):
        return "undef"
    return [names]


def help_of(function: Function) -> str:
    """Its docstring, or how it is called."""
    text = inspect.getdoc(function)
    if text:
        return text
    try:
        return f"{getattr(function, '__name__', 'function')}{inspect.signature(function)}"
    except (TypeError, ValueError):
        return ""


# -- the demo --------------------------------------------------------------------------------------


def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


def echo(*values: object) -> list[object]:
    """What was given, as a list."""
    return list(values)


def now() -> datetime:
    """The server's date and time."""
    return datetime.now().replace(microsecond=0)
