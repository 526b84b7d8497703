"""The Tools tab: what one looks up or takes apart in the middle of work, each on a board."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType

from workbench import catalogue
from workbench.core.job import Job, Request
from workbench.tools.what.job import What, told
from workbench.tools.what.layers import layers
from workbench.ui.panes.boardspane import BoardsPane
from workbench.ui.panes.tools.whatboard import WhatBoard
from workbench.ui.widgets.target import TargetLine

HELP = r"""
Paste anything, one line or many, and read along what it is: an address, a
URL, a token, a certificate, a mail, a request, a traceback, a cookie, a
time, base64, hex, and what is inside of it, layer by layer. enter goes to
the readings, enter there opens one in the tab where it belongs, s chooses
among the jobs that understand it. Nothing pasted is kept in the history.

Or what one looks up and makes in the middle of work: a job and its words.
  what --file FILE             the same of a file
  uuid                         a new one, of version 7; --version 1 to 8
  uuid --count 1000 --form hex many, and how they are written
  uuid 6ba7b810-9dad-…         read field by field, in any of its forms
  message mail.eml             a mail message: fields, way, checks, parts,
                               what is wrong; --part 2, --attachments
                               DIR. On its board enter reads on in a part,
                               v goes through details, text and source, a
                               saves the part (on the first row: all that
                               is attached), s sends on, e saves it all
  message --build --sender a@b --to c@d --subject x --text y
  url http://ex.com\@evil.com/ as browsers and Python read it, and where
                               they differ; --base, --set, --drop, --quote
  hash FILE --by sha256 --by md5, hash --text abc --by all
  encode gzip,base64 --text abc; --decode takes codings off again
  cookie 'Set-Cookie: a=1; …'  a pasted line by browsers' rules, and what
                               Python makes of it; --url is who sent it
  xmlrpc http://HOST/          the methods of a server; enter on one puts
                               its call on the line, typed by signature
  cgi SCRIPT, wsgi MODULE:APP  one request to a program, without a server:
                               --path '/a?b=c' --data x=y --header N:V;
                               v goes through answer, environment,
                               failure, said
Tables to look things up in, by number, name or any word:
  status 502, status 4xx       HTTP's codes, also those of no registry
  headers Vary, methods PATCH  its fields and methods, with their RFC
  attributes SameSite          of cookies, and the prefixes of their names
  alerts unknown_ca            TLS's alerts, and what to look at
  errno ECONNREFUSED           the system's errors
  library urllib               Python's networking library by modules: the
                               jobs and an example; enter goes to it
There / narrows the rows down as you type, s sends the row or its document,
y copies, e saves; / y and e are there for the lines of every other job too.

b goes from board to board, p shows the same as a script and as a shell
command.

What comes from a file or a paste is shown as text, whatever is in it;
nothing in it is followed or run.
"""

EMPTY = (
    "Paste anything on the line above, or type a job:\n\n"
    "uuid makes one or reads one, message takes a mail apart,\n"
    "status, headers, methods, attributes, alerts and errno\n"
    "tell what a number or a word means, and library which job\n"
    "shows which module of Python.\n\nf1 tells more."
)


class ToolsPane(BoardsPane):
    """The boards of the tools."""

    tab: ClassVar[str] = "tools"
    verb: ClassVar[str] = "what"
    verbs: ClassVar[tuple[str, ...]] = (
        *("alerts", "attributes", "cgi", "cookie", "encode", "errno", "hash", "headers", "library"),
        *("message", "methods", "status", "url", "uuid", "wsgi", "xmlrpc"),
    )
    prompt: ClassVar[str] = "tools"
    first_line: ClassVar[str] = "X-Next: aHR0cHM6Ly9leGFtcGxlLm9yZy8/cT0lNDE="
    help_text: ClassVar[str] = HELP
    empty_text: ClassVar[str] = EMPTY

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "stop", id="tools.stop"),
        Binding("b", "board", "other board", show=False, id="tools.board"),
    ]

    def on_mount(self) -> None:
        """Several lines may be pasted."""
        self.target.takes_lines = True

    # -- what is pasted ------------------------------------------------------------------------

    def request(self) -> tuple[Job[Any], Request]:
        """What the line stands for: a job, or else what is to be read as it stands.

        Raises:
            UsageError: one line that says what is wrong and what to try.
        """
        text = self.target.value.strip()
        if not text or self.target.names_job():
            return super().request()
        return catalogue.load("what"), What((text,))

    def on_target_line_changed(self) -> None:
        """Read along."""
        super().on_target_line_changed()
        text = self.target.value.strip()
        if text and not self.target.names_job():
            self.run_worker(self._read(text), exclusive=True, group="what")

    async def _read(self, text: str) -> None:
        board = await self.boards.show("what")
        if isinstance(board, WhatBoard):
            data = text.encode("utf-8", "surrogateescape")
            board.read(data, [told(one, "-") for one in layers(data)])

    def on_target_line_pasted(self, event: TargetLine.Pasted) -> None:
        """Several lines are read at once."""
        event.stop()
        self._take_paste(event.text)

    def on_paste(self, event: events.Paste) -> None:
        """A paste beside the line is one onto it."""
        event.stop()
        if len(event.text.strip().splitlines()) > 1:
            self._take_paste(event.text)
        elif event.text.strip():
            self.target.value = event.text.strip()
            self.target.edit()

    def _take_paste(self, text: str) -> None:
        self.show_error("")
        self.submit(catalogue.load("what"), What((text,)))

    async def _open_board(self, job: Job[Any], request: Request) -> None:
        await super()._open_board(job, request)
        board = self.boards.board
        if isinstance(board, WhatBoard) and isinstance(request, What):
            board.paste = " ".join(request.text).encode("utf-8", "surrogateescape")
