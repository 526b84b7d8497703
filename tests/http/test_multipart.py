"""Forms: bytes in, parts out, however they are split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.http.multipart import (
    HEAD_LIMIT,
    PARTS_LIMIT,
    FormReader,
    MultipartError,
    Part,
    PartEnd,
    boundary_of,
)

Outcome = tuple[list[tuple[Part, bytes, bool]], bool, str]


def read(pieces: list[bytes], boundary: bytes = b"b") -> Outcome:
    """The parts with their content and whether they ended; whether all came; what was wrong."""
    reader = FormReader(boundary)
    found: list[tuple[Part, bytes, bool]] = []
    try:
        for piece in pieces:
            for one in reader.receive(piece):
                if isinstance(one, Part):
                    found.append((one, b"", False))
                elif isinstance(one, PartEnd):
                    found[-1] = (*found[-1][:2], True)
                else:
                    assert one
                    found[-1] = (found[-1][0], found[-1][1] + one, False)
        reader.finish()
    except MultipartError as problem:
        return found, reader.complete, problem.reason
    return found, reader.complete, ""


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def form(*parts: tuple[bytes, bytes], boundary: bytes = b"b") -> bytes:
    return (
        b"".join(
            b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary, says, content)
            for says, content in parts
        )
        + b"--%b--\r\n" % boundary
    )


def test_a_form_of_text_and_files() -> None:
    data = form(
        (b'name="text"', b"hello"),
        (b'name="file"; filename="a b.txt"\r\nContent-Type: image/png', b"\r\n--x\r\n"),
        (b'name="empty"; filename=""', b""),
    )
    wanted = [
        (Part(b"text"), b"hello", True),
        (Part(b"file", b"a b.txt", b"image/png"), b"\r\n--x\r\n", True),
        (Part(b"empty", b""), b"", True),
    ]
    assert read([data]) == (wanted, True, "")
    assert read(one_by_one(data)) == (wanted, True, "")
    assert read([b"to be ignored\r\n" + data + b"as this"]) == (wanted, True, "")


@pytest.mark.parametrize(
    ("says", "filename"),
    [
        (b'filename="a\\"b"', b'a"b'),
        (b'filename="a%22b"', b'a"b'),
        (b'filename="100%.txt"', b"100%.txt"),
        (b'filename="C:\\temp\\new.txt"', b"C:\\temp\\new.txt"),
        (b"filename=plain.txt", b"plain.txt"),
        (b'filename="a%0d%0ab"', b"a\r\nb"),
        (b'filename="a;b=c"', b"a;b=c"),
        (b'FILENAME="up"', b"up"),
        (b'filename="first"; filename="second"', b"first"),
        (b'filename="caf\xc3\xa9"', b"caf\xc3\xa9"),
    ],
)
def test_names_of_files(says: bytes, filename: bytes) -> None:
    ((part, _, _),) = read([form((b'name="f"; ' + says, b""))])[0]
    assert part.filename == filename


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "before its last boundary"),
        (b"--b\r\n", "before its last boundary"),
        (form((b'name="a"', b"x"))[:-4], "before its last boundary"),
        (b"x" * 20_000, "no boundary"),
        (b"--bc\r\n\r\n", "does not end its line"),
        (b"--b" + b" " * 200 + b"\r\n", "does not end its line"),
        (b"--b\r\n\r\nx\r\n--b--", "no Content-Disposition"),
        (b"--b\r\nno field\r\n\r\nx\r\n--b--", "malformed"),
        (b"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", "form-data"),
        (b'--b\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--b--', "a name"),
        (b'--b\r\nContent-Disposition: form-data; name="a\r\n\r\nx\r\n--b--', "form-data"),
        (b"--b\r\nX: " + b"y" * HEAD_LIMIT, "over"),
        (form(*[(b"name=a", b"")] * (PARTS_LIMIT + 1)), "more than"),
    ],
)
def test_what_is_no_form(data: bytes, says: str) -> None:
    assert says in read([data])[2]
    assert read(one_by_one(data))[2] == read([data])[2]


def test_the_boundary() -> None:
    assert boundary_of(b"multipart/form-data; boundary=abc") == b"abc"
    assert boundary_of(b'Multipart/Form-Data; charset=x; boundary="a b:c"') == b"a b:c"
    assert boundary_of(b"application/x-www-form-urlencoded") is None
    assert boundary_of(None) is None
    for wrong in (b"", b"; boundary=", b'; boundary="a "', b"; boundary=" + b"a" * 71):
        with pytest.raises(MultipartError):
            boundary_of(b"multipart/form-data" + wrong)


CONTENTS = st.lists(
    st.sampled_from([b"\r\n", b"--", b"b", b"\r", b"\n", b"-", b"x", b"\r\n--b", b"\r\n--", b" "]),
    max_size=12,
).map(b"".join)


@given(st.lists(CONTENTS.filter(lambda c: b"\r\n--b" not in b"\r\n" + c), max_size=4), st.data())
def test_any_split_gives_the_same(contents: list[bytes], data: st.DataObject) -> None:
    """Contents full of near boundaries come out as they went in."""
    whole = form(*[(b"name=a", content) for content in contents])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    wanted = [(Part(b"a"), content, True) for content in contents]
    assert read(pieces) == (wanted, True, "")
    assert read(one_by_one(whole)) == (wanted, True, "")


NOISE = st.lists(
    st.sampled_from(
        [
            b"--b", b"\r\n", b"--", b"b", b"Content-Disposition: form-data; name=a", b"x", b"\r",
            b"\n", b": ", b" ", b"\r\n\r\n", b"\r\n--b\r\n", b"\r\n--b--",
        ]
    ),
    max_size=24,
).map(b"".join)  # fmt: skip


@given(NOISE)
def test_noise_is_read_alike_in_one_piece_and_byte_by_byte(noise: bytes) -> None:
    assert read([noise]) == read(one_by_one(noise))
