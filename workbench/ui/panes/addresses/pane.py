"""The Addresses tab: one address as it is typed, blocks as a tree, names, and this host."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher

from workbench import catalogue
from workbench.addresses.address import Address, prefix_of
from workbench.addresses.describe import Described, MacDescribed, describe, describe_mac
from workbench.addresses.host_name import HostName
from workbench.addresses.interfaces import Interfaces
from workbench.addresses.planning import PlanBlock, plan_of
from workbench.addresses.presence import Presence, survey
from workbench.addresses.reading import Reading, read
from workbench.addresses.routes import Routes
from workbench.core.arguments import UsageError
from workbench.core.events import Failed
from workbench.core.failure import JobError, explain
from workbench.core.feed import Batch
from workbench.core.job import Job, Request
from workbench.core.runner import Run
from workbench.core.scope import Scope
from workbench.ui.panes.addresses.facts import Fact, Facts
from workbench.ui.panes.addresses.host import (
    INTERFACE_COLUMNS,
    ROUTE_COLUMNS,
    HostTable,
    addresses_of,
)
from workbench.ui.panes.addresses.plantree import PlanTree
from workbench.ui.panes.addresses.results import Results, blocks_of
from workbench.ui.panes.base import JobPane
from workbench.ui.widgets.filterline import FilterLine
from workbench.ui.widgets.ring import Ring
from workbench.ui.widgets.table import Table
from workbench.ui.widgets.views import Views

HELP = """
Everything about an address, a block, a name, and this host.

The line above takes anything that stands for addresses, and reads it while you type:
  192.168.1.77/24   2001:db8::1/64   10.0.0.5 255.255.255.0
  10.0.0.1-10.0.0.20   3232235777   0x7f000001   127.1
  00:00:5e:00:53:01   a reverse name, a host name, a URL
and these jobs, each with its options (^o):
  split 10.0.0.0/8 --prefix 12    plan 10.0.0.0/24 office=100 link=/31
  merge FILE…    exclude BLOCK --remove …    compare FILE FILE
  contains FILE FILE    resolve NAME…    reverse ADDRESS…
  dns NAME TYPE --server S    services 443/tcp
  interfaces    routes    routes ADDRESS

v goes through the views: the address, the plan, the results of the last job, the interfaces and
the routes of this host, which follow what changes. / filters, s sends what is selected to another
job, y copies, e exports, x ends what runs in the view.

