"""A request as code: Python on the standard library, and curl(1)."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.http.client.building import FORM, JSON, Items, http_url, pairs_of, with_query
from workbench.http.client.digests import typed_digest
from workbench.http.client.forms import FormField, typed_form_field, urlencoded
from workbench.http.client.message import Fields, check_method, wire_target

if TYPE_CHECKING:
    from workbench.http.client.download import Download
    from workbench.http.client.job import Http
    from workbench.http.client.request import ClientRequest

_PYTHON = """\
import sys
import urllib.error
import urllib.request
{imports}
{setup}{body}request = urllib.request.Request({url!r}, method={method!r})
{fields}{handlers}opener = urllib.request.build_opener({given})
opener.addheaders = []
try:
    answer = opener.open(request, {data}timeout={timeout!r})
except urllib.error.HTTPError as error:
    answer = error  # a status of 300 and above is an answer too
with answer:
    print(answer.status, answer.reason, file=sys.stderr)
"""

_TO_STDOUT = """\
    while piece := answer.read(65536):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
"""

_TO_FILE = """\
    with open({path!r}, "wb") as file:
        while piece := answer.read(65536):
            file.write(piece)
"""

_UNIX = """\


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect({path!r})


class UnixHandler(urllib.request.HTTPHandler):
    def http_open(self, request):
        return self.do_open(UnixConnection, request)


"""

_RAW = """\
import socket
import sys
{imports}
with open({path}, "rb") as file:
    request = file.read()
{connect}
with peer:
    peer.sendall(request)
    peer.settimeout({timeout!r})
    try:
        while piece := peer.recv(65536):  # the answer as it stands, head and all
            sys.stdout.buffer.write(piece)
    except TimeoutError:
        pass
"""

_NO_REDIRECT = """\


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


