"""The text that makes a shell rolehop's home: a template per shell, filled with the config's colours.

What a template defines is the function ``rolehop``: ``assume``, ``leave`` and ``refresh`` change the
shell that calls it, everything else goes to the program as it is. It evaluates what its own command
printed and nothing else, only after exit code 0, and only where that begins as statements of its
dialect do (a help text does not). Each also defines what a prompt shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from rolehop.shells import elvish, fish, posix, powershell
from rolehop.startup.dataclass import dataclass

_COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_COLORS_HERE = "@COLORS@"
_COMPLETION_HERE = "# @COMPLETION@"

Colors = Mapping[str, str]
"""The name of a chain to a colour of the config, ``red`` or ``bright_red``."""


@dataclass(frozen=True, slots=True)
class Integration:
    """One shell's template and how a start-up file uses it."""

    template: str
    """The file in this folder."""

    colors: Callable[[Colors], str] | None
    """Writes the colours in the shell's own language; ``None``: its prompt shows none."""

    startup: str
    """The start-up file."""

    evaluates: str | None
    """The line there that evaluates what ``rolehop init`` prints; ``None``: the shell cannot."""

    reads: str
    """The line there that reads the file ``{}``, a word of the shell."""

    quote: Callable[[str], str]
    """A path to a word of the shell."""


def integration_text(shell: str, *, colors: Colors, completion: str | None) -> str:
    """Return the text for ``shell``, one of :data:`INTEGRATIONS`."""
    row = INTEGRATIONS[shell]
    text = Path(__file__).with_name(row.template).read_text(encoding="utf-8")
    if shell == "tcsh":
        # Evaluated as one line, where a comment would never end.
        text = "".join(line for line in text.splitlines(keepends=True) if line[0] != "#")
    table = row.colors(colors) if row.colors else ""
    text = text.replace(_COLORS_HERE, table)
    return text.replace(_COMPLETION_HERE, (completion or ":").strip())


def _number(color: str) -> int:
    """Return a terminal colour's number, 0 to 15."""
    plain = color.removeprefix("bright_")
    return _COLORS.index(plain) + (8 if plain != color else 0)


def _cases(colors: Colors, opening: str = "") -> str:
    return "\n        ".join(
        f"{opening}{posix.quote(chain)}) rolehop_color={_number(color)} ;;"
        for chain, color in colors.items()
    )


def _fish(colors: Colors) -> str:
    return "\n        ".join(
        # `case` takes a pattern, even from quotes; chains with these are not coloured.
        f"case {fish.quote(chain)}\n            echo {color.replace('bright_', 'br')}"
        for chain, color in colors.items()
        if not set(chain) & set("*?[")
    )


def _powershell(colors: Colors) -> str:
    return "\n        ".join(
        f"({powershell.quote(chain)}) {{ {_ansi(color)} }}" for chain, color in colors.items()
    )


def _ansi(color: str) -> int:
    number = _number(color)
    return 30 + number if number < 8 else 82 + number


def _nu(colors: Colors) -> str:
    return json.dumps(
        {chain: color.replace("bright_", "light_") for chain, color in colors.items()}
    )


def _xonsh(colors: Colors) -> str:
    names = {
        chain: color.upper().replace("BRIGHT_", "INTENSE_").replace("MAGENTA", "PURPLE")
        for chain, color in colors.items()
    }
    return json.dumps(names)


def _elvish(colors: Colors) -> str:
    pairs = (f"&{elvish.quote(chain)}={color.replace('_', '-')}" for chain, color in colors.items())
    return f"[{' '.join(pairs) or '&'}]"


def _tcsh_word(path: str) -> str:
    from rolehop.shells import csh

    return csh.quote(path)


INTEGRATIONS: dict[str, Integration] = {
    "bash": Integration(
        "bash.bash", _cases, "~/.bashrc", 'eval "$(rolehop init bash)"', ". {}", posix.quote
    ),
    "zsh": Integration(
        "zsh.zsh",
        lambda colors: _cases(colors, "("),
        "~/.zshrc",
        'eval "$(rolehop init zsh)"',
        ". {}",
        posix.quote,
    ),
    "fish": Integration(
        "fish.fish",
        _fish,
        "~/.config/fish/config.fish",
        "rolehop init fish | source",
        "source {}",
        fish.quote,
    ),
    "powershell": Integration(
        "powershell.ps1",
        _powershell,
        "$PROFILE",
        "rolehop init powershell | Out-String | Invoke-Expression",
        ". ({})",
        powershell.quote,
    ),
    "nu": Integration("nu.nu", _nu, "config.nu", None, "source {}", json.dumps),
    "tcsh": Integration(
        "tcsh.tcsh", None, "~/.tcshrc", 'eval "`rolehop init tcsh`"', "source {}", _tcsh_word
    ),
    "xonsh": Integration(
        "xonsh.xsh",
        _xonsh,
        "~/.xonshrc",
        "execx($(rolehop init xonsh))",
        "exec(compilex(open({}).read()))",
        ascii,
    ),
    "elvish": Integration(
        "elvish.elv",
        _elvish,
        "~/.config/elvish/rc.elv",
        "eval (rolehop init elvish | slurp)",
        "eval (slurp < {})",
        elvish.quote,
    ),
}
"""By name of the dialect, in the order in which help shows them."""
