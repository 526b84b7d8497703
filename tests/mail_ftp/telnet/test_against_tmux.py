"""Our terminal beside tmux's, on what real programs write."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.servers.watching import PATIENCE
from workbench.mail_ftp.telnet.terminal import Terminal

COLUMNS, LINES = 80, 24
LETTERS = str.maketrans("─│┌┐└┘", "qxlkmj")
"""tmux gives lines as the letters that draw them."""

CURSES = r"""
import curses, random
random.seed(SEED)
def main(screen):
    curses.start_color(); curses.use_default_colors()
    for number in range(1, 8):
        curses.init_pair(number, number, -1)
    screen.scrollok(True); screen.idlok(True)
    for step in range(60):
        lines, columns = screen.getmaxyx()
        row, column = random.randrange(lines), random.randrange(columns - 12)
        match random.randrange(9):
            case 0: screen.addstr(row, column, "text %d" % step, curses.color_pair(step % 8))
            case 1: screen.addstr(row, column, "bold", curses.A_BOLD | curses.A_UNDERLINE)
            case 2: screen.move(row, column); screen.clrtoeol()
            case 3: screen.move(row, 0); screen.insertln()
            case 4: screen.move(row, 0); screen.deleteln()
            case 5: screen.scroll(random.choice([1, 2, -1]))
            case 6: screen.insstr(row, column, "ins")
            case 7: screen.hline(row, column, curses.ACS_HLINE, 8)
            case 8: screen.move(row, column); screen.clrtobot()
        screen.refresh()
    box = curses.newwin(8, 30, 5, 20); box.box(); box.addstr(1, 2, "日本 box")
    box.refresh(); curses.napms(1)
curses.wrapper(main)
"""


def written(command: list[str]) -> bytes:
    """What a program writes to a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env) as child:
        os.close(slave)
        data = b""
        try:
            while piece := os.read(master, 65_536):
                data += piece
        except OSError:
            pass  # EIO: it has ended
        os.close(master)
        assert child.wait(PATIENCE) == 0, data
    return data


def tmux_shows(data: bytes, folder: Path) -> tuple[list[str], str]:
    """What tmux shows of these bytes, and where its cursor is."""
    file = folder / "bytes"
    file.write_bytes(data)
    tmux = ["tmux", "-S", str(folder / "socket"), "-f", "/dev/null"]
    env = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
    env.pop("TMUX", None)

    def ask(*words: str) -> str:
        found = subprocess.run(
            [*tmux, *words], env=env, capture_output=True, timeout=PATIENCE, check=True
        )
        return found.stdout.decode()

    show = f"stty raw -echo; cat {file}; {shlex.join(tmux)} wait-for -S shown; exec sleep 600"
    ask("new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), ";", "set", "status", "off")
    try:
        ask("resize-window", "-x", str(COLUMNS), "-y", str(LINES))
        ask("respawn-pane", "-k", show)
        ask("wait-for", "shown")
        cursor = ask("display-message", "-p", "#{cursor_y} #{cursor_x}")
        return ask("capture-pane", "-p").split("\n")[:LINES], cursor.strip()
    finally:
        ask("kill-server")


@pytest.mark.peer("tmux")
@pytest.mark.parametrize("seed", range(4))
def test_what_curses_draws(seed: int, tmp_path: Path) -> None:
    data = written([sys.executable, "-c", CURSES.replace("SEED", str(seed))])
    data = data.partition(b"\x1b[?1049l")[0]  # before it goes back to the first page
    ours = Terminal(COLUMNS, LINES)
    ours.feed(data)
    rows, cursor = tmux_shows(data, tmp_path)
    text = ours.screen.text().translate(LETTERS)
    assert text.split("\n") == [row.rstrip() for row in rows]
    assert f"{ours.screen.row} {ours.screen.column}" == cursor
