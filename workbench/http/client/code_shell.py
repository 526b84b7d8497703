"""A request as the command of curl(1); secrets come from the environment."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.endpoint import Endpoint
from workbench.http.client.building import Items, pairs_of
from workbench.http.client.code_parts import origin_of, prepared, target_of, text_of
from workbench.http.client.digests import typed_digest
from workbench.http.client.forms import urlencoded
from workbench.http.client.message import check_method, method_of, wire_target

if TYPE_CHECKING:
    from workbench.http.client.download import Download
    from workbench.http.client.job import Http
    from workbench.http.client.request import ClientRequest


def shell(request: Http) -> str:
    """The command of curl(1); secrets come from the environment."""
    url, items, fields = prepared(request)
    if request.raw is not None:
        return _raw_shell(request, url)
    words = ["curl", "--silent", "--show-error", "--globoff", "--path-as-is"]
    words += ["--compressed"] if request.decode else []
    if method_of(request.method) == "HEAD":
        words.append("--head")
    else:
        words += ["--request", check_method(method_of(request.method))]
    version = {"1.0": "--http1.0", "1.1": "--http1.1"}.get(request.http, "")
    if request.http == "2":
        version = "--http2" if url.tls else "--http2-prior-knowledge"
    words += [version] if version else []
    quoted = [shlex.quote(word) for word in words]
    for name, value in fields:
        line = f"{text_of(name)}: {text_of(value)}" if value else f"{text_of(name)};"
        quoted += ["--header", shlex.quote(line)]
    quoted += [f"--header {shlex.quote(text_of(name) + ':')}" for name in sorted(items.omit)]
    quoted += _shell_body(request, items) + _shell_login(request) + curl_way(request, url)
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
    url, items, path = target_of(request)
    words = ["curl", "--fail", "--silent", "--show-error", "--globoff", "--path-as-is"]
    words += ["--location", "--max-redirs", str(request.max_redirects)]
    words += ["--retry", str(request.retries)]
    words += ["--continue-at", "-"] if request.resume else []
    version = {"1.0": "--http1.0", "1.1": "--http1.1"}.get(request.http, "")
    words += [version] if version else []
    for name, value in items.fields:
        words += [
            "--header",
            f"{text_of(name)}: {text_of(value)}" if value else f"{text_of(name)};",
        ]
    part = shlex.quote(f"{path}.part")
    quoted = [shlex.quote(word) for word in words] + _shell_login(request)
    quoted += curl_way(request, url)
    quoted += ["--output", part, "--connect-timeout", f"{request.timeout:g}"]
    command = " ".join([*quoted, shlex.quote(_curl_url(url))])
    if request.digest:
        digest = typed_digest(request.digest)
        line = shlex.quote(f"{digest.value.hex()}  {path}.part")
        command += f" && echo {line} | {digest.algorithm}sum --check --quiet"
    return f"{command} && mv {part} {shlex.quote(path)}"


def _curl_url(url: Endpoint) -> str:
    return origin_of(url) + wire_target(url).decode()


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
    secret = ["--header", '"$SECRET_HEADER"'] if request.secret_header else []
    if request.bearer:
        return [*secret, "--oauth2-bearer", '"$BEARER"']
    user = request.user or request.url.user
    if not user:
        return secret
    flag = {"basic": "--basic", "digest": "--digest"}.get(request.auth, "--anyauth")
    return [*secret, flag, "--user", f'{shlex.quote(user)}:"$PASSWORD"']


def curl_way(request: ClientRequest, url: Endpoint) -> list[str]:
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
