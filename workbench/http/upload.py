"""Files that come in over HTTP: PUT of one, or a form with several (RFC 9110, RFC 7578).

A file is seen under its name only when all of it has come. Nothing is written outside the root,
nothing hidden, and nothing is replaced unless that is allowed. What a page of another site has a
browser send is turned away: a browser says where such a request comes from.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from urllib.parse import quote_from_bytes, urlsplit

from workbench.http.application import Answering
from workbench.http.exchange import Exchange
from workbench.http.incoming import Incoming, NameRefused
from workbench.http.multipart import FormReader, MultipartError, Part, PartEnd, boundary_of
from workbench.http.request_head import BadRequest, RequestHead
from workbench.http.response import Response, complete, lines, refusal
from workbench.http.static import StaticFiles
from workbench.http.target import Path, parse_target

FILES_LIMIT = 100
"""Files in one form."""

FORM_OVERHEAD = 1 << 20
"""Bytes that a form may have beside its files' content."""

METHODS = b"GET, HEAD, OPTIONS, PUT, POST"
_TEXT = b"text/plain; charset=utf-8"

_PROBLEMS = {
    errno.ENOSPC: (507, "the disk is full"),
    errno.EDQUOT: (507, "the quota of the disk is used up"),
    errno.EFBIG: (507, "files may not become that large here"),
    errno.EEXIST: (409, "there is something of that name already, and nothing is replaced here"),
    errno.EISDIR: (409, "there is a folder of that name"),
    errno.ENOTEMPTY: (409, "there is a folder of that name"),
    errno.ENOENT: (409, "there is no such folder"),
    errno.ENOTDIR: (409, "there is no such folder"),
    errno.EACCES: (403, "the server may not write there"),
    errno.EPERM: (403, "the server may not write there"),
    errno.EROFS: (403, "the server may not write there"),
    errno.EXDEV: (403, "a symbolic link here leads out of the root, or is absolute"),
    errno.ELOOP: (403, "a symbolic link here is not followed"),
    errno.ENAMETOOLONG: (400, "the name is too long for a file"),
    errno.EMFILE: (503, "the server has too many files open"),
    errno.ENFILE: (503, "the server has too many files open"),
}


class Uploads(Answering):
    """The files below a root, and more that come in.

    Args:
        overwrite: whether a file may be replaced.
        limit: bytes of one file, and of all the files of one form.
    """

    def __init__(self, files: StaticFiles, *, overwrite: bool, limit: int) -> None:
        super().__init__(files.respond)
        self._files = files
        self._overwrite = overwrite
        self._limit = limit
        self.respond = self._respond_or_begin  # type: ignore[method-assign]

    def _respond_or_begin(self, head: RequestHead) -> Response | None:
        """Files at once; what comes in, even if it is empty, begins an exchange."""
        if head.method in ("PUT", "POST"):
            return None
        if head.method == "OPTIONS":
            return Response(204, lines(((b"Allow", METHODS),)))
        return self._files.respond(head)

    def begin(self, exchange: Exchange) -> None:
        """Take in what a request brings."""
        head = exchange.head
        if head.method not in ("PUT", "POST"):
            super().begin(exchange)
            return
        try:
            self._take(exchange)
        except (NameRefused, MultipartError, OSError) as problem:
            exchange.answer(refused(problem))

    def _take(self, exchange: Exchange) -> None:
        head = exchange.head
        if _from_elsewhere(head):
            exchange.answer(refusal(403, "a page of another site may not send files here"))
            return
        path = parse_target(head.target)
        if isinstance(path, BadRequest):
            exchange.answer(refusal(path.status, path.reason))
            return
        _check_folders(path)
        boundary = boundary_of(head.get(b"content-type")) if head.method == "POST" else None
        if boundary is not None:
            if path.folder:
                self._form(exchange, path.relative, boundary)
            else:
                exchange.answer(refusal(404, "a form goes to a folder, whose name ends by a slash"))
        elif path.folder:
            words = "name the file that this is to become, or send a form (multipart/form-data)"
            exchange.answer(refusal(400 if head.method == "PUT" else 415, words))
        elif head.get(b"content-range") is not None:
            exchange.answer(refusal(400, "a file is taken whole, not in parts"))
        else:
            self._file(exchange, path)

    def _file(self, exchange: Exchange, path: Path) -> None:
        folder, _, name = path.relative.rpartition(b"/")
        # If-None-Match: * asks for what is the rule here unless files may be replaced.
        overwrite = self._overwrite and exchange.head.get(b"if-none-match") != b"*"
        length = exchange.head.content_length
        if length is not None and length > self._limit:
            exchange.answer(refusal(413, f"a file may have {self._limit} bytes here"))
            return
        coming = Incoming(self._files.root, folder or b".", name, overwrite=overwrite)
        exchange.on_gone = lambda _: coming.discard()

        def receive(piece: bytes) -> None:
            if piece:
                coming.write(piece)
                return
            new = coming.finish()
            exchange.answer(_stored((path.relative,), new=new))

        exchange.read_body(_careful(exchange, receive, coming.discard), self._limit)

    def _form(self, exchange: Exchange, folder: bytes, boundary: bytes) -> None:
        form = _Form(self, folder, boundary)
        exchange.on_gone = lambda _: form.discard()

        def receive(piece: bytes) -> None:
            if piece:
                form.take(piece)
                return
            names = form.finish()
            if b"text/html" in (exchange.head.get(b"accept") or b""):
                exchange.answer(_back())
            else:
                prefix = b"" if folder == b"." else folder + b"/"
                exchange.answer(_stored([prefix + name for name in names], new=True))

        limit = self._limit + FORM_OVERHEAD
        exchange.read_body(_careful(exchange, receive, form.discard), limit)

    def incoming(self, folder: bytes, name: bytes) -> Incoming:
        """A file of a form, whose name may come with the path that it had where it was."""
        name = name.replace(b"\\", b"/").rpartition(b"/")[2]
        return Incoming(self._files.root, folder, name, overwrite=self._overwrite)

    @property
    def limit(self) -> int:
        """Bytes of all the files of one form."""
        return self._limit


