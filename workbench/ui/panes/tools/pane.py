"""The Tools tab: what one looks up or takes apart in the middle of work, each on a board."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.ui.panes.boardspane import BoardsPane

HELP = r"""
What one looks up, makes or takes apart in the middle of work.

On the target line a job and what it is about; enter runs it.
  uuid                         a new one, of version 7; --version 1 to 8
  uuid --count 1000 --form hex many, and how they are written
  uuid 6ba7b810-9dad-…         read field by field, in any of its forms
  message mail.eml             a mail message: fields, way, checks, parts,
                               what is wrong; --part 2, --attachments DIR
  message --build --sender a@b --to c@d --subject x --text y
  url http://ex.com\@evil.com/ as browsers and Python read it, and where
                               they differ; --base, --set, --drop, --quote
  hash FILE --by sha256 --by md5, hash --text abc --by all
  encode gzip,base64 --text abc; --decode takes codings off again
  cookie 'Set-Cookie: a=1; …'  a pasted line by browsers' rules, and what
                               Python makes of it; --url is who sent it
Tables to look things up in, by number, name or any word:
  status 502, status 4xx       HTTP's codes, also those of no registry
  headers Vary, methods PATCH  its fields and methods, with their RFC
  attributes SameSite          of cookies, and the prefixes of their names
  alerts unknown_ca            TLS's alerts, and what to look at
  errno ECONNREFUSED           the system's errors
  library urllib               Python's networking library by modules: the
                               jobs and an example; enter goes to it
There / narrows the rows down as you type, s sends the row or its document,
y copies all of it, e saves the table.

b goes from board to board, p shows the same as a script and as a shell
command, e exports, y copies.

What comes from a file or a paste is shown as text, whatever is in it;
nothing in it is followed or run.
"""

EMPTY = (
    "Type a job on the line above and press enter:\n\n"
    "uuid makes one or reads one, message takes a mail apart,\n"
    "status, headers, methods, attributes, alerts and errno\n"
    "tell what a number or a word means, and library which job\n"
    "shows which module of Python.\n\nf1 tells more."
)


class ToolsPane(BoardsPane):
    """The boards of the tools."""

    tab: ClassVar[str] = "tools"
    verb: ClassVar[str] = "uuid"
    verbs: ClassVar[tuple[str, ...]] = (
        *("alerts", "attributes", "cookie", "encode", "errno", "hash", "headers", "library"),
        *("message", "methods", "status", "url"),
    )
    prompt: ClassVar[str] = "tools"
    first_line: ClassVar[str] = "uuid --count 3"
    help_text: ClassVar[str] = HELP
    empty_text: ClassVar[str] = EMPTY

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "stop", id="tools.stop"),
        Binding("b", "board", "other board", show=False, id="tools.board"),
    ]
