"""`http run` as code: the requests one after the other, in Python and in the shell."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable

from workbench.core.failure import JobError, explain
from workbench.http.client.message import method_of
from workbench.http.collections.answers import as_text
from workbench.http.collections.code_parts import Part, Step, steps, steps_of_path
from workbench.http.collections.job import HttpRun
from workbench.http.collections.judging import Assertion, Subject

_PYTHON = """\
import base64
import http.cookiejar
import json
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


jar = http.cookiejar.CookieJar()
context = ssl.create_default_context({ca})
{more}kept, failed = {{}}, 0


def send(method, url, headers, data=None, follow=True):
    global status, reason, fields, body, took
    handlers = [
        urllib.request.HTTPCookieProcessor(jar),
        urllib.request.HTTPSHandler(context=context),
    ]
    opener = urllib.request.build_opener(*handlers, *([] if follow else [NoRedirect()]))
    opener.addheaders = []
    request = urllib.request.Request(url, data, dict(headers), method=method)
    begun = time.monotonic()
    try:
        answer = opener.open(request, timeout={timeout!r})
    except urllib.error.HTTPError as error:
        answer = error  # a status of 300 and above is an answer too
    with answer:
        status, reason, fields, body = answer.status, answer.reason, answer.headers, answer.read()
    took = time.monotonic() - begun


def find(*steps):
    value = json.loads(body)
    try:
        for step in steps:
            value = value[step]
    except (KeyError, IndexError, TypeError):
        return None
    return value


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def check(words, holds):
    global failed
    print("ok  " if holds else "FAIL", words)
    failed += not holds

