"""An inspection as code: a script on `ssl`, and the command of openssl."""

from __future__ import annotations

import shlex

from workbench.tls.inspecting.contexts import VERSIONS, Wanted

_PYTHON = """\
# Version, suite, ALPN, and whether the certificate is trusted; the status is 1 where it is not.
import os, re, socket, ssl, sys

BEFORE_TLS = {dialogue}
context = ssl.create_default_context({cafile})
context.hostname_checks_common_name = False  # RFC 9525
{options}
with {connect} as peer:
{begin}    for words, wanted in BEFORE_TLS:
        peer.sendall(words)
        said = b""
        while not re.search(wanted, said, re.MULTILINE):
            said += peer.recv(4096) or sys.exit("the server does not go on to TLS")
    try:
        with context.wrap_socket(peer, server_hostname={name!r}) as tls:
            print(tls.version(), tls.cipher()[0], tls.selected_alpn_protocol() or "")
            certificate = tls.getpeercert()
            print("trusted, until", certificate["notAfter"])
            for kind, name in certificate.get("subjectAltName", ()):
                print(kind, name)
    except ssl.SSLError as problem:
        sys.exit(f"not trusted: {{getattr(problem, 'verify_message', '') or problem}}")
"""


def as_python(wanted: Wanted, timeout: float) -> str:
    """A script; the password of a key comes from $KEY_PASSWORD."""
    from workbench.tls.scanning.scripts import _dialogue

    options = []
    if wanted.alpn:
        options.append(f"context.set_alpn_protocols({list(wanted.alpn)!r})")
    if wanted.cert:
        secret = ', os.environ["KEY_PASSWORD"]' if wanted.password else ""
        options.append(f"context.load_cert_chain({wanted.cert!r}, {wanted.key or None!r}{secret})")
    for attribute, value in (("minimum", wanted.lowest), ("maximum", wanted.highest)):
        if value:
            options.append(f"context.{attribute}_version = ssl.TLSVersion.{VERSIONS[value]}")
    end = wanted.end
    if end.is_unix:
        connect = "socket.socket(socket.AF_UNIX)"
        begin = f"    peer.settimeout({timeout})\n    peer.connect({end.unix_address!r})\n"
    else:
        address = (end.host or "localhost", end.port)
        connect, begin = f"socket.create_connection({address!r}, {timeout})", ""
    name = wanted.sni or wanted.name or None
    if name is None:
        options.append("context.check_hostname = False")
    return _PYTHON.format(
        dialogue=repr(_dialogue(wanted.starttls, wanted.sni or end.host)),
        cafile=f"cafile={wanted.ca!r}" if wanted.ca else "",
        options="\n".join(options),
        connect=connect,
        begin=begin,
        name=name,
    )


def as_shell(wanted: Wanted) -> str:
    """openssl s_client; its status is not 0 where the certificate is not trusted.

    The password of a key comes from $KEY_PASSWORD.
    """
    end = wanted.end
    where = end.unix_path if end.is_unix else end.authority
    words = ["openssl", "s_client", "-unix" if end.is_unix else "-connect", where]
    if wanted.sni:
        words += ["-servername", wanted.sni]
    else:
        words += ["-noservername"]
    if wanted.name:
        words += ["-verify_ip" if _is_address(wanted.name) else "-verify_hostname", wanted.name]
    if wanted.starttls:
        words += ["-starttls", wanted.starttls]
    if wanted.alpn:
        words += ["-alpn", ",".join(wanted.alpn)]
    if wanted.ca:
        words += ["-CAfile", wanted.ca, "-no-CApath"]
    if wanted.cert:
        words += ["-cert", wanted.cert, "-key", wanted.key or wanted.cert]
        words += ["-pass", "env:KEY_PASSWORD"] if wanted.password else []
    for flag, value in (("-min_protocol", wanted.lowest), ("-max_protocol", wanted.highest)):
        if value:
            words += [flag, VERSIONS[value].replace("_", ".")]
    words += ["-showcerts", "-status", "-verify_return_error"]
    return " ".join(map(shlex.quote, words)) + " </dev/null"


def _is_address(name: str) -> bool:
    from workbench.tls.x509.matching import read_address

    return read_address(name) is not None
