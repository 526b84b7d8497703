"""The Mail/FTP tab: the older protocols, each on a board of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.ui.panes.boardspane import BoardsPane

HELP = """
Mail, files, news and terminals: every line of the dialogue is shown.

On the target line: a server by its scheme, or a job and its target.
Each has its server in the Servers tab, so that all of it works with no
network: serve smtp, serve pop3, serve imap, serve ftp, serve nntp,
serve telnet.

SMTP: a message, and every step of handing it over.
  smtp://127.0.0.1:2525 --from a@b.example --to c@d.example --text hello
  smtp smtps://HOST --user NAME --quit-after auth      (nothing is sent)
  smtp example.org --to joe@example.org --mx --yes     (by its exchangers)
The dialogue with the time of each stage beside it; v shows the message as
a reader takes it apart, then its source; k TLS, s sends the server
elsewhere, y copies, e exports. Options: o. Without --to it is a test
message to postmaster@localhost; serve smtp keeps what comes.
  roundtrip (f5)     a message by SMTP, and when POP3 and IMAP show it
  mailcheck example.org    its MX, SPF, DMARC, MTA-STS, the TLS of each
exchanger; nothing is sent
  inbox --follow     what serve smtp has taken, as it comes: the message
as it is read (HTML as text) below, v its source, a saves its attachments.

Telnet: a terminal.
  telnet://127.0.0.1:2323    telnets://HOST    telnet HOST --binary
What you type goes to the server: at once where it echoes, else line by line.
^] lets the keyboard go; then enter types again, c changes keys and lines,
B binary, a asks "are you there", I interrupts, K breaks, d shows the options
as they were negotiated (beside the terminal where there is room), y copies
the screen, e exports, k TLS, x hangs up. shift+pageup goes back in history.

FTP: this folder and the server's, side by side.
  ftp://me@127.0.0.1:2121/    ftps://me@HOST/dir/
Tab changes sides, enter opens a folder, backspace goes up, space marks. c or
f5 copies to the other side (folders too), m f6 renames, M f7 makes a folder,
D f8 deletes after a question, H chmod, r looks again. What is broken off is
left as NAME.part and gone on with. d dialogue, k TLS, s send to, q ends.

IMAP: folders, messages, and the one you read; nothing is marked as read.
  imap://me@127.0.0.1:1143    imaps://me@HOST/INBOX
f folders, l messages, t the text; enter opens. Older messages come as you go
down. / searches on the server (words, or keys as FROM ann UNSEEN), a shows
all again, p reads a part, w saves the message or a part, h whole header.
Changes: n read or new, ! flag, c copy, m move, A puts a file there, D deletes
after a question. New mail shows by itself (IDLE). d dialogue, k TLS verdict,
s send to, y copy, e export, x logs out.
  marks: N new  ! flagged  r answered  D deleted  d draft

POP3: what the server holds, and the message under it.
  pop3://me@127.0.0.1:1110    pop3s://me@HOST
enter retrieves, v shows the top of it, h the source, w saves. D deletes after
a question: it is gone when the session ends well (q), and stays if you break
off (x). d dialogue, k TLS verdict, s send to, y copy, e export.

News: nntp://HOST lists its groups, nntp://HOST/GROUP opens one.
Enter on a group shows its newest articles as threads, enter on one of these
the article; backspace goes back, ] and [ read the next and the one before.
/ filters what is there, f asks the server for groups by a wildmat, w writes
an article, a answers, d shows the dialogue, r looks again, y copies,
e exports, k TLS, s sends the server elsewhere.
"""

EMPTY = (
    "Type a server on the line above and press enter.\n"
    "Every line of the dialogue is shown, each reply in words,\n"
    "passwords masked. f1 tells more.\n\n"
    "f5 runs a round trip on servers of its own: a message\n"
    "goes in by SMTP, and POP3 and IMAP show it."
)


class MailFtpPane(BoardsPane):
    """The boards of SMTP, IMAP, POP3, FTP, NNTP and Telnet."""

    tab: ClassVar[str] = "mail_ftp"
    verb: ClassVar[str] = "smtp"
    verbs: ClassVar[tuple[str, ...]] = (
        "imap",
        "pop3",
        "ftp",
        "nntp",
        "telnet",
        "mailcheck",
        "inbox",
    )
    schemes: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "smtp": "smtp",
            "smtps": "smtp",
            "submission": "smtp",
            "submissions": "smtp",
            "lmtp": "smtp",
            "lmtp+unix": "smtp",
            "imap": "imap",
            "imaps": "imap",
            "pop3": "pop3",
            "pop3s": "pop3",
            "ftp": "ftp",
            "ftps": "ftp",
            "nntp": "nntp",
            "nntps": "nntp",
            "telnet": "telnet",
            "telnets": "telnet",
        }
    )
    prompt: ClassVar[str] = "mail/ftp"
    first_line: ClassVar[str] = "smtp://127.0.0.1:2525"
    help_text: ClassVar[str] = HELP
    empty_text: ClassVar[str] = EMPTY

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "stop", id="mail_ftp.stop"),
        Binding("f5", "roundtrip", "round trip", id="mail_ftp.roundtrip"),
        Binding("b", "board", "other board", show=False, id="mail_ftp.board"),
    ]

    def action_roundtrip(self) -> None:
        """Send a message, and see POP3 and IMAP show it."""
        from workbench import catalogue
        from workbench.core.arguments import parse_line

        job = catalogue.load("roundtrip")
        self.submit(job, parse_line(job, []))
