"""`cookies` as code: http.cookiejar, and curl(1) and awk(1)."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from workbench.http.client.cookie_files import NETSCAPE_HEAD, read_cookies, write_line
from workbench.http.client.cookies import Jar

if TYPE_CHECKING:
    from workbench.http.cookies.job import Cookies

_PYTHON = """\
import email.message
import http.cookiejar
import os
import urllib.request

jar = http.cookiejar.{kind}()
if os.path.exists({file!r}):
    jar.load({file!r}, ignore_discard=True, ignore_expires=True)
for one in jar:
    if one.expires == 0:  # the session's end, as curl and browsers write it
        one.expires, one.discard = None, True
"""
_SET = """\
request = urllib.request.Request({url!r})
for line in {lines!r}:
    answer = email.message.Message()
    answer["Set-Cookie"] = line
    answer.info = lambda answer=answer: answer
    jar.extract_cookies(answer, request)
"""
_DELETE = """\
for one in list(jar):
    wanted, domain = {domain!r}, one.domain.lstrip(".")
    if {names} and {path} and (not wanted or f".{{domain}}".endswith(f".{{wanted}}")):
        jar.clear(one.domain, one.path, one.name)
"""
_WRITE = """\
written = http.cookiejar.{kind}()
for one in jar:
    written.set_cookie(one)
written.save({file!r}, ignore_discard=True, ignore_expires=True)
"""
_SENT = """\
request = urllib.request.Request({url!r})
jar.add_cookie_header(request)
print("Cookie:", request.get_header("Cookie"))
"""
_LIST = """\
for one in jar:
    print(f"{one.name}={one.value}", one.domain.lstrip("."), one.path)
"""
_KINDS = {"netscape": "MozillaCookieJar", "lwp": "LWPCookieJar"}


def _form(request: Cookies) -> str:
    return read_cookies(request.jar)[1] if request.jar.is_file() else "netscape"


def python(request: Cookies) -> str:
    """A script on http.cookiejar, whose rules are older than RFC 6265bis."""
    form = _form(request)
    url = str(request.place() or "")
    parts = [_PYTHON.format(kind=_KINDS[form], file=str(request.jar))]
    if request.set:
        parts.append(_SET.format(url=url, lines=request.set))
    if request.delete:
        names = "True" if "*" in request.delete else f"one.name in {request.delete!r}"
        path = f"one.path == {request.path!r}" if request.path else "True"
        parts.append(_DELETE.format(names=names, path=path, domain=request.domain.lower()))
    if request.set or request.delete or request.output or request.form != "same":
        kind = _KINDS[form if request.form == "same" else request.form]
        parts.append(_WRITE.format(kind=kind, file=str(request.output or request.jar)))
    parts.append(_SENT.format(url=url) if url else _LIST)
    return "".join(parts)


_READ = """{sub(/^#HttpOnly_/, "")} NF > 5 && !/^#/ """


def shell(request: Cookies) -> str:
    """Lines; curl and awk know Netscape's form alone."""
    url = request.place()
    if _form(request) != "netscape" or request.form == "lwp":
        return "echo 'curl and awk know the form of Netscape alone: see --python' >&2; exit 1"
    file = shlex.quote(str(request.jar))
    lines = []
    if request.output is not None:
        output = shlex.quote(str(request.output))
        lines.append(f"cp {file} {output}")
        file = output
    for line in request.set:
        jar = Jar()
        assert url is not None
        made = jar.set(url, line.encode("utf-8", "surrogateescape"))
        if not made.accepted or made.cookie is None:
            lines.append(f"echo {shlex.quote(f'{made.what}: {made.why}')} >&2")
            continue
        head = shlex.quote(NETSCAPE_HEAD)
        lines.append(f"test -s {file} || printf %s {head} > {file}")
        lines.append(f"printf %s {shlex.quote(write_line(made.cookie))} >> {file}")
    if request.delete:
        lines.append(_awk_delete(request, file))
    if url is not None:
        where = shlex.quote(str(url))
        lines.append(
            f"curl -sv -o /dev/null -b {file} {where} 2>&1 | sed -n 's/^> Cookie/Cookie/p'"
        )
    else:
        lines.append(f"awk -F'\\t' '{_READ}{{print $6 \"=\" $7, $1, $3}}' {file} | sed 's/ \\./ /'")
    return "\n".join(lines)


def _awk_delete(request: Cookies, file: str) -> str:
    """Keep every line but those of the cookies that go."""
    names = " || ".join("1" if name == "*" else f"$6 == {_awk(name)}" for name in request.delete)
    tests = [f"({names})"]
    if request.path:
        tests.append(f"$3 == {_awk(request.path)}")
    if request.domain:
        wanted = _awk("." + request.domain.lower().removeprefix("."))
        tests.append(f'substr("." d, length("." d) - length({wanted}) + 1) == {wanted}')
    program = (
        '{d = $1; sub(/^#HttpOnly_/, "", d); sub(/^\\./, "", d)} '
        f"!(NF > 5 && (!/^#/ || /^#HttpOnly_/) && {' && '.join(tests)})"
    )
    return f"awk -F'\\t' {shlex.quote(program)} {file} > {file}.new && mv {file}.new {file}"


def _awk(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
