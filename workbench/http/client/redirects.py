"""Redirects (RFC 9110 section 15.4): where they lead, and what of the request goes along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

from workbench.core.endpoint import Endpoint, EndpointError, parse
from workbench.core.text import safe
from workbench.http.client.message import HttpRequest, ResponseHead

STATUSES = frozenset((301, 302, 303, 307, 308))
MOST = 20
"""Redirects that are followed unless told otherwise, as browsers do."""

CREDENTIALS = frozenset((b"authorization", b"cookie", b"proxy-authorization", b"cookie2"))
"""Fields that never go on to another origin."""

_OF_CONTENT = (
    b"content-type", b"content-length", b"content-encoding", b"content-language",
    b"content-location", b"transfer-encoding", b"expect", b"digest", b"content-digest",
    b"repr-digest", b"trailer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a response sends its reader: `request` is the next one, None where `why_not` says why.

    `dropped` are the fields that do not go along, `changed` what became of the method.
    """

    status: int
    location: str
    request: HttpRequest | None = None
    why_not: str = ""
    changed: str = ""
    dropped: tuple[str, ...] = ()
    other_origin: bool = False


def origin(url: Endpoint) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454): what must be alike for credentials to go along."""
    return url.scheme, url.host, url.port


def is_redirect(head: ResponseHead) -> bool:
    """A status that redirects, with a place to go to."""
    return head.status in STATUSES and head.fields.has(b"location")


def redirect(
    request: HttpRequest, head: ResponseHead, been: frozenset[tuple[str, str]] = frozenset(),
    bound: frozenset[bytes] = frozenset(),
) -> Redirect:  # fmt: skip
    """What a redirect asks for.

    Args:
        been: methods and URLs that were asked for before: coming back to one is a circle.
        bound: names of fields, in lower case, that are credentials beside the usual ones.
    """
    values = head.fields.all(b"location")
    location = values[0].decode("utf-8", "replace") if values else ""
    made = Redirect(head.status, safe(location, limit=2000))
    if len(set(values)) > 1:
        return _refused(made, "it names more than one place (Location)")
    if re.search(r"[\x00-\x1f\x7f]", location):
        return _refused(made, "a control character in Location")
    try:
        url = _resolved(request.url, location)
    except (EndpointError, ValueError) as problem:
        return _refused(made, f"Location cannot be read: {safe(str(problem), limit=160)}")
    if request.url.is_unix:
        if origin(url) != origin(request.url):
            return _refused(made, "it leads from a Unix socket to another place")
    elif url.scheme not in ("http", "https"):
        return _refused(made, f"it leads from {request.url.scheme} to {url.scheme}, another scheme")
    method, content, changed = request.method, request.content, ""
    fields = request.fields.without(b"host")
    to_get = (head.status == 303 and method != "HEAD") or (
        head.status in (301, 302) and method == "POST"
    )
    if to_get and method != "GET":
        changed = f"{method} becomes GET, without its body (RFC 9110, 15.4)"
        method, content = "GET", None
        fields = fields.without(*_OF_CONTENT)
    elif content is not None and not content.again:
        return _refused(made, "the body was read from a stream and cannot be sent again")
    dropped: list[str] = []
    other = origin(url) != origin(request.url)
    if other:
        secret = CREDENTIALS | bound
        dropped = [name.decode("latin-1") for name, _ in fields if name.lower() in secret]
        fields = fields.without(*secret)
    if (method, str(url.replace(fragment=""))) in been:
        return _refused(made, f"a circle: {method} {url} was asked for before")
    following = request.plus(method=method, url=url, fields=fields, content=content, target=b"")
    return Redirect(
        head.status, made.location, following, "", changed, tuple(dict.fromkeys(dropped)), other
    )


def _resolved(base: Endpoint, location: str) -> Endpoint:
    """The URL that Location means (RFC 3986, 5.2); without a fragment it has the old one's."""
    # Spaces and the like stand there unencoded from many servers; browsers encode them.
    encoded = re.sub(r"[ \"<>^`{|}]", lambda found: f"%{ord(found[0]):02X}", location.strip())
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", encoded):
        joined = encoded
        if re.match(r"https?:(?!//)", encoded, re.IGNORECASE):
            raise ValueError("two slashes are missing after the scheme")
    elif base.is_unix:
        joined = urljoin(f"http://localhost{base.target}", encoded).replace(
            "http://localhost", str(base.replace(path="", query="", fragment="", user="")), 1
        )
    else:
        bare = base.replace(user="", password="", fragment="")
        joined = urljoin(str(bare), encoded)
    url = parse(joined, scheme="http")
    url = url.replace(user="", password="")
    return url if url.fragment else url.replace(fragment=base.fragment)


def _refused(made: Redirect, why: str) -> Redirect:
    return Redirect(made.status, made.location, None, why)
