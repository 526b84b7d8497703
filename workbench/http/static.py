"""A server of files: a request head and a root in, a response out. No socket in it.

Files whose names begin by a dot are served and listed like others: the root is what the user
chose to show.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from workbench.http import files, listing
from workbench.http.conditional import Validators, evaluate, range_applies
from workbench.http.dates import format_date
from workbench.http.media_types import media_type
from workbench.http.ranges import Span, select
from workbench.http.request_head import BadRequest, RequestHead
from workbench.http.response import FilePart, Response, complete, lines, refusal
from workbench.http.target import Path, parse_target

SMALL = 64 * 1024
"""Bytes up to which a file is read and sent in one piece with its head; above, by sendfile."""

METHODS = ("GET", "HEAD", "OPTIONS")
_ALLOW = ((b"Allow", b"GET, HEAD, OPTIONS"),)
_OTHER_METHODS = frozenset(("POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"))

_HTML = b"text/html; charset=utf-8"
_PAGE_FIELDS = (
    (b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"Cache-Control", b"no-cache"),
)
_FORM_FIELDS = (
    (
        b"Content-Security-Policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    ),
    (b"Cache-Control", b"no-cache"),
)
_QUERY_SAFE = "".join(chr(c) for c in range(0x21, 0x7F))
"""A query goes back as it came; only bytes that a URL may not hold are escaped."""

_TICK = 0.02
_COARSE_TICK = 2.0
_REMEMBERED = 4096

Signature = tuple[int, int, int, int]

_REFUSALS = {
    errno.ENOENT: (404, "there is no such file"),
    errno.ENOTDIR: (404, "there is no such file"),
    errno.ENAMETOOLONG: (404, "the name is too long for a file"),
    errno.EACCES: (403, "the server may not read this file"),
    errno.EPERM: (403, "the server may not read this file"),
    errno.EXDEV: (403, "a symbolic link here leads out of the root, or is absolute"),
    errno.ELOOP: (403, "a symbolic link here is not followed"),
    errno.EMFILE: (503, "the server has too many files open"),
    errno.ENFILE: (503, "the server has too many files open"),
    errno.EAGAIN: (503, "the folder is being changed; try again"),
}


class StaticFiles:
    """The files below a root, as HTTP resources.

    Args:
        form: whether listings have a form that sends files.
    """

    def __init__(self, root: files.Root, *, form: bool = False) -> None:
        self.root = root
        self._form = form
        self._remembered: dict[bytes, _Described] = {}

    def respond(self, head: RequestHead) -> Response:
        """The response to a request; a descriptor in its body belongs to the caller."""
        method = head.method
        if method not in METHODS:
            return _no_method(method)
        if method == "OPTIONS":
            return _options()
        path = parse_target(head.target)
        if isinstance(path, BadRequest):
            response = refusal(path.status, path.reason)
        else:
            try:
                response = self._serve(head, path)
            except OSError as problem:
                status, reason = _REFUSALS.get(
                    problem.errno or 0, (500, f"the file cannot be read: {problem.strerror}")
                )
                response = refusal(status, reason)
        if method == "HEAD":
            response.let_go()
        return response

    def _serve(self, head: RequestHead, path: Path) -> Response:
        fd = self.root.open(path.relative)
        try:
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode):
                if path.folder:
                    return refusal(404, "there is no such folder")
                return self._file(head, path.relative, fd, status)
            if not stat.S_ISDIR(status.st_mode):
                return refusal(403, "this is no file that could be sent")
            if path.folder:
                return self._folder(head, path.relative, fd)
            location = path.url() + quote_from_bytes(path.query, safe=_QUERY_SAFE).encode()
            return refusal(301, "a folder's name ends by a slash", ((b"Location", location),))
        finally:
            os.close(fd)

    def _folder(self, head: RequestHead, relative: bytes, fd: int) -> Response:
        """The folder's index.html, or a listing."""
        index = b"index.html" if relative == b"." else relative + b"/index.html"
        try:
            below = self.root.open(index)
        except FileNotFoundError:
            pass
        else:
            try:
                status = os.fstat(below)
                if stat.S_ISREG(status.st_mode):
                    return self._file(head, index, below, status)
            finally:
                os.close(below)
        page = listing.page(relative, *files.entries(fd), form=self._form)
        return complete(200, _HTML, page, _FORM_FIELDS if self._form else _PAGE_FIELDS)

    def _file(self, head: RequestHead, name: bytes, fd: int, status: os.stat_result) -> Response:
        """The file, a part of it, or word that the client has it already."""
        now = time.time()
        signature = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._remembered.get(name)
        if known is None or known.signature != signature:
            known = _describe(name, signature, now)
            if known.settled:
                if len(self._remembered) >= _REMEMBERED:
                    self._remembered.clear()
                self._remembered[name] = known
        size = status.st_size
        if len(head.fields) > 1:
            verdict = evaluate(head, known.validators)
            if verdict == 304:
                return Response(304, known.validator_lines)
            if verdict is not None:
                return refusal(verdict, "the file is not in the state that the request asks for")
            asked = head.get(b"range")
            if (
                asked is not None
                and head.method == "GET"
                and range_applies(head, known.validators, now)
            ):
                spans = select(asked, size)
                if spans is not None:
                    return _partial(known, fd, size, spans)
        if head.method == "HEAD":
            return Response(200, known.lines)
        if size > SMALL:
            return Response(200, known.lines, [FilePart(os.dup(fd), 0, size)], size)
        data = files.read(fd, 0, size)
        if len(data) < size:
            # Cut short since it was looked at: what there is, with nothing that vouches for it.
            return complete(200, known.kind, data)
        return Response(200, known.lines, [data], size)


