"""Endpoints: one grammar for every target, one canonical form, one kind of error.

    tcp://127.0.0.1:80    udp://host:53      [::1]:443          127.0.0.1:80    :8080    8080
    unix:/run/x.sock      unix:@abstract     unixgram:rel.sock  /run/x.sock     vsock://1:5000
    https://host/a?b#c    imaps://user@host  http+unix://%2Frun%2Fx.sock/path

What has no scheme gets the one that the caller names, "tcp" by default. A path, a query and a
fragment are kept as they are typed, percent-encoding and all; user and password are decoded.
What a URL means follows RFC 3986; a backslash or a second "@" before the path, which programs
are known to read in different ways, is refused.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

from workbench.core import schemes
from workbench.core.authority import (
    CIDS,
    NUMBERED,
    bracketed,
    host_and_port,
    quoted,
    unix_host,
    unix_path,
    user_of,
)
from workbench.core.host import PartError, is_ipv4
from workbench.core.schemes import SCHEMES, Scheme, complete
from workbench.core.text import safe

__all__ = ["Endpoint", "EndpointError", "complete", "parse"]

MAX_TEXT = 8192
"""Characters in path, query and fragment together."""

_FIELDS = ("scheme", "host", "port", "path", "query", "user", "password", "fragment")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_PORT_FIRST = re.compile(r"[0-9]+(?:[/?#]|\Z)")


class EndpointError(ValueError):
    """A text that is no endpoint, or an endpoint that lacks something: what, why, what to try.

    `text` is what was read, shortened, made printable, and without a password.
    """

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class Endpoint:
    """What can be talked to or listened on. Immutable; equal and hashed by all its fields.

    `port` is None only where neither the text nor the scheme gave one. Unix kinds have their
    socket's path in `path`, "@name" if abstract, "" if unnamed (as port 0: listening takes a free
    one); `http+unix` has it in `host`. `host` is "" where every address is meant; IPv6 addresses
    have no brackets; vsock has the CID in decimal, or "any", tipc the service type. An empty query,
    "?" alone, stays at the end of `path`.

    The constructor trusts what it is given; text from outside goes through `parse`. It is not a
    dataclass because msgspec would write a dataclass out field by field, password included,
    where its JSON form is the canonical text.
    """

    __slots__ = _FIELDS
    scheme: str
    host: str
    port: int | None
    path: str
    query: str
    fragment: str
    user: str
    password: str

    def __init__(
        self,
        scheme: str,
        host: str = "",
        port: int | None = None,
        path: str = "",
        query: str = "",
        user: str = "",
        password: str = "",
        fragment: str = "",
    ) -> None:
        values = (scheme, host, port, path, query, user, password, fragment)
        for name, value in zip(_FIELDS, values, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an endpoint is immutable; {name} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an endpoint is immutable; {name} cannot be deleted")

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _FIELDS)

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Endpoint) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __reduce__(self) -> tuple[type[Endpoint], tuple[Any, ...]]:
        return Endpoint, self._fields()

    def __repr__(self) -> str:
        return f"<Endpoint {self}>"

    def __str__(self) -> str:
        """The canonical form, which `parse` reads back; without the password."""
        return self._text(quoted(self.user))

    def reveal(self) -> str:
        """The canonical form with the password in it, for a child process alone."""
        user = quoted(self.user)
        return self._text(f"{user}:{quoted(self.password)}" if self.password else user)

    def _text(self, user: str) -> str:
        kind = SCHEMES[self.scheme]
        if kind.is_unix and not kind.application:
            return kind.prefix + self.path
        host = quoted(self.host) if kind.is_unix else bracketed(self.host)
        port = "" if self.port is None or self.port == kind.port else f":{self.port}"
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        at = "@" if user else ""
        return f"{kind.prefix}{user}{at}{host}{port}{self.path}{query}{fragment}"

    # -- what it means ----------------------------------------------------------------------------

    @property
    def transport(self) -> str:
        """What carries it: tcp, udp, mptcp, sctp, udplite, vsock, tipc, icmp, unix(gram|seq)."""
        return SCHEMES[self.scheme].transport

    @property
    def tls(self) -> bool:
        """The connection begins with TLS; false for what may turn to it later (STARTTLS)."""
        return SCHEMES[self.scheme].tls

    @property
    def is_unix(self) -> bool:
        """Carried by a Unix domain socket of whatever type."""
        return SCHEMES[self.scheme].is_unix

    @property
    def family(self) -> str:
        """The address family where it is known without a look-up, else "".

        One of inet, inet6, unix, vsock, tipc: in capitals after AF_, the name of the constant.
        """
        kind = SCHEMES[self.scheme]
        if kind.is_unix:
            return "unix"
        if kind.transport in NUMBERED:
            return kind.transport
        if kind.family:
            return kind.family
        return "inet6" if ":" in self.host else "inet" if is_ipv4(self.host) else ""

    @property
    def authority(self) -> str:
        """Host and port for people, "host:port" or "[::1]:443"; the path of a Unix socket."""
        if self.is_unix:
            return self.unix_path
        return bracketed(self.host) + ("" if self.port is None else f":{self.port}")

    @property
    def unix_path(self) -> str:
        """The path of a Unix socket as it is typed, "@name" if abstract; "" for other kinds."""
        if not self.is_unix:
            return ""
        return self.host if SCHEMES[self.scheme].application else self.path

    @property
    def unix_address(self) -> str:
        r"""The path of a Unix socket as `socket.connect` takes it, "\0name" if abstract."""
        path = self.unix_path
        return "\0" + path[1:] if path.startswith("@") else path

    @property
    def cid(self) -> int:
        """The context identifier of a vsock endpoint (vsock(7))."""
        return CIDS["any"] if self.host == "any" else int(self.host)

    @property
    def target(self) -> str:
        """Path and query: the request target of HTTP in origin form (RFC 9112, 3.2.1)."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def has_default_port(self) -> bool:
        """The port is the one that the scheme has anyway."""
        return self.port is not None and self.port == SCHEMES[self.scheme].port

    @property
    def is_loopback(self) -> bool:
        """Only this machine is meant: 127.0.0.0/8, ::1, localhost (RFC 6761), unix, vsock 1."""
        if self.is_unix:
            return True
        if self.transport == "vsock":
            return self.host == "1"
        if self.transport == "tipc":
            return True  # a service is bound for this node alone
        host = self.host.partition("%")[0].removesuffix(".")
        mapped = host.removeprefix("::ffff:")
        if is_ipv4(mapped):
            return mapped.startswith("127.")
        return host in ("::1", "localhost") or host.endswith(".localhost")

    @property
    def is_wildcard(self) -> bool:
        """Every address of this machine is meant: 0.0.0.0, ::, or no host at all."""
        if self.is_unix:
            return False
        host = self.host.partition("%")[0].removeprefix("::ffff:")
        return host in ("", "0.0.0.0", "::") or (host == "any" and self.transport == "vsock")

    def require_port(self) -> int:
        """The port.

        Raises:
            EndpointError: there is none.
        """
        if self.port is None:
            hint = f"{SCHEMES[self.scheme].prefix}{bracketed(self.host) or 'HOST'}:PORT"
            raise EndpointError(f"{self}: there is no port; type {hint}", str(self))
        return self.port

    # -- others like it ---------------------------------------------------------------------------

    def replace(self, **changes: Any) -> Endpoint:
        """The same with some fields changed."""
        return Endpoint(**dict(zip(_FIELDS, self._fields(), strict=True)) | changes)

    def with_port(self, port: int) -> Endpoint:
        """The same at another port."""
        return self.replace(port=port)

    def with_host(self, host: str) -> Endpoint:
        """The same at another host, a name or an address without brackets."""
        return self.replace(host=host)

    def with_scheme(self, scheme: str) -> Endpoint:
        """The same host and port spoken to in another way, as in from tcp to http.

        Path, query, fragment and user go along where the new scheme has such things; a port that
        is not known becomes the one of the new scheme. A Unix socket stays one: http over it is
        http+unix.

        Raises:
            EndpointError: the new scheme cannot be carried to that place.
        """
        kind = SCHEMES[scheme]
        if self.is_unix and not kind.is_unix:
            kind = SCHEMES.get(f"{scheme}+unix", kind)
        if _places(kind) != _places(SCHEMES[self.scheme]):
            raise EndpointError(
                f"{self}: {scheme} does not go there; try another target", str(self)
            )
        host = self.unix_path if self.is_unix else self.host
        if not kind.application:
            return (
                Endpoint(scheme, path=host) if kind.is_unix else Endpoint(scheme, host, self.port)
            )
        path, port = self.path, kind.port if self.port is None else self.port
        if not SCHEMES[self.scheme].application:
            path = ""
        path = "/" if kind.rooted and not path else path
        return self.replace(scheme=kind.name, host=host, port=port, path=path)

    def without_password(self) -> Endpoint:
        """The same without its password."""
        return self.replace(password="") if self.password else self


