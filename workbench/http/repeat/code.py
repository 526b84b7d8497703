"""`repeat` as code: threads with http.client, and ab(1) or h2load(1)."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from workbench.http.client.building import http_url

if TYPE_CHECKING:
    from workbench.http.repeat.job import Repeat

_PYTHON = """\
import collections
import http.client
import threading
import time
{imports}
lock = threading.Lock()
left, times, told = {requests}, [], collections.Counter()
end = {end}


def connection():
    {connect}


def work():
    global left
    peer = connection()
    while time.monotonic() < end:
        with lock:
            if not left:
                break
            left -= 1
        began = time.monotonic()
        try:
            peer.request({method!r}, {target!r}, {data!r}, {headers!r})
            answer = peer.getresponse()
            answer.read()
            with lock:
                times.append(time.monotonic() - began)
                told[answer.status] += 1
        except (OSError, http.client.HTTPException) as problem:
            with lock:
                told[str(problem)] += 1
            peer.close()
        {close}


threads = [threading.Thread(target=work) for _ in range({at_once})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
times.sort()
for share in (0.5, 0.9, 0.99, 0.999) if times else ():
    print(f"p{{100 * share:g}} {{times[int(share * len(times))] * 1000:.2f}} ms")
for what, count in told.items():
    print(what, count)
"""

_UNIX = """\
    made = http.client.HTTPConnection("localhost", timeout={timeout})
    made.sock = socket.socket(socket.AF_UNIX)
    made.sock.connect({path!r})
    return made"""


def python(request: Repeat) -> str:
    """A script; HTTP/2 is nothing that http.client speaks, so it asks by HTTP/1.1."""
    url = http_url(request.url)
    imports = ""
    if url.is_unix:
        imports = "import socket\n"
        connect = _UNIX.format(path=url.unix_address, timeout=request.timeout).lstrip()
    elif url.tls:
        imports = "import ssl\n"
        ca = f"cafile={str(request.ca)!r}" if request.ca else ""
        made = f"ssl.create_default_context({ca})"
        made = "ssl._create_unverified_context()" if request.insecure else made
        connect = (
            f"return http.client.HTTPSConnection({url.host!r}, {url.port}, "
            f"timeout={request.timeout}, context={made})"
        )
    else:
        places = f"{url.host!r}, {url.port}, timeout={request.timeout}"
        connect = f"return http.client.HTTPConnection({places})"
    return _PYTHON.format(
        imports=imports, connect=connect, requests=request.total() or -1,
        end=f"time.monotonic() + {request.duration}" if request.duration else 'float("inf")',
        method=request.method.upper(), target=url.target or "/", data=request.data or None,
        headers=dict(request.fields()), at_once=request.at_once,
        close="pass" if request.keep else "peer.close()",
    )  # fmt: skip


def shell(request: Repeat) -> str:
    """ab, which speaks HTTP/1.0 with kept connections; h2load for HTTP/2 and Unix sockets."""
    url = http_url(request.url)
    fields = [f"{name}: {value}" for name, value in request.fields()]
    secure = url.tls
    method = request.method.upper()
    bodies = {"POST": "-p", "PUT": "-u"}
    if request.http == "2" or url.is_unix or (request.data and method not in bodies):
        words = ["h2load", "-c", str(min(request.at_once, request.total() or request.at_once))]
        words += ["-D", f"{request.duration:g}"] if not request.total() else []
        words += ["-n", str(request.total())] if request.total() else []
        words += [] if request.http == "2" else ["--h1"]
        words += [f"--base-uri=unix:{url.unix_address}"] if url.is_unix else []
        words += [word for one in fields for word in ("-H", one)]
        words += ["-H", f":method: {method}"] if method != "GET" else []
        flag = ["-d"]
    else:
        words = ["ab", "-q"]
        words += ["-t", f"{request.duration:g}"] if request.duration else []
        words += ["-n", str(request.total() or 10**7)]
        words += ["-c", str(min(request.at_once, request.total() or request.at_once))]
        words += ["-k"] if request.keep else []
        words += [word for one in fields for word in ("-H", one)]
        words += ["-m", method] if method != "GET" and not request.data else []
        flag = ["-T", "text/plain", bodies.get(method, "")]
    host = "localhost" if url.is_unix else url.authority
    where = f"http{'s' if secure else ''}://{host}{url.target or '/'}"
    if not request.data:
        return shlex.join([*words, where])
    sent = f'{shlex.join([*words, *flag])} "$body" {shlex.quote(where)}'
    made = "body=$(mktemp)\ntrap 'rm \"$body\"' EXIT"
    return f'{made}\nprintf %s {shlex.quote(request.data)} > "$body"\n{sent}'
