"""A terminal: bytes of a program in, a screen out, and the terminal's own answers.

The subset of ECMA-48, the VT100 to VT220 and xterm that programs use (man 4 console_codes, xterm's
ctlseqs): whatever else comes is read to its end and dropped. No answer holds what the other end
has sent (no reports of titles or settings), so that nothing is typed for the user.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable

from workbench.mail_ftp.telnet.screen import PLAIN, Colour, Look, Screen

PARAMETERS = 32
"""Numbers of a sequence that are read."""
LARGEST_NUMBER = 9_999
SEQUENCE = 256
"""Characters of a control sequence; a longer one is dropped."""
TITLE = 256
ANSWERS = 4_096
"""Bytes of answers that wait; more are not given."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_GRAPHICS = dict(
    zip(
        map(ord, "`afgjklmnopqrstuvwxyz{|}~"),
        "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·",
        strict=True,
    )
)
"""DEC's special graphics, which draws lines with letters."""
_C1 = {chr(0x80 + number): chr(0x40 + number) for number in range(0x20)}
"""A control of one byte is ESC and another character."""
_SET: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    5: {"blink": True},
    6: {"blink": True},
    7: {"reverse": True},
    8: {"conceal": True},
    9: {"strike": True},
    21: {"underline": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    25: {"blink": False},
    27: {"reverse": False},
    28: {"conceal": False},
    29: {"strike": False},
}


