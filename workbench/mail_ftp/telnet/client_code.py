"""telnet as a script of the standard library, which has no telnetlib from Python 3.13 on."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.mail_ftp.telnet.job import TelnetTo

_PYTHON = """\
import contextlib
import os
import socket
{imports}import threading

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240


def plain(peer, data, state):
    \"\"\"What is for the screen; every option is refused.\"\"\"
    text = bytearray()
    for byte in data:
        if state == [IAC]:
            state[:] = [byte] if byte in (DO, DONT, WILL, WONT, SB) else []
            if byte == IAC:
                text.append(byte)
        elif state and state[0] == SB:
            done = state[-1] == IAC and byte == SE
            state[:] = [] if done else [SB, 0 if state[-1] == IAC else byte]
        elif state:
            if state[0] in (DO, WILL):
                with contextlib.suppress(BrokenPipeError):
                    peer.sendall(bytes([IAC, WONT if state[0] == DO else DONT, byte]))
            state.clear()
        elif byte == IAC:
            state.append(IAC)
        elif byte:
            text.append(byte)
    return bytes(text)


with {connect} as peer:
{begin}
    def send():
        while data := os.read(0, 65536):
            data = data.replace(b"\\r\\n", b"\\n").replace(b"\\n", b"\\r\\n")
            peer.sendall(data.replace(b"\\xff", b"\\xff\\xff"))
        peer.settimeout({quiet})

    threading.Thread(target=send, daemon=True).start()
    state = []
    try:
        while data := peer.recv(65536):
            os.write(1, plain(peer, data, state))
    except TimeoutError:
        pass
"""
_TLS = """\
    context = ssl.create_default_context({ca})
{unverified}    peer = context.wrap_socket(peer, server_hostname={name!r})
"""
_UNVERIFIED = """\
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
"""


def as_python(request: TelnetTo) -> str:
    """A thread that sends and a loop that receives."""
    end = request.endpoint
    if end.is_unix:
        connect = f"socket.socket(socket.AF_UNIX) as peer:\n    peer.connect({end.unix_address!r})"
        begin = ""
        script = _PYTHON.replace("{connect} as peer:", connect)
        return (
            script.replace("{begin}\n", begin)
            .replace("{imports}", "")
            .replace("{quiet}", repr(request.quiet_after))
        )
    begin = "    peer.settimeout(None)\n"
    if end.tls:
        begin += _TLS.format(
            ca=f"cafile={str(request.ca)!r}" if request.ca else "",
            unverified=_UNVERIFIED if request.insecure else "",
            name=request.server_name or end.host,
        )
    return _PYTHON.format(
        imports="import ssl\n" if end.tls else "",
        connect=f"socket.create_connection({(end.host or 'localhost', end.require_port())!r}, "
        f"{request.timeout:g})",
        begin=begin,
        quiet=request.quiet_after,
    )


def as_shell(request: TelnetTo) -> str:
    """telnet, or openssl's client, which passes bytes."""
    end = request.endpoint
    if end.tls:
        words = ["openssl", "s_client", "-quiet", "-connect", end.authority]
        words += ["-CAfile", str(request.ca)] if request.ca else []
        words += [] if request.insecure else ["-verify_return_error"]
        words += ["-servername", request.server_name] if request.server_name else []
    elif end.is_unix:
        words = ["socat", "-", f"UNIX-CONNECT:{end.unix_path}"]
    else:
        words = ["telnet", *(["-8"] if request.binary else [])]
        words += ["-l", request.account] if request.account else []
        words += [end.host or "localhost", str(end.require_port())]
    return shlex.join(words)
