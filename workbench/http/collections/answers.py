"""What came back, and how it is looked into: fields, JSON, text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workbench.core.failure import JobError

BODY_MOST = 16 << 20
"""Bytes of a body that assertions and captures see."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the request that it answers, for assertions and captures."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    size: int = 0
    took: float = 0.0
    sent_headers: tuple[tuple[str, str], ...] = ()
    sent_body: str = ""

    @property
    def text(self) -> str:
        """The body as text, in the charset that it names."""
        kind = header_of(self.headers, "content-type") or ""
        named = re.search(r'charset="?([\w.:-]+)', kind, re.IGNORECASE)
        try:
            return self.body.decode(named[1] if named else "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


def header_of(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    """The values of that name, joined as RFC 9110 5.3 has it; None where there is none."""
    found = [value for key, value in headers if key.lower() == name.lower()]
    return ", ".join(found) if found else None


def json_values(text: str, path: str) -> list[Any]:
    """What a JSONPath (RFC 9535) finds in a text.

    Raises:
        JobError: the text is no JSON, or the path none.
    """
    from jsonpath import JSONPathEnvironment
    from jsonpath.exceptions import JSONPathError

    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise JobError(f"the body is no JSON: {problem}") from None
    environment = JSONPathEnvironment(strict=True, filter_caching=False)
    try:
        return list(environment.compile(path).findall(value))
    except (JSONPathError, ValueError, RecursionError) as problem:
        words = str(problem).partition("\n")[0]
        raise JobError(
            f"{path[:60]!r} is no JSONPath: {words}", advice="as $.items[0].name (RFC 9535)"
        ) from None


def as_text(value: Any) -> str:
    """A value of JSON as it is put into a request: a text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def words_of(text: str) -> Iterator[str]:
    """Words between white space; brackets, braces and quotes hold one together."""
    depth, quote, word, escaped = 0, "", "", False
    for char in text:
        if quote:
            if not escaped and char == quote:
                quote = ""
            escaped = char == "\\" and not escaped
        elif char in "\"'":
            quote, escaped = char, False
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth = max(0, depth - 1)
        elif char.isspace() and not depth:
            if word:
                yield word
            word = ""
            continue
        word += char
    if word:
        yield word
