"""The job `imap` as code: imaplib, and curl."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from workbench.mail_ftp.imap.codec import folder_bytes, sequence

if TYPE_CHECKING:
    from workbench.mail_ftp.imap.job import Imap

_START = """\
import imaplib
import ssl
from pathlib import Path

context = ssl.create_default_context({cafile})
{unchecked}
with {connect} as box:
{start}    box.login({user!r}, {password!r})
"""
_UNCHECKED = "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"


def as_python(request: Imap) -> str:
    """A script on imaplib; the password stands in it, where one is given."""
    end = request.endpoint
    user, password = request.account(end)
    place = f"{end.host or '127.0.0.1'!r}, {end.port}, timeout={request.timeout:g}"
    starts = not end.tls and request.starttls != "never"
    must = "" if request.starttls == "require" else '    if "STARTTLS" in box.capabilities:\n    '
    script = _START.format(
        cafile="" if request.ca is None else f"cafile={str(request.ca)!r}",
        unchecked=_UNCHECKED if request.insecure else "",
        connect=f"imaplib.IMAP4_SSL({place.replace(', timeout', ', ssl_context=context, timeout')})"
        if end.tls
        else f"imaplib.IMAP4({place})",
        start=f"{must}    box.starttls(context)\n" if starts else "",
        user=user,
        password=password,
    )
    return script + "".join(f"    {line}\n" for line in _lines(request))


def _mailbox(name: str) -> str:
    """A folder as imaplib sends it, which quotes nothing."""
    data = folder_bytes(name).decode("ascii")
    return '"' + data.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lines(request: Imap) -> list[str]:
    if not request.folder:
        return ["for line in box.list()[1]:", "    print(line.decode())"]
    folder = _mailbox(request.folder)
    if request.append is not None:
        read = f"Path({str(request.append)!r}).read_bytes()"
        return [f"print(box.append({folder!r}, None, None, {read}))"]
    changes = bool(request.flag or request.unflag or request.move or request.delete)
    lines = [f"print(box.select({folder!r}, readonly={not changes}))"]
    uids = sequence(list(request.uid))
    for flag, sign in ((request.flag, "+"), (request.unflag, "-")):
        if flag:
            name = flag if flag.startswith("\\") else f"\\{flag.capitalize()}"
            lines.append(f"print(box.uid('STORE', {uids!r}, '{sign}FLAGS', {f'({name})'!r}))")
    for target, verb in ((request.copy, "COPY"), (request.move, "MOVE")):
        if target:
            lines.append(f"print(box.uid({verb!r}, {uids!r}, {_mailbox(target)!r}))")
    if request.delete:
        lines.append(f"box.uid('STORE', {uids!r}, '+FLAGS.SILENT', '(\\\\Deleted)')")
        lines.append(f"print(box.uid('EXPUNGE', {uids!r}))")
    if request.get:
        section = f"BODY.PEEK[{request.part}]"
        lines.append(f"data = box.uid('FETCH', '{request.get}', {section!r})[1][0][1]")
        lines.append(
            "print(data.decode(errors='replace'))"
            if request.output is None
            else f"Path({str(request.output)!r}).open('xb').write(data)"
        )
    elif request.search:
        lines.append(f"print(box.uid('SEARCH', {_search_words(request.search)!r})[1])")
    elif len(lines) == 1 and not request.copy:
        lines = [f"count = int(box.select({folder!r}, readonly=True)[1][0])"]
        lines.append(f"first = max(1, count - {request.newest} + 1)")
        lines.append("what = '(UID FLAGS RFC822.SIZE ENVELOPE)'")
        lines.append("for line in box.fetch(f'{first}:{count}', what)[1] if count else []:")
        lines.append("    print(line)")
    return lines


def _criteria(text: str) -> str:
    from workbench.mail_ftp.imap.mailbox import is_keys

    return text if is_keys(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_shell(request: Imap) -> str:
    """curl; what it has no URL for is said as IMAP says it."""
    end = request.endpoint
    user, password = request.account(end)
    host = f"[{end.host}]" if ":" in end.host else end.host or "127.0.0.1"
    words = ["curl", "-sS", "-m", f"{request.timeout:g}"]
    words += ["-u", f"{user}:{password}"] if user else []
    words += ["--cacert", str(request.ca)] if request.ca is not None else []
    words += ["-k"] if request.insecure else []
    if not end.tls and request.starttls != "never":
        words.append("--ssl-reqd" if request.starttls == "require" else "--ssl")
    url = f"{'imaps' if end.tls else 'imap'}://{host}:{end.port}/"
    if request.folder:
        url += quote(request.folder, safe="")
    return "\n".join(shlex.join([*words, *one]) for one in _commands(request, url))


def _commands(request: Imap, url: str) -> list[list[str]]:
    if not request.folder:
        return [[url]]
    if request.append is not None:
        return [["-T", str(request.append), url]]
    uids = sequence(list(request.uid))
    commands = []
    for flag, sign in ((request.flag, "+"), (request.unflag, "-")):
        if flag:
            name = flag if flag.startswith("\\") else f"\\{flag.capitalize()}"
            commands.append([url, "-X", f"UID STORE {uids} {sign}FLAGS ({name})"])
    for target, verb in ((request.copy, "COPY"), (request.move, "MOVE")):
        if target:
            commands.append([url, "-X", f"UID {verb} {uids} {_mailbox(target)}"])
    if request.delete:
        commands.append([url, "-X", f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)"])
        commands.append([url, "-X", f"UID EXPUNGE {uids}"])
    if request.get:
        section = f";SECTION={request.part}" if request.part else ""
        saved = ["-o", str(request.output)] if request.output is not None else []
        commands.append([*saved, f"{url};UID={request.get}{section}"])
    elif request.search:
        commands.append([url, "-X", f"UID SEARCH {_search_words(request.search)}"])
    elif not commands:
        commands.append([url, "-X", "FETCH 1:* (UID FLAGS RFC822.SIZE ENVELOPE)"])
    return commands


def _search_words(text: str) -> str:
    found = _criteria(text)
    return f"TEXT {found}" if found.startswith('"') else found
