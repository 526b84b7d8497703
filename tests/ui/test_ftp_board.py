"""FTP on a board: two folders, keys as in a file manager, a queue."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mail_ftp.ftp.peers import ours
from tests.ui.driving import Driver, driving
from tests.ui.loop import in_loop
from workbench.ui.panes.mail_ftp.ftpboard import FtpBoard

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to serve."""
    root = tmp_path / "root"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "one.txt").write_bytes(b"one")
    (root / "two.txt").write_bytes(b"two")
    (root / "deep" / "er" / "three").write_bytes(b"three")
    return root


async def opened(driver: Driver, line: str, here: Path) -> FtpBoard:
    """The board, standing in a folder of the test's."""
    pane = await driver.open("mail_ftp")
    await driver.target(pane, line)
    await driver.until(lambda: driver.app.query(FtpBoard), "the board")
    board = driver.app.query_one(FtpBoard)
    board.here = here
    board._look_here()
    await driver.until(lambda: board.there and board.focusable_view.has_focus, "the folder there")
    return board


@pytest.mark.parametrize("size", SIZES)
@in_loop
async def test_files_and_folders_go_both_ways(
    size: tuple[int, int], root: Path, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "up.txt").write_bytes(b"up")
    with ours(root, write=True) as server:
        async with driving(size) as driver:
            board = await opened(driver, str(server.endpoint), here)
            await driver.see("one.txt", "deep/", "there  /", "up.txt")
            board.query_one("#ftp-remote").select("deep")  # type: ignore[attr-defined]
            await driver.press("space", "space", "c")
            await driver.until(lambda: (here / "one.txt").exists(), "the file here")
            await driver.until(lambda: (here / "deep/er/three").exists(), "the folder here")
            await driver.until(lambda: all(one.over for one in board.steps.values()), "the queue")
            await driver.see("fetch one.txt", "done")
            await driver.press("tab")
            board.query_one("#ftp-local").select("up.txt")  # type: ignore[attr-defined]
            await driver.press("f5")
            await driver.until(lambda: (root / "up.txt").exists(), "the file there")
            await driver.until(lambda: any(one.name == "up.txt" for one in board.remote), "seen")
            assert not any(one.name.endswith(".part") for one in board.remote)


@in_loop
async def test_what_is_there_is_asked_about_and_what_is_deleted_too(
    root: Path, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "one.txt").write_bytes(b"mine")
    with ours(root, write=True) as server:
        async with driving((80, 24)) as driver:
            board = await opened(driver, str(server.endpoint), here)
            table = board.query_one("#ftp-remote")
            table.select("one.txt")  # type: ignore[attr-defined]
            await driver.press("c")
            await driver.see("Replace 1 that are there already?")
            await driver.press("n")
            assert (here / "one.txt").read_bytes() == b"mine"
            await driver.press("c")
            await driver.see("Replace 1")
            await driver.press("y")
            await driver.until(lambda: (here / "one.txt").read_bytes() == b"one", "it replaced")
            await driver.press("m")
            await driver.see("Rename one.txt to")
            await driver.submit("uno.txt")
            await driver.until(lambda: (root / "uno.txt").exists(), "its new name")
            await driver.until(lambda: any(one.name == "uno.txt" for one in board.remote), "seen")
            table.select("two.txt")  # type: ignore[attr-defined]
            await driver.press("D")
            await driver.see("Delete 1 on the server?", "two.txt")
            await driver.press("y")
            await driver.until(lambda: not (root / "two.txt").exists(), "it gone")
            await driver.press("f7")
            await driver.see("New folder")
            await driver.submit("fresh")
            await driver.until(lambda: (root / "fresh").is_dir(), "the folder")


@in_loop
async def test_folders_the_dialogue_and_what_is_refused(root: Path, tmp_path: Path) -> None:
    with ours(root) as server:  # to read
        async with driving((80, 24)) as driver:
            board = await opened(driver, str(server.endpoint), tmp_path)
            table = board.query_one("#ftp-remote")
            table.select("deep")  # type: ignore[attr-defined]
            await driver.press("enter")
            await driver.until(lambda: board.there == "/deep", "the folder")
            await driver.press("backspace")
            await driver.until(lambda: board.there == "/", "the one above")
            table.select("one.txt")  # type: ignore[attr-defined]
            await driver.press("D")
            await driver.see("Delete 1 on the server?")
            await driver.press("y")
            await driver.see("not done", "reading only")
            await driver.press("d")
            await driver.see("> DELE /one.txt", "550")
            await driver.press("d", "q")
            await driver.see("ended")
            await driver.press("c")
            await driver.see("the session has ended")
