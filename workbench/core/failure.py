"""Why something failed, in words that a newcomer understands and an expert can search for."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import sys
import traceback

from workbench.core.events import CANCELLED, Failed
from workbench.core.scope import Cancelled


class JobError(Exception):
    """A failure that the job itself can explain.

    Args:
        cause: why it failed, in words.
        code: the term to search for (an errno name, a reply code, a DNS rcode).
        advice: what to try next.
    """

    def __init__(self, cause: str, *, code: str = "", advice: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.code = code
        self.advice = advice


# errno name: (what it means here, what to try); see errno(3), connect(2), bind(2), ip(7), tcp(7).
_ERRNO: dict[str, tuple[str, str]] = {
    "ECONNREFUSED": (
        "the connection was refused: nothing listens there",
        "check the port, or start a server there (for instance: workbench serve echo ENDPOINT)",
    ),
    "ECONNRESET": (
        "the other side broke the connection off",
        "it may have crashed, or want another protocol (TLS, a greeting first)",
    ),
    "ECONNABORTED": ("the connection was broken off before it was accepted", "try again"),
    "EPIPE": ("the other side has closed the connection", "open it again before you send more"),
    "ETIMEDOUT": (
        "no answer: packets are lost or dropped on the way",
        "a firewall often drops silently; try another port, or --timeout with more seconds",
    ),
    "EHOSTUNREACH": (
        "no way to that host",
        "see whether it is up and whether a router or firewall on the way rejects it",
    ),
    "ENETUNREACH": (
        "this machine has no route to that network",
        "see the routes (ip route), or whether IPv6 is configured at all",
    ),
    "ENETDOWN": ("the network interface is down", "bring the interface up"),
    "EADDRINUSE": (
        "the address is in use: another program listens there",
        "choose another port (0 takes a free one), or stop who has it (ss -ltnp tells)",
    ),
    "EADDRNOTAVAIL": (
        "this machine does not have that address",
        "use one of its own addresses: 127.0.0.1, ::1, or what ip address shows",
    ),
    "EACCES": (
        "permission denied",
        (
            "ports below 1024 and some families want root or a capability (CAP_NET_BIND_SERVICE,"
            " CAP_NET_RAW); a Unix socket or file wants the right to its path"
        ),
    ),
    "EPERM": (
        "the system does not permit it",
        "a firewall rule, a missing capability or a sandbox forbids it",
    ),
    "EAFNOSUPPORT": (
        "this kernel does not have that address family",
        "load its module, or use another family",
    ),
    "EPROTONOSUPPORT": ("this kernel does not have that protocol", "load its module"),
    "EPROTOTYPE": (
        "the socket there is of another type",
        "for a Unix socket try unix:, unixgram: or unixseq:",
    ),
    "EOPNOTSUPP": ("this kind of socket cannot do that", ""),
    "ENOENT": ("no such path", "check the path; a Unix socket is there only while its server runs"),
    "EEXIST": ("something else is there already", "choose another path, or move that away"),
    "ENOTSOCK": ("that is no socket", "check the path"),
    "ENOTDIR": ("a part of the path is no directory", "check the path"),
    "EISDIR": ("the path is a directory", "name a file"),
    "ENOSPC": ("the disk is full", "free some space"),
    "EMSGSIZE": ("the datagram is too large", "a UDP payload ends at 65,507 bytes over IPv4"),
    "EMFILE": (
        "this process has no file descriptors left",
        "raise the limit (ulimit -n), or close connections",
    ),
    "ENFILE": ("the system has no file descriptors left", "close programs, or raise fs.file-max"),
    "ENOBUFS": ("the system has no buffer space left", "send slower"),
    "ENAMETOOLONG": ("the name is too long", "a Unix socket's path ends at 107 bytes"),
    "EROFS": ("the file system is read-only", "choose another place"),
}

_RESOLVER: dict[str, tuple[str, str]] = {
    "EAI_NONAME": ("the name is not known", "check its spelling; localhost and addresses work"),
    "EAI_NODATA": ("the name has no address", "it may exist with other records, such as MX only"),
    "EAI_AGAIN": ("the name server did not answer", "check the network and /etc/resolv.conf"),
    "EAI_FAIL": ("the name server answered with a failure", "ask another name server"),
    "EAI_FAMILY": ("the resolver does not have that address family", ""),
    "EAI_ADDRFAMILY": ("the name has no address of that family", "try without a family"),
    "EAI_SERVICE": ("the service name is not known for this protocol", "give the port's number"),
    "EAI_SOCKTYPE": ("the resolver does not know that socket type", ""),
}


# Alerts of TLS (RFC 8446 section 6.2) that say what to try.
_NO_COMMON_GROUND = "the two sides have no version or cipher suite in common; one may be very old"
_CLIENT_CERTIFICATE = "it asks for a client certificate that it trusts"
_ALERTS = {
    "handshake_failure": _NO_COMMON_GROUND,
    "insufficient_security": _NO_COMMON_GROUND,
    "protocol_version": _NO_COMMON_GROUND,
    "unrecognized_name": "it serves no such name: check the host's name",
    "no_application_protocol": "it knows none of the protocols that were offered (ALPN)",
    "certificate_required": _CLIENT_CERTIFICATE,
    "no_certificate": _CLIENT_CERTIFICATE,
    "bad_certificate": _CLIENT_CERTIFICATE,
    "unknown_ca": _CLIENT_CERTIFICATE,
}

# X509_V_ERR_… of openssl/x509_vfy.h: what to try; any other is a matter of trust.
_VERIFY = {
    9: "see whether this machine's clock is right",
    10: "see whether this machine's clock is right; if so, the server needs a new certificate",
    62: "ask for a name that stands in the certificate",
    64: "ask for a name that stands in the certificate, rather than an address",
}


# OpenSSL names an alert after the version that brought it, and leaves "alert" out of some.
_TLS_ALERT = re.compile(r"(?:sslv3|tlsv13?|ssl/tls) (?:alert )?(.+)")
_TLS_FRAME = re.compile(r"^\[SSL[^]]*\] | \(_ssl\.c:\d+\)$")


def explain(tried: str, problem: BaseException) -> Failed:
    """The failed event for an exception.

    Args:
        tried: what was being done, as "connect to tcp://127.0.0.1:9".
    """
    if isinstance(problem, Cancelled | KeyboardInterrupt):
        return cancelled(tried)
    if isinstance(problem, JobError):
        return Failed(tried, problem.cause, problem.code, problem.advice)
    ssl = sys.modules.get("ssl")  # nothing raises its errors where nobody has imported it
    if ssl is not None and isinstance(problem, ssl.SSLError):
        return _explain_tls(tried, problem)
    if isinstance(problem, socket.gaierror):
        return _explain_resolver(tried, problem)
    if isinstance(problem, TimeoutError) and problem.errno in (None, errno.ETIMEDOUT):
        cause, advice = _ERRNO["ETIMEDOUT"]
        said = str(problem)
        plain = problem.errno is not None or said in ("", "timed out")
        return Failed(tried, cause if plain else said, "ETIMEDOUT", advice)
    if isinstance(problem, OSError) and problem.errno is None and "path too long" in str(problem):
        problem = OSError(errno.ENAMETOOLONG, "")  # Python's own check of a Unix socket's path
    if isinstance(problem, OSError) and problem.errno is not None:
        return _explain_errno(tried, problem)
    if isinstance(problem, ValueError | OSError):
        return Failed(tried, str(problem) or type(problem).__name__, type(problem).__name__)
    return Failed(
        tried,
        f"a fault in the workbench: {type(problem).__name__}: {problem}",
        type(problem).__name__,
        "please report it; the run's export has the details",
        "".join(traceback.format_exception(problem)),
    )


def cancelled(tried: str) -> Failed:
    """The failed event of a job that the user ended."""
    return Failed(tried, "cancelled", CANCELLED)


def died(tried: str, status: int, said: str) -> Failed:
    """The failed event of a child process that ended without a word of its own.

    Args:
        status: as subprocess gives it: an exit status, or the negative of a signal's number.
        said: the last lines of its standard error.
    """
    if status < 0:
        name = _signal_name(-status)
        return Failed(tried, f"killed by signal {-status}", name, "start it again", said)
    return Failed(tried, f"its process ended with status {status}", f"exit {status}", "", said)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _explain_errno(tried: str, problem: OSError) -> Failed:
    number = problem.errno or 0
    code = errno.errorcode.get(number, f"errno {number}")
    if number == errno.EOPNOTSUPP:
        code = "EOPNOTSUPP"  # the same number as ENOTSUP; socket calls know it by this name
    cause, advice = _ERRNO.get(code, (os.strerror(number).lower(), ""))
    if isinstance(problem.filename, str):
        cause = f"{problem.filename}: {cause}"
    return Failed(tried, cause, code, advice)


def _explain_resolver(tried: str, problem: socket.gaierror) -> Failed:
    for code, (cause, advice) in _RESOLVER.items():
        if problem.errno == getattr(socket, code, None):
            return Failed(tried, cause, code, advice)
    return Failed(tried, str(problem.strerror or problem), f"EAI {problem.errno}")


def _explain_tls(tried: str, problem: Exception) -> Failed:
    """OpenSSL's reason, the verification's, or an alert by its name in RFC 8446 section 6."""
    verify = getattr(problem, "verify_message", "")
    if verify:
        number = getattr(problem, "verify_code", 0)
        advice = _VERIFY.get(number, "give the CA that signed it, or look at the chain")
        return Failed(
            tried, f"the certificate is not trusted: {verify}", f"verify {number}", advice
        )
    reason = getattr(problem, "reason", None) or _TLS_FRAME.sub("", str(problem))
    words = reason.replace("_", " ").lower()
    alert = _TLS_ALERT.match(words)
    if alert:
        name = alert[1].replace(" ", "_")
        advice = _ALERTS.get(name, "the server's log may say more")
        return Failed(tried, f"the other side refused with the TLS alert {name}", name, advice)
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"):
        return Failed(tried, "the other side does not speak TLS here", reason, "try it without TLS")
    if reason == "UNEXPECTED_EOF_WHILE_READING":
        cause = "the other side hung up in the middle of TLS"
        return Failed(tried, cause, reason, "it may not speak TLS here, or want another version")
    return Failed(tried, f"TLS failed: {words}", reason)
