"""Media types by name."""

from __future__ import annotations

import pytest

from workbench.http.media_types import media_type


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"a.txt", b"text/plain; charset=utf-8"),
        (b"a.HTML", b"text/html; charset=utf-8"),
        (b"a.css", b"text/css; charset=utf-8"),
        (b"a.js", b"text/javascript; charset=utf-8"),
        (b"a.json", b"application/json"),
        (b"a.png", b"image/png"),
        (b"a.svg", b"image/svg+xml"),
        (b"a.webp", b"image/webp"),
        (b"a.woff2", b"font/woff2"),
        (b"a.pdf", b"application/pdf"),
        (b"a.tar.gz", b"application/gzip"),
        (b"a.tgz", b"application/gzip"),
        (b"sub.html/a", b"application/octet-stream"),
        (b"a", b"application/octet-stream"),
        (b"a.unheard", b"application/octet-stream"),
        (b"a.", b"application/octet-stream"),
        (b".html", b"application/octet-stream"),
        (b"sub/.html", b"application/octet-stream"),
        (b"\xff\xfe.txt", b"text/plain; charset=utf-8"),
    ],
)
def test_types(name: bytes, kind: bytes) -> None:
    assert media_type(name) == kind
