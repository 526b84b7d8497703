"""A crash as a page for the browser of who is developing: frames, source lines, local values.

Nothing in it runs and nothing is fetched; it is served with a policy that says so.
"""

from __future__ import annotations

from html import escape

from workbench.core.text import safe
from workbench.http.gateway.crash import Crash, Frame

POLICY = b"default-src 'none'; style-src 'unsafe-inline'"

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}
h1{font-size:1.3em;overflow-wrap:anywhere}pre,td,code{font-family:ui-monospace,monospace}
pre{background:#8881;padding:.6em;overflow-x:auto;margin:.4em 0}
.at{background:#e5393540;display:block}td{padding:0 1em 0 0;vertical-align:top}
td+td{overflow-wrap:anywhere}summary{cursor:pointer}details{margin:.6em 0}
:root{color-scheme:light dark}
"""


def page(crash: Crash) -> bytes:
    """An HTML page of a crash, in UTF-8."""
    frames = "".join(
        _frame(frame, number == len(crash.frames)) for number, frame in enumerate(crash.frames, 1)
    )
    causes = "".join(f"<p>because of <code>{_text(text)}</code></p>" for text in crash.cause)
    made = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(crash.title)}</title>'
        f"<style>{_STYLE}</style><h1>{_text(crash.title)}</h1>"
        f"<p>in <code>{_text(crash.request)}</code></p>"
        f"<pre>{_text(crash.message, keep_newlines=True)}</pre>{causes}"
        f"<h2>Calls, the last one at the end</h2>{frames}"
    )
    return made.encode("utf-8", "replace")


def _frame(frame: Frame, last: bool) -> str:
    lines = "".join(
        f'<span class="at">{number:5} {_text(text)}</span>'
        if number == frame.line
        else f"{number:5} {_text(text)}\n"
        for number, text in enumerate(frame.source, frame.first)
    )
    rows = "".join(
        f"<tr><td>{_text(one.name)}</td><td>{_text(one.value)}</td></tr>" for one in frame.values
    )
    return (
        f"<details{' open' if last else ''}><summary><code>{_text(frame.file)}:{frame.line}</code>"
        f" in <code>{_text(frame.function)}</code></summary><pre>{lines}</pre>"
        f"<table>{rows}</table></details>"
    )


def _text(text: str, *, keep_newlines: bool = False) -> str:
    return escape(safe(text, keep_newlines=keep_newlines))
