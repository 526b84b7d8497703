"""Every kind of server there is, to start one with a key press."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench import catalogue
from workbench.core.arguments import UsageError, parse_line

if TYPE_CHECKING:
    from workbench.ui.panes.servers.pane import ServersPane


def choose_kind(pane: ServersPane) -> None:
    """Ask for a kind and put its example on the target line; start it where that is enough."""
    from workbench.ui.screens.dialog import Choose

    jobs = [job for job in catalogue.briefs() if job.name.startswith("serve ")]
    width = max(len(job.name) for job in jobs) - len("serve ")
    choices = [
        (job.name, f"{job.name.removeprefix('serve '):<{width}}  {job.summary}"[:52])
        for job in jobs
    ]

    def chosen(name: str | None) -> None:
        if name is None:
            return
        job = catalogue.load(name)
        line = _free(pane, job.example)
        try:
            name, words = catalogue.match(line.split())
            parse_line(job, words)
        except UsageError as problem:
            pane.take(line)
            pane.show_error(str(problem))
        else:
            pane.take(line, run=True)

    pane.app.push_screen(Choose("Start which server?", choices), chosen)


def _free(pane: ServersPane, example: str) -> str:
    """The example; its endpoint takes a free port where a server of this screen has that one."""
    taken = {one.endpoint.port for one in pane.board.servers.values() if one.alive and one.endpoint}
    words = example.split()
    for place, word in enumerate(words):
        if "://" in word:
            head, _, rest = word.partition("://")
            authority, slash, path = rest.partition("/")
            host, colon, port = authority.rpartition(":")
            if colon and port.isdecimal() and int(port) in taken:
                words[place] = f"{head}://{host}:0{slash}{path}"
    return " ".join(words)
