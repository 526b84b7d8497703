"""Forms: read back by our own server's reader, by email's, and compared with curl's."""

from __future__ import annotations

import socket
import subprocess
import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.http.client.peers import listening, read_head
from workbench.core.failure import JobError
from workbench.http.client.content import Bytes, File, Joined, Stream
from workbench.http.client.forms import FormField, form_data, typed_form_field, urlencoded
from workbench.http.multipart import FormReader, Part, PartEnd, boundary_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_an_urlencoded_form_is_read_back(pairs: list[tuple[str, str]]) -> None:
    encoded = urlencoded(pairs).decode("ascii")
    assert urllib.parse.parse_qsl(encoded, keep_blank_values=True) == pairs


def test_the_characters_that_stay() -> None:
    assert urlencoded([("a-Z_0.9*", "~ +&=/é")]) == b"a-Z_0.9*=%7E+%2B%26%3D%2F%C3%A9"


def read_form(kind: str, data: bytes) -> list[tuple[bytes, bytes | None, bytes]]:
    """Name, file name and content of each part, by our own server's reader."""
    boundary = boundary_of(kind.encode())
    assert boundary is not None
    reader = FormReader(boundary)
    found: list[tuple[bytes, bytes | None, bytes]] = []
    for one in reader.receive(data):
        if isinstance(one, Part):
            found.append((one.name, one.filename, b""))
        elif isinstance(one, PartEnd):
            continue
        else:
            name, filename, content = found[-1]
            found[-1] = (name, filename, content + one)
    reader.finish()
    return found


def test_form_data_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a file.bin"
    path.write_bytes(b"\r\n--x\r\n\xff" * 1000)
    fields = [
        FormField("a", "1"), FormField('q"\r\n', "two\r\nlines"),
        typed_form_field(f"file=@{path}"), typed_form_field(f"text=<{path}"),
    ]  # fmt: skip
    kind, content = form_data(fields)
    data = b"".join(content.pieces())
    assert content.length == len(data)
    assert data == b"".join(content.pieces())
    assert read_form(kind, data) == [
        (b"a", None, b"1"), (b'q"\r\n', None, b"two\r\nlines"),
        (b"file", b"a file.bin", path.read_bytes()), (b"text", None, path.read_bytes()),
    ]  # fmt: skip
    assert b"Content-Type: application/octet-stream" in data


def test_a_file_with_a_type_and_another_name(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"")
    field = typed_form_field(f"f=@{path};type=a/b;filename=y z")
    assert (field.filename, field.media_type) == ("y z", "a/b")
    assert typed_form_field(f"f=@{path}").media_type == "image/png"


@pytest.mark.parametrize("text", ["", "a", "=b", "a=@/no/such/file"])
def test_what_is_no_field(text: str) -> None:
    with pytest.raises(JobError):
        typed_form_field(text)


def test_a_file_that_shrinks_while_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    content = File(path)
    path.write_bytes(b"a")
    with pytest.raises(JobError, match="shorter"):
        list(content.pieces())
    path.write_bytes(b"abcdef")
    assert b"".join(content.pieces()) == b"abc"


def test_what_can_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        stream = Stream(file.fileno())
        both = Joined([Bytes(b"x"), stream])
        assert (both.again, both.length) == (True, None)
        assert b"".join(both.pieces()) == b"xabc"
        assert (both.again, both.length) == (False, None)
        with pytest.raises(JobError, match="once"):
            list(stream.pieces())


@pytest.mark.peer("curl")
def test_curl_writes_the_same_parts(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"content")
    got: list[tuple[bytes, bytes]] = []

    def talk(sock: socket.socket) -> None:
        head = read_head(sock)
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        data = b""
        while len(data) < length:
            data += sock.recv(1 << 16)
        got.append((head, data))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    texts = ["a=1", f"f=@{path}", 'name with "quotes"=x']
    with listening(talk) as port:
        words = [word for text in texts for word in ("--form", text)]
        url = f"http://127.0.0.1:{port}/"
        subprocess.run(["curl", "-s", *words, url], check=True, timeout=30, capture_output=True)
    head, data = got[0]
    kind = head.partition(b"Content-Type: ")[2].partition(b"\r\n")[0].decode()
    boundary = kind.partition("boundary=")[2]
    own_kind, content = form_data([typed_form_field(text) for text in texts], boundary)
    assert own_kind == kind
    assert b"".join(content.pieces()) == data
