"""The wire: what is built is parsed back, OpenSSL's own hellos are read, any bytes are survived."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tls.registry.groups import GROUPS
from workbench.tls.registry.versions import GREASE, SSL2, SSL3, TLS10, TLS12, TLS13, is_grease
from workbench.tls.wire import client_hello as ch
from workbench.tls.wire import handshake, record
from workbench.tls.wire import server_hello as sh
from workbench.tls.wire.alerts import Alert, parse_alert
from workbench.tls.wire.ja4 import ja4, ja4_raw
from workbench.tls.wire.reading import WireError

MORE = st.binary(max_size=400)


def openssl_hello(name: str = "example.org", protocols: tuple[str, ...] = ("h2",)) -> bytes:
    """The first flight of Python's OpenSSL, as it goes to the wire."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def read_hello(stream: bytes) -> ch.ClientHello:
    """A ClientHello out of a stream, through records and messages."""
    messages: list[handshake.Message] = []
    reader = handshake.HandshakeReader()
    for one in record.RecordReader().feed(stream):
        assert one.kind == record.HANDSHAKE
        messages += reader.feed(one.body)
    assert [one.name for one in messages] == ["ClientHello"]
    return ch.parse_client_hello(messages[0].body)


def test_the_hello_of_openssl_is_read_whole() -> None:
    stream = openssl_hello()
    hello = read_hello(stream)
    assert hello.server_name == "example.org"
    assert hello.alpn == ("h2",)
    assert hello.versions[0] == TLS13
    assert 0x1301 in hello.suites
    assert {0x001D, 0x0017} <= set(hello.groups)
    assert 0x0804 in hello.signatures
    assert hello.key_shares
    assert all(GROUPS[group] for group, _ in hello.key_shares)
    assert not hello.grease
    assert hello.body() == record.RecordReader().feed(stream)[0].body[4:]
    assert ja4(hello).startswith("t13d")


def test_a_stream_in_any_pieces_gives_the_same_messages() -> None:
    stream = openssl_hello()
    reader, messages = record.RecordReader(), handshake.HandshakeReader()
    found: list[handshake.Message] = []
    for at in range(len(stream)):
        for one in reader.feed(stream[at : at + 1]):
            found += messages.feed(one.body)
    assert ch.parse_client_hello(found[0].body) == read_hello(stream)
    assert not reader.pending
    assert not messages.pending


numbers = st.integers(0, 0xFFFF)
extensions = st.none() | st.lists(st.tuples(numbers, st.binary(max_size=20)), max_size=6).map(tuple)
hellos = st.builds(
    ch.ClientHello,
    version=numbers,
    suites=st.lists(numbers, max_size=8).map(tuple),
    random=st.binary(min_size=32, max_size=32),
    session_id=st.binary(max_size=32),
    compressions=st.lists(st.integers(0, 255), max_size=3).map(tuple),
    extensions=extensions,
)


@given(hellos)
def test_every_hello_is_parsed_back(hello: ch.ClientHello) -> None:
    assert ch.parse_client_hello(hello.body()) == hello
    assert read_hello(hello.records()) == hello
    assert ja4_raw(hello).count("_") <= 3
    assert len(ja4(hello)) == 36


@given(
    st.lists(st.integers(0, 0xFFFFFF), max_size=8), st.binary(max_size=32), st.binary(max_size=32)
)
def test_every_hello_of_ssl2_is_parsed_back(
    suites: list[int], session_id: bytes, challenge: bytes
) -> None:
    hello = ch.ClientHello(SSL2, tuple(suites), challenge, session_id, (), None, ssl2=True)
    stream = hello.records()
    assert ch.is_ssl2_hello(stream)
    assert ch.parse_ssl2_hello(stream) == hello
    assert hello.versions == (SSL2,)


def test_a_hello_of_ssl3_has_no_extensions() -> None:
    hello = ch.ClientHello(SSL3, (0x000A,))
    assert hello.records() == bytes.fromhex(
        "16 0300 002d 01 000029 0300" + "00" * 32 + "00 0002 000a 01 00"
    )
    assert hello.versions == (SSL3,)
    assert hello.alpn == ()
    assert hello.server_name == ""


