"""PowerShell, both the one of Windows (5.1) and ``pwsh``.

The text may reach ``Invoke-Expression`` whole (``| Out-String``), line by line, or with its lines
joined by spaces, and through a console code page that is not Unicode. So a value is always on one
line and in ASCII: what is printable ASCII stands between single quotes, where only the quote
itself is doubled; all else is added as ``[char]``, a UTF-16 unit each. That covers the typographic
quotes too, which PowerShell takes for single quotes (about_Quoting_Rules). An empty value unsets
the variable before PowerShell 7.5; that is PowerShell's own rule and has no way around.
"""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.base.advice import PLACEHOLDER
from rolehop.base.startup import Pattern
from rolehop.handover.shells.dialect import (
    Colors,
    Dialect,
    InitScript,
    color_number,
    in_four_digits,
    statement_renderer,
)

_RUN = Pattern(r"[ -~]+|[^ -~]+")
_QUOTE = Pattern("['\u2018\u2019\u201a\u201b]")


def quote(text: str) -> str:
    """Return ``text`` as one expression of type string."""
    parts = [part for run in _RUN.findall(text) for part in _parts(run)]
    # The first operand decides what `+` means, and a [char] first would make it a sum.
    if not parts or not parts[0].startswith("'"):
        parts.insert(0, "''")
    return " + ".join(parts)


def quote_typed(text: str) -> str:
    """Return ``text`` as one argument of a command; typographic quotes end a string, too.

    Before 7.3, PowerShell passes a double quote on without its escape, and so a backslash before
    the quote that it puts around blanks: the program reads other arguments then
    (about_Parsing, "Passing arguments that contain quote characters").
    """
    if '"' in text or (text.endswith("\\") and " " in text):
        return PLACEHOLDER
    return "'" + _QUOTE.sub(r"\g<0>\g<0>", text) + "'"


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
    # Unlike Remove-Item, this does not mind if the variable is absent.
    return f"$env:{name} = $null"


def _color_cases(colors: Colors) -> str:
    return "\n        ".join(
        f"({quote(chain)}) {{ {_escape_code(color)} }}" for chain, color in colors.items()
    )


def _escape_code(color: str) -> int:
    """Return the parameter of the terminal's SGR escape sequence."""
    number = color_number(color)
    return 30 + number if number < 8 else 82 + number


INIT = r"""# rolehop for PowerShell, made by `rolehop init powershell`. Reading it starts no process.

function global:rolehop {
    $program = @(Get-Command -Name rolehop -CommandType Application -ErrorAction Stop)[0].Source
    $words = @($args | ForEach-Object { "$_" })
    $verb = -1
    $value = $false
    for ($at = 0; $at -lt $words.Count; $at++) {
        if ($value) { $value = $false }
        elseif ($words[$at] -cin '--config', '--color') { $value = $true }
        elseif (-not $words[$at].StartsWith('-')) { $verb = $at; break }
    }
    $plain = @($words | Where-Object { $_ -cin '-h', '--help', '--version', '--shell' }).Count -gt 0
    if ($plain -or $verb -lt 0 -or $words[$verb] -cnotin 'assume', 'leave', 'refresh') {
        if ($MyInvocation.ExpectingInput) { $input | & $program @words } else { & $program @words }
        return
    }
    $before = @($words[0..$verb])
    $after = @($words | Select-Object -Skip ($verb + 1))
    $output = if ($MyInvocation.ExpectingInput) {
        $input | & $program @before --shell powershell @after
    } else {
        & $program @before --shell powershell @after
    }
    # A failure leaves its code in $LASTEXITCODE, and nothing is evaluated.
    if ($LASTEXITCODE -ne 0) { return }
    $text = @($output) -join "`n"
    if ($text.StartsWith('$env:')) { Invoke-Expression $text } elseif ($text) { $text }
}

# Returns the segment, e.g. "prod-admin 43m ", for your prompt function; nothing if none is assumed.
function global:rolehop_prompt {
    $chain = $env:ROLEHOP_CHAIN
    if (-not $chain) { return '' }
    $text = $chain -replace '[^\p{L}\p{N}\p{P}\p{S}\p{Mc} ]|[@HIDDEN@]', '?'
    if ($env:ROLEHOP_EXPIRES_AT -match '^[0-9]{1,12}$') {
        $left = [long]$env:ROLEHOP_EXPIRES_AT - [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()
        $minutes = [long][Math]::Floor($left / 60)
        if ($left -le 0) { $text += ' expired' }
        elseif ($left -lt 60) { $text += ' <1m' }
        elseif ($left -lt 3600) { $text += " ${minutes}m" }
        else { $text += ' {0}h{1:00}m' -f [long][Math]::Floor($minutes / 60), ($minutes % 60) }
    }
    $color = switch -CaseSensitive ($chain) {
        @COLORS@
        default { $null }
    }
    if ($null -eq $color -or $env:NO_COLOR) { return "$text " }
    return "$([char]27)[${color}m$text$([char]27)[0m "
}

# @COMPLETION@
"""

DIALECT = Dialect(
    statement_renderer(_set, _unset),
    quote,
    # `false` would be an unknown command on Windows, and on Linux a program whose failure
    # Invoke-Expression does not notice. This ends the script that evaluates it.
    "throw 'rolehop failed'",
    "{} | Out-String | Invoke-Expression",
    quote_typed=quote_typed,
    init=InitScript(
        INIT,
        ".ps1",
        "$PROFILE",
        "rolehop init powershell | Out-String | Invoke-Expression",
        ". ({})",
        in_four_digits,
        _color_cases,
    ),
)
