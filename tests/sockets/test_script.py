"""Scripted servers: the file, the play as a transcript, real peers, and the code beside them."""

from __future__ import annotations

import fnmatch
import os
import socket
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cli.test_as_code import place, python, running, shell
from tests.servers.watching import PATIENCE, Watched, failure, serving, to_end
from tests.sockets.test_simple import DATAGRAMS, STREAMS, eventually, open_stream
from workbench.core.endpoint import Endpoint, parse
from workbench.core.failure import JobError
from workbench.servers.events import Closed, Drain
from workbench.sockets import script_file
from workbench.sockets.script import Scripted, answer, serve_script
from workbench.sockets.script_file import Script
from workbench.sockets.script_glob import Glob
from workbench.sockets.script_play import LINE_MOST, Deed, End, Hear, Play, Send, SendFile, Wait

MAIL = """\
# a small server of mail
say 220 ready
within 30
nocase
expect HELO *
say 250 hello $1
on NOOP
    say 250 fine
on ECHO * TO *
    wait 0.1
    send "$2: $1 ($0) $$\\r\\n"
on QUIT
    say 221 bye
    close
otherwise
    say 500 what was $0?
"""
SAID = b"what\r\nhelo me\r\nECHO a b to to c to d\nNOOP\nblah\xff'%s\nQUIT\n"
HEARD = (
    b"220 ready\r\n500 what was what?\r\n250 hello me\r\n"
    b"to c to d: a b (ECHO a b to to c to d) $\r\n250 fine\r\n"
    b"500 what was blah\xff'%s?\r\n221 bye\r\n"
)


def play_of(text: str) -> Play:
    return Play(script_file.parse(text))


def sent(deeds: Iterable[Deed]) -> bytes:
    return b"".join(deed.data for deed in deeds if isinstance(deed, Send))


def saved(folder: Path, text: str, name: str = "a b's.script") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def ask(one: socket.socket, data: bytes, *, end: bool = True) -> bytes:
    one.sendall(data)
    if end:
        one.shutdown(socket.SHUT_WR)
    return to_end(one)


# -- globs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("glob", "line", "stars"),
    [
        ("GET", b"GET", ()),
        ("GET", b"get", None),
        ("GET *", b"GET ", (b"",)),
        ("GET * *", b"GET a b c", (b"a", b"b c")),
        ("*", b"", (b"",)),
        ("?", b"", None),
        ("a?c", b"a\xffc", ()),
        (r"\*\?", b"*?", ()),
        (r"\x00*", b"\x00x", (b"x",)),
        ("*ab", b"abab", (b"ab",)),
        ("ab*ab", b"ab", None),
        ("ab*ab", b"aab", None),
        ("*é", "né".encode(), (b"n",)),
    ],
)
def test_a_glob(glob: str, line: bytes, stars: tuple[bytes, ...] | None) -> None:
    assert Glob(glob).match(line) == stars


def test_a_glob_that_ignores_case_keeps_what_was_said() -> None:
    assert Glob("HeLo *", nocase=True).match(b"hElO Me") == (b"Me",)


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=30))
@example("*a*a*a*b", "a" * 30)
def test_globs_match_as_the_shell_does(glob: str, line: str) -> None:
    if glob.count("*") > 9:
        return
    stars = Glob(glob).match(line.encode())
    assert (stars is not None) == fnmatch.fnmatchcase(line, glob)
    if stars is not None:
        filled = glob
        for star in stars:
            filled = filled.replace("*", star.decode(), 1)
        assert len(filled) == len(line)
        assert all(a in ("?", b) for a, b in zip(filled, line, strict=True))


# -- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 0: there is no statement in it"),
        ("# only that\n", "there is no statement"),
        ("tell me", "line 1: 'tell' is no statement"),
        ("say a\n\nsay b\\q", "line 3: "),
        ("send $x", "a dollar without a number"),
        ("expect", "it needs a line to wait for"),
        ("on", "it needs a line to wait for"),
        ("expect " + "*" * 10, "more than 9 stars"),
        ("read some", "read needs a count of bytes, not 'some'"),
        ("read 0", "read needs a count"),
        ("wait", "wait needs seconds, not ''"),
        ("wait nan", "wait needs seconds"),
        ("wait inf", "wait needs seconds"),
        ("within -1", "within needs seconds"),
        ("close now", "close takes nothing after it"),
        ("say a\nagain", "line 2: again would send without end"),
        ("on a\nsay b", "line 2: say is not indented"),
        ("otherwise what", "otherwise stands alone"),
        ("otherwise\notherwise", "there is an otherwise already"),
        ("file", "file needs a path"),
        ("say \x1b[31m\n\x1b[31mfoo", "is no statement"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: str) -> None:
    with pytest.raises(JobError) as caught:
        script_file.parse(text, name="x.script")
    assert words in caught.value.cause
    assert caught.value.cause.startswith("x.script, line ")
    assert caught.value.cause.isprintable()


