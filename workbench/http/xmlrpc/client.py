"""The job `xmlrpc`: what a server can do, and calls of it, with the XML of both sides."""

from __future__ import annotations

import shlex
import time
import xmlrpc.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import argument, job, option
from workbench.core.message import Event, event
from workbench.core.scope import Scope
from workbench.core.text import safe
from workbench.core.units import amount, duration
from workbench.http.client.building import http_url
from workbench.http.client.code_shell import curl_way
from workbench.http.client.request import ClientRequest
from workbench.http.xmlrpc import wire
from workbench.http.xmlrpc.values import ValueTypeError, as_json, type_of, typed

if TYPE_CHECKING:
    from workbench.http.client.client import Client

ANSWER_MOST = 64 << 20
METHODS_MOST = 1_000
HOPS = 5

_FAULTS = {
    wire.PARSE_ERROR: "the server could not read the call",
    -32701: "the server does not know the encoding",
    -32702: "the call has characters that are not of its encoding",
    -32600: "the server says that it is no call of XML-RPC",
    wire.NO_SUCH_METHOD: "the server has no such method",
    wire.WRONG_PARAMETERS: "the parameters do not fit the method",
    wire.INTERNAL_ERROR: "the server itself failed",
    wire.APPLICATION_ERROR: "the method failed",
    -32400: "a fault of the system",
    -32300: "a fault of the transport",
}
"""Codes of "Specification for Fault Code Interoperability"."""

_PYTHON = """\
import datetime
import xmlrpc.client

server = xmlrpc.client.ServerProxy({url!r}, allow_none=True, use_builtin_types=True)
"""
_LIST = """\
for name in server.system.listMethods():
    print(name, server.system.methodSignature(name), server.system.methodHelp(name))
"""
_MULTI = """\
calls = {calls!r}
print(server.system.multicall([{{"methodName": name, "params": given}} for name, given in calls]))
"""


@event("xmlrpc-method")
class MethodTold(Event):
    """A method of the server: each signature is the type of the result, then the parameters'."""

    name: str
    signatures: tuple[tuple[str, ...], ...]
    help: str

    def line(self) -> str:
        """Its signatures, and what it does."""
        shown = [f"{self.name}({', '.join(one[1:])}) -> {one[0]}" for one in self.signatures if one]
        lines = [safe(one) for one in shown] or [f"{safe(self.name)}(…)"]
        return "\n".join(
            [*lines, *(f"    {safe(one)}" for one in self.help.strip().split("\n") if one)]
        )


@event("xmlrpc-value")
class ValueGiven(Event):
    """What a call gave: `value` as JSON, dates as ISO 8601 and bytes as base64 in it."""

    method: str
    kind: str
    value: str
    took: float

    def line(self) -> str:
        """The value."""
        return safe(self.value, keep_newlines=True)

    def size(self) -> int:
        """The text."""
        return 256 + len(self.value)


@event("xmlrpc-fault")
class FaultGiven(Event):
    """What a call gave in place of a value."""

    method: str
    code: int
    text: str
    meaning: str = ""

    def line(self) -> str:
        """Code and text, and the code in words below."""
        meaning = f"\n    {self.meaning}" if self.meaning else ""
        return f"{safe(self.method)}: fault {self.code}: {safe(self.text)}{meaning}"


@event("xmlrpc-xml", channel="talk")
class Xml(Event):
    """A message as it went over the wire; `side` is "client" or "server"."""

    side: str
    text: str

    def line(self) -> str:
        """Line by line, marked with its direction."""
        mark = ">" if self.side == "client" else "<"
        lines = self.text.rstrip("\n").split("\n")
        return "\n".join(f"{mark} {safe(line)}" for line in lines)

    def size(self) -> int:
        """The text."""
        return 256 + len(self.text)


