"""What a sink is told to refuse: at which stage, whose address, with which code."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from workbench.core.failure import JobError
from workbench.core.text import safe

STAGES = {
    "connect": (554, "5.3.2"),
    "ehlo": (550, "5.7.1"),
    "starttls": (454, "4.7.0"),
    "auth": (535, "5.7.8"),
    "mail": (550, "5.7.1"),
    "rcpt": (550, "5.1.1"),
    "data": (554, "5.7.1"),
    "message": (554, "5.6.0"),
}
"""Stages in their order: the code where none is chosen, and its enhanced code."""

_WORDS = {
    "connect": "no mail is taken here",
    "ehlo": "this name is not welcome",
    "starttls": "TLS is not available now",
    "auth": "this login is refused",
    "mail": "this sender is refused",
    "rcpt": "no such mailbox",
    "data": "no message is wanted",
    "message": "this message is refused",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule. `pattern` is of a shell, for the address or name; "" for all."""

    stage: str
    pattern: str
    code: int

    @property
    def enhanced(self) -> str:
        """The enhanced code of the same class."""
        about = STAGES[self.stage][1]
        return f"{self.code // 100}{about[1:]}"

    @property
    def words(self) -> str:
        """Code and text, as a reply says it."""
        lasting = "" if self.code >= 500 else ", for now"
        return f"{_WORDS[self.stage]}{lasting} (refused as asked for)"

    def meets(self, stage: str, value: str) -> bool:
        """Whether it is for this."""
        if stage != self.stage:
            return False
        return not self.pattern or fnmatchcase(value.lower(), self.pattern.lower())


def read(text: str) -> Refusal:
    """STAGE[:PATTERN][=CODE] as a rule.

    Raises:
        JobError: it is none.
    """
    head, equals, code_text = text.rpartition("=")
    if not equals:
        head, code_text = text, ""
    stage, _, pattern = head.partition(":")
    stage = {"helo": "ehlo", "lhlo": "ehlo"}.get(stage.lower(), stage.lower())
    if stage not in STAGES:
        raise JobError(
            f"there is no stage “{safe(stage, limit=30)}”",
            advice=f"--refuse STAGE[:PATTERN][=CODE]; stages: {', '.join(STAGES)}",
        )
    if not equals:
        return Refusal(stage, pattern, STAGES[stage][0])
    if not (len(code_text) == 3 and code_text.isascii() and code_text.isdigit()) or not (
        400 <= int(code_text) <= 599
    ):
        raise JobError(
            f"“{safe(code_text, limit=20)}” is no code that refuses",
            advice="--refuse rcpt=451 (4xx: for now, 5xx: for good)",
        )
    return Refusal(stage, pattern, int(code_text))


def first(rules: tuple[Refusal, ...], stage: str, value: str = "") -> Refusal | None:
    """The first rule that is for this."""
    return next((one for one in rules if one.meets(stage, value)), None)
