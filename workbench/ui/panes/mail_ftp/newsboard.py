"""The board of `nntp`: groups, the threads of one, an article, and the dialogue behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import Static

from workbench.core.events import Done
from workbench.core.feed import Batch
from workbench.core.message import Event, encode
from workbench.core.text import safe
from workbench.mail_ftp.dialogue import Spoken
from workbench.mail_ftp.nntp.answer import answer_to, new_article
from workbench.mail_ftp.nntp.article import in_words, words
from workbench.mail_ftp.nntp.job import (
    ArticleRead,
    GroupChosen,
    Headline,
    ListGroups,
    NewsGroup,
    OpenGroup,
    PostArticle,
    Posted,
    ReadArticle,
    Refused,
)
from workbench.ui.panes.mail_ftp.sessionboard import SessionBoard
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Cell, Column, Table
from workbench.ui.widgets.tones import Tone

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

WIDE = 110
"""Columns from which on all three stand side by side."""
NEWEST = 500
"""Articles of a group that are asked for."""
GROUPS = (
    Column("name", "group", width=14, flex=3),
    Column("count", "count", width=6, align="right"),
    Column("description", "about", width=10, flex=4, priority=1),
)
THREADS = (
    Column("number", "no", width=6, align="right", priority=2),
    Column("subject", "subject", width=20, flex=5),
    Column("sender", "from", width=14, flex=2, most=30),
    Column("lines", "lines", width=5, align="right", priority=1),
)
View = Literal["groups", "threads", "article", "dialogue"]


class NewsBoard(SessionBoard):
    """Side by side where there is room, else one at a time; backspace goes back."""

    DEFAULT_CSS = """
    NewsBoard #news-groups { width: 2fr; height: 1fr; }
    NewsBoard .reading { width: 5fr; height: 1fr; }
    NewsBoard #news-threads { height: 2fr; }
    NewsBoard #news-article { height: 3fr; border-top: solid $panel; }
    NewsBoard #nntp-talk { height: 3fr; display: none; border-top: solid $panel; }
    NewsBoard.dialogue #nntp-talk { display: block; }
    NewsBoard.dialogue #news-article { display: none; }
    NewsBoard.narrow #news-groups, NewsBoard.narrow .reading { width: 1fr; display: none; }
    NewsBoard.narrow #news-threads, NewsBoard.narrow #news-article,
    NewsBoard.narrow #nntp-talk { display: none; height: 1fr; border-top: none; }
    NewsBoard.narrow.groups #news-groups, NewsBoard.narrow.threads .reading,
    NewsBoard.narrow.article .reading, NewsBoard.narrow.dialogue .reading { display: block; }
    NewsBoard.narrow.threads #news-threads, NewsBoard.narrow.article #news-article,
    NewsBoard.narrow.dialogue #nntp-talk { display: block; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "back", "back", id="news.back"),
        Binding("slash", "filter", "filter", id="news.filter"),
        Binding("f", "wildmat", "wildmat", show=False, id="news.wildmat"),
        Binding("right_square_bracket", "step(1)", "next", key_display="]", id="news.next"),
        Binding("left_square_bracket", "step(-1)", "previous", show=False, id="news.previous"),
        Binding("w", "write", "post", id="news.post"),
        Binding("a", "answer", "answer", id="news.answer"),
        Binding("d", "dialogue", "dialogue", show=False, id="news.dialogue"),
        Binding("r", "reload", "look again", show=False, id="news.reload"),
        Binding("k", "tls", "TLS", show=False, id="news.tls"),
        Binding("s", "send_to", "send to", show=False, id="news.send"),
        Binding("y", "copy", "copy", show=False, id="news.copy"),
        Binding("e", "export", "export", show=False, id="news.export"),
    ]

    protocol = "nntp"

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.groups: dict[str, NewsGroup] = {}
        self.headlines: dict[int, Headline] = {}
        self.article: ArticleRead | None = None
        self.opened: GroupChosen | None = None
        self.view: View = "groups"
        self._read: set[str] = set()
        self._answered = ""
        self._changed: set[str] = set()

    def compose_body(self) -> ComposeResult:
        """The groups, and beside them the threads over the article."""
        yield FilterLine()
        with Horizontal():
            yield Table(GROUPS, cell=_group_cell, empty="No groups yet.", id="news-groups")
            with Vertical(classes="reading"):
                yield Table(
                    THREADS,
                    cell=self._thread_cell,
                    empty="enter on a group shows its threads.",
                    id="news-threads",
                )
                yield Ring(empty="enter on a thread shows the article.", id="news-article")
                yield Ring(empty="Nothing was said yet.", id="nntp-talk")

    # -- what is where -------------------------------------------------------------------------

    @property
    def table(self) -> Table:
        """The groups."""
        return self.query_one("#news-groups", Table)

    @property
    def message_data(self) -> bytes:
        """The article that is open."""
        return self.article.data if self.article is not None else b""

    @property
    def threads(self) -> Table:
        """The threads of the group that is open."""
        return self.query_one("#news-threads", Table)

    @property
    def focusable_view(self) -> Widget:
        """What is looked at."""
        return self.dialogue if self.view == "dialogue" else self.query_one(f"#news-{self.view}")

    def on_mount(self) -> None:
        """The groups come first."""
        self.show("groups", focus=False)

    def on_resize(self) -> None:
        """Side by side where there is room."""
        self.set_class(self.size.width < WIDE, "narrow")

    def show(self, view: View, *, focus: bool = True) -> None:
        """Look at one of them."""
        self.view = view
        for one in ("groups", "threads", "article", "dialogue"):
            self.set_class(one == view, one)
        if focus:
            self.focusable_view.focus()

    def clear(self) -> None:
        """Nothing is known of the new run."""
        super().clear()
        self.groups, self.headlines = {}, {}
        self.article = self.opened = None
        self._answered = ""
        for table in (self.table, self.threads):
            table.set_rows([])
        self.show("groups", focus=False)

    # -- what is told --------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Bring it up to date."""
        for event in [*batch.events, *([batch.ended] if batch.ended is not None else [])]:
            match event:
                case NewsGroup():
                    self.groups[event.name] = event
                    self._changed.add("groups")
                case GroupChosen():
                    self.opened, self.headlines = event, {}
                    self._changed.add("threads")
                    if self.view == "groups":
                        self.show("threads", focus=self.table.has_focus)
                case Headline():
                    self.headlines[event.number] = event
                    self._changed.add("threads")
                case ArticleRead():
                    self._show_article(event)
                case Posted():
                    self.notify("posted")
                    self._reopen()
                case Refused():
                    self.notify(safe(event.text), severity="error")
            if isinstance(event, NewsGroup | Headline | ArticleRead):
                self.keep(event)
            else:
                self.say(event, _tone(event))

    def _show_article(self, event: ArticleRead) -> None:
        self.article = event
        self._read.add(event.id)
        self._changed.add("threads")
        ring = self.query_one("#news-article", Ring)
        ring.clear()
        lines = in_words(event.data).split("\n")
        body = False
        shown = []
        for line in lines:
            body |= not line
            quoted: Tone = "dim" if line.startswith(">") else ""
            shown.append(Line(line, quoted if body else "out"))
        ring.append(shown)
        ring.action_jump(0)
        if self.view in ("threads", "article"):
            self.show("article", focus=self.threads.has_focus)

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        super().pulse()
        if "groups" in self._changed:
            self.table.set_rows(list(self.groups.items()))
        if "threads" in self._changed:
            self.threads.set_rows(list(self.headlines.items()))
        self._changed.clear()
        self.query_one(".head", Static).update(safe(self._head()))

    def _head(self) -> str:
        if self.run is None:
            return "nntp"
        ended = self.run.ended
        if ended is not None and not isinstance(ended, Done):
            return f"nntp   {ended.line()}"
        where = f"nntp {self.run.request.target()}"
        if self.opened is not None and self.view != "groups":
            where += f"   {self.opened.name}: {len(self.headlines):,} of {self.opened.count:,}"
        else:
            where += f"   {len(self.groups):,} groups"
        return f"{where}{'   ended' if ended is not None else ''}"

    def _thread_cell(self, row: Headline, column: str, width: int) -> Cell:
        match column:
            case "number":
                return str(row.number)
            case "subject":
                indent = "  " * min(row.depth, 12) + ("\u2514 " if row.depth else "")
                text = indent + words(row.subject)
                return (text, "dim") if row.id in self._read else text
            case "sender":
                return words(row.sender.partition("<")[0].strip() or row.sender)
            case _:
                return f"{row.lines:,}" if row.lines else ""

    # -- keys ----------------------------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter on a group or a thread."""
        event.stop()
        if event.table.id == "news-groups":
            self.show("threads")
            self.tell(OpenGroup(event.row.name, NEWEST))
        else:
            self.tell(ReadArticle(str(event.row.number)))

    def action_back(self) -> None:
        """From the article to the threads, from these to the groups."""
        self.show("groups" if self.view == "threads" else "threads")
        if self.view == "groups" and not self.groups:
            self._ask_groups()

    def action_step(self, step: int) -> None:
        """Read the next article of the list, or the one before."""
        self.threads.action_cursor(step)
        key = self.threads.cursor_key
        if key is not None:
            self.tell(ReadArticle(str(key)))

    def action_dialogue(self) -> None:
        """What was said, line by line; again goes back."""
        if self.view == "dialogue":
            self.show("article" if self.article else "threads" if self.opened else "groups")
        else:
            self.show("dialogue")

    def _reopen(self) -> None:
        if self.opened is not None:
            self.tell(OpenGroup(self.opened.name, NEWEST))

    def action_reload(self) -> None:
        """Ask for the list again."""
        if self.view == "groups":
            self._ask_groups()
        else:
            self._reopen()

    def _ask_groups(self, wanted: str = "") -> None:
        self.groups = {}
        self._changed.add("groups")
        self.tell(ListGroups(wanted))

    def action_wildmat(self) -> None:
        """Ask the server for some groups alone."""
        from workbench.ui.screens.dialog import Ask

        def asked(text: str | None) -> None:
            if text is not None:
                self.show("groups")
                self._ask_groups(text.strip())

        hint = "* any letters, ? one, ! not; the last that fits counts   enter asks"
        self.app.push_screen(Ask("Which groups? As comp.*,!comp.os.*", "*", hint), asked)

    def action_filter(self) -> None:
        """Filter what is looked at."""
        self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        view = self.focusable_view
        if isinstance(view, Table | Ring):
            view.filter_text = event.text

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to what is filtered."""
        event.stop()
        self.focusable_view.focus()

    # -- writing -------------------------------------------------------------------------------

    def action_write(self) -> None:
        """A new article."""
        key = self.table.cursor_key
        group = self.opened.name if self.opened is not None else str(key or "")
        self._draft(*new_article(group, self._from()))

    def action_answer(self) -> None:
        """An answer to the article that is shown."""
        if self.article is None:
            self.notify("open an article first")
        else:
            self._draft(*answer_to(self.article.data, self._from()))

    def _from(self) -> str:
        """The sender of the last article that was written here."""
        line = self._answered.partition("\n")[0]
        return line.removeprefix("From: ") if line.startswith("From: ") else ""

    def _draft(self, text: str, line: int) -> None:
        from workbench.ui.screens.draft import Draft

        def written(answer: str | None) -> None:
            if answer is not None:
                self._answered = answer
                data = answer.replace("\n", "\r\n").encode("utf-8", "replace")
                self.tell(PostArticle(data))

        self.app.push_screen(Draft("Head, empty line, text", text, "posts", line), written)

    # -- leaving -------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """Copy the article, the selected lines, or the selected group or thread."""
        view = self.focusable_view
        if isinstance(view, Ring):
            text = view.selected_text()
        else:
            key = cast(Table, view).cursor_key
            row: Any = self.groups.get(str(key)) or self.headlines.get(cast("int", key))
            text = row.name if isinstance(row, NewsGroup) else row.id if row is not None else ""
        self.app.copy_to_clipboard(text)
        self.notify("copied")

    def action_export(self) -> None:
        """Save the article as it came, or all lists and the dialogue as JSON lines."""
        from workbench.ui.export import ask_and_write

        events, article = list(self.told), self.article
        formats = {".jsonl": lambda: [encode(event) for event in events]}
        if article is not None:
            data = article.data.replace(b"\r\n", b"\n").removesuffix(b"\n")
            formats = {".eml": lambda: [data], **formats}
        name = "article.eml" if article is not None else "news.jsonl"
        ask_and_write(cast("WorkbenchApp", self.app), name, formats)


def _tone(event: Event) -> Tone:
    if isinstance(event, Spoken):
        if event.side == "client":
            return "out"
        return "bad" if event.text[:1] in ("4", "5") else "in"
    return "bad" if event.type in ("failed", "refused") else ""


def _group_cell(row: NewsGroup, column: str, width: int) -> Cell:
    match column:
        case "name":
            return safe(row.name)
        case "count":
            return f"{row.count:,}"
        case _:
            return safe(row.description)
