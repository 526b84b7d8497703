"""Send-to: which jobs understand an endpoint that stands in a pane."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench import catalogue
from workbench.addresses.span import text
from workbench.core.endpoint import Endpoint
from workbench.core.failure import explain
from workbench.tools.what.reading import PASTE
from workbench.ui.widgets.ring import Ring

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

COPY = "copy"
CHOICES_MOST = 20
WORDS_MOST = 50
_BETWEEN = re.compile(r"[\s,;()<>\"'=|]+")
_PLAIN_WORDS = ("field of HTTP", "method of HTTP", "alert of TLS")
"""Readings of words that stand in any sentence."""

MAIL = ("smtp", "smtps", "submission", "submissions", "lmtp", "lmtp+unix")
MAILBOXES = ("imap", "imaps", "pop3", "pop3s")
READERS = {
    **{scheme: (scheme.removesuffix("s"), "read the mailbox at") for scheme in MAILBOXES},
    **dict.fromkeys(("ftp", "ftps", "ftpes"), ("ftp", "the files at")),
    **dict.fromkeys(("nntp", "nntps"), ("nntp", "the news at")),
    **dict.fromkeys(("telnet", "telnets"), ("telnet", "a terminal at")),
}
"""By scheme: the job of the Mail/FTP tab that speaks it, and what it shows."""

TALKS = ("tcp", "mptcp", "udp", "udplite", "unix", "unixgram", "unixseq", "vsock", "tipc")
"""Transports that a session can be had over."""


def choices(endpoint: Endpoint) -> list[tuple[str, str]]:
    """The command lines that an endpoint can be sent to: (line, words for people)."""
    found: list[tuple[str, str]] = []
    if endpoint.scheme in ("http", "https"):
        url = shlex.quote(str(endpoint.without_password()))
        found.append((f"http GET {url}", f"HTTP: ask for {url}"))
    if endpoint.scheme in MAIL:
        place = shlex.quote(str(endpoint.without_password()))
        found.append((f"smtp {place}", f"Mail/FTP: send a message to {place}"))
        found.append(("inbox --follow", "Mail/FTP: the inbox of serve smtp"))
    if endpoint.scheme in READERS:
        place = shlex.quote(str(endpoint.without_password()))
        job, words = READERS[endpoint.scheme]
        found.append((f"{job} {place}", f"Mail/FTP: {words} {place}"))
    if endpoint.transport in TALKS and not endpoint.tls:
        found.append((f"connect {_plain(endpoint)}", f"Sockets: talk to {_plain(endpoint)}"))
    if endpoint.transport == "tcp" and endpoint.port is not None:
        place = shlex.quote(endpoint.authority)
        if endpoint.scheme in ("tcp", "tcp4", "tcp6", "tls"):
            scheme = "https" if endpoint.tls else "http"
            url = f"{scheme}://{endpoint.authority}/"
            found.append((f"http GET {shlex.quote(url)}", f"HTTP: ask for {url}"))
        if endpoint.scheme in ("tcp", "tcp4", "tcp6") or endpoint.tls:
            found.append((f"tls {place}", f"TLS: is {endpoint.authority} trusted, until when"))
            found.append((f"tls-scan {place}", f"TLS: what is {endpoint.authority} worth"))
        if endpoint.tls:
            inside = shlex.quote(f"tls://{endpoint.authority}")
            words = f"Sockets: talk to {endpoint.authority} inside TLS"
            found.append((f"connect {inside}", words))
    found.append((f"{COPY} {shlex.quote(str(endpoint))}", f"copy {endpoint}"))
    return found


def word_choices(words: list[str]) -> list[tuple[str, str]]:
    """The command lines that addresses, blocks and names can be sent to."""
    from workbench.addresses.reading import read

    found: list[tuple[str, str]] = []
    for word in words:
        reading = read(word)
        span = reading.span
        line = shlex.quote(word)
        if reading.why:
            continue
        found.append((f"address {line}", f"Addresses: all about {word}"))
        if span is not None and span.address is not None:
            one = text(span.family, span.address)
            found.append((f"reverse {one}", f"Addresses: the name of {one}"))
            found.append((f"routes {one}", f"Addresses: the route to {one}"))
        elif span is not None:
            found.append((f"plan {line}", f"Addresses: plan {word}"))
        elif reading.host:
            found.append((f"resolve {line}", f"Addresses: resolve {word}"))
            found.append((f"dns {line}", f"Addresses: ask DNS for {word}"))
        found.append((f"{COPY} {line}", f"copy {word}"))
    return list(dict.fromkeys(found))


def text_choices(text: str) -> list[tuple[str, str]]:
    """The command lines that a text, or what its words name, can be sent to."""
    from workbench.tools.what.layers import readings

    words = [text, *_BETWEEN.split(text)[:WORDS_MOST]]
    found = [
        (line, f"{title_of(line)}: {line}")
        for word in dict.fromkeys(one.strip(".:!?") for one in words if len(one) > 2)
        for reading in readings(word.encode("utf-8", "surrogateescape"))
        if reading.sure != "possible" and reading.kind not in _PLAIN_WORDS
        for line in reading.opens
        if PASTE not in line
    ]
    return list(dict.fromkeys(found))[:CHOICES_MOST]


def title_of(line: str) -> str:
    """The title of the tab where a command line runs."""
    name, _ = catalogue.match(shlex.split(line))
    tab = catalogue.tab_of(name)
    return next(one.title for one in catalogue.TABS if one.name == tab)


def offer_text(app: WorkbenchApp, text: str) -> None:
    """Ask where to send what stands in a text, and go there."""
    offer_lines(app, text_choices(text))


def offer_words(app: WorkbenchApp, words: list[str]) -> None:
    """Ask where to send addresses, blocks or names, and go there."""
    offer_lines(app, word_choices(words))


def offer(app: WorkbenchApp, endpoint: Endpoint, more: Sequence[tuple[str, str]] = ()) -> None:
    """Ask where to send an endpoint, or what the line names that the user is on, and go there.

    Args:
        more: command lines, with words, that stand first.
    """
    line = app.focused.cursor_line if isinstance(app.focused, Ring) else None
    named = text_choices(line.text) if line is not None else []
    offer_lines(app, list(dict.fromkeys([*more, *choices(endpoint), *named])))


def message_choices(app: WorkbenchApp, data: bytes) -> list[tuple[str, str]]:
    """The command lines for a mail message that is at hand, which is kept as a file for them."""
    try:
        path = shlex.quote(app.pastes.keep(data, "mail message"))
    except OSError as problem:
        app.notify(explain("keep the message", problem).line(), severity="error")
        return []
    return [(f"message {path}", "Tools: this message, taken apart")]


def offer_lines(app: WorkbenchApp, lines: list[tuple[str, str]]) -> None:
    """Ask which of the command lines to go to, each with its words, and go there."""
    from workbench.ui.screens.dialog import Choose

    if not lines:
        app.notify("there is nothing here to send")
        return

    async def chosen(line: str | None) -> None:
        if line is None:
            return
        name, _, rest = line.partition(" ")
        if name == COPY:
            app.copy_to_clipboard(" ".join(shlex.split(rest)))
            app.notify("copied")
        else:
            job, _ = catalogue.match(line.split())
            await app.take(catalogue.tab_of(job), line, run=True)

    app.push_screen(Choose("Send to", lines), chosen)


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