def test_files_that_are_no_scripts(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"say \xff")
    (tmp_path / "long").write_bytes(b"#" * (script_file.FILE_MOST + 1))
    for name, words in (("bytes", "no UTF-8"), ("long", "more than 1,048,576 bytes")):
        with pytest.raises(JobError, match=words):
            script_file.read(tmp_path / name)


@given(st.text())
def test_any_text_is_a_script_or_says_why_not(text: str) -> None:
    said = ""
    try:
        found = script_file.parse(text)
    except JobError as problem:
        said = problem.cause
    else:
        assert isinstance(found, Script)
    assert said.isprintable()


# -- the play, as a transcript --------------------------------------------------------------------


def test_a_session() -> None:
    play = play_of(MAIL)
    assert list(play.begin()) == [Send(b"220 ready\r\n"), Hear(30.0, "HELO *, line 5")]
    assert list(play.received(b"HE")) == []
    assert list(play.received(b"LO x\r\n")) == [Send(b"250 hello x\r\n"), Hear(30.0, "a line")]
    assert list(play.received(b"echo a to b\nNOOP\n")) == [Wait(0.1)]
    assert play.buffered == len(b"NOOP\n")
    assert list(play.received(b"QUIT\n")) == []
    assert list(play.woken()) == [
        Send(b"b: a (echo a to b) $\r\n"),
        Send(b"250 fine\r\n"),
        Send(b"221 bye\r\n"),
        End("close in line 14"),
    ]
    assert play.over
    assert list(play.received(b"more")) == []
    assert play.buffered == 0


def test_another_line_than_the_expected_ends_it() -> None:
    play = play_of("expect a\n")
    assert list(play.begin()) == [Hear(60.0, "a, line 1")]
    assert list(play.received(b"\x1b[31m\n")) == [End(r"line 1 expects 'a', not '\x1b[31m'")]


def test_bytes_are_counted_however_they_come() -> None:
    play = play_of("read 5\nsay done\nreset")
    list(play.begin())
    for _ in range(4):
        assert list(play.received(b"\n")) == []
    done, end = play.received(b"\nmore")
    assert (done, end) == (Send(b"done\r\n"), End("reset in line 3", reset=True))


def test_again_begins_anew_and_lets_others_have_their_turn() -> None:
    play = play_of("expect *\nsay $1\nagain")
    list(play.begin())
    assert sent(play.received(b"a\nb\n")) == b"a\r\nb\r\n"
    deeds = list(play.received(b"x\n" * 1000))
    assert deeds[-1] == Wait(0.0)
    assert 0 < len(deeds) < 1000


def test_a_line_without_end_is_bounded() -> None:
    play = play_of("expect *")
    list(play.begin())
    assert list(play.received(b"x" * (LINE_MOST + 1))) == [End("a line longer than 8,192 bytes")]


def test_what_no_block_is_for_ends_it() -> None:
    play = play_of("on a\n  say b")
    list(play.begin())
    assert sent(play.received(b"a\n")) == b"b\r\n"
    assert list(play.received(b"c\n")) == [End("nothing is said about 'c'")]


@given(st.lists(st.binary(max_size=40), max_size=30), st.booleans())
def test_whatever_a_peer_sends(pieces: list[bytes], lines: bool) -> None:
    play = play_of(MAIL)
    deeds = list(play.begin())
    for piece in pieces:
        deeds += play.received(piece + b"\n" * lines)
        deeds += play.woken()
    ends = [deed for deed in deeds if isinstance(deed, End)]
    assert len(ends) == play.over
    assert play.buffered <= LINE_MOST + 41


