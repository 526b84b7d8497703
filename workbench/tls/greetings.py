"""What a port speaks that does not answer in TLS, by its first bytes."""

from __future__ import annotations

import re

_KNOWN = (
    (rb"HTTP/\d", "plain HTTP"),
    (rb"\s*<(!doctype\s+)?html", "plain HTTP"),
    (rb"SSH-\d", "SSH"),
    (rb"220[ -][^\r\n]*(SMTP|mail|postfix|exim)", "plain SMTP"),
    (rb"220[ -][^\r\n]*LMTP", "plain LMTP"),
    (rb"220[ -]", "plain FTP or SMTP"),
    (rb"\* (OK|PREAUTH|BYE)\b", "plain IMAP"),
    (rb"\+OK\b", "plain POP3"),
    (rb"20[01] ", "plain NNTP"),
    (rb"-ERR [^\r\n]*(command|protocol)", "Redis"),
    (rb"-ERR\b", "plain POP3"),
    (rb"-(DENIED|NOAUTH)\b", "Redis"),
    (rb"ERROR\r\n", "memcached"),
    (rb"RFB \d{3}\.", "VNC"),
    (rb"AMQP", "AMQP"),
    (rb"<\?xml[^>]*>\s*<stream:stream|<stream:", "plain XMPP"),
    (rb"\xff[\xfb-\xfe]", "Telnet"),
    (rb"(?s)...\x00\x0a\d+\.\d+[^\x00]*\x00", "MySQL in the clear"),
    (rb"(?s)...\x00\xff..", "MySQL in the clear"),
    (rb"@RSYNCD:", "rsync"),
    (rb"\x03\x00\x00.\x0e?\xd0", "RDP"),
    (rb"\x00\x00.\x00\xffSMB|\x00\x00.\x00\xfeSMB", "SMB"),
    (rb"220 .*\r\n", "plain FTP or SMTP"),
)

STARTTLS_OF = {
    "plain SMTP": "smtp",
    "plain LMTP": "lmtp",
    "plain IMAP": "imap",
    "plain POP3": "pop3",
    "plain NNTP": "nntp",
    "plain XMPP": "xmpp",
    "MySQL in the clear": "mysql",
    "plain FTP or SMTP": "smtp or ftp",
}
"""What to give --starttls, by what a port speaks."""


def speaks(start: bytes, sent: bytes = b"") -> str:
    """What the first bytes of an answer are: "plain HTTP", "SSH" ...; "" where they say nothing.

    Args:
        sent: what had been sent: a port that sends just that back echoes.
    """
    for pattern, name in _KNOWN:
        if re.match(pattern, start, re.IGNORECASE):
            return name
    if len(start) >= 8 and sent.startswith(start):
        return "the echo protocol"
    return ""
