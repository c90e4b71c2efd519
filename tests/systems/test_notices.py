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


def test_a_name_is_no_markup_on_the_desktop() -> None:
    text = '<a href="https://example.com">sign in</a> & go on'
    shown = _notice("title", text, DESKTOP, "linux") or ()
    assert shown[-1] == '&lt;a href="https://example.com"&gt;sign in&lt;/a&gt; &amp; go on'
