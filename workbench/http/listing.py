"""A folder as a page of HTML: every name escaped for what it stands in."""

from __future__ import annotations

from html import escape
from urllib.parse import quote_from_bytes

from workbench.core.units import amount, moment
from workbench.http.files import Entry

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem }}
td {{ padding: 0 1.5rem 0 0 }}
td + td {{ text-align: right; color: #666; white-space: nowrap }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>
{rows}
</table>
{note}{form}</body>
</html>
"""
_FORM = """\
<form method="post" enctype="multipart/form-data" action="./">
<p><input type="file" name="file" multiple required> <button>Upload</button></p>
</form>
"""
_MARKS = {"dir": "/", "link": "@"}


def page(relative: bytes, found: list[Entry], more: int, *, form: bool = False) -> bytes:
    """The listing of the folder at `relative` below the root, of `found` and `more` entries.

    Args:
        form: have one at its end that sends files.
    """
    title = "Index of /" + ("" if relative == b"." else _visible(relative) + "/")
    rows = [] if relative == b"." else ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>']
    rows += [_row(entry) for entry in found]
    note = f"<p>and {more} more</p>\n" if more else ""
    end = _FORM if form else ""
    return _PAGE.format(title=escape(title), rows="\n".join(rows), note=note, form=end).encode()


def _row(entry: Entry) -> str:
    folder = "/" if entry.kind == "dir" else ""
    link = quote_from_bytes(entry.name, safe="") + folder
    size = amount(entry.size) if entry.kind == "file" else ""
    return (
        f'<tr><td><a href="{link}">{escape(_visible(entry.name))}</a>{_MARKS.get(entry.kind, "")}'
        f"</td><td>{size}</td><td>{moment(entry.modified, '%Y-%m-%d %H:%M:%S UTC')}</td></tr>"
    )


def _visible(name: bytes) -> str:
    """A name as text; what would not show, or steer a terminal, becomes U+FFFD."""
    text = name.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
