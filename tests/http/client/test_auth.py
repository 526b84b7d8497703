"""Credentials: the RFC's own examples, curl and nginx as oracles, and what they never do."""

from __future__ import annotations

import hashlib
import secrets
import socket
import subprocess
import urllib.request
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.client.peers import WAIT, answering, fetch, listening, read_head
from workbench.core.endpoint import parse
from workbench.core.scope import Scope
from workbench.http.client.auth import Authenticator, Challenge, Credentials, challenges
from workbench.http.client.client import Authenticating, Client, ClientOptions
from workbench.http.client.content import Bytes
from workbench.http.client.message import HttpRequest

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def asks(challenge: bytes) -> bytes:
    """A response of 401."""
    return b"HTTP/1.1 401 No\r\nWWW-Authenticate: %b\r\nContent-Length: 0\r\n\r\n" % challenge


def test_challenges_are_read() -> None:
    found = challenges(
        [b'Newauth realm="apps, x", type=1, title="a \\"b\\"", Basic realm=simple', b"Bearer",
         b"Negotiate YII=, Digest nonce=a"]
    )  # fmt: skip
    assert found == [
        Challenge("newauth", {"realm": "apps, x", "type": "1", "title": 'a "b"'}),
        Challenge("basic", {"realm": "simple"}),
        Challenge("bearer"),
        Challenge("negotiate", {}, "YII="),
        Challenge("digest", {"nonce": "a"}),
    ]


@given(st.lists(st.binary(max_size=100), max_size=3))
def test_any_bytes_are_challenges_or_none(values: list[bytes]) -> None:
    for one in challenges(values):
        assert one.scheme


RFC_CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int",'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
    ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)

