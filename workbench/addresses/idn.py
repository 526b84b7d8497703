"""Names in other letters (IDNA 2008 by UTS 46), both ways, and names made to look like others."""

from __future__ import annotations

import unicodedata

from workbench.core.text import safe

# Letters that look like a Latin one in most fonts (UTS 39's usual cases): Cyrillic, then Greek,
# each followed by the Latin one.
_PAIRS = "аaеeоoрpсcуyхxіiјjѕsԁdһhӏlԛqԝwүyьbвbнhмmтtкkαaοoνvρpτtυuιiκkχxεeηnωwγy"
_LOOKS = str.maketrans(dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True)))
_TOGETHER = (
    {"LATIN"},
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "HANGUL"},
    {"LATIN", "HAN", "BOPOMOFO"},
)
"""Scripts that go together in one label: UTS 39, Highly Restrictive."""


class IdnaError(ValueError):
    """No name by IDNA; the text says why."""


def to_ascii(name: str) -> str:
    """A name in its xn-- form; one in ASCII stays as it is.

    Raises:
        IdnaError: IDNA does not allow it.
    """
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, uts46=True, std3_rules=False).decode("ascii")
    except idna.IDNAError as problem:
        raise IdnaError(f"{safe(name)} is no name by IDNA: {safe(str(problem))}") from None


def to_unicode(name: str) -> str:
    """A name with its xn-- parts in letters; a part that does not decode stays as it is."""
    if "xn--" not in name.lower():
        return name
    import idna

    parts = []
    for label in name.split("."):
        try:
            parts.append(idna.decode(label, uts46=True) if label else label)
        except idna.IDNAError:
            parts.append(label)
    return ".".join(parts)


def warnings(name: str) -> list[str]:
    """What may deceive about a name, given in either form; empty where nothing does."""
    found = []
    for label in to_unicode(name).split("."):
        if label.isascii():
            continue
        scripts = {one for one in map(_script, label) if one}
        shown = safe(label)
        if len(scripts) > 1 and not any(scripts <= some for some in _TOGETHER):
            words = ", ".join(sorted(one.title() for one in scripts))
            found.append(f"{shown} mixes scripts ({words}): it may be made to look like another")
        looks = label.lower().translate(_LOOKS)
        if looks.isascii():
            found.append(f"{shown} looks like {looks}, in other letters")
    return found


def _script(char: str) -> str:
    """The script of a letter, by the first word of its Unicode name; "" for what has none."""
    if not char.isalpha():
        return ""
    word = unicodedata.name(char, "").partition(" ")[0]
    return "HAN" if word == "CJK" else word