class _Described(NamedTuple):
    """What is told of a file in one state; `settled` if a change from now on would show."""

    signature: Signature
    validators: Validators
    kind: bytes
    lines: bytes
    validator_lines: bytes
    settled: bool


def _describe(name: bytes, signature: Signature, now: float) -> _Described:
    """The head fields of a file.

    The ETag stands on the time of the last change of the inode, which unlike that of the content
    nobody can set back. A file changed within the clock's last tick may change again and keep
    all of this, so its ETag is weak.
    """
    inode, size, modified_ns, changed_ns = signature
    tick = _TICK if changed_ns % 1_000_000_000 else _COARSE_TICK
    settled = now - changed_ns / 1e9 > tick
    etag = b'%b"%x-%x-%x"' % (b"" if settled else b"W/", changed_ns, size, inode)
    modified = min(modified_ns // 1_000_000_000, int(now))
    settled = settled and modified_ns <= now * 1e9
    validator_lines = lines(
        (
            (b"ETag", etag),
            (b"Last-Modified", format_date(modified)),
            (b"Cache-Control", b"no-cache"),
        )
    )
    kind = media_type(name)
    own = lines(
        (
            (b"Content-Type", kind),
            (b"Content-Length", b"%d" % size),
            (b"Accept-Ranges", b"bytes"),
            (b"X-Content-Type-Options", b"nosniff"),
        )
    )
    validators = Validators(etag, modified)
    return _Described(signature, validators, kind, own + validator_lines, validator_lines, settled)


def _partial(known: _Described, fd: int, size: int, spans: list[Span]) -> Response:
    """One part as it is, several as multipart/byteranges (RFC 9110 sections 14.6 and 15.3.7)."""
    if not spans:
        extent = ((b"Content-Range", b"bytes */%d" % size),)
        return refusal(416, f"the file has {size} bytes", extent)
    kind, extra = known.kind, b""
    if len(spans) == 1:
        extra = b"Content-Range: %b\r\n" % spans[0].content_range(size)
        separators = [b"", b""]
    else:
        boundary = secrets.token_hex(16).encode()
        kind = b"multipart/byteranges; boundary=" + boundary
        separators = [
            b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n"
            % (boundary, known.kind, span.content_range(size))
            for span in spans
        ]
        separators.append(b"\r\n--%b--\r\n" % boundary)
    content = sum(span.length for span in spans)
    length = content + sum(map(len, separators))
    own = (
        (b"Content-Type", kind),
        (b"Content-Length", b"%d" % length),
        (b"X-Content-Type-Options", b"nosniff"),
    )
    response = Response(206, extra + lines(own) + known.validator_lines, length=length)
    try:
        _fill(response.body, fd, spans, separators, in_memory=content <= SMALL)
    except BaseException:
        response.let_go()
        raise
    if content <= SMALL and sum(map(len, response.body)) < length:
        return refusal(503, "the file is being changed; try again")
    return response


def _fill(
    body: list[bytes | FilePart],
    fd: int,
    spans: list[Span],
    separators: list[bytes],
    *,
    in_memory: bool,
) -> None:
    """The parts of a file, with what stands before, between and after them."""
    for separator, span in zip(separators, spans, strict=False):
        body.append(separator)
        body.append(files.read(fd, *span) if in_memory else FilePart(os.dup(fd), *span))
    body.append(separators[-1])


def _options() -> Response:
    return Response(204, lines(_ALLOW))


def _no_method(method: str) -> Response:
    if method in _OTHER_METHODS:
        return refusal(405, "files are only read here", _ALLOW)
    return refusal(501, "this method is not known here", _ALLOW)
