"""The panes, one module or folder a tab; each is imported when its tab is first opened."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.ui.panes.base import Pane

_PANES = {
    "addresses": ("workbench.ui.panes.addresses.pane", "AddressesPane"),
    "sockets": ("workbench.ui.panes.sockets.pane", "SocketsPane"),
    "tls": ("workbench.ui.panes.tls.pane", "TlsPane"),
    "http": ("workbench.ui.panes.http.pane", "HttpPane"),
    "mail_ftp": ("workbench.ui.panes.mail_ftp.pane", "MailFtpPane"),
    "servers": ("workbench.ui.panes.servers.pane", "ServersPane"),
    "tools": ("workbench.ui.panes.tools.pane", "ToolsPane"),
}


def make(tab: str) -> Pane:
    """The pane of a tab."""
    module, name = _PANES[tab]
    pane: Pane = getattr(importlib.import_module(module), name)()
    return pane
