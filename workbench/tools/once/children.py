"""Programs that `wsgi` and `cgi` run: an application, or a script of Python, told of in events.

`python children.py wsgi FD` reads a line of JSON and then the body from its standard input;
`python children.py cgi SCRIPT FD` is the script, with its frames and values told if it fails. What
they tell goes to the descriptor FD, a JSON event a line.
"""

from __future__ import annotations

import io
import os
import runpy
import sys
from pathlib import Path
from typing import Any

_PACKAGE = str(Path(__file__).parents[3])
_HERE = str(Path(__file__).parent)

BODY_MOST = 16 << 20
"""Bytes of an answer that are kept."""


def _find_ourselves() -> None:
    """Have this package found, and this folder not, whose names are no modules of anybody's."""
    sys.path[:] = [one for one in sys.path if one not in (_HERE, _PACKAGE)]
    sys.path.insert(0, _PACKAGE)


def wsgi(fd: int) -> int:
    """Call an application once (PEP 3333)."""
    _find_ourselves()
    import time
    import warnings
    from dataclasses import replace
    from wsgiref.validate import WSGIWarning, validator

    from workbench.core.message import encode, from_json
    from workbench.http.gateway.calling import Call, FieldPairs
    from workbench.http.gateway.crash import crash
    from workbench.http.gateway.loading import load
    from workbench.http.gateway.messages import Ended
    from workbench.http.response import PHRASES
    from workbench.tools.once.asking import Breach, ProgramAnswer, ProgramBody

    # What an application prints is not its answer.
    os.dup2(2, 1)
    source = os.fdopen(0, "rb")
    spec = from_json(source.readline())
    body = source.read()
    tell = os.fdopen(fd, "wb", buffering=0)

    def say(event: Any) -> None:
        tell.write(encode(event) + b"\n")

    class Taken:
        """Keeps an answer."""

        status = 0
        reason: str | None = None
        fields: FieldPairs = ()
        body = bytearray()
        length = 0

        def head(
            self, status: int, reason: str | None, fields: FieldPairs, length: int | None,
            body: bytes, ended: Ended,
        ) -> None:  # fmt: skip
            """The head."""
            self.status, self.reason, self.fields = status, reason, fields
            self.more(body)

        def more(self, data: bytes) -> None:
            """A piece of the body."""
            self.length += len(data)
            self.body += data[: max(0, BODY_MOST - len(self.body))]

        def end(self, ended: Ended) -> None:
            """All of it has come."""

    environ = {
        **spec["environ"],
        "wsgi.version": (1, 0), "wsgi.url_scheme": spec["scheme"], "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": True,
        "wsgi.run_once": True,
    }  # fmt: skip
    taken = Taken()
    doing = f"loading {spec['app']}"
    began = time.monotonic()
    status = 0
    try:
        application: Any = load(spec["app"], spec["folder"])
        if spec["validate"]:
            # What it warns of is no reason to stop.
            warnings.showwarning = lambda text, *_: say(Breach(str(text), "PEP 3333"))
            warnings.simplefilter("always", WSGIWarning)
            application = validator(application)
        doing = spec["request"]
        Call(taken).run(application, environ)
    except BaseException as problem:
        trace = problem.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        file = trace.tb_frame.f_code.co_filename if trace is not None else ""
        if isinstance(problem, AssertionError) and file.endswith("validate.py"):
            say(Breach(str(problem) or "the validator refuses it", "PEP 3333, wsgiref.validate"))
        told = crash(doing, problem, skip=_PACKAGE)
        # The validator's frames lie around every one of the application's.
        own = tuple(one for one in told.frames if not one.file.endswith("wsgiref/validate.py"))
        say(replace(told, frames=own or told.frames))
        status = 1
    if taken.status:
        fields = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in taken.fields
        )
        reason = taken.reason if taken.reason is not None else PHRASES.get(taken.status, "")
        say(
            ProgramAnswer(taken.status, str(reason), fields, taken.length, time.monotonic() - began)
        )
        say(ProgramBody(bytes(taken.body)))
    return status


def cgi(script: str, fd: int) -> int:
    """Run a script as Python does; if it fails, tell how."""
    os.set_inheritable(fd, False)
    sys.argv = [script]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit:
        raise
    except BaseException as problem:
        sys.stdout.flush()
        _find_ourselves()
        from workbench.core.message import encode
        from workbench.http.gateway.crash import crash

        trace = problem.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != script:
            trace = trace.tb_next
        told = crash(f"running {script}", problem.with_traceback(trace or problem.__traceback__))
        os.write(fd, encode(told) + b"\n")
        return 1
    return 0


if __name__ == "__main__":
    number = int(sys.argv[-1])
    sys.exit(wsgi(number) if sys.argv[1] == "wsgi" else cgi(sys.argv[2], number))
