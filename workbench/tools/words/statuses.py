"""HTTP's status codes: the registry (iana.org/assignments/http-status-codes) and usual others."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus

from workbench.tools.words.entry import Entry

_REGISTERED = """\
100|Continue|RFC 9110, 15.2.1|the head is good: send the body
101|Switching Protocols|RFC 9110, 15.2.2|from here on another protocol is spoken, as Upgrade asked
102|Processing|RFC 2518, 10.1|it takes time; out of use, the newer WebDAV has it no more
103|Early Hints|RFC 8297|fields that will probably come, so that a browser can load ahead
104|Upload Resumption Supported|draft-ietf-httpbis-resumable-upload|an upload that breaks can go on
200|OK|RFC 9110, 15.3.1|it worked, the body is the answer
201|Created|RFC 9110, 15.3.2|something new is there; Location says where
202|Accepted|RFC 9110, 15.3.3|it was taken and will be done later, or not
203|Non-Authoritative Information|RFC 9110, 15.3.4|a proxy has changed the answer
204|No Content|RFC 9110, 15.3.5|it worked, and there is no body
205|Reset Content|RFC 9110, 15.3.6|it worked: empty the form
206|Partial Content|RFC 9110, 15.3.7|the ranges that were asked for; Content-Range says which
207|Multi-Status|RFC 4918, 11.1|a status for each thing is in the body (WebDAV)
208|Already Reported|RFC 5842, 7.1|listed before in the same answer (WebDAV)
226|IM Used|RFC 3229, 10.4.1|only what changed was sent
300|Multiple Choices|RFC 9110, 15.4.1|there are several; choose one
301|Moved Permanently|RFC 9110, 15.4.2|it is at Location from now on; clients make GET of POST
302|Found|RFC 9110, 15.4.3|it is at Location for now; clients make GET of POST
303|See Other|RFC 9110, 15.4.4|the answer is at Location, to be fetched by GET
304|Not Modified|RFC 9110, 15.4.5|what you have is still good; no body
305|Use Proxy|RFC 9110, 15.4.6|ask by that proxy; no longer of use, clients do not obey
306|(Unused)|RFC 9110, 15.4.7|reserved, no longer of use
307|Temporary Redirect|RFC 9110, 15.4.8|it is at Location for now; same method and body there
308|Permanent Redirect|RFC 9110, 15.4.9|it is at Location from now on; same method and body there
400|Bad Request|RFC 9110, 15.5.1|the request is broken, or the server takes it for that
401|Unauthorized|RFC 9110, 15.5.2|log in: WWW-Authenticate says how
402|Payment Required|RFC 9110, 15.5.3|reserved; some use it for quotas and unpaid bills
403|Forbidden|RFC 9110, 15.5.4|it will not do it for you; logging in again does not help
404|Not Found|RFC 9110, 15.5.5|nothing is there, or the server will not say
405|Method Not Allowed|RFC 9110, 15.5.6|not with this method; Allow lists those that can be used
406|Not Acceptable|RFC 9110, 15.5.7|nothing there fits the Accept fields
407|Proxy Authentication Required|RFC 9110, 15.5.8|log in at the proxy: Proxy-Authenticate says how
408|Request Timeout|RFC 9110, 15.5.9|the request took too long to come; send it again
409|Conflict|RFC 9110, 15.5.10|it does not fit what is there now, as two edits at once
410|Gone|RFC 9110, 15.5.11|it was there and will not come back
411|Length Required|RFC 9110, 15.5.12|it wants Content-Length
412|Precondition Failed|RFC 9110, 15.5.13|an If- field did not hold, so nothing was done
413|Content Too Large|RFC 9110, 15.5.14|the body is too big for the server
414|URI Too Long|RFC 9110, 15.5.15|the URL is too long; often a form by GET, or a loop
415|Unsupported Media Type|RFC 9110, 15.5.16|it takes no such Content-Type or Content-Encoding
416|Range Not Satisfiable|RFC 9110, 15.5.17|the range lies beyond the end
417|Expectation Failed|RFC 9110, 15.5.18|it cannot do what Expect asks
418|(Unused)|RFC 9110, 15.5.19|reserved for the teapot's joke (RFC 2324)
421|Misdirected Request|RFC 9110, 15.5.20|this server does not speak for that host; connect anew
422|Unprocessable Content|RFC 9110, 15.5.21|well formed, and what it says makes no sense there
423|Locked|RFC 4918, 11.3|somebody holds a lock on it (WebDAV)
424|Failed Dependency|RFC 4918, 11.4|what it depends on has failed (WebDAV)
425|Too Early|RFC 8470, 5.2|it came in TLS's early data and could be a replay; send it again
426|Upgrade Required|RFC 9110, 15.5.22|only by another protocol: Upgrade says which
428|Precondition Required|RFC 6585, 3|send it with If-Match, so that no edit is lost
429|Too Many Requests|RFC 6585, 4|wait; Retry-After may say how long
431|Request Header Fields Too Large|RFC 6585, 5|too many or too long fields; often cookies
451|Unavailable For Legal Reasons|RFC 7725, 3|the law forbids to show it
500|Internal Server Error|RFC 9110, 15.6.1|the server failed; its log says why
501|Not Implemented|RFC 9110, 15.6.2|the server knows no such method
502|Bad Gateway|RFC 9110, 15.6.3|the server behind the gateway gave no sound answer
503|Service Unavailable|RFC 9110, 15.6.4|not now; Retry-After may say how long
504|Gateway Timeout|RFC 9110, 15.6.5|the server behind the gateway did not answer in time
505|HTTP Version Not Supported|RFC 9110, 15.6.6|it does not speak that version
506|Variant Also Negotiates|RFC 2295, 8.1|content negotiation set up in a circle
507|Insufficient Storage|RFC 4918, 11.5|no room left there (WebDAV)
508|Loop Detected|RFC 5842, 7.2|it went round in a circle (WebDAV)
510|Not Extended|RFC 2774, 7|it wants an extension; the RFC is historic
511|Network Authentication Required|RFC 6585, 6|a network's login page is in the way, as in hotels
"""

_USUAL = """\
419|Page Expired|Laravel|the form's token has run out; load the page again
420|Enhance Your Calm|Twitter's old API|wait; others use 429
440|Login Time-out|Microsoft IIS|the session has ended; log in again
444|No Response|nginx, in its log|it closed the connection without an answer
449|Retry With|Microsoft|send it again with what was missing
450|Blocked by Parental Controls|Microsoft|a filter of the family forbids it
460|Client Closed Connection|AWS load balancer, in its log|the client left before the time was up
463|Too Many Addresses|AWS load balancer|more than 30 addresses in X-Forwarded-For
494|Request Header Too Large|nginx, in its log|the fields are too long; the client sees 400
495|SSL Certificate Error|nginx|the client's certificate is no good; the client sees 400
496|SSL Certificate Required|nginx|no client certificate came; the client sees 400
497|HTTP Request Sent to HTTPS Port|nginx|plain HTTP came where TLS is spoken; the client sees 400
499|Client Closed Request|nginx, in its log|the client left before there was an answer
509|Bandwidth Limit Exceeded|cPanel, Apache|the site has used up what it may send
520|Unknown Error|Cloudflare|the server behind it gave something that makes no sense
521|Web Server Is Down|Cloudflare|the server behind it refuses the connection
522|Connection Timed Out|Cloudflare|no TCP connection to the server behind it
523|Origin Is Unreachable|Cloudflare|no route to the server behind it
524|A Timeout Occurred|Cloudflare|the server behind it took too long to answer
525|SSL Handshake Failed|Cloudflare|no TLS with the server behind it
526|Invalid SSL Certificate|Cloudflare|the certificate of the server behind it is not trusted
529|Site Is Overloaded|Qualys and others|too much to do; wait
530|Site Is Frozen|Cloudflare, Pantheon|see the 1xxx error in the page
561|Unauthorized|AWS load balancer|the login provider gave an error
598|Network Read Timeout|some proxies|the server behind it did not answer in time
599|Network Connect Timeout|some proxies|no connection to the server behind it in time
999|Request Denied|LinkedIn|it takes you for a robot
"""

HEURISTIC = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""May be kept by a cache without being told for how long (RFC 9110, 15.1)."""

BODILESS = frozenset({204, 304})
"""Never have a body, as 1xx do not (RFC 9112, 6.3)."""


@cache
def statuses() -> tuple[Entry, ...]:
    """All, by number."""
    rows = [
        _entry(*line.split("|", 3), registered=text is _REGISTERED)
        for text in (_REGISTERED, _USUAL)
        for line in text.splitlines()
    ]
    return tuple(sorted(rows, key=lambda one: one.number))


def _entry(digits: str, name: str, source: str, meaning: str, *, registered: bool) -> Entry:
    number = int(digits)
    notes = [] if registered else ["in no registry"]
    if number < 200 or number in BODILESS:
        notes.append("no body")
    if number in HEURISTIC:
        notes.append("caches may keep it without being told")
    try:
        known = HTTPStatus(number)
    except ValueError:
        return Entry(name, number, meaning, source, "; ".join(notes), "not in http.HTTPStatus")
    other = f', with the phrase "{known.phrase}"' if known.phrase != name else ""
    python = f"http.HTTPStatus.{known.name}{other}"
    return Entry(name, number, meaning, source, "; ".join(notes), python)
