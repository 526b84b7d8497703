"""XML-RPC's calls and answers as bytes; they come from anybody, so their XML is bounded.

xmlrpc.client builds the values. What it does not guard against is refused while the XML is read:
a document type (without which there are no entities, and so no entity bombs and no external
ones), deep nesting, and very many elements.
"""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

DEPTH = 64
ELEMENTS = 200_000

# Codes by the convention of "Specification for Fault Code Interoperability".
PARSE_ERROR = -32700
NO_SUCH_METHOD = -32601
WRONG_PARAMETERS = -32602
INTERNAL_ERROR = -32603
APPLICATION_ERROR = -32500

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class CallError(ValueError):
    """What came is no call or answer of XML-RPC; says why."""


def read_call(data: bytes) -> tuple[str, tuple[Any, ...]]:
    """The method's name and the parameters of a call; dates are datetime, base64 is bytes.

    Raises:
        CallError: it is no call, or over a limit.
    """
    try:
        parameters, name = _read(data)
    except xmlrpc.client.Fault:
        raise CallError("that is an answer, not a call") from None
    if not name:
        raise CallError("it names no method")
    return name, parameters


def read_answer(data: bytes) -> Any:
    """The value that an answer carries; dates are datetime, base64 is bytes.

    Raises:
        xmlrpc.client.Fault: the server says why there is none.
        CallError: it is no answer, or over a limit.
    """
    values, name = _read(data)
    if name:
        raise CallError("that is a call, not an answer")
    if len(values) != 1:
        raise CallError(f"it carries {len(values)} values, not one")
    return values[0]


def _read(data: bytes) -> tuple[tuple[Any, ...], str | None]:
    """The values of a message, and the method's name if it is a call."""
    builder = xmlrpc.client.Unmarshaller(use_builtin_types=True)
    parser = expat.ParserCreate()
    depth = count = 0

    def doctype(*_: object) -> None:
        raise CallError("a document type is not allowed here")

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth += 1
        count += 1
        if depth > DEPTH or count > ELEMENTS:
            raise CallError(f"more than {DEPTH} levels or {ELEMENTS:,} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        builder.xml("", None)  # no encoding: what comes is text already
        parser.Parse(data, True)
        return tuple(builder.close()), builder.getmethodname()
    except (CallError, xmlrpc.client.Fault):
        raise
    except expat.ExpatError as problem:
        raise CallError(f"that is no XML: {problem}") from None
    except Exception as problem:  # the builder raises whatever its conversions raise
        raise CallError(f"a value cannot be read: {type(problem).__name__}: {problem}") from None


def call(method: str, values: Sequence[Any]) -> bytes:
    """The call of a method.

    Raises:
        TypeError, OverflowError, ValueError: XML-RPC cannot carry a value; says why.
    """
    return _carried(xmlrpc.client.dumps(tuple(values), method, allow_none=True))


def answer(value: Any) -> bytes:
    """The answer that carries a value, or a Fault.

    Raises:
        TypeError, OverflowError, ValueError: XML-RPC cannot carry it; says why.
    """
    given = value if isinstance(value, xmlrpc.client.Fault) else (value,)
    try:
        text = xmlrpc.client.dumps(given, methodresponse=True, allow_none=True)
    except RecursionError:
        raise ValueError("it is nested too deeply, or holds itself") from None
    return _carried(text)


def _carried(text: str) -> bytes:
    if _NOT_XML.search(text):
        raise ValueError("it holds characters that XML cannot carry: use bytes")
    return text.encode("utf-8")


def fault(code: int, text: str) -> bytes:
    """The answer that says why there is none."""
    clean = _NOT_XML.sub("?", text)
    return answer(xmlrpc.client.Fault(code, clean))
