"""The QR code that stands for a link in the terminal."""

from __future__ import annotations

import os
import pty
import sys

import pytest
import segno

from rolehop.base.errors import RolehopError
from rolehop.commands.console.qr_code import QrCode, qr_code
from rolehop.terminal.terminal import Settings, Terminal

LINK = "https://corp.awsapps.com/start/#/console?account_id=111111111111"
HALVES = {"▀": (True, False), "▄": (False, True), "█": (True, True), " ": (False, False)}


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_it_is_drawn_two_modules_to_a_character(light_on_dark: bool) -> None:
    code = qr_code(LINK)
    drawn = code.drawn(light_on_dark=light_on_dark).splitlines()
    assert (len(drawn), {len(each) for each in drawn}) == (code.lines, {code.columns})
    rows = [
        [HALVES[character][half] != light_on_dark for character in line]
        for line in drawn
        for half in (0, 1)
    ]
    expected = segno.make_qr(LINK, error="l", boost_error=False).matrix_iter(border=4)
    assert rows[: code.columns] == [[bool(module) for module in row] for row in expected]


def test_a_sign_in_of_the_length_of_aws_fits() -> None:
    code = qr_code(f"https://signin.aws.amazon.com/federation?SigninToken={'x' * 1000}")
    assert code.columns <= 130


def test_a_link_that_is_too_long_can_be_printed() -> None:
    with pytest.raises(RolehopError, match="too long for a QR code") as raised:
        qr_code("x" * 3000)
    assert "--print" in str(raised.value.fix)


def test_the_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    with pytest.raises(RolehopError, match="not installed") as raised:
        qr_code(LINK)
    assert "-m pip install 'rolehop[qr]'" in str(raised.value.fix)


@pytest.mark.parametrize(
    ("term", "color", "shown"),
    [
        ("xterm", "auto", "\x1b[30;107m▀▄\x1b[0m\r\n"),
        ("xterm", "never", "▄▀\r\n"),
        ("dumb", "auto", "▄▀\r\n"),
        ("dumb", "always", "▄▀\r\n"),
    ],
)
def test_blocks_are_light_where_there_are_no_colors(
    monkeypatch: pytest.MonkeyPatch, term: str, color: str, shown: str
) -> None:
    """Drawn dark without the light behind, a code is its own negative."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", term)
    reader, writer = pty.openpty()
    try:
        with os.fdopen(writer, "w", encoding="utf-8") as stdout:
            monkeypatch.setattr(sys, "stdout", stdout)
            code = QrCode(((True, False), (False, True)))
            Terminal(Settings(color=color), {"COLUMNS": "80", "TERM": term}, str).write_code(code)
            stdout.flush()
            assert os.read(reader, 1000).decode() == shown
    finally:
        os.close(reader)
