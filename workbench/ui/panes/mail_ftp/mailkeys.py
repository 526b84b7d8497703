"""What the boards of the mail protocols share: questions, the TLS verdict, copies and exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from workbench.core.endpoint import Endpoint
from workbench.core.message import Event, encode

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


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


def show_tls(widget: Widget, end: Endpoint, protocol: str) -> None:
    """What the server's TLS is worth, on the TLS tab."""
    starttls = "" if end.tls else f" --starttls {protocol}"
    app = cast("WorkbenchApp", widget.app)
    widget.run_worker(app.take("tls", f"tls {end.authority}{starttls}", run=True))


def send_to(widget: Widget, end: Endpoint) -> None:
    """Send the server elsewhere."""
    from workbench.ui.sendto import offer

    offer(cast("WorkbenchApp", widget.app), end.without_password())


def export(widget: Widget, name: str, events: list[Event]) -> None:
    """Save what came as JSON lines, or as it reads."""
    from workbench.ui.export import ask_and_write

    formats = {
        ".jsonl": lambda: [encode(event) for event in events],
        ".txt": lambda: [f"{event.line()}\n".encode() for event in events if event.line()],
    }
    ask_and_write(cast("WorkbenchApp", widget.app), f"{name}.jsonl", formats)
