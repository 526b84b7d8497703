"""Connections that are kept for the next request to the same place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.core.endpoint import Endpoint
from workbench.core.scope import Scope
from workbench.http.client.connection import Connection
from workbench.http.client.exchange import Protocol
from workbench.tls.client_context import TlsOptions

KEPT_EACH = 4
KEPT = 32
KEPT_FOR = 60.0
"""Seconds that an unused connection is kept; most servers have closed it by then."""


@dataclass(frozen=True, slots=True)
class Route:
    """What must be alike for two requests to share a connection.

    `place` is whom TCP goes to, the proxy where there is one; `origin` whom a tunnel leads to or
    TLS is spoken with; `user` the proxy's, whose tunnel is his.
    """

    place: Endpoint
    origin: str
    tls: bool
    options: TlsOptions
    pin: str = ""
    version: str = ""
    user: str = ""


@dataclass(slots=True)
class Kept:
    """A connection with the protocol that it speaks."""

    connection: Connection
    protocol: Protocol
    route: Route

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


class Pool:
    """Unused connections by their route; the last one put back is the first one taken."""

    def __init__(self) -> None:
        self._kept: list[Kept] = []

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        return iter(self._kept)

    def take(self, route: Route, scope: Scope) -> Kept | None:
        """A connection on that route that nobody has hung up, if there is one."""
        now = time.monotonic()
        for one in [*self._kept[::-1]]:
            stale = now - one.connection.idle_since > KEPT_FOR
            if stale or one.route == route:
                self._kept.remove(one)
                quiet = one.protocol.version == "2" or one.connection.is_quiet()
                if stale or not quiet:
                    one.close()
                    continue
                one.protocol.next()
                one.connection.lend(scope)
                return one
        return None

    def give(self, kept: Kept) -> None:
        """Keep a connection whose last exchange ended cleanly; the oldest makes room."""
        kept.connection.idle_since = time.monotonic()
        same = [one for one in self._kept if one.route == kept.route]
        gone = same[:1] if len(same) >= KEPT_EACH else self._kept[:1]
        if len(same) >= KEPT_EACH or len(self._kept) >= KEPT:
            self._kept.remove(gone[0])
            gone[0].close()
        self._kept.append(kept)

    def close(self) -> None:
        """Hang up on all."""
        for one in self._kept:
            one.close()
        self._kept.clear()
