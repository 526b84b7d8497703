"""The Python of a server's context, for the scripts that stand for servers."""

from __future__ import annotations

import shlex
from pathlib import Path

from workbench.tls.making import files
from workbench.tls.serving.request import SecureRequest


def in_tls(script: str, request: SecureRequest) -> str:
    """A script that serves by a socketserver called `server`, over TLS where that is asked for.

    The handshake is left to the thread of the visitor.
    """
    if not request.secured:
        return script
    before = '    print("listening on"'
    wrap = "context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)"
    script = script.replace(before, f"    server.socket = {wrap}\n{before}", 1)
    return f"import ssl\n\n{context_lines(request)}\n\n{script}"


def socat_options(request: SecureRequest) -> str:
    """What socat's OPENSSL-LISTEN is told of certificates; "" without TLS."""
    if not request.secured:
        return ""
    cert, key = _files(request)
    verify = "0" if request.client_cert == "no" else "1"
    given = f",cert={cert}" + (f",key={key}" if key else "") + f",verify={verify}"
    if request.client_cert != "no":
        given += (
            f",cafile={request.client_ca or files.ca_folder(request.ca) / files.CA_CERTIFICATE}"
        )
    return given


def python_command(script: str) -> str:
    """The shell command that runs a script, where no usual tool serves that over TLS."""
    return f"python3 -c {shlex.quote(script)}"


def _files(request: SecureRequest) -> tuple[Path, Path | None]:
    """Certificate and key; those of our CA stand for what it would sign."""
    folder = files.ca_folder(request.ca)
    if request.cert is not None:
        return request.cert, request.key
    return folder / files.CA_CERTIFICATE, folder / files.CA_KEY


def context_lines(request: SecureRequest) -> str:
    """Lines that make `context`; a certificate by our CA stands as the CA's own, which is there."""
    cert, key = _files(request)
    given = f"{str(cert)!r}, {str(key)!r}" if key else f"{str(cert)!r}"
    lines = ["context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)"]
    lines.append(f"context.load_cert_chain({given})")
    for name, version in (("minimum", request.tls_min), ("maximum", request.tls_max)):
        if version:
            value = f"TLSv{version.replace('.', '_').removesuffix('_0')}"
            lines.append(f"context.{name}_version = ssl.TLSVersion.{value}")
    if request.ciphers:
        lines.append(f"context.set_ciphers({request.ciphers + ':@SECLEVEL=0'!r})")
    if request.alpn:
        lines.append(f"context.set_alpn_protocols({list(request.alpn)!r})")
    if request.client_cert != "no":
        mode = "CERT_REQUIRED" if request.client_cert == "require" else "CERT_OPTIONAL"
        place = request.client_ca or files.ca_folder(request.ca) / files.CA_CERTIFICATE
        lines.append(f"context.verify_mode = ssl.{mode}")
        lines.append(f"context.load_verify_locations({str(place)!r})")
    if request.keylog is not None:
        lines.append(f"context.keylog_filename = {str(request.keylog)!r}")
    return "\n".join(lines)
