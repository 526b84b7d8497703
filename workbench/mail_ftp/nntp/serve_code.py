"""serve nntp as a script of the standard library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.tls.serving.code import in_tls

if TYPE_CHECKING:
    from workbench.mail_ftp.nntp.serve import ServeNntp

_PYTHON = """\
import itertools
{imports}

GROUPS = {{name: {{}} for name in {names!r}}}
COUNT = itertools.count(1)


def parts(article):
    head, _, body = article.partition(b"\\r\\n\\r\\n")
    return head + b"\\r\\n", body


def field(article, name):
    for line in parts(article)[0].replace(b"\\r\\n ", b" ").split(b"\\r\\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip().replace(b"\\t", b" ")
    return b""


def overview(number, article):
    names = (b"subject", b"from", b"date", b"message-id", b"references")
    counts = (len(article), article.count(b"\\n"))
    return b"\\t".join([b"%d" % number, *(field(article, one) for one in names),
                       *(b"%d" % one for one in counts)])


class Handler(socketserver.StreamRequestHandler):
    def say(self, *lines):
        self.wfile.write(b"".join(line + b"\\r\\n" for line in lines))

    def block(self, status, lines):
        dotted = [b"." + line if line[:1] == b"." else line for line in lines]
        self.say(status, *dotted, b".")

    def posted(self):
        lines = []
        while (line := self.rfile.readline()) not in (b".\\r\\n", b".\\n", b""):
            lines.append(line[1:] if line[:1] == b"." else line)
        article = b"".join(lines).replace(b"\\r\\n", b"\\n").replace(b"\\n", b"\\r\\n")
        if not field(article, b"message-id"):
            article = b"Message-ID: <%d@workbench.invalid>\\r\\n" % next(COUNT) + article
        groups = [one.strip().decode() for one in field(article, b"newsgroups").split(b",")]
        there = [GROUPS[one] for one in groups if one in GROUPS]
        for one in there:
            one[len(one) + 1] = article
        self.say(b"240 posted" if there else b"441 no such group")

    def show(self, kind, group, words):
        if words and words[0].startswith("<"):
            found = [one for each in GROUPS.values() for one in each.values()
                     if field(one, b"message-id") == words[0].encode()]
            number, article = 0, found[0] if found else None
        else:
            number = int(words[0]) if words else 1
            article = (group or {{}}).get(number)
        if article is None:
            return self.say(b"430 no such article")
        code = {{"ARTICLE": 220, "HEAD": 221, "BODY": 222, "STAT": 223}}[kind]
        status = b"%d %d %s" % (code, number, field(article, b"message-id"))
        if kind == "STAT":
            return self.say(status)
        part = article if kind == "ARTICLE" else parts(article)[kind == "BODY"]
        self.block(status, part.removesuffix(b"\\r\\n").split(b"\\r\\n"))

    def handle(self):
        self.say(b"200 the workbench's news, posting allowed")
        group = None
        for line in self.rfile:
            kind, *words = line.decode("utf-8", "replace").split() or [""]
            kind = kind.upper()
            if kind == "QUIT":
                return self.say(b"205 goodbye")
            elif kind == "CAPABILITIES":
                self.block(b"101 what it can do", [b"VERSION 2", b"READER", b"POST", b"OVER",
                                                   b"LIST ACTIVE"])
            elif kind == "MODE":
                self.say(b"200 posting allowed")
            elif kind == "LIST" and "OVERVIEW.FMT" in words:
                self.block(b"215 a list follows", [b"Subject:", b"From:", b"Date:", b"Message-ID:",
                                                   b"References:", b":bytes", b":lines"])
            elif kind == "LIST":
                self.block(b"215 a list follows", [b"%s %d 1 y" % (name.encode(), len(one))
                                                   for name, one in GROUPS.items()])
            elif kind == "GROUP" and words and words[0] in GROUPS:
                group = GROUPS[words[0]]
                self.say(b"211 %d 1 %d %s" % (len(group), len(group), words[0].encode()))
            elif kind == "GROUP":
                self.say(b"411 no such group")
            elif kind in ("OVER", "XOVER") and group and words:
                first, dash, last = words[0].partition("-")
                last = int(last) if last else len(group) if dash else int(first)
                self.block(b"224 the overview follows",
                           [overview(number, article) for number, article in group.items()
                            if int(first) <= number <= last])
            elif kind == "POST":
                self.say(b"340 send it, a dot ends it")
                self.posted()
            elif kind in ("ARTICLE", "HEAD", "BODY", "STAT"):
                self.show(kind, group, words)
            else:
                self.say(b"500 no such command")


class Server(socketserver.ThreadingMixIn, socketserver.{base}):
    allow_reuse_address = True
    daemon_threads = True
{more}

with Server({address}, Handler) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""


def as_python(request: ServeNntp) -> str:
    """A threading socketserver; what is posted is in memory."""
    end = request.endpoint
    six = ":" in end.host and not end.is_unix
    script = _PYTHON.format(
        imports="import socket\nimport socketserver" if six else "import socketserver",
        names=[one.partition(" ")[0] for one in request.names] or ["workbench.test"],
        base="UnixStreamServer" if end.is_unix else "TCPServer",
        more="    address_family = socket.AF_INET6\n" if six else "",
        address=repr(end.unix_address if end.is_unix else (end.host or "0.0.0.0", end.port)),
    )
    return in_tls(script, request)