def _places(kind: Scheme) -> str:
    """What kind of place the host of a scheme names."""
    return "unix" if kind.is_unix else kind.transport if kind.transport in NUMBERED else "host"


# -- reading ----------------------------------------------------------------------------------


def parse(
    text: str, *, scheme: str | None = None, port: int | None = None, default_host: str = ""
) -> Endpoint:
    """The endpoint that a text names.

    Args:
        scheme: for a text without one; "tcp" if not given.
        port: for a text that has none, unless the scheme it was written with has one.
        default_host: for a text with a port and no host, such as ":8080".

    Raises:
        EndpointError: the text is no endpoint.
    """
    typed = text.strip()
    try:
        if len(typed) > 2 * MAX_TEXT:  # the rest is far shorter than a path may be
            raise _too_long()
        kind, rest, bare = _split(typed, SCHEMES[scheme or "tcp"])
        if kind.is_unix and not kind.application:
            return Endpoint(kind.name, path=unix_path(rest, kind))
        _check_characters(rest)
        return _network(kind, rest, bare, port, default_host)
    except PartError as problem:
        shown = _shown(typed)
        what = shown or "an endpoint"
        raise EndpointError(f"{what}: {problem.why}; {problem.advice}", shown) from None


def _split(typed: str, default: Scheme) -> tuple[Scheme, str, bool]:
    """The scheme, what follows it, and whether the scheme was left out."""
    if not typed:
        raise PartError("nothing was typed", "type host:port, a URL or a path")
    found = _SCHEME.match(typed)
    kind = schemes.find(found[1]) if found else None
    if found and found[2]:
        if kind is None:
            raise _unknown_scheme(found[1])
        rest = typed[found.end() :]
        if kind.is_unix and not kind.application and rest[:1] not in ("", "/", "@"):
            raise PartError("after // a path begins with a slash", f"type {kind.prefix}/PATH")
        return kind, rest, False
    if found and kind:
        rest = typed[found.end() :]
        if kind.is_unix and not kind.application:
            return kind, rest, False
        if not _PORT_FIRST.match(rest):  # with a port, a host of that name: "redis:6379"
            raise PartError("two slashes are missing", f"type {kind.prefix}HOST")
    if typed.startswith("://"):
        raise PartError("the scheme is missing", f"type {default.prefix}HOST")
    is_path = default.is_unix and not default.application
    if typed.startswith("//") and not is_path:
        return default, typed[2:], True
    if typed.startswith(("/", "./", "../", "@")):
        return (default if is_path else SCHEMES["unix"]), typed, True
    return default, typed, True


