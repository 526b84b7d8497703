"""Cookies by RFC 6265bis: a jar that says, rule by rule, why each is stored or not, sent or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from workbench.core.endpoint import Endpoint
from workbench.core.host import is_ipv4
from workbench.http.client.message import Fields
from workbench.http.client.set_cookie import (
    SetCookie,
    SetCookieError,
    cookie_date,
    max_age,
    parse_set_cookie,
)

LONGEST = 400 * 86400
"""Seconds that a cookie may live at the most (5.5)."""

EACH_DOMAIN = 180
ALL = 3000
SUFFIXES = Path("/usr/share/publicsuffix/public_suffix_list.dat")
"""The list of public suffixes (publicsuffix.org), where the system has it."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie. Times are Unix seconds; `expires` is None for one of the session."""

    name: str
    value: str
    domain: str
    path: str
    host_only: bool = True
    secure: bool = False
    http_only: bool = False
    same_site: str = ""
    expires: float | None = None
    created: float = 0.0

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """What makes it one and the same cookie (5.7)."""
        return self.name, self.domain, self.path, self.host_only

    @property
    def pair(self) -> str:
        """As it stands in Cookie (5.8.3): without "=" where it has no name."""
        return f"{self.name}={self.value}" if self.name else self.value


@dataclass(frozen=True, slots=True)
class Check:
    """One rule looked at: its section of RFC 6265bis, and what it says here."""

    rule: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a cookie was stored or not, or sent or not: every rule that was looked at, in order."""

    name: str
    accepted: bool
    what: str
    checks: tuple[Check, ...]
    cookie: Cookie | None = None

    @property
    def why(self) -> str:
        """The rule that decided, or what the last one says."""
        failed = next((one for one in self.checks if not one.passed), None)
        one = failed or (self.checks[-1] if self.checks else None)
        return f"{one.words} (RFC 6265bis, {one.rule})" if one else ""


class _RefusedError(Exception):
    """A rule says no."""


class _Checks:
    """The rules of one decision as they are looked at."""

    def __init__(self) -> None:
        self.made: list[Check] = []

    def say(self, rule: str, words: str) -> None:
        """A rule that lets it pass."""
        self.made.append(Check(rule, True, words))

    def refuse(self, rule: str, words: str) -> _RefusedError:
        """A rule that does not."""
        self.made.append(Check(rule, False, words))
        return _RefusedError(words)


class Jar:
    """Cookies in memory. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._cookies: dict[tuple[str, str, str, bool], Cookie] = {}
        self._clock = clock
        self._count = 0

    def __iter__(self) -> Iterator[Cookie]:
        return iter(list(self._cookies.values()))

    def __len__(self) -> int:
        return len(self._cookies)

    def put(self, cookie: Cookie) -> None:
        """Enter a cookie as it is: from a file, or edited by hand."""
        self._cookies[cookie.key] = cookie

    def remove(self, cookie: Cookie) -> None:
        """Take a cookie away, if it is there."""
        self._cookies.pop(cookie.key, None)

    def expire(self) -> None:
        """Forget what has expired."""
        now = self._clock()
        for cookie in self:
            if cookie.expires is not None and cookie.expires <= now:
                del self._cookies[cookie.key]

    def end_session(self) -> None:
        """Forget what lives for the session."""
        for cookie in self:
            if cookie.expires is None:
                del self._cookies[cookie.key]

    # -- storing -------------------------------------------------------------------------------

    def hear(self, url: Endpoint, fields: Fields) -> list[Decision]:
        """Store what a response's Set-Cookie fields ask for, as far as the rules let it."""
        return [self.set(url, line) for line in fields.all(b"set-cookie")]

    def set(self, url: Endpoint, line: bytes) -> Decision:
        """Store one Set-Cookie from a response of that URL (5.7), or say why not."""
        checks = _Checks()
        name = ""
        try:
            parsed = parse_set_cookie(line)
            name = parsed.name
            if not name:
                checks.say("5.6", "no name, so all of it is the value")
            cookie = self._judged(url, parsed, checks)
        except SetCookieError as problem:
            checks.refuse(problem.rule, str(problem))
            return Decision(name, False, "not stored", tuple(checks.made))
        except _RefusedError:
            return Decision(name, False, "not stored", tuple(checks.made))
        old = self._cookies.pop(cookie.key, None)
        now = self._clock()
        if cookie.expires is not None and cookie.expires <= now:
            checks.say("5.7", "it has expired, which takes it away")
            what = "removed" if old else "not stored, being expired"
            return Decision(name, True, what, tuple(checks.made), cookie)
        self._count += 1
        # Cookies of one moment keep the order in which they came.
        created = old.created if old else now + self._count * 1e-6
        cookie = replace(cookie, created=created)
        self._cookies[cookie.key] = cookie
        self._make_room(cookie.domain)
        return Decision(name, True, "replaced" if old else "stored", tuple(checks.made), cookie)

    def _judged(self, url: Endpoint, parsed: SetCookie, checks: _Checks) -> Cookie:
        host, trusted = _host(url), is_trusted(url)
        expires = self._expiry(parsed, checks)
        domain, host_only = _domain(parsed.last("domain"), host, checks)
        path = parsed.last("path") or ""
        if path.startswith("/"):
            checks.say("5.6.4", f"Path is {path}")
        else:
            path = default_path(url)
            checks.say("5.1.4", f"no usable Path: the default {path}")
        secure = parsed.last("secure") is not None
        if secure and not trusted:
            raise checks.refuse("5.7", "Secure, and the response did not come by https")
        same_site = (parsed.last("samesite") or "").lower()
        same_site = same_site if same_site in ("strict", "lax", "none") else ""
        cookie = Cookie(
            parsed.name, parsed.value, domain, path, host_only, secure,
            parsed.last("httponly") is not None, same_site, expires,
        )  # fmt: skip
        if not secure and not trusted:
            self._check_overlay(cookie, checks)
        _check_prefix(cookie, parsed, checks)
        return cookie

    def _expiry(self, parsed: SetCookie, checks: _Checks) -> float | None:
        """When it expires: Max-Age before Expires, and no later than 400 days from now."""
        now = self._clock()
        found: float | None = None
        for text in (value for name, value in parsed.attributes if name == "max-age"):
            seconds = max_age(text)
            if seconds is not None:
                found = now + seconds if seconds > 0 else 0.0
        if found is not None:
            checks.say("5.6.2", "Max-Age sets its end")
        else:
            for text in (value for name, value in parsed.attributes if name == "expires"):
                date = cookie_date(text)
                found = date if date is not None else found
            if found is not None:
                checks.say("5.6.1", "Expires sets its end")
        if found is None:
            checks.say("5.7", "no end: it lives for the session")
            return None
        if found > now + LONGEST:
            checks.say("5.5", "its end is cut to 400 days from now")
            return now + LONGEST
        return found

    def _check_overlay(self, cookie: Cookie, checks: _Checks) -> None:
        """What came in the clear may not lie over a Secure cookie of the same name."""
        for other in self:
            if (
                other.secure
                and other.name == cookie.name
                and (
                    domain_matches(other.domain, cookie.domain)
                    or domain_matches(cookie.domain, other.domain)
                )
                and path_matches(cookie.path, other.path)
            ):
                raise checks.refuse("5.7", "a Secure cookie of that name is there, this is none")

    def _make_room(self, domain: str) -> None:
        """Bounded (5.7): what has expired goes first, then what is not Secure, the oldest first."""
        own = [one for one in self if one.domain == domain]
        if len(own) <= EACH_DOMAIN and len(self._cookies) <= ALL:
            return
        self.expire()
        for group, most in ((own, EACH_DOMAIN), (list(self), ALL)):
            alive = sorted(
                (one for one in group if one.key in self._cookies),
                key=lambda one: (one.secure, one.created),
            )
            for one in alive[: max(0, len(alive) - most)]:
                del self._cookies[one.key]

    # -- sending -------------------------------------------------------------------------------

    def cookies_for(self, url: Endpoint) -> tuple[bytes, list[Decision]]:
        """The value of Cookie for a request (5.8.3), and why each cookie is in it or not."""
        self.expire()
        decisions = [self._sending(cookie, url) for cookie in self]
        sent = [one.cookie for one in decisions if one.accepted and one.cookie is not None]
        sent.sort(key=lambda one: (-len(one.path), one.created))
        value = "; ".join(one.pair for one in sent)
        return value.encode("utf-8", "surrogateescape"), decisions

    def _sending(self, cookie: Cookie, url: Endpoint) -> Decision:
        checks = _Checks()
        host = _host(url)
        try:
            if cookie.host_only and host != cookie.domain:
                raise checks.refuse("5.8.3", f"it is for {cookie.domain} alone, and this is {host}")
            if not domain_matches(host, cookie.domain):
                raise checks.refuse("5.1.3", f"{host} is not below {cookie.domain}")
            checks.say("5.1.3", f"{host} fits {cookie.domain}")
            path = url.path or "/"
            if not path_matches(path, cookie.path):
                raise checks.refuse("5.1.4", f"the path {path} is not below {cookie.path}")
            checks.say("5.1.4", f"the path is below {cookie.path}")
            if cookie.secure:
                if not is_trusted(url):
                    raise checks.refuse("5.8.3", "it is Secure, and the request goes in the clear")
                checks.say("5.8.3", "it is Secure, and so is the way")
        except _RefusedError:
            return Decision(cookie.name, False, "not sent", tuple(checks.made), cookie)
        return Decision(cookie.name, True, "sent", tuple(checks.made), cookie)


