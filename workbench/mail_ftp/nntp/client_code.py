"""nntp as code: a script on a bare socket, and socat."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.mail_ftp.nntp.job import NewsRequest

_PYTHON = """\
{imports}

{connect}
file = peer.makefile("rwb")


def status():
    line = file.readline().decode("utf-8", "replace").rstrip()
    if not line or line[0] in "45":
        raise SystemExit(line or "the server hung up")
    return line


def ask(command):
    file.write(command.encode() + b"\\r\\n")
    file.flush()
    return status()


def block():
    while (line := file.readline()) not in (b".\\r\\n", b".\\n", b""):
        yield line[1:] if line[:1] == b"." else line


status()
{begin}{do}ask("QUIT")
"""
_SHOW = """\
for line in block():
    sys.stdout.buffer.write(line)
"""
_POST = """\
with open({file!r}, "rb") as article:
    lines = article.read().replace(b"\\r\\n", b"\\n").splitlines()
ask("POST")
for line in lines:
    file.write((b"." if line[:1] == b"." else b"") + line + b"\\r\\n")
print(ask("."))
"""
_PASSWORD = "NNTP_PASSWORD"


def as_python(request: NewsRequest) -> str:
    """A script that says the same lines; the password stands in the environment."""
    end = request.endpoint
    imports = {"socket", "sys"}
    if end.is_unix:
        connect = f"peer = socket.socket(socket.AF_UNIX)\npeer.connect({end.unix_address!r})"
    else:
        place = (end.host or "localhost", end.require_port())
        connect = f"peer = socket.create_connection({place!r}, {request.timeout:g})"
    wrap = ""
    if end.tls or request.starttls == "require":
        imports.add("ssl")
        given = f"cafile={str(request.ca)!r}" if request.ca else ""
        wrap = f"context = ssl.create_default_context({given})\n"
        if request.insecure:
            wrap += "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"
        name = request.server_name or end.host
        wrap += f"peer = context.wrap_socket(peer, server_hostname={name!r})"
    begin = ""
    if end.tls:
        connect += f"\n{wrap}"
    elif wrap:
        begin += f'ask("STARTTLS")\n{wrap}\nfile = peer.makefile("rwb")\n'
    begin += 'ask("MODE READER")\n'
    user, password = request.account(end)
    if user:
        begin += f"ask({f'AUTHINFO USER {user}'!r})\n"
        if password:
            imports.add("os")
            begin += f'ask("AUTHINFO PASS " + os.environ["{_PASSWORD}"])\n'
    return _PYTHON.format(
        imports="\n".join(f"import {one}" for one in sorted(imports)),
        connect=connect,
        begin=begin,
        do=_do(request),
    )


def _do(request: NewsRequest) -> str:
    if request.post:
        return _POST.format(file=0 if request.post == "-" else request.post)
    if request.article:
        group = f"ask({f'GROUP {request.group}'!r})\n" if request.group else ""
        return f"{group}ask({f'ARTICLE {request.article}'!r})\n{_SHOW}"
    if request.group:
        return (
            f"_, _, low, high, *_ = ask({f'GROUP {request.group}'!r}).split()\n"
            f'ask(f"OVER {{max(int(low), int(high) - {request.last - 1})}}-{{high}}")\n{_SHOW}'
        )
    return f"ask({f'LIST ACTIVE {request.filter}'.rstrip()!r})\n{_SHOW}"


def as_shell(request: NewsRequest) -> str:
    """printf and socat; of a group its whole overview, the password from the environment."""
    end = request.endpoint
    lines = ["MODE READER"]
    user, password = request.account(end)
    if user:
        lines.append(f"AUTHINFO USER {user}")
    said = [f"printf {shlex.quote(''.join(_escaped(line) for line in lines))}"]
    if user and password:
        said.append(f"printf 'AUTHINFO PASS %s\\r\\n' \"${_PASSWORD}\"")
    if request.post:
        file = "" if request.post == "-" else f" {shlex.quote(request.post)}"
        said += ["printf 'POST\\r\\n'", "sleep 1", f"sed 's/\\r$//; s/^\\./../; s/$/\\r/'{file}"]
        rest = [".", "QUIT"]
    elif request.article:
        rest = [f"GROUP {request.group}"] if request.group else []
        rest += [f"ARTICLE {request.article}", "QUIT"]
    elif request.group:
        rest = [f"GROUP {request.group}", "OVER 1-", "QUIT"]
    else:
        rest = [f"LIST ACTIVE {request.filter}".rstrip(), "QUIT"]
    said.append(f"printf {shlex.quote(''.join(_escaped(line) for line in rest))}")
    where = f"UNIX-CONNECT:{end.unix_path}" if end.is_unix else f"TCP:{end.authority}"
    if end.tls:
        trust = "verify=0" if request.insecure else "verify=1"
        trust += f",cafile={request.ca}" if request.ca else ""
        where = f"OPENSSL:{end.authority},{trust}"
    return f"({'; '.join(said)}) | socat -t {request.timeout:g} - {shlex.quote(where)}"


def _escaped(line: str) -> str:
    """A line as printf's format."""
    return line.replace("\\", "\\\\").replace("%", "%%") + "\\r\\n"