"""


def _prepared(request: Http) -> tuple[Endpoint, Items, Fields]:
    items = Items(request.item)
    items.add_fields(request.header)
    pairs = [*items.query, *pairs_of(request.query, "pair of a query")]
    url = with_query(http_url(request.url), pairs)
    fields = Fields(items.fields)
    if request.data or request.urlencoded:
        fields = fields.default(b"Content-Type", FORM)
    elif request.data_json or items.json:
        fields = fields.default(b"Content-Type", JSON)
    return url.replace(user="", password="", fragment=""), items, fields


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


# -- Python -------------------------------------------------------------------------------------


class _Script:
    """The parts of a script as they are found."""

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self.setup = ""
        self.handlers: list[str] = []
        self.lines: list[str] = []


def python(request: Http) -> str:
    """A script on the standard library; what that cannot do, it says."""
    if request.raw is not None:
        return _raw_python(request)
    url, items, fields = _prepared(request)
    script = _Script()
    body = _python_body(request, items, script)
    content_type = fields.get(b"content-type")
    lines = [f"request.add_header({_text(name)!r}, {_text(value)!r})" for name, value in fields]
    if request.form:
        lines.append('request.add_header("Content-Type", content_type)')
    elif body and content_type is None:
        lines.append('request.add_header("Content-Type", "")')
    address = f"{url.scheme}://{url.authority}"
    if url.is_unix:
        script.imports |= {"http.client", "socket"}
        script.setup += _UNIX.format(path=url.unix_address)
        script.handlers.append("UnixHandler()")
        address = "http://localhost"
    _python_way(request, url, script)
    _python_login(request, url, script, address)
    if not request.follow:
        script.setup += _NO_REDIRECT
        script.handlers.append("NoRedirect()")
    if request.http in ("1.0", "2"):
        script.lines.append(f"# The standard library speaks HTTP/1.1 alone, not {request.http}.")
    if request.resolve:
        script.imports.add("socket")
        script.setup += _pinned(request)
    if request.cookies is not None:
        script.imports.add("http.cookiejar")
        script.lines += [
            f"jar = http.cookiejar.MozillaCookieJar({str(request.cookies)!r})",
            "try:",
            "    jar.load(ignore_discard=True, ignore_expires=True)",
            "except FileNotFoundError:",
            "    pass",
        ]
        script.handlers.append("urllib.request.HTTPCookieProcessor(jar)")
    setup = script.setup.lstrip("\n")
    imports = "".join(f"import {name}\n" for name in sorted(script.imports))
    text = _PYTHON.format(
        imports=imports, setup=setup if not setup else "\n\n" + setup, body=body,
        url=address + wire_target(url).decode(), method=check_method(request.method),
        fields="".join(f"{line}\n" for line in lines),
        handlers="".join(f"{line}\n" for line in script.lines),
        given=", ".join(script.handlers), data="data, " if body else "", timeout=request.timeout,
    )  # fmt: skip
    text += _TO_FILE.format(path=str(request.output)) if request.output else _TO_STDOUT
    if request.cookies is not None:
        text += "jar.save(ignore_discard=True)\n"
    return text


def _python_body(request: Http, items: Items, script: _Script) -> str:
    """The lines that make `data`, or none."""
    if request.data or request.data_json:
        texts = request.data or (request.data_json,)
        parts = []
        for text in texts:
            if text == "@-":
                parts.append("sys.stdin.buffer.read()")
            elif text.startswith("@"):
                parts.append(f"open({text[1:]!r}, 'rb').read()")
            else:
                parts.append(repr(text.encode("utf-8", "surrogateescape")))
        return "data = " + ' + b"&" + '.join(parts) + "\n"
    if request.form:
        return _python_form([typed_form_field(one) for one in request.form])
    if request.urlencoded:
        pairs = pairs_of(request.urlencoded, "field of a form")
        return f"data = {urlencoded(pairs)!r}\n"
    if items.json:
        return f"data = {json.dumps(items.json, ensure_ascii=False).encode()!r}\n"
    return ""


def _python_form(fields: list[FormField]) -> str:
    """Form-data put together by hand, for which the standard library has nothing."""
    lines = ['boundary = "------------------------d74496d66958873e"', 'data = b""']
    for one in fields:
        head = f'Content-Disposition: form-data; name="{one.name}"'
        if one.file is not None and one.filename:
            head += f'; filename="{one.filename}"'
        if one.media_type:
            head += f"\r\nContent-Type: {one.media_type}"
        value = repr(one.value.encode())
        if one.file is not None:
            value = f"open({str(one.file)!r}, 'rb').read()"
        lines.append(_part_line(head, value))
    lines.append('data += f"--{boundary}--\\r\\n".encode()')
    lines.append('content_type = f"multipart/form-data; boundary={boundary}"')
    return "\n".join(lines) + "\n"


def _part_line(head: str, value: str) -> str:
    start = ("\r\n" + head + "\r\n\r\n").encode()
    return f'data += b"--" + boundary.encode() + {start!r} + {value} + b"\\r\\n"'


def _python_way(request: ClientRequest, url: Endpoint, script: _Script) -> None:
    """Proxies and TLS."""
    if request.proxy == "none" or url.is_unix:
        script.handlers.append("urllib.request.ProxyHandler({})")
    elif request.proxy.startswith("socks"):
        script.lines.append("# The standard library knows no SOCKS: this goes without the proxy.")
        script.handlers.append("urllib.request.ProxyHandler({})")
    elif request.proxy:
        from workbench.http.client.proxy import parse_proxy

        given = parse_proxy(request.proxy)
        user = request.proxy_user or given.user
        login = ""
        if user:
            script.imports |= {"os", "urllib.parse"}
            login = f'{user}:" + urllib.parse.quote(os.environ["PROXY_PASSWORD"], safe="") + "@'
        script.lines.append(f'proxy = "{given.kind}://{login}{given.place.authority}"')
        script.handlers.append('urllib.request.ProxyHandler({"http": proxy, "https": proxy})')
    if not url.tls:
        return
    script.imports.add("ssl")
    ca = f"cafile={str(request.ca)!r}" if request.ca else ""
    script.lines.append(f"context = ssl.create_default_context({ca})")
    if request.insecure:
        script.lines += ["context.check_hostname = False", "context.verify_mode = ssl.CERT_NONE"]
    if request.cert:
        key = f", {str(request.key)!r}" if request.key else ", None"
        password = ""
        if request.key_password:
            script.imports.add("os")
            password = ', os.environ["KEY_PASSWORD"]'
        script.lines.append(f"context.load_cert_chain({str(request.cert)!r}{key}{password})")
    script.handlers.append("urllib.request.HTTPSHandler(context=context)")


def _python_login(request: Http | Download, url: Endpoint, script: _Script, address: str) -> None:
    """Who asks; a secret comes from the environment."""
    if request.bearer:
        script.imports.add("os")
        script.lines.append(
            'request.add_unredirected_header("Authorization", "Bearer " + os.environ["BEARER"])'
        )
    user = request.user or request.url.user
    if not user or request.bearer:
        return
    script.imports.add("os")
    script.lines.append("passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()")
    script.lines.append(
        f'passwords.add_password(None, "{address}/", {user!r}, os.environ["PASSWORD"])'
    )
    if request.auth == "basic":
        script.imports.add("base64")
        script.lines.append(
            f"pair = base64.b64encode(f\"{user}:{{os.environ['PASSWORD']}}\".encode()).decode()"
        )
        script.lines.append('request.add_unredirected_header("Authorization", "Basic " + pair)')
        return
    script.handlers.append("urllib.request.HTTPDigestAuthHandler(passwords)")
    if request.auth == "any":
        script.handlers.append("urllib.request.HTTPBasicAuthHandler(passwords)")


def _pinned(request: ClientRequest) -> str:
    """Addresses pinned, by the one place where every look-up passes."""
    from workbench.http.client.building import pins_of

    pins = pins_of(request.resolve)
    return (
        f"pins = {pins!r}\n"
        "look_up = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, port, *more, **options: look_up(\n"
        "    pins.get((host, port), host), port, *more, **options\n"
        ")\n"
    )


def _raw_python(request: Http) -> str:
    url = http_url(request.url)
    path = "0" if str(request.raw) == "-" else repr(str(request.raw))
    imports = ""
    if url.is_unix:
        connect = f"peer = socket.socket(socket.AF_UNIX)\npeer.connect({url.unix_address!r})"
    else:
        where = (url.host, url.port)
        connect = f"peer = socket.create_connection({where!r}, {request.timeout!r})"
    if url.tls:
        imports = "import ssl\n"
        check = (
            "ssl._create_unverified_context()"
            if request.insecure
            else (
                f"ssl.create_default_context(cafile={str(request.ca)!r})"
                if request.ca
                else "ssl.create_default_context()"
            )
        )
        connect += f"\npeer = {check}.wrap_socket(peer, server_hostname={url.host!r})"
    return _RAW.format(path=path, imports=imports, connect=connect, timeout=request.timeout)


_DOWNLOAD = """\
import os
import shutil
import sys
import urllib.request
{imports}
{setup}request = urllib.request.Request({url!r})
{fields}{handlers}opener = urllib.request.build_opener({given})
opener.addheaders = []
with opener.open(request, timeout={timeout!r}) as answer:
    with open({part!r}, "wb") as file:
        shutil.copyfileobj(answer, file, 1 << 18)
    length = answer.headers["Content-Length"]