# -- rules --------------------------------------------------------------------------------------


def _host(url: Endpoint) -> str:
    return url.host.lower() if not url.is_unix else "localhost"


def is_trusted(url: Endpoint) -> bool:
    """Secure cookies may pass: https, or this machine itself, as browsers and curl(1) hold it."""
    return url.tls or url.is_loopback


def domain_matches(host: str, domain: str) -> bool:
    """Whether a host is the domain or below it (5.1.3); an address is below nothing."""
    if host == domain:
        return True
    return host.endswith(f".{domain}") and not is_ipv4(host) and ":" not in host


def path_matches(path: str, cookie_path: str) -> bool:
    """Whether a request's path is the cookie's or below it (5.1.4)."""
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (
        cookie_path.endswith("/") or path[len(cookie_path) : len(cookie_path) + 1] == "/"
    )


def default_path(url: Endpoint) -> str:
    """The folder that the URL's path is in (5.1.4)."""
    if not url.path.startswith("/") or url.path.count("/") == 1:
        return "/"
    return url.path.rpartition("/")[0]


def _domain(attribute: str | None, host: str, checks: _Checks) -> tuple[str, bool]:
    """The domain that the cookie is for, and whether for that host alone."""
    domain = (attribute or "").removeprefix(".").lower()
    if not domain:
        checks.say("5.7", f"no Domain: for {host} alone")
        return host, True
    if not domain.isascii():
        raise checks.refuse("5.7", "Domain is not in ASCII; such a name is written as xn--…")
    if is_public_suffix(domain):
        if domain != host:
            raise checks.refuse("5.7", f"Domain {domain} is a public suffix, such as com")
        checks.say("5.7", f"Domain {domain} is a public suffix and the host: for it alone")
        return host, True
    if not domain_matches(host, domain):
        raise checks.refuse("5.7", f"Domain is {domain}, and {host} is not below it")
    checks.say("5.6.3", f"Domain is {domain}: for it and all below")
    return domain, False


