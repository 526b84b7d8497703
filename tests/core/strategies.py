"""Strategies for hypothesis that are built from the types of a message's or a request's fields."""

from __future__ import annotations

import re
import types
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path, PosixPath
from typing import Any, Literal

from hypothesis import strategies as st

from workbench.core.endpoint import Endpoint, parse

_TWO_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]")

# A high and a low surrogate beside each other are one character in JSON, and so cannot come back
# as two. Nothing makes them: what the system decodes (PEP 383) has low ones only.
text = st.text(st.characters()).filter(lambda value: not _TWO_SURROGATES.search(value))

paths = text.filter(lambda value: "\0" not in value).map(Path)

_words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn")))

endpoints = st.one_of(
    st.sampled_from(
        [
            "tcp://127.0.0.1:0",
            "[::1]:443",
            "udp://localhost:53",
            "unix:/run/x y.sock",
            "unix:@abstract",
            "unixgram:relative.sock",
            "vsock://1:5000",
            "https://example.org/a?b=c#d",
            "http://127.0.0.1/",
            "imaps://user@host",
            "smtp://host:25",
        ]
    ).map(parse),
    st.builds(
        lambda user, password: parse("ftp://host/").replace(user=user, password=password),
        _words.filter(bool),
        _words,
    ),
)


def of(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type: whatever its JSON form must carry."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return st.one_of([of(one) for one in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        if arguments[1:] != (Ellipsis,):
            return st.tuples(*map(of, arguments))
        return st.lists(of(arguments[0]), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(of(arguments[0]), of(arguments[1]), max_size=4)
    if is_dataclass(hint) and isinstance(hint, type):
        return instances(hint)
    return _PLAIN[hint]


def instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Instances of a dataclass, every field filled."""
    hints = typing.get_type_hints(cls)
    return st.builds(cls, **{one.name: of(hints[one.name]) for one in fields(cls)})


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: text,
    bytes: st.binary(),
    bool: st.booleans(),
    int: st.one_of(st.integers(), st.integers(-(2**200), 2**200)),
    float: st.floats(allow_nan=False, allow_infinity=False),
    types.NoneType: st.none(),
    Path: paths,
    PosixPath: paths,
    Endpoint: endpoints,
}
