"""A visitor of our news server: lines in, bytes out (RFC 3977, 4642, 4643). Without a socket."""

from __future__ import annotations

import base64
import binascii
import calendar
import hmac
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from workbench.core.text import safe
from workbench.mail_ftp.nntp.codec import (
    OVERVIEW,
    NntpError,
    Wildmat,
    is_id,
    range_of,
    stuffed,
)
from workbench.mail_ftp.nntp.store import Article, Group, News, RefusedError

COMMAND = 512
"""Bytes of a command (RFC 3977, 3.1)."""
POSTED = 1 << 20
"""Bytes of an article that are taken."""
_FREE = {"CAPABILITIES", "HELP", "QUIT", "MODE", "AUTHINFO", "STARTTLS", "DATE"}
"""What needs no login."""
_HELP = (
    "ARTICLE AUTHINFO BODY CAPABILITIES DATE GROUP HDR HEAD HELP IHAVE LAST LIST LISTGROUP MODE",
    "NEWGROUPS NEWNEWS NEXT OVER POST QUIT STARTTLS STAT XHDR XOVER",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server allows: `name` and `password` of the one account, "" for none."""

    posting: bool = True
    name: str = ""
    password: str = ""
    tls_offered: bool = False
    tls_for_login: bool = False


class Visit:
    """One connection's state.

    Attributes:
        secure: TLS lies on the connection.
        starting: STARTTLS was agreed to: the connection waits for it.
        over: the visitor has said QUIT.
        last: what was done last, in a few words.
    """

    def __init__(self, news: News, rules: Rules, *, secure: bool = False) -> None:
        self._news = news
        self._rules = rules
        self.secure = secure
        self.starting = self.over = False
        self.last = ""
        self._name = ""
        self._known = not rules.name
        self._group: Group | None = None
        self._number = 0
        self._taking: Callable[[bytes], bytes] | None = None
        self._article = bytearray()
        self._too_long = False
        self._sasl = False

    def greeting(self) -> bytes:
        """The first line."""
        if self._rules.posting:
            return b"200 the workbench's news, posting allowed\r\n"
        return b"201 the workbench's news, no posting\r\n"

    @property
    def taking(self) -> bool:
        """Lines are those of an article."""
        return self._taking is not None

    def heard(self, line: bytes) -> bytes:
        """What a line is answered with; of an article nothing, until it is whole."""
        if self._taking is not None:
            return self._take(line)
        line = line.rstrip(b"\r\n")
        if self._sasl:
            self._sasl = False
            return self._plain(line)
        if len(line) > COMMAND:
            return b"501 the command is too long\r\n"
        words = line.decode("utf-8", "replace").split()
        if not words or "\0" in words[0]:
            return b"500 no command\r\n"
        name, *rest = words
        name = name.upper()
        action = getattr(self, f"_do_{name.lower()}", None) if name.isalpha() else None
        if action is None:
            return f"500 {safe(name, limit=20)}: no such command\r\n".encode()
        if not self._known and name not in _FREE:
            return b"480 log in first\r\n"
        self.last = f"{name} {rest[0]}" if rest and name != "AUTHINFO" else name
        try:
            answer: bytes = action(rest)
        except (NntpError, IndexError, ValueError):
            return b"501 malformed\r\n"
        return answer

    # -- the session ---------------------------------------------------------------------------

    def _do_capabilities(self, words: list[str]) -> bytes:
        rules = self._rules
        lines = ["VERSION 2", "IMPLEMENTATION workbench", "READER"]
        lines += ["POST", "IHAVE"] if rules.posting else []
        lines += ["NEWNEWS", "OVER MSGID", "HDR"]
        lines += ["LIST ACTIVE ACTIVE.TIMES NEWSGROUPS OVERVIEW.FMT HEADERS"]
        if rules.tls_offered and not self.secure:
            lines.append("STARTTLS")
        if not self._known:
            safe_now = self.secure or not rules.tls_for_login
            lines += ["AUTHINFO USER SASL", "SASL PLAIN"] if safe_now else ["AUTHINFO"]
        return _block("101 what the server can do", lines)

    def _do_mode(self, words: list[str]) -> bytes:
        if words[0].upper() != "READER":
            return b"501 MODE READER is all there is\r\n"
        return self.greeting()

    def _do_help(self, words: list[str]) -> bytes:
        return _block("100 help follows", _HELP)

    def _do_date(self, words: list[str]) -> bytes:
        return f"111 {time.strftime('%Y%m%d%H%M%S', time.gmtime())}\r\n".encode()

    def _do_quit(self, words: list[str]) -> bytes:
        self.over = True
        return b"205 goodbye\r\n"

    def _do_starttls(self, words: list[str]) -> bytes:
        if self.secure:
            return b"502 TLS is there already\r\n"
        if not self._rules.tls_offered:
            return b"580 TLS cannot begin here\r\n"
        self.starting = True
        self._group, self._name = None, ""
        return b"382 go on with TLS\r\n"

    def _do_authinfo(self, words: list[str]) -> bytes:
        kind, rest = words[0].upper(), words[1:]
        if self._known:
            return b"502 logged in already\r\n"
        if self._rules.tls_for_login and not self.secure:
            return b"483 TLS is needed first\r\n"
        if kind == "USER":
            self._name = rest[0]
            return b"381 now the password\r\n"
        if kind == "PASS":
            if not self._name:
                return b"482 the name comes first\r\n"
            return self._login(self._name, " ".join(rest))
        if kind == "SASL" and rest[0].upper() == "PLAIN":
            if len(rest) > 1:
                return self._plain(rest[1].encode())
            self._sasl = True
            return b"383 \r\n"
        return b"503 USER, PASS and SASL PLAIN are all there is\r\n"

    def _plain(self, text: bytes) -> bytes:
        if text == b"*":
            return b"481 broken off\r\n"
        try:
            _, name, password = base64.b64decode(text, validate=True).split(b"\0")
        except (binascii.Error, ValueError):
            return b"482 that is not SASL PLAIN\r\n"
        return self._login(name.decode("utf-8", "replace"), password.decode("utf-8", "replace"))

    def _login(self, name: str, password: str) -> bytes:
        right = hmac.compare_digest(name.encode(), self._rules.name.encode())
        right &= hmac.compare_digest(password.encode(), self._rules.password.encode())
        self._name = ""
        if not right:
            return b"481 name or password is wrong\r\n"
        self._known = True
        return b"281 welcome\r\n"

    # -- groups --------------------------------------------------------------------------------

    def _choose(self, name: str) -> bool:
        group = self._news.groups.get(name)
        if group is None:
            return False
        self._group, self._number = group, group.numbers[0] if group.numbers else 0
        return True

    def _do_group(self, words: list[str]) -> bytes:
        if not self._choose(words[0]):
            return b"411 no such group\r\n"
        return _chosen(self._group)

    def _do_listgroup(self, words: list[str]) -> bytes:
        if words and not self._choose(words[0]):
            return b"411 no such group\r\n"
        if self._group is None:
            return b"412 no group was chosen\r\n"
        first, last = range_of(words[1]) if len(words) > 1 else (1, None)
        numbers = map(str, self._group.within(first, last))
        return _block(_chosen(self._group).decode().rstrip(), numbers)

    def _do_list(self, words: list[str]) -> bytes:
        kind = words[0].upper() if words else "ACTIVE"
        wanted = Wildmat(words[1]) if len(words) > 1 else None
        groups = [
            one for one in self._news.groups.values() if wanted is None or wanted.matches(one.name)
        ]
        flag = "y" if self._rules.posting else "n"
        match kind:
            case "ACTIVE":
                lines = [f"{one.name} {one.high} {one.low} {flag}" for one in groups]
            case "NEWSGROUPS":
                lines = [f"{one.name}\t{one.description or 'no description'}" for one in groups]
            case "ACTIVE.TIMES":
                lines = [f"{one.name} {int(one.made)} workbench" for one in groups]
            case "OVERVIEW.FMT":
                lines = [one if one[0] == ":" else f"{one}:" for one in OVERVIEW] + ["Xref:full"]
            case "HEADERS":
                lines = [":", ":bytes", ":lines"]
            case _:
                return b"503 there is no such list\r\n"
        return _block("215 a list follows", lines)

    def _do_newgroups(self, words: list[str]) -> bytes:
        when = _moment(words[0], words[1])
        groups = [one for one in self._news.groups.values() if one.made >= when]
        flag = "y" if self._rules.posting else "n"
        return _block("231 new groups", [f"{g.name} {g.high} {g.low} {flag}" for g in groups])

    def _do_newnews(self, words: list[str]) -> bytes:
        wanted, when = Wildmat(words[0]), _moment(words[1], words[2])
        found = self._news.since(when)
        ids = [one.id for one in found if any(map(wanted.matches, one.places))]
        return _block("230 new articles", ids)

    # -- articles ------------------------------------------------------------------------------

    def _find(self, words: list[str]) -> tuple[int, Article] | bytes:
        """The article that is meant: by id, by number, or the current one."""
        if words and words[0].startswith("<"):
            article = self._news.articles.get(words[0]) if is_id(words[0]) else None
            return (0, article) if article else b"430 no such article\r\n"
        if self._group is None:
            return b"412 no group was chosen\r\n"
        number = range_of(words[0])[0] if words else self._number
        id_ = self._group.articles.get(number)
        if id_ is None:
            return b"423 no such number\r\n" if words else b"420 no article was chosen\r\n"
        if words:
            self._number = number
        return number, self._news.articles[id_]

    def _show(self, words: list[str], code: int, part: Callable[[Article], bytes] | None) -> bytes:
        found = self._find(words)
        if isinstance(found, bytes):
            return found
        number, article = found
        status = f"{code} {number} {article.id}\r\n".encode()
        return status if part is None else status + stuffed(part(article))

    def _do_article(self, words: list[str]) -> bytes:
        return self._show(words, 220, lambda one: one.whole)

    def _do_head(self, words: list[str]) -> bytes:
        return self._show(words, 221, lambda one: one.head)

    def _do_body(self, words: list[str]) -> bytes:
        return self._show(words, 222, lambda one: one.body)

    def _do_stat(self, words: list[str]) -> bytes:
        return self._show(words, 223, None)

    def _step(self, step: int) -> bytes:
        if self._group is None:
            return b"412 no group was chosen\r\n"
        if self._number not in self._group.articles:
            return b"420 no article was chosen\r\n"
        numbers = self._group.numbers
        place = numbers.index(self._number) + step
        if not 0 <= place < len(numbers):
            return b"421 no next article\r\n" if step > 0 else b"422 no article before\r\n"
        return self._show([str(numbers[place])], 223, None)

    def _do_next(self, words: list[str]) -> bytes:
        return self._step(1)

    def _do_last(self, words: list[str]) -> bytes:
        return self._step(-1)

    def _several(self, words: list[str]) -> list[tuple[int, Article]] | bytes:
        """The articles of a range, an id, or the current one."""
        if not words or words[0].startswith("<"):
            found = self._find(words)
            return found if isinstance(found, bytes) else [found]
        if self._group is None:
            return b"412 no group was chosen\r\n"
        first, last = range_of(words[0])
        numbers = self._group.within(first, last)
        articles = self._news.articles
        pairs = [(number, articles[self._group.articles[number]]) for number in numbers]
        return pairs or b"423 no articles in that range\r\n"

    def _do_over(self, words: list[str]) -> bytes:
        found = self._several(words)
        if isinstance(found, bytes):
            return found
        return _block("224 the overview follows", (one.overview(number) for number, one in found))

    _do_xover = _do_over

    def _fields(self, words: list[str], code: int) -> bytes:
        name = words[0]
        found = self._several(words[1:])
        if isinstance(found, bytes):
            return found
        by_id = len(words) > 1 and words[1].startswith("<") and code == 221
        lines = (
            f"{words[1] if by_id else number} {one.value(name)}".rstrip() for number, one in found
        )
        return _block(f"{code} the fields follow", lines)

    def _do_hdr(self, words: list[str]) -> bytes:
        return self._fields(words, 225)

    def _do_xhdr(self, words: list[str]) -> bytes:
        return self._fields(words, 221)

    # -- posting -------------------------------------------------------------------------------

    def _do_post(self, words: list[str]) -> bytes:
        if not self._rules.posting:
            return b"440 posting is not allowed\r\n"
        self._taking = lambda data: self._posted(data, 240, 441)
        return b"340 send it, a dot ends it\r\n"

    def _do_ihave(self, words: list[str]) -> bytes:
        if not self._rules.posting:
            return b"435 not wanted\r\n"
        if not is_id(words[0]) or words[0] in self._news.articles:
            return b"435 not wanted\r\n"
        self._taking = lambda data: self._posted(data, 235, 437)
        return b"335 send it, a dot ends it\r\n"

    def _take(self, line: bytes) -> bytes:
        """A line of the article that comes."""
        assert self._taking is not None
        if line.rstrip(b"\r\n") != b".":
            line = line[1:] if line[:1] == b"." else line
            self._too_long |= len(self._article) + len(line) > POSTED
            if not self._too_long:
                self._article += line
            return b""
        end, self._taking = self._taking, None
        data, self._article = bytes(self._article), bytearray()
        too_long, self._too_long = self._too_long, False
        return end(b"" if too_long else data)

    def _posted(self, data: bytes, good: int, bad: int) -> bytes:
        if not data:
            return f"{bad} it is empty, or more than {POSTED:,} bytes\r\n".encode()
        try:
            article = self._news.post(data)
        except RefusedError as refused:
            return f"{bad} {refused}\r\n".encode()
        except OSError as problem:
            return f"{436 if good == 235 else bad} {problem.strerror}\r\n".encode()
        self.last = f"posted {article.id}"
        return f"{good} {article.id}\r\n".encode()


def _chosen(group: Group | None) -> bytes:
    assert group is not None
    return f"211 {len(group.numbers)} {group.low} {group.high} {group.name}\r\n".encode()


def _block(status: str, lines: Iterator[str] | tuple[str, ...] | list[str] | map[str]) -> bytes:
    data = "".join(f"{line}\n" for line in lines)
    return f"{status}\r\n".encode() + stuffed(data.encode("utf-8", "replace"))


def _moment(day: str, clock: str) -> float:
    """A date of NEWNEWS, of six or eight digits, in seconds.

    Raises:
        ValueError: it is none.
    """
    if len(day) == 6:
        century = time.gmtime().tm_year // 100
        day = f"{century if int(day[:2]) <= time.gmtime().tm_year % 100 else century - 1}{day}"
    return calendar.timegm(time.strptime(day + clock, "%Y%m%d%H%M%S"))
