"""PowerShell: its quoting read back by its own rules, and by the real one where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.credentials import Session
from rolehop.handover.environment import assumed
from rolehop.handover.shells.powershell import quote
from rolehop.handover.shells.registry import dialect

POWERSHELL = dialect("powershell")
# Every one of these opens, closes and, doubled, stands for itself (about_Quoting_Rules).
QUOTES = "'‘’‚‛"  # noqa: RUF001 - the typographic ones are the point
OPERAND = re.compile(
    rf"[{QUOTES}](?P<text>(?:[^{QUOTES}]|([{QUOTES}])[{QUOTES}])*)[{QUOTES}]|\[char\]0x(?P<unit>[0-9a-f]{{4}})"
)


def read(expression: str) -> str:
    """Evaluate a sum of strings and characters as PowerShell does."""
    units = b""
    at = 0
    while at < len(expression):
        operand = OPERAND.match(expression, at)
        assert operand, expression[at:]
        assert at or operand["text"] is not None, "a [char] first makes it a sum of numbers"
        if operand["text"] is None:
            units += bytes.fromhex(operand["unit"])
        else:
            text = re.sub(rf"([{QUOTES}])[{QUOTES}]", r"\1", operand["text"])
            units += text.encode("utf-16-be", "surrogatepass")
        at = operand.end()
        if at < len(expression):
            assert expression.startswith(" + ", at)
            at += 3
    return units.decode("utf-16-be", "surrogatepass")


nasty = st.text(st.sampled_from(QUOTES + '$`"\\!%\n\r\t ;é😀') | st.characters(), max_size=40)


@given(nasty)
def test_any_value_is_read_back(value: str) -> None:
    assert read(quote(value)) == value


@given(nasty)
def test_a_value_is_one_line_of_ascii_whatever_the_console_can_show(value: str) -> None:
    text = quote(value)
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    ("value", "expression"),
    [
        ("", "''"),
        ("eu-west-1", "'eu-west-1'"),
        ("it's", "'it''s'"),
        ("$env:X `n", "'$env:X `n'"),
        ("a\nb", "'a' + [char]0x000a + 'b'"),
        ("’x", "'' + [char]0x2019 + 'x'"),  # noqa: RUF001 - the point
        ("😀", "'' + [char]0xd83d + [char]0xde00"),
    ],
)
def test_quoting_by_example(value: str, expression: str) -> None:
    assert quote(value) == expression


def pwsh(script: str, text: str) -> str:
    program = shutil.which("pwsh")
    if program is None:
        pytest.skip("pwsh is not installed")
    done = subprocess.run(
        [program, "-NoProfile", "-NonInteractive", "-Command", script],
        input=text,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "evaluate", ["$t | Out-String | Invoke-Expression", "$t | iex", 'iex "$t"']
)
def test_the_real_powershell_takes_the_session(session: Session, evaluate: str) -> None:
    text = POWERSHELL.render(
        [*assumed(session, chain="hub", region=None, before={}), ("NASTY", "a\n'‘$x` 😀")]  # noqa: RUF001
    )
    script = (
        "Set-StrictMode -Version Latest; $ErrorActionPreference = 'Stop'; $env:AWS_PROFILE = 'x';"
        f"$t = @($input); {evaluate};"
        "ConvertTo-Json -Compress @($env:AWS_SESSION_TOKEN, $env:AWS_PROFILE, $env:NASTY)"
    )
    assert json.loads(pwsh(script, text)) == ["IQoJ/token+hub==", None, "a\n'‘$x` 😀"]  # noqa: RUF001


def test_the_failing_statement_makes_the_real_powershell_fail() -> None:
    script = "$t = @($input); try { $t | iex; 'on' } catch { 'failed' }"
    assert pwsh(script, POWERSHELL.failure) == "failed"
