"""Send-to: which jobs understand an endpoint that stands in a pane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench import catalogue
from workbench.core.endpoint import Endpoint

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COPY = "copy"


def choices(endpoint: Endpoint) -> list[tuple[str, str]]:
    """The command lines that an endpoint can be sent to: (line, words for people)."""
    found: list[tuple[str, str]] = []
    if endpoint.transport in ("tcp", "udp", "unix", "unixgram") and not endpoint.tls:
        found.append((f"connect {_plain(endpoint)}", f"Sockets: talk to {_plain(endpoint)}"))
    found.append((COPY, f"copy {endpoint}"))
    return found


def offer(app: WorkbenchApp, endpoint: Endpoint) -> None:
    """Ask where to, and go there."""
    from workbench.ui.screens.dialog import Choose

    async def chosen(line: str | None) -> None:
        if line == COPY:
            app.copy_to_clipboard(str(endpoint))
            app.notify("copied")
        elif line is not None:
            name, _ = catalogue.match(line.split())
            await app.take(catalogue.load(name).tab, line, run=True)

    app.push_screen(Choose("Send to", choices(endpoint)), chosen)


def _plain(endpoint: Endpoint) -> Endpoint:
    """The endpoint below its application protocol; a wildcard is reached by the loopback."""
    if endpoint.is_unix:
        return endpoint
    host = endpoint.host
    if endpoint.is_wildcard:
        host = "::1" if ":" in host else "127.0.0.1"
    return endpoint.with_scheme(endpoint.transport).replace(
        host=host, path="", query="", user="", password="", fragment=""
    )
