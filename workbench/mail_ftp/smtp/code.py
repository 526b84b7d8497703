"""What `smtp` does as Python's smtplib and as a command of swaks."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.mail_ftp.smtp.job import Smtp

PORTS = {"smtps": 465, "submissions": 465, "submission": 587, "lmtp": 24}


def as_python(request: Smtp) -> str:
    """smtplib and email; the password comes from the environment."""
    sender, recipients = request.envelope()
    lines = ["import smtplib", "import ssl", *_imports(request), "", *_message(request), ""]
    lines += [f"context = ssl.create_default_context({_ca(request)})", *_trust(request)]
    end = request.server
    kind = "SMTP_SSL" if end.tls else "LMTP" if end.scheme.startswith("lmtp") else "SMTP"
    host = repr(end.unix_path if end.is_unix else end.host or "localhost")
    if request.mx:
        lines += _exchanger(request)
        host = "host"
    port = 0 if end.is_unix else end.port or PORTS.get(end.scheme, 25)
    more = ", context=context" if end.tls else ""
    helo = f", local_hostname={request.helo!r}" if request.helo else ""
    lines.append(
        f"with smtplib.{kind}({host}, {port}{helo}, timeout={request.timeout:g}{more}) as server:"
    )
    body = ["server.set_debuglevel(1)"]
    if not end.tls and request.starttls != "never":
        body += ["server.ehlo_or_helo_if_needed()"]
        if request.starttls == "auto":
            body += ['if server.has_extn("starttls"):', "    server.starttls(context=context)"]
        else:
            body += ["server.starttls(context=context)"]
    user, _ = request.account(end)
    if user:
        body.append(f'server.login({user!r}, os.environ["PASSWORD"])')
    stop = request.quit_after
    if stop in ("mail", "rcpt", "data"):
        body += ["server.ehlo_or_helo_if_needed()", f"print(server.mail({sender!r}))"]
        if stop != "mail":
            body += [f"for one in {list(recipients)!r}:", "    print(server.rcpt(one))"]
        if stop == "data":
            body += ['print(server.docmd("DATA"))', "server.close()"]
    elif stop:
        body.append("server.ehlo_or_helo_if_needed()")
    else:
        mail, rcpt = _options(request)
        loop = [f"for _ in range({request.count}):"] if request.count > 1 else []
        send = f"server.sendmail({sender!r}, {list(recipients)!r}, message{mail}{rcpt})"
        body += [*loop, f"{'    ' * len(loop)}refused = {send}"]
        body.append("print(refused or 'taken for all')")
    return "\n".join([*lines, *(f"    {one}" for one in body), ""])


def _exchanger(request: Smtp) -> list[str]:
    """Lines that find the first exchanger; the standard library cannot ask for MX."""
    lines = ["", "resolver = dns.resolver.Resolver()"]
    if request.dns:
        from workbench.addresses.dns_servers import servers

        one = servers((request.dns,))[0]
        lines[-1] = "resolver = dns.resolver.Resolver(configure=False)"
        lines += [f"resolver.nameservers = [{one.host!r}]", f"resolver.port = {one.port}"]
    lines.append(f"found = resolver.resolve({request.server.host!r}, 'MX')")
    lines.append("first = min(found, key=lambda one: one.preference).exchange")
    lines.append("host = str(resolver.resolve(first, 'A')[0])")
    return [*lines, ""]


def _imports(request: Smtp) -> list[str]:
    user, _ = request.account(request.server)
    found = ["import os"] * bool(user) + ["import sys"] * (request.raw == "-")
    found += ["import dns.resolver"] * request.mx
    if request.attach:
        found += ["import mimetypes", "from pathlib import Path"]
    if not request.raw:
        found += ["from email.message import EmailMessage"]
        found += ["from email.policy import SMTP, SMTPUTF8"]
        found += ["from email.utils import formatdate, make_msgid"]
    return sorted(found, key=lambda one: (one.startswith("from"), one))


def _message(request: Smtp) -> list[str]:
    if request.raw == "-":
        return ["message = sys.stdin.buffer.read()"]
    if request.raw:
        return [f"with open({request.raw!r}, 'rb') as file:", "    message = file.read()"]
    draft = request.draft
    lines = ["made = EmailMessage(SMTP)"]
    given = [one.partition(":") for one in draft.headers]
    names = {name.strip().lower() for name, _, _ in given}
    usual = {
        "From": draft.sender,
        "To": ", ".join(draft.to),
        "Cc": ", ".join(draft.cc),
        "Subject": draft.subject,
    }
    values = [(name, value) for name, value in usual.items() if value and name.lower() not in names]
    values += [(name.strip(), value.strip()) for name, _, value in given]
    lines += [f"made[{name!r}] = {value!r}" for name, value in values]
    if "date" not in names:
        lines.append('made["Date"] = formatdate(localtime=True)')
    if "message-id" not in names:
        lines.append('made["Message-ID"] = make_msgid(domain="localhost")')
    text = draft.text
    if text:
        lines.append(f"made.set_content({_ended(text)!r})")
    if draft.html and text:
        lines.append(f"made.add_alternative({_ended(draft.html)!r}, subtype='html')")
    elif draft.html:
        lines.append(f"made.set_content({_ended(draft.html)!r}, subtype='html')")
    if draft.attachments:
        lines += [
            f"for path in map(Path, {[os.fspath(one) for one in draft.attachments]!r}):",
            "    kind = mimetypes.guess_type(path.name)[0] or 'application/octet-stream'",
            "    main, sub = kind.split('/')",
            "    made.add_attachment(path.read_bytes(), main, sub, filename=path.name)",
        ]
    sender, recipients = request.envelope()
    foreign = not all(one.isascii() for one in (sender, *recipients))
    lines.append(f"message = made.as_bytes(policy={'SMTPUTF8' if foreign else 'SMTP'})")
    return lines


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def _options(request: Smtp) -> tuple[str, str]:
    sender, recipients = request.envelope()
    mail = []
    if not all(one.isascii() for one in (sender, *recipients)):
        mail += ["SMTPUTF8", "BODY=8BITMIME"]
    if request.ret:
        mail.append(f"RET={request.ret.upper()}")
    if request.envid:
        mail.append(f"ENVID={request.envid}")
    rcpt = [f"NOTIFY={request.notify.upper()}"] if request.notify else []
    return (
        f", mail_options={mail!r}" if mail else "",
        f", rcpt_options={rcpt!r}" if rcpt else "",
    )


def _ca(request: Smtp) -> str:
    return f"cafile={os.fspath(request.ca)!r}" if request.ca else ""


def _trust(request: Smtp) -> list[str]:
    lines = []
    if request.insecure:
        lines += ["context.check_hostname = False", "context.verify_mode = ssl.CERT_NONE"]
    if request.cert:
        key = f", {os.fspath(request.key)!r}" if request.key else ""
        lines.append(f"context.load_cert_chain({os.fspath(request.cert)!r}{key})")
    return lines


def as_shell(request: Smtp) -> str:
    """swaks; its password comes from the environment."""
    end = request.server
    sender, recipients = request.envelope()
    words = ["swaks"]
    if request.mx:
        words += ["--port", str(end.port or 25)]  # without a server it asks for the MX itself
    elif end.is_unix:
        words += ["--socket", end.unix_path]
    else:
        words += ["--server", end.host or "localhost"]
        words += ["--port", str(end.port or PORTS.get(end.scheme, 25))]
    protocol = "LMTP" if end.scheme.startswith("lmtp") else "SSMTP" if end.tls else ""
    words += ["--protocol", protocol] * bool(protocol)
    if not end.tls and request.starttls != "never":
        words.append("--tls" if request.starttls == "require" else "--tls-optional")
    if request.ca:
        words += ["--tls-ca-path", os.fspath(request.ca)]
    if not request.insecure:
        words.append("--tls-verify")
    words += ["--helo", request.helo] * bool(request.helo)
    words += ["--from", sender or "<>", "--to", ",".join(recipients)]
    words += _swaks_message(request)
    if request.quit_after and request.quit_after != "data":
        words += ["--quit-after", request.quit_after]
    elif request.quit_after:
        words += ["--drop-after", "DATA"]
    words += ["--timeout", f"{max(1, round(request.timeout))}"]
    line = shlex.join(words)
    user, _ = request.account(end)
    if user:
        how = "" if request.auth == "auto" else f" {request.auth.upper()}"
        line += f' --auth{how} --auth-user {shlex.quote(user)} --auth-password "$PASSWORD"'
    if request.count > 1:
        return f"for i in $(seq {request.count}); do {line}; done"
    return line


def _swaks_message(request: Smtp) -> list[str]:
    if request.raw:
        return ["--data", "-" if request.raw == "-" else f"@{request.raw}"]
    draft = request.draft
    words = ["--header", f"Subject: {draft.subject}"]
    words += ["--h-From", draft.sender]
    if draft.to:
        words += ["--h-To", ", ".join(draft.to)]
    if draft.cc:
        words += ["--header", f"Cc: {', '.join(draft.cc)}"]
    for one in draft.headers:
        words += ["--header", one]
    text = draft.text
    if draft.html and text:
        words += ["--attach-type", "text/plain", "--attach-body", text]
        words += ["--attach-type", "text/html", "--attach-body", draft.html]
    elif draft.html:
        words += ["--attach-type", "text/html", "--attach-body", draft.html]
    else:
        words += ["--body", text.removesuffix("\n")]
    for path in draft.attachments:
        words += ["--attach", f"@{os.fspath(path)}"]
    return words
