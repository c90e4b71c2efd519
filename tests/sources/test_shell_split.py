"""How a credential_process is split, on either kind of system."""

from __future__ import annotations

import pytest

from rolehop.sources.process import split_command


@pytest.mark.parametrize(
    ("text", "platform", "words"),
    [
        ("\"/opt/a b/tool\" -x 'y z'", "linux", ["/opt/a b/tool", "-x", "y z"]),
        ("~/tool $HOME", "darwin", ["~/tool", "$HOME"]),
        (r"C:\tools\x.exe 'y z'", "win32", [r"C:\tools\x.exe", "'y", "z'"]),
        (r'"C:\Program Files\x.exe" -x', "win32", [r"C:\Program Files\x.exe", "-x"]),
    ],
)
def test_words_are_those_of_the_system(text: str, platform: str, words: list[str]) -> None:
    assert split_command(text, platform) == words


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_a_quote_that_is_not_closed_is_refused(platform: str) -> None:
    with pytest.raises(ValueError, match="quot"):
        split_command('"x', platform)
