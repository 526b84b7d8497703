"""Endpoints: what is taken, what is refused and how, and the one form that comes back."""

from __future__ import annotations

import copy
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.core.authority import SUN_PATH
from workbench.core.endpoint import MAX_TEXT, Endpoint, EndpointError, complete, parse
from workbench.core.host import ipv6, is_ipv4
from workbench.core.schemes import ALIASES, SCHEMES

TAKEN = [
    # The grammar as the design gives it.
    ("tcp://127.0.0.1:80", "tcp://127.0.0.1:80"),
    ("[::1]:443", "tcp://[::1]:443"),
    ("unix:/run/x.sock", "unix:/run/x.sock"),
    ("unix:@abstract", "unix:@abstract"),
    ("udp://host:53", "udp://host:53"),
    ("vsock://1:5000", "vsock://1:5000"),
    ("https://host/path?query", "https://host/path?query"),
    ("smtp://host:25", "smtp://host"),
    ("imaps://user@host", "imaps://user@host"),
    ("ftp://host/dir", "ftp://host/dir"),
    ("nntp://host/group", "nntp://host/group"),
    ("telnet://host", "telnet://host"),
    # What people paste.
    ("127.0.0.1:80", "tcp://127.0.0.1:80"),
    ("host:80", "tcp://host:80"),
    ("  host:80\n", "tcp://host:80"),
    (":8080", "tcp://:8080"),
    ("8080", "tcp://:8080"),
    ("localhost", "tcp://localhost"),
    ("::1", "tcp://[::1]"),
    ("[::1]", "tcp://[::1]"),
    ("::", "tcp://[::]"),
    ("fe80::1%eth0", "tcp://[fe80::1%eth0]"),
    ("[fe80::1%eth0]:22", "tcp://[fe80::1%eth0]:22"),
    ("*:22", "tcp://[::]:22"),
    ("/run/x.sock", "unix:/run/x.sock"),
    ("./x.sock", "unix:./x.sock"),
    ("@name", "unix:@name"),
    ("//host:80", "tcp://host:80"),
    ("redis:6379", "tcp://redis:6379"),
    ("http:80", "tcp://http:80"),
    ("tcp://0.0.0.0:2375/", "tcp://0.0.0.0:2375"),
    ("my_host.example.:1", "tcp://my_host.example.:1"),
    # Case, defaults and forms that mean the same.
    ("TCP://HOST:080", "tcp://host:80"),
    ("HTTP://Example.ORG", "http://example.org/"),
    ("https://example.org:443/", "https://example.org/"),
    ("http://example.org:443/", "http://example.org:443/"),
    ("http://127.0.0.1:0/", "http://127.0.0.1:0/"),
    ("http://:8000/", "http://:8000/"),
    ("tcp://[2001:DB8:0:0::1]:1", "tcp://[2001:db8::1]:1"),
    ("tcp://::1", "tcp://[::1]"),
    ("tcp://[::FFFF:127.0.0.1]:1", "tcp://[::ffff:127.0.0.1]:1"),
    ("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/"),
    ("tcp://[fe80::1%25]:1", "tcp://[fe80::1%25]:1"),
    ("fe80::a%251", "tcp://[fe80::a%25251]"),
    ("ftp://host/", "ftp://host"),
    ("ssl://host:1", "tls://host:1"),
    ("pop://host", "pop3://host"),
    ("tcp6://localhost:1", "tcp6://localhost:1"),
    ("tcp4://*:1", "tcp4://0.0.0.0:1"),
    # Kept as they are typed.
    ("http://h/a%2Fb%20c/../d;p?x=%41&y=http://z/#Frag", None),
    ("http://h/?", None),
    ("http://h/a??", None),
    ("http://h/a\\b", None),
    ("https://h/é?漢", None),
    ("imap://h?x", None),
    ("https://bücher.example/", None),
    ("http://xn--bcher-kva.example/", None),
    ("http://h?x", "http://h/?x"),
    ("http://h#x", "http://h/#x"),
    # Users.
    ("imaps://joe%40example.org@host", "imaps://joe%40example.org@host"),
    ("smtp://d%5Cu@host", "smtp://d%5Cu@host"),
    ("ftp://jürgen@host", "ftp://jürgen@host"),
    ("imaps://joe:secret@host", "imaps://joe@host"),
    # Unix sockets.
    ("unix:///run/x.sock", "unix:/run/x.sock"),
    ("unix:////run//x", "unix:/run//x"),
    ("unix://@name", "unix:@name"),
    ("unix:rel.sock", "unix:rel.sock"),
    ("unix:/a b/c?d#e%20[x]", "unix:/a b/c?d#e%20[x]"),
    ("unix:", "unix:"),
    ("unixgram:/run/x", "unixgram:/run/x"),
    ("unixseq:@x", "unixseq:@x"),
    ("unixpacket:@x", "unixseq:@x"),
    ("http+unix://%2Frun%2Fx.sock/v1?a=b", "http+unix://%2Frun%2Fx.sock/v1?a=b"),
    ("http+unix://%40name", "http+unix://%40name/"),
    ("lmtp+unix://%2Frun%2Flmtp", "lmtp+unix://%2Frun%2Flmtp"),
    # vsock.
    ("vsock://local:1", "vsock://1:1"),
    ("vsock://host:4294967295", "vsock://2:4294967295"),
    ("vsock://:5", "vsock://any:5"),
    ("vsock://4294967295:5", "vsock://any:5"),
    ("vsock://007:5", "vsock://7:5"),
]