if length is not None and os.path.getsize({part!r}) != int(length):
    sys.exit("cut short")
{check}os.replace({part!r}, {path!r})
"""

_CHECK = """\
with open({part!r}, "rb") as file:
    if hashlib.file_digest(file, {algorithm!r}).hexdigest() != {value!r}:
        sys.exit("not the file that was wanted")
"""


def _target(request: Download) -> tuple[Endpoint, Items, str]:
    from workbench.http.client.naming import name_for

    items = Items(request.item)
    url = http_url(request.url).replace(user="", password="", fragment="")
    return url, items, str(request.output) if request.output else name_for(url, None)


def download_python(request: Download) -> str:
    """A script on the standard library: one try, whole or not there at all."""
    url, items, path = _target(request)
    script = _Script()
    address = f"{url.scheme}://{url.authority}"
    if url.is_unix:
        script.imports |= {"http.client", "socket"}
        script.setup += _UNIX.format(path=url.unix_address)
        script.handlers.append("UnixHandler()")
        address = "http://localhost"
    _python_way(request, url, script)
    _python_login(request, url, script, address)
    if request.resolve:
        script.imports.add("socket")
        script.setup += _pinned(request)
    part, check = f"{path}.part", ""
    if request.digest:
        digest = typed_digest(request.digest)
        script.imports.add("hashlib")
        check = _CHECK.format(part=part, algorithm=digest.algorithm, value=digest.value.hex())
    lines = [
        f"request.add_header({_text(name)!r}, {_text(value)!r})\n" for name, value in items.fields
    ]
    setup = script.setup.lstrip("\n")
    return _DOWNLOAD.format(
        imports="".join(f"import {name}\n" for name in sorted(script.imports)),
        setup=setup if not setup else "\n\n" + setup, url=address + wire_target(url).decode(),
        fields="".join(lines), handlers="".join(f"{line}\n" for line in script.lines),
        given=", ".join(script.handlers), timeout=request.timeout, part=part, path=path,
        check=check,
    )  # fmt: skip


# -- shell --------------------------------------------------------------------------------------


def shell(request: Http) -> str:
    """The command of curl(1); secrets come from the environment."""
    url, items, fields = _prepared(request)
    if request.raw is not None:
        return _raw_shell(request, url)
    words = ["curl", "--silent", "--show-error", "--globoff", "--path-as-is"]
    words += ["--compressed"] if request.decode else []
    if request.method == "HEAD":
        words.append("--head")
    else:
        words += ["--request", check_method(request.method)]
    version = {"1.0": "--http1.0", "1.1": "--http1.1"}.get(request.http, "")
    if request.http == "2":
        version = "--http2" if url.tls else "--http2-prior-knowledge"
    words += [version] if version else []
    quoted = [shlex.quote(word) for word in words]
    for name, value in fields:
        line = f"{_text(name)}: {_text(value)}" if value else f"{_text(name)};"
        quoted += ["--header", shlex.quote(line)]
    quoted += [f"--header {shlex.quote(_text(name) + ':')}" for name in sorted(items.omit)]
    quoted += _shell_body(request, items) + _shell_login(request) + _shell_way(request, url)
    if request.follow:
        quoted += ["--location", "--max-redirs", str(request.max_redirects)]
    if request.cookies is not None:
        jar = shlex.quote(str(request.cookies))
        quoted += ["--cookie", jar, "--cookie-jar", jar]
    if request.output is not None:
        quoted += ["--output", shlex.quote(str(request.output))]
    if request.request_target:
        quoted += ["--request-target", shlex.quote(request.request_target)]
    quoted += ["--connect-timeout", f"{request.timeout:g}"]
    return " ".join([*quoted, shlex.quote(_curl_url(url))])


def download_shell(request: Download) -> str:
    """curl(1), which goes on with what is there without a proof that it is the same file."""
    url, items, path = _target(request)
    words = ["curl", "--fail", "--silent", "--show-error", "--globoff", "--path-as-is"]
    words += ["--location", "--max-redirs", str(request.max_redirects)]
    words += ["--retry", str(request.retries)]
    words += ["--continue-at", "-"] if request.resume else []
    version = {"1.0": "--http1.0", "1.1": "--http1.1"}.get(request.http, "")
    words += [version] if version else []
    for name, value in items.fields:
        words += ["--header", f"{_text(name)}: {_text(value)}" if value else f"{_text(name)};"]
    part = shlex.quote(f"{path}.part")
    quoted = [shlex.quote(word) for word in words] + _shell_login(request)
    quoted += _shell_way(request, url)
    quoted += ["--output", part, "--connect-timeout", f"{request.timeout:g}"]
    command = " ".join([*quoted, shlex.quote(_curl_url(url))])
    if request.digest:
        digest = typed_digest(request.digest)
        line = shlex.quote(f"{digest.value.hex()}  {path}.part")
        command += f" && echo {line} | {digest.algorithm}sum --check --quiet"
    return f"{command} && mv {part} {shlex.quote(path)}"


def _curl_url(url: Endpoint) -> str:
    target = wire_target(url).decode()
    return f"http://localhost{target}" if url.is_unix else f"{url.scheme}://{url.authority}{target}"


def _shell_body(request: Http, items: Items) -> list[str]:
    words: list[str] = []
    for text in request.data or ((request.data_json,) if request.data_json else ()):
        flag = "--data-binary" if text.startswith("@") else "--data-raw"
        words += [flag, shlex.quote(text)]
    for text in request.form:
        flag = "--form" if "=@" in text or "=<" in text else "--form-string"
        words += [flag, shlex.quote(text)]
    if request.urlencoded:
        pairs = pairs_of(request.urlencoded, "field of a form")
        words += ["--data-raw", shlex.quote(urlencoded(pairs).decode())]
    if items.json:
        words += ["--data-raw", shlex.quote(json.dumps(items.json, ensure_ascii=False))]
    return words


def _shell_login(request: Http | Download) -> list[str]:
    if request.bearer:
        return ["--oauth2-bearer", '"$BEARER"']
    user = request.user or request.url.user
    if not user:
        return []
    flag = {"basic": "--basic", "digest": "--digest"}.get(request.auth, "--anyauth")
    return [flag, "--user", f'{shlex.quote(user)}:"$PASSWORD"']


def _shell_way(request: ClientRequest, url: Endpoint) -> list[str]:
    words: list[str] = []
    if url.is_unix:
        flag = "--abstract-unix-socket" if url.unix_path.startswith("@") else "--unix-socket"
        words += [flag, shlex.quote(url.unix_path.lstrip("@"))]
    if request.proxy == "none":
        words += ["--noproxy", "'*'"]
    elif request.proxy:
        words += ["--proxy", shlex.quote(request.proxy)]
        if request.proxy_user:
            words += ["--proxy-user", f'{shlex.quote(request.proxy_user)}:"$PROXY_PASSWORD"']
    for one in request.resolve:
        words += ["--resolve", shlex.quote(one)]
    words += ["--insecure"] if request.insecure else []
    files: tuple[tuple[str, Path | None], ...] = (
        ("--cacert", request.ca), ("--cert", request.cert), ("--key", request.key),
    )  # fmt: skip
    for flag, path in files:
        words += [flag, shlex.quote(str(path))] if path else []
    if request.key_password:
        words += ["--pass", '"$KEY_PASSWORD"']
    return words


def _raw_shell(request: Http, url: Endpoint) -> str:
    """socat, or openssl where there is TLS: curl sends no bytes as they stand."""
    source = "" if str(request.raw) == "-" else f" < {shlex.quote(str(request.raw))}"
    if url.tls:
        ca = f" -CAfile {shlex.quote(str(request.ca))}" if request.ca else ""
        return f"openssl s_client -quiet -connect {url.authority}{ca}{source}"
    peer = f"TCP:{url.host}:{url.port}" if not url.is_unix else f"UNIX-CONNECT:{url.unix_path}"
    return f"socat -t {request.timeout:g} - {shlex.quote(peer)}{source}"
