"""robots.txt by RFC 9309: bytes in, groups and verdicts with their line numbers out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

LIMIT = 500 * 1024
"""Bytes of a file that are read, the least that a crawler has to (section 2.5)."""

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_TOKEN = re.compile(r"[A-Za-z_-]+")
_RECORD = re.compile(r"\s*([^:\s]+)\s*:(.*)", re.DOTALL)
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_AGENT = frozenset(("user-agent", "useragent"))
_OTHERS = frozenset(
    ("host", "clean-param", "request-rate", "visit-time", "noindex", "content-signal")
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One Allow or Disallow. `pattern` is normalised: compared octet by octet (2.2.2)."""

    line: int
    allow: bool
    text: str
    pattern: bytes

    def __str__(self) -> str:
        return f"{'Allow' if self.allow else 'Disallow'}: {self.text}"


@dataclass(slots=True)
class Group:
    """Agents by their product tokens in lower case, and the rules for them."""

    line: int
    agents: list[str] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    crawl_delay: float | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that a crawler passes over, or reads otherwise than it looks."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an agent may fetch a path, and what decided it: a rule, or none (`rule` None)."""

    allowed: bool
    why: str
    rule: Rule | None = None


@dataclass(slots=True)
class Robots:
    """A file taken apart; `lines` are its text, the first being line 1."""

    lines: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    sitemaps: list[tuple[int, str]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def groups_for(self, agent: str) -> list[Group]:
        """The groups that hold for an agent: all that name it, else all for * (2.2.1)."""
        token = product_token(agent)
        named = [one for one in self.groups if token != "*" and token in one.agents]
        return named or [one for one in self.groups if "*" in one.agents]

    def judge(self, agent: str, path: str) -> Verdict:
        """The longest rule that matches decides, Allow where two are as long (2.2.2)."""
        wanted = normal_path(path)
        if wanted == b"/robots.txt":
            return Verdict(True, "/robots.txt itself is always allowed")
        groups = self.groups_for(agent)
        if not groups:
            return Verdict(True, "no group is for this agent, and none for *")
        found: Rule | None = None
        for rule in (rule for group in groups for rule in group.rules):
            if _weight(rule) > _weight(found) and matches(rule.pattern, wanted):
                found = rule
        if found is None:
            return Verdict(True, "no rule of its group matches")
        return Verdict(found.allow, f"line {found.line}: {found}", found)

    def crawl_delay(self, agent: str) -> float | None:
        """Seconds between two requests, which no standard has, if the agent's group asks."""
        delays = (one.crawl_delay for one in self.groups_for(agent))
        return next((one for one in delays if one is not None), None)


def _weight(rule: Rule | None) -> tuple[int, bool]:
    return (len(rule.pattern), rule.allow) if rule is not None else (-1, False)


def product_token(agent: str) -> str:
    """The name in a User-Agent, lower case: "Googlebot" of "Googlebot/2.1 (…)"; * is itself."""
    agent = agent.strip()
    if re.match(r"\*(\s|$)", agent):
        return "*"
    found = _TOKEN.match(agent)
    return (found[0] if found else agent).lower()


def matches(pattern: bytes, path: bytes) -> bool:
    """Whether a rule's normalised pattern matches a normalised path: * any octets, $ the end."""
    anchored = pattern.endswith(b"$")
    first, *rest = (pattern[:-1] if anchored else pattern).split(b"*")
    if not path.startswith(first):
        return False
    at = len(first)
    last = rest.pop() if rest else None
    for piece in rest:
        found = path.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    if last is None:
        return not anchored or at == len(path)
    if anchored:
        return path.endswith(last) and len(path) - len(last) >= at
    return path.find(last, at) >= 0


def normal_path(path: str) -> bytes:
    """A path and query as rules are compared with it; its own * and $ are escaped."""
    raw = path.partition("#")[0].encode("utf-8", "surrogateescape")
    raw = raw if raw.startswith(b"/") else b"/" + raw
    return _normal(raw).replace(b"*", b"%2A").replace(b"$", b"%24")


def normal_pattern(text: str) -> bytes:
    """A rule's path; a $ that is not at its end stands for itself."""
    found = _normal(text.encode("utf-8", "surrogateescape"))
    return found[:-1].replace(b"$", b"%24") + found[-1:]


def _normal(raw: bytes) -> bytes:
    """Escapes in one form: none where none is needed, upper case, what is not ASCII escaped."""

    def escape(found: re.Match[bytes]) -> bytes:
        octet = int(found[0][1:], 16)
        return bytes([octet]) if octet in _UNRESERVED else found[0].upper()

    raw = _ESCAPE.sub(escape, raw)
    if all(0x20 < one < 0x7F for one in raw):
        return raw
    return b"".join(bytes([one]) if 0x20 < one < 0x7F else b"%%%02X" % one for one in raw)


def parse_robots(data: bytes) -> Robots:
    """Take a file apart; what cannot be read is passed over and told as a fault."""
    reader = _Reader()
    cut = len(data) > LIMIT
    text = data[:LIMIT].removeprefix(b"\xef\xbb\xbf")
    for number, raw in enumerate(_LINE_ENDS.split(text), 1):
        reader.read(number, raw)
    if cut:
        reader.fault(len(reader.made.lines), f"cut here: crawlers read {LIMIT >> 10} KiB alone")
    return reader.made


class _Reader:
    """The lines of a file, one after the other."""

    def __init__(self) -> None:
        self.made = Robots()
        self._naming = False  # the lines before were User-agent, so another adds to its group

    def fault(self, line: int, why: str) -> None:
        self.made.faults.append(Fault(line, why))

    def read(self, number: int, raw: bytes) -> None:
        line = raw.decode("utf-8", "surrogateescape")
        self.made.lines.append(line)
        if not _is_utf8(raw):
            self.fault(number, "not in UTF-8")
        said = line.partition("#")[0].strip()
        if not said:
            return
        found = _RECORD.fullmatch(said)
        if found is None:
            self.fault(number, "no NAME: VALUE, so it is passed over")
            return
        name, value = found[1].lower(), found[2].strip()
        if name in _AGENT:
            self._agent(number, value)
        elif name in ("allow", "disallow"):
            self._rule(number, name == "allow", value)
        elif name == "sitemap":
            self._sitemap(number, value)
        elif name == "crawl-delay":
            self._delay(number, value)
        elif name not in _OTHERS:
            self.fault(number, "no name that is known, so it is passed over")

    def _agent(self, number: int, value: str) -> None:
        if not self._naming:
            self.made.groups.append(Group(number))
        self._naming = True
        token = product_token(value)
        if not token:
            self.fault(number, "User-agent names nobody")
            return
        if token != "*" and _TOKEN.fullmatch(value) is None:
            self.fault(number, f"a name has letters, - and _ alone: it is read as {token}")
        self.made.groups[-1].agents.append(token)

    def _rule(self, number: int, allow: bool, value: str) -> None:
        if not self.made.groups:
            self.fault(number, "a rule before any User-agent is for nobody")
            return
        self._naming = False
        if not value:
            if allow:
                self.fault(number, "an empty Allow says nothing")
            return  # an empty Disallow is the old way to allow all, and matches nothing
        if not value.startswith(("/", "*")):
            self.fault(number, "a path that does not begin with / or * never matches")
        rule = Rule(number, allow, value, normal_pattern(value))
        self.made.groups[-1].rules.append(rule)

    def _sitemap(self, number: int, value: str) -> None:
        if not re.match(r"https?://\S+$", value, re.IGNORECASE):
            self.fault(number, "a sitemap is named by its whole URL")
        self.made.sitemaps.append((number, value))

    def _delay(self, number: int, value: str) -> None:
        if not self.made.groups:
            self.fault(number, "a crawl-delay before any User-agent is for nobody")
            return
        if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value, re.ASCII) is None:
            self.fault(number, "a crawl-delay is a number of seconds")
            return
        self.made.groups[-1].crawl_delay = float(value)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def rule_paths(robots: Robots, groups: Sequence[Group]) -> Iterator[str]:
    """The paths that rules name, as far as they are no patterns, each once: what to ask of them."""
    seen = set()
    for rule in (rule for group in groups for rule in group.rules):
        path = rule.text.removesuffix("$").removesuffix("*")
        if path.startswith("/") and "*" not in path and path not in seen:
            seen.add(path)
            yield path
