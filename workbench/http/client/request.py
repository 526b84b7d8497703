"""The options that every job of the client has: who asks, which way, and how TLS is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.core.job import Request, option
from workbench.http.client.redirects import MOST

WHO = "who asks"
WAY = "which way"
TLS = "TLS"
ANSWER = "the answer"

Version = Literal["auto", "1.0", "1.1", "2"]
Auth = Literal["any", "basic", "digest"]


@dataclass(frozen=True, slots=True)
class ClientRequest(Request):
    """What a request to a server of HTTP is made with."""

    http: Version = option("auto", "the version of HTTP; 2 without TLS as well", group=WAY)
    user: str = option("", "the name to log in with", metavar="NAME", group=WHO)
    password: str = option("", "the password to log in with", secret=True, group=WHO)
    bearer: str = option("", "a bearer token", secret=True, group=WHO)
    secret_header: str = option(
        "", "a header field that nobody may see, as NAME:VALUE", secret=True, group=WHO
    )
    auth: Auth = option("any", "how to log in; any waits until it is asked for", group=WHO)
    cookies: Path | None = option(
        None, "a cookie jar, read and written: Netscape's or LWP's", metavar="FILE", group=WHO
    )
    max_redirects: int = option(MOST, "redirects that are followed at the most", group=ANSWER)
    proxy: str = option(
        "",
        "http://, https://, socks5:// or socks5h:// HOST:PORT, or none",
        metavar="URL",
        group=WAY,
    )
    proxy_user: str = option("", "the name for the proxy", metavar="NAME", group=WAY)
    proxy_password: str = option("", "the password for the proxy", secret=True, group=WAY)
    resolve: tuple[str, ...] = option(
        (), "dial this address for a host", metavar="HOST:PORT:ADDRESS", group=WAY
    )
    insecure: bool = option(False, "take any certificate", group=TLS)
    ca: Path | None = option(None, "trust these authorities alone", metavar="FILE", group=TLS)
    cert: Path | None = option(None, "a client certificate", metavar="FILE", group=TLS)
    key: Path | None = option(None, "its key, if in another file", metavar="FILE", group=TLS)
    key_password: str = option("", "the password of the key", secret=True, group=TLS)
    server_name: str = option("", "ask for this name in TLS", metavar="NAME", group=TLS)
