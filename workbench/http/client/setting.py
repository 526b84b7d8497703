"""From the options of a job to those of a client."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError
from workbench.http.client.building import pins_of
from workbench.http.client.client import ClientOptions
from workbench.http.client.proxy import Proxies, from_environment, parse_proxy
from workbench.http.client.request import ClientRequest
from workbench.tls.client_context import TlsOptions

if TYPE_CHECKING:
    from workbench.http.client.auth import Credentials
    from workbench.http.client.cookie_files import Form
    from workbench.http.client.cookies import Jar


def client_options(
    wanted: ClientRequest,
    url: Endpoint,
    omit: Set[bytes] = frozenset(),
    *,
    decode: bool,
    follow: int,
    watched: bool = False,
    bound: frozenset[bytes] = frozenset(),
) -> tuple[ClientOptions, list[str]]:
    """The options of a client for a URL, and what is worth saying about them.

    Raises:
        JobError: two of them contradict each other, or one cannot be read.
        OSError: a file cannot be.
    """
    notes = []
    tls = TlsOptions(
        not wanted.insecure, wanted.ca, wanted.cert, wanted.key, wanted.key_password,
        wanted.server_name,
    )  # fmt: skip
    if wanted.insecure and url.tls:
        notes.append("the certificate is not verified: anybody may be at the other end")
    jar = None
    if wanted.cookies is not None:
        from workbench.http.client.cookie_files import read_cookies
        from workbench.http.client.cookies import Jar

        jar = Jar()
        if wanted.cookies.exists():
            for cookie in read_cookies(wanted.cookies)[0]:
                jar.put(cookie)
    if wanted.max_redirects < 1:
        raise JobError("--max-redirects is at least 1", advice="leave --follow away to follow none")
    made = ClientOptions(
        "" if wanted.http == "auto" else wanted.http, tls, pins_of(wanted.resolve),
        _proxies(wanted), _credentials(wanted, url), follow, decode, watched,
        frozenset(omit),
        bound, jar,
    )  # fmt: skip
    return made, notes


def _credentials(wanted: ClientRequest, url: Endpoint) -> Credentials | None:
    user, password = wanted.user or url.user, wanted.password or url.password
    if not (user or password or wanted.bearer):
        return None
    from workbench.http.client.auth import Credentials

    if wanted.bearer:
        if user:
            raise JobError("a name and a bearer token are two ways to log in", advice="give one")
        if any(char in wanted.bearer for char in "\r\n\0"):
            raise JobError("the bearer token has a line's end in it")
        return Credentials(token=wanted.bearer)
    if not user:
        raise JobError("there is a password and no name", advice="give --user NAME too")
    return Credentials(user, password, "", "" if wanted.auth == "any" else wanted.auth)


def _proxies(wanted: ClientRequest) -> Proxies:
    if wanted.proxy == "none":
        return Proxies()
    if not wanted.proxy:
        return Proxies(from_environment())
    given = parse_proxy(wanted.proxy, "--proxy")
    if given.password:
        raise JobError(
            "a password in --proxy could be read by others",
            advice="give --proxy-user NAME and --proxy-password-env VARIABLE",
        )
    user, password = wanted.proxy_user or given.user, wanted.proxy_password
    if not user:
        return Proxies(forced=wanted.proxy)
    inside = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return Proxies(forced=f"{given.kind}://{inside}@{given.place.authority}")


def save_jar(jar: Jar, path: Path) -> None:
    """Write the jar back in the form that its file has.

    Raises:
        OSError: it cannot be written.
    """
    from workbench.http.client.cookie_files import read_cookies, write_cookies

    form: Form = "netscape"
    if path.exists():
        form = read_cookies(path)[1]
    jar.expire()
    write_cookies(path, jar, form)
