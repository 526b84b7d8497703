"""A server that shows what comes, as a script of the standard library."""

from __future__ import annotations

import os

from workbench.core.endpoint import Endpoint
from workbench.http import script
from workbench.http.rules import Answer

_RULES = "# Rules are the workbench's own: this answers every request alike.\n"

_HANDLER = """\
class Inspect(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def answer(self):
        body = self.body()
        print(self.requestline, self.headers, repr(body), "", sep="\\n", flush=True)
        time.sleep({delay!r})
{content}
        self.send_response({status})
        for name, value in {headers!r}:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *args):
        pass
"""

_ECHO = """\
        told = {
            "method": self.command,
            "target": self.path,
            "headers": dict(self.headers.items()),
            "length": len(body),
            "data": body.decode("utf-8", "replace"),
        }
        content = json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\\n\""""

_FILE = """\
        with open({path!r}, "rb") as file:
            content = file.read()"""


def python(end: Endpoint, answer: Answer, *, rules: bool, user: str) -> str:
    """The script; it prints each request."""
    modules = {"http.server", "time", "socketserver" if end.is_unix else "socket"}
    headers = [(name.decode(), value.decode()) for name, value in answer.headers]
    kind = "text/plain; charset=utf-8"
    if answer.text is not None:
        content = f"        content = {answer.text!r}"
    elif answer.file is not None:
        content = _FILE.format(path=os.fspath(answer.file))
    else:
        content, kind = _ECHO, "application/json"
        modules.add("json")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", kind))
    handler = _HANDLER.format(
        delay=answer.delay, status=answer.status, content=content, headers=headers
    )
    parts = []
    if user:
        modules |= {"base64", "hmac", "os"}
        parts.append(script.wanted(user))
        handler = handler.rstrip("\n") + "\n\n" + script.GUARD.rstrip("\n") + "\n"
    text = script.whole(end, modules, [*parts, handler], "Inspect")
    return (_RULES if rules else "") + text
