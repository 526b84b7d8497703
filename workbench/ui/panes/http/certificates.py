"""The certificates of an exchange in words: decoded, and judged as a chain for the host."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.content import Content

from workbench.core.endpoint import EndpointError, parse
from workbench.core.text import safe
from workbench.http.client.events import HttpConnection
from workbench.tls import pem
from workbench.tls.der import DerError
from workbench.tls.show import shown
from workbench.tls.x509 import certificate
from workbench.tls.x509.diagnose import diagnose
from workbench.ui.panes.http.exchange import Exchange
from workbench.ui.screens.dialog import Reader

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


def show_chain(app: WorkbenchApp, one: Exchange) -> None:
    """Open what the server of an exchange sent, the last where redirects were followed."""
    sent = [event for event in one.events if isinstance(event, HttpConnection)]
    if not sent or not sent[-1].chain:
        app.notify("no certificate came: the request has gone without TLS")
        return
    app.push_screen(Reader("Certificates of the server", chain_text(sent[-1])))


def chain_text(told: HttpConnection) -> Content:
    """What the server sent: TLS, what is wrong, each certificate, and all of them as PEM."""
    now = datetime.now(UTC)
    try:
        host = parse(told.url).host
    except EndpointError:
        host = ""
    trust = "verified" if told.verified else "NOT VERIFIED"
    lines = [f"{told.tls}, {trust}, {told.peer}", *_faults(told.chain, now, host), ""]
    for one in told.chain:
        lines += [*shown(pem.Block("CERTIFICATE", one), now).line().split("\n"), ""]
    for one in told.chain:
        lines += pem.write("CERTIFICATE", one).decode().rstrip().split("\n")
    return Content("\n".join(safe(line) for line in lines))


def _faults(chain: tuple[bytes, ...], now: datetime, host: str) -> list[str]:
    try:
        decoded = [certificate.decode(one) for one in chain]
    except DerError as problem:
        return [f"error: a certificate cannot be read: {problem}"]
    found = diagnose(decoded, now=now, name=host, roots=[], use="server")
    words = [f"{one.weight}: {one.words}; {one.advice}" for one in found]
    return words or ["nothing is wrong with them in themselves"]
