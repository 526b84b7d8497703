"""Field values with parameters, as Content-Type and Content-Disposition have them (RFC 9110
section 5.6.6)."""

from __future__ import annotations

import re

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_VALUE = re.compile(rb"[ \t]*+(" + _TOKEN + rb"(?:/" + _TOKEN + rb")?)[ \t]*+")
_PARAMETER = re.compile(
    rb";[ \t]*+(?:(" + _TOKEN + rb')[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^;"]*+)))?[ \t]*+',
    re.DOTALL,
)
_ESCAPED = re.compile(rb'\\(["\\])')


def parse(value: bytes) -> tuple[bytes, dict[bytes, bytes]] | None:
    """The value in lower case, and its parameters by name in lower case; None if it is malformed.

    Of a parameter that is given twice the first counts. A backslash escapes a quote or itself
    only, since browsers send the paths of files with theirs left alone.
    """
    match = _VALUE.match(value)
    if match is None:
        return None
    found: dict[bytes, bytes] = {}
    at = match.end()
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if parameter is None:
            return None
        at = parameter.end()
        name, quoted, plain = parameter.groups()
        if name is not None:
            text = _ESCAPED.sub(rb"\1", quoted) if quoted is not None else plain.strip(b" \t")
            found.setdefault(name.lower(), text)
    return match[1].lower(), found
