"""The frame of everything that opens over the panes."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A box in the middle of the screen; escape closes it without an answer."""

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog > Vertical {
        width: auto; min-width: 40; max-width: 90%; height: auto; max-height: 90%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    Dialog .title { text-style: bold; color: $text-accent; width: auto; }
    Dialog .keys { color: $text-muted; width: auto; }
    Dialog Input { border: none; height: 1; padding: 0 1; background: $boost; width: 60; }
    Dialog OptionList { border: none; height: auto; max-height: 70vh; background: $surface;
        padding: 0; width: 60; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "close")]


class Confirm(Dialog[bool]):
    """A question that is answered with y or n."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter,ctrl+c,f10", "answer(True)", "yes"),
        Binding("n,escape", "answer(False)", "no"),
    ]

    def __init__(self, question: str, detail: str, yes: str, no: str) -> None:
        super().__init__()
        self._texts = (question, detail, f"y {yes}   n {no}")

    def compose(self) -> ComposeResult:
        """The question, what it is about, the two keys."""
        question, detail, keys = self._texts
        with Vertical():
            yield Static(question, classes="title", markup=False)
            yield Static(detail, markup=False)
            yield Static(keys, classes="keys", markup=False)

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class Choose(Dialog[str]):
    """A short list to choose from with the arrows and enter."""

    def __init__(self, title: str, choices: list[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._choices = choices

    def compose(self) -> ComposeResult:
        """The title and the choices."""
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            # Content made from plain text: what is shown may come off the wire.
            yield OptionList(*(Option(Content(text), id=key) for key, text in self._choices))
            yield Static("enter chooses   esc closes", classes="keys", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with the choice."""
        self.dismiss(event.option.id)


class Ask(Dialog[str]):
    """One line to fill in."""

    def __init__(self, title: str, value: str, hint: str) -> None:
        super().__init__()
        self._title = title
        self._value = value
        self._hint = hint

    def compose(self) -> ComposeResult:
        """The title, the line, a hint."""
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            line = Input(self._value, select_on_focus=False, compact=True)
            line.cursor_blink = False
            yield line
            yield Static(self._hint, classes="keys", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Close with the text."""
        self.dismiss(event.value)


class Reader(Dialog[None]):
    """A text to read, longer than the screen perhaps."""

    DEFAULT_CSS = """
    Reader > Vertical { width: 100%; max-width: 100; max-height: 100%; }
    Reader VerticalScroll { height: auto; max-height: 75vh; scrollbar-size-vertical: 1; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "copy")]

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """The title, the text, the keys."""
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            with VerticalScroll():
                yield Static(self._text)
            yield Static("y copies   esc closes", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Arrows scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_copy(self) -> None:
        """Copy the whole text."""
        self.app.copy_to_clipboard(self._text.plain)
        self.notify("copied")
