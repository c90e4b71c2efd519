"""The table of shells that rolehop speaks; a new one is a file for its family and a row here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from types import ModuleType

from rolehop.errors import UsageError
from rolehop.handover.environment import Change
from rolehop.shells import cmd, csh, elvish, fish, nushell, posix, powershell, xonsh
from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import nearest


@dataclass(frozen=True, slots=True)
class Dialect:
    """One shell."""

    name: str
    """What ``--shell`` calls it."""

    render: Callable[[Iterable[Change]], str]
    """Changes to text for the shell to evaluate; raises ValueError for what cannot be carried."""

    failure: str
    """The one statement, without a newline, that makes the evaluation itself fail."""

    processes: frozenset[str]
    """The names its processes go by, lower case."""

    typed: str
    """What a person types to evaluate what ``{}`` prints."""

    goodbye: str | None
    """The statement that ends the shell itself; ``None``: evaluated text cannot."""


def _row(
    name: str,
    family: ModuleType,
    *others: str,
    typed: str = 'eval "$({})"',
    goodbye: str | None = "exit",
) -> Dialect:
    return Dialect(name, family.render, family.FAILURE, frozenset((name, *others)), typed, goodbye)


_PIPED = "{} | Out-String | Invoke-Expression"
# Nothing to leave is no text, which nushell reads as null.
_READ = (
    "let said = ({} --shell nu | from json | default {{set: {{}}, hide: []}});"
    " hide-env -i ...$said.hide; load-env $said.set"
)


DIALECTS = {
    row.name: row
    for row in (
        _row("bash", posix, "rbash"),
        _row("zsh", posix, "rzsh"),
        _row("sh", posix, "ash", "yash", "posh"),
        _row("dash", posix),
        _row("ksh", posix, "ksh88", "ksh93", "rksh", "mksh", "lksh", "pdksh", "oksh", "loksh"),
        # In fish and tcsh `exit` in an evaluated text ends the text, not the shell.
        _row("fish", fish, typed="{} | source", goodbye="exec true"),
        _row("powershell", powershell, "pwsh", "pwsh-preview", "powershell_ise", typed=_PIPED),
        _row("cmd", cmd, typed="for /f \"delims=\" %i in ('{} --shell cmd') do @%i"),
        _row("nu", nushell, "nushell", typed=_READ, goodbye=None),
        _row("tcsh", csh, "csh", typed='eval "`{}`"', goodbye="exec true"),
        _row("xonsh", xonsh, typed="execx($({}))"),
        _row("elvish", elvish, typed="eval ({} | slurp)"),
    )
}
"""By name, in the order in which help shows them."""

_VERSION = Pattern(r"-[0-9][0-9.]*$")


def dialect(name: str) -> Dialect:
    """Return the dialect called ``name``, or the one of the processes that are (``pwsh``).

    Raises:
        UsageError: there is none.
    """
    found = DIALECTS.get(name) or DIALECTS.get(for_process_name(name) or "")
    if found is None:
        near = nearest(name.lower(), DIALECTS, n=1)
        raise UsageError(
            f"unknown shell {name!r}",
            cause=f"rolehop speaks {', '.join(DIALECTS)}",
            fix=f"did you mean {near[0]}?" if near else "name one of these with --shell",
        )
    return found


def for_process_name(name: str) -> str | None:
    r"""Return the name of the dialect that a process called ``name`` reads.

    Takes names as process tables and ``argv[0]`` have them: ``-zsh`` (a login shell),
    ``/usr/bin/fish``, ``C:\…\pwsh.exe``, ``bash-5.2``. ``None``: no shell known here.
    """
    base = re.split(r"[/\\]", name)[-1].lower().removeprefix("-").removesuffix(".exe")
    base = _VERSION.sub("", base)
    return next((row.name for row in DIALECTS.values() if base in row.processes), None)