class _Form:
    """The files of a form, none of which gets its name before the whole form has come."""

    def __init__(self, uploads: Uploads, folder: bytes, boundary: bytes) -> None:
        self._uploads = uploads
        self._folder = folder
        self._reader = FormReader(boundary)
        self._files: list[Incoming] = []
        self._writing: Incoming | None = None
        self._length = 0

    def take(self, data: bytes) -> None:
        """Take in bytes of the form."""
        for piece in self._reader.receive(data):
            if isinstance(piece, Part):
                self._begin(piece)
            elif isinstance(piece, PartEnd):
                self._writing = None
            elif self._writing is not None:
                self._length += len(piece)
                if self._length > self._uploads.limit:
                    raise MultipartError(
                        413, f"the files of a form may have {self._uploads.limit} bytes here"
                    )
                self._writing.write(piece)

    def _begin(self, part: Part) -> None:
        if not part.filename:
            return  # a field of text, or a file that was not chosen
        if len(self._files) == FILES_LIMIT:
            raise MultipartError(413, f"a form may bring {FILES_LIMIT} files here")
        coming = self._uploads.incoming(self._folder, part.filename)
        if any(coming.name == other.name for other in self._files):
            coming.discard()
            raise NameRefused("two files of the form have one name")
        self._files.append(coming)
        self._writing = coming

    def finish(self) -> list[bytes]:
        """The form is whole: give its files their names."""
        self._reader.finish()
        if not self._files:
            raise MultipartError(400, "the form brings no file")
        try:
            for coming in self._files:
                coming.finish()
        finally:
            self.discard()
        return [coming.name for coming in self._files]

    def discard(self) -> None:
        """Leave nothing behind of what is not whole."""
        for coming in self._files:
            coming.discard()


def _careful(
    exchange: Exchange, receive: Callable[[bytes], None], discard: Callable[[], None]
) -> Callable[[bytes], None]:
    """A receiver that answers what goes wrong, once, and leaves nothing behind."""

    def careful(piece: bytes) -> None:
        if exchange.status:
            return
        try:
            receive(piece)
        except (NameRefused, MultipartError, OSError) as problem:
            discard()
            exchange.answer(refused(problem))
        except BaseException:
            discard()
            raise

    return careful


def refused(problem: NameRefused | MultipartError | OSError) -> Response:
    """The answer where something cannot be taken in."""
    if isinstance(problem, MultipartError):
        return refusal(problem.status, problem.reason)
    if isinstance(problem, NameRefused):
        return refusal(400, str(problem))
    status, reason = _PROBLEMS.get(
        problem.errno or 0, (500, f"the file cannot be written: {problem.strerror}")
    )
    return refusal(status, reason)


def _check_folders(path: Path) -> None:
    """Nothing goes into a hidden folder: what runs or grants rights lies there (.ssh, .git)."""
    for name in path.relative.split(b"/"):
        if name.startswith(b".") and name != b".":
            raise NameRefused("a name that begins by a dot is hidden, and not taken")


def _from_elsewhere(head: RequestHead) -> bool:
    """A browser sends this for a page of another origin (Fetch standard, sections 3.1 and 3.2)."""
    if head.get(b"sec-fetch-site") in (b"cross-site", b"same-site"):
        return True
    origin = head.get(b"origin")
    if origin is None:
        return False
    try:
        host = urlsplit(origin.decode("ascii")).netloc
    except (UnicodeDecodeError, ValueError):
        return True
    return host.lower().encode() != (head.get(b"host") or b"").lower()


def _stored(paths: Iterable[bytes], *, new: bool) -> Response:
    """What was stored, a line each."""
    places = [b"/" + quote_from_bytes(path, safe="/").encode() for path in paths]
    body = b"".join(b"%b\n" % place for place in places)
    where = ((b"Location", places[0]),) if new else ()
    return complete(201 if new else 200, _TEXT, body, where)


def _back() -> Response:
    """Have the browser show the folder again, not ask to send the form twice."""
    return Response(303, lines(((b"Location", b"./"), (b"Content-Length", b"0"))))
