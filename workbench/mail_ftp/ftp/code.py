"""`ftp` as a script on ftplib, and as curl or lftp do it."""

from __future__ import annotations

import posixpath
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from workbench.mail_ftp.ftp.job import Ftp

_HEAD = """\
import ftplib
import os
{imports}
{tls}ftp = ftplib.{kind}
ftp.connect({host!r}, {port})
ftp.login({user!r}, {password})
{protect}ftp.set_pasv({passive})
"""
_LIST = """\
for name, facts in sorted(ftp.mlsd({path!r})):
    if facts["type"] not in ("cdir", "pdir"):
        print(facts["type"], facts.get("size", "-"), name)
"""
_TREE = """\

def fetch(path, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, facts in list(ftp.mlsd(path)):
        if facts["type"] == "dir":
            fetch(f"{{path}}/{{name}}", folder / name)
        elif facts["type"] == "file" and "/" not in name:
            with open(folder / name, "xb") as file:
                ftp.retrbinary(f"RETR {{path}}/{{name}}", file.write)


fetch({path!r}, pathlib.Path({output!r}))
"""


def as_python(request: Ftp) -> str:
    """The script; a password comes from the variable PASSWORD."""
    end = request.endpoint
    user, password = request.account(end)
    secure = end.tls or request.starttls != "never"
    implicit = end.tls
    path = request.path
    bare = path.rstrip("/") or path
    tls = protect = ""
    kind = "FTP()"
    if implicit or (secure and request.starttls == "require"):
        ca = f"cafile={str(request.ca)!r}" if request.ca else ""
        tls = f"context = ssl.create_default_context({ca})\n"
        if request.insecure:
            tls += "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"
        kind, protect = "FTP_TLS(context=context)", "ftp.prot_p()\n"
    output = str(request.output) if request.output is not None else ""
    tree = request.output is not None and (not path or path.endswith("/"))
    imports = ("import pathlib\n" if tree else "") + ("import ssl\n" if tls else "")
    script = _HEAD.format(
        imports=imports, tls=tls, kind=kind, host=end.host or "localhost",
        port=end.require_port(), user=user or "anonymous",
        password='os.environ["PASSWORD"]' if password else "'anonymous@'",
        protect=protect, passive=not request.active,
    )  # fmt: skip
    if not password:
        script = script.replace("import os\n", "", 1)
    if request.mkdir:
        body = f"print(ftp.mkd({bare!r}))\n"
    elif request.chmod:
        body = f"print(ftp.sendcmd({f'SITE CHMOD {request.chmod} {bare}'!r}))\n"
    elif request.rename:
        body = f"print(ftp.rename({bare!r}, {request.rename!r}))\n"
    elif request.delete:
        body = f"print(ftp.{'rmd' if path.endswith('/') else 'delete'}({bare!r}))\n"
    elif request.put:
        body = "".join(
            f"ftp.storbinary({f'STOR {_place(request, one.resolve().name)}'!r}, "
            f"open({str(one)!r}, 'rb'))\n"
            for one in request.put
        )
    elif tree:
        body = _TREE.format(path=bare, output=output)
    elif output:
        body = f"with open({output!r}, 'xb') as file:\n"
        body += f"    ftp.retrbinary({f'RETR {path}'!r}, file.write)\n"
    elif path and not path.endswith("/"):
        body = f"ftp.voidcmd('TYPE I')\nprint('file', ftp.size({path!r}), {path!r})\n"
    else:
        body = _LIST.format(path=bare)
    return f"{script}{body}ftp.quit()\n"


def as_shell(request: Ftp) -> str:
    """curl for one thing, lftp for folders and changes."""
    end = request.endpoint
    user, password = request.account(end)
    who = user or "anonymous"
    path = request.path
    folders = request.output is not None and (not path or path.endswith("/"))
    folders = folders or any(one.is_dir() for one in request.put)
    if folders or request.mkdir or request.chmod or request.rename or request.delete:
        return _lftp(request, who, bool(password), path)
    words = ["curl", "-sS"]
    if not end.tls and request.starttls != "never":
        words.append("--ssl-reqd" if request.starttls == "require" else "--ssl")
    if request.ca is not None:
        words += ["--cacert", str(request.ca)]
    if request.insecure:
        words.append("--insecure")
    if request.active:
        words += ["--ftp-port", "-"]
    secret = '"$PASSWORD"' if password else "anonymous@"
    login = f"--user {shlex.quote(who)}:{secret}"
    url = f"{end.scheme}://{end.authority}/{quote(path)}"
    if request.put:
        files = " ".join(shlex.quote(str(one)) for one in request.put)
        return f"{shlex.join(words)} {login} --upload-file {files} {shlex.quote(url)}"
    if request.output is not None:
        words += ["--output", str(request.output)]
    elif path and not path.endswith("/"):
        words.append("--head")
    return f"{shlex.join(words)} {login} {shlex.quote(url)}"


def _lftp(request: Ftp, who: str, secret: bool, path: str) -> str:
    end = request.endpoint
    bare = path.rstrip("/") or "."
    sets = [f"set ftp:ssl-force {'true' if request.starttls == 'require' else 'false'}"]
    if request.ca is not None:
        sets.append(f"set ssl:ca-file {request.ca}")
    if request.insecure:
        sets.append("set ssl:verify-certificate no")
    if request.starttls == "never":
        sets.append("set ftp:ssl-allow no")
    if request.mkdir:
        do = f"mkdir {shlex.quote(bare)}"
    elif request.chmod:
        do = f"chmod {request.chmod} {shlex.quote(bare)}"
    elif request.rename:
        do = f"mv {shlex.quote(bare)} {shlex.quote(request.rename)}"
    elif request.delete:
        do = f"{'rmdir' if path.endswith('/') else 'rm'} {shlex.quote(bare)}"
    elif request.put:
        do = "; ".join(
            f"mirror -R {shlex.quote(str(one))} {shlex.quote(_place(request, one.resolve().name))}"
            for one in request.put
        )
    else:
        do = f"mirror {shlex.quote(bare)} {shlex.quote(str(request.output))}"
    login = f"open --user {shlex.quote(who)} --env-password {end.scheme}://{end.authority}"
    script = "; ".join([*sets, login, do])
    password = 'LFTP_PASSWORD="$PASSWORD"' if secret else "LFTP_PASSWORD=anonymous@"
    return f"{password} lftp -c {shlex.quote(script)}"


def _place(request: Ftp, name: str) -> str:
    path = request.path
    return posixpath.join(path, name) if not path or path.endswith("/") else path
