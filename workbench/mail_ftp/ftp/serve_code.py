"""`serve ftp` as a script: enough of FTP on socketserver that curl and ftplib read a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.sockets.simple import Code
from workbench.sockets.simple import as_python as simple
from workbench.tls.serving.code import in_tls

if TYPE_CHECKING:
    from workbench.mail_ftp.ftp.serve import ServeFtp

_PRELUDE = """\
root = pathlib.Path({root!r}).resolve()
"""
_HANDLE = """\
lines, here, data = self.request.makefile("rwb"), root, None

def say(code, text):
    lines.write(f"{code} {text}\\r\\n".encode("utf-8", "surrogateescape"))
    lines.flush()

def place(name):
    path = (root / name.lstrip("/") if name.startswith("/") else here / name).resolve()
    return path if path == root or root in path.parents else root

def sent(pieces):
    say(150, "here it comes")
    with data.accept()[0] as peer:
        for piece in pieces:
            peer.sendall(piece)
    say(226, "done")

say(220, "ready")
for line in lines:
    word, _, given = line.decode("utf-8", "surrogateescape").strip().partition(" ")
    word, path = word.upper(), place(given)
    names = sorted(path.iterdir()) if path.is_dir() else [path]
    if word == "USER":
        say(331, "password?")
    elif word in ("PASS", "TYPE", "NOOP", "OPTS"):
        say(230 if word == "PASS" else 200, "fine")
    elif word == "PWD":
        say(257, f'"/{"" if here == root else here.relative_to(root)}"')
    elif word == "CWD" and path.is_dir():
        here = path
        say(250, "there")
    elif word in ("EPSV", "PASV"):
        data = socket.create_server((self.request.getsockname()[0], 0))
        host, port = data.getsockname()[:2]
        numbers = f"{host.replace('.', ',')},{port >> 8},{port & 255}"
        say(*((229, f"(|||{port}|)") if word == "EPSV" else (227, f"({numbers})")))
    elif word == "NLST":
        sent([f"{one.name}\\r\\n".encode() for one in names])
    elif word == "LIST":
        kinds = ["d" if one.is_dir() else "-" for one in names]
        about = zip(kinds, names, strict=True)
        sent([f"{kind}r--r--r-- 1 0 0 {one.stat().st_size} Jan  1  2026 {one.name}\\r\\n".encode()
              for kind, one in about])
    elif word == "SIZE" and path.is_file():
        say(213, path.stat().st_size)
    elif word == "RETR" and path.is_file():
        sent([path.read_bytes()])
    elif word == "QUIT":
        say(221, "bye")
        break
    else:
        say(502, "not here")
"""


def as_python(request: ServeFtp) -> str:
    """The script; with TLS from the start where that is asked for."""
    prelude = _PRELUDE.format(root=str(request.root))
    code = Code(("pathlib", "socket"), _HANDLE, "", prelude)
    return in_tls(simple(request.endpoint, code, "threading"), request)
