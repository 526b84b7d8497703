"""What the fields of HTTP mean, one line each.

The names are those of IANA's registry of HTTP field names
(iana.org/assignments/http-fields) that are met on the web, and, at the end, names that no registry
has and much of the web uses.
"""

from __future__ import annotations

_REGISTERED = """\
A-IM: what ways of sending only what changed the client takes (RFC 3229)
Accept: media types that the client takes, the best with the highest q
Accept-CH: what the server would like to be told in client hints
Accept-Charset: charsets that the client takes; no longer of use
Accept-Encoding: codings that the client can undo
Accept-Language: languages that the reader would like
Accept-Patch: media types that PATCH takes here
Accept-Post: media types that POST takes here
Accept-Ranges: whether parts of it can be asked for
Access-Control-Allow-Credentials: whether a script of another site may send cookies along
Access-Control-Allow-Headers: fields that a script of another site may send
Access-Control-Allow-Methods: methods that a script of another site may use
Access-Control-Allow-Origin: the site whose scripts may read this; * is any
Access-Control-Expose-Headers: fields that a script of another site may read
Access-Control-Max-Age: seconds for which this leave may be remembered
Access-Control-Request-Headers: fields that a script would like to send to another site
Access-Control-Request-Method: the method that a script would like to use at another site
Age: seconds that it has been in a cache
Allow: the methods that this place takes
ALPN: what will be spoken through the tunnel
Alt-Svc: other places and versions where the same is served, such as HTTP/3
Alt-Used: the other place that the client has chosen
Apply-To-Redirect-Ref: whether the redirect itself is meant, not its goal (WebDAV)
Authentication-Info: the server's proof that it knows the password too
Authorization: who asks: the answer to WWW-Authenticate
Cache-Control: who may keep it, and for how long
Cache-Status: what each cache on the way did with it
CDN-Cache-Control: Cache-Control for the caches of a content network alone
CDN-Loop: the content networks that it went through, against loops
Cert-Not-After: until when a certificate is wanted (ACME STAR)
Clear-Site-Data: what the browser is to forget of this site
Client-Cert: the client's certificate, as the gateway before the server saw it
Client-Cert-Chain: the chain of the client's certificate
Connection: what counts for this one hop; close ends the connection
Content-Digest: a digest of the content as it stands on the wire
Content-Disposition: shown in place or saved, and by which name
Content-Encoding: codings that have to be undone to get at it
Content-Language: the language it is written in
Content-Length: bytes of the body
Content-Location: the address of just this version of it
Content-Range: which bytes these are, of how many
Content-Security-Policy: where scripts, styles and the rest may come from
Content-Security-Policy-Report-Only: the same, reported and not held
Content-Type: its media type, and for text the charset
Cookie: what the site has asked the browser to send back
Cross-Origin-Embedder-Policy: what of other sites may be part of this page
Cross-Origin-Embedder-Policy-Report-Only: the same, reported and not held
Cross-Origin-Opener-Policy: whether pages of other sites share its group of windows
Cross-Origin-Opener-Policy-Report-Only: the same, reported and not held
Cross-Origin-Resource-Policy: which sites may make this part of a page
DASL: what searches are understood (WebDAV)
Date: when it was sent
DAV: what of WebDAV is understood
Deprecation: since when this should be used no more
Depth: how deep below the place it counts (WebDAV)
Destination: where to copy or move to (WebDAV)
DNT: that the reader does not want to be tracked; given up
Digest: a digest of it, by an older rule; see Repr-Digest
DPoP: proof that the sender holds the key of the token (RFC 9449)
DPoP-Nonce: what the next such proof has to hold
Early-Data: that it came in TLS's early data and may be a replay
ETag: the name of this version of it, for conditions
Expect: 100-continue: wait for leave before the body
Expect-CT: that certificates have to be logged; no longer of use
Expires: when it grows stale; Cache-Control's max-age goes before
Forwarded: who asked the gateways before, and how
From: the address of the person behind it
Host: the name and port that are asked for
If: conditions on locks and versions (WebDAV)
If-Match: only if it is still this version: against lost changes
If-Modified-Since: only if it was changed since
If-None-Match: only if it is none of these versions: else 304
If-Range: a part if it is still this version, else all
If-Unmodified-Since: only if it was not changed since
IM: in which way what changed was sent (RFC 3229)
Keep-Alive: how long the connection is kept; of HTTP/1.0
Last-Event-ID: the last event that was seen, to go on from there
Last-Modified: when it was changed last
Link: what it stands in relation to, and how
Location: where to go (3xx), or what was made (201)
Lock-Token: the lock that this is about (WebDAV)
Max-Forwards: how many hops TRACE or OPTIONS may go
Memento-Datetime: the moment at which it was as it is here
MIME-Version: of mail; means nothing here
NEL: where failures of the network are to be reported
OData-Version: of the OData protocol
Origin: the site whose page or script asks
Origin-Agent-Cluster: whether the origin wants a process of its own
Overwrite: whether what is at the destination may be replaced (WebDAV)
Permissions-Policy: what of the device and browser the page may use
Ping-From: the page with the link that was followed
Ping-To: where that link leads
Pragma: no-cache, as HTTP/1.0 said it
Prefer: how the client would like it done (RFC 7240)
Preference-Applied: what of that was done
Priority: how urgent it is, and whether it is of use in parts
Proxy-Authenticate: how to log in to the proxy
Proxy-Authentication-Info: the proxy's proof that it knows the password too
Proxy-Authorization: who asks, for the proxy
Proxy-Status: what went wrong at a proxy or gateway, and where
Public-Key-Pins: keys that the site will go on using; given up
Range: which bytes are asked for
Referer: the page that led here
Referrer-Policy: how much of this address others are told
Refresh: go on there after so many seconds
Repr-Digest: a digest of the thing itself, whatever part of it is sent
Reporting-Endpoints: where reports of the browser go
Retry-After: when to try again: seconds, or a date
Save-Data: that the reader would like less data
Schedule-Tag: the version of a calendar's entry
Sec-Fetch-Dest: what the browser wants it for
Sec-Fetch-Mode: in which mode the browser asks: navigate, cors, no-cors
Sec-Fetch-Site: whether the same site asks, or another
Sec-Fetch-User: whether a person set it off
Sec-GPC: that the reader does not want the data sold or shared
Sec-Purpose: why the browser asks, if it only fetches ahead
Sec-WebSocket-Accept: proof that the server speaks WebSocket
Sec-WebSocket-Extensions: extensions of WebSocket
Sec-WebSocket-Key: what the server has to answer to
Sec-WebSocket-Protocol: what is spoken over the WebSocket
Sec-WebSocket-Version: of WebSocket: 13
Server: the server's program
Server-Timing: what took the server how long
Set-Cookie: what the browser is to keep and send back
Signature: a signature over parts of the message (RFC 9421)
Signature-Input: which parts are signed, and how
SLUG: a name that is wished for what is made (Atom)
SOAPAction: what a SOAP message is meant to do
SourceMap: where the source of a script is, for debugging
Status-URI: the state of a part of what was asked (WebDAV)
Strict-Transport-Security: ask over https alone, for so many seconds
Sunset: when it will go away
Surrogate-Capability: what a cache before the server can do
Surrogate-Control: what such a cache is to do
TE: transfer codings that are taken, and trailers
Timeout: how long a lock should hold (WebDAV)
Timing-Allow-Origin: sites that may see how long it took
Topic: replaces an earlier push message of that topic
Traceparent: the trace and span that this belongs to (W3C Trace Context)
Tracestate: what tracing systems add to that
Trailer: the fields that will come after the body
Transfer-Encoding: how the body is framed on this hop: chunked
TTL: seconds for which a push message is kept
Upgrade: what the connection could be switched to
Urgency: how urgent a push message is
User-Agent: the client's program
Vary: the fields of the request that it depends on
Via: the proxies and gateways that it went through
Want-Content-Digest: which digests of the content are wished for
Want-Repr-Digest: which digests of the thing itself are wished for
Warning: of a cache; no longer of use
WWW-Authenticate: how to log in
X-Content-Type-Options: nosniff: the media type is meant as it stands
X-Frame-Options: whether other sites may show it within a frame
"""

