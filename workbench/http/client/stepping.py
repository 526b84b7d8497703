"""A redirect followed by hand, one hop at a time: the request that goes on, and what changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from workbench.core.failure import JobError
from workbench.http.client.building import Items, http_url, item_kind, pairs_of, with_query
from workbench.http.client.content import Bytes
from workbench.http.client.job import Http
from workbench.http.client.message import (
    Fields,
    HttpRequest,
    ResponseHead,
    check_method,
    method_of,
    typed_field,
)
from workbench.http.client.redirects import is_redirect, redirect


def next_hop(
    request: Http, status: int, fields: Sequence[tuple[str, str]]
) -> tuple[Http, tuple[str, ...]]:
    """The request that a response's redirect asks for, as --follow would send it.

    Args:
        fields: the response's.

    Returns:
        the request, and what is worth saying: a method that changes, what does not go along.

    Raises:
        JobError: it is no redirect, or one that is not followed; why.
    """
    items = Items(request.item)
    items.add_fields(request.header)
    bound = items.add_secret(request.secret_header)
    has_body = bool(
        request.data or request.data_json or request.form or request.urlencoded or items.json
    )
    url = with_query(
        http_url(request.url), [*items.query, *pairs_of(request.query, "pair of a query")]
    )
    sent = HttpRequest(
        check_method(method_of(request.method)), url.replace(user="", password=""),
        Fields(items.fields), Bytes(b"") if has_body else None,
    )  # fmt: skip
    head = ResponseHead("1.1", status, b"", Fields([(a.encode(), b.encode()) for a, b in fields]))
    if not is_redirect(head):
        raise JobError("the answer is no redirect", advice="301, 302, 303, 307, 308 with Location")
    found = redirect(sent, head, bound=bound)
    if found.request is None:
        raise JobError(f"not followed: {found.why_not}")
    went = found.request
    kept = {name.lower() for name, _ in went.fields}
    bodiless = has_body and went.content is None
    told = [found.changed] if found.changed else []
    if went.url.scheme != url.scheme:
        told.append(f"{url.scheme} becomes {went.url.scheme}")
    made = replace(
        request, method=went.method, url=went.url, raw=None, request_target="", query=(),
        item=tuple(word for word in request.item if _goes_along(word, kept, bodiless=bodiless)),
        header=tuple(text for text in request.header if typed_field(text)[0].lower() in kept),
        user=request.user or request.url.user, password=request.password or request.url.password,
    )  # fmt: skip
    if bodiless:
        made = replace(made, data=(), data_json="", form=(), urlencoded=())
    if found.other_origin:
        login = bool(made.user or made.password or made.bearer)
        made = replace(made, user="", password="", bearer="", secret_header="")
        dropped = [*found.dropped, *(["the login"] if login else [])]
        told.append("another origin" + (f", without {', '.join(dropped)}" if dropped else ""))
    return made, tuple(told)


def _goes_along(word: str, kept: set[bytes], *, bodiless: bool) -> bool:
    """A field that is kept, or a part of a body that is; the URL has its query already."""
    kind = item_kind(word)
    if kind in (":", ";"):
        name, value = typed_field(word if kind == ":" else f"{word[:-1]}:")
        return not (value or kind == ";") or name.lower() in kept
    return kind != "==" and not bodiless