{requests}
sys.exit(1 if failed else 0)
"""

_SHELL = """\
set -u
jar=$(mktemp) head=$(mktemp) body=$(mktemp) failed=0
trap 'rm -f "$jar" "$head" "$body"' EXIT
# What is found loses the newlines at its end on the way.
judge() { # words, yes or no, what was found, operator, value
  case $4 in
    '==') [ "$3" = "$5" ] ;;
    '!=') [ "$3" != "$5" ] ;;
    contains) printf '%s' "$3" | grep -qiF -e "$5" ;;
    matches) printf '%s' "$3" | grep -qP -e "$5" ;;
    exists) [ -n "$3" ] ;;
    *) [ "$(jq -n --arg a "$3" --arg b "$5" "(\\$a | tonumber) $4 (\\$b | tonumber)")" = true ] ;;
  esac
  if [ $? -eq "$2" ]; then word='ok  '; else word=FAIL failed=1; fi
  printf '%s %s\n' "$word" "$1"
}
"""


def python(request: HttpRun) -> str:
    """A script on urllib.request; what it cannot check, it says."""
    more = ""
    if request.insecure:
        more = "context.check_hostname = False\ncontext.verify_mode = ssl.CERT_NONE\n"
    if request.cert:
        key = str(request.key) if request.key else None
        more += f"context.load_cert_chain({str(request.cert)!r}, {key!r})\n"
    ca = f"cafile={str(request.ca)!r}" if request.ca else ""
    try:
        requests = "".join(_python_step(one) for one in steps(request))
    except (JobError, OSError) as problem:
        return f"raise SystemExit({explain(request.tried(), problem).line()!r})\n"
    return _PYTHON.format(ca=ca, more=more, timeout=request.timeout, requests=requests)


def _python_step(step: Step) -> str:
    headers = []
    for name, value in step.wanted.headers:
        login = _login(value) if name.lower() == "authorization" else None
        if login is not None:
            pair = _expression(step.texts.parts(login))
            made = f'"Basic " + base64.b64encode(({pair}).encode()).decode()'
        else:
            made = _expression(step.texts.parts(value))
        headers.append(f"({name!r}, {made})")
    pieces = [
        f"open({str(path)!r}, 'rb').read()" if path else f"({_expression(parts)}).encode()"
        for path, parts in step.body()
    ]
    words = [repr(method_of(step.wanted.method or "GET")), _url(step)]
    words.append(f"[{', '.join(headers)}]")
    words += [" + ".join(pieces)] if pieces else []
    words += [] if step.follow else ["follow=False"]
    lines = ["", f"# {_one_line(step.entry.name)}", f"send({', '.join(words)})"]
    for one in step.asserted:
        found = _found_in_python(one.subject)
        holds = found and _python_holds(one, found, step)
        lines.append(
            f"check({one.text!r}, {holds})" if holds else f"# not checked here: {one.text}"
        )
    for capture in step.captures:
        found = _found_in_python(capture.subject)
        if capture.pattern:
            group = 1 if re.compile(capture.pattern).groups else 0
            found = found and f"re.search({capture.pattern!r}, text({found}))[{group}]"
        wanted = f"{capture.name!r}] = text({found})"
        lines.append(f"kept[{wanted}" if found else f"# not kept here: {capture.name}")
    return "\n".join(lines) + "\n"


def _url(step: Step) -> str:
    return _expression(step.texts.parts(step.wanted.url))


def _expression(parts: Iterable[Part]) -> str:
    made = {"uuid": "str(uuid.uuid4())", "now": "str(int(time.time()))"}
    words = []
    for one in parts:
        match one.kind:
            case "text":
                words.append(repr(one.text))
            case "kept":
                words.append(f"kept[{one.text!r}]")
            case "env":
                words.append(f"os.environ[{one.text!r}]")
            case kind:
                words.append(made[kind])
    return " + ".join(words) or "''"


def _found_in_python(subject: Subject) -> str:
    match subject.kind:
        case "status" | "reason":
            return subject.kind
        case "header":
            return f"fields.get({subject.name!r})"
        case "body":
            return "body.decode(errors='replace')"
        case "size":
            return "len(body)"
        case "time":
            return "took"
        case "json":
            path = steps_of_path(subject.name)
            return "" if path is None else f"find({', '.join(map(repr, path))})"
    return ""


def _python_holds(one: Assertion, found: str, step: Step) -> str:
    value = repr(one.value)
    if isinstance(one.value, str):
        value = _expression(step.texts.parts(one.value))
    match one.operator:
        case "exists":
            holds = f"{found} is not None"
        case "contains":
            holds = f"text({value}).lower() in text({found}).lower()"
        case "matches":
            holds = f"re.search(text({value}), text({found})) is not None"
        case "==" | "!=" if one.subject.kind == "header":
            holds = f"{found} {one.operator} text({value})"
        case _:
            holds = f"{found} {one.operator} {value}"
    return f"not ({holds})" if one.negated else holds


def _login(value: str) -> str | None:
    """The user and the password of `Basic USER PASSWORD`, with a colon between them."""
    found = re.fullmatch(r"(?i)basic[ \t]+(\S+)[ \t]+(\S.*)", value)
    return f"{found[1]}:{found[2]}" if found and "{{$" not in found[1] else None


def shell(request: HttpRun) -> str:
    """curl(1) for each request, jq(1) for what is looked up; what they cannot check, it says."""
    way = ["--connect-timeout", f"{request.timeout:g}"]
    way += ["--insecure"] if request.insecure else []
    way += ["--proxy", request.proxy] if request.proxy not in ("", "none") else []
    way += ["--noproxy", "*"] if request.proxy == "none" else []
    for flag, path in (("--cacert", request.ca), ("--cert", request.cert), ("--key", request.key)):
        way += [flag, str(path)] if path else []
    for one in request.resolve:
        way += ["--resolve", one]
    words = shlex.join(way)
    try:
        requests = "".join(_shell_step(one, words) for one in steps(request))
    except (JobError, OSError) as problem:
        said = shlex.quote(explain(request.tried(), problem).line())
        return f"printf '%s\\n' {said} >&2\nexit 1\n"
    return f"{_SHELL}{requests}exit $failed\n"


def _shell_step(step: Step, way: str) -> str:
    words = ["curl", "--silent", "--show-error", "--globoff", way]
    words += ['--cookie "$jar"', '--cookie-jar "$jar"', '--dump-header "$head"', '--output "$body"']
    words += ["--write-out '%{http_code} %{time_total}'"]
    body = list(step.body())
    method = method_of(step.wanted.method or "GET")
    if method == "HEAD":
        words.append("--head")
    elif method != ("POST" if body else "GET"):
        words.append(f"--request {shlex.quote(method)}")
    words += ["--location"] if step.follow else []
    typed = False
    for name, value in step.wanted.headers:
        typed = typed or name.lower() == "content-type"
        login = _login(value) if name.lower() == "authorization" else None
        if login is not None:
            words.append(f"--user {_quoted(step.texts.parts(login))}")
        else:
            words.append(f"--header {_quoted(step.texts.parts(f'{name}: {value}'))}")
    feed = ""
    if body:
        pieces = [
            f"cat {shlex.quote(str(path))}" if path else f"printf '%s' {_quoted(parts)}"
            for path, parts in body
        ]
        feed = f"{{ {'; '.join(pieces)}; }} | "
        words += [] if typed else ["--header 'Content-Type:'"]
        words.append("--data-binary @-")
    words.append(_quoted(step.texts.parts(step.wanted.url)))
    lines = ["", f"# {_one_line(step.entry.name)}", f"told=$({feed}{' '.join(words)})"]
    lines.append("status=${told% *} took=${told#* }")
    for one in step.asserted:
        found = _found_in_shell(one.subject)
        value = one.value if isinstance(one.value, str) else _compact(one.value)
        judged = [
            shlex.quote(one.text), "1" if one.negated else "0", found,
            shlex.quote(one.operator), _quoted(step.texts.parts(value)),
        ]  # fmt: skip
        lines.append(f"judge {' '.join(judged)}" if found else f"# not checked here: {one.text}")
    for capture in step.captures:
        found = _found_in_shell(capture.subject)
        name = _variable(capture.name)
        if found and capture.pattern:
            script = f"print $1 // $& if m\x01{capture.pattern}\x01"
            lines.append(f"{name}=$(printf '%s' {found} | perl -0777 -ne {shlex.quote(script)})")
        else:
            lines.append(f"{name}={found}" if found else f"# not kept here: {capture.name}")
    return "\n".join(lines) + "\n"


def _compact(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _found_in_shell(subject: Subject) -> str:
    match subject.kind:
        case "status":
            return '"$status"'
        case "header":
            name = re.escape(subject.name.lower())
            return f"\"$(tr -d '\\r' < \"$head\" | sed -n 's/^{name}: *//Ip' | tail -1)\""
        case "body":
            return '"$(cat "$body")"'
        case "size":
            return '"$(wc -c < "$body")"'
        case "time":
            return '"$took"'
        case "json":
            path = steps_of_path(subject.name)
            if path is not None:
                where = "." + "".join(f"[{json.dumps(one)}]" for one in path)
                script = shlex.quote(f"{where} | if . == null then empty else . end")
                return f'"$(jq -rc {script} "$body")"'
    return ""


def _quoted(parts: Iterable[Part]) -> str:
    made = {"uuid": '"$(cat /proc/sys/kernel/random/uuid)"', "now": '"$(date +%s)"'}
    words = []
    for one in parts:
        match one.kind:
            case "text":
                words.append(shlex.quote(one.text))
            case "kept":
                words.append(f'"${_variable(one.text)}"')
            case "env":
                words.append(f'"${one.text}"')
            case kind:
                words.append(made[kind])
    return "".join(words) or "''"


def _variable(name: str) -> str:
    """A name that a shell takes, and that is none of its own."""
    return "kept_" + re.sub(r"\W", "_", name)


def _one_line(text: str) -> str:
    return as_text(" ".join(text.split()))
