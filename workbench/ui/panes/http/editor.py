"""The editor of a request: method and URL, query, fields, body; for a file or to send at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Select, Static, TextArea

from workbench.core.failure import JobError
from workbench.http.collections.composing import (
    KINDS,
    WORDS,
    Composed,
    Kind,
    headers_for,
    to_wanted,
)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
KEYS = "f2 sends   f3 saves   tab goes on   esc leaves it"


@dataclass(frozen=True, slots=True)
class Edited:
    """What the editor was left with, and by which key."""

    what: Literal["send", "save"]
    made: Composed


class RequestEditor(ModalScreen[Edited | None]):
    """A request in fields; escape leaves it, after a question where something was changed."""

    DEFAULT_CSS = """
    RequestEditor { background: $background; }
    RequestEditor > Vertical { padding: 0 1; }
    RequestEditor .title { text-style: bold; color: $text-accent; height: 1; }
    RequestEditor .row { height: 1; }
    RequestEditor .keys { height: 1; color: $text-muted; }
    RequestEditor .problem { height: auto; color: $text-error; }
    RequestEditor Label { width: 9; color: $text-accent; }
    RequestEditor .about { width: 1fr; color: $text-muted; }
    RequestEditor Input { border: none; height: 1; padding: 0 1; background: $boost; }
    RequestEditor Input:focus { border: none; background: $primary 30%; }
    RequestEditor #method { width: 11; }
    RequestEditor #url { width: 1fr; }
    RequestEditor Select { width: 20; height: 1; }
    RequestEditor TextArea { border: none; padding: 0 1; background: $boost; }
    RequestEditor TextArea:focus { border: none; background: $primary 20%; }
    RequestEditor #query { height: 1fr; min-height: 2; max-height: 6; }
    RequestEditor #headers { height: 2fr; min-height: 3; max-height: 10; }
    RequestEditor #body { height: 4fr; min-height: 3; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "finish('send')", "send", priority=True),
        Binding("f3", "finish('save')", "save", priority=True),
        Binding("escape", "leave", "leave", priority=True),
    ]

    def __init__(self, title: str, made: Composed) -> None:
        super().__init__()
        self._title = title
        self._made = made
        self._asked = False

    def compose(self) -> ComposeResult:
        """The fields, from top to bottom."""
        made = self._made
        with Vertical():
            yield Static(self._title, classes="title", markup=False)
            with Horizontal(classes="row"):
                method = Input(made.method, id="method", compact=True, select_on_focus=True)
                url = Input(made.url, id="url", compact=True, select_on_focus=False)
                for one in (method, url):
                    one.cursor_blink = False
                    yield one
            yield from _field("query", "NAME=VALUE on each line", made.query)
            yield from _field("headers", "NAME: VALUE on each line", made.headers)
            with Horizontal(classes="row"):
                yield Label("body", markup=False)
                yield Select(
                    [(kind, kind) for kind in KINDS], value=made.kind, allow_blank=False,
                    id="kind", compact=True,
                )  # fmt: skip
                yield Static("  " + WORDS[made.kind], classes="about", id="about", markup=False)
            yield _area("body", made.body)
            yield Static("", classes="problem", markup=False)
            yield Static(KEYS, classes="keys", markup=False)

    def on_mount(self) -> None:
        """Begin at the URL."""
        self.query_one("#url", Input).focus()

    @property
    def made(self) -> Composed:
        """What stands in the fields."""
        kind: Kind = self.query_one("#kind", Select).value  # type: ignore[assignment]
        texts = {name: self.query_one(f"#{name}", TextArea).text for name in _AREAS}
        return Composed(
            self.query_one("#method", Input).value.strip(),
            self.query_one("#url", Input).value.strip(),
            texts["query"], texts["headers"], kind, texts["body"], self._made.version,
        )  # fmt: skip

    def on_select_changed(self, event: Select.Changed) -> None:
        """Say what is typed for that kind of body, whose media type comes by itself."""
        for kind in KINDS:
            if kind == event.value:
                self.query_one("#about", Static).update("  " + WORDS[kind])
                fields = self.query_one("#headers", TextArea)
                fitting = headers_for(fields.text, kind)
                if fitting != fields.text.rstrip("\n"):
                    fields.text = fitting

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Who types a body wants one."""
        kind = self.query_one("#kind", Select)
        text = event.text_area.text
        if event.text_area.id == "body" and text.strip() and kind.value == "none":
            kind.value = "json" if text.lstrip()[:1] in ("{", "[") else "text"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter sends: what an expert wants after the URL."""
        event.stop()
        self.action_finish("send")

    def action_finish(self, what: Literal["send", "save"]) -> None:
        """Close with what stands in the fields, if it is a request."""
        made = self.made
        try:
            to_wanted(made)
        except JobError as problem:
            advice = f"; {problem.advice}" if problem.advice else ""
            self._say(f"! {problem.cause}{advice}")
            return
        self.dismiss(Edited(what, made))

    def action_leave(self) -> None:
        """Close without it; once more where something was changed."""
        if self.made != self._made and not self._asked:
            self._asked = True
            self._say("! what was changed is not saved: esc once more leaves it, f3 saves")
            return
        self.dismiss(None)

    def _say(self, text: str) -> None:
        self.query_one(".problem", Static).update(text)


_AREAS = ("query", "headers", "body")


def _field(name: str, about: str, text: str) -> ComposeResult:
    with Horizontal(classes="row"):
        yield Label(name, markup=False)
        yield Static(about, classes="about", markup=False)
    yield _area(name, text)


def _area(name: str, text: str) -> TextArea:
    area = TextArea(
        text,
        id=name,
        compact=True,
        soft_wrap=False,
        tab_behavior="focus",
        highlight_cursor_line=False,
    )
    area.cursor_blink = False
    return area
