"""The Mail/FTP tab: the older protocols, each on a board of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.ui.panes.boardspane import BoardsPane

HELP = """
Mail, files, news and terminals, with every line of the dialogue on the screen.

On the target line: a server by its scheme, or a job and its target.
Each has its server in the Servers tab, so that all of it works with no
network: serve smtp, serve pop3, serve imap, serve ftp, serve nntp,
serve telnet.

Telnet: a terminal.
  telnet://127.0.0.1:2323    telnets://HOST    telnet HOST --binary
What you type goes to the server: at once where it echoes, else line by line.
^] lets the keyboard go; then enter types again, c changes keys and lines,
B binary, a asks "are you there", I interrupts, K breaks, d shows the options
as they were negotiated (beside the terminal where there is room), y copies
the screen, e exports, k TLS, x hangs up. shift+pageup goes back in history.

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
    "passwords masked. f1 tells more."
)


class MailFtpPane(BoardsPane):
    """The boards of SMTP, IMAP, POP3, FTP, NNTP and Telnet."""

    tab: ClassVar[str] = "mail_ftp"
    verb: ClassVar[str] = "smtp"
    verbs: ClassVar[tuple[str, ...]] = ("imap", "pop3", "ftp", "nntp", "telnet", "mailcheck")
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
        Binding("b", "board", "other board", show=False, id="mail_ftp.board"),
    ]
