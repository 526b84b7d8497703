"""What every `serve` job is asked: where to listen, and whom to let in."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.core.endpoint import Endpoint
from workbench.core.job import Request, argument, option
from workbench.servers.events import Admit

WHOM = "whom to let in"


@dataclass(frozen=True, slots=True)
class ServeRequest(Request):
    """A server's endpoint and the rules of its door; its kind is a subclass."""

    endpoint: Endpoint = argument("where to listen; port 0 takes a free one", metavar="ENDPOINT")
    allow: tuple[str, ...] = option(
        (), "let in only these addresses and networks", metavar="NETWORK", group=WHOM
    )
    deny: tuple[str, ...] = option(
        (), "turn away these addresses and networks", metavar="NETWORK", group=WHOM
    )
    max_connections: int = option(0, "connections at one time; 0 is no limit", group=WHOM)
    max_per_address: int = option(0, "connections of one address; 0 is no limit", group=WHOM)

    @property
    def admit(self) -> Admit:
        """The rules of the door, as the loop takes them."""
        return Admit(self.max_connections, self.max_per_address, self.allow, self.deny)
