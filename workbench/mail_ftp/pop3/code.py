"""The job `pop3` as code: poplib, and curl."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.mail_ftp.pop3.job import Pop3

_PYTHON = """\
import poplib
import ssl
from pathlib import Path

context = ssl.create_default_context({cafile})
{unchecked}{connect}
try:
{start}    box.user({user!r})
    box.pass_({password!r})
{body}finally:
    box.quit()
"""

_LIST = """\
    for line in box.list()[1]:
        print(line.decode())
"""
_FETCH = """\
    message = b"\\r\\n".join(box.{call}[1]) + b"\\r\\n"
    {give}
"""
_UNCHECKED = "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"


def as_python(request: Pop3) -> str:
    """A script on poplib; the password stands in it, where one is given."""
    end = request.endpoint
    user, password = request.account(end)
    place = f"{end.host or '127.0.0.1'!r}, {end.port}, timeout={request.timeout:g}"
    secure = end.tls
    starts = not secure and request.starttls != "never"
    must = "" if request.starttls == "require" else '    if "STLS" in box.capa():\n    '
    body = ""
    if request.top:
        body += _fetch(f"top({request.top}, {request.lines})", "")
    for number in request.get:
        body += _fetch(f"retr({number})", "" if request.output is None else str(request.output))
    body += "".join(f"    box.dele({number})\n" for number in request.delete)
    return _PYTHON.format(
        cafile="" if request.ca is None else f"cafile={str(request.ca)!r}",
        unchecked=_UNCHECKED if request.insecure else "",
        connect=f"box = poplib.POP3_SSL({place}, context=context)"
        if secure
        else f"box = poplib.POP3({place})",
        start=f"{must}    box.stls(context=context)\n" if starts else "",
        user=user,
        password=password,
        body=body or _LIST,
    )


def _fetch(call: str, output: str) -> str:
    give = f'Path({output!r}).open("xb").write(message)' if output else "print(message.decode())"
    return _FETCH.format(call=call, give=give)


def as_shell(request: Pop3) -> str:
    """curl, a command for each thing to do."""
    end = request.endpoint
    user, password = request.account(end)
    kind = "pop3s" if end.tls else "pop3"
    host = f"[{end.host}]" if ":" in end.host else end.host or "127.0.0.1"
    words = ["curl", "-sS", "-m", f"{request.timeout:g}"]
    words += ["-u", f"{user}:{password}"] if user else []
    words += ["--cacert", str(request.ca)] if request.ca is not None else []
    words += ["-k"] if request.insecure else []
    if not end.tls and request.starttls != "never":
        words.append("--ssl-reqd" if request.starttls == "require" else "--ssl")
    url = f"{kind}://{host}:{end.port}/"
    commands = []
    if request.top:
        commands.append([*words, url, "-X", f"TOP {request.top} {request.lines}"])
    for number in request.get:
        saved = ["-o", str(request.output)] if request.output is not None else []
        commands.append([*words, *saved, f"{url}{number}"])
    commands += [[*words, "-l", f"{url}{number}", "-X", "DELE"] for number in request.delete]
    return "\n".join(shlex.join(one) for one in commands or [[*words, url]])
