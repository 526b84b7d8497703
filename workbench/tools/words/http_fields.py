"""HTTP's header fields: meaning, who sends it, and the document that says so.

The meanings are those of the HTTP tab; the documents are as in IANA's registry
(iana.org/assignments/http-fields).
"""

from __future__ import annotations

import re
from functools import cache

from workbench.http.field_names import REGISTERED, USUAL
from workbench.tools.words.entry import Entry

_SOURCES = {
    "RFC 9110": """accept accept-charset accept-encoding accept-language accept-ranges allow
        authentication-info authorization connection content-encoding content-language
        content-length content-location content-range content-type date etag expect from host
        if-match if-modified-since if-none-match if-range if-unmodified-since last-modified
        location max-forwards proxy-authenticate proxy-authentication-info proxy-authorization
        range referer retry-after server te trailer upgrade user-agent vary via
        www-authenticate""",
    "RFC 9111": "age cache-control expires pragma warning",
    "RFC 9112": "transfer-encoding mime-version",
    "RFC 2068": "keep-alive",
    "RFC 4918": "dav depth destination if lock-token overwrite timeout",
    "RFC 5323": "dasl",
    "RFC 2518": "status-uri",
    "RFC 4437": "apply-to-redirect-ref",
    "RFC 5023": "slug",
    "RFC 5789": "accept-patch",
    "RFC 6265": "cookie set-cookie",
    "RFC 6266": "content-disposition",
    "RFC 6454": "origin",
    "RFC 6455": """sec-websocket-accept sec-websocket-extensions sec-websocket-key
        sec-websocket-protocol sec-websocket-version""",
    "RFC 6638": "schedule-tag",
    "RFC 6797": "strict-transport-security",
    "RFC 7034": "x-frame-options",
    "RFC 7089": "memento-datetime",
    "RFC 7239": "forwarded",
    "RFC 7240": "preference-applied",
    "RFC 7469": "public-key-pins",
    "RFC 7639": "alpn",
    "RFC 7838": "alt-svc alt-used",
    "RFC 8030": "topic ttl urgency",
    "RFC 8288": "link",
    "RFC 8470": "early-data",
    "RFC 8586": "cdn-loop",
    "RFC 8594": "sunset",
    "RFC 8739": "cert-not-after",
    "RFC 8942": "accept-ch",
    "RFC 9163": "expect-ct",
    "RFC 9209": "proxy-status",
    "RFC 9211": "cache-status",
    "RFC 9213": "cdn-cache-control",
    "RFC 9218": "priority",
    "RFC 9421": "signature-input",
    "RFC 9440": "client-cert client-cert-chain",
    "RFC 9449": "dpop-nonce",
    "RFC 9530": "content-digest repr-digest want-content-digest want-repr-digest",
    "RFC 9745": "deprecation",
    "RFC 3230, obsolete": "digest",
    "Fetch standard": """access-control-allow-credentials access-control-allow-headers
        access-control-allow-methods access-control-allow-origin access-control-expose-headers
        access-control-max-age access-control-request-headers access-control-request-method
        cross-origin-resource-policy sec-purpose x-content-type-options""",
    "HTML standard": """cross-origin-embedder-policy cross-origin-embedder-policy-report-only
        cross-origin-opener-policy cross-origin-opener-policy-report-only last-event-id
        origin-agent-cluster ping-from ping-to refresh""",
    "W3C CSP": "content-security-policy content-security-policy-report-only",
    "W3C Fetch Metadata": "sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user",
    "W3C": """accept-post clear-site-data dnt nel permissions-policy referrer-policy
        reporting-endpoints sec-gpc server-timing soapaction surrogate-capability
        surrogate-control timing-allow-origin traceparent tracestate""",
    "ECMA-426": "sourcemap",
    "OData": "odata-version",
    "draft-grigorik-http-client-hints": "save-data",
}
_SENT_BY = {
    "requests": """accept accept-charset accept-encoding accept-language authorization cookie
        early-data expect from host if if-match if-modified-since if-none-match if-range
        if-unmodified-since last-event-id max-forwards origin proxy-authorization range referer te
        upgrade-insecure-requests user-agent forwarded x-forwarded-for x-forwarded-host
        x-forwarded-proto depth destination overwrite access-control-request-headers
        access-control-request-method sec-websocket-key sec-fetch-dest sec-fetch-mode
        sec-fetch-site sec-fetch-user dnt save-data sec-gpc slug soapaction want-content-digest
        want-repr-digest alt-used cdn-loop""",
    "answers": """accept-ch accept-patch accept-post accept-ranges access-control-allow-credentials
        access-control-allow-headers access-control-allow-methods access-control-allow-origin
        access-control-expose-headers access-control-max-age age allow alt-svc authentication-info
        cache-status cdn-cache-control clear-site-data content-range content-security-policy
        content-security-policy-report-only cross-origin-embedder-policy
        cross-origin-opener-policy cross-origin-resource-policy etag expires last-modified location
        nel permissions-policy preference-applied proxy-authenticate proxy-authentication-info
        proxy-status referrer-policy refresh reporting-endpoints retry-after sec-websocket-accept
        server server-timing set-cookie strict-transport-security sunset timing-allow-origin vary
        www-authenticate x-content-type-options x-frame-options""",
}
_NAMED = re.compile(r" \((RFC \d+)\)$")


def _turned(table: dict[str, str]) -> dict[str, str]:
    return {name: key for key, names in table.items() for name in names.split()}


SOURCES = _turned(_SOURCES)
"""By name in small letters: the document."""

SENT_BY = _turned(_SENT_BY)
"""By name in small letters: requests or answers, for those that stand in one of them alone."""


@cache
def http_fields() -> tuple[Entry, ...]:
    """All, by name."""
    rows = [
        *(_entry(name, meaning, known=True) for name, meaning in REGISTERED.values()),
        *(_entry(name, meaning, known=False) for name, meaning in USUAL.values()),
    ]
    return tuple(sorted(rows, key=lambda one: one.name.lower()))


def _entry(name: str, meaning: str, *, known: bool) -> Entry:
    notes = [f"in {SENT_BY[name.lower()]}"] if name.lower() in SENT_BY else []
    named = _NAMED.search(meaning)
    source = SOURCES.get(name.lower(), "")
    if named is not None:
        meaning, source = meaning[: named.start()], named[1]
    if not known:
        notes.append("in no registry")
    return Entry(name, -1, meaning, source, "; ".join(notes))
