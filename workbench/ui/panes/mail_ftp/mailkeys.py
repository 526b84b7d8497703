"""Questions that the boards of the mail protocols ask."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget


def ask(widget: Widget, title: str, value: str, hint: str, then: Callable[[str], object]) -> None:
    """Ask for a line; nothing happens where it is left empty."""
    from workbench.ui.screens.dialog import Ask

    def answered(text: str | None) -> None:
        if text:
            then(text)

    widget.app.push_screen(Ask(title, value, f"{hint}   enter takes it   esc closes"), answered)


def confirm(widget: Widget, question: str, detail: str, then: Callable[[], object]) -> None:
    """Ask whether to delete."""
    from workbench.ui.screens.dialog import Confirm

    def answered(yes: bool | None) -> None:
        if yes:
            then()

    widget.app.push_screen(Confirm(question, detail, "deletes", "keeps"), answered)