def test_grease_is_told_apart() -> None:
    hello = ch.ClientHello(
        TLS12,
        (GREASE[3], 0x1301),
        extensions=(
            (GREASE[0], b""),
            ch.supported_versions((GREASE[1], TLS13)),
            ch.supported_groups((GREASE[2], 0x001D)),
            ch.key_share(((GREASE[2], b"\0"), (0x001D, bytes(32)))),
            ch.signature_algorithms((GREASE[5], 0x0403)),
        ),
    )
    assert hello.grease
    assert hello.offered == (0x1301,)
    assert hello.versions == (TLS13,)
    assert hello.groups == (0x001D,)
    assert hello.key_shares == ((0x001D, 32),)
    assert hello.signatures == (0x0403,)
    assert hello.extension_numbers == (43, 10, 51, 13)


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("example.org", b"example.org"),
        ("example.org.", b"example.org"),
        ("bücher.example", b"xn--bcher-kva.example"),
        ("127.0.0.1", None),
        ("[::1]", None),
        ("fe80::1%eth0", None),
    ],
)
def test_sni_is_for_names_alone(host: str, sent: bytes | None) -> None:
    made = ch.server_name(host)
    assert (made and made[1][5:]) == sent


# -- JA4 -------------------------------------------------------------------------------------


def hex_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one, 16) for one in text.split(","))


def published(
    suites: str, numbers: str, signatures: str, versions: tuple[int, ...] = (TLS13, TLS12)
) -> ch.ClientHello:
    """A hello with these lists, in the order in which the client sent them."""
    bodies = {
        0: ch.server_name("localhost"),
        13: ch.signature_algorithms(hex_numbers(signatures)),
        16: ch.alpn(("h2", "http/1.1")),
        43: ch.supported_versions(versions),
    }
    extensions = [bodies.get(one) or (one, b"") for one in hex_numbers(numbers)]
    return ch.ClientHello(TLS12, hex_numbers(suites), extensions=tuple(extensions))


CHROME_SUITES = "8a8a,1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035"


@pytest.mark.parametrize(
    ("hello", "fingerprint"),
    [
        (  # Chrome 116, GREASE and shuffled extensions included
            published(
                CHROME_SUITES,
                "caca,4469,002b,001b,0010,000b,000d,000a,0012,0023,0000,0005,0033,ff01,002d,0017,"
                "fafa,0015",
                "0403,0804,0401,0503,0805,0501,0806,0601",
                (GREASE[1], TLS13, TLS12),
            ),
            "t13d1516h2_8daaf6152771_e5627efa2ab1",
        ),
        (  # Chrome 143
            published(
                CHROME_SUITES,
                "0000,000b,0010,000a,001b,0023,0012,0017,0033,002b,44cd,fe0d,000d,ff01,002d,0005",
                "0403,0804,0401,0503,0805,0501,0806,0601",
            ),
            "t13d1516h2_8daaf6152771_d8a2da3f94cd",
        ),
        (  # Safari 17.6
            published(
                "1301,1302,1303,c02c,c02b,cca9,c030,c02f,cca8,c00a,c009,c014,c013,009d,009c,0035,"
                "002f,c008,c012,000a",
                "0000,0017,ff01,000a,000b,0010,0005,000d,0012,0033,002d,002b,001b,0015",
                "0403,0804,0401,0503,0203,0805,0805,0501,0806,0601,0201",
            ),
            "t13d2014h2_a09f3c656075_14788d8d241b",
        ),
    ],
)
def test_ja4_of_browsers_is_the_published_one(hello: ch.ClientHello, fingerprint: str) -> None:
    assert ja4(read_hello(hello.records())) == fingerprint


def test_ja4_where_there_is_little_to_say() -> None:
    assert ja4(ch.ClientHello(TLS10, ())) == "t10i000000_000000000000_000000000000"
    odd = ch.ClientHello(TLS12, (0x002F,), extensions=((16, bytes.fromhex("0003 02 abcd")),))
    assert ja4(odd).startswith("t12i0101ad_")


# -- the server's side -------------------------------------------------------------------------


def test_a_retry_is_a_server_hello_of_its_own() -> None:
    body = b"\x03\x03" + sh.RETRY_RANDOM + b"\x00" + b"\x13\x01\x00"
    block = bytes.fromhex("002b 0002 0304 0033 0002 11ec")
    hello = sh.parse_server_hello(body + len(block).to_bytes(2, "big") + block)
    assert hello.retry
    assert hello.version == TLS13
    assert hello.group == 0x11EC
    assert hello.suite == 0x1301