def _unknown_scheme(name: str) -> PartError:
    near = schemes.nearest(name)
    advice = f"did you mean {near}?" if near else "try tcp://, udp://, unix: or https://"
    return PartError(f"the scheme {name[:40]} is not known", advice)


def _too_long() -> PartError:
    return PartError(f"longer than {MAX_TEXT:,} characters", "type host:port or a shorter URL")


def _check_characters(rest: str) -> None:
    if rest.isprintable() and " " not in rest:
        return
    char = next(one for one in rest if one == " " or not one.isprintable())
    what = "a space" if char == " " else f"the character {safe(char)}"
    raise PartError(f"{what} inside", "take it away, or in a path percent-encode it, as in %20")


def _network(kind: Scheme, rest: str, bare: bool, port: int | None, default_host: str) -> Endpoint:
    """What has an authority, and maybe a path, query and fragment."""
    end = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    authority, tail = rest[:end], rest[end:]
    if "\\" in authority:
        raise PartError(
            "a backslash before the path: some programs take what is left of it for the host, "
            "others what is right of it",
            "type a slash, or take it away",
        )
    path, query, fragment = _tail(kind, tail)
    if kind.is_unix:
        return Endpoint(kind.name, unix_host(kind, authority), None, path, query, "", "", fragment)
    user, password, place = user_of(kind, authority)
    host, typed_port = host_and_port(kind, place, bare and not user)
    if not host:
        if typed_port is None:
            raise PartError("there is no host", f"type {kind.prefix}HOST")
        host = "any" if kind.transport == "vsock" else default_host
    if typed_port is None:
        written = None if bare else kind.port
        typed_port = written if written is not None else port if port is not None else kind.port
    return Endpoint(kind.name, host, typed_port, path, query, user, password, fragment)


def _tail(kind: Scheme, tail: str) -> tuple[str, str, str]:
    """Path, query and fragment as they are typed."""
    if len(tail) > MAX_TEXT:
        raise _too_long()
    if not kind.application:
        if tail not in ("", "/"):
            raise PartError(
                f"{kind.name} has a host and a port, but no path",
                "end it after the port, or choose a scheme such as http://",
            )
        return "", "", ""
    before, _, fragment = tail.partition("#")
    path, mark, query = before.partition("?")
    if kind.rooted and not path:
        path = "/"
    if mark and not query:
        path += "?"
    if path == "/" and not kind.rooted and not query and not fragment:
        path = ""
    return path, query, fragment


# -- secrets --------------------------------------------------------------------------------


def _shown(typed: str) -> str:
    """What was typed, for a message: short, printable, no password."""
    found = re.match(r"[^:/@]*://", typed)
    start = found.end() if found else 0
    masked = re.sub(r"\A([^:]*:).*@", r"\1***@", typed[start:], flags=re.DOTALL)
    return safe(typed[:start] + masked, limit=80)
