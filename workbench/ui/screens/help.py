"""Help for a pane: what it is for, and every key that works in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.binding import Binding
from textual.content import Content
from textual.dom import DOMNode

from workbench import catalogue
from workbench.ui.screens.dialog import Reader
from workbench.ui.widgets.keybar import key_name

if TYPE_CHECKING:
    from workbench.ui.panes.base import Pane

REMAP = """
The names at the right are for the settings file, to give an action other keys:
  [keys]
  "app.quit" = "f12,f10"
"""


class HelpScreen(Reader):
    """A pane's text, its keys, and the keys that work everywhere."""

    def __init__(self, pane: Pane, keys: Mapping[str, str]) -> None:
        title = next(one.title for one in catalogue.TABS if f"pane-{one.name}" == pane.id)
        own: list[DOMNode] = [pane, *pane.query("*")]
        super().__init__(
            title,
            Content.assemble(
                flowed(pane.help_text),
                ("\n\nKeys here\n", "bold"),
                "\n".join(_lines(own, keys)),
                ("\n\nKeys everywhere\n", "bold"),
                "\n".join(_lines([pane.app], keys)),
                "\n1 to 7        the tabs; alt with them while typing",
                "\ntab           the next field, shift+tab the one before\n",
                flowed(REMAP),
            ),
        )


def flowed(text: str) -> str:
    """Text with the lines of each paragraph joined, for a width that is not known; what is
    indented stays as it is."""
    out: list[str] = []
    for line in text.strip().splitlines():
        if out and out[-1] and line and not line.startswith(" ") and not out[-1].startswith(" "):
            out[-1] += " " + line
        else:
            out.append(line)
    return "\n".join(out)


def _lines(nodes: Sequence[DOMNode], keys: Mapping[str, str]) -> Iterator[str]:
    """A line for each binding that has a name, but for the tabs' seven, which share one."""
    seen: set[str] = set()
    for node in nodes:
        for binding in _bindings(type(node)):
            if not binding.id or binding.id in seen or binding.id.startswith("app.tab"):
                continue
            seen.add(binding.id)
            key = keys.get(binding.id) or key_name(binding)
            yield f"{key:<13} {binding.description:<24} {binding.id}"


def _bindings(kind: type[DOMNode]) -> Iterator[Binding]:
    for cls in kind.__mro__:
        for one in vars(cls).get("BINDINGS", ()):
            if isinstance(one, Binding):
                yield one
