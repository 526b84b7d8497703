"""The standard library's servers of HTTP as scripts, for the jobs that are shown as code."""

from __future__ import annotations

from workbench.core.endpoint import Endpoint

_TCP = """\
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.{family}
"""

_UNIX = """\
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        request, _ = super().get_request()
        return request, ("local", 0)
"""

_SERVE = """\
with Server({address!r}, {handler}) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""

GUARD = """\
    def parse_request(self):
        if not super().parse_request():
            return False
        if hmac.compare_digest(self.headers.get("Authorization", "").encode(), WANTED):
            return True
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="files"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True
        return False

"""

_WANTED = """\
# The password comes from the environment: PASSWORD=... python3 this
PAIR = ({user!r} + ":" + os.environ["PASSWORD"]).encode()
WANTED = b"Basic " + base64.b64encode(PAIR)
"""

_UPLOAD = """\
    def do_PUT(self):
        path = self.translate_path(self.path)
        name = os.path.basename(path)
        length = int(self.headers.get("Content-Length", -1))
        if length < 0 or not name or name.startswith("."):
            return self.send_error(411 if length < 0 else 400)
        if length > {limit}:
            return self.send_error(413)
        if {taken}(path):
            return self.send_error(409)
        self.store(path, self.rfile.read(length), length)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", -1))
        if not 0 <= length <= {limit}:
            return self.send_error(413)
        head = "Content-Type: " + self.headers.get("Content-Type", "") + "\\r\\n\\r\\n"
        body = self.rfile.read(length)
        form = email.message_from_bytes(head.encode() + body, policy=email.policy.HTTP)
        for part in form.iter_parts() if form.is_multipart() else ():
            name = os.path.basename(part.get_filename() or "")
            if name and not name.startswith("."):
                path = os.path.join(self.translate_path(self.path), name)
                if {taken}(path):
                    return self.send_error(409)
                content = part.get_payload(decode=True)
                return self.store(path, content, len(content))
        self.send_error(400)

    def store(self, path, content, length):
        if len(content) < length:
            return self.send_error(400)
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path), delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

"""


def files(end: Endpoint, root: str, *, upload: bool, overwrite: bool, limit: int, user: str) -> str:
    """A script that serves the files of a folder; of a form it takes the first file."""
    modules = {"functools", "http.server", "socketserver" if end.is_unix else "socket"}
    methods = before = ""
    if upload:
        modules |= {"email", "email.policy", "os", "tempfile"}
        methods += _UPLOAD.format(
            limit=limit, taken="os.path.isdir" if overwrite else "os.path.lexists"
        )
    if user:
        modules |= {"base64", "hmac", "os"}
        methods += GUARD
        before = wanted(user)
    base = "http.server.SimpleHTTPRequestHandler"
    parts = []
    if methods:
        parts.append(f"class Files({base}):\n{methods.rstrip()}\n")
        base = "Files"
    folder = f"Folder = functools.partial({base}, directory={root!r})\n"
    return whole(end, modules, [*parts, before + folder], "Folder")


def wanted(user: str) -> str:
    """What a script that asks for a name and a password compares with."""
    return _WANTED.format(user=user)


def whole(end: Endpoint, modules: set[str], parts: list[str], handler: str) -> str:
    """A script that serves with a handler which its parts define."""
    imports = "".join(f"import {name}\n" for name in sorted(modules))
    if end.is_unix:
        address: object = end.unix_address
        server = _UNIX
    else:
        family = "AF_INET6" if ":" in end.host else "AF_INET"
        address = (end.host or "127.0.0.1", end.port)
        server = _TCP.format(family=family)
    serve = _SERVE.format(address=address, handler=handler)
    return "\n\n".join([imports, server, *parts]).rstrip("\n") + "\n" + serve