class Terminal:
    """A screen and what speaks to it.

    Attributes:
        screen: the cells.
        title: as the program set it, no longer than 256 characters; hostile as all that comes.
        cursor_shown: the program wants a cursor.
        cursor_keys: arrows are to be sent as ESC O (application mode).
        pastes: a paste is to be put between marks (bracketed paste).
        reversed: dark and light change places (DECSCNM).
        bells: how often it rang.
    """

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        self.screen = Screen(columns, lines)
        self.title = ""
        self.bells = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._answers = bytearray()
        self._sequences = _sequences(self)
        self._reset()

    def _reset(self) -> None:
        self.screen.reset()
        self.cursor_shown = True
        self.cursor_keys = self.pastes = self.reversed = self.newline_mode = False
        self._charsets = ["B", "B"]
        self._shift = 0
        self._last = " "
        self._state: Callable[[str], None] | None = None
        self._text = ""

    def feed(self, data: bytes) -> None:
        """Show what the program has written."""
        text = self._decoder.decode(data)
        at = 0
        while at < len(text):
            if self._state is not None:
                self._state(text[at])
                at += 1
                continue
            found = _CONTROL.search(text, at)
            end = found.start() if found else len(text)
            if end > at:
                self._print(text[at:end])
            if found:
                self._control(text[end])
                end += 1
            at = end

    def take(self) -> bytes:
        """What the terminal itself has to say to the program."""
        answers = bytes(self._answers)
        self._answers.clear()
        return answers

    def _print(self, text: str) -> None:
        if self._charsets[self._shift] == "0":
            text = text.translate(_GRAPHICS)
        self.screen.write(text)
        self._last = text[-1]

    def _answer(self, text: str) -> None:
        if len(self._answers) + len(text) <= ANSWERS:
            self._answers += text.encode("ascii")

    # -- controls and short sequences ----------------------------------------------------------

    def _control(self, char: str) -> None:
        screen = self.screen
        match char:
            case "\x07":
                self.bells += 1
            case "\b":
                screen.move_by(columns=-1)
            case "\t":
                screen.tab()
            case "\n" | "\v" | "\f":
                screen.line_feed()
                if self.newline_mode:
                    screen.carriage_return()
            case "\r":
                screen.carriage_return()
            case "\x0e":
                self._shift = 1
            case "\x0f":
                self._shift = 0
            case "\x1b":
                self._state, self._text = self._escape, ""
            case _ if char in _C1:
                self._escape(_C1[char])

    def _inside(self, char: str) -> bool:
        """Controls within a sequence act at once; ESC begins another, CAN and SUB end it."""
        if char in "\x18\x1a":
            self._state = None
        elif char < " " or "\x80" <= char <= "\x9f":
            if char in "\x1b" or char >= "\x80":
                self._state = None
            self._control(char)
        else:
            return char == "\x7f"
        return True

    def _escape(self, char: str) -> None:
        if self._state is not None and self._inside(char):
            return
        self._state = None
        screen = self.screen
        match char:
            case "[":
                self._state, self._text = self._csi, ""
            case "]":
                self._state, self._text = self._osc, ""
            case "P" | "X" | "^" | "_":
                self._state, self._text = self._string, ""
            case "(" | ")" | "*" | "+" | "#" | "%" | " ":
                self._state, self._text = self._intermediate, char
            case "7":
                screen.save()
            case "8":
                screen.restore()
            case "D":
                screen.line_feed()
            case "E":
                screen.carriage_return()
                screen.line_feed()
            case "H":
                screen.tabs.add(screen.column)
            case "M":
                screen.reverse_feed()
            case "Z":
                self._answer("\x1b[?62;22c")
            case "c":
                self._reset()

    def _intermediate(self, char: str) -> None:
        if self._inside(char):
            return
        self._state = None
        if self._text in ("(", ")"):
            self._charsets["()".index(self._text)] = char
        elif self._text == "#" and char == "8":
            self.screen.fill("E")

    def _osc(self, char: str) -> None:
        """An operating system command, to BEL or ST; of these the title is of use."""
        if char in "\x07\x1b\x9c\x18\x1a":
            self._state = None
            if char == "\x1b":
                self._state = self._escape  # of ST the backslash comes
            number, _, text = self._text.partition(";")
            if number in ("0", "2") and char not in "\x18\x1a":
                self.title = text[:TITLE]
        elif len(self._text) < TITLE + 8:
            self._text += char

    def _string(self, char: str) -> None:
        """A string for a device that is not there, to its end."""
        if char in "\x1b\x9c\x18\x1a":
            self._state = self._escape if char == "\x1b" else None

    # -- control sequences ---------------------------------------------------------------------

    def _csi(self, char: str) -> None:
        if self._inside(char):
            return
        if char < "@":
            self._text = (self._text + char)[:SEQUENCE]
            return
        self._state = None
        text = self._text
        if len(text) >= SEQUENCE or char > "~":
            return
        prefix = text[:1] if text[:1] in ("?", ">", "<", "=") else ""
        body = text[len(prefix) :].rstrip(" !\"#$%&'()*+,-./")
        middle = text[len(prefix) + len(body) :]
        action = self._sequences.get(f"{prefix}{middle}{char}")
        if action is not None and (prefix or ":" not in body or char == "m"):
            action(_numbers(body))

    def _modes(self, numbers: list[int], on: bool) -> None:
        for number in numbers:
            if number == 4:
                self.screen.inserting = on
            elif number == 20:
                self.newline_mode = on

    def _private_modes(self, numbers: list[int], on: bool) -> None:
        screen = self.screen
        for number in numbers:
            match number:
                case 1:
                    self.cursor_keys = on
                case 5:
                    self.reversed = on
                    screen.touch()
                case 6:
                    screen.origin = on
                    screen.move_to(0, 0)
                case 7:
                    screen.autowrap = on
                case 25:
                    self.cursor_shown = on
                    screen.dirty.add(screen.row)
                case 47 | 1047:
                    screen.show_page(on)
                case 1048:
                    screen.save() if on else screen.restore()
                case 1049:
                    if on:
                        screen.save()
                    screen.show_page(on)
                    if not on:
                        screen.restore()
                case 2004:
                    self.pastes = on

    def _report(self, numbers: list[int]) -> None:
        screen = self.screen
        if numbers[:1] == [5]:
            self._answer("\x1b[0n")
        elif numbers[:1] == [6]:
            first = screen.top if screen.origin else 0
            self._answer(f"\x1b[{screen.row - first + 1};{screen.column + 1}R")

    def _soft_reset(self, _: list[int]) -> None:
        screen = self.screen
        screen.look, screen.origin, screen.inserting = PLAIN, False, False
        screen.autowrap = self.cursor_shown = True
        screen.top, screen.bottom = 0, screen.lines - 1
        self.cursor_keys = False
        self._charsets, self._shift = ["B", "B"], 0

    def _clear_tabs(self, numbers: list[int]) -> None:
        if numbers == [3]:
            self.screen.tabs.clear()
        else:
            self.screen.tabs.discard(self.screen.column)

    def _repeat(self, numbers: list[int]) -> None:
        screen = self.screen
        screen.write(self._last * min(_first(numbers), screen.columns * screen.lines))

    def _select_look(self, numbers: list[int]) -> None:
        self.screen.look = _look(self.screen.look, numbers)


Action = Callable[[list[int]], None]


