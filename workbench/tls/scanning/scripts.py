"""A scan as code: a script on the standard library, and the command of the usual tools."""

from __future__ import annotations

import shlex

from workbench.core.endpoint import Endpoint
from workbench.tls.registry.suites import suites_of
from workbench.tls.registry.versions import TLS12, TLS13
from workbench.tls.scanning.hellos import SCHEMES

_SMTP = [
    (b"", rb"^220 .*\n"),
    (b"EHLO workbench.invalid\r\n", rb"^250 .*\n"),
    (b"STARTTLS\r\n", rb"^220 .*\n"),
]
_XMPP = (
    b"<?xml version='1.0'?><stream:stream to='%b' xmlns='jabber:%b' "
    b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)


def _dialogue(protocol: str, name: str) -> list[tuple[bytes, bytes]]:
    """What is sent before TLS, and a pattern for what has to come upon it."""
    if protocol in ("xmpp", "xmpp-server"):
        kind = b"client" if protocol == "xmpp" else b"server"
        return [
            (_XMPP % (name.encode("idna"), kind), rb"</stream:features>"),
            (b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", rb"<proceed[^>]*>"),
        ]
    return {
        "": [],
        "smtp": _SMTP,
        "lmtp": [_SMTP[0], (b"LHLO workbench.invalid\r\n", _SMTP[1][1]), _SMTP[2]],
        "imap": [(b"", rb"^\* OK.*\n"), (b"a1 STARTTLS\r\n", rb"^a1 OK.*\n")],
        "pop3": [(b"", rb"^\+OK.*\n"), (b"STLS\r\n", rb"^\+OK.*\n")],
        "ftp": [(b"", rb"^220 .*\n"), (b"AUTH TLS\r\n", rb"^234.*\n")],
        "nntp": [(b"", rb"^20[01].*\n"), (b"STARTTLS\r\n", rb"^382.*\n")],
        "ldap": [
            (
                bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037",
                rb"(?s)\x78.*\x0a\x01\x00",
            )
        ],
        "postgres": [(bytes.fromhex("0000000804d2162f"), rb"^S")],
        "mysql": [
            (b"", rb"(?s)^...\x00\x0a.*\x00"),
            (bytes.fromhex("2000000100 8a0000 00000001 21".replace(" ", "")) + bytes(23), rb""),
        ],
    }[protocol]


_PYTHON = """\
# Which suites a server takes in each version: asked again with what it chose taken out.
import os, re, socket, struct

SUITES = {suites}
SUITES_TLS13 = {suites_tls13}
GROUPS = [29, 23, 24, 25, 30, *range(1, 23), 26, 27, 28]
SCHEMES = {schemes}
BEFORE_TLS = {dialogue}


def vector(size, body):
    return len(body).to_bytes(size, "big") + body


def shorts(values):
    return struct.pack(f">{{len(values)}}H", *values)


def extension(number, body):
    return shorts([number]) + vector(2, body)


def client_hello(version, suites):
    extensions = {sni!r}
    extensions += extension(10, vector(2, shorts([29, 23, 24, 25] if version == 772 else GROUPS)))
    extensions += extension(11, b"\\1\\0") + extension(65281, b"\\0")
    if version > 770:
        extensions += extension(13, vector(2, shorts(SCHEMES)))
    if version == 772:  # no key is sent: the server asks for one, and thereby names its suite
        extensions += extension(43, b"\\2\\3\\4") + extension(51, b"\\0\\0")
    body = shorts([min(version, 771)]) + os.urandom(32) + vector(1, os.urandom(32))
    body += vector(2, shorts(suites)) + b"\\1\\0"
    if version > 768:
        body += vector(2, extensions)
    return b"\\x16\\3" + bytes([version > 768]) + vector(2, b"\\1" + vector(3, body))


def chosen(version, suites):
    with {connect} as peer:
{begin}        for words, wanted in BEFORE_TLS:
            peer.sendall(words)
            said = b""
            while not re.search(wanted, said, re.MULTILINE):
                said += peer.recv(4096) or exit("the server does not go on to TLS")
        file = peer.makefile("rb")
        peer.sendall(client_hello(version, suites))
        try:
            while True:
                kind, _, size = struct.unpack(">BHH", file.read(5))
                body = file.read(size)
                if kind == 21 and body[0] == 1:
                    continue  # a warning
                if kind != 22 or body[0] != 2:
                    return None
                at = 39 + body[38]
                found = 772 if b"\\0\\x2b\\0\\2\\3\\4" in body[at:] else body[5] + 768
                suite = int.from_bytes(body[at : at + 2], "big")
                return suite if found == version and suite in suites else None
        except (struct.error, IndexError, ConnectionError):
            return None  # it hung up: nothing that it wants


for name, version in [("SSLv3", 768), ("TLS 1.0", 769), ("TLS 1.1", 770), ("TLS 1.2", 771),
                      ("TLS 1.3", 772)]:
    left = list(SUITES_TLS13 if version == 772 else SUITES)
    while left and (suite := chosen(version, left)) is not None:
        print(f"{{name}} 0x{{suite:04X}}", flush=True)
        left.remove(suite)
"""


def _listed(values: tuple[int, ...]) -> str:
    """Numbers as a list of Python, runs of them as ranges, wrapped."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    words = [
        f"{first}" if first == last else f"*range({first}, {last + 1})" for first, last in runs
    ]
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) > 90:
            lines.append(line)
            line = "   "
        line += f" {word},"
    return "\n".join(["[", *lines, line, "]"])


def as_python(end: Endpoint, name: str, protocol: str, timeout: float) -> str:
    """A script that prints a line for each version and suite, as "TLS 1.2 0xC02F"."""
    from workbench.tls.wire.client_hello import _extension, server_name

    sni = server_name(name) if name else None
    address = end.unix_address if end.is_unix else (end.host or "localhost", end.port)
    if end.is_unix:
        connect = "socket.socket(socket.AF_UNIX)"
        begin = f"        peer.settimeout({timeout})\n        peer.connect({address!r})\n"
    else:
        connect, begin = f"socket.create_connection({address!r}, {timeout})", ""
    return _PYTHON.format(
        suites=_listed(tuple(one.value for one in suites_of(TLS12))),
        suites_tls13=_listed(tuple(one.value for one in suites_of(TLS13))),
        schemes=_listed(SCHEMES),
        dialogue=repr(_dialogue(protocol, name or end.host)),
        sni=_extension(*sni) if sni else b"",
        connect=connect,
        begin=begin,
    )


def as_shell(end: Endpoint, name: str, protocol: str) -> str:
    """nmap's ssl-enum-ciphers; where it cannot go, a loop of openssl s_client."""
    if not end.is_unix and not protocol:
        sni = f" --script-args tls.servername={shlex.quote(name)}" if _needed(end, name) else ""
        six = " -6" if ":" in end.host else ""
        host = shlex.quote(end.host or "localhost")
        return f"nmap{six} -Pn -p {end.port} --script ssl-enum-ciphers{sni} {host}"
    where = f"-unix {shlex.quote(end.unix_path)}"
    if not end.is_unix:
        where = f"-connect {shlex.quote(end.authority)}"
    more = f" -starttls {protocol}" if protocol else ""
    more += f" -servername {shlex.quote(name)}" if name and not _is_address(name) else ""
    return (
        f"ask() {{ openssl s_client {where}{more} "
        """"$@" </dev/null 2>/dev/null | grep -q '^New, .* Cipher is [^(]'; }; """
        "for version in tls1 tls1_1 tls1_2; do "
        "for suite in $(openssl ciphers -s -$version ALL:COMPLEMENTOFALL:@SECLEVEL=0 | tr : ' '); "
        'do ask -$version -cipher "$suite:@SECLEVEL=0" && echo "$version $suite"; done; done; '
        "for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 "
        "TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256; do "
        'ask -tls1_3 -ciphersuites "$suite" && echo "tls1_3 $suite"; done; :'
    )


def _needed(end: Endpoint, name: str) -> bool:
    """Whether SNI differs from what nmap would send by itself."""
    return bool(name) and name != end.host


def _is_address(name: str) -> bool:
    from workbench.tls.wire.client_hello import server_name

    return server_name(name) is None