In the plan: + splits a block in two, t into more, - joins it again, m names it, a places blocks by
their hosts, u takes the last step back (U again), w writes the plan to a file that plan FILE reads.
Beside each block stands what this host has in it: addresses, routes, sockets that listen.
"""

ADDRESS, PLAN, RESULTS, INTERFACES, ROUTES = VIEWS = (
    "address",
    "plan",
    "results",
    "interfaces",
    "routes",
)
_FOLLOWING = {INTERFACES: Interfaces(follow=True), ROUTES: Routes(follow=True)}


class AddressesPane(JobPane):
    """Views of one tab; the target line's job decides which of them opens."""

    DEFAULT_CSS = """
    AddressesPane #views { height: 1fr; }
    """

    tab: ClassVar[str] = "addresses"
    verb: ClassVar[str] = "address"
    verbs: ClassVar[tuple[str, ...]] = (
        *("split", "plan", "merge", "exclude", "compare", "contains"),
        *("interfaces", "routes"),
        *("resolve", "reverse", "dns", "services"),
    )
    first_line: ClassVar[str] = "192.168.1.77/24"
    help_text: ClassVar[str] = HELP

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "view", "view", id="addresses.view"),
        Binding("slash", "filter", "filter", id="addresses.filter"),
        Binding("s", "send_to", "send to", id="addresses.send"),
        Binding("x", "stop", "stop", id="addresses.stop"),
        Binding("y", "copy", "copy", id="addresses.copy"),
        Binding("e", "export", "export", id="addresses.export"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[str, Run] = {}
        self._found: list[Fact] = []

    def compose_body(self) -> ComposeResult:
        """The views, one of them open."""
        yield Views(*VIEWS)
        yield FilterLine()
        with ContentSwitcher(initial=ADDRESS, id="views"):
            yield Facts(id=ADDRESS)
            yield PlanTree(id=PLAN)
            yield Results(id=RESULTS)
            yield HostTable(INTERFACE_COLUMNS, "Reading the interfaces…", id=INTERFACES)
            yield HostTable(ROUTE_COLUMNS, "Reading the routes…", id=ROUTES)

    # -- what is here --------------------------------------------------------------------------

    @property
    def view(self) -> str:
        """The view that is open."""
        return self.query_one("#views", ContentSwitcher).current or ADDRESS

    @property
    def facts(self) -> Facts:
        """The view of one address."""
        return self.query_one(Facts)

    @property
    def planned(self) -> PlanTree:
        """The view of the plan."""
        return self.query_one(PlanTree)

    @property
    def results(self) -> Results:
        """The view of the last job's results."""
        return self.query_one(Results)

    def host(self, view: str) -> HostTable:
        """The table of interfaces or of routes."""
        return self.query_one(f"#{view}", HostTable)

    def open(self, view: str) -> None:
        """Open a view; what follows this host begins when it is first looked at."""
        self.query_one("#views", ContentSwitcher).current = view
        if view in _FOLLOWING and view not in self._runs:
            request = _FOLLOWING[view]
            self._follow(view, catalogue.load(request.job), request)
        self._remark()

    def _remark(self) -> None:
        remarks = {PLAN: self.planned.remark, RESULTS: self.results.remark}
        if self.view in _FOLLOWING:
            run = self._runs.get(self.view)
            remarks[self.view] = "following" if run is not None and run.ended is None else "ended"
        self.query_one(Views).show(self.view, remarks.get(self.view, ""))

    # -- one address, as it is typed -----------------------------------------------------------

    def on_target_line_changed(self) -> None:
        """Read along."""
        super().on_target_line_changed()
        try:
            job, request = self.request()
        except UsageError:
            if not self.target.value.strip() and self.view == ADDRESS:
                self._found = []
                self.facts.hint(read(""))
            return
        if isinstance(request, Address) and job.name == Address.job:
            self._read(request)

    def _read(self, request: Address) -> None:
        reading = read(request.text)
        try:
            found = described(reading, request)
        except JobError:
            return  # the prefix of a NAT64 is half typed
        self._found = [found] if found is not None else []
        if self._found:
            self.facts.show(self._found)
        else:
            self.facts.hint(reading)
        if self.view != ADDRESS:
            self.open(ADDRESS)

    # -- work ----------------------------------------------------------------------------------

    def submit(self, job: Job[Any], request: Request) -> None:
        """Run it in the view where it shows."""
        match request:
            case Address():
                self._found = []
                self._start(ADDRESS, job, request, self._take_address)
            case PlanBlock() if request.save is None:
                self._plan(request)
            case Interfaces() | Routes(to=()):
                self._follow(job.name, job, replace(request, follow=True))
            case _:
                run = self._start(RESULTS, job, request, None)
                self.results.begin(run)

    def _start(self, view: str, job: Job[Any], request: Request, sink: Any) -> Run:
        before = self._runs.get(view)
        if before is not None:
            before.cancel()
        run: Run

        def take(batch: Batch) -> None:
            if sink is not None:
                sink(run, batch)
            else:
                self.results.take(run, batch)
                if isinstance(batch.ended, Failed) and not batch.ended.cancelled:
                    self.show_error(batch.ended.line())

        run = self.workbench.runs.start(job, request, take)
        self._runs[view] = run
        self.open(view)
        return run

    def _follow(self, view: str, job: Job[Any], request: Request) -> None:
        table = self.host(view)
        table.begin()

        def sink(run: Run, batch: Batch) -> None:
            if run is self._runs.get(view):
                table.take(batch)
                self.show_error(table.problem)

        run = self._start(view, job, request, sink)
        self.workbench.runs.settle(run)

    def _take_address(self, run: Run, batch: Batch) -> None:
        if run is not self._runs.get(ADDRESS):
            return
        self._found += [one for one in batch.events if isinstance(one, Fact)]
        if self._found:
            self.facts.show(self._found)
        if isinstance(batch.ended, Failed) and not batch.ended.cancelled:
            self.show_error(batch.ended.line())

    def _plan(self, request: PlanBlock) -> None:
        """Open a plan to work on; that it is not to be had is said under the line."""
        try:
            plan = plan_of(request)
        except (JobError, OSError) as problem:
            self.show_error(explain(request.tried(), problem).line())
            return
        path = Path(request.block)
        self.planned.show(plan, path if path.is_file() else None)
        self.open(PLAN)
        self.planned.focus()
        self.run_worker(partial(self._survey), thread=True, exclusive=True, group="survey")

    def _survey(self) -> None:
        """Ask what this host has, in a thread."""
        found: list[Presence] = []
        scope = Scope()
        try:
            found = survey(scope)
        except (OSError, JobError):
            pass  # without it the tree is as good
        finally:
            scope.close()
        self.app.call_later(self.planned.show_presence, found)

    def pulse(self) -> None:
        """Draw what has come since the last frame."""
        self.results.pulse()
        for view in _FOLLOWING:
            self.host(view).pulse()
        self._remark()

    def cancel(self, *, hard: bool = False) -> bool:
        """End what runs in the open view; what only follows this host goes on unless meant."""
        run = self._runs.get(self.view)
        if run is None or run.ended is not None or (self.view in _FOLLOWING and not hard):
            return False
        run.cancel()
        return True

    def select_run(self, run: Run) -> None:
        """Open the view where a run shows."""
        for view, one in self._runs.items():
            if one is run:
                self.open(view)

    # -- the plan's questions ------------------------------------------------------------------

    def on_plan_tree_wants(self, event: PlanTree.Wants) -> None:
        """Ask what a step needs to know."""
        from workbench.ui.screens.dialog import Ask

        def answered(text: str | None) -> None:
            if text is None:
                return
            if event.what == "write":
                self._write(Path(text).expanduser())
            else:
                self.planned.take(event.what, text)

        self.app.push_screen(Ask(event.title, event.value, event.hint), answered)

    def _write(self, path: Path) -> None:
        """Write the plan; a file that is not the plan's own is never written over."""
        from workbench.addresses.planning import save

        if path.exists() and path != self.planned.path:
            self.show_error(f"{path} is there already: choose another name, or open it with plan")
            return
        try:
            save(path, self.planned.plan.dump())
        except OSError as problem:
            self.show_error(explain("write the plan", problem).line())
            return
        self.planned.path = path
        self.notify(f"written to {path}")

    def on_plan_tree_problem(self, event: PlanTree.Problem) -> None:
        """Say why a step cannot be taken."""
        self.show_error(event.text)

    # -- keys ----------------------------------------------------------------------------------

    def action_view(self) -> None:
        """The next view."""
        self._choose(self.query_one(Views).next())

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """A view was clicked."""
        self._choose(event.view)

    def _choose(self, view: str) -> None:
        self.open(view)
        for one in self.query_one(f"#{view}").query("Table, Ring"):
            one.focus()
            return
        self.query_one(f"#{view}").focus()

    def action_stop(self) -> None:
        """End what runs in this view."""
        self.cancel(hard=True)

    def action_filter(self) -> None:
        """Filter the rows of this view."""
        if self.view in (RESULTS, *_FOLLOWING):
            self.query_one(FilterLine).open()

    def on_filter_line_changed(self, event: FilterLine.Changed) -> None:
        """Filter as it is typed."""
        self._filtered.filter_text = event.text

    def on_filter_line_left(self) -> None:
        """Back to the rows."""
        self._filtered.focus()

    @property
    def _filtered(self) -> Table | Ring:
        view = self.view
        return self.host(view).table if view in _FOLLOWING else self.results.ring

    def action_copy(self) -> None:
        """Copy what is selected."""
        match self.view:
            case "address":
                text = self.facts.plain
            case "plan":
                row = self.planned.row
                text = str(row.block) if row else ""
            case "results":
                text = self.results.ring.selected_text()
            case view:
                event = self.host(view).selected
                text = event.line() if event else ""
        if text:
            self.app.copy_to_clipboard(text)
            self.notify("copied")

    def action_export(self) -> None:
        """Save what this view holds."""
        from workbench.core.message import encode
        from workbench.ui.export import ask_and_write

        match self.view:
            case "address":
                found = list(self._found)
                ask_and_write(
                    self.workbench, "address.jsonl", {".jsonl": lambda: map(encode, found)}
                )
            case "plan":
                text = self.planned.plan.dump()
                lines = [line.encode() for line in text.splitlines()]
                ask_and_write(self.workbench, "plan.txt", {".txt": lambda: lines})
            case "results":
                ask_and_write(self.workbench, "results.jsonl", {".jsonl": self.results.export})
            case view:
                ask_and_write(self.workbench, f"{view}.jsonl", {".jsonl": self.host(view).export})

    def action_send_to(self) -> None:
        """Offer what is selected to the jobs that understand it."""
        from workbench.ui.sendto import offer_words

        offer_words(self.workbench, self._selected_words())

    def on_ring_chosen(self, event: Ring.Chosen) -> None:
        """Enter on a result."""
        self.action_send_to()

    def on_table_chosen(self, event: Table.Chosen) -> None:
        """Enter on an interface, route or neighbour."""
        self.action_send_to()

    def _selected_words(self) -> list[str]:
        match self.view:
            case "address":
                one = next(iter(self._found), None)
                match one:
                    case None:
                        return []
                    case HostName():
                        return [one.name]
                    case MacDescribed():
                        return [one.mac, one.link_local]
                return [one.address or one.block, one.block]
            case "plan":
                row = self.planned.row
                return [str(row.block)] if row else []
            case "results":
                line = self.results.ring.cursor_line
                return blocks_of(line.data) if line else []
            case view:
                event = self.host(view).selected
                return addresses_of(event) if event else []

    def request_to_show(self) -> tuple[Job[Any], Request]:
        """What is asked for on the line; where that is nothing, what runs in this view."""
        try:
            return self.request()
        except UsageError:
            run = self._runs.get(self.view)
            if run is None:
                raise
            return run.job, run.request


def described(reading: Reading, request: Address) -> Described | MacDescribed | None:
    """What a reading stands for, without looking anything up.

    Raises:
        JobError: the NAT64 prefix is none.
    """
    nat64 = prefix_of(request.nat64)
    if reading.why:
        return None
    if reading.mac:
        return describe_mac(reading)
    return describe(reading, nat64) if reading.span is not None else None
