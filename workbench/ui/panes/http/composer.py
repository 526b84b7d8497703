"""Composing in the pane: the editor over what is selected, its request sent or saved in a file."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.arguments import UsageError, words_of
from workbench.core.failure import JobError, explain
from workbench.core.text import safe
from workbench.http.client.job import Http, http
from workbench.http.collections.composing import Composed, from_http, http_words, to_wanted
from workbench.http.collections.writing import change_file
from workbench.ui.panes.http.editor import Edited, RequestEditor
from workbench.ui.screens.dialog import Ask

if TYPE_CHECKING:
    from workbench.ui.panes.http.pane import HttpPane

EXAMPLE = Composed(url="http://127.0.0.1:8000/")
_SAID_ANEW: dict[str, Any] = {
    "item": (), "query": (), "data": (), "data_json": "", "form": (), "urlencoded": (),
    "raw": None,
}  # fmt: skip
"""What the fields of the editor stand for, by default."""


def compose(pane: HttpPane) -> None:
    """Open the editor with what is selected, or what stands on the target line."""
    made, base = EXAMPLE, None
    try:
        _, shown = pane.request_to_show()
        if isinstance(shown, Http):
            made, base = from_http(shown), shown
    except (UsageError, JobError):
        pass  # the editor begins with an example

    def edited(found: Edited | None) -> None:
        if found is not None and found.what == "send":
            _send(pane, found.made, base)
        elif found is not None:
            _save(pane, found.made)

    pane.app.push_screen(RequestEditor("request   f3 saves it in a .http file", made), edited)


def _send(pane: HttpPane, made: Composed, base: Http | None) -> None:
    """Send it as the target line would; what the editor does not have stays as it was."""
    try:
        values: dict[str, Any] = http_words(made)
    except JobError as problem:
        pane.show_error(f"{problem.cause}; {problem.advice}" if problem.advice else problem.cause)
        return
    request = replace(base, **_SAID_ANEW | values) if base is not None else Http(**values)
    pane.target.value = shlex.join(words_of(request)[1:])
    pane.show_error("")
    pane.submit(http, request)
    pane.table.focus()


def _save(pane: HttpPane, made: Composed) -> None:
    """Put it at the end of a file of requests, which may be a new one."""

    def answered(path: str | None) -> None:
        if not path:
            return
        try:
            place = Path(path).expanduser()
            change_file(place, lambda file: file.with_new(to_wanted(made)), new=True)
        except (JobError, OSError) as problem:
            pane.notify(safe(explain("save", problem).line()), severity="error")
            return
        pane.notify(f"saved at the end of {path}; run {path} --list opens it")

    hint = "enter puts it at the end   esc closes"
    pane.app.push_screen(Ask("Save in which .http file?", "requests.http", hint), answered)
