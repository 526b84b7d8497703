"""A run of the command line in the history, written down when it is over."""

from __future__ import annotations

from workbench.core.events import Done, Failed
from workbench.core.history import History, outcome_of
from workbench.core.job import Request, dump_request, secrets_of
from workbench.core.settings import Settings


def record(request: Request, ended: Done | Failed, started: float, settings: Settings) -> None:
    """Keep a run, without its secrets; what goes wrong with the history is no run's failure."""
    outcome, summary = outcome_of(ended)
    secrets = secrets_of(request)
    history = History(keep=settings.history.keep)
    try:
        text = dump_request(request, secrets=False).decode()
        number = history.begin(
            request.job, request.target(), text, secrets=secrets, started=started
        )
        history.end(number, outcome, summary, secrets=secrets)
    except ValueError:
        pass  # a secret stands where it cannot be taken out: nothing is kept
    finally:
        history.close()
