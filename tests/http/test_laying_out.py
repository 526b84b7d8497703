"""Bodies laid out for reading: JSON, XML, HTML; and what tries to do harm."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.http.laying_out import html_text, kind_of, laid_out


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [("application/json", "json"), ("Application/Problem+JSON; charset=utf-8", "json"),
     ("text/xml", "xml"), ("application/atom+xml", "xml"), ("text/html;charset=x", "html"),
     ("application/xhtml+xml", "xml"), ("text/plain", ""), ("", "")],
)  # fmt: skip
def test_the_kind_of_a_media_type(media_type: str, kind: str) -> None:
    assert kind_of(media_type) == kind


def test_json_is_indented() -> None:
    assert laid_out('{"a":[1,"ü"]}'.encode(), "json") == '{\n  "a": [\n    1,\n    "ü"\n  ]\n}'
    assert laid_out(b"{", "json") is None
    assert laid_out(b"[" * 100_000, "json") is None


def test_xml_is_indented() -> None:
    text = laid_out(
        b'<?xml version="1.0"?><!DOCTYPE a><a b="1&quot;"><!-- c --><d>x &lt; y</d><e/>'
        b"<?p q?>two\nlines<f>  </f></a>", "xml",
    )  # fmt: skip
    assert text is not None
    assert text.split("\n") == [
        '<?xml version="1.0"?>', "<!DOCTYPE a>", '<a b="1&quot;">', "  <!-- c -->",
        "  <d>x &lt; y</d>", "  <e/>", "  <?p q?>", "  two", "  lines", "  <f/>", "</a>",
    ]  # fmt: skip


BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


@pytest.mark.parametrize(
    "data", [BOMB, OUTSIDE, b"<a>", b"<a></b>", b"\xff\xfe", b"", b"<a>&b;</a>"]
)
def test_xml_that_is_none_or_means_harm_stays_as_it_came(data: bytes) -> None:
    assert laid_out(data, "xml") is None


def test_deep_xml_does_not_grow_without_end() -> None:
    deep = b"<a>" * 20_000 + b"</a>" * 20_000
    text = laid_out(deep, "xml")
    assert text is None or len(text) < 17 * len(deep)


NAMES = st.sampled_from(["a", "b", "cd"])
TREES: st.SearchStrategy[Any] = st.recursive(
    st.tuples(NAMES, st.text("x <&é", max_size=5), st.just([])),
    lambda inner: st.tuples(NAMES, st.just(""), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def element(tree: tuple[str, str, list]) -> ElementTree.Element:  # type: ignore[type-arg]
    made = ElementTree.Element(tree[0], {"k": tree[1]})
    made.text = tree[1] or None
    made.extend([element(one) for one in tree[2]])
    return made


def same(one: ElementTree.Element, two: ElementTree.Element) -> bool:
    return (
        (one.tag, one.attrib, (one.text or "").strip())
        == (two.tag, two.attrib, (two.text or "").strip())
        and len(one) == len(two)
        and all(map(same, one, two))
    )


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_indented_xml_says_the_same(tree: tuple[str, str, list]) -> None:  # type: ignore[type-arg]
    before = element(tree)
    text = laid_out(ElementTree.tostring(before), "xml")
    assert text is not None
    assert same(before, ElementTree.fromstring(text))


def test_a_page_as_text() -> None:
    assert html_text(
        "<!DOCTYPE html><title>The &amp; title</title><script>if (a<b) x('</p>')</script>"
        "<!-- <p>no --><h1>Head\n line</h1><p>One <b>two</b> <a href='/x?a&amp;b'>three</a>.<br>"
        "four<ul><li>five<li><a href=#top>six</a></ul><pre>  a\n   b</pre>"
        "<table><tr><td>1<td>2</table> 3 < 4 <"
    ).split("\n") == [
        "The & title", "", "Head line", "", "One two three [/x?a&b].", "four", "", "- five",
        "- six", "", "  a", "   b", "", "1  2", "", "3 < 4 <",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "piece",
    ["<", "<!--", "<a ", "<script>", "<a href='", "&", "<li>", "<pre>\n", "</", "<!", "<a>"],
)
def test_hostile_pages_take_time_in_proportion(piece: str) -> None:
    html_text(piece * 100_000)  # else this would take minutes


@settings(max_examples=150, deadline=None)
@given(st.text("<>/!-apre ='\"&;\n", max_size=60))
def test_any_text_is_a_page(text: str) -> None:
    html_text(text)
