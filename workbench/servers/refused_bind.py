"""Why an address cannot be listened on, and what to do: bind(2), ip(7), capabilities(7)."""

from __future__ import annotations

import errno
import os
import pwd
import socket
import sys
from itertools import pairwise

from workbench.core.endpoint import Endpoint
from workbench.core.failure import JobError, explain
from workbench.core.text import safe
from workbench.servers.holders import Holder, Row, holders, rows

EVERYWHERE = ("0.0.0.0", "::", "")
NAMED_LIMIT = 8
"""Addresses of this machine that are named at the most."""

OTHER_PORTS = {23: 2323, 25: 2525, 53: 5353, 80: 8080, 443: 8443}
"""Ports that people take instead of those that want a right; of others 8000 more."""


def bind_failure(endpoint: Endpoint, problem: OSError) -> Exception:
    """What to raise for a bind(2) that failed: with who has the address, or what to do."""
    if isinstance(problem, socket.gaierror):
        return problem
    match problem.errno:
        case errno.EADDRINUSE:
            return _in_use(endpoint, problem)
        case errno.EACCES | errno.EPERM if not endpoint.is_unix and endpoint.port:
            return _no_right(endpoint, endpoint.port) or problem
        case errno.EACCES | errno.EROFS if endpoint.is_unix:
            return _no_way(endpoint, problem)
        case errno.EADDRNOTAVAIL if not endpoint.is_unix:
            return _not_ours(endpoint, problem)
    return problem


def _in_use(endpoint: Endpoint, problem: OSError) -> Exception:
    found = [row for row in rows() if _in_the_way(row, endpoint)]
    # A connection from that port is in the way as well, where nobody listens.
    found = [row for row in found if row.listening] or found
    other = (
        "choose another path" if endpoint.is_unix else "choose another port (0 takes a free one)"
    )
    if not found:
        said = explain("", problem)
        return JobError(said.cause, code=said.code, advice=f"{other}, or try again in a minute")
    who = _seen_first(holders(found))
    verb = "has" if found[0].listening else "has a connection from"
    if who.pid:
        cause = f"the address is in use: {who.program} (pid {who.pid}) {verb} {who.endpoint}"
        advice = f"{other}, or stop it (kill {who.pid})"
    elif who.uid in (-1, os.getuid()):
        cause = f"the address is in use: {who.endpoint} belongs to a process that can't be seen"
        advice = f"{other}; root may see whose it is, unless it is in another container"
    else:
        cause = (
            f"the address is in use: a program of {_user(who.uid)} {verb} {who.endpoint};"
            " which one can't be seen without the right (root, or CAP_SYS_PTRACE)"
        )
        advice = f"{other}, or ask: sudo ss -lntup"
    return JobError(cause, code="EADDRINUSE", advice=advice)


def _in_the_way(row: Row, endpoint: Endpoint) -> bool:
    """Whether a socket may be why the endpoint cannot be had."""
    if endpoint.is_unix:
        if endpoint.transport[:4] != row.transport[:4]:
            return False
        wanted = endpoint.unix_path
        return row.host == wanted or (
            not wanted.startswith("@") and os.path.abspath(row.host) == os.path.abspath(wanted)
        )
    if row.transport != endpoint.transport or row.port != endpoint.port or not row.inode:
        return False
    if row.host in EVERYWHERE or endpoint.host in EVERYWHERE:
        return True
    try:
        # Also another's address: a name may have any.
        return row.host == _canonical(endpoint.host)
    except OSError:
        return True


def _canonical(host: str) -> str:
    """An address in the kernel's words.

    Raises:
        OSError: it is a name.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, host.partition("%")[0]))


def _seen_first(found: list[Holder]) -> Holder:
    return next((one for one in found if one.pid), found[0])


def _user(uid: int) -> str:
    try:
        return f"the user {safe(pwd.getpwuid(uid).pw_name)}"
    except KeyError:
        return f"the user {uid}"


def _no_right(endpoint: Endpoint, port: int) -> JobError | None:
    """A port that is kept for who has the right; None where that is not why."""
    first_free = _first_free_port()
    if port >= first_free:
        return None
    other = endpoint.replace(port=OTHER_PORTS.get(port, port + 8000))
    program = os.path.realpath(sys.executable)
    return JobError(
        f"ports below {first_free} want a right that this process does not have",
        code="EACCES",
        advice=(
            f"take another port ({other}); or give Python the right (CAP_NET_BIND_SERVICE):"
            f" sudo setcap cap_net_bind_service=+ep {safe(program)}; or free the port for all:"
            f" sudo sysctl net.ipv4.ip_unprivileged_port_start={port}"
        ),
    )


def _first_free_port() -> int:
    """The first port that anybody may listen on (ip(7))."""
    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            return int(file.read(16))
    except (OSError, ValueError):
        return 1024


def _no_way(endpoint: Endpoint, problem: OSError) -> JobError:
    said = explain("", problem)
    folder = os.path.dirname(os.path.abspath(endpoint.unix_path))
    own = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    return JobError(
        f"{said.cause}: {_user(os.geteuid())} may not create a socket in {safe(folder)}",
        code=said.code,
        advice=f"choose a path in a folder of your own, as {safe(own)}",
    )


def _not_ours(endpoint: Endpoint, problem: OSError) -> Exception:
    ours = own_addresses(socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET)
    if not ours:
        return problem
    more = f" and {len(ours) - NAMED_LIMIT} more" if len(ours) > NAMED_LIMIT else ""
    return JobError(
        f"this machine does not have the address {endpoint.host}",
        code="EADDRNOTAVAIL",
        advice=f"it has {', '.join(ours[:NAMED_LIMIT])}{more}",
    )


def own_addresses(family: socket.AddressFamily) -> list[str]:
    """The addresses of this machine, as the kernel lists them (proc(5)); loopback first."""
    try:
        if family == socket.AF_INET6:
            with open("/proc/net/if_inet6", encoding="ascii") as file:
                packed = [bytes.fromhex(line.split()[0]) for line in file]
            # A link-local address wants a scope beside it (RFC 4007).
            found = [one for one in packed if one[0] != 0xFE or one[1] & 0xC0 != 0x80]
            return sorted(
                (socket.inet_ntop(family, one) for one in found), key=lambda one: one != "::1"
            )
        with open("/proc/net/fib_trie", encoding="ascii") as file:
            lines = [line.strip() for line in file]
    except OSError:
        return []
    local = [
        before.removeprefix("|-- ") for before, line in pairwise(lines) if line == "/32 host LOCAL"
    ]
    return sorted(dict.fromkeys(local), key=lambda one: not one.startswith("127."))