_USUAL = """\
CF-Cache-Status: what Cloudflare's cache did with it
CF-Connecting-IP: the client's address, as Cloudflare saw it
CF-Ray: the number of the request at Cloudflare
HTTP2-Settings: the settings of HTTP/2 for an upgrade
Idempotency-Key: so that a request that is sent again counts once
Proxy-Connection: Connection, as old clients send it to proxies
RateLimit: how much may still be asked
RateLimit-Policy: how much may be asked in which time
RateLimit-Limit: how much may be asked in a time
RateLimit-Remaining: how much may still be asked
RateLimit-Reset: seconds until that begins anew
Report-To: where reports of the browser go, by an older rule
Sec-CH-UA: the browser's brand and version
Sec-CH-UA-Mobile: whether it runs on a phone
Sec-CH-UA-Platform: the system that it runs on
Upgrade-Insecure-Requests: that the browser would rather have https
X-Accel-Buffering: whether nginx is to hold it back until there is more
X-AspNet-Version: the version of ASP.NET
X-Cache: whether a cache had it
X-Cache-Hits: how often the cache gave it
X-Correlation-ID: the number under which all systems know it
X-CSRF-Token: proof that the site's own page asks
X-DNS-Prefetch-Control: whether names in the page are looked up ahead
X-Download-Options: noopen: saved and not opened, in old browsers
X-Forwarded-For: the client's address, and those of proxies, each added by the next
X-Forwarded-Host: the host that the client asked for
X-Forwarded-Port: the port that the client asked at
X-Forwarded-Prefix: the path that a gateway took away
X-Forwarded-Proto: http or https, as the client asked
X-Generator: what made the page
X-HTTP-Method-Override: the method that is meant, where only POST passes
X-Permitted-Cross-Domain-Policies: what Flash and PDF of other sites may do
X-Powered-By: what the server's application is made with
X-RateLimit-Limit: how much may be asked in a time
X-RateLimit-Remaining: how much may still be asked
X-RateLimit-Reset: when that begins anew
X-Real-IP: the client's address, as the gateway saw it
X-Request-ID: the number of the request
X-Requested-With: XMLHttpRequest: a script asks
X-Robots-Tag: what search engines may do with it
X-Runtime: seconds that the application took
X-Served-By: the machine that answered
X-UA-Compatible: the mode for old browsers
X-XSS-Protection: a filter of old browsers; 0 turns it off
"""


def _read(text: str) -> dict[str, tuple[str, str]]:
    pairs = (line.split(": ", 1) for line in text.splitlines())
    return {name.lower(): (name, meaning) for name, meaning in pairs}


REGISTERED = _read(_REGISTERED)
"""By name in small letters: the name as it is written, and what it means."""

USUAL = _read(_USUAL)
"""The same for names that no registry has."""


def meaning(name: str) -> str:
    """What a field means in one line; "" where it is not known here."""
    lower = name.lower()
    return (REGISTERED.get(lower) or USUAL.get(lower) or ("", ""))[1]
