"""Opening below a root: nothing outside is ever opened."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.http.files import LISTED, Root, entries, read

INSIDE = b"inside"
SECRET = b"secret"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with files and links of every kind, and a secret beside it."""
    base = tmp_path_factory.mktemp("tree")
    (base / "secret").write_bytes(SECRET)
    (base / "outside").mkdir()
    (base / "outside" / "a").write_bytes(SECRET)
    root = base / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    for name in ("a", "sub/a", "sub/deep/a", "..a"):
        (root / name).write_bytes(INSIDE)
    for name, goal in {
        "in": "a",
        "sub/up": "../a",
        "folder": "sub",
        "chain": "folder/up",
        "out": "../secret",
        "outfolder": "../outside",
        "sub/out": "../../secret",
        "absolute": str(base / "secret"),
        "absolute-inside": str(root / "a"),
        "etc": "/etc",
        "rootdir": "/",
        "proc": "/proc/self/root",
        "cycle": "cycle",
        "dangling": "nothing",
        "back": "../root/a",
    }.items():
        (root / name).symlink_to(goal)
    return root


@pytest.fixture(params=[True, False], ids=["openat2", "walk"])
def root(request: pytest.FixtureRequest, tree: Path) -> Iterator[Root]:
    opened = Root(tree, links=request.param)
    if request.param and not opened.follows_links:
        pytest.skip("this kernel has no openat2")
    yield opened
    opened.close()


def content(root: Root, path: bytes) -> bytes:
    fd = root.open(path)
    try:
        return read(fd, 0, 1000)
    finally:
        os.close(fd)


@pytest.mark.parametrize("path", [b"a", b"sub/a", b"sub/deep/a", b"..a", b"./sub/./a", b"sub//a"])
def test_files_below_the_root(root: Root, path: bytes) -> None:
    assert content(root, path) == INSIDE


@pytest.mark.parametrize("path", [b"in", b"sub/up", b"folder/a", b"folder/up", b"chain"])
def test_links_that_stay_inside_are_followed_where_that_is_safe(root: Root, path: bytes) -> None:
    if root.follows_links:
        assert content(root, path) == INSIDE
    else:
        with pytest.raises(OSError) as caught:
            content(root, path)
        assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)


@pytest.mark.parametrize(
    "path",
    [
        b"out",
        b"outfolder",
        b"outfolder/a",
        b"sub/out",
        b"absolute",
        b"absolute-inside",
        b"back",
        b"etc/passwd",
        b"rootdir/etc/passwd",
        b"proc/etc/passwd",
        b"cycle",
        b"..",
        b"../secret",
        b"sub/../../secret",
        b"/etc/passwd",
    ],
)
def test_no_way_leads_out(root: Root, path: bytes) -> None:
    with pytest.raises(OSError) as caught:
        content(root, path)
    assert caught.value.errno in (errno.EXDEV, errno.ELOOP, errno.ENOTDIR)


@pytest.mark.parametrize("path", [b"nothing", b"a/", b"a/b", b"x" * 300, b"x/" * 3000])
def test_what_is_not_there(root: Root, path: bytes) -> None:
    with pytest.raises(OSError) as caught:
        root.open(path)
    assert caught.value.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def test_a_nul_is_no_end_of_the_name(root: Root) -> None:
    with pytest.raises(ValueError, match="null"):
        root.open(b"a\0.txt")


PARTS = st.sampled_from(
    [
        *(b"a", b"sub", b"deep", b"..", b".", b"", b"secret", b"root", b"outside", b"in", b"up"),
        *(b"folder", b"chain", b"out", b"outfolder", b"absolute", b"etc", b"rootdir", b"proc"),
        *(b"cycle", b"back", b"passwd"),
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(st.one_of(PARTS, st.binary(max_size=4).filter(lambda b: b"\0" not in b))))
def test_nothing_outside_is_ever_opened(root: Root, tree: Path, parts: list[bytes]) -> None:
    try:
        fd = root.open(b"/".join(parts) or b".")
    except OSError:
        return
    try:
        real = Path(os.readlink(f"/proc/self/fd/{fd}"))
    finally:
        os.close(fd)
    assert real == tree or tree in real.parents


def test_a_folder_swapped_for_a_link_under_way_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "f").write_bytes(SECRET)
    (tmp_path / "root" / "d").mkdir(parents=True)
    (tmp_path / "root" / "d" / "f").write_bytes(INSIDE)
    (tmp_path / "root" / "link").symlink_to("../secret")
    stop = threading.Event()

    def swap() -> None:
        d, link, aside = (tmp_path / "root" / name for name in ("d", "link", "aside"))
        while not stop.is_set():
            d.rename(aside)
            link.rename(d)
            d.rename(link)
            aside.rename(d)

    swapping = threading.Thread(target=swap)
    swapping.start()
    got = set()
    try:
        for links in (True, False):
            root = Root(tmp_path / "root", links=links)
            for _ in range(3000):
                try:
                    got.add(content(root, b"d/f"))
                except OSError:
                    pass
            root.close()
    finally:
        stop.set()
        swapping.join()
    assert got <= {INSIDE}


def test_a_fifo_and_a_socket_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "sock"))
        root = Root(tmp_path)
        os.close(root.open(b"fifo"))  # would hang for ever if it blocked
        with pytest.raises(OSError) as caught:
            root.open(b"sock")
        assert caught.value.errno == errno.ENXIO
        root.close()


def test_a_root_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        Root(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        Root(tmp_path / "nothing")


def test_entries_folders_first_then_by_name(tmp_path: Path) -> None:
    for name in ("b", "A", "c"):
        (tmp_path / name).write_bytes(b"123")
    (tmp_path / "z").mkdir()
    (tmp_path / "l").symlink_to("/etc")
    os.mkfifo(tmp_path / "p")
    root = Root(tmp_path)
    for _ in range(2):
        fd = root.open(b".")
        found, more = entries(fd)
        os.close(fd)
        kinds = [(entry.name, entry.kind) for entry in found]
        assert kinds == [
            (b"z", "dir"),
            (b"A", "file"),
            (b"b", "file"),
            (b"c", "file"),
            (b"l", "link"),
            (b"p", "other"),
        ]
        assert more == 0
        assert found[1].size == 3
    root.close()


def test_a_very_full_folder_is_listed_in_part(tmp_path: Path) -> None:
    for number in range(LISTED + 5):
        (tmp_path / str(number)).touch()
    root = Root(tmp_path)
    fd = root.open(b".")
    found, more = entries(fd)
    os.close(fd)
    root.close()
    assert (len(found), more) == (LISTED, 5)


def test_reading_a_part_and_past_the_end(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    assert read(fd, 2, 3) == b"234"
    assert read(fd, 8, 100) == b"89"
    assert read(fd, 50, 1) == b""
    os.close(fd)
