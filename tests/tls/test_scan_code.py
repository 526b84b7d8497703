"""The scan as code, run: it finds the suites that the job finds."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys

import pytest

from tests.tls.peers import Identity, s_server, scripted
from tests.tls.test_scan import scan, suites_of
from tests.tls.test_starttls import TALKS
from workbench.core.endpoint import Endpoint
from workbench.tls.registry.suites import suites
from workbench.tls.scan import TlsScan

BY_OPENSSL = {one.openssl: one.name for one in suites().values() if one.openssl}
S_CLIENT = {"tls1": "TLS 1.0", "tls1_1": "TLS 1.1", "tls1_2": "TLS 1.2", "tls1_3": "TLS 1.3"}
FEW = ("-cipher", "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384:NULL-SHA:@SECLEVEL=0")


def by_script(request: TlsScan) -> set[tuple[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", request.as_python()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    found = (line.rpartition(" ") for line in done.stdout.splitlines())
    return {(version, suites()[int(value, 16)].name) for version, _, value in found}


def by_shell(request: TlsScan) -> str:
    words = ["sh", "-c", request.as_shell()]
    return subprocess.run(words, capture_output=True, text=True, timeout=100, check=True).stdout


@pytest.mark.peer("openssl", "nmap")
def test_script_and_nmap_find_the_same(rsa_identity: Identity) -> None:
    with s_server(rsa_identity, *FEW) as end:
        found = suites_of(scan(end))
        request = TlsScan(end)
        scripted_found, nmap = by_script(request), by_shell(request)
    assert len(found) > 8
    assert scripted_found == found
    version, listed = "", set()
    for line in nmap.splitlines():
        if section := re.match(r"\|\s+(TLSv1\.\d): *$", line):
            version = section[1].replace("v", " ")
        if suite := re.match(r"\|\s+(TLS_\w+) ", line):
            listed.add((version, suite[1].replace("TLS_AKE_WITH_", "TLS_")))
    assert listed == found


def s_client_lines(text: str) -> set[tuple[str, str]]:
    pairs = (line.split() for line in text.splitlines())
    return {(S_CLIENT[version], BY_OPENSSL[suite]) for version, suite in pairs}


@pytest.mark.peer("openssl", "socat")
def test_a_unix_socket_is_asked_with_s_client(rsa_identity: Identity, tmp_path: object) -> None:
    path = f"{tmp_path}/tls.sock"
    options = ("-cipher", "AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384", "-no_tls1_3")
    with s_server(rsa_identity, *options) as end:
        words = ["socat", "-d", "-d", f"UNIX-LISTEN:{path},fork", f"TCP:{end.authority}"]
        with subprocess.Popen(words, stderr=subprocess.PIPE) as relay:
            assert relay.stderr
            while b"listening" not in relay.stderr.readline():
                pass
            drain = subprocess.Popen(["cat"], stdin=relay.stderr, stdout=subprocess.DEVNULL)
            request = TlsScan(Endpoint("unix", "", None, path))
            found = suites_of(scan(request.endpoint))
            assert by_script(request) == found
            assert s_client_lines(by_shell(request)) == found
            relay.kill()
            drain.wait()
    assert len(found) == 2


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("protocol", ["smtp", "imap", "ldap", "xmpp", "postgres", "mysql"])
def test_the_dialogue_before_tls_is_in_the_code_too(protocol: str, rsa_identity: Identity) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rsa_identity.certificate, rsa_identity.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256:AES256-GCM-SHA384")

    def serve(peer: socket.socket) -> None:
        first, *rest = TALKS[protocol]
        peer.sendall(first)
        for one in rest:
            peer.recv(65536 if one else 36)
            peer.sendall(one)
        context.wrap_socket(peer, server_side=True).close()

    with scripted(serve) as end:
        request = TlsScan(end, starttls=protocol)  # type: ignore[arg-type]
        found = suites_of(scan(end, starttls=protocol))
        assert by_script(request) == found
    assert found == {
        ("TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
        ("TLS 1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    }
    assert f"-starttls {protocol}" in request.as_shell()


@pytest.mark.peer("openssl")
def test_s_client_goes_through_starttls(rsa_identity: Identity) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(rsa_identity.certificate, rsa_identity.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256")

    def serve(peer: socket.socket) -> None:
        first, *rest = TALKS["smtp"]
        peer.sendall(first)
        for one in rest:
            peer.recv(65536)
            peer.sendall(one)
        context.wrap_socket(peer, server_side=True).close()

    with scripted(serve) as end:
        request = TlsScan(end, starttls="smtp")
        assert s_client_lines(by_shell(request)) == suites_of(scan(end, starttls="smtp"))