@dataclass(frozen=True, slots=True)
class XmlRpc(ClientRequest):
    """Call a server of XML-RPC, or list what it can do.

    Without a method its methods are listed, with signatures and help. Arguments are read by the
    types of the signature: numbers, true or false, dates as ISO 8601, structs and arrays as JSON,
    @FILE for base64; TYPE:TEXT says the type where there is no signature. --call METHOD ARGS, given
    several times, is one system.multicall. What the server sends is bounded and may have no
    document type (entity bombs).
    """

    url: Endpoint = argument("the server; /RPC2 where it has no path", metavar="URL", scheme="http")
    words: tuple[str, ...] = argument("the method and its arguments", default=(), metavar="METHOD")
    call: tuple[str, ...] = option((), "a call of several, in quotes", metavar="'METHOD ARGS'")
    raw: bool = option(False, "show the XML of both sides")
    signature: bool = option(True, "ask the server for the types of a method's parameters")

    @property
    def where(self) -> Endpoint:
        """The URL that is called.

        Raises:
            JobError: XML-RPC is not spoken over that.
        """
        url = http_url(self.url)
        return url if url.path not in ("", "/") or url.is_unix else url.replace(path="/RPC2")

    @property
    def calls(self) -> list[tuple[str, list[str]]]:
        """Methods and the words of their arguments.

        Raises:
            JobError: a call has no method, or its quotes do not end.
        """
        found = []
        for one in self.call:
            try:
                words = shlex.split(one)
            except ValueError as problem:
                raise JobError(f"{safe(one)}: {problem}", advice="close the quote") from None
            if not words:
                raise JobError("a call without a method", advice="--call 'METHOD ARGS'")
            found.append((words[0], words[1:]))
        return [(self.words[0], list(self.words[1:])), *found] if self.words else found

    def values(self) -> list[tuple[str, list[Any]]]:
        """The calls with values, as far as they can be told without the server."""
        return [(name, [_value(word) for word in words]) for name, words in self.calls]

    def as_python(self) -> str:
        """xmlrpc.client."""
        script = _PYTHON.format(url=str(self.where.without_password()))
        calls = self.values()
        if not calls:
            return script + _LIST
        if len(calls) > 1:
            return script + _MULTI.format(calls=calls)
        name, given = calls[0]
        return f"{script}print(getattr(server, {name!r})(*{given!r}))\n"

    def as_shell(self) -> str:
        """curl, with the XML."""
        calls = self.values() or [("system.listMethods", [])]
        name, given = calls[0] if len(calls) == 1 else _several(calls)
        body = shlex.quote(wire.call(name, given).decode())
        return " ".join(
            ["curl", "-sS", *curl_way(self, self.where), "--header", "'Content-Type: text/xml'",
             "--data-binary", body, shlex.quote(str(self.where.without_password()))]
        )  # fmt: skip


def _value(word: str, kind: str = "") -> Any:
    try:
        return typed(word, kind)
    except ValueTypeError as problem:
        raise JobError(str(problem), advice="TYPE:TEXT says the type, as int:5") from None


