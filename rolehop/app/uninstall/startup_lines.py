"""The lines of shells' start-up files that run rolehop: found, and taken out if they are its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.doctor.shell_check import runs_rolehop, startup_files
from rolehop.app.shell_scripts import init_script_path
from rolehop.errors import ConfigError
from rolehop.files import mode_of, read_trusted, write_beside
from rolehop.shells.registry import INIT_SHELLS, dialect
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.shells.dialect import InitScript

_OPENS = frozenset(
    {
        *("if", "elif", "else", "then", "for", "foreach", "while", "until", "do"),
        *("case", "switch", "begin", "function", "try", "with", "def", "select"),
    }
)
"""Words of shells that begin a block, which may not stay empty."""

_CLOSES = ("fi", "done", "esac", "end", "endif", "endsw", "}", ")")
_GOES_ON = ("\\", "`", "&&", "||", "|", "{", "(", ":", "then", "do", "else", "begin")


@dataclass(frozen=True, slots=True)
class StartupFile:
    """A start-up file that has lines for rolehop."""

    path: Path
    old: str
    own: tuple[int, ...]
    """The numbers, from 0, of the lines that are exactly those which rolehop gives."""

    others: tuple[int, ...]
    """Those of other lines that run it: somebody has to change them by hand."""

    @property
    def own_lines(self) -> list[str]:
        """The lines that are taken out."""
        lines = self.old.splitlines()
        return [lines[each].strip() for each in self.own]


def startup_files_with_lines(app: App) -> Iterator[StartupFile]:
    """Give the start-up files of all shells that have a line for rolehop."""
    seen = set[Path]()
    scripts = [(shell, script) for shell in INIT_SHELLS if (script := dialect(shell).init)]
    for shell, script in scripts:
        for path in startup_files(app, shell, script):
            if path not in seen and (found := _read(path, _own_lines(shell, script), script)):
                seen.add(path)
                yield found


def _own_lines(shell: str, script: InitScript) -> set[str]:
    path = dialect(shell).quote(str(init_script_path(script)))
    return {script.eval_line or "", script.source_line.format(path)} - {""}


def _read(path: Path, own: set[str], script: InitScript) -> StartupFile | None:
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        return None
    if file is None:
        return None
    lines = file.text.splitlines()
    ours = tuple(
        number
        for number, line in enumerate(lines)
        if line.rstrip() in own and _stands_alone(lines[:number])
    )
    others = tuple(
        number
        for number, line in enumerate(lines)
        if number not in ours and runs_rolehop(line, script)
    )
    return StartupFile(path, file.text, ours, others) if ours or others else None


def _stands_alone(before: list[str]) -> bool:
    """True if the line after ``before`` is neither a block's first one nor part of a statement.

    Taken out, such a line could leave a file that its shell cannot read to its end.
    """
    codes = (line.strip() for line in reversed(before))
    last = next((line for line in codes if line and not line.startswith("#")), "")
    if last.endswith(_GOES_ON):
        return False
    words = last.split() or [""]
    return words[0] not in _OPENS or words[-1].endswith(_CLOSES)


def without_own_lines(file: StartupFile) -> str:
    """Return the text of a start-up file without the lines that are rolehop's own."""
    lines = file.old.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if number not in file.own)


def take_out(file: StartupFile) -> None:
    """Write a start-up file without the lines that are rolehop's own; a link's target is changed.

    Raises:
        ConfigError: it has changed since it was read, or cannot be written.
    """
    real = file.path.resolve()
    try:
        now = read_trusted(real)
        if now is None or now.text != file.old:
            raise ConfigError(f"{file.path} has changed in the meantime", fix="run it again")
        write_beside(real, without_own_lines(file), mode=mode_of(real))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{file.path} cannot be written",
            cause=str(getattr(error, "strerror", None) or error).lower(),
            fix="take the line out by hand",
        ) from None