@pytest.mark.parametrize(("text", "canonical"), TAKEN)
def test_taken_and_printed_back_in_one_form(text: str, canonical: str | None) -> None:
    endpoint = parse(text)
    assert str(endpoint) == (text if canonical is None else canonical)
    assert parse(str(endpoint)) == endpoint.without_password()
    assert parse(endpoint.reveal()) == endpoint


REFUSED = [
    ("", "nothing was typed"),
    ("   ", "nothing was typed"),
    ("host:65536", "too large; a port goes up to 65535"),
    ("host:99999999999999999999", "too large"),
    ("70000", "too large"),
    ("vsock://1:4294967296", "too large"),
    ("host:", "no port"),
    ("host:-1", "port is no number"),
    ("host:８０", "port is no number"),
    ("host:http", "type 80"),
    ("0.0.0.0:*", "port is no number"),
    ("a b:1", "a space inside"),
    ("http://h/a b", "%20"),
    ("http://h/\x1b[31m", "\\x1b"),
    ("http://h/\u202e", "\\u{202e}"),
    ("tcp://h\u00a0:1", "\\u{a0}"),
    ("\ud800:1", "\\u{d800}"),
    ("unix:/a\x00b", "\\x00"),
    ("unix:/a\nb", "\\n"),
    ("htp://host", "did you mean http?"),
    ("htpps://host", "did you mean https?"),
    ("qqqq://host", "try tcp://"),
    ("://host", "scheme is missing"),
    ("http:host", "type http://HOST"),
    ("https:/host", "type https://HOST"),
    ("tcp://", "no host"),
    ("http:///path", "no host"),
    ("tcp://:", "no port"),
    ("::1:80", "type [::1]:80 or [::1:80]"),
    ("2001:db8::5:443", "type [2001:db8::5]:443 or [2001:db8::5:443]"),
    ("fe80::1%eth0:80", "type [fe80::1%eth0]:80"),
    ("1:2:3:4:5:6:7:8:80", "type [1:2:3:4:5:6:7:8]:80"),
    ("a:b:c", "more than one colon"),
    ("[::1", "brackets"),
    ("[::1]80", "brackets"),
    ("[::g]:80", "IPv6"),
    ("[127.0.0.1]:80", "IPv6"),
    ("[fe80::1%]:80", "IPv6"),
    ("http://ex.com\\@evil.com/", "backslash"),
    ("http://ex.com\\evil", "backslash"),
    ("http://a@b@c/", "%40"),
    ("http://@h/", "no user"),
    ("http://:pw@h/", "no user"),
    ("http://%zz@h/", "hex digits"),
    ("http://%ff@h/", "UTF-8"),
    ("ftp://u%0d%0aDELE@h/", "control character"),
    ("ftp://u:%00@h/", "control character"),
    ("ftp://" + "u" * 300 + "@h", "longer than 255"),
    ("tcp://user@host:1", "has no users"),
    ("tcp://host:1/path", "no path"),
    ("10.0.0.0/8", "no path"),
    ("256.1.1.1", "256 is too large"),
    ("1.2.3", "this has 3"),
    ("1.2.3.4.5", "this has 5"),
    ("127.1:80", "this has 2"),
    ("0x7f000001:80", "number alone"),
    ("tcp://8080", "number alone"),
    ("0177.0.0.1", "octal"),
    ("1.2.3.04", "octal"),
    ("example.123", "this has 2"),
    ("1.2.3.４", "no IPv4 address"),
    ("ex%61mple.org", "percent-encoding"),
    ("a..b", "empty part"),
    (".a", "empty part"),
    (".:1", "empty part"),
    ("-oProxyCommand=x", "="),
    ("-o:1", "hyphen"),
    ("exam!ple:1", "!"),
    ("ex／ample:1", "/ does not belong"),
    ("a．b:1", "stands for a dot"),
    ("a⒈b:1", "stands for a dot"),
    ("http://❤.example/", "xn--"),
    ("a" * 64 + ".example", "too long"),
    ("a." * 140 + "b", "too long"),
    ("http://h/" + "a" * MAX_TEXT, "longer than"),
    ("a" * 1_000_000, "longer than"),
    ("tcp4://[::1]:1", "tcp4"),
    ("udp6://127.0.0.1:1", "udp6"),
    ("unix:@", "abstract name is empty"),
    ("unix://run/x", "type unix:/PATH"),
    ("unix:/" + "a" * 107, "at most 107 bytes"),
    ("unix:/" + "é" * 54, "at most 107 bytes"),
    ("unix:@" + "a" * 108, "at most 108 bytes"),
    ("unix: /x", "space at an end"),
    ("http+unix:///run/x", "%2Frun"),
    ("http+unix://%2Fa%00/", "control character"),
    ("vsock://name:1", "context identifier"),
    ("vsock://4294967296:1", "context identifier"),
    ("vsock://[::1]:1", "IPv6"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED)
def test_refused_with_one_clear_line(text: str, says: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse(text)
    message = str(caught.value)
    assert says in message
    assert message.isprintable()
    assert ";" in message  # what and why; what to try
    assert len(message) < 400
    assert caught.value.text in message


@pytest.mark.parametrize(
    "text",
    [
        "imap://joe:hunter2@host:x",
        "imap://joe:hunter2@@host",
        "imap://joe:hunter2/x@host",
        "imap://joe:hunter2#x@host",
        "imap://jo/e:hunter2@host x",
        "imap://joe@x:hunter2@host",
        "joe:hunter2@host",
        "tcp://joe:hunter2@host",
        "bogus://joe:hunter2@host",
        "imap:joe:hunter2@host",
        "imap://joe:hunter2\x00@host",
        "imap://joe:9999999hunter2@host\\",
    ],
)
def test_no_error_shows_a_password(text: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse(text)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in caught.value.text


def test_the_password_is_in_no_form_but_the_revealed_one() -> None:
    endpoint = parse("imaps://joe:p%40ss%3Aw%2Frd@host")
    assert endpoint.password == "p@ss:w/rd"
    for shown in (str(endpoint), repr(endpoint), f"{endpoint}", endpoint.authority):
        assert "ss" not in shown
        assert "***" not in shown
    assert endpoint.reveal() == "imaps://joe:p%40ss%3Aw%2Frd@host"
    assert endpoint.without_password() == parse("imaps://joe@host")
    assert endpoint != endpoint.without_password()


# -- defaults -------------------------------------------------------------------------------------


def test_a_bare_text_takes_the_callers_scheme_and_port() -> None:
    assert str(parse("example.org/a?b", scheme="https")) == "https://example.org/a?b"
    assert parse("example.org", scheme="https").port == 443
    assert parse("example.org", scheme="https", port=8443).port == 8443
    assert parse("example.org:1", port=2).port == 1
    assert parse("tcp://example.org", port=7).port == 7
    assert parse("http://example.org", port=7).port == 80
    assert parse("8080", scheme="http") == parse("http://:8080/")
    assert str(parse("udp://h:1", scheme="http")) == "udp://h:1"
    assert str(parse("x.sock", scheme="unix")) == "unix:x.sock"
    assert str(parse("//x", scheme="unixgram")) == "unixgram:/x"
    assert str(parse("/x", scheme="http")) == "unix:/x"
    assert str(parse("joe@mail.example", scheme="imaps")) == "imaps://joe@mail.example"
    assert str(parse("2:5000", scheme="vsock")) == "vsock://2:5000"


def test_a_text_without_a_host_takes_the_callers() -> None:
    assert parse(":80").host == ""
    assert parse(":80", default_host="127.0.0.1").host == "127.0.0.1"
    assert parse("http://:80/", default_host="::1").authority == "[::1]:80"
    assert parse("*:80", default_host="127.0.0.1").host == "::"
    assert parse("vsock://:80", default_host="127.0.0.1").host == "any"
    with pytest.raises(EndpointError, match="no host"):
        parse("http://", default_host="127.0.0.1")


def test_a_port_is_none_only_where_nothing_gives_one() -> None:
    for name, kind in SCHEMES.items():
        if kind.is_unix:
            continue
        host = "1" if kind.transport in ("vsock", "tipc") else "host"
        endpoint = parse(f"{name}://{host}")
        assert endpoint.port == kind.port
        assert endpoint.has_default_port == (kind.port is not None)
    assert parse("http://host").require_port() == 80
    with pytest.raises(EndpointError, match=r"no port; type tcp://\[::1\]:PORT"):
        parse("::1").require_port()


def test_known_ports() -> None:
    expected = {
        "http": 80, "https": 443, "ws": 80, "wss": 443, "smtp": 25, "smtps": 465,
        "submission": 587, "imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995, "ftp": 21,
        "ftps": 990, "nntp": 119, "nntps": 563, "telnet": 23, "telnets": 992, "dns": 53,
        "ssh": 22, "ldap": 389, "ldaps": 636, "dot": 853,
    }  # fmt: skip
    assert {name: SCHEMES[name].port for name in expected} == expected
    implicit = {name for name, kind in SCHEMES.items() if kind.tls}
    assert {"tls", "https", "wss", "smtps", "submissions", "imaps", "pop3s", "ftps"} <= implicit
    assert {"nntps", "telnets", "ldaps", "dot"} <= implicit
    assert not {"http", "smtp", "submission", "imap", "pop3", "ftp", "dns", "tcp"} & implicit


def test_every_alias_stands_for_a_scheme() -> None:
    assert set(ALIASES.values()) <= set(SCHEMES)
    assert not set(ALIASES) & set(SCHEMES)


# -- what it means --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "transport", "tls", "family", "authority"),
    [
        ("127.0.0.1:80", "tcp", False, "inet", "127.0.0.1:80"),
        ("https://[::1]/", "tcp", True, "inet6", "[::1]:443"),
        ("https://u@h/", "tcp", True, "", "h:443"),
        ("udp4://h:1", "udp", False, "inet", "h:1"),
        ("tls://h:1", "tcp", True, "", "h:1"),
        ("h", "tcp", False, "", "h"),
        ("unix:@x", "unix", False, "unix", "@x"),
        ("unixgram:/x", "unixgram", False, "unix", "/x"),
        ("unixseq:/x", "unixseq", False, "unix", "/x"),
        ("http+unix://%2Fx/y", "unix", False, "unix", "/x"),
        ("vsock://1:2", "vsock", False, "vsock", "1:2"),
        ("mptcp://h:1", "mptcp", False, "", "h:1"),
        ("sctp://h:1", "sctp", False, "", "h:1"),
        ("udplite://h:1", "udplite", False, "", "h:1"),
        ("dns://h", "udp", False, "", "h:53"),
    ],
)
def test_meaning(text: str, transport: str, tls: bool, family: str, authority: str) -> None:
    endpoint = parse(text)
    assert endpoint.transport == transport
    assert endpoint.tls is tls
    assert endpoint.family == family
    assert not family or hasattr(socket, f"AF_{family.upper()}")
    assert endpoint.authority == authority


@pytest.mark.parametrize(
    ("text", "loopback", "wildcard"),
    [
        ("127.0.0.1:1", True, False),
        ("127.255.0.9:1", True, False),
        ("[::1]:1", True, False),
        ("[::ffff:127.0.0.1]:1", True, False),
        ("[fe80::1%lo]:1", False, False),
        ("LocalHost:1", True, False),
        ("a.localhost.:1", True, False),
        ("127.example.com:1", False, False),
        ("notlocalhost:1", False, False),
        ("128.0.0.1:1", False, False),
        ("unix:/x", True, False),
        ("http+unix://x/", True, False),
        ("vsock://1:1", True, False),
        ("vsock://2:1", False, False),
        ("vsock://any:1", False, True),
        ("any:1", False, False),
        ("0.0.0.0:1", False, True),
        ("[::]:1", False, True),
        ("[::ffff:0.0.0.0]:1", False, True),
        (":1", False, True),
    ],
)
def test_loopback_and_wildcard(text: str, loopback: bool, wildcard: bool) -> None:
    endpoint = parse(text)
    assert (endpoint.is_loopback, endpoint.is_wildcard) == (loopback, wildcard)


def test_request_target() -> None:
    assert parse("http://h").target == "/"
    assert parse("http://h/a?").target == "/a?"
    assert parse("http://h/a?b#c").target == "/a?b"
    assert parse("http://h/a?b#c").fragment == "c"


def test_vsock_identifiers() -> None:
    assert parse("vsock://3:1").cid == 3
    assert parse("vsock://any:1").cid == socket.VMADDR_CID_ANY


def test_unix_paths_fit_the_kernels_address(tmp_path: Path) -> None:
    room = SUN_PATH - 1 - len(str(tmp_path)) - 1
    for text in (f"unix:{tmp_path}/{'a' * room}", "unix:@" + "a" * (SUN_PATH - 1), "unix:"):
        endpoint = parse(text)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(endpoint.unix_address)
            if endpoint.unix_path:
                name = listener.getsockname()
                bound = "@" + name[1:].decode() if isinstance(name, bytes) else name
                assert bound == endpoint.unix_path
            listener.listen()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(listener.getsockname())


# -- others like it -------------------------------------------------------------------------------


def test_others_like_it() -> None:
    endpoint = parse("http://u:p@h/a?b#c")
    assert endpoint.with_port(8080).reveal() == "http://u:p@h:8080/a?b#c"
    assert str(endpoint.with_host("::1")) == "http://u@[::1]/a?b#c"
    assert str(endpoint.with_scheme("tcp")) == "tcp://h:80"
    assert str(endpoint.with_scheme("https")) == "https://u@h:80/a?b#c"
    assert str(parse("127.0.0.1:8000").with_scheme("http")) == "http://127.0.0.1:8000/"
    assert str(parse("h").with_scheme("imaps")) == "imaps://h"
    assert str(parse("unix:/x").with_scheme("http")) == "http+unix://%2Fx/"
    assert str(parse("http+unix://%2Fx/a").with_scheme("unix")) == "unix:/x"
    assert str(parse("unix:/x").with_scheme("unixgram")) == "unixgram:/x"
    for text, scheme in (("unix:/x", "smtp"), ("tcp://h:1", "unix"), ("vsock://1:1", "http")):
        with pytest.raises(EndpointError, match="does not go there"):
            parse(text).with_scheme(scheme)


def test_an_endpoint_is_a_value() -> None:
    endpoint = parse("http://u:p@h/a?b#c")
    same = parse("HTTP://u:p@H:80/a?b#c")
    assert endpoint == same
    assert hash(endpoint) == hash(same)
    assert endpoint != str(endpoint)
    assert copy.deepcopy(endpoint) == endpoint
    assert pickle.loads(pickle.dumps(endpoint)) == endpoint
    with pytest.raises(AttributeError, match="immutable"):
        endpoint.port = 1
    with pytest.raises(AttributeError, match="immutable"):
        del endpoint.port
    assert not hasattr(endpoint, "__dict__")


def test_json_goes_through_the_codecs_hooks() -> None:
    endpoint = parse("imaps://u:p@h")
    data = msgspec.json.encode({"peer": endpoint}, enc_hook=str)
    assert data == b'{"peer":"imaps://u@h"}'
    back = msgspec.convert(
        msgspec.json.decode(data), dict[str, Endpoint], dec_hook=lambda _, text: parse(text)
    )
    assert back == {"peer": endpoint.without_password()}


def test_completion_of_schemes() -> None:
    assert complete("ht") == ["http://", "https://", "http+unix://"]
    assert complete("HTTPS") == ["https://"]
    assert complete("https://") == []
    assert complete("unix") == ["unix:", "unixgram:", "unixseq:"]
    assert complete("127.") == []
    assert set(complete("")) == {kind.prefix for kind in SCHEMES.values()}
    for text in complete(""):
        host = (
            "%2Fx"
            if text.endswith("+unix://")
            else "1"
            if text in ("vsock://", "tipc://")
            else "/x"
        )
        assert parse(text + (host if text[-1] == ":" else host.lstrip("/"))).scheme in text


def test_reading_endpoints_loads_little() -> None:
    code = (
        "import sys, workbench.core.endpoint as e; e.parse('https://u@h:1/p'); "
        "heavy = {'urllib', 'ipaddress', 'socket', 'difflib', 'dataclasses', 'msgspec'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


# -- laws -----------------------------------------------------------------------------------------

NUMBERED = ("vsock", "tipc")
inet = [
    name for name, kind in SCHEMES.items() if not kind.is_unix and kind.transport not in NUMBERED
]
applications = [name for name in inet if SCHEMES[name].application]
labels = st.from_regex(
    r"[A-Za-z_]([A-Za-z0-9_-]{0,10}[A-Za-z])?", fullmatch=True
) | st.sampled_from(["bücher", "пример", "例え", "ΑΣ", "İ", "ß", "हिन्दी"])
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
addresses = st.ip_addresses().map(lambda ip: f"[{ip}]" if ip.version == 6 else str(ip))
ports = st.just("") | st.integers(0, 65535).map(lambda port: f":{port}")
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
tails = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)


def percent(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@given(
    st.sampled_from(applications),
    names | addresses,
    ports,
    st.none() | words,
    st.none() | words,
    tails,
)
def test_round_trip_of_urls(
    scheme: str, host: str, port: str, user: str | None, password: str | None, tail: str
) -> None:
    info = "" if user is None else percent(user)
    if user is not None and password is not None:
        info += ":" + percent(password)
    text = f"{scheme}://{info}{'@' if info else ''}{host}{port}/{tail}"
    endpoint = parse(text)
    assert endpoint.user == (user or "")
    assert endpoint.password == ((password or "") if user else "")
    assert parse(str(endpoint)) == endpoint.without_password()
    assert parse(endpoint.reveal()) == endpoint
    if endpoint.query:
        assert text.split("?", 1)[1].split("#", 1)[0] == endpoint.query


@given(st.sampled_from(inet), names | addresses, ports)
def test_round_trip_of_hosts_and_ports(scheme: str, host: str, port: str) -> None:
    wrong = {"4": host.startswith("["), "6": is_ipv4(host)}.get(scheme[-1], False)
    if wrong and SCHEMES[scheme].family:
        with pytest.raises(EndpointError):
            parse(f"{scheme}://{host}{port}")
        return
    endpoint = parse(f"{scheme}://{host}{port}")
    assert parse(str(endpoint)) == endpoint
    assert parse(host + port, scheme=scheme) == endpoint


@given(st.sampled_from(["unix", "unixgram", "unixseq"]), words)
def test_round_trip_of_unix_paths(scheme: str, path: str) -> None:
    try:
        endpoint = parse(f"{scheme}:{path}")
    except EndpointError:
        assert not path.isprintable() or path.strip() != path or path[:1] in "@/"
        return
    assert parse(str(endpoint)) == endpoint
    if endpoint.path:
        over = endpoint.with_scheme("http")
        assert parse(str(over)) == over
        assert over.unix_path == endpoint.path


@given(st.ip_addresses(v=6), st.from_regex(r"[a-z0-9]{1,15}", fullmatch=True))
def test_round_trip_of_zones(address: object, zone: str) -> None:
    endpoint = parse(f"[{address}%{zone}]:1")
    assert endpoint.host == f"{ipv6(str(address))}%{zone}"
    assert parse(str(endpoint)) == endpoint


pieces = st.sampled_from(
    [*"/:@[]?#%\\.-*&= \x00\x1b\u202e", "://", "%25", "%40", "%2F", "::1", "fe80::1%e", "127.0.0.1"]
    + ["0x7f", "host", "xn--a", "例", "１", "𝟙", "ﬁ", "İ", "K", "80", "70000", "unix:", "\ud800"]
    + [kind.prefix for kind in SCHEMES.values()]
)


def returns_or_refuses(text: str, scheme: str | None = None) -> None:
    problem: EndpointError | None = None
    try:
        endpoint = parse(text, scheme=scheme)
    except EndpointError as caught:
        problem = caught
    else:
        assert parse(str(endpoint)) == endpoint.without_password()
        assert parse(endpoint.reveal()) == endpoint
        assert str(endpoint).isprintable()
    assert problem is None or str(problem).isprintable()


@given(
    st.lists(pieces | st.characters(), max_size=12).map("".join), st.sampled_from([None, *SCHEMES])
)
@example("unix:/" + "/" * 200, None)
@example("http://h/#", None)
@example("http://h/?#", None)
def test_any_text_is_an_endpoint_or_is_refused(text: str, scheme: str | None) -> None:
    returns_or_refuses(text, scheme)


@pytest.mark.parametrize(
    "piece", [":", "[", "@", "%", "a:", "%25", "1.", "::", "/", "é", "://", "\\", "a@"]
)
def test_long_texts_are_read_in_bounded_time(piece: str) -> None:
    """Quadratic reading of a megabyte would run into the test's time limit."""
    for prefix in ("", "http://", "unix:", "imap://u:"):
        for size in (MAX_TEXT, 1_000_000):
            returns_or_refuses(prefix + piece * (size // len(piece)))
