"""Bodies laid out for reading: JSON and XML indented, HTML as the text that it shows.

What comes from a network is hostile: nothing here goes out for more, expands what is defined
elsewhere, or takes more than time and room in proportion to what came.
"""

from __future__ import annotations

import html
import json
import re
from typing import Literal
from xml.parsers import expat

Kind = Literal["", "json", "xml", "html"]

DEPTH = 40
"""Levels of XML that are indented further."""

GROWTH = 16
"""Characters of indented text for each byte that came, at the most."""

_SPACES = re.compile(r"[ \t\r\n\f]+")
_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9-]*)")
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_HIDDEN = frozenset(("script", "style", "template", "noscript", "svg"))
_BLOCKS = frozenset(
    re.findall(
        "[a-z0-9]+",
        "address article aside blockquote body br caption dd details div dl dt fieldset figcaption"
        " figure footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main nav ol option p"
        " pre section summary table title tr ul",
    )
)
_APART = frozenset(("h1", "h2", "h3", "h4", "p", "table", "ul", "ol", "pre", "title", "form"))


def kind_of(media_type: str) -> Kind:
    """What a Content-Type says that it is: by its name or its suffix (RFC 6839)."""
    name = media_type.partition(";")[0].strip().lower()
    if name.endswith(("/json", "+json")):
        return "json"
    if name == "text/html":
        return "html"
    return "xml" if name.endswith(("/xml", "+xml")) else ""


def laid_out(data: bytes, kind: Kind, charset: str = "utf-8") -> str | None:
    """The text of a body laid out; None where it is not what it says, or grows too much."""
    try:
        if kind == "json":
            return json.dumps(json.loads(data), indent=2, ensure_ascii=False)
        if kind == "xml":
            return xml_indented(data)
        if kind == "html":
            return html_text(data.decode(charset, "replace"))
    except (ValueError, RecursionError, LookupError, expat.ExpatError):
        pass
    return None


def xml_indented(data: bytes) -> str:
    """XML with an element a line.

    Raises:
        ValueError: it defines entities, which may stand for far more than came, or grows.
        expat.ExpatError: it is not well-formed.
    """
    return _Indenting(len(data)).run(data)


class _Indenting:
    """What expat tells, as lines."""

    def __init__(self, size: int) -> None:
        self._lines: list[str] = []
        self._room = GROWTH * size + 1000
        self._depth = 0
        self._text: list[str] = []
        self._open = ""
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity

    def run(self, data: bytes) -> str:
        self._parser.Parse(data, True)
        return "\n".join(self._lines)

    def _put(self, text: str, *, depth: int | None = None) -> None:
        level = min(self._depth if depth is None else depth, DEPTH)
        self._room -= len(text) + 2 * level
        if self._room < 0:
            raise ValueError("it grows beyond all measure")
        self._lines.append("  " * level + text)

    def _flush(self) -> None:
        """What was opened, and the text since."""
        if self._open:
            self._put(self._open + ">", depth=self._depth - 1)
            self._open = ""
        text = "".join(self._text).strip()
        self._text.clear()
        for line in text.split("\n") if text else ():
            self._put(html.escape(line.strip(), quote=False))

    def _start(self, name: str, pairs: list[str]) -> None:
        self._flush()
        attributes = zip(pairs[::2], pairs[1::2], strict=True)
        self._open = "".join(
            [f"<{name}", *(f' {key}="{html.escape(value)}"' for key, value in attributes)]
        )
        self._depth += 1

    def _end(self, name: str) -> None:
        text = "".join(self._text).strip()
        self._depth -= 1
        if self._open and "\n" not in text:
            self._text.clear()
            shown = html.escape(text, quote=False)
            self._put(f"{self._open}>{shown}</{name}>" if text else f"{self._open}/>")
            self._open = ""
            return
        self._depth += 1
        self._flush()
        self._depth -= 1
        self._put(f"</{name}>")

    def _comment(self, text: str) -> None:
        self._flush()
        for line in f"<!--{text}-->".split("\n"):
            self._put(line.strip())

    def _instruction(self, target: str, text: str) -> None:
        self._flush()
        self._put(f"<?{target} {text}?>")

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        self._put(f'<?xml version="{version}"{f" encoding={encoding!r}" if encoding else ""}?>')

    def _doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        names = "".join(f' "{one}"' for one in (public, system) if one)
        self._put(f"<!DOCTYPE {name}{' PUBLIC' if public else ' SYSTEM' if system else ''}{names}>")

    def _entity(self, *_: object) -> None:
        raise ValueError("it defines entities")


def html_text(text: str) -> str:
    """The words of a page, a line for each block; a link's place stands after it in brackets."""
    out = _Words()
    lower, at = text.lower(), 0
    while at < len(text):
        start = text.find("<", at)
        if start < 0:
            start = len(text)
        out.words(text[at:start])
        if start == len(text):
            break
        if text.startswith("<!--", start):
            at = _after(text, "-->", start)
            continue
        found = _TAG.match(text, start)
        if found is None and text[start + 1 : start + 2] not in ("!", "?", "/"):
            out.words("<")
            at = start + 1
            continue
        end = text.find(">", start)
        if end < 0:
            break
        if found is None:
            at = end + 1
            continue
        name, closes = found[1].lower(), text[start + 1] == "/"
        at = end + 1
        if name in _HIDDEN and not closes:
            at = _after(lower, f"</{name}", end)
            at = _after(text, ">", at)
            continue
        out.tag(name, text[start:end], closes=closes)
    return out.text()


def _after(text: str, mark: str, at: int) -> int:
    """The place after a mark, or the end."""
    found = text.find(mark, at)
    return found + len(mark) if found >= 0 else len(text)


class _Words:
    """Words that gather to lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._links: list[str] = []
        self._kept = 0

    def words(self, raw: str) -> None:
        """Words between two tags."""
        if not raw:
            return
        if self._kept:
            first, *rest = html.unescape(raw).split("\n")
            self._line.append(first)
            for line in rest:
                self._end()
                self._line.append(line)
            return
        self._line.append(html.unescape(_SPACES.sub(" ", raw)))

    def tag(self, name: str, whole: str, *, closes: bool) -> None:
        """A tag: a new line, or a mark in it."""
        if name == "a":
            self._link(whole, closes=closes)
        elif name in ("td", "th") and not closes:
            self._line.append("  ")
        elif name in _BLOCKS:
            self._end()
            if name in _APART and self._lines and self._lines[-1]:
                self._lines.append("")
            if name == "li" and not closes:
                self._line.append("- ")
            if name == "hr":
                self._lines.append("---")
            if name == "pre":
                self._kept = 0 if closes else 1

    def _link(self, whole: str, *, closes: bool) -> None:
        if closes:
            place = self._links.pop() if self._links else ""
            if place and not place.startswith(("#", "javascript:")):
                self._line.append(f" [{place}]")
        elif len(self._links) < DEPTH:
            found = _HREF.search(whole)
            value = next((one for one in found.groups() if one is not None), "") if found else ""
            self._links.append(html.unescape(value.strip()))

    def _end(self) -> None:
        line = "".join(self._line)
        self._line.clear()
        if self._kept:
            self._lines.append(line)
        elif line.strip() and line != "- ":
            self._lines.append(re.sub(" {3,}", "  ", line).strip())

    def text(self) -> str:
        """All lines."""
        self._end()
        return "\n".join(self._lines).strip("\n")
