"""HTTP's methods: the registry (iana.org/assignments/http-methods)."""

from __future__ import annotations

from functools import cache
from http import HTTPMethod

from workbench.tools.words.entry import Entry

# Name, safe, idempotent, document, meaning; as the registry has them.
_METHODS = """\
ACL|no|yes|RFC 3744, 8.1|set who may do what with it (WebDAV)
BASELINE-CONTROL|no|yes|RFC 3253, 12.6|put a collection under a baseline (WebDAV)
BIND|no|yes|RFC 5842, 4|give it another name too (WebDAV)
CHECKIN|no|yes|RFC 3253, 4.4|keep the edited state as a version (WebDAV)
CHECKOUT|no|yes|RFC 3253, 4.3|open a version for editing (WebDAV)
CONNECT|no|no|RFC 9110, 9.3.6|make a tunnel to a host and port; of proxies
COPY|no|yes|RFC 4918, 9.8|copy it to Destination (WebDAV)
DELETE|no|yes|RFC 9110, 9.3.5|take it away
GET|yes|yes|RFC 9110, 9.3.1|fetch it; may be kept in caches
HEAD|yes|yes|RFC 9110, 9.3.2|the head of GET's answer, without the body
LABEL|no|yes|RFC 3253, 8.2|name a version (WebDAV)
LINK|no|yes|RFC 2068, 19.6.1.2|tie it to another; out of use
LOCK|no|no|RFC 4918, 9.10|keep others from writing (WebDAV)
MERGE|no|yes|RFC 3253, 11.2|bring versions together (WebDAV)
MKACTIVITY|no|yes|RFC 3253, 13.5|begin an activity (WebDAV)
MKCALENDAR|no|yes|RFC 4791, 5.3.1|make a calendar (CalDAV)
MKCOL|no|yes|RFC 4918, 9.3|make a folder (WebDAV)
MKREDIRECTREF|no|yes|RFC 4437, 6|make a redirect (WebDAV)
MKWORKSPACE|no|yes|RFC 3253, 6.3|make a workspace (WebDAV)
MOVE|no|yes|RFC 4918, 9.9|move it to Destination (WebDAV)
OPTIONS|yes|yes|RFC 9110, 9.3.7|what can be done there; browsers ask before others (CORS)
ORDERPATCH|no|yes|RFC 3648, 7|put a folder in order (WebDAV)
PATCH|no|no|RFC 5789, 2|change a part of it
POST|no|no|RFC 9110, 9.3.3|give it something to work on; sent twice it counts twice
PRI|yes|yes|RFC 9113, 3.4|never sent: the first word of HTTP/2's preface
PROPFIND|yes|yes|RFC 4918, 9.1|list it and what is known of it (WebDAV)
PROPPATCH|no|yes|RFC 4918, 9.2|change what is known of it (WebDAV)
PUT|no|yes|RFC 9110, 9.3.4|this is what it holds from now on
REBIND|no|yes|RFC 5842, 6|move a name (WebDAV)
REPORT|yes|yes|RFC 3253, 3.6|ask for a report (WebDAV, CalDAV)
SEARCH|yes|yes|RFC 5323, 2|search (WebDAV)
TRACE|yes|yes|RFC 9110, 9.3.8|the request comes back as it arrived; usually switched off
UNBIND|no|yes|RFC 5842, 5|take one of its names away (WebDAV)
UNCHECKOUT|no|yes|RFC 3253, 4.5|give the editing up (WebDAV)
UNLINK|no|yes|RFC 2068, 19.6.1.3|untie it; out of use
UNLOCK|no|yes|RFC 4918, 9.11|give the lock back (WebDAV)
UPDATE|no|yes|RFC 3253, 7.1|go to another version (WebDAV)
UPDATEREDIRECTREF|no|yes|RFC 4437, 7|change a redirect (WebDAV)
VERSION-CONTROL|no|yes|RFC 3253, 3.5|put it under versions (WebDAV)
"""


@cache
def methods() -> tuple[Entry, ...]:
    """All, by name."""
    return tuple(_entry(*line.split("|", 4)) for line in _METHODS.splitlines())


def _entry(name: str, safe: str, idempotent: str, source: str, meaning: str) -> Entry:
    notes = ["safe: changes nothing" if safe == "yes" else "changes something"]
    repeats = idempotent == "yes"
    notes.append("idempotent: may be sent again" if repeats else "not idempotent")
    python = f"http.HTTPMethod.{name}" if name in HTTPMethod.__members__ else ""
    return Entry(name, -1, meaning, source, "; ".join(notes), python)
