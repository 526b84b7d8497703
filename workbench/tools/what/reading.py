"""What a recogniser says of the piece that it was given."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Literal

Sure = Literal["certain", "likely", "possible"]

RANKS: dict[Sure, int] = {"certain": 0, "likely": 1, "possible": 2}

PASTE = "@PASTE@"
"""In a job line: the file that holds what was pasted, or - where it is on standard input."""

FACTS_MOST = 40
VALUE_MOST = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """What is looked at: its bytes, and the same as text where they are some, else ""."""

    data: bytes
    text: str

    @property
    def one_line(self) -> str:
        """The text, if it is on one line; else ""."""
        return "" if "\n" in self.text or "\r" in self.text else self.text


@dataclass(frozen=True, slots=True)
class Inside:
    """Something inside a piece: where it stood, and its bytes."""

    place: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """What a piece was taken for.

    Attributes:
        kind: what it is, in the field's words.
        sure: how sure that is, and `why` in words where that is no matter of course.
        facts: what it says, decoded, as label and value.
        opens: job lines that understand it, the best first; PASTE stands for the whole of it.
        inside: what is to be looked at in turn.
        secret: it lets somebody in, and is not shown.
    """

    kind: str
    sure: Sure
    why: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    opens: tuple[str, ...] = ()
    inside: tuple[Inside, ...] = ()
    secret: bool = False


def piece(data: bytes) -> Piece:
    """A piece, with white space around its text taken off."""
    try:
        text = data.decode("utf-8").strip().lstrip("\ufeff")
    except UnicodeDecodeError:
        text = ""
    # A NUL is in no text that somebody pastes.
    return Piece(data, "" if "\0" in text else text)


def line(*words: str) -> str:
    """A job line of these words, quoted as a shell has it."""
    return " ".join(word if word == PASTE else shlex.quote(word) for word in words)


def shown(text: object) -> str:
    """A value, cut to what a line can hold."""
    words = str(text)
    return words if len(words) <= VALUE_MOST else f"{words[:VALUE_MOST]}…"
