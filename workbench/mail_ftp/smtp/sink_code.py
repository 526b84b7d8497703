"""A sink for mail as a script, and as a command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from workbench.mail_ftp.inbox import usual_folder
from workbench.tls.serving.code import in_tls, python_command

if TYPE_CHECKING:
    from workbench.mail_ftp.smtp.serve import ServeSmtp

_SCRIPT = """\
import mailbox
import socketserver

inbox = mailbox.Maildir({inbox}, create=True)


class Handler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\\r\\n")

    def handle(self):
        self.say("220 ready")
        recipients = []
        while line := self.rfile.readline(12288):
            verb = line.split(b" ")[0].strip().upper()
            if verb in (b"EHLO", b"LHLO"):
                self.say("250-hello")
                self.say("250-8BITMIME")
                self.say("250-SMTPUTF8")
                self.say("250 SIZE {size}")
            elif verb == b"QUIT":
                self.say("221 good-bye")
                return
            elif verb == b"DATA":
                self.say("354 a line with a dot alone ends it")
                message = self.message()
                if message is None:
                    return
                inbox.add(message)
                for _ in recipients if {lmtp} else [None]:
                    self.say("250 taken")
                recipients = []
            elif verb in (b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP"):
                recipients = [] if verb == b"RSET" else recipients
                if verb == b"RCPT":
                    recipients.append(line)
                self.say("250 done")
            else:
                self.say("502 not there")

    def message(self):
        lines, size = [], 0
        while (line := self.rfile.readline(65536)) != b".\\r\\n":
            size += len(line)
            if not line or size > {size}:
                return None
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines).replace(b"\\r\\n", b"\\n")


class Server(socketserver.ThreadingMixIn, socketserver.{base}):
    allow_reuse_address = True
    daemon_threads = True
{more}

with Server({address}, Handler) as server:
    print("listening on", server.server_address, flush=True)
    server.serve_forever()
"""


def as_python(request: ServeSmtp) -> str:
    """A socketserver; the standard library's smtpd left with Python 3.12."""
    end = request.endpoint
    six = ":" in end.host and not end.is_unix
    text = _SCRIPT.format(
        inbox=repr(os.fspath(request.inbox or usual_folder())),
        size=request.size,
        lmtp=end.scheme.startswith("lmtp"),
        base="UnixStreamServer" if end.is_unix else "TCPServer",
        more="    address_family = 10  # AF_INET6\n" if six else "",
        address=repr(end.unix_address if end.is_unix else (end.host or "127.0.0.1", end.port)),
    )
    return in_tls(text, request)


def as_shell(request: ServeSmtp) -> str:
    """The script: postfix's smtp-sink, the usual tool, keeps nothing for who is no mail system."""
    return python_command(as_python(request))
