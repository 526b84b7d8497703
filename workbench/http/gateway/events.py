"""What a server that calls programs tells beside what every server of HTTP tells."""

from __future__ import annotations

from workbench.core.message import Event, event


@event("said", channel="talk")
class Said(Event):
    """A line that a program has written to its standard error; `by` names the program."""

    by: str
    text: str

    def line(self) -> str:
        """The line."""
        return f"{self.by}: {self.text}"

    def size(self) -> int:
        """Roughly how many bytes of memory the event holds."""
        return 256 + len(self.text)


@event("workers", channel="talk", coalesce=True)
class Workers(Event):
    """The state of an application's worker process, told when it changes.

    `state` is "loading", "ready", "broken" (it could not be loaded) or "ended"; `hung` counts the
    threads that were given up and have not come back, `replaced` the processes that were ended
    for it or have ended by themselves.
    """

    state: str
    pid: int
    threads: int
    hung: int
    replaced: int

    def line(self) -> str:
        """The state, with what is out of the ordinary."""
        hung = f", {self.hung} of {self.threads} threads hung" if self.hung else ""
        return f"the application is {self.state} (process {self.pid}{hung})"