@given(st.binary(max_size=300), st.data())
def test_how_bytes_are_cut_makes_no_difference(data: bytes, draw: st.DataObject) -> None:
    text = "otherwise\n send <$0>\n"
    whole = play_of(text)
    list(whole.begin())
    cut = play_of(text)
    list(cut.begin())
    expected = sent(whole.received(data))
    found = b""
    while data:
        size = draw.draw(st.integers(1, len(data)))
        found += sent(cut.received(data[:size]))
        data = data[size:]
    assert found == expected


# -- real peers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STREAMS)
def test_a_server_says_what_its_script_says(kind: str, tmp_path: Path) -> None:
    request = Scripted(parse(kind.format(folder=tmp_path)), script=saved(tmp_path, MAIL))
    with serving(serve_script, request) as watched:
        for _ in range(3):
            with watched.connect() as one:
                assert ask(one, SAID, end=False) == HEARD
            assert watched.next(Closed).reason == "close in line 14"


def test_a_peer_that_says_no_more_hears_the_rest(tmp_path: Path) -> None:
    script = saved(tmp_path, "wait 0.2\nsay late\non a\n wait 0.1\n say b\n")
    with serving(serve_script, Scripted(parse("tcp://127.0.0.1:0"), script=script)) as watched:
        with watched.connect() as one:
            assert ask(one, b"a\na\n") == b"late\r\nb\r\nb\r\n"
        assert watched.next(Closed).reason == "closed by the peer"


def test_files_resets_and_time_limits(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(bytes(range(256)) * 4_000)
    text = (
        "on file\n file page\n close\non none\n file missing\non reset\n reset\n"
        "on soon\n within 0.2\n"
    )
    with serving(
        serve_script, Scripted(parse("tcp://127.0.0.1:0"), script=saved(tmp_path, text))
    ) as one:
        assert talk(one, b"file\n") == bytes(range(256)) * 4_000
        assert talk(one, b"none\n") == b""
        assert "No such file" in one.next(Closed, lambda told: "file" in told.reason).reason
        with pytest.raises(ConnectionResetError):
            talk(one, b"reset\n")
        assert talk(one, b"soon\n") == b""
        reason = one.next(Closed, lambda told: "come" in told.reason).reason
        assert reason == "a line did not come within 0.2 s"


def talk(watched: Watched, data: bytes) -> bytes:
    with watched.connect() as one:
        return ask(one, data, end=False)


def test_a_flood_while_the_script_waits_is_held_back(tmp_path: Path) -> None:
    script = saved(tmp_path, "wait 60")
    with serving(serve_script, Scripted(parse("tcp://127.0.0.1:0"), script=script)) as watched:
        with watched.connect() as one:
            one.settimeout(0.5)
            with pytest.raises(TimeoutError):
                one.sendall(bytes(1 << 30))
            taken = watched.stats(lambda told: told.bytes_in > 0).bytes_in
            assert taken < 1 << 20
        watched.tell(Drain(0.1))
        assert watched.next(Closed).reason == "the time to drain was up"


@pytest.mark.parametrize("kind", DATAGRAMS)
def test_datagrams_are_answered_by_the_blocks(kind: str, tmp_path: Path) -> None:
    script = saved(tmp_path, "on a *\n say $1\n send b\notherwise\n send <$0>")
    with serving(
        serve_script, Scripted(parse(kind.format(folder=tmp_path)), script=script)
    ) as watched:
        assert exchange(watched.endpoint, tmp_path, b"a x\n") == b"x\r\nb"
        assert exchange(watched.endpoint, tmp_path, b"x\ny") == b"<x\ny>"


def exchange(end: Endpoint, folder: Path, data: bytes, patience: float = PATIENCE) -> bytes:
    family = (
        socket.AF_UNIX if end.is_unix else socket.AF_INET6 if ":" in end.host else socket.AF_INET
    )
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.settimeout(patience)
        if end.is_unix:
            own = folder / os.urandom(4).hex()
            one.bind(str(own))
        one.connect(end.unix_address if end.is_unix else (end.host, end.require_port()))
        one.send(data)
        return one.recv(65_536)


def test_a_datagram_without_a_block_has_no_answer() -> None:
    script = script_file.parse("on a\n send b")
    assert answer(script, b"a\r\n") == b"b"
    assert answer(script, b"c") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("say hello", "this comes before any datagram"),
        ("on a\n wait 1", "line 2: wait has no meaning over datagrams"),
        ("otherwise\n close", "line 2: close has no meaning"),
    ],
)
def test_what_datagrams_have_no_meaning_for(text: str, words: str, tmp_path: Path) -> None:
    request = Scripted(parse("udp://127.0.0.1:0"), script=saved(tmp_path, text))
    assert words in failure(serve_script, request).cause


