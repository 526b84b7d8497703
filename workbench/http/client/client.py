"""The client: requests over kept connections, through proxies, with credentials and redirects.

What happens is told step by step, from the first byte of a look-up to the last of a body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from workbench import __version__
from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.core.race import Attempt
from workbench.core.scope import Cancelled, Scope
from workbench.http.client.connection import Connection, connect
from workbench.http.client.decoding import ACCEPTED
from workbench.http.client.exchange import Exchange, Protocol, Step
from workbench.http.client.http1 import HangupError, Http1
from workbench.http.client.message import (
    Body,
    Fields,
    HttpRequest,
    ProtocolError,
    ResponseHead,
    Switched,
    host_of,
    wire_target,
)
from workbench.http.client.phases import Phase, Phases
from workbench.http.client.pool import Kept, Pool, Route
from workbench.http.client.proxy import Proxies, Proxy, tunnel, unreachable
from workbench.http.client.redirects import Redirect, is_redirect, origin, redirect
from workbench.tls.client_context import TlsFacts, TlsOptions

if TYPE_CHECKING:
    from workbench.http.client.auth import Authenticator, Credentials
    from workbench.http.client.consent import Consent
    from workbench.http.client.cookies import Decision, Jar

DRAINED = 1 << 20
"""Bytes of a body that nobody wants which are read to keep the connection."""

ROUTES = 1000
"""Origins whose way is remembered."""

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
ALPN = {"": ("h2", "http/1.1"), "2": ("h2",), "1.1": ("http/1.1",), "1.0": ("http/1.0",)}


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How requests are made. `version` is "1.0", "1.1", "2", or "" for the best both have.

    `pins` dial an address in place of a (host, port); `follow` is the most redirects; `omit` are
    the fields that would be added and must not be; `watched` that frames are looked at;
    `bound` are fields that never go on to another origin, beside the usual ones; `consent` is
    asked before each redirect is followed.
    """

    version: str = ""
    tls: TlsOptions = field(default_factory=TlsOptions)
    pins: Mapping[tuple[str, int], str] = field(default_factory=dict)
    proxies: Proxies = field(default_factory=Proxies)
    credentials: Credentials | None = None
    follow: int = 0
    decode: bool = True
    watched: bool = False
    omit: frozenset[bytes] = frozenset()
    bound: frozenset[bytes] = frozenset()
    jar: Jar | None = None
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """The connection that a request takes: a new one, or one that was kept (`uses` before)."""

    number: int
    peer: str
    local: str
    uses: int
    version: str
    url: Endpoint
    tls: TlsFacts | None
    attempts: tuple[Attempt, ...]
    proxy: str
    route: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Following:
    """A redirect, followed or not."""

    redirect: Redirect


@dataclass(frozen=True, slots=True)
class Asking:
    """A redirect waits for consent."""

    question: str


@dataclass(frozen=True, slots=True)
class Authenticating:
    """A challenge, answered or not: what is done about it."""

    status: int
    how: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Retrying:
    """A kept connection turned out to be dead: the request goes out once more on a new one."""

    why: str


@dataclass(frozen=True, slots=True)
class CookieNews:
    """Why each cookie was stored or not, or sent or not."""

    sending: bool
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """One response is whole, or all that will come of it: the times of its parts."""

    url: Endpoint
    phases: tuple[Phase, ...]
    took: float
    whole: bool = True


ClientStep = (
    Step | Connected | Asking | Following | Authenticating | Retrying | CookieNews | Finished
)  # fmt: skip


