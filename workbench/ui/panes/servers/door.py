"""The door of a running server: whom it lets in, changed without dropping anybody."""

from __future__ import annotations

import ipaddress

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from workbench.servers.events import Admit, State
from workbench.ui.screens.dialog import Dialog


class DoorDialog(Dialog[Admit]):
    """Four lines: networks to allow and to deny, and two limits. Enter on any sets them all."""

    DEFAULT_CSS = """
    DoorDialog .row { height: 1; width: 60; }
    DoorDialog .row Label { width: 18; color: $text-accent; }
    DoorDialog .row Input { width: 1fr; }
    DoorDialog .wrong { color: $text-error; width: 60; height: auto; display: none; }
    """

    def __init__(self, title: str, door: State) -> None:
        super().__init__()
        self._title = title
        self._door = door

    def compose(self) -> ComposeResult:
        """The rules as they are now, to be edited."""
        door = self._door
        rows = (
            ("allow", "only these", " ".join(door.allow)),
            ("deny", "never these", " ".join(door.deny)),
            ("connections", "connections", str(door.max_connections or "")),
            ("address", "of one address", str(door.max_per_address or "")),
        )
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            for name, label, value in rows:
                with Horizontal(classes="row"):
                    yield Label(label, markup=False)
                    line = Input(value, id=name, compact=True, select_on_focus=False)
                    line.cursor_blink = False
                    yield line
            yield Static("", classes="wrong", markup=False)
            refused = f"{door.refused:,} were turned away.   " if door.refused else ""
            yield Static(
                "Networks (192.0.2.0/24) or addresses, with spaces between;\n"
                "an empty line is no rule. Who is connected stays.",
                classes="keys",
                markup=False,
            )
            yield Static(f"{refused}enter sets it   tab next   esc closes", classes="keys")

    def on_input_submitted(self) -> None:
        """Set all of them, or say which is wrong."""
        try:
            rules = Admit(
                _count(self._value("connections")),
                _count(self._value("address")),
                _networks(self._value("allow")),
                _networks(self._value("deny")),
            )
        except ValueError as problem:
            wrong = self.query_one(".wrong", Static)
            wrong.update(f"! {problem}")
            wrong.display = True
            return
        self.dismiss(rules)

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value


def _networks(text: str) -> tuple[str, ...]:
    found = text.replace(",", " ").split()
    for word in found:
        try:
            ipaddress.ip_network(word, strict=False)
        except ValueError:
            raise ValueError(f"{word} is neither an address nor a network") from None
    return tuple(found)


def _count(text: str) -> int:
    clean = text.strip() or "0"
    if not (clean.isascii() and clean.isdecimal()) or len(clean) > 9:
        raise ValueError(f"{clean} is no number of connections; empty is no limit")
    return int(clean)
