"""PowerShell, both the one of Windows (5.1) and ``pwsh``.

The text may reach ``Invoke-Expression`` whole (``| Out-String``), line by line, or with its lines
joined by spaces, and through a console code page that is not Unicode. So a value is always on one
line and in ASCII: what is printable ASCII stands between single quotes, where only the quote
itself is doubled; all else is added as ``[char]``, a UTF-16 unit each. That covers the typographic
quotes too, which PowerShell takes for single quotes (about_Quoting_Rules). An empty value unsets
the variable before PowerShell 7.5; that is PowerShell's own rule and has no way around.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolehop.handover.environment import Change
from rolehop.shells.statements import statements
from rolehop.startup.lazy_regex import Pattern

# `false` would be an unknown command on Windows, and on Linux a program whose failure
# Invoke-Expression does not notice. This ends the script that evaluates it.
FAILURE = "throw 'rolehop failed'"

_RUN = Pattern(r"[ -~]+|[^ -~]+")


def quote(text: str) -> str:
    """Return ``text`` as one expression of type string."""
    parts = [part for run in _RUN.findall(text) for part in _parts(run)]
    # The first operand decides what `+` means, and a [char] first would make it a sum.
    if not parts or not parts[0].startswith("'"):
        parts.insert(0, "''")
    return " + ".join(parts)


def render(changes: Iterable[Change]) -> str:
    """Return ``$env:NAME = 'value'`` or ``$env:NAME = $null``, a line each.

    Assigning ``$null`` removes the variable and, unlike ``Remove-Item``, does not mind its
    absence.

    Raises:
        ValueError: a change that no shell can carry.
    """
    return statements(changes, _set, _unset)


def _parts(run: str) -> Iterator[str]:
    if run[0].isascii() and run[0].isprintable():
        yield "'" + run.replace("'", "''") + "'"
        return
    units = run.encode("utf-16-be", "surrogatepass")
    for high, low in zip(units[::2], units[1::2], strict=True):
        yield f"[char]0x{high:02x}{low:02x}"


def _set(name: str, value: str) -> str:
    return f"$env:{name} = {quote(value)}"


def _unset(name: str) -> str:
    return f"$env:{name} = $null"
