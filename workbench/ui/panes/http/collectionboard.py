"""The board of `http run`: a collection as a tree, results beside, requests edited and saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from workbench.core.events import Done, Failed
from workbench.core.failure import JobError, explain
from workbench.core.feed import Batch
from workbench.core.message import encode
from workbench.core.runner import Run
from workbench.core.text import safe
from workbench.http.collections.composing import Composed, from_wanted, to_wanted
from workbench.http.collections.document import Document
from workbench.http.collections.job import (
    HttpBegins,
    HttpCase,
    HttpKept,
    HttpRun,
    http_run,
    http_run_with_layers,
)
from workbench.ui.panes.boards import RunBoard
from workbench.ui.panes.http.collection import Collection, Row
from workbench.ui.panes.http.collectionrows import COLUMNS, cell, ended, result
from workbench.ui.panes.http.editor import Edited, RequestEditor
from workbench.ui.panes.http.exchange import Exchange
from workbench.ui.runs import Sink
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Line, Ring
from workbench.ui.widgets.table import Table
from workbench.ui.widgets.views import Views

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp

RESULT, SOURCE, ANSWER, BODY, HEADERS, WIRE, COOKIES = VIEWS = (
    "result", "source", "answer", "body", "headers", "wire", "cookies",
)  # fmt: skip
EMPTY = "Nothing is read yet."


class CollectionBoard(RunBoard):
    """Folders, files and requests above; the result and the layers of the selected one below."""

    DEFAULT_CSS = """
    CollectionBoard Table { height: 2fr; min-height: 4; }
    CollectionBoard Ring { height: 3fr; min-height: 3; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "send", "send", id="collection.send"),
        Binding("a", "all", "run all", id="collection.all"),
        Binding("m", "edit", "edit", id="collection.edit"),
        Binding("w", "new", "write new", show=False, id="collection.new"),
        Binding("g", "environment", "environment", id="collection.environment"),
        Binding("v", "view", "view", id="collection.view"),
        Binding("h", "hex", "hex", show=False, id="collection.hex"),
        Binding("slash", "filter", "find", id="collection.filter"),
        Binding("d", "delete", "delete", show=False, id="collection.delete"),
        Binding("s", "send_to", "send to", show=False, id="collection.send_to"),
        Binding("y", "copy", "copy", show=False, id="collection.copy"),
        Binding("e", "export", "export", id="collection.export"),
        Binding("k", "certificate", "certificate", show=False, id="collection.certificate"),
        Binding("left", "fold(True)", "fold", show=False),
        Binding("right", "fold(False)", "unfold", show=False),
    ]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.collection: Collection | None = None
        self._own = False
        self._left_out = 0
        self._of_tree = False
        self._going: Exchange | None = None
        self._last = ""
        self._view = RESULT
        self._hex = False
        self._version = 0
        self._drawn = -1
        self._layer: tuple[object, ...] = ()

    def compose_body(self) -> ComposeResult:
        """The tree, the views of the selected row."""
        yield Table(COLUMNS, cell=cell, empty=EMPTY, sorts=False, id="collection")
        yield Views(*VIEWS)
        yield FilterLine("type to find; enter keeps it, esc drops it")
        yield Ring(empty="")

    @property
    def workbench(self) -> WorkbenchApp:
        """The app, by its own type."""
        return cast("WorkbenchApp", self.app)

    @property
    def table(self) -> Table:
        """The tree."""
        return self.query_one("#collection", Table)

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        key = self.table.cursor_key
        if self.collection is None or key is None:
            return None
        return next((row for row in self.collection.rows() if row.key == key), None)

    # -- runs ----------------------------------------------------------------------------------

    def begin(self, start: Callable[[Sink], Run]) -> None:
        """A run: of another collection, or of a part of this one."""
        super().begin(start)
        assert self.run is not None
        request = cast(HttpRun, self.run.request)
        if not self._own:
            self.collection = Collection(request)
            self._last = self.collection.read()
        self._version += 1

    def clear(self) -> None:
        """What came of other requests stays."""
        self._going = None
        self._last = ""
        self._left_out = 0

    def _start(self, request: HttpRun) -> None:
        layered = replace(http_run, function=http_run_with_layers)
        self._own = True
        try:
            self.begin(partial(self.workbench.runs.start, layered, request))
        finally:
            self._own = False

    def take(self, batch: Batch) -> None:
        """Each request's layers, its result, and what is kept."""
        collection = self.collection
        if collection is None or self.run is None:
            return
        self._left_out += batch.dropped
        for event in batch.events:
            match event:
                case HttpBegins():
                    self._going = collection.begin((event.file, event.entry), self.run)
                case HttpCase():
                    collection.end(event)
                    if self._going is not None:
                        self._going.ended = ended(event)
                        self._going.version += 1
                    self._going = None
                case HttpKept():
                    collection.kept[event.name] = event.value
                case _ if self._going is not None:
                    self._going.add(event)
        if isinstance(batch.ended, Done | Failed):
            last = batch.ended
            self._last = last.cause if isinstance(last, Failed) else last.line()
            collection.going = None
        self._version += 1

    # -- drawing -------------------------------------------------------------------------------

    def pulse(self) -> None:
        """Draw what has changed since the last frame."""
        if self.collection is not None and self._version != self._drawn:
            self._drawn = self._version
            self.table.set_rows([(row.key, row) for row in self.collection.rows()])
            self.query_one(".head", Static).update(safe(self._head(), limit=400))
        self._draw_layer()

    def _head(self) -> str:
        assert self.collection is not None
        chosen = self.collection.request.env or "none"
        kept = f"   kept: {', '.join(self.collection.kept)}" if self.collection.kept else ""
        lost = f"   {self._left_out:,} events came too fast" if self._left_out else ""
        last = self._last or "r runs one, a all, m edits"
        return f"environment {chosen} (g)   {last}{lost}{kept}"

    def _draw_layer(self) -> None:
        row = self.selected
        one = self._exchange(row)
        drawn = (row, one.version if one else 0, self._view, self._hex)
        if drawn == self._layer:
            return
        self._layer = drawn
        ring = self.query_one(Ring)
        ring.clear()
        self.query_one(Views).show(self._view, "")
        if row is None:
            return
        ring.append(list(self._lines(row, one)))
        ring.action_jump(0)

    def _variables(self, row: Row) -> Iterator[Line]:
        """Where the values of `{{names}}` come from, those first that go before the others."""
        assert self.collection is not None
        for name in self.collection.kept:
            yield Line(safe(f"{name}: kept of a response"), "in")
        for text in self.collection.request.var:
            yield Line(safe(f"{text.replace('=', ' = ', 1)}   given by --var"))
        for name, value in self.collection.variables(row.path).items():
            yield Line(safe(f"{name} = {value}   in the file", limit=400))
        for name, value in self.collection.environment().items():
            yield Line(safe(f"{name} = {value}   in the environment", limit=400))

    def _exchange(self, row: Row | None) -> Exchange | None:
        if row is None or self.collection is None:
            return None
        return self.collection.exchanges.get((row.path, row.entry))

    def _lines(self, row: Row, one: Exchange | None) -> Iterator[Line]:
        if row.section is None:
            yield Line(f"{row.count} requests: {row.passed} passed, {row.failed} failed")
            yield Line("r runs them; enter folds them away or unfolds them", "dim")
            yield from self._variables(row)
        elif self._view == RESULT:
            yield from result(row)
        elif self._view == SOURCE:
            for text in row.section.text.splitlines():
                yield Line(safe(text), "dim" if text.lstrip()[:1] == "#" else "")
        elif one is None:
            gone = "Its layers are no longer kept" if row.case else "It has not run here yet"
            yield Line(f"{gone}: r runs it.", "dim")
        else:
            lines = {
                ANSWER: one.summary, HEADERS: one.headers, WIRE: one.wire, COOKIES: one.cookies,
            }.get(self._view, lambda: one.body_lines(as_hex=self._hex))  # fmt: skip
            yield from lines()

    # -- events of the widgets -----------------------------------------------------------------

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter: edit a request; fold a file or folder."""
        event.stop()
        row = self.selected
        if row is not None and row.kind == "request":
            self.action_edit()
        elif row is not None:
            self.action_fold(not row.folded)

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """A view was clicked."""
        event.stop()
        self._open(event.view)

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Mark what is found in the view, and go to it; of the tree show what fits."""
        event.stop()
        if self._of_tree:
            self.table.filter_text = event.text
            return
        ring = self.query_one(Ring)
        ring.search_text = event.text
        if event.text:
            ring.find(-1)

    def on_filter_line_left(self, event: FilterLine.Left) -> None:
        """Back to where it was opened."""
        event.stop()
        (self.table if self._of_tree else self.query_one(Ring)).focus()

    # -- keys ----------------------------------------------------------------------------------

    def _open(self, view: str) -> None:
        self._view = view
        self._draw_layer()

    def action_view(self) -> None:
        """The next view."""
        self._open(self.query_one(Views).next())

    def action_hex(self) -> None:
        """The body as hex, or as text."""
        self._hex = not self._hex
        self._open(BODY)

    def action_certificate(self) -> None:
        """Show the certificates that the server of the selected request sent."""
        from workbench.ui.panes.http.certificates import show_chain

        one = self._exchange(self.selected)
        if one is not None:
            show_chain(self.workbench, one)

    def action_filter(self) -> None:
        """Type what to look for: in the view where that has the focus, else in the tree."""
        self._of_tree = not self.query_one(Ring).has_focus
        self.query_one(FilterLine).open()

    def action_fold(self, fold: bool) -> None:
        """Fold a file or folder away, or unfold it; of a request its file."""
        row = self.selected
        if row is None or self.collection is None:
            return
        if fold:
            self.collection.folded.add(row.path)
            if row.kind == "request":
                self.table.select(("file", row.path, -1))
        else:
            self.collection.folded.discard(row.path)
        self._version += 1

    def action_send(self) -> None:
        """Run the selected request, file or folder."""
        row = self.selected
        if row is not None and self.collection is not None:
            self._start(self.collection.of(row))

    def action_all(self) -> None:
        """Run everything from the beginning."""
        if self.collection is not None:
            self.collection.kept.clear()
            self._start(self.collection.everything())

    def action_environment(self) -> None:
        """Choose the environment that the variables are taken from."""
        from workbench.ui.screens.dialog import Choose

        collection = self.collection
        if collection is None:
            return
        try:
            names = collection.names()
        except JobError as problem:
            self.notify(problem.cause, severity="error")
            return

        def chosen(name: str | None) -> None:
            if name is not None and name[:1] == "=":
                collection.request = replace(collection.request, env=name[1:])
                self._version += 1

        choices = [("=", "none"), *((f"={name}", safe(name, limit=60)) for name in names)]
        self.app.push_screen(Choose("Environment", choices), chosen)

    def action_edit(self) -> None:
        """Open the selected request in the editor."""
        row = self.selected
        if row is None or row.section is None or row.section.wanted is None:
            return
        made = from_wanted(row.section.wanted)

        def edited(found: Edited | None) -> None:
            if found is not None and self._save(row, found.made) and found.what == "send":
                self.action_send()

        self.app.push_screen(
            RequestEditor(safe(f"{row.name}   {row.path}   f2 saves and sends"), made), edited
        )

    def action_new(self) -> None:
        """Write a request at the end of the selected file."""
        row = self.selected
        if row is None or row.kind == "folder":
            return

        def edited(found: Edited | None) -> None:
            if found is None or self.collection is None:
                return
            if self._write(row.path, lambda file: file.with_new(to_wanted(found.made))):
                at = len(self.collection.sections(row.path)) - 1
                self.table.select(("request", row.path, at))
                if found.what == "send":
                    self.call_after_refresh(self.action_send)

        self.app.push_screen(RequestEditor(safe(f"new   {row.path}"), Composed()), edited)

    def action_delete(self) -> None:
        """Take the selected request out of its file."""
        from workbench.ui.screens.dialog import Confirm

        row = self.selected
        if row is None or row.kind != "request":
            return

        def answered(yes: bool | None) -> None:
            if yes and self.collection is not None:
                self._write(row.path, lambda file: file.without(row.entry))
                for known in (self.collection.cases, self.collection.exchanges):
                    for place in [one for one in known if one[0] == row.path]:
                        del known[place]
                self._version += 1

        question = Confirm("Delete this request?", safe(f"{row.name} in {row.path}"), "yes", "no")
        self.app.push_screen(question, answered)

    def _save(self, row: Row, made: Composed) -> bool:
        return self._write(row.path, lambda file: file.with_entry(row.entry, to_wanted(made)))

    def _write(self, path: str, change: Callable[[Document], Document]) -> bool:
        """Change the file as it is on the disk now; whether that could be done."""
        from workbench.http.collections.writing import change_file

        assert self.collection is not None
        try:
            change_file(Path(path), change)
        except (JobError, OSError) as problem:
            self.notify(safe(explain("save", problem).line()), severity="error")
            return False
        self._last = self.collection.read() or f"saved in {path}"
        self._version += 1
        self.pulse()
        return True

    def action_send_to(self) -> None:
        """Offer the selected request's URL to other tabs."""
        from workbench.core.endpoint import EndpointError, parse
        from workbench.ui.sendto import offer

        row = self.selected
        if row is None or row.case is None:
            return
        try:
            offer(self.workbench, parse(row.case.url, scheme="http"))
        except EndpointError as problem:
            self.notify(str(problem))

    def action_copy(self) -> None:
        """Copy the lines that are selected, or the request as it stands in its file."""
        row = self.selected
        ring = self.query_one(Ring)
        if row is not None:
            source = row.section.text if row.section is not None else row.path
            self.app.copy_to_clipboard(ring.selected_text() if ring.has_focus else source)
            self.notify("copied")

    def action_export(self) -> None:
        """Save the results as JUnit XML or JSON lines, or the exchanges as HAR."""
        from workbench.http.collections.junit import junit_xml
        from workbench.http.interchange.har import har_document
        from workbench.ui.export import ask_and_write
        from workbench.ui.panes.http.exporting import told

        if self.collection is None:
            return
        cases = list(self.collection.cases.values())
        exchanges = list(self.collection.exchanges.values())
        formats: dict[str, Any] = {
            ".xml": lambda: [junit_xml(cases).rstrip()],
            ".jsonl": lambda: [encode(one) for one in cases],
            ".har": lambda: [har_document(event for one in exchanges for event in told(one))],
        }
        ask_and_write(self.workbench, "results.xml", formats)
