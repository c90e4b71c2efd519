"""The README's pictures show what the program shows now."""

from __future__ import annotations

import pytest

from tests.pictures.drawing import FOLDER, PICTURES, as_svg, plain, shown


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    return shown()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_what_the_command_shows(name: str, now: dict[str, str]) -> None:
    stored = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert plain(stored) == plain(as_svg(name, now[name])), (
        "python -m tests.pictures draws it again"
    )


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_loads_nothing_and_is_small(name: str) -> None:
    stored = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert "url(http" not in stored
    assert len(stored) < 20_000
