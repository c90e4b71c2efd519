"""What is shown on a desktop, by each system's own program."""

from __future__ import annotations

import pytest

from rolehop.terminal.desktop import _notice

DESKTOP = {"DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("platform", "environ", "program"),
    [
        ("linux", DESKTOP, "notify-send"),
        ("linux", {}, None),
        ("darwin", {}, "osascript"),
        ("win32", {}, None),
    ],
)
def test_a_notice_goes_to_the_program_of_the_system(
    platform: str, environ: dict[str, str], program: str | None
) -> None:
    command = _notice("rolehop: admin", 'say "this"', environ, platform)
    assert (command[0] if command else None) == program


def test_the_texts_of_a_notice_are_no_code_of_its_script() -> None:
    text = '" & (do shell script "id") & "'
    command = _notice("title", text, {}, "darwin")
    assert command is not None
    assert command[-2:] == ("title", text)
    assert text not in " ".join(command[:-1])
