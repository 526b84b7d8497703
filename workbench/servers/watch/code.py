"""Targets as code: a script on the standard library, and a shell command of the usual tools.

Both check as the watch does, but for what only it keeps: retries, warnings, a history, alarms.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from workbench.servers.watch.checks import KINDS
from workbench.servers.watch.dns import question_of
from workbench.servers.watch.dns_codec import type_number
from workbench.servers.watch.greeting import manner_of
from workbench.servers.watch.targets import Step, Target

_CONNECT = """\
def connect(host, port, timeout, tls):
    if port is None:
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(timeout)
        peer.connect(host)
    else:
        peer = socket.create_connection((host, port), timeout)
    return trust(*tls).wrap_socket(peer, server_hostname=host) if tls else peer
"""
_TRUST = """\
def trust(verify, ca):
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ca:
        context.load_verify_locations(ca)
    return context
"""
_TALK = """\
def talk(host, port, timeout, tls, steps):
    with connect(host, port, timeout, tls) as peer:
        for verb, data in steps:
            if verb == "send":
                peer.sendall(data)
                continue
            heard = b""
            while data not in heard:
                more = peer.recv(65536)
                if not more:
                    raise OSError(f"it hung up without {data}")
                heard += more
"""
_FETCH = """\
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def fetch(url, timeout, method, statuses, words, tls):
    handlers = [urllib.request.HTTPSHandler(context=trust(*tls))] if tls else []
    opener = urllib.request.build_opener(Stay, urllib.request.ProxyHandler({}), *handlers)
    try:
        answer = opener.open(urllib.request.Request(url, method=method), timeout=timeout)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        if answer.status not in statuses if statuses else answer.status >= 400:
            raise OSError(f"it answers {answer.status}")
        body = answer.read(1 << 20) if words else b""
    for word in words:
        if word not in body:
            raise OSError(f"its body lacks {word}")
"""
_DATAGRAM = """\
def datagram(family, address, timeout, data, words, asked):
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        if family == socket.AF_UNIX:
            peer.bind("")
        peer.settimeout(timeout if asked else 1)
        peer.connect(address)
        peer.send(data)
        try:
            while True:
                got = peer.recv(65536)
                if all(word in got for word in words):
                    break
        except TimeoutError:
            if asked:
                raise
"""
_ASK = """\
def ask(host, port, timeout, tls, name, kind):
    parts = [part.encode() for part in name.split(".") if part]
    wire = b"".join(bytes([len(part)]) + part for part in parts) + bytes(1)
    query = struct.pack("!6H", 4711, 256, 1, 0, 0, 0) + wire + struct.pack("!HH", kind, 1)
    with connect(host, port, timeout, tls) as peer:
        peer.sendall(struct.pack("!H", len(query)) + query)
        got = b""
        while len(got) < 10:
            more = peer.recv(4096)
            if not more:
                raise OSError("it hung up")
            got += more
    flags, _, count = struct.unpack("!3H", got[4:10])
    if flags & 15 or not count:
        raise OSError(f"it answers rcode {flags & 15} with {count} records")
"""
_PING = """\
def ping(host, timeout):
    wait = str(max(1, round(timeout)))
    subprocess.run(["ping", "-c1", "-W", wait, host], check=True, stdout=subprocess.DEVNULL)
"""
_ROUND = """\
def check(name, function, *arguments):
    try:
        function(*arguments)
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        print("down", name, problem, flush=True)
        return False
    print("up", name, flush=True)
    return True