# RFC 7616, 3.9.1 and 3.9.2: what goes in and what must come out.
EXAMPLES = [
    (
        f"{RFC_CHALLENGE}, algorithm=MD5",
        "Mufasa", "Circle of Life", "http://www.example.org/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", "8ca523f5e9506fed4657c9700eebdbec",
    ),
    (
        f"{RFC_CHALLENGE}, algorithm=SHA-256",
        "Mufasa", "Circle of Life", "http://www.example.org/dir/index.html",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("challenge", "user", "password", "url", "cnonce", "response"), EXAMPLES)
def test_the_examples_of_rfc_7616(
    challenge: str, user: str, password: str, url: str, cnonce: str, response: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(secrets, "token_urlsafe", lambda _: cnonce)
    request = HttpRequest("GET", parse(url))
    value = Authenticator(Credentials(user, password)).answer([challenge.encode()], request)
    assert value is not None
    assert f'response="{response}"'.encode() in value
    assert b"nc=00000001, " in value


def test_userhash_and_names_that_are_not_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    challenge = (
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256,'
        ' nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",'
        ' opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true'
    )
    monkeypatch.setattr(
        secrets, "token_urlsafe",
        lambda _: "NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm",
    )  # fmt: skip
    request = HttpRequest("GET", parse("http://api.example.org/doe.json"))
    credentials = Credentials("J\u00e4s\u00f8n Doe", "Secret, or not?")
    value = Authenticator(credentials).answer([challenge.encode()], request)
    assert value is not None
    # RFC 7616, 3.9.2 with its erratum 4897: SHA-512/256 as FIPS 180-4 has it.
    name = hashlib.new("sha512_256", "J\u00e4s\u00f8n Doe:api@example.org".encode()).hexdigest()
    assert f'username="{name}", userhash=true'.encode() in value
    plain = challenge.replace(", userhash=true", "")
    value = Authenticator(credentials).answer([plain.encode()], request)
    assert value is not None
    assert b"username*=UTF-8''J%C3%A4s%C3%B8n%20Doe" in value


def test_the_strongest_digest_is_taken_and_before_basic() -> None:
    request = HttpRequest("GET", parse("http://a/"))
    offered = [
        b"Basic realm=x",
        b"Digest realm=x, nonce=m",
        b"Digest realm=x, nonce=s, algorithm=SHA-256",
    ]
    value = Authenticator(Credentials("u", "p")).answer(offered, request)
    assert value is not None
    assert b'nonce="s"' in value
    value = Authenticator(Credentials("u", "p", kind="basic")).answer(offered, request)
    assert value is None or value.startswith(b"Basic ")
    odd = [b"Digest realm=x, nonce=m, algorithm=ROT13", b"Negotiate"]
    authenticator = Authenticator(Credentials("u", "p"))
    assert authenticator.answer(odd, request) is None
    assert "digest, negotiate" in authenticator.told


def digest_server(
    seen: list[bytes], *, stale_once: bool = False
) -> Callable[[socket.socket], None]:
    """Asks for a digest, takes any, and names the next nonce."""

    def talk(sock: socket.socket) -> None:
        while True:
            head = read_head(sock)
            seen.append(head)
            count = len(seen)
            if b"Authorization" not in head:
                sock.sendall(asks(b'Digest realm="r", nonce="n1", qop="auth"'))
            elif stale_once and count == 2:
                sock.sendall(asks(b'Digest realm="r", nonce="n2", qop="auth", stale=true'))
            else:
                info = b"Authentication-Info: nextnonce=next%d\r\n" % count
                sock.sendall(OK.replace(b"Content-Length", info + b"Content-Length"))

    return talk


def test_a_stale_nonce_is_replaced_once_more() -> None:
    seen: list[bytes] = []
    with listening(digest_server(seen, stale_once=True)) as port:
        found = fetch(f"http://127.0.0.1:{port}/", credentials=Credentials("u", "p"))
    assert found.body == b"ok"
    assert b'nonce="n1"' in seen[1]
    assert b'nonce="n2"' in seen[2]
    assert [one.answered for one in found.of(Authenticating)] == [True, True]


def test_the_next_request_goes_ahead_with_the_next_nonce() -> None:
    seen: list[bytes] = []
    scope = Scope(WAIT)
    client = Client(ClientOptions(credentials=Credentials("u", "p")), scope)
    with listening(digest_server(seen)) as port:
        for _ in range(2):
            fetch(f"http://127.0.0.1:{port}/", client=client)
        client.close()
    scope.close()
    assert len(seen) == 3
    assert b'nonce="next2"' in seen[2]
    assert b"nc=00000001" in seen[2]


def test_a_password_waits_until_it_is_asked_for() -> None:
    got: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        got.append(read_head(sock))
        sock.sendall(OK)

    with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/"
        fetch(url, credentials=Credentials("u", "p"))
        fetch(url, credentials=Credentials("u", "p", kind="basic"))
        fetch(url, credentials=Credentials(token="t"))
    assert b"Authorization" not in got[0]
    assert b"Authorization: Basic dTpw\r\n" in got[1]
    assert b"Authorization: Bearer t\r\n" in got[2]


def test_auth_int_covers_the_body() -> None:
    request = HttpRequest("POST", parse("http://a/x"), content=Bytes(b"body"))
    value = Authenticator(Credentials("u", "p")).answer(
        [b'Digest realm="r", nonce="n", qop="auth-int"'], request
    )
    assert value is not None
    cnonce = value.partition(b'cnonce="')[2].partition(b'"')[0].decode()

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    second = md5(f"POST:/x:{md5('body')}")
    wanted = md5(f"{md5('u:r:p')}:n:00000001:{cnonce}:auth-int:{second}")
    assert f'response="{wanted}"'.encode() in value


ORACLES = [
    b'Digest realm="r", nonce="n", qop="auth"',
    b'Digest realm="r \\"q\\"", nonce="n", qop="auth", algorithm=SHA-256, opaque="o"',
    b'Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"',
    b'Digest realm="r", nonce="n"',
]


@pytest.mark.peer("curl")
@pytest.mark.parametrize("challenge", ORACLES)
def test_curl_answers_alike(challenge: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def talk(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(asks(challenge))
        seen.append(read_head(sock))
        sock.sendall(OK)

    with listening(talk) as port:
        url = f"http://127.0.0.1:{port}/x?y"
        words = ["curl", "-s", "--digest", "-u", "user:pass word", url]
        subprocess.run(words, check=True, timeout=30, stdout=subprocess.DEVNULL)
        theirs = parameters(seen[0])
        monkeypatch.setattr(secrets, "token_urlsafe", lambda _: theirs.get("cnonce", ""))
        fetch(url, credentials=Credentials("user", "pass word"))
    ours = parameters(seen[1])
    for name in ("username", "realm", "nonce", "uri", "response", "opaque", "nc", "cnonce", "qop"):
        assert ours.get(name) == theirs.get(name), name


def parameters(head: bytes) -> dict[str, str]:
    """What Authorization says."""
    line = next(one for one in head.split(b"\r\n") if one.startswith(b"Authorization: "))
    return dict(challenges([line.partition(b": ")[2]])[0].parameters)


def test_urllibs_digest_server_side_is_the_same() -> None:
    handler = urllib.request.AbstractDigestAuthHandler()
    hashed, keyed = handler.get_algorithm_impls("MD5")
    request = HttpRequest("GET", parse("http://a/x"))
    value = Authenticator(Credentials("u", "p")).answer([b"Digest realm=r, nonce=n"], request)
    assert value is not None
    assert f'response="{keyed(hashed("u:r:p"), "n:" + hashed("GET:/x"))}"'.encode() in value


def test_a_server_that_never_stops_asking_is_left() -> None:
    for challenge in (b"Basic realm=x", b"Digest realm=x, nonce=n, stale=true"):
        with listening(answering(*[asks(challenge)] * 20)) as port:
            found = fetch(f"http://127.0.0.1:{port}/", credentials=Credentials("u", "p"))
        assert found.status == 401
        assert len(found.heads) <= 5
        assert not found.of(Authenticating)[-1].answered
