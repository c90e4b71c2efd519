"""A file's own check: what is as rolehop wrote it, and what was changed since."""

from __future__ import annotations

import pytest

from rolehop.base.digest import checked_line, is_unchanged

WHOLE = checked_line('{"a":1}')
NESTED = checked_line('{"a":{"x":1,"check":"y"}}')


@pytest.mark.parametrize(
    ("text", "unchanged"),
    [
        (WHOLE, True),
        (WHOLE.rstrip("\n"), True),
        (NESTED, True),
        (WHOLE.replace("1", "2", 1), False),
        (NESTED.replace("1", "2", 1), False),
        ('{"a":1,"check":""}', False),
        ('{"a":1}', False),
    ],
)
def test_a_text_is_as_it_was_written(text: str, unchanged: bool) -> None:
    assert is_unchanged(text) is unchanged


def test_the_check_is_on_the_line_of_the_object() -> None:
    assert WHOLE.endswith('"}\n')
    assert WHOLE.count("\n") == 1
