"""The job that follows servers at an interval: `watch TARGET…`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.core.endpoint import Endpoint, parse
from workbench.core.events import Done, Failed, Note
from workbench.core.failure import JobError
from workbench.core.job import Request, argument, job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.servers.events import Stop
from workbench.servers.watch import targets as reading
from workbench.servers.watch.events import (
    Acknowledge,
    AddTarget,
    CheckNow,
    RemoveTarget,
    Rest,
)
from workbench.servers.watch.follow import Follower
from workbench.servers.watch.store import Store
from workbench.servers.watch.targets import Target

EXPECTED, TLS, ALARMS = "what is expected", "TLS", "alarms and history"

_NAMED = 5
"""Names that a failure lists."""


@dataclass(frozen=True, slots=True)
class Watch(Request):
    r"""Follow servers at an interval: whether they are up, how fast, and for how long.

    A target's scheme says what is looked at: tcp:// and unix: whether it connects, and says what
    is expected; udp:// whether a datagram is answered; icmp://HOST a ping; http:// and https://
    the status and words in the body; tls:// and all that begins with TLS the days its certificate
    has left, and whether it changed; smtp, imap, pop3, ftp, nntp and ssh the greeting;
    dns://SERVER/NAME?type=AAAA the answer. Any other scheme: whether it connects.

    A file has more of them, each with settings of its own:

        interval = 30
        command = ["notify-send", "a server has changed"]

        [[target]]
        name = "shop"
        target = "https://shop.example/"
        status = [200, 302]
        expect = "Welcome"
        days = 21

        [[target]]
        target = "tcp://127.0.0.1:6379"
        talk = ['send PING\r\n', 'expect +PONG']

    At the top, for all, or for one target: interval, timeout, retries, days, verify, ca, status,
    method and command; for one target: name, target, expect, send, talk, answer. A command has
    WATCH_NAME, WATCH_TARGET, WATCH_STATE, WATCH_BEFORE, WATCH_DETAIL and WATCH_TIME in its
    environment, and 30 seconds.
    """

    targets: tuple[Endpoint, ...] = argument("what to follow", default=(), metavar="TARGET")
    file: Path | None = option(None, "a TOML file with targets", metavar="FILE")
    interval: float = option(10.0, "seconds between two checks of a target", unit="s")
    retries: int = option(2, "checks that must fail once more before a target counts as down")
    once: bool = option(False, "check each target once, and fail where one is down")
    expect: tuple[str, ...] = option(
        (), "a text that must come: in the body, greeting or answer", group=EXPECTED
    )
    send: bytes = option(b"", "tcp, unix, udp: send this first, with \\r \\n \\xHH", group=EXPECTED)
    answer: bool = option(False, "udp: there must be an answer, whatever it is", group=EXPECTED)
    status: tuple[int, ...] = option(
        (), "http: the status must be this one; below 400 if not given", group=EXPECTED
    )
    days: int = option(14, "warn when a certificate has fewer days left", group=TLS)
    verify: bool = option(True, "a certificate that is not trusted is a failure", group=TLS)
    ca: Path | None = option(
        None, "a file with CA certificates that are trusted too", metavar="FILE", group=TLS
    )
    bell: bool = option(False, "ring the terminal's bell when a target changes", group=ALARMS)
    command: str = option(
        "",
        "run this when a target changes, without a shell; WATCH_NAME and others are set",
        group=ALARMS,
    )
    history: bool = option(True, "remember what was seen, for the next run", group=ALARMS)

    def tried(self) -> str:
        """Without the names of many targets."""
        count = len(self.targets)
        words = f"{count:,} targets" if count > _NAMED else " ".join(map(str, self.targets))
        return f"watch {words}{f' --file {self.file}' if self.file else ''}"

    def as_python(self) -> str:
        """A loop over functions that check."""
        from workbench.servers.watch.code import python

        return python(self.all_targets(), once=self.once, interval=self.interval)

    def as_shell(self) -> str:
        """A loop over curl, openssl, dig, ping and socat."""
        from workbench.servers.watch.code import shell

        return shell(self.all_targets(), once=self.once, interval=self.interval)

    def all_targets(self) -> list[Target]:
        """Those of the line, then those of the file.

        Raises:
            JobError: one of them cannot be followed; one line says which and why.
        """
        found = [self.target_of(one) for one in self.targets]
        if self.file is not None:
            found += reading.read_file(self.file, self._defaults())
        if not found:
            raise JobError(
                "there is nothing to follow",
                advice="name a target, as https://127.0.0.1/ or icmp://HOST, or --file FILE",
            )
        return reading.unlike(found)

    def target_of(self, endpoint: Endpoint) -> Target:
        """A target of the line, with those of the options that are for its kind.

        Raises:
            JobError: it cannot be followed.
        """
        heeded = reading.heeded(endpoint)
        options = {
            "expect": self.expect,
            "send": self.send,
            "answer": self.answer,
            "status": self.status,
        }
        values: dict[str, Any] = {name: value for name, value in options.items() if name in heeded}
        made = replace(self._defaults(), endpoint=endpoint, **values)
        return reading.checked(reading.named(made))

    def _defaults(self) -> Target:
        try:
            command = tuple(shlex.split(self.command))
        except ValueError as problem:
            raise JobError(f"--command: {problem}", advice="close the quote") from None
        return Target(
            "",
            Endpoint("tcp"),
            interval=self.interval,
            timeout=self.timeout,
            retries=self.retries,
            days=self.days,
            verify=self.verify,
            ca=self.ca,
            command=command,
        )


@job(
    "watch",
    tab="servers",
    example="watch --once tcp://127.0.0.1:7007",
    process=True,
    commands=(CheckNow, Rest, AddTarget, RemoveTarget, Acknowledge, Stop),
)
def watch(request: Watch, scope: Scope) -> Iterator[Event]:
    """Follow until stopped, or until each had its first result."""
    from workbench.servers.watch.watcher import Watcher

    targets = request.all_targets()
    store = Store(stored=request.history)
    watcher = Watcher(
        targets,
        scope,
        store,
        read=lambda text: request.target_of(parse(text)),
        bell=request.bell,
        once=request.once,
    )
    if not request.once:
        count = f"{len(targets):,} target{'' if len(targets) == 1 else 's'}"
        yield Note(f"following {count}; told are first results and changes")
    yield from watcher.run()
    yield _end(request, list(watcher.followers.values()))


def _end(request: Watch, followers: list[Follower]) -> Done | Failed:
    """How all of them stand."""
    states = [one.memory.state for one in followers if one.seen]
    counts = {state: states.count(state) for state in ("up", "warn", "down", "unknown")}
    summary = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    if not request.once or not counts["down"] + counts["unknown"]:
        return Done(summary)
    bad = [one.target.name for one in followers if one.memory.state in ("down", "unknown")]
    more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
    return Failed(
        "watch",
        f"{summary}: {', '.join(bad[:_NAMED])}{more}",
        "down" if counts["down"] else "unknown",
    )
