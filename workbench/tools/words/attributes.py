"""The attributes of Set-Cookie, and the prefixes that a cookie's name may have (RFC 6265bis)."""

from __future__ import annotations

from functools import cache
from http.cookies import Morsel

from workbench.tools.words.entry import Entry

_BIS = "RFC 6265bis"
_ATTRIBUTES = (
    ("Expires", "RFC 6265, 5.2.1", "when the browser forgets it",
     "a date in the past deletes it; Max-Age goes before it"),
    ("Max-Age", "RFC 6265, 5.2.2", "seconds until the browser forgets it",
     "0 or less deletes it; browsers cut it to 400 days"),
    ("Domain", "RFC 6265, 5.2.3", "it goes to that domain and all below it",
     "without it, to the very host alone; a public suffix such as co.uk is refused"),
    ("Path", "RFC 6265, 5.2.4", "it goes to that path and all below it",
     "no protection: other paths of the site can still get at it"),
    ("Secure", "RFC 6265, 5.2.5", "it goes by https only",
     "http cannot set it or write over it; localhost counts as secure in most browsers"),
    ("HttpOnly", "RFC 6265, 5.2.6", "scripts of the page cannot read it",
     "set it on every session cookie"),
    ("SameSite=Strict", f"{_BIS}, 5.6.7", "it never goes along from another site",
     "who follows a link to the site arrives logged out"),
    ("SameSite=Lax", f"{_BIS}, 5.6.7", "from another site it goes along with links only",
     "browsers of Chrome's kind take it where nothing is said, and then let POST pass for 2 min"),
    ("SameSite=None", f"{_BIS}, 5.6.7", "it goes along from other sites too",
     "only with Secure: without it Chrome and its kin refuse the cookie"),
    ("Partitioned", "CHIPS", "each site that embeds the page has its own",
     "only with Secure; http.cookies knows it from Python 3.14 on"),
    ("Priority", "Chrome", "which go first when there are too many: Low, Medium, High",
     "other browsers ignore it"),
    ("__Secure-", f"{_BIS}, 4.1.3.1", "a name that begins so is only taken with Secure, by https",
     "a prefix of the name, not an attribute"),
    ("__Host-", f"{_BIS}, 4.1.3.2", "a name that begins so needs Secure, Path=/ and no Domain",
     "a prefix of the name; the safest for a session"),
    ("Comment", "RFC 2109", "what it is for", "browsers ignore it; http.cookies still writes it"),
    ("Version", "RFC 2109", "1", "browsers ignore it; http.cookies still writes it"),
)  # fmt: skip


@cache
def attributes() -> tuple[Entry, ...]:
    """All, the usual ones first."""
    reserved = frozenset(Morsel())
    return tuple(
        Entry(name, -1, meaning, source, note, _python(name, reserved))
        for name, source, meaning, note in _ATTRIBUTES
    )


def _python(name: str, reserved: frozenset[str]) -> str:
    key = name.partition("=")[0].lower()
    return f'http.cookies.Morsel["{key}"]' if key in reserved else ""
