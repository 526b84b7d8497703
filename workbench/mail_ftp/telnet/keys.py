"""What a terminal sends for its keys, as xterm does; they have the names of Textual."""

from __future__ import annotations

_ARROWS = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "backspace": "\x7f",
    "space": " ",
    "insert": "\x1b[2~",
    "delete": "\x1b[3~",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "f9": "\x1b[20~",
    "f10": "\x1b[21~",
    "f11": "\x1b[23~",
    "f12": "\x1b[24~",
    "ctrl+@": "\x00",
    "ctrl+backslash": "\x1c",
    "ctrl+circumflex_accent": "\x1e",
    "ctrl+underscore": "\x1f",
}
_MODIFIERS = {"shift": 1, "alt": 2, "ctrl": 4}


def bytes_of(key: str, character: str | None, *, application: bool = False) -> bytes:
    """What a key sends; nothing for one that is unknown.

    Args:
        key: as "a", "ctrl+a", "shift+up".
        character: what it writes, if it does.
        application: arrows as programs asked for them (DECCKM).
    """
    if key in _KEYS:
        return _KEYS[key].encode()
    *modifiers, last = key.split("+")
    if last in _ARROWS:
        number = 1 + sum(_MODIFIERS.get(one, 0) for one in modifiers)
        if number > 1:
            return f"\x1b[1;{number}{_ARROWS[last]}".encode()
        return f"\x1b{'O' if application else '['}{_ARROWS[last]}".encode()
    if modifiers == ["ctrl"] and len(last) == 1 and "a" <= last <= "z":
        return bytes((ord(last) & 0x1F,))
    if modifiers == ["alt"] and len(last) == 1:
        return b"\x1b" + last.encode()
    return (character or "").encode("utf-8", "replace")
