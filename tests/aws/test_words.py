from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.text import clean


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 漢字", "plain ünïcode 漢字"),
        ("two\r\nlines\tand\x0bmore", "two lines and more"),
        ("\x1b[31mred\x1b[0m\x07", "[31mred[0m"),
        ("a\u202eb\u200bc\x9bd\x7fe", "abcde"),
        ("\u2028 \u00a0", ""),
    ],
)
def test_what_could_control_a_terminal_is_removed(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_any_text_becomes_one_printable_line(text: str) -> None:
    assert clean(text).isprintable()
    assert clean(clean(text)) == clean(text)
