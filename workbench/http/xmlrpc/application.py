"""Functions over XML-RPC as a WSGI application, with introspection and multicall."""

from __future__ import annotations

import inspect
import xmlrpc.client
from collections.abc import Callable
from typing import Any

from workbench.http.gateway.calling import Environ, Start, WsgiApplication
from workbench.http.xmlrpc.functions import Function, help_of, load_functions, signature_of
from workbench.http.xmlrpc.wire import (
    APPLICATION_ERROR,
    INTERNAL_ERROR,
    NO_SUCH_METHOD,
    PARSE_ERROR,
    WRONG_PARAMETERS,
    CallError,
    answer,
    fault,
    read_call,
)

BODY_LIMIT = 8 << 20
CALLS = 1_000
"""Calls in one multicall."""

Tell = Callable[[BaseException], None]


class Methods:
    """The methods of a server: functions, and those of system."""

    def __init__(self, functions: dict[str, Function]) -> None:
        self._functions: dict[str, Function] = {
            **functions,
            "system.listMethods": self.list_methods,
            "system.methodHelp": self.method_help,
            "system.methodSignature": self.method_signature,
        }
        self._names = sorted([*self._functions, "system.multicall"])

    def list_methods(self) -> list[str]:
        """The names of all methods."""
        return self._names

    def method_help(self, name: str) -> str:
        """What a method does."""
        if name == "system.multicall":
            return "Make several calls: each a struct of methodName and params."
        return help_of(self._function(name))

    def method_signature(self, name: str) -> list[list[str]] | str:
        """The types of a method's result and parameters."""
        if name == "system.multicall":
            return [["array", "array"]]
        return signature_of(self._function(name))

    def _function(self, name: str) -> Function:
        function = self._functions.get(name) if isinstance(name, str) else None
        if function is None:
            raise xmlrpc.client.Fault(NO_SUCH_METHOD, f"there is no method {name!r}")
        return function

    def call(self, name: str, parameters: tuple[Any, ...], tell: Tell) -> Any:
        """The value of a call.

        Args:
            tell: hears of what a function raises.

        Raises:
            Fault: there is none, and why.
        """
        if name == "system.multicall":
            return self._multicall(parameters, tell)
        function = self._function(name)
        try:
            inspect.signature(function).bind(*parameters)
        except TypeError as problem:
            raise xmlrpc.client.Fault(WRONG_PARAMETERS, f"{name}: {problem}") from None
        except ValueError:
            pass  # a function of C tells no signature
        try:
            return function(*parameters)
        except xmlrpc.client.Fault:
            raise
        except Exception as problem:
            tell(problem)
            words = f"{name}: {type(problem).__name__}: {problem}"
            raise xmlrpc.client.Fault(APPLICATION_ERROR, words) from None

    def _multicall(self, parameters: tuple[Any, ...], tell: Tell) -> list[Any]:
        calls = parameters[0] if len(parameters) == 1 else None
        if not isinstance(calls, list) or len(calls) > CALLS:
            raise xmlrpc.client.Fault(
                WRONG_PARAMETERS, f"system.multicall takes one array of at most {CALLS} calls"
            )
        values: list[Any] = []
        for one in calls:
            try:
                if not isinstance(one, dict) or not isinstance(one.get("params"), list):
                    raise xmlrpc.client.Fault(
                        WRONG_PARAMETERS, "a call is a struct of methodName and params"
                    )
                name = one.get("methodName")
                if name == "system.multicall":
                    raise xmlrpc.client.Fault(WRONG_PARAMETERS, "a multicall holds no multicall")
                value = [self.call(str(name), tuple(one["params"]), tell)]
                answer(value)  # one that cannot be sent must not spoil the others
                values.append(value)
            except xmlrpc.client.Fault as problem:
                values.append({"faultCode": problem.faultCode, "faultString": problem.faultString})
            except (TypeError, OverflowError, ValueError) as problem:
                words = f"the result cannot be sent: {problem}"
                values.append({"faultCode": INTERNAL_ERROR, "faultString": words})
        return values

    def answer(self, data: bytes, tell: Tell) -> bytes:
        """The answer to a call, both as XML."""
        try:
            name, parameters = read_call(data)
        except CallError as problem:
            return fault(PARSE_ERROR, str(problem))
        try:
            return answer(self.call(name, parameters, tell))
        except xmlrpc.client.Fault as problem:
            return fault(problem.faultCode, str(problem.faultString))
        except (TypeError, OverflowError, ValueError) as problem:
            return fault(INTERNAL_ERROR, f"the result of {name} cannot be sent: {problem}")


def make(where: str) -> WsgiApplication:
    """The WSGI application of the functions in a file or module.

    Raises:
        Exception: they cannot be loaded.
    """
    methods = Methods(load_functions(where))

    def application(environ: Environ, start_response: Start) -> list[bytes]:
        status, kind, body = "200 OK", "text/xml; charset=utf-8", b""
        fields: list[tuple[str, str]] = []
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if environ["REQUEST_METHOD"] != "POST":
            status, kind = "405 Method Not Allowed", "text/plain; charset=utf-8"
            fields.append(("Allow", "POST"))
            body = b"Calls of XML-RPC are POSTed here.\n"
        elif environ.get("HTTP_CONTENT_ENCODING", "identity") != "identity":
            status, kind = "415 Unsupported Media Type", "text/plain; charset=utf-8"
            body = b"A call is not compressed.\n"
        elif length > BODY_LIMIT:
            status, kind = "413 Content Too Large", "text/plain; charset=utf-8"
            body = b"A call is of %d bytes at most.\n" % BODY_LIMIT
        else:
            tell: Tell = environ.get("workbench.crash", lambda problem: None)
            body = methods.answer(environ["wsgi.input"].read(length), tell)
        start_response(
            status, [("Content-Type", kind), ("Content-Length", str(len(body))), *fields]
        )
        return [body]

    return application