def _sequences(terminal: Terminal) -> dict[str, Action]:
    """What each control sequence does, by its prefix, its middle and its last character."""
    screen = terminal.screen

    def move(rows: int, columns: int, start: bool = False) -> Action:
        def act(numbers: list[int]) -> None:
            count = _first(numbers)
            screen.move_by(rows * count, columns * count)
            if start:
                screen.carriage_return()

        return act

    def times(action: Callable[[int], None]) -> Action:
        return lambda numbers: action(_first(numbers))

    def how(action: Callable[[int], None]) -> Action:
        return lambda numbers: action(numbers[0] if numbers else 0)

    def to(numbers: list[int]) -> None:
        screen.move_to(_first(numbers) - 1, _first(numbers[1:]) - 1)

    def region(numbers: list[int]) -> None:
        bottom = _first(numbers[1:], screen.lines)
        screen.set_region(_first(numbers) - 1, bottom - 1)

    def column(numbers: list[int]) -> None:
        screen.move_to(column=_first(numbers) - 1)

    def erase(numbers: list[int]) -> None:
        screen.erase_cells(screen.column, screen.column + _first(numbers) - 1)

    return {
        "@": times(screen.insert_cells),
        "A": move(-1, 0),
        "B": move(1, 0),
        "C": move(0, 1),
        "D": move(0, -1),
        "E": move(1, 0, start=True),
        "F": move(-1, 0, start=True),
        "G": column,
        "H": to,
        "I": times(screen.tab),
        "J": how(screen.erase_in_screen),
        "?J": how(screen.erase_in_screen),
        "K": how(screen.erase_in_row),
        "?K": how(screen.erase_in_row),
        "L": times(screen.insert_rows),
        "M": times(screen.delete_rows),
        "P": times(screen.delete_cells),
        "S": times(screen.scroll_up),
        "T": times(screen.scroll_down),
        "X": erase,
        "Z": times(lambda count: screen.tab(-count)),
        "`": column,
        "a": move(0, 1),
        "b": terminal._repeat,
        "c": lambda numbers: terminal._answer("\x1b[?62;22c"),
        ">c": lambda numbers: terminal._answer("\x1b[>1;10;0c"),
        "d": lambda numbers: screen.move_to(row=_first(numbers) - 1),
        "e": move(1, 0),
        "f": to,
        "g": terminal._clear_tabs,
        "h": lambda numbers: terminal._modes(numbers, True),
        "l": lambda numbers: terminal._modes(numbers, False),
        "?h": lambda numbers: terminal._private_modes(numbers, True),
        "?l": lambda numbers: terminal._private_modes(numbers, False),
        "m": terminal._select_look,
        "n": terminal._report,
        "r": region,
        "s": lambda numbers: screen.save(),
        "u": lambda numbers: screen.restore(),
        "!p": terminal._soft_reset,
    }


def _numbers(text: str) -> list[int]:
    """The parameters of a sequence; an empty one is 0."""
    if not text:
        return []
    parts = text.replace(":", ";").split(";")[:PARAMETERS]
    return [min(int(one[:5]), LARGEST_NUMBER) if one.isdecimal() else 0 for one in parts]


def _first(numbers: list[int], default: int = 1) -> int:
    """The first parameter; none, and 0, stand for the default."""
    return (numbers[0] if numbers else 0) or default


def _look(look: Look, numbers: list[int]) -> Look:
    """Another look by SGR's parameters, colours as xterm has them."""
    rest = list(reversed(numbers or [0]))
    while rest:
        number = rest.pop()
        if number == 0:
            look = PLAIN
        elif number in _SET:
            look = look._replace(**_SET[number])
        elif 30 <= number <= 37:
            look = look._replace(fg=number - 30)
        elif 40 <= number <= 47:
            look = look._replace(bg=number - 40)
        elif 90 <= number <= 97:
            look = look._replace(fg=number - 82)
        elif 100 <= number <= 107:
            look = look._replace(bg=number - 92)
        elif number == 39:
            look = look._replace(fg=None)
        elif number == 49:
            look = look._replace(bg=None)
        elif number == 38:
            look = look._replace(fg=_colour(rest, look.fg))
        elif number == 48:
            look = look._replace(bg=_colour(rest, look.bg))
    return look


def _colour(rest: list[int], before: Colour) -> Colour:
    """The colour that follows 38 or 48: 5 and a number, or 2 and red, green, blue."""
    kind = rest.pop() if rest else 0
    if kind == 5 and rest:
        return min(rest.pop(), 255)
    if kind == 2 and len(rest) >= 3:
        red, green, blue = (min(rest.pop(), 255) for _ in range(3))
        return red, green, blue
    return before
