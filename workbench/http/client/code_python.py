"""A request as a Python script on the standard library."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.http.client.building import Items, http_url, pairs_of
from workbench.http.client.code_parts import origin_of, prepared, target_of, text_of
from workbench.http.client.digests import typed_digest
from workbench.http.client.forms import FormField, typed_form_field, urlencoded
from workbench.http.client.message import check_method, method_of, wire_target

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
    url, items, fields = prepared(request)
    script = _Script()
    body = _python_body(request, items, script)
    content_type = fields.get(b"content-type")
    lines = [f"request.add_header({text_of(name)!r}, {text_of(value)!r})" for name, value in fields]
    if request.form:
        lines.append('request.add_header("Content-Type", content_type)')
    elif body and content_type is None:
        lines.append('request.add_header("Content-Type", "")')
    address = origin_of(url)
    if url.is_unix:
        script.imports |= {"http.client", "socket"}
        script.setup += _UNIX.format(path=url.unix_address)
        script.handlers.append("UnixHandler()")
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
        url=address + wire_target(url).decode(), method=check_method(method_of(request.method)),
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
    if request.secret_header:
        script.imports.add("os")
        script.lines += [
            'name, _, value = os.environ["SECRET_HEADER"].partition(":")',
            "request.add_unredirected_header(name.strip(), value.strip())",
        ]
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


def download_python(request: Download) -> str:
    """A script on the standard library: one try, whole or not there at all."""
    url, items, path = target_of(request)
    script = _Script()
    address = origin_of(url)
    if url.is_unix:
        script.imports |= {"http.client", "socket"}
        script.setup += _UNIX.format(path=url.unix_address)
        script.handlers.append("UnixHandler()")
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
        f"request.add_header({text_of(name)!r}, {text_of(value)!r})\n"
        for name, value in items.fields
    ]
    setup = script.setup.lstrip("\n")
    return _DOWNLOAD.format(
        imports="".join(f"import {name}\n" for name in sorted(script.imports)),
        setup=setup if not setup else "\n\n" + setup, url=address + wire_target(url).decode(),
        fields="".join(lines), handlers="".join(f"{line}\n" for line in script.lines),
        given=", ".join(script.handlers), timeout=request.timeout, part=part, path=path,
        check=check,
    )  # fmt: skip
