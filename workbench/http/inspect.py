"""See requests whole, and answer them as told: a counterpart for whatever sends HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.core.events import Note
from workbench.core.failure import JobError
from workbench.core.job import job, option
from workbench.core.message import Event
from workbench.core.scope import Scope
from workbench.http import inspect_code
from workbench.http.access import guarded, http_endpoint
from workbench.http.inspector import Inspector
from workbench.http.keeping import Keeper
from workbench.http.request_head import RequestHead
from workbench.http.rules import Answer, RulesError, RulesFile, choose, parse_headers
from workbench.http.server import HttpHandler
from workbench.servers.events import COMMANDS
from workbench.servers.loop import Loop
from workbench.tls.serving.code import in_tls, python_command
from workbench.tls.serving.request import SecureRequest

ANSWERS = "how to answer"
KEEPING = "what to keep"
WHO_ASKS = "who may ask"


@dataclass(frozen=True, slots=True)
class ServeInspect(SecureRequest):
    """See every HTTP request as it comes, and answer as told.

    Each request is shown whole: its head as it came, and its body. By default it is answered with
    itself as JSON; --status, --header, --body, --body-file and --delay say otherwise for all,
    and --rules FILE by what is asked, the first rule that fits:

        [[rule]]
        method = "POST"             # which requests: also path, header,
        path = "/api/*"             # body, times
        status = 503                # the answer: also text, file, delay,
        headers = { Retry-After = "5" }  # drip (bytes a second)

        [[rule]]
        path = "/broken"
        action = "reset"            # or "drop"

    The file is read again whenever it changes.
    """

    status: int = option(200, "answer with this status", group=ANSWERS)
    header: tuple[str, ...] = option(
        (), "a header field of the answer, as 'Name: value'", metavar="FIELD", group=ANSWERS
    )
    body: str | None = option(None, "answer with this text", metavar="TEXT", group=ANSWERS)
    body_file: Path | None = option(
        None, "answer with this file's content", metavar="FILE", group=ANSWERS
    )
    delay: float = option(0.0, "wait so long before the answer", unit="s", group=ANSWERS)
    rules: Path | None = option(None, "answer by these rules", metavar="FILE", group=ANSWERS)
    save: Path | None = option(
        None, "save each request as a file there", metavar="DIR", group=KEEPING
    )
    keep: int = option(
        256 << 20, "bytes of requests kept in files; the oldest go", unit="B", group=KEEPING
    )
    body_limit: int = option(
        64 << 20, "bytes of a body that are taken; longer ones get 413", unit="B", group=KEEPING
    )
    user: str = option("", "ask for this name and a password", metavar="NAME", group=WHO_ASKS)
    password: str = option("", "the password that goes with it", secret=True, group=WHO_ASKS)

    @property
    def answer(self) -> Answer:
        """The answer where no rule fits.

        Raises:
            ValueError: it cannot be sent.
        """
        if self.body is not None and self.body_file is not None:
            raise ValueError("the answer is a text or a file, not both")
        if not 200 <= self.status <= 999:
            raise ValueError(f"a status from 200 to 999 is wanted, not {self.status}")
        pairs = []
        for one in self.header:
            name, colon, value = one.partition(":")
            if not colon:
                raise ValueError(f"a header field is 'Name: value', not {one!r}")
            pairs.append((name.strip(), value))
        return Answer(
            status=self.status,
            headers=parse_headers(pairs),
            text=None if self.body is None else self.body.encode("utf-8", "surrogateescape"),
            file=self.body_file,
            delay=self.delay,
        )

    def as_python(self) -> str:
        """The standard library's http.server, which prints what comes."""
        found = inspect_code.python(
            self.endpoint, self.answer, rules=self.rules is not None, user=self.user
        )
        return in_tls(found, self)

    def as_shell(self) -> str:
        """Python with that script: no tool that is everywhere shows requests and answers them."""
        return python_command(self.as_python())


@job(
    "serve inspect",
    tab="servers",
    example="serve inspect http://127.0.0.1:8001/",
    process=True,
    commands=COMMANDS,
)
def serve_inspect(request: ServeInspect, scope: Scope) -> Iterator[Event]:
    """Serve until stopped."""
    end = http_endpoint(request)
    try:
        default = request.answer
        if request.body_limit < 0 or request.keep < 0 or not 0 <= request.delay <= 1e6:
            raise ValueError("limits and delays are not negative, and a delay has an end")
    except ValueError as problem:
        raise JobError(str(problem)) from None
    if request.body_file is not None:
        with open(request.body_file, "rb"):
            pass  # better said now than to the first who asks
    notes: list[Event] = []
    file = _rules_file(request.rules, notes) if request.rules is not None else None
    told = "as told" if _is_told(default) else "echo"

    def chosen(head: RequestHead, body: bytes) -> tuple[Answer, str]:
        rule = choose(file.rules(), head, body) if file is not None else None
        found = (default, told) if rule is None else (rule.answer, f"rule of line {rule.line}")
        loop.desk.events += notes
        notes.clear()
        return found

    keeper = Keeper(request.save, request.keep)
    try:
        inspector = Inspector(keeper, chosen, request.body_limit, mask=bool(request.user))
        handler = HttpHandler(guarded(inspector, request.user, request.password))
        layer = request.layer("http/1.1")
        loop = Loop(end, handler, scope, request.admit, layer)
        yield from loop.run()
    finally:
        keeper.close()


def _rules_file(path: Path, notes: list[Event]) -> RulesFile:
    try:
        return RulesFile(path, lambda text: notes.append(Note(text)))
    except RulesError as problem:
        raise JobError(
            str(problem), advice="workbench help serve inspect shows an example"
        ) from None


def _is_told(answer: Answer) -> bool:
    return answer.text is not None or answer.file is not None
