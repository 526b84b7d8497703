"""The job `http`: one request, and every layer of it as it happens."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.core.events import Done, Note
from workbench.core.failure import JobError
from workbench.core.job import Function, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http.client.building import (
    Body,
    Items,
    fields_of,
    http_url,
    pairs_of,
    raw_request,
    with_query,
)
from workbench.http.client.request import ANSWER, ClientRequest

if TYPE_CHECKING:
    from workbench.http.viewing.kept import KeptBody

SENDING = "what to send"
BODY = "the body"

MOST_BODY = 100_000_000_000
"""Bytes of a body that are taken unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Http(ClientRequest):
    """Send an HTTP request and see every layer of it: the body on standard output.

    The rest is on standard error: the connection, the head of each response, redirects, times;
    with --verbose also the request whole, cookies, and the bytes and frames on the wire.

    After the URL stand header fields as NAME:VALUE, pairs of the query as NAME==VALUE, and
    a JSON body as NAME=VALUE or NAME:=JSON. NAME: alone leaves out a field that would be added.

    Proxies are those of the environment (http_proxy, https_proxy, no_proxy) unless --proxy names
    another, or none.
    """

    method: str = argument("GET, HEAD, POST, PUT, PATCH, DELETE, or any other; get is GET")
    url: Endpoint = argument("what to ask for", metavar="URL", scheme="http")
    item: tuple[str, ...] = argument(
        "header fields, query and JSON", default=(), metavar="NAME:VALUE"
    )
    header: tuple[str, ...] = option(
        (), "a header field, sent as it is typed", metavar="NAME:VALUE", group=SENDING
    )
    query: tuple[str, ...] = option(
        (), "a pair for the URL's query", metavar="NAME=VALUE", group=SENDING
    )
    raw: Path | None = option(
        None, "send these bytes as the whole request, as they stand", metavar="FILE", group=SENDING
    )
    request_target: str = option(
        "", "the request target, where it is not the URL's own", metavar="TEXT", group=SENDING
    )
    data: tuple[str, ...] = option(
        (), "a body: text, @FILE, or @- for standard input", metavar="TEXT", group=BODY
    )
    data_json: str = option(
        "", "a JSON body: text, @FILE, or @- for standard input", metavar="JSON", group=BODY
    )
    form: tuple[str, ...] = option(
        (), "a field of a form: NAME=VALUE or NAME=@FILE", metavar="FIELD", group=BODY
    )
    urlencoded: tuple[str, ...] = option(
        (), "a field of an urlencoded form", metavar="NAME=VALUE", group=BODY
    )
    follow: bool = option(False, "follow redirects", group=ANSWER)
    step: bool = option(False, "follow redirects, asking before each", group=ANSWER)
    output: Path | None = option(None, "write the body there", metavar="FILE", group=ANSWER)
    save: Path | None = option(
        None, "write the exchange there too, as HAR", metavar="FILE.har", group=ANSWER
    )
    decode: bool = option(True, "undo gzip, deflate, br and zstd", group=ANSWER)
    max_body: int = option(MOST_BODY, "end at a body of more than this", unit="B", group=ANSWER)
    fail: bool = option(False, "count a status of 400 and above as a failure", group=ANSWER)
    verbose: bool = option(False, "tell all, down to the bytes on the wire", group=ANSWER)

    def as_python(self) -> str:
        """urllib.request, or http.client where that cannot."""
        from workbench.http.client.code_python import python

        _refuse_steps(self)
        return python(self)

    def as_shell(self) -> str:
        """curl."""
        from workbench.http.client.code_shell import shell

        _refuse_steps(self)
        return shell(self)


def _refuse_steps(request: Http) -> None:
    if request.step:
        raise JobError("no script asks before each redirect", advice="--follow goes all the way")


@job(
    "http",
    tab="http",
    example="http GET http://127.0.0.1:8000/ Accept:text/html",
    reads_input=True,
)
def http(request: Http, scope: Scope) -> Iterator[Event]:
    """Make the request, send it, and tell what happens."""
    yield from _told(request, scope, wire=False)


def http_kept(body: KeptBody) -> Function[Http]:
    """The same for a screen: with what went over the wire, within bounds, and the body kept."""

    def function(request: Http, scope: Scope) -> Iterator[Event]:
        from workbench.http.viewing.keeping import keeping

        with closing(_told(request, scope, wire=True)) as told:
            yield from keeping(told, body)

    return function


def _told(request: Http, scope: Scope, *, wire: bool) -> Generator[Event, None, None]:
    from workbench.http.client.client import Client
    from workbench.http.client.content import Bytes
    from workbench.http.client.message import HttpRequest, check_method, method_of
    from workbench.http.client.setting import client_options, save_jar
    from workbench.http.client.telling import Teller

    items = Items(request.item)
    items.add_fields(request.header)
    bound = items.add_secret(request.secret_header)
    body = Body(
        data=request.data, json=request.data_json, form=request.form, pairs=request.urlencoded,
        items=items.json, scope=scope,
    )  # fmt: skip
    url = with_query(
        http_url(request.url), [*items.query, *pairs_of(request.query, "pair of a query")]
    )
    raw = raw_request(request.raw, scope) if request.raw else b""
    asked = HttpRequest(
        check_method(method_of(request.method)), url.replace(user="", password=""),
        fields_of(items, body), body.content,
        request.request_target.encode("utf-8", "surrogateescape"), raw=raw,
    )  # fmt: skip
    if any(char in request.request_target for char in "\r\n \0"):
        raise JobError("the request target has a space or a line's end in it", advice="use --raw")
    options, notes = client_options(
        request, url, items.omit, decode=request.decode,
        follow=request.max_redirects if request.follow or request.step else 0,
        watched=request.verbose or wire, bound=bound,
    )  # fmt: skip
    if request.step:
        from workbench.http.client.consent import Consent

        options = replace(options, consent=Consent(scope))
    yield from (Note(text) for text in notes)
    client = Client(options, scope)
    teller = Teller(
        decode=request.decode and not request.raw, output=request.output,
        most=request.max_body, verbose=request.verbose,
        follows=request.follow or request.step, logs_in=options.credentials is not None,
        secrets=(request.secret_header.partition(":")[2].strip().encode(),),
        wire=wire,
    )  # fmt: skip
    saved = None
    if request.save is not None:
        from workbench.http.interchange.har import HarWriter

        saved = HarWriter(body.content.data if isinstance(body.content, Bytes) else None)
    try:
        for told in teller.tell(client.fetch(asked)):
            if saved is not None:
                saved.take(told)
            yield told
    finally:
        if saved is not None and request.save is not None and saved.entries:
            request.save.write_bytes(saved.document())
        client.close()
        teller.close()
        if options.jar is not None and request.cookies is not None:
            save_jar(options.jar, request.cookies)
    if request.fail and teller.status >= 400:
        raise JobError(
            f"the answer is {teller.status} {teller.reason}".rstrip(), code=str(teller.status)
        )
    yield Done(teller.summary())