def _several(calls: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    given = [{"methodName": name, "params": values} for name, values in calls]
    return "system.multicall", [given]


@job("xmlrpc", tab="tools", example="xmlrpc http://127.0.0.1:8000/ add 1 2")
def xml_rpc(request: XmlRpc, scope: Scope) -> Iterator[Event]:
    """List, or call."""
    from workbench.http.client.client import Client
    from workbench.http.client.setting import client_options

    options, notes = client_options(request, request.where, decode=True, follow=HOPS)
    for note in notes:
        yield Note(note)
    client = Client(options, scope)
    talk = _Talk(request, client)
    try:
        calls = request.calls
        if not calls:
            yield from _list(talk)
            return
        ready = []
        for name, words in calls:
            kinds = _kinds(talk, name, len(words)) if request.signature else ()
            yield from talk.told()
            ready.append((name, [_value(word, kinds[at] if at < len(kinds) else "")
                                 for at, word in enumerate(words)]))  # fmt: skip
        yield from _call(talk, ready)
    finally:
        client.close()


class _Talk:
    """Calls over one client."""

    def __init__(self, request: XmlRpc, client: Client) -> None:
        self._request = request
        self._client = client
        self._told: list[Event] = []
        self.took = 0.0

    def told(self) -> list[Event]:
        """The XML that has gone to and fro since it was asked for last."""
        told, self._told = self._told, []
        return told

    def ask(self, method: str, values: Sequence[Any]) -> Any:
        """The value of a call.

        Raises:
            xmlrpc.client.Fault: the server says why there is none.
            JobError: what comes is no answer.
        """
        from workbench.http.client.content import Bytes
        from workbench.http.client.message import Body, Fields, HttpRequest, ResponseHead

        try:
            data = wire.call(method, values)
        except (TypeError, OverflowError, ValueError) as problem:
            raise JobError(f"XML-RPC cannot carry that: {problem}") from None
        if self._request.raw:
            self._told.append(Xml("client", data.decode()))
        fields = Fields([(b"Content-Type", b"text/xml"), (b"Accept-Encoding", b"gzip")])
        began = time.monotonic()
        found, status, kind = bytearray(), 0, ""
        where = self._request.where
        for step in self._client.fetch(HttpRequest("POST", where, fields, Bytes(data))):
            if isinstance(step, ResponseHead) and not step.informational:
                status = step.status
                kind = (step.fields.get(b"content-type") or b"").decode("latin-1")
                found.clear()
            elif isinstance(step, Body):
                found += step.data
                if len(found) > ANSWER_MOST:
                    raise JobError(f"an answer of more than {amount(ANSWER_MOST)}")
        self.took = time.monotonic() - began
        if self._request.raw:
            self._told.append(Xml("server", found.decode("utf-8", "replace")))
        if status != 200:
            raise JobError(f"status {status} in place of an answer", code="status",
                           advice="look at it with http POST, or try another path")  # fmt: skip
        try:
            return wire.read_answer(bytes(found))
        except wire.CallError as problem:
            raise JobError(f"{method}: that is no answer of XML-RPC ({safe(kind)}): {problem}",
                           code="answer") from None  # fmt: skip


def _list(talk: _Talk) -> Iterator[Event]:
    """Every method with its signature and help."""
    try:
        names = talk.ask("system.listMethods", ())
    except xmlrpc.client.Fault as problem:
        raise JobError(
            f"it does not tell its methods: fault {problem.faultCode}: {problem.faultString}",
            advice="call one by its name", code="fault",
        ) from None  # fmt: skip
    finally:
        yield from talk.told()
    if not isinstance(names, list):
        raise JobError("system.listMethods gave no list", code="answer")
    for name in names[:METHODS_MOST]:
        signatures = _asked(talk, "system.methodSignature", str(name))
        words = _asked(talk, "system.methodHelp", str(name))
        yield from talk.told()
        about = words if isinstance(words, str) else ""
        yield MethodTold(str(name), _signatures(signatures), about)
    yield Done(f"{len(names):,} methods")


def _asked(talk: _Talk, method: str, name: str) -> Any:
    """What a method of introspection says; None where the server does not have it."""
    try:
        return talk.ask(method, (name,))
    except xmlrpc.client.Fault:
        return None


def _signatures(found: Any) -> tuple[tuple[str, ...], ...]:
    if not isinstance(found, list):
        return ()
    rows = [one for one in found if isinstance(one, list) and one]
    return tuple(tuple(str(word)[:60] for word in row[:100]) for row in rows[:20])


def _kinds(talk: _Talk, name: str, count: int) -> tuple[str, ...]:
    """The types of so many parameters, by the signature that fits best."""
    if not count or name.startswith("system."):
        return ()
    signatures = _signatures(_asked(talk, "system.methodSignature", name))
    fit = [one[1:] for one in signatures if len(one) - 1 == count]
    return fit[0] if fit else ()


def _call(talk: _Talk, calls: list[tuple[str, list[Any]]]) -> Iterator[Event]:
    """One call, or several as one."""
    name, given = calls[0] if len(calls) == 1 else _several(calls)
    try:
        value = talk.ask(name, given)
    except xmlrpc.client.Fault as problem:
        yield _fault(name, problem.faultCode, problem.faultString)
        raise JobError(f"fault {problem.faultCode}: {safe(str(problem.faultString))}",
                       code="fault") from None  # fmt: skip
    finally:
        yield from talk.told()
    if len(calls) == 1:
        yield ValueGiven(name, type_of(value), as_json(value, 2), talk.took)
        yield Done(f"{name} in {duration(talk.took)}")
        return
    if not isinstance(value, list) or len(value) != len(calls):
        raise JobError("system.multicall gave no list of as many values", code="answer")
    faults = 0
    for (method, _), one in zip(calls, value, strict=True):
        if isinstance(one, list) and len(one) == 1:
            yield ValueGiven(method, type_of(one[0]), as_json(one[0], 2), talk.took)
        else:
            faults += 1
            said = one if isinstance(one, dict) else {}
            yield _fault(method, said.get("faultCode", 0), said.get("faultString", "no value"))
    if faults:
        raise JobError(f"{faults} of {len(calls)} calls gave a fault", code="fault")
    yield Done(f"{len(calls)} calls in {duration(talk.took)}")


def _fault(method: str, code: Any, text: Any) -> FaultGiven:
    number = code if isinstance(code, int) else 0
    return FaultGiven(method, number, str(text), _FAULTS.get(number, ""))
