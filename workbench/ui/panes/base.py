"""What every pane is: a target line, options under it, errors where the work was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from workbench import catalogue
from workbench.core.arguments import UsageError, defaults, parse_line
from workbench.core.failure import JobError, explain
from workbench.core.job import Job, Request
from workbench.core.text import safe
from workbench.ui.widgets.form import Form
from workbench.ui.widgets.target import TargetLine

if TYPE_CHECKING:
    from workbench.ui.app import WorkbenchApp


class Pane(Vertical):
    """One tab's content.

    Attributes:
        tab: the tab's name in the catalogue.
        help_text: what the pane is for, how to use it, with an example.
    """

    DEFAULT_CSS = """
    Pane { height: 1fr; }
    """

    tab: ClassVar[str] = ""
    help_text: ClassVar[str] = ""

    @property
    def workbench(self) -> WorkbenchApp:
        """The app, by its own type."""
        return cast("WorkbenchApp", self.app)

    def pulse(self) -> None:
        """Bring the picture up to date; called once a frame while the pane is visible."""

    def cancel(self, *, hard: bool = False) -> bool:
        """End what the user is waiting for here; whether there was anything.

        Args:
            hard: end what is open and waits for the user as well.
        """
        return False

    def take(self, line: str, *, run: bool = False) -> None:
        """Put a command line on the target line, and run it if asked to."""

    def submit(self, job: Job[Any], request: Request) -> None:
        """Start a job and show it: every pane has its own way."""


class JobPane(Pane):
    """A pane with a target line for the jobs of its tab.

    `verb` is taken as typed when the line starts with no job's name; `verbs` are the first words
    of all its jobs. `schemes` names the job that an endpoint of a scheme stands for by itself, and
    `prompt` what stands before the line in place of the verb.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "target", "new", id="pane.new"),
        Binding("o,ctrl+o", "options", "options", id="pane.options"),
        Binding("p", "code", "as code", id="pane.code"),
    ]

    verb: ClassVar[str] = ""
    verbs: ClassVar[tuple[str, ...]] = ()
    first_line: ClassVar[str] = ""
    schemes: ClassVar[Mapping[str, str]] = MappingProxyType({})
    prompt: ClassVar[str] = ""

    def compose(self) -> ComposeResult:
        """The target line and what unfolds under it; then the pane's own part."""
        names = [name for name in catalogue.JOBS if name.split()[0] in (self.verb, *self.verbs)]
        last = self.workbench.place.lines.get(self.tab, "").removeprefix(f"{self.verb} ")
        yield TargetLine(self.verb, names, last or self.first_line, self.schemes, self.prompt)
        yield Form()
        yield Static("", classes="error", markup=False)
        yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """The pane's own widgets."""
        yield from ()

    @property
    def target(self) -> TargetLine:
        """The target line."""
        return self.query_one(TargetLine)

    def request(self) -> tuple[Job[Any], Request]:
        """The job and the request that the target line and the form stand for.

        Raises:
            UsageError: one line that says what is wrong and what to try.
        """
        name, words = self.target.words()
        job = catalogue.load(name)
        given, problems = defaults(job, self.workbench.settings.job.get(name, {}))
        for problem in problems:
            self.notify(problem, severity="warning")
        form = self.query_one(Form)
        if form.display:
            given |= form.values()
        return job, parse_line(job, words, given)

    def take(self, line: str, *, run: bool = False) -> None:
        """Put a command line on the target line, without its verb."""
        self.target.value = line.removeprefix(self.verb + " ")
        self.target.edit()
        if run:
            self.on_target_line_submitted()

    def show_error(self, text: str) -> None:
        """Say under the target line what is wrong; an empty text takes it away."""
        error = self.query_one(".error", Static)
        error.display = bool(text)
        error.update(text and f"! {text}")

    def on_target_line_submitted(self) -> None:
        """Run what stands there; what was typed stays. Another tab's job runs there."""
        try:
            job, request = self.request()
        except UsageError as problem:
            tab = self.target.elsewhere()
            if tab and tab != self.tab:
                self.call_later(self.workbench.take, tab, self.target.value, run=True)
                return
            self.show_error(str(problem))
            return
        self.show_error("")
        self.workbench.place.ran(self.tab, request)
        self.submit(job, request)

    def on_target_line_changed(self) -> None:
        """A new job has other options."""
        form = self.query_one(Form)
        if form.display:
            self._fill_form()

    def action_target(self) -> None:
        """Go to the target line, for something new."""
        self.target.replace()

    def action_options(self) -> None:
        """Unfold the options of the job on the target line, or fold them."""
        form = self.query_one(Form)
        if form.display:
            form.display = False
            self.target.edit()
        elif self._fill_form():
            form.display = True
            form.focus_first()

    def action_code(self) -> None:
        """Show as Python and as a shell command what the target line stands for."""
        from workbench.ui.screens.code import CodeScreen

        try:
            _, request = self.request_to_show()
        except UsageError as problem:
            self.show_error(str(problem))
            return
        try:
            screen = CodeScreen(request)
        except JobError as failure:
            self.show_error(safe(explain(request.tried(), failure).line()))
            return
        self.app.push_screen(screen)

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """What `as code` is about; the target line, unless the pane has something selected."""
        return self.request()

    def _fill_form(self) -> bool:
        try:
            name, _ = self.target.words()
        except UsageError as problem:
            self.show_error(str(problem))
            return False
        self.query_one(Form).offer(catalogue.load(name))
        return True
