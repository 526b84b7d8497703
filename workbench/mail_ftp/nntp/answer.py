"""Articles to begin writing from: a new one, and an answer with what it quotes."""

from __future__ import annotations

import getpass
import socket

from workbench.mail_ftp.message.tree import parse
from workbench.mail_ftp.nntp.codec import ids_of, is_id
from workbench.mail_ftp.nntp.threads import base_subject

REFERENCES = 20
"""Ids that an answer names: the first and the last ones (RFC 5537, 3.4.4)."""
QUOTED = 200
"""Lines that are quoted."""


def _from() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "nobody"
    return f"{name} <{name}@{socket.gethostname().split('.')[0]}.invalid>"


def new_article(group: str, sender: str = "") -> tuple[str, int]:
    """The text, and the line that is still to be filled in."""
    head = [f"From: {sender or _from()}", f"Newsgroups: {group}", "Subject: "]
    head += ["Content-Type: text/plain; charset=utf-8", "", ""]
    return "\n".join(head), 2


def answer_to(data: bytes, sender: str = "") -> tuple[str, int]:
    """The text, and the line where the answer is to stand."""
    message = parse(data)
    before = [*ids_of(_one_line(message.get("References")))]
    id_ = message.get("Message-ID").strip()
    ids = [*before, id_] if is_id(id_) else before
    if len(ids) > REFERENCES:
        ids = [ids[0], *ids[1 - REFERENCES :]]
    group = message.get("Followup-To") or message.get("Newsgroups")
    subject = base_subject(_one_line(message.get("Subject")))
    who = _one_line(message.get("From")).partition("<")[0].strip(' "') or "Somebody"
    head = [
        f"From: {sender or _from()}",
        f"Newsgroups: {_one_line(group)}",
        f"Subject: Re: {subject}",
        *([f"References: {' '.join(ids)}"] if ids else []),
        "Content-Type: text/plain; charset=utf-8",
        "",
    ]
    text = message.readable().partition("\n-- \n")[0].strip("\n").split("\n")[:QUOTED]
    quoted = [f">{line}" if line.startswith(">") else f"> {line}".rstrip() for line in text]
    lines = [*head, f"{who} wrote:", *quoted, "", ""]
    return "\n".join(lines), len(lines) - 1


def _one_line(value: str) -> str:
    """A field's value without what would begin another line."""
    return " ".join("".join(char if char.isprintable() else " " for char in value[:2_000]).split())
