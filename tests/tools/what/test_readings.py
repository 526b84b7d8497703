"""What is pasted: what it is taken for, how sure that is, and which jobs open it."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.program import events, run
from workbench import catalogue
from workbench.core.arguments import parse_line
from workbench.core.text import safe
from workbench.tools.what.job import told
from workbench.tools.what.layers import DEPTH_MOST, PIECES_MOST, layers, readings
from workbench.tools.what.reading import PASTE

TOKEN = (
    "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0."
    "eyJzdWIiOiJtZSIsImV4cCI6MTcwMDAwMDAwMCwidXJsIjoiaHR0cHM6Ly9leGFtcGxlLm9yZy8ifQ."
)
REQUEST = (
    "GET /a?b=1 HTTP/1.1\r\nHost: example.org\r\nAuthorization: Basic bWU6aHVzaA==\r\n"
    "Accept: */*\r\nCookie: sid=abcdef\r\n\r\n"
)
MAIL = (
    "Received: from a (a [192.0.2.1]) by b.example; Mon, 1 Jan 2024 10:00:00 +0000\n"
    "From: Ann <a@b.example>\nTo: c@d.example\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\n\nhello\n"
)
ROBOTS = "User-agent: *\nDisallow: /x\nSitemap: https://a.example/s.xml\n"
LOG = '127.0.0.1 - me [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 404 2326'
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/app/a.py", line 3, in go\n    connect()\n'
    "ConnectionRefusedError: [Errno 111] Connection refused\n"
)

KINDS = [
    ("192.168.1.77", "IPv4 address", "certain", "address 192.168.1.77"),
    ("192.168.1.77/24", "IPv4 address in a block", "certain", "reverse 192.168.1.77"),
    ("10.0.0.0/8", "IPv4 block", "certain", "plan 10.0.0.0/8"),
    ("10.0.0.1-10.0.0.9", "IPv4 range", "certain", "address 10.0.0.1-10.0.0.9"),
    ("2001:db8::1", "IPv6 address", "certain", "reverse 2001:db8::1"),
    ("1.2.0.192.in-addr.arpa", "IPv4 reverse name", "certain", "address 1.2.0.192.in-addr.arpa"),
    ("3232235777", "address as a number", "possible", "address 3232235777"),
    ("00:00:5e:00:53:01", "MAC address", "certain", "address 00:00:5e:00:53:01"),
    ("00005e005301", "MAC address", "possible", "address 00005e005301"),
    ("AS64496", "autonomous system number", "certain", ""),
    ("localhost", "host name", "certain", "resolve localhost"),
    ("www.example.org", "host name", "likely", "tls www.example.org"),
    ("capture.pcapng", "file: capture of packets", "likely", "capture --read capture.pcapng"),
    ("mail.eml", "file: mail message", "likely", "message mail.eml"),
    ("example.org:443", "host and port", "certain", "tls example.org:443"),
    ("[::1]:8080", "host and port", "certain", "http GET 'http://[::1]:8080/'"),
    ("443", "port number", "possible", "services 443"),
    ("bob@example.org", "e-mail address", "certain", "mailcheck example.org"),
    ("https://example.org/a?b=c", "URL", "certain", "http GET 'https://example.org/a?b=c'"),
    ("imaps://me@example.org/INBOX", "URL", "certain", "imap imaps://me@example.org/INBOX"),
    ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "UUID", "certain",
     "uuid 017F22E2-79B0-7CC3-98C4-DC0C0C07398F"),
    ("a" * 40, "digest", "likely", ""),
    ("sha256:" + "0" * 64, "digest", "likely", ""),
    (":".join(["AB"] * 32), "fingerprint", "likely", ""),
    ("1700000000", "Unix time", "likely", ""),
    ("1700000000123", "Unix time", "likely", ""),
    ("2026-11-23T17:31:22Z", "time of ISO 8601", "certain", ""),
    ("Sun, 06 Nov 1994 08:49:37 GMT", "date of mail and HTTP", "certain", ""),
    ("Sunday, 06-Nov-94 08:49:37 GMT", "date of mail and HTTP", "certain", ""),
    ("ECONNREFUSED", "error of the system", "certain", "errno ECONNREFUSED"),
    ("unknown_ca", "alert of TLS", "likely", "alerts unknown_ca"),
    ("PATCH", "method of HTTP", "likely", "methods PATCH"),
    ("Vary", "field of HTTP", "likely", "headers Vary"),
    ("404", "status of HTTP", "possible", "status 404"),
    ("404 Not Found", "status of HTTP", "certain", "status 404"),
    ("Content-Type: text/html", "field of HTTP", "certain", "headers Content-Type"),
    ("Set-Cookie: a=b; Secure", "Set-Cookie", "certain", "cookie 'Set-Cookie: a=b; Secure'"),
    ("Cookie: a=b", "Cookie", "certain", "cookie 'Cookie: a=b'"),
    ("550 5.1.1 no such user", "reply of SMTP", "certain", ""),
    (TOKEN, "JSON Web Token", "certain", ""),
    ("Basic bWU6aHVzaA==", "log-in by Basic", "certain", ""),
    ("data:text/plain;base64,aGVsbG8=", "data: URL", "certain", ""),
    ("=?utf-8?b?R3LDvMOfZQ==?=", "encoded-word", "certain",
     "encode encoded-word --decode --text '=?utf-8?b?R3LDvMOfZQ==?='"),
    ("aGVsbG8gd29ybGQ=", "base64", "likely", "encode base64 --decode --text aGVsbG8gd29ybGQ="),
    ("68656c6c6f20776f726c64", "hex", "likely",
     "encode hex --decode --text 68656c6c6f20776f726c64"),
    ("Gr%C3%BC%C3%9Fe", "percent", "likely", "encode percent --decode --text Gr%C3%BC%C3%9Fe"),
    ("Gr=C3=BC=C3=9Fe", "quoted-printable", "likely",
     "encode quoted-printable --decode --text Gr=C3=BC=C3=9Fe"),
    ("NBSWY3DPEB3W64TMMQ======", "base32", "likely",
     "encode base32 --decode --text NBSWY3DPEB3W64TMMQ======"),
    (r"a\x20b\u20ac", "escapes", "likely", r"encode escapes --decode --text 'a\x20b\u20ac'"),
    ("caf&eacute; &amp; bar", "html", "likely",
     "encode html --decode --text 'caf&eacute; &amp; bar'"),
    (REQUEST, "request of HTTP", "certain", "http GET 'http://example.org/a?b=1' 'Accept:*/*'"),
    ("HTTP/1.1 302 Found\r\nLocation: https://a.example/\r\n\r\n", "response of HTTP", "certain",
     "status 302"),
    (MAIL, "mail message", "certain", "message -"),
    (ROBOTS, "robots.txt", "certain", "robots -"),
    (TRACEBACK, "traceback of Python", "certain", "errno 111"),
    ("curl -H 'Accept: text/html' http://127.0.0.1:8000/", "command of curl", "certain",
     "http GET http://127.0.0.1:8000/ --header=Accept:text/html --no-decode"),
    (LOG, "line of a web server's log", "certain", "status 404"),
    ('{"a": 1}', "JSON", "certain", ""),
    ('{"log": {"entries": []}}', "HTTP archive (HAR)", "certain", "http import -"),
    ("<?xml version='1.0'?><methodCall><methodName>a.b</methodName></methodCall>",
     "call of XML-RPC", "certain", ""),
    ("<!doctype html><p>x", "HTML", "certain", ""),
    ("00000000: 6865 6c6c 6f0a   hello.", "hex dump", "certain", ""),
]  # fmt: skip


NAMES = [text[:30] for text, *_ in KINDS]


@pytest.mark.parametrize(("text", "kind", "sure", "opens"), KINDS, ids=NAMES)
def test_what_it_is_taken_for(text: str, kind: str, sure: str, opens: str) -> None:
    found = {one.kind: one for one in readings(text.encode())}
    assert kind in found, list(found)
    assert found[kind].sure == sure
    lines = [one.replace(PASTE, "-") for one in found[kind].opens]
    assert not opens or opens in lines, lines


@pytest.mark.parametrize("text", [text for text, *_ in KINDS], ids=NAMES)
def test_every_line_is_one_of_a_job(text: str) -> None:
    """What is offered can be run as it stands."""
    for layer in layers(text.encode()):
        for line in told(layer, "-").opens:
            name, rest = catalogue.match(shlex.split(line))
            job = catalogue.load(name)
            assert parse_line(job, rest).job == name
            assert job.tab in {tab.name for tab in catalogue.TABS}


@pytest.mark.parametrize("text", ["hello world", "x", "bcd-ef", "Password1", "12:30:45", "", "\n"])
def test_what_says_nothing_is_not_made_into_something(text: str) -> None:
    assert not [one for one in readings(text.encode()) if one.sure != "possible"]


def kinds(data: bytes) -> list[tuple[int, str]]:
    """Depth and kind of every layer."""
    return [(one.depth, one.reading.kind if one.reading else "") for one in layers(data)]


def test_a_url_in_base64_in_a_field() -> None:
    inner = base64.b64encode(b"https://example.org/?q=%41").decode()
    found = kinds(f"X-Next: {inner}".encode())
    assert found == [(0, "header field"), (1, "base64"), (2, "URL")]


def test_gzip_in_base64_in_json() -> None:
    packed = base64.b64encode(gzip.compress(b"From: a@b.example\nTo: c@d.example\nDate: x\n\nhi"))
    found = kinds(json.dumps({"a": [{"data": packed.decode()}]}).encode())
    assert found[:4] == [(0, "JSON"), (1, "base64"), (2, "gzip"), (3, "mail message")]


def test_places_that_a_text_names() -> None:
    text = "see https://a.example/x, mail bob@b.example, 10.0.0.1:80 or 2001:db8::1."
    found = kinds(text.encode())
    assert found == [
        (0, "text"), (1, "URL"), (1, "e-mail address"), (1, "host and port"), (1, "IPv6 address"),
    ]  # fmt: skip


def test_a_token_says_when_it_ends_and_that_nobody_signed_it() -> None:
    (one,) = readings(TOKEN.encode())
    facts = dict(one.facts)
    assert facts["sub"] == "me"
    assert facts["exp"].startswith("2023-11-14 22:13:20 UTC   expired")
    assert any("not signed" in value for name, value in one.facts if name == "careful")
    soon = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + 3_600}).encode()).decode()
    (other,) = readings(f"{TOKEN.partition('.')[0]}.{soon.rstrip('=')}.c2ln".encode())
    assert "expires" in dict(other.facts)["exp"]


@pytest.mark.peer("openssl")
def test_keys_and_certificates(tmp_path: Path) -> None:
    key, made = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(
        [*words, "-nodes", "-keyout", key, "-out", made, "-subj", "/CN=a.example", "-days", "2"],
        check=True,
        capture_output=True,
    )
    (one,) = readings(b"here it is:\n" + made.read_bytes())
    assert (one.kind, one.sure) == ("certificate", "certain")
    assert dict(one.facts)["subject"] == "CN=a.example"
    assert one.opens == (f"cert show {PASTE}",)
    (secret,) = readings(key.read_bytes())
    assert secret.kind == "private key"
    body = "".join(key.read_text().split("-----")[2].split())
    assert body[:20] not in str(secret.facts)
    told_of_file = run("what", "--file", str(made))
    assert f"> cert show {made}".encode() in told_of_file.stdout
    der = base64.b64decode("".join(made.read_text().split("-----")[2].split()))
    assert [layer.reading and layer.reading.kind for layer in layers(der)] == ["certificate"]


@pytest.mark.parametrize(
    "text",
    [REQUEST, "Basic bWU6aHVzaA==", "https://me:hush@example.org/",
     "curl -u me:hush https://example.org/", "Authorization: Basic bWU6aHVzaA=="],
)  # fmt: skip
def test_a_password_is_not_shown(text: str) -> None:
    for layer in layers(text.encode()):
        line = told(layer, "-").line()
        assert "hush" not in line
        assert "bWU6aHVzaA" not in line


def test_nothing_is_endless() -> None:
    data = b"https://example.org/"
    for _ in range(12):
        data = base64.b64encode(data)
    assert max(one.depth for one in layers(data)) <= DEPTH_MOST
    many = json.dumps({str(one): f"https://example.org/{one}" for one in range(10_000)})
    assert len(list(layers(many.encode()))) <= PIECES_MOST * 4
    deep = ("[" * 100_000).encode()
    assert readings(deep) == [] or readings(deep)[0].sure == "possible"
    bomb = gzip.compress(bytes(200 << 20))
    assert all(len(one.data) <= 64 << 20 for one in layers(bomb))


PIECES = st.sampled_from([one[0].encode() for one in KINDS])


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_anything_can_be_pasted(data: bytes) -> None:
    for layer in layers(data):
        line = told(layer, "-").line()
        assert all(safe(one) == one for one in line.split("\n"))


@settings(deadline=None)
@given(PIECES, st.integers(0, 400), st.binary(max_size=6), st.booleans())
def test_what_is_broken_is_survived(data: bytes, at: int, other: bytes, cut: bool) -> None:
    broken = data[:at] + other + (b"" if cut else data[at + len(other) :])
    for layer in layers(broken):
        told(layer, "-").line()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.0.2.1/24", "address 192.0.2.1/24"),
        ("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "UUID 017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
        ("https://example.org/a?b=c", "URL https example.org  /a b=c"),
    ],
)
def test_the_code_knows_the_same(text: str, words: str, tmp_path: Path) -> None:
    script = run("what", text, "--python").stdout.decode()
    done = subprocess.run(
        [sys.executable, "-c", script], input=text, capture_output=True, text=True, check=True
    )
    assert words in done.stdout
    ours = run("what", "-", data=text.encode()).stdout.decode()
    assert words.partition(" ")[0] in ours.partition("\n")[0]


@pytest.mark.peer("file")
def test_file_knows_the_same(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(b"https://example.org/"))
    shell = run("what", "--file", str(packed), "--shell").stdout.decode()
    theirs = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert "gzip" in theirs.stdout
    assert run("what", "--file", str(packed)).stdout.startswith(b"gzip   certain")


def test_the_command_line() -> None:
    assert run("what").returncode == 1, "there is nothing on standard input"
    done = run("what", "--json", "10.0.0.1")
    first, last = events(done.stdout)
    assert (first["type"], first["kind"], first["sure"]) == ("what", "IPv4 address", "certain")
    assert "address 10.0.0.1" in first["opens"]
    assert last["type"] == "done"
    assert b"nothing that is known" in run("what", "hello world").stderr


def test_a_paste_does_not_stay_in_the_history(tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path)}
    run("what", "Basic bWU6aHVzaA==", env=env)
    kept = run("history", "--json", env=env).stdout
    assert b'"job":"what"' in kept
    assert b"bWU6" not in kept
