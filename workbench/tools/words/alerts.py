"""TLS's alerts as a table to look things up in; the registry is that of the TLS tab."""

from __future__ import annotations

import ssl
from functools import cache

from workbench.tls.registry.alerts import ALERTS
from workbench.tools.words.entry import Entry


@cache
def alerts() -> tuple[Entry, ...]:
    """All, by number."""
    known = {int(one): one.name for one in ssl.AlertDescription}
    return tuple(
        Entry(
            one.name, number, one.meaning, "IANA, TLS Alerts", f"look at {one.look_at}",
            f"ssl.{known[number]}" if number in known else "",
        )
        for number, one in sorted(ALERTS.items())
    )  # fmt: skip