def _check_prefix(cookie: Cookie, parsed: SetCookie, checks: _Checks) -> None:
    """The promises that a name's beginning makes (4.1.3), in any case of letters."""
    lower = cookie.name.lower()
    if not cookie.name and cookie.value.lower().startswith(("__secure-", "__host-")):
        raise checks.refuse("5.7", "no name, and a value that looks like a name with a prefix")
    if lower.startswith("__secure-") and not cookie.secure:
        raise checks.refuse("4.1.3.1", "a name in __Secure- wants Secure")
    if lower.startswith("__host-"):
        if not cookie.secure:
            raise checks.refuse("4.1.3.2", "a name in __Host- wants Secure")
        if not cookie.host_only:
            raise checks.refuse("4.1.3.2", "a name in __Host- wants no Domain")
        if cookie.path != "/" or parsed.last("path") != "/":
            raise checks.refuse("4.1.3.2", "a name in __Host- wants Path=/")
    if lower.startswith(("__secure-", "__host-")):
        checks.say("4.1.3", "it keeps what the prefix of its name promises")


def is_public_suffix(domain: str) -> bool:
    """Whether anybody can register names below it: by the system's list, else a top level alone."""
    if "." not in domain:
        return domain != "localhost"
    rules = _suffixes()
    labels = domain.split(".")
    if f"!{domain}" in rules:
        return False
    return domain in rules or ".".join(["*", *labels[1:]]) in rules


@lru_cache(maxsize=1)
def _suffixes() -> frozenset[str]:
    """The rules of the system's list of public suffixes, if it has one."""
    try:
        lines: Iterable[str] = SUFFIXES.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return frozenset()
    found = []
    for line in lines:
        rule = line.strip()
        if rule and not rule.startswith("//"):
            try:
                found.append(rule if rule.isascii() else rule.encode("idna").decode())
            except UnicodeError:
                continue
    return frozenset(found)
