"""The TLS tab: what a server's TLS is worth."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from workbench.ui.panes.boardspane import BoardsPane

HELP = """
What a server's TLS is worth, and certificates of your own.

On the target line: a server, as HOST, HOST:PORT, https://HOST, smtp://HOST.
Enter inspects it: is it trusted and until when, its chain, what is wrong with
it and what to do, and what else the server does.
  127.0.0.1:8443    [::1]:443 --sni example.org    smtp://127.0.0.1:25
  127.0.0.1:5432 --starttls postgres    a.example --ca ca.pem
Below the verdict stand the certificates, each life drawn as [==|---] with the
| at today; enter reads the selected one, y copies it as PEM, e saves all of
them. What differs from the last look at the server is told first.

t scans the same server, and t on a scan inspects it:
  tls-scan 127.0.0.1:8443
Many servers, the soonest to expire first; enter inspects the selected one:
  tls-list a.example b.example:8443    tls-list --file hosts.txt

Certificates have jobs of their own, b goes from board to board:
  cert show FILE                   anything decoded; is it sound
  cert server a.example 127.0.0.1  key and certificate, by your own CA
  cert broken expired              wrong on purpose; also cert client,
                                   csr, sign, match, convert, p12, ca

The scan asks for SSLv2 to TLS 1.3 and every suite of IANA's registry, with
ClientHellos of its own; no handshake is finished. What is weak is named with
its attack and with what to change, the verdict is by Mozilla's three levels.
What gave no answer is told as not known, never as no.

/ filters, s sends the server or its names elsewhere, or to be watched until
it expires; y copies, e exports, r looks again, x stops, p shows it as a
script and as openssl or nmap do it.
"""

EMPTY = (
    "Type a server on the line above and press enter:\n"
    "is it trusted, until when, and what is wrong with it.\n"
    "tls-scan HOST:PORT tells versions, suites and weaknesses,\n"
    "cert show FILE reads certificates, cert server NAME makes them.\n\n"
    "Nothing is changed there; beyond your own hosts scan only what you may.\n"
    "f1 tells more."
)


class TlsPane(BoardsPane):
    """The boards of TLS's jobs."""

    tab: ClassVar[str] = "tls"
    verb: ClassVar[str] = "tls"
    verbs: ClassVar[tuple[str, ...]] = ("tls-scan", "tls-list", "cert")
    first_line: ClassVar[str] = "127.0.0.1:8443"
    help_text: ClassVar[str] = HELP
    empty_text: ClassVar[str] = EMPTY

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "stop", "stop", id="tls.stop"),
        Binding("b", "board", "other board", show=False, id="tls.board"),
    ]