def test_a_chain_is_bounded() -> None:
    entry = b"\x00\x00\x01\x30"
    many = entry * (sh.CERTIFICATES + 1)
    with pytest.raises(WireError, match="more than 100"):
        sh.parse_certificate(len(many).to_bytes(3, "big") + many)
    assert len(sh.parse_certificate((4).to_bytes(3, "big") + entry)) == 1


def test_a_key_exchange_says_how_large_its_prime_is() -> None:
    body = b"\x00\x40" + b"\xff" * 64 + b"\x00\x01\x02" + b"\x00\x40" + b"\x01" * 64
    found = sh.parse_key_exchange(body + b"\x04\x01\x00\x00", "DHE", "RSA", TLS12)
    assert (found.bits, found.generator, found.signature) == (512, 2, 0x0401)


def test_records_and_messages_are_bounded() -> None:
    with pytest.raises(WireError, match="a record of 65,535 bytes"):
        record.RecordReader().feed(b"\x16\x03\x01\xff\xff")
    with pytest.raises(WireError, match="a handshake message of 16,777,215 bytes"):
        handshake.HandshakeReader().feed(b"\x0b\xff\xff\xff")
    reader = record.RecordReader()
    good = record.records_of(record.ALERT, TLS12, b"\x02\x28")
    assert [parse_alert(one.body) for one in reader.feed(good + b"HTTP/1.1")] == [Alert(2, 40)]
    with pytest.raises(WireError, match="0x48"):
        reader.feed(b"")


def test_what_is_long_is_cut_into_records() -> None:
    sent = record.records_of(record.HANDSHAKE, TLS12, bytes(40_000))
    assert [len(one.body) for one in record.RecordReader().feed(sent)] == [16384, 16384, 7232]


def test_an_alert_in_words() -> None:
    assert Alert(2, 40).words().startswith("handshake_failure (40): nothing that was offered")
    assert Alert(1, 112).words().startswith("warning unrecognized_name (112): ")


PARSERS: list[Callable[[bytes], object]] = [
    ch.parse_client_hello,
    ch.parse_ssl2_hello,
    sh.parse_server_hello,
    sh.parse_ssl2_server_hello,
    sh.parse_certificate,
    lambda body: sh.parse_certificate(body, TLS13),
    sh.parse_certificate_status,
    sh.parse_certificate_request,
    lambda body: sh.parse_certificate_request(body, TLS10),
    lambda body: sh.parse_key_exchange(body, "ECDHE", "RSA", TLS12),
    lambda body: sh.parse_key_exchange(body, "DHE", "PSK", TLS12),
    lambda body: sh.parse_key_exchange(body, "DHE", "anon", TLS10),
    lambda body: sh.parse_key_exchange(body, "RSA_EXPORT", "RSA", TLS10),
    lambda body: sh.parse_key_exchange(body, "GOST", "GOST", TLS12),
    parse_alert,
    lambda body: record.RecordReader().feed(body),
    lambda body: handshake.HandshakeReader().feed(body),
]


@pytest.mark.parametrize("parser", PARSERS)
@given(data=st.data())
def test_any_bytes_give_a_value_or_one_kind_of_error(
    parser: Callable[[bytes], object], data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from([b"", b"\x01", b"\x04\x00\x01\x00\x02", b"\x03\x00\x17"]))
    try:
        found = parser(start + data.draw(MORE))
    except WireError:
        return
    if isinstance(found, ch.ClientHello):
        look_at(found)


@given(hellos, st.integers(0, 0xFFFF), MORE)
def test_broken_extensions_are_as_good_as_absent(
    hello: ch.ClientHello, number: int, body: bytes
) -> None:
    for one in (0, 10, 13, 16, 43, 50, 51, number):
        look_at(ch.ClientHello(hello.version, hello.suites, extensions=((one, body),)))


def look_at(hello: ch.ClientHello) -> None:
    """Everything that a hello decodes."""
    assert isinstance(hello.server_name, str)
    assert hello.versions
    found = (*hello.offered, *hello.groups, *hello.signatures, *hello.signatures_of_certificates)
    assert not any(is_grease(one) for one in found if one <= 0xFFFF)
    assert len(hello.alpn) + len(hello.key_shares) < 1000
    assert len(ja4(hello)) == 36
