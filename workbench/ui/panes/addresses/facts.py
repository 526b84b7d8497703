"""All about one address, drawn as it is typed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from workbench.addresses.describe import Described, MacDescribed
from workbench.addresses.host_name import HostName, describe_name
from workbench.addresses.reading import Reading
from workbench.addresses.words import LABEL, mac_rows, marked_bits, rows
from workbench.core.text import safe

EMPTY = """\
Type an address, a block, a range, a MAC address, a name or a URL on the line above.

  192.168.1.77/24          2001:db8::1/64         10.0.0.5 255.255.255.192
  10.0.0.1-10.0.0.20       3232235777             0x7f000001     127.1
  fe80::1%eth0             ::ffff:10.0.0.1        00:00:5e:00:53:01
  1.2.0.192.in-addr.arpa   https://example.org/   192.0.2.10 0.0.0.255

It is read as you type. Enter looks a name up; f1 tells what else this tab can do.
"""


Fact = Described | MacDescribed | HostName


class Facts(VerticalScroll, can_focus=True):
    """Labels and values; the bits of network and host told apart by colour and by a mark."""

    DEFAULT_CSS = """
    Facts { height: 1fr; padding: 0 1; }
    Facts Static { width: 1fr; }
    Facts:focus { background: $boost 30%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.plain = ""
        """What stands there, for copying."""

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(EMPTY, markup=False)

    def show(self, found: Iterable[Fact]) -> None:
        """Draw what was found; several one below the other."""
        whole = Text()
        for one in found:
            if whole:
                whole.append("\n")
            whole.append_text(_text(one))
        self._put(whole)

    def hint(self, reading: Reading) -> None:
        """Say what is missing, while it is typed."""
        if reading.kind == "nothing":
            self._put(Text(EMPTY))
            return
        if reading.host:
            text = _rows(describe_name(reading.host).rows())
            text.append("\nenter looks it up", style="dim")
            self._put(text)
            return
        mark = "…" if reading.kind == "unfinished" else "?"
        self._put(Text(f"{mark} {safe(reading.why)}", style="" if mark == "…" else "bold"))

    def _put(self, text: Text) -> None:
        if text.plain != self.plain:
            self.plain = text.plain
            self.query_one(Static).update(text)
            self.scroll_home(animate=False)


def _text(one: Fact) -> Text:
    match one:
        case Described():
            return _described(one)
        case MacDescribed():
            return _mac(one)
        case _:
            return _rows(one.rows())


def _described(one: Described) -> Text:
    """The rows, with the bits of network and host in colours of their own."""
    network, host = marked_bits(one)
    text = Text()
    place = left = 0
    for label, value in rows(one):
        _label(text, label)
        if label == "bits":
            left = 1 if one.family == 4 else 4
        if left:
            left -= 1
            start, ends = len(text), len(network) - place if host else len(value)
            text.append(value)
            inside = max(0, min(len(value), ends))
            text.stylize("bold cyan", start, start + inside)
            text.stylize("yellow", start + inside, start + len(value))
            place += len(value)
        else:
            text.append(safe(value), style=_tone(label, value))
        text.append("\n")
    return text


def _mac(one: MacDescribed) -> Text:
    return _rows(mac_rows(one))


def _rows(found: Iterable[tuple[str, str]]) -> Text:
    """Labels and values without bits among them."""
    text = Text()
    for label, value in found:
        _label(text, label)
        text.append(safe(value), style=_tone(label, value))
        text.append("\n")
    return text


def _label(text: Text, label: str) -> None:
    style = "bold yellow" if label.startswith("!") else "dim"
    text.append(f"{label:<{LABEL}}", style=style)


def _tone(label: str, value: str) -> str:
    if value.startswith("!") or label.startswith("!"):
        return "yellow"
    return "bold" if label in ("read as", "block", "kind") else ""
