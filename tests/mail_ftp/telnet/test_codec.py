"""Telnet's bytes: escaping, subnegotiations, and options that never loop."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.mail_ftp.telnet.codec import (
    AYT,
    BINARY,
    DO,
    DONT,
    ECHO,
    IAC,
    NAWS,
    SB,
    SE,
    SGA,
    SUB_LIMIT,
    TTYPE,
    WILL,
    WONT,
    Data,
    Item,
    Option,
    Order,
    Oversized,
    Side,
    Sub,
    Telnet,
    Wanted,
)

AGREED = Wanted(frozenset({BINARY, SGA, NAWS}), frozenset({BINARY, SGA, ECHO}))


def joined(items: list[Item]) -> list[Item]:
    """With data that follows data made one."""
    out: list[Item] = []
    for item in items:
        if isinstance(item, Data) and out and isinstance(out[-1], Data):
            out[-1] = Data(out[-1].data + item.data)
        else:
            out.append(item)
    return out


def text(items: list[Item]) -> bytes:
    return b"".join(one.data for one in items if isinstance(one, Data))


def test_commands_stand_between_data() -> None:
    sent = b"a\xff\xffb" + bytes((IAC, AYT)) + b"c" + bytes((IAC, SB, TTYPE, 1, IAC, IAC, IAC, SE))
    assert joined(list(Telnet().receive(sent))) == [
        Data(b"a\xffb"),
        Order(AYT),
        Data(b"c"),
        Sub(TTYPE, b"\x01\xff"),
    ]


def test_line_ends_of_the_nvt() -> None:
    telnet = Telnet()
    pieces = [b"a\r\nb\r", b"\0c\r", bytes((IAC, AYT)), b"\0d\0"]
    assert text([item for piece in pieces for item in telnet.receive(piece)]) == b"a\r\nb\rc\rd\0"
    telnet.send(b"x\ry\r\nz\xff\r")
    assert telnet.take() == b"x\r\0y\r\nz\xff\xff\r\0"


def test_binary_leaves_bytes_alone() -> None:
    telnet = Telnet(AGREED)
    list(telnet.receive(bytes((IAC, DO, BINARY, IAC, WILL, BINARY))))
    assert telnet.take() == bytes((IAC, WILL, BINARY, IAC, DO, BINARY))
    assert text(list(telnet.receive(b"\r\0\r\n\0"))) == b"\r\0\r\n\0"
    telnet.send(b"\r\xff")
    assert telnet.take() == b"\r\xff\xff"


def test_an_answer_is_given_once() -> None:
    telnet = Telnet(AGREED)
    will = bytes((IAC, WILL, ECHO))
    assert list(telnet.receive(will)) == [Option(WILL, ECHO, "remote", True, True)]
    assert telnet.take() == bytes((IAC, DO, ECHO))
    assert list(telnet.receive(will)) == [Option(WILL, ECHO, "remote", True, False)]
    assert telnet.take() == b""
    list(telnet.receive(bytes((IAC, WONT, ECHO))))
    assert telnet.take() == bytes((IAC, DONT, ECHO))
    list(telnet.receive(bytes((IAC, DO, 200, IAC, WILL, 201))))
    assert telnet.take() == bytes((IAC, WONT, 200, IAC, DONT, 201))
    assert telnet.on("local") == telnet.on("remote") == []


def test_a_change_of_mind_waits_for_the_answer() -> None:
    telnet = Telnet(AGREED)
    telnet.ask("local", NAWS)
    telnet.ask("local", NAWS)
    telnet.ask("local", NAWS, False)
    assert telnet.take() == bytes((IAC, WILL, NAWS))
    list(telnet.receive(bytes((IAC, DO, NAWS))))
    assert telnet.take() == bytes((IAC, WONT, NAWS))
    telnet.ask("local", NAWS)
    list(telnet.receive(bytes((IAC, DONT, NAWS))))
    assert telnet.take() == bytes((IAC, WILL, NAWS))
    list(telnet.receive(bytes((IAC, DONT, NAWS))))
    assert not telnet.is_on("local", NAWS)


def test_a_subnegotiation_is_bounded_and_may_break_off() -> None:
    telnet = Telnet()
    endless = bytes((IAC, SB, TTYPE)) + b"x" * (3 * SUB_LIMIT)
    assert list(telnet.receive(endless)) == []
    assert telnet._sub is not None
    assert len(telnet._sub) == SUB_LIMIT
    assert list(telnet.receive(bytes((IAC, SE)) + b"on")) == [Oversized(TTYPE), Data(b"on")]
    broken = bytes((IAC, SB, TTYPE, 65, IAC, WILL, ECHO, IAC, SB, IAC, SE, IAC, SE)) + b"on"
    assert list(telnet.receive(broken)) == [
        Option(WILL, ECHO, "remote", False, False),
        Data(b"on"),
    ]


@given(st.binary(), st.booleans())
def test_what_is_sent_is_received(data: bytes, binary: bool) -> None:
    here, there = Telnet(AGREED), Telnet(AGREED)
    if binary:
        here.ask("local", BINARY)
        settle(here, there)
    here.send(data)
    assert text(list(there.receive(here.take()))) == data


STREAM = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from([IAC, IAC, SB, SE, WILL, WONT, DO, DONT, 13, 0, 10]).map(
            lambda one: bytes((one,))
        ),
    ),
    max_size=40,
).map(b"".join)


@given(STREAM, st.data())
def test_packets_do_not_matter(stream: bytes, draw: st.DataObject) -> None:
    whole, split = Telnet(AGREED), Telnet(AGREED)
    items = list(whole.receive(stream))
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert joined([item for piece in pieces for item in split.receive(piece)]) == joined(items)
    answers = whole.take()
    assert split.take() == answers
    assert len(answers) <= len(stream)


def settle(one: Telnet, other: Telnet) -> int:
    """Have both talk until neither has more to say; how many bytes that took."""
    count = 0
    while packet := one.take() + b"":
        count += len(packet)
        list(other.receive(packet))
        back = other.take()
        count += len(back)
        list(one.receive(back))
        assert count < 10_000, "they never come to an end"
    return count


SIDES: st.SearchStrategy[Side] = st.sampled_from(["local", "remote"])
ASKS = st.lists(st.tuples(st.booleans(), SIDES, st.sampled_from([0, 1, 31]), st.booleans()))


@given(ASKS, st.sets(st.sampled_from([0, 1, 31])), st.sets(st.sampled_from([0, 1, 31])))
def test_two_ends_always_agree(
    asks: list[tuple[bool, Side, int, bool]], mine: set[int], theirs: set[int]
) -> None:
    here = Telnet(Wanted(frozenset(mine), frozenset(mine)))
    there = Telnet(Wanted(frozenset(theirs), frozenset(theirs)))
    for first, side, option, on in asks:
        (here if first else there).ask(side, option, on)
    for _ in range(2):
        settle(there, here)
        settle(here, there)
    assert here.on("local") == there.on("remote")
    assert here.on("remote") == there.on("local")
