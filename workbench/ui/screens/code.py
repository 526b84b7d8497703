"""A request as code: the Python that does it, and the shell command that does it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from workbench.core.job import Request
from workbench.core.text import safe
from workbench.ui.screens.dialog import Reader


class CodeScreen(Reader):
    """Shell first, since it is one line; each can be copied by itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_python", "copy python"),
        Binding("c", "copy_shell", "copy shell"),
    ]

    def __init__(self, request: Request) -> None:
        self._shell = request.as_shell()
        self._python = request.as_python()
        super().__init__(
            f"{request.tried()}: as code (y copies the Python, c the shell command)",
            Content.assemble(
                ("shell\n", "bold"),
                safe(self._shell, keep_newlines=True) + "\n\n",
                ("python\n", "bold"),
                safe(self._python, keep_newlines=True),
            ),
        )

    def action_copy_python(self) -> None:
        """Copy the script."""
        self.app.copy_to_clipboard(self._python)
        self.notify("Python copied")

    def action_copy_shell(self) -> None:
        """Copy the command."""
        self.app.copy_to_clipboard(self._shell)
        self.notify("shell command copied")