@pytest.mark.parametrize("kind", ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"])
def test_the_example(kind: str) -> None:
    request = Scripted(parse(kind), script=Path("example"))
    if kind.startswith("udp"):
        assert "before any datagram" in failure(serve_script, request).cause
        return
    with serving(serve_script, request) as watched:
        said = talk(watched, b"ehlo me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c> X=1\r\nquit\r\n").split(
            b"\r\n"
        )
    assert said[1:-1] == [
        b"250-hello me",
        b"250 SIZE 1000000",
        b"250 a@b may send",
        b"550 nobody is called c here",
        b"221 bye",
    ]


# -- the code beside it ---------------------------------------------------------------------------


@pytest.mark.peer("socat", "bash")
@pytest.mark.parametrize("code", [python, shell])
@pytest.mark.parametrize("kind", STREAMS)
def test_the_code_says_the_same(kind: str, code: Callable[..., list[str]], tmp_path: Path) -> None:
    request = Scripted(place(kind, tmp_path), script=saved(tmp_path, MAIL))
    with running(code(request)):

        def said() -> bytes:
            with open_stream(request.endpoint) as one:
                return ask(one, SAID, end=False)

        assert eventually(said) == HEARD


@pytest.mark.peer("socat", "bash")
@pytest.mark.parametrize("code", [python, shell])
def test_the_code_of_every_statement(code: Callable[..., list[str]], tmp_path: Path) -> None:
    (tmp_path / "a b's").write_bytes(b"file\x00\r\n")
    text = (
        'read 3\nsay got 3\nexpect \\t?\\*\\x01*x*\nsend "1=$1 2=$2 3=$3\\0\\x00%s\\\\"\n'
        "on f\n file a b's\non top\n again\non bye\n close\n"
    )
    request = Scripted(place("tcp://127.0.0.1:0", tmp_path), script=saved(tmp_path, text))
    with running(code(request)):
        say = b"abc\t.*\x01onextwox\nf\ntop\nabc\tZ*\x01xx\nbye\n"
        wanted = b"got 3\r\n1=one 2=twox 3=\0\0%s\\file\0\r\ngot 3\r\n1= 2=x 3=\0\0%s\\"

        def said() -> bytes:
            with open_stream(request.endpoint) as one:
                return ask(one, say, end=False)

        found = eventually(said)
    assert found == wanted


@pytest.mark.peer("socat", "bash")
@pytest.mark.parametrize("code", [python, shell])
def test_the_code_answers_datagrams_too(code: Callable[..., list[str]], tmp_path: Path) -> None:
    script = saved(tmp_path, "on a *\n say $1\n send b\notherwise\n send <$0>")
    request = Scripted(place("udp://127.0.0.1:0", tmp_path), script=script)
    with running(code(request)):
        end = request.endpoint
        assert eventually(lambda: exchange(end, tmp_path, b"a x\n", 0.5)) == b"x\r\nb"
        assert eventually(lambda: exchange(end, tmp_path, b"x\ny", 0.5)) == b"<x\ny>"


def test_a_reset_is_one_in_python_too(tmp_path: Path) -> None:
    script = saved(tmp_path, "expect a\nreset")
    request = Scripted(place("tcp://127.0.0.1:0", tmp_path), script=script)
    with running(python(request)):

        def broken_off() -> bytes:
            with open_stream(request.endpoint) as one:
                one.sendall(b"a\n")
                with pytest.raises(ConnectionResetError):
                    one.recv(1)
                return b"yes"

        assert eventually(broken_off) == b"yes"


def test_steps_know_their_place() -> None:
    script = script_file.parse("\n\nfile x", folder=Path("/f"))
    (deed, end) = Play(script).begin()
    assert deed == SendFile(Path("/f/x"), 3)
    assert end == End("the script is at its end")
    assert struct.calcsize("ii") == 8  # of SO_LINGER, in the code beside it
