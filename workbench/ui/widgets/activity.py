"""The activity bar: what is running, how far it is, and how to end it."""

from __future__ import annotations

from textual.widgets import Static

from workbench.core.events import Progress
from workbench.core.units import amount, duration

BAR = 12


class ActivityBar(Static):
    """One line while something runs, and none at other times."""

    DEFAULT_CSS = """
    ActivityBar { height: 1; background: $surface; color: $foreground; display: none; }
    """

    def __init__(self) -> None:
        super().__init__("", id="activity", markup=False)
        self._text = ""

    def show(self, names: list[str], progress: Progress | None) -> None:
        """Name what runs; the newest comes first and its progress with it."""
        text = ""
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            text = f"{names[-1]}{more}{_progress(progress)}"
            room = max(10, self.app.size.width - 14)
            text = f"{text[:room]:<{room}} esc cancels"
        if text != self._text:
            self._text = text
            self.display = bool(text)
            self.update(text)


def _progress(progress: Progress | None) -> str:
    if progress is None:
        return ""
    if not progress.total:
        return f"  {amount(progress.done, progress.unit)}  {amount(progress.rate, progress.unit)}/s"
    share = min(1.0, progress.done / progress.total)
    full = round(share * BAR)
    left = f"  {duration(progress.left)} left" if progress.left is not None else ""
    rate = f"  {amount(progress.rate, progress.unit)}/s" if progress.rate else ""
    return f"  {'#' * full}{'-' * (BAR - full)} {share:.0%}{rate}{left}"
