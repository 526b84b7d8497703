"""The shell of our telnet server: a few commands that show what a terminal can do.

No program of the system is run by it. `Shell.typed` takes a line and gives what to write.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from workbench.core.text import safe
from workbench.core.units import duration
from workbench.mail_ftp.telnet.codec import BINARY, ECHO, Telnet, option_name

PROMPT = "workbench> "
_HELP = """\
help           this
echo TEXT      TEXT again
who            who is connected
options        what was negotiated with your client
size           the size of your window, as it tells it
colour         the colours of your terminal
draw           a box as large as your window
count N        N numbered lines (at most 10,000)
login          ask for a name and, unseen, a password
character      characters as you type them; line: lines as you send them
binary         bytes as they are, both ways; again to end it
clear          clear the screen
quit           hang up\
"""
COUNT = 10_000


class Guest(NamedTuple):
    """Somebody who is connected, for `who`."""

    number: int
    peer: str
    since: float
    terminal: str


class Shell:
    """What one visitor sees.

    Args:
        telnet: the visitor's end, whose options the commands change.
        guests: who is connected now.

    Attributes:
        name: as given to `login`.
        terminal: as the client names its own (TTYPE), "" until it does.
        size: columns and lines of the client's window (NAWS), None until it tells.
        over: the visitor wants to leave.
        masked: what is typed next is not to be shown.
        environment: variables that the client has told (NEW-ENVIRON).
    """

    def __init__(self, telnet: Telnet, guests: Callable[[], list[Guest]]) -> None:
        self.telnet = telnet
        self.name = ""
        self.terminal = ""
        self.size: tuple[int, int] | None = None
        self.environment: dict[str, str] = {}
        self.over = self.masked = False
        self._guests = guests
        self._answer: Callable[[str], str] | None = None

    def greeting(self) -> str:
        """The first words."""
        return f"Welcome to the workbench. help shows what there is.\r\n{PROMPT}"

    def typed(self, line: str) -> str:
        """What a line brings, with the prompt that follows."""
        if line == "\x04" or (line == "\x03" and self._answer is None):
            self.over = line == "\x04"
            return "bye\r\n" if self.over else PROMPT
        if self._answer is not None:
            answer, self._answer, self.masked = self._answer, None, False
            text = answer(line) if line != "\x03" else ""
        else:
            text = self._run(line)
        text = text.replace("\n", "\r\n")
        if text and not text.endswith(("\n", ": ", "\x1b[H")):
            text += "\r\n"
        return text if self._answer is not None or self.over else text + PROMPT

    def _run(self, line: str) -> str:
        command, _, rest = line.strip().partition(" ")
        match command.lower():
            case "":
                return ""
            case "help" | "?":
                return _HELP
            case "echo":
                return safe(rest)
            case "who" | "w":
                return self._who()
            case "options":
                return self._options()
            case "size":
                return self._size()
            case "colour" | "color" | "colours" | "colors":
                return _colours()
            case "draw":
                return self._draw()
            case "count":
                number = min(int(rest), COUNT) if rest.isascii() and rest.isdigit() else 10
                return "\n".join(f"line {one}" for one in range(1, number + 1))
            case "login":
                self._answer = self._named
                return "name: "
            case "character" | "line":
                self.telnet.ask("local", ECHO, command == "character")
                return f"{command} mode is asked for"
            case "binary":
                on = not self.telnet.is_on("local", BINARY)
                self.telnet.ask("local", BINARY, on)
                self.telnet.ask("remote", BINARY, on)
                return f"BINARY is {'asked for' if on else 'taken back'}"
            case "clear":
                return "\x1b[2J\x1b[H"
            case "quit" | "exit" | "logout" | "bye":
                self.over = True
                return "bye"
        return f"{safe(command, limit=40)}: no such command; help shows those there are"

    def _named(self, name: str) -> str:
        self._answer = self._passed
        self.name = safe(name, limit=40)
        self.masked = True
        return "password: "

    def _passed(self, password: str) -> str:
        return f"welcome, {self.name or 'stranger'} ({len(password)} characters, not looked at)"

    def _who(self) -> str:
        now = time.monotonic()
        rows = [("#", "FROM", "FOR", "TERMINAL")]
        for one in self._guests()[:100]:
            since = duration(now - one.since)
            rows.append((str(one.number), one.peer, since, one.terminal or "?"))
        return "\n".join(f"{a:>4}  {b:<24}  {c:>8}  {d}" for a, b, c, d in rows)

    def _options(self) -> str:
        ours = ", ".join(map(option_name, self.telnet.on("local"))) or "none"
        theirs = ", ".join(map(option_name, self.telnet.on("remote"))) or "none"
        names = "".join(f"\n{safe(a)}={safe(b)}" for a, b in self.environment.items())
        return (
            f"on our side:    {ours}\non your side:   {theirs}\n"
            f"your terminal:  {self.terminal or 'not told'}\nyour window:    {self._size()}{names}"
        )

    def _size(self) -> str:
        return f"{self.size[0]}x{self.size[1]}" if self.size else "not told (no NAWS)"

    def _draw(self) -> str:
        columns, lines = self.size or (80, 24)
        columns, lines = min(max(columns, 4), 500), min(max(lines, 5), 200) - 1
        middle = f" {columns}x{lines + 1} "[: columns - 2].center(columns - 2)
        blank = "│" + " " * (columns - 2) + "│"
        rows = [blank] * (lines - 2)
        rows[len(rows) // 2] = f"│{middle}│"
        bar = "─" * (columns - 2)
        return "\x1b[2J\x1b[H" + "\n".join([f"┌{bar}┐", *rows, f"└{bar}┘"])


def _colours() -> str:
    """The 16, a ramp of the 256, a ramp of true colour, and the attributes."""
    named = "".join(f"\x1b[48;5;{one}m  " for one in range(16))
    cube = "".join(f"\x1b[48;5;{one}m " for one in range(16, 52))
    grey = "".join(f"\x1b[48;5;{one}m " for one in range(232, 256))
    true = "".join(f"\x1b[48;2;{one * 7};{255 - one * 7};128m " for one in range(36))
    looks = (
        "\x1b[1mbold\x1b[0m \x1b[2mdim\x1b[0m \x1b[3mitalic\x1b[0m \x1b[4munderline\x1b[0m "
        "\x1b[7mreverse\x1b[0m \x1b[9mstrike\x1b[0m \x1b[31mred\x1b[32mgreen\x1b[34mblue\x1b[0m"
    )
    return "\n".join(f"{one}\x1b[0m" for one in (named, cube, grey, true, looks))