class Client:
    """Makes requests for the length of one scope, whose end closes its connections."""

    def __init__(self, options: ClientOptions, scope: Scope) -> None:
        self._options = options
        self._scope = scope
        self.pool = Pool()
        self._routes: dict[tuple[str, str, int | None], Route] = {}
        self._authenticators: dict[tuple[str, str, int | None], Authenticator] = {}

    def close(self) -> None:
        """Hang up on all that is kept."""
        self.pool.close()

    def fetch(self, request: HttpRequest) -> Iterator[ClientStep]:
        """Send a request and follow where it leads, within what the options allow.

        Raises:
            ProtocolError: the other side breaks the protocol.
            JobError: something that was asked for cannot be done.
            OSError, TimeoutError, ssl.SSLError, Cancelled: as the connection does.
        """
        credentials = self._options.credentials
        if credentials is not None:
            from workbench.http.client.auth import Authenticator

            self._authenticators.setdefault(origin(request.url), Authenticator(credentials))
        been = frozenset({_place(request)}) if self._options.follow else frozenset()
        following: HttpRequest | None = request
        left = self._options.follow
        while following is not None:
            request, following = following, None
            head: ResponseHead | None = None
            for step in self._answered(request):
                if isinstance(step, ResponseHead) and not step.informational:
                    head = step
                yield step
            if head is not None and is_redirect(head) and self._options.follow:
                found = redirect(request, head, been, self._options.bound)
                if found.request is not None and not left:
                    most = self._options.follow
                    found = replace(found, request=None, why_not=f"after {most} redirects")
                if found.request is not None and self._options.consent is not None:
                    yield Asking(self._options.consent.question(found))
                    if not self._options.consent.given():
                        found = replace(found, request=None, why_not="no consent was given")
                yield Following(found)
                following, left = found.request, left - 1
                if following is not None:
                    been |= {_place(following)}

    # -- one place ------------------------------------------------------------------------------

    def _answered(self, request: HttpRequest) -> Iterator[ClientStep]:
        """One request, once more for each challenge that can be answered."""
        authenticator = self._authenticators.get(origin(request.url))
        credentials = authenticator.ahead(request) if authenticator and not request.raw else None
        while True:
            head: ResponseHead | None = None
            for step in self._retried(request, credentials):
                if isinstance(step, ResponseHead) and not step.informational:
                    head = step
                yield step
            if head is None or authenticator is None or request.raw:
                return
            if head.status != 401:
                authenticator.heard(head.fields)
                return
            challenges = head.fields.all(b"www-authenticate")
            credentials = authenticator.answer(challenges, request)
            if credentials is not None and request.content and not request.content.again:
                yield Authenticating(401, "the body cannot be sent again", False)
                return
            yield Authenticating(401, authenticator.told, credentials is not None)
            if credentials is None:
                return

    def _retried(self, request: HttpRequest, credentials: bytes | None) -> Iterator[ClientStep]:
        """One request; on a new connection where a kept one turns out to be dead."""
        while True:
            reused = heard = False
            try:
                for step in self._once(request, credentials):
                    reused = reused or (isinstance(step, Connected) and step.uses > 0)
                    heard = heard or isinstance(step, ResponseHead)
                    yield step
                return
            except (HangupError, ConnectionResetError, BrokenPipeError) as problem:
                again = request.content is None or request.content.again
                if not (reused and again and not heard and request.method in IDEMPOTENT):
                    raise
                yield Retrying(str(problem))

    def _once(self, request: HttpRequest, credentials: bytes | None) -> Iterator[ClientStep]:
        """One exchange; where it breaks off, its times up to there are told all the same."""
        phases = Phases()
        try:
            yield from self._exchanged(request, credentials, phases)
        except Cancelled:
            raise
        except Exception:
            phases.end()
            yield Finished(request.url, tuple(phases.done), phases.elapsed, whole=False)
            raise

    def _exchanged(
        self, request: HttpRequest, credentials: bytes | None, phases: Phases
    ) -> Iterator[ClientStep]:
        proxy, why = self._options.proxies.choose(request.url)
        route = self._route(request.url, proxy)
        kept = self.pool.take(route, self._scope)
        said: list[str] = []
        if kept is None:
            kept = self._open(request.url, route, proxy, phases, said)
        connection = kept.connection
        clean = False
        try:
            version = kept.protocol.version
            if version == "1.1" and self._options.version == "1.0":
                version = "1.0"
            yield Connected(
                connection.number, connection.peer, connection.local, connection.uses, version,
                request.url, connection.tls, connection.attempts, str(proxy or ""), why,
                tuple(said),
            )  # fmt: skip
            connection.uses += 1
            news: list[ClientStep] = []
            ready = self._prepared(request, version, proxy, credentials, news)
            yield from news
            exchange = Exchange(connection, kept.protocol, ready, phases, version=version)
            for step in self._watched(exchange, request):
                yield step
                if isinstance(step, Switched):
                    break
            clean = exchange.clean
            yield Finished(request.url, tuple(phases.done), phases.elapsed)
        finally:
            if clean:
                self.pool.give(kept)
            else:
                kept.close()

    def _watched(self, exchange: Exchange, request: HttpRequest) -> Iterator[ClientStep]:
        """The steps of an exchange; the body of a mere redirect is not read without end."""
        leaves = False
        drained = 0
        for step in exchange.run():
            yield step
            if isinstance(step, ResponseHead):
                leaves = is_redirect(step) and bool(self._options.follow)
                if self._options.jar is not None and not request.raw:
                    decisions = self._options.jar.hear(request.url, step.fields)
                    if decisions:
                        yield CookieNews(False, tuple(decisions))
            elif isinstance(step, Body):
                drained += len(step.data)
                if leaves and drained > DRAINED:
                    return

    # -- getting ready ---------------------------------------------------------------------------

    def _route(self, url: Endpoint, proxy: Proxy | None) -> Route:
        place = (url.scheme, url.host, url.port)
        known = self._routes.get(place)
        if known is None:
            if len(self._routes) >= ROUTES:
                self._routes.clear()
            known = self._routes[place] = self._new_route(url, proxy)
        return known

    def _new_route(self, url: Endpoint, proxy: Proxy | None) -> Route:
        bare = url.replace(path="", query="", fragment="", user="", password="")
        host = url.host
        pin = self._options.pins.get((host, url.port or 0), "")
        carried = proxy is not None and not proxy.is_socks and not url.tls
        place = proxy.place if proxy else bare
        return Route(
            place, "" if carried else str(bare), url.tls, self._options.tls, pin,
            self._options.version, proxy.user if proxy else "",
        )  # fmt: skip

    def _open(
        self, url: Endpoint, route: Route, proxy: Proxy | None, phases: Phases, said: list[str]
    ) -> Kept:
        pin = "" if proxy else route.pin
        try:
            connection = connect(route.place, self._scope, phases, pin=pin)
        except OSError as problem:
            if proxy is None:
                raise
            raise unreachable(proxy, problem) from None
        try:
            if proxy is not None:
                self._through(connection, proxy, url, route, phases, said)
            version = self._options.version
            if url.tls:
                phases.begin("tls")
                connection.start_tls(url.host, route.options, ALPN[version])
            phases.end()
            return Kept(connection, self._protocol(connection, url), route)
        except BaseException:
            connection.close()
            raise

    def _through(
        self, connection: Connection, proxy: Proxy, url: Endpoint, route: Route,
        phases: Phases, said: list[str],
    ) -> None:  # fmt: skip
        if proxy.kind == "https":
            phases.begin("tls")
            connection.start_tls(proxy.place.host, route.options, ("http/1.1",))
        if not (proxy.is_socks or url.tls):
            return
        address = route.pin
        if proxy.kind == "socks5" and not address:
            phases.begin("dns")
            address = str(self._scope.lookup(url.host, url.port)[0][4][0])
        phases.begin("proxy")
        said += tunnel(connection, proxy, url, address)

    def _protocol(self, connection: Connection, url: Endpoint) -> Protocol:
        wanted = self._options.version
        if wanted == "2" and url.tls and connection.alpn != "h2":
            raise ProtocolError(
                "the server does not take HTTP/2 (ALPN)", "RFC 9113 3.2", "try --http 1.1"
            )
        if connection.alpn == "h2" or (wanted == "2" and not url.tls):
            from workbench.http.client.http2 import Http2

            return Http2(watched=self._options.watched)
        return Http1()

    def _prepared(
        self, request: HttpRequest, version: str, proxy: Proxy | None, credentials: bytes | None,
        news: list[ClientStep],
    ) -> HttpRequest:  # fmt: skip
        """The request with what a client adds: each field only where none was typed."""
        if request.raw:
            return request
        url, fields, omit = request.url, request.fields, self._options.omit
        added: list[tuple[bytes, bytes]] = []
        if not fields.has(b"host") and b"host" not in omit and version != "2":
            added.append((b"Host", host_of(url)))
        defaults = [(b"User-Agent", b"workbench/" + __version__.encode()), (b"Accept", b"*/*")]
        if self._options.decode:
            defaults.append((b"Accept-Encoding", ACCEPTED))
        added += [
            pair for pair in defaults if not fields.has(pair[0]) and pair[0].lower() not in omit
        ]
        fields = Fields([*added, *fields])
        if credentials is not None and not fields.has(b"authorization"):
            fields = fields.plus((b"Authorization", credentials))
        if self._options.jar is not None:
            fields = self._with_cookies(url, fields, news)
        through = proxy is not None and not proxy.is_socks and not url.tls
        if through and proxy is not None and proxy.credentials:
            fields = fields.default(b"Proxy-Authorization", proxy.credentials)
        target = request.target
        if through and not target:
            bare = url.replace(user="", password="", fragment="", path="", query="")
            target = str(bare).encode() + wire_target(url)
        return replace(request, fields=_framed(request, fields, version, omit), target=target)

    def _with_cookies(self, url: Endpoint, fields: Fields, news: list[ClientStep]) -> Fields:
        assert self._options.jar is not None
        value, decisions = self._options.jar.cookies_for(url)
        if decisions:
            news.append(CookieNews(True, tuple(decisions)))
        if not value:
            return fields
        typed = fields.get(b"cookie")
        both = typed + b"; " + value if typed else value
        return fields.without(b"cookie").plus((b"Cookie", both))


def _place(request: HttpRequest) -> tuple[str, str]:
    """What is asked for, without a fragment."""
    return request.method, str(request.url.replace(fragment=""))


def _framed(request: HttpRequest, fields: Fields, version: str, omit: frozenset[bytes]) -> Fields:
    """The fields with what tells where the body ends (RFC 9112, 6)."""
    content = request.content
    if fields.has(b"content-length") or fields.has(b"transfer-encoding"):
        return fields
    if content is None:
        needs = request.method in ("POST", "PUT", "PATCH") and b"content-length" not in omit
        return fields.plus((b"Content-Length", b"0")) if needs else fields
    if content.length is not None and not request.trailers:
        return fields.plus((b"Content-Length", b"%d" % content.length))
    if version == "2":
        return fields
    if version == "1.0":
        raise JobError(
            "HTTP/1.0 cannot send a body whose length is not known beforehand",
            advice="send it from a file, or with HTTP/1.1",
        )
    return fields.plus((b"Transfer-Encoding", b"chunked"))
