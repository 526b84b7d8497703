"""`http clients` as code: the standard library's two in Python, curl for ours."""

from __future__ import annotations

import shlex

from workbench.core.failure import JobError, explain
from workbench.http.clients.job import HttpClients

_PYTHON = """\
import http.client
import ssl
import urllib.error
import urllib.parse
import urllib.request

url, method = {url!r}, {method!r}
headers, data = {headers!r}, {data!r}
context = ssl.create_default_context({ca})
{insecure}
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({{}}), urllib.request.HTTPSHandler(context=context)
)
request = urllib.request.Request(url, data, headers, method=method)
try:
    answer = opener.open(request, timeout={timeout!r})
except urllib.error.HTTPError as error:
    answer = error
with answer:
    print("urllib.request", answer.status, len(answer.read()), answer.geturl())

parts = urllib.parse.urlsplit(url)
if parts.scheme == "https":
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout={timeout!r}, context=context
    )
else:
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout={timeout!r})
target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
connection.request(method, target, data, headers)
answer = connection.getresponse()
print("http.client", answer.status, len(answer.read()), url)
"""


def python(request: HttpClients) -> str:
    """The first two clients; what each gives in a line."""
    from workbench.http.clients.running import Asked

    try:
        asked = Asked.of(request)
    except JobError as problem:
        return f"raise SystemExit({explain(request.tried(), problem).line()!r})\n"
    insecure = "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"
    return _PYTHON.format(
        url=str(asked.url), method=asked.method, headers=dict(asked.texts), data=asked.data,
        ca=f"cafile={str(request.ca)!r}" if request.ca else "",
        insecure=insecure if request.insecure else "", timeout=request.timeout,
    )  # fmt: skip


def shell(request: HttpClients) -> str:
    """curl(1), following redirects and undoing codings as the workbench does."""
    from workbench.http.clients.running import Asked

    try:
        asked = Asked.of(request)
    except JobError as problem:
        return f"printf '%s\\n' {shlex.quote(explain(request.tried(), problem).line())} >&2; exit 1"
    words = ["curl", "--silent", "--show-error", "--globoff", "--noproxy", "*", "--compressed"]
    words += ["--location", "--output", "/dev/null"]
    words += ["--write-out", "%{http_code} %{url_effective}\\n"]
    words += ["--head"] if asked.method == "HEAD" else []
    if asked.method not in ("HEAD", "POST" if asked.data else "GET"):
        words += ["--request", asked.method]
    for one in request.header:
        words += ["--header", one]
    words += ["--data-raw", request.data] if request.data else []
    words += ["--insecure"] if request.insecure else []
    words += ["--cacert", str(request.ca)] if request.ca else []
    return shlex.join([*words, "--connect-timeout", f"{request.timeout:g}", str(asked.url)])
