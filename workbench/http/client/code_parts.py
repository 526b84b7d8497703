"""What the code in every language is made from: a request as it was typed, taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.http.client.building import FORM, JSON, Items, http_url, pairs_of, with_query
from workbench.http.client.message import Fields

if TYPE_CHECKING:
    from workbench.http.client.download import Download
    from workbench.http.client.job import Http


def prepared(request: Http) -> tuple[Endpoint, Items, Fields]:
    """The URL with its query, what stands after it, and the fields with the body's type."""
    items = Items(request.item)
    items.add_fields(request.header)
    pairs = [*items.query, *pairs_of(request.query, "pair of a query")]
    url = with_query(http_url(request.url), pairs)
    fields = Fields(items.fields)
    if b"content-type" in items.omit:
        pass
    elif request.data or request.urlencoded:
        fields = fields.default(b"Content-Type", FORM)
    elif request.data_json or items.json:
        fields = fields.default(b"Content-Type", JSON)
    return url.replace(user="", password="", fragment=""), items, fields


def text_of(value: bytes) -> str:
    """A field's name or value as text."""
    return value.decode("utf-8", "surrogateescape")


def target_of(request: Download) -> tuple[Endpoint, Items, str]:
    """The URL, what stands after it, and the file that it becomes."""
    from workbench.http.client.naming import name_for

    items = Items(request.item)
    url = http_url(request.url).replace(user="", password="", fragment="")
    return url, items, str(request.output) if request.output else name_for(url, None)


def origin_of(url: Endpoint) -> str:
    """Scheme, host and port as the URL of a script has them; localhost for a Unix socket."""
    if url.is_unix:
        return "http://localhost"
    return str(url.replace(path="", query="", fragment="", user="", password=""))
