"""Parts of a message saved to a folder that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.widget import Widget

from workbench.core.failure import JobError
from workbench.core.text import safe
from workbench.mail_ftp.message.tree import Message, Part
from workbench.mail_ftp.saving import Saving


def ask_and_save(asker: Widget, found: Message, parts: Sequence[Part], what: str = "") -> None:
    """Ask for a folder, and save the parts there, decoded; `what` they are, in the question."""
    from workbench.ui.screens.dialog import Ask

    if not parts:
        asker.notify("this message has no attachments")
        return

    def answered(folder: str | None) -> None:
        if not folder:
            return
        saved = []
        try:
            for part in parts:
                name = part.filename or f"part-{part.number or 'message'}"
                with Saving(Path(folder).expanduser(), name) as file:
                    file.write(found.content(part)[0])
                    file.keep()
                saved.append(file.path.name)
        except (JobError, OSError) as problem:
            asker.notify(safe(str(problem)), severity="error")
        if saved:
            asker.notify(safe(f"saved {', '.join(saved)}"))

    what = what or f"{len(parts)} attachment{'s'[: len(parts) > 1]}"
    hint = "enter saves, esc does not; nothing is replaced"
    asker.app.push_screen(Ask(f"Save {safe(what)} in which folder?", ".", hint), answered)
