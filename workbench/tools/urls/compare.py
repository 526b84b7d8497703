"""One URL, two readers: Python's urllib.parse and the browsers', and what lies between them.

Where a filter reads a URL by one and a client by the other, the filter can be gone round.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from workbench.tools.urls import whatwg
from workbench.tools.urls.whatwg import Url, UrlError


@dataclass(frozen=True, slots=True)
class Difference:
    """A part that the two read differently; `danger` says what that can be used for, "" where it
    is a matter of writing alone."""

    part: str
    python: str
    browser: str
    danger: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What both make of a text. One that refuses it is None, and its words are in `refused`."""

    text: str
    python: SplitResult | None
    browser: Url | None
    python_refused: str
    browser_refused: str
    differences: tuple[Difference, ...]


def read(text: str, base: str = "") -> Reading:
    """Read by both, relative to a base if one is given."""
    python, python_refused = _python(text, base)
    browser: Url | None = None
    browser_refused = ""
    try:
        browser = whatwg.parse(text, whatwg.parse(base) if base else None)
    except UrlError as problem:
        browser_refused = str(problem)
    return Reading(
        text, python, browser, python_refused, browser_refused,
        tuple(_differences(python, python_refused, browser, browser_refused)),
    )  # fmt: skip


def _python(text: str, base: str) -> tuple[SplitResult | None, str]:
    try:
        found = urlsplit(urljoin(base, text) if base else text)
        found.port  # noqa: B018 - it is read when it is asked for, and may refuse then
    except ValueError as problem:
        return None, str(problem)
    return found, ""


def _differences(
    python: SplitResult | None, python_refused: str, browser: Url | None, browser_refused: str
) -> list[Difference]:
    if python is None or browser is None:
        if python is not None:
            what = "a client on urllib goes somewhere where no browser would"
            return [Difference("whole", python.geturl(), f"refused: {browser_refused}", what)]
        if browser is not None:
            what = "a browser goes somewhere that Python could not check"
            return [Difference("whole", f"refused: {python_refused}", str(browser), what)]
        return []
    found = []
    scheme = python.scheme
    if scheme != browser.scheme:
        found.append(
            Difference("scheme", scheme, browser.scheme, "a check of the scheme can be gone round")
        )
    mine, theirs = python.hostname or "", (browser.host or "").strip("[]")
    if mine != theirs:
        same = _is_same_host(mine, theirs)
        danger = "" if same else "a list of allowed or forbidden hosts can be gone round"
        if same and any(char.isdigit() for char in theirs) and mine != theirs and "." in theirs:
            danger = "the same place spelled so that a filter on text does not see it"
        found.append(Difference("host", mine, theirs, danger))
    usual = whatwg.PORTS.get(browser.scheme)
    if (python.port if python.port != usual else None) != browser.port:
        found.append(
            Difference("port", _text(python.port), _text(browser.port), "it is another service")
        )
    for part, one, other in (
        ("user", unquote(python.username or ""), unquote(browser.username)),
        ("password", unquote(python.password or ""), unquote(browser.password)),
    ):
        if one != other:
            danger = "what stands before the @ hides the host from people"
            found.append(Difference(part, one, other, danger))
    found += _tails(python, browser)
    return found


def _tails(python: SplitResult, browser: Url) -> list[Difference]:
    found = []
    path = browser.pathname
    if python.path != path and not (python.path == "" and path == "/"):
        walked = "/.." in unquote(python.path) or "\\" in python.path
        danger = "a rule for a folder can be gone round" if walked else ""
        found.append(Difference("path", python.path, path, danger))
    for part, one, other in (
        ("query", python.query, browser.query or ""),
        ("fragment", python.fragment, browser.fragment or ""),
    ):
        if one != other:
            found.append(Difference(part, one, other))
    return found


def _is_same_host(mine: str, theirs: str) -> bool:
    """The same host, written otherwise: other letters, IPv4 in another spelling."""
    from workbench.tools.urls.hosts import HostError, parse

    try:
        return parse(f"[{mine}]" if ":" in mine else mine, special=True).strip("[]") == theirs
    except HostError:
        return False


def _text(port: int | None) -> str:
    return "" if port is None else str(port)
