"""What one check of a target found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.core.failure import JobError

State = Literal["unknown", "up", "warn", "down"]
"""How a target stands; unknown: not checked yet, or it cannot be checked from here."""

DETAIL_LENGTH = 300
"""Characters of the words that a check may have for what it found."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a target stands, in one word and in a line of safe text.

    `latency` is in seconds, None where nothing answered; `code` the term to search for;
    `fingerprint` the SHA-256 of the certificates that were presented, in hex, "" without any.
    """

    state: State
    detail: str
    latency: float | None = None
    code: str = ""
    fingerprint: str = ""


class CannotCheckError(JobError):
    """The check cannot be made from here: the target may well be up."""