"""
_PARTS = {
    "talk": _TALK,
    "fetch": _FETCH,
    "datagram": _DATAGRAM,
    "ask": _ASK,
    "ping": _PING,
    "connect": _CONNECT,
    "trust": _TRUST,
}


def python(targets: Iterable[Target], *, once: bool, interval: float) -> str:
    """A script that checks these, prints how each stands, and has exit status 1 where one is down.

    It asks DNS over TCP, and looks at an answer's count rather than at what it says.
    """
    calls = [f"    ok &= check({one.name!r}, {_call(one)})" for one in targets]
    text = "\n".join(calls)
    parts = [part for name, part in _PARTS.items() if f", {name}, " in text]
    parts += [_CONNECT] * any("connect(" in part for part in parts)
    parts += [_TRUST] * any("trust(" in part for part in parts)
    modules = ["subprocess", "sys", *([] if once else ["time"])]
    code = "".join(parts)
    modules += [name for name in ("socket", "ssl", "struct") if f"{name}." in code + text]
    modules += ["urllib.error", "urllib.request"] * ("urllib." in code)
    imports = "".join(f"import {name}\n" for name in sorted(modules))
    body = f"    ok = True\n{text}\n    return ok\n"
    end = (
        "sys.exit(not turn())\n"
        if once
        else f"while True:\n    turn()\n    time.sleep({interval:g})\n"
    )
    return "\n\n".join([imports, *parts, _ROUND, f"def turn():\n{body}", end])


def _call(one: Target) -> str:
    """The function that checks a target, and its arguments."""
    end = one.endpoint
    kind = _kind(one)
    tls = (one.verify, str(one.ca) if one.ca else None) if end.tls else None
    place = f"{(end.unix_address if end.is_unix else end.host)!r}, {end.port!r}, {one.timeout!r}"
    words = [text.encode() for text in one.expect]
    if kind == "ping":
        return f"ping, {end.host!r}, {one.timeout!r}"
    if kind == "fetch" and not end.is_unix:
        url = str(end.without_password())
        return (
            f"fetch, {url!r}, {one.timeout!r}, {one.method!r}, {one.status!r}, {words!r}, {tls!r}"
        )
    if kind == "ask":
        name, record = question_of(end)
        return f"ask, {place}, {tls!r}, {name!r}, {type_number(record)}"
    if kind == "datagram":
        family = "UNIX" if end.is_unix else "INET6" if ":" in end.host else "INET"
        address = end.unix_address if end.is_unix else (end.host or "localhost", end.port)
        asked = one.answer or bool(words)
        more = f"{one.timeout!r}, {one.send!r}, {words!r}, {asked!r}"
        return f"datagram, socket.AF_{family}, {address!r}, {more}"
    steps = [(step.verb, step.data) for step in _steps(one)]
    return f"talk, {place}, {tls!r}, {steps!r}"


def _kind(one: Target) -> str:
    """The name of the function that its check has."""
    kind = KINDS.get(one.endpoint.scheme) or KINDS[one.endpoint.transport]
    return kind.look.rpartition(":")[2]


def _steps(one: Target) -> tuple[Step, ...]:
    """A conversation that shows what the check looks at; a greeting begins as it should."""
    kind = _kind(one)
    if kind == "greet":
        manner = manner_of(one.endpoint.scheme)
        texts = [manner.begins, *(text.encode() for text in one.expect)]
        return (*(Step("expect", text) for text in texts), Step("send", manner.farewell))
    if kind == "fetch":
        from workbench.servers.watch.web import request_of

        end = one.endpoint.without_password()
        words = tuple(Step("expect", text.encode()) for text in one.expect)
        return (Step("send", request_of(end, one.method)), Step("expect", b"HTTP/1.1 "), *words)
    return one.steps


# -- shell ----------------------------------------------------------------------------------------


def shell(targets: Iterable[Target], *, once: bool, interval: float) -> str:
    """The usual tool for each target, one after the other; exit status 1 where one is down."""
    lines = []
    for one in targets:
        name = shlex.quote(one.name)
        lines.append(f"if {_command(one)}; then echo up {name}; else echo down {name}; r=1; fi")
    checks = "; ".join(lines)
    if once:
        return f"r=0; {checks}; exit $r"
    return f"while :; do {checks}; sleep {interval:g}; done"


def _command(one: Target) -> str:
    end = one.endpoint
    kind = _kind(one)
    wait = f"{max(1.0, one.timeout):g}"
    match kind:
        case "ping":
            return f"ping -c1 -W{round(float(wait))} {shlex.quote(end.host)} >/dev/null 2>&1"
        case "fetch":
            return _curl(one, wait)
        case "ask":
            return _dig(one, wait)
        case "datagram":
            return _datagram(one, wait)
        case _:
            return _stream(one, wait)


def _datagram(one: Target, wait: str) -> str:
    end = one.endpoint
    where = f"UNIX-SENDTO:{end.unix_path}" if end.is_unix else f"UDP:{end.authority}"
    asked = one.answer or bool(one.expect)
    how = f"-t {wait}" if asked else "-u"
    sent = f"printf {_octal(one.send)} | socat {how} - {shlex.quote(where)} 2>/dev/null"
    return sent + _greps(one.expect, asked=asked)


def _stream(one: Target, wait: str) -> str:
    end = one.endpoint
    steps = _steps(one)
    if end.tls:
        trust = f" -CAfile {shlex.quote(str(one.ca))}" if one.ca else ""
        trust += " -verify_return_error" * one.verify
        name = f" -servername {shlex.quote(end.host)}"
        tool = f"openssl s_client -connect {shlex.quote(end.authority)}{name}{trust}"
        if not steps:
            left = f"openssl x509 -noout -checkend {one.days * 86_400} >/dev/null"
            return f"timeout {wait} {tool} </dev/null 2>/dev/null | {left}"
        tool += " -quiet"
    else:
        where = f"TCP:{end.authority},connect-timeout={wait}"
        where = shlex.quote(f"UNIX-CONNECT:{end.unix_path}" if end.is_unix else where)
        if not steps:
            return f"socat -u OPEN:/dev/null {where} 2>/dev/null"
        tool = f"socat -t {wait} - {where}"
    sent = b"".join(step.data for step in steps if step.verb == "send")
    wanted = [step.data.decode("utf-8", "replace") for step in steps if step.verb == "expect"]
    talked = f"printf {_octal(sent)} | timeout {wait} {tool} 2>/dev/null"
    return talked + _greps(wanted, asked=bool(wanted))


def _curl(one: Target, wait: str) -> str:
    end = one.endpoint
    words = ["curl", "-sS", "-m", wait]
    words += ["-I"] * (one.method == "HEAD") + ["-XOPTIONS"] * (one.method == "OPTIONS")
    words += [] if one.verify else ["-k"]
    words += ["--cacert", str(one.ca)] if one.ca else []
    url = str(end.without_password())
    if end.is_unix:
        words += ["--unix-socket", end.unix_path]
        url = f"http://localhost{end.target}"
    quoted = shlex.join(words)
    good = "|".join(map(str, one.status)) or "[123]??"
    code = f"{quoted} -o /dev/null -w '%{{http_code}}' {shlex.quote(url)} 2>/dev/null"
    found = f'case "$({code})" in {good}) ;; *) false ;; esac'
    for word in one.expect:
        found += f" && {quoted} {shlex.quote(url)} | grep -qF -- {shlex.quote(word)}"
    return found


def _dig(one: Target, wait: str) -> str:
    end = one.endpoint
    name, kind = question_of(end)
    words = ["dig", f"@{end.host}", "-p", str(end.port), name, kind, "+short", "+tries=1"]
    words += [f"+time={round(float(wait))}", *["+tls"] * end.tls]
    found = shlex.join(words)
    if not one.expect:
        return f"{found} | grep -q '^[^;]'"
    return " && ".join(
        f"{found} | grep -qixE -- {shlex.quote(_literal(text.rstrip('.')) + '[.]?')}"
        for text in one.expect
    )


def _literal(text: str) -> str:
    """A text as an extended regular expression that matches it alone."""
    return "".join(char if char.isalnum() or char in " :-_/" else f"[{char}]" for char in text)


def _greps(wanted: Iterable[str], *, asked: bool) -> str:
    """A filter that is content when all of the texts come; where there is none, with anything."""
    texts = list(wanted)
    if not texts:
        return " | grep -qa ." if asked else ""
    if len(texts) == 1:
        return f" | grep -qaF -- {shlex.quote(texts[0])}"
    tests = " && ".join(f'grep -qaF -- {shlex.quote(text)} "$f"' for text in texts)
    return f' | {{ f=$(mktemp); cat >"$f"; {tests}; s=$?; rm -f "$f"; (exit $s); }}'


def _octal(data: bytes) -> str:
    """Bytes as printf(1) takes them."""
    return "'" + "".join(f"\\{byte:03o}" for byte in data) + "'"
