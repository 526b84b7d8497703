"""What fields mean: every name once, every meaning one line."""

from __future__ import annotations

from workbench.http.client.message import typed_field
from workbench.http.field_names import REGISTERED, USUAL, meaning


def test_names_and_meanings() -> None:
    assert not set(REGISTERED) & set(USUAL)
    for table in (REGISTERED, USUAL):
        assert table
        for lower, (name, words) in table.items():
            assert lower == name.lower()
            assert typed_field(f"{name}: x")[0] == name.encode()
            assert 0 < len(words) <= 72
            assert words.isprintable()
    assert meaning("CONTENT-type").startswith("its media type")
    assert meaning("X-Made-Up") == ""
