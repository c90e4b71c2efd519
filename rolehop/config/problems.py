"""Collect everything that is wrong in the files; lines are looked up only when it is reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath

from rolehop.config.value_types import InvalidParts, Place
from rolehop.errors import ConfigError, ConfigProblem
from rolehop.startup.dataclass import dataclass, field
from rolehop.startup.lazy_regex import Pattern

_BARE_KEY = Pattern(r"[A-Za-z0-9_-]+")
FIX = "correct it, then run rolehop config check"
FIX_KEY = "correct it; rolehop config reference explains every key"


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a file."""

    file: str
    """The path as it is shown."""

    place: Place = ()

    def at(self, *inside: str | int) -> Origin:
        """Return the place ``inside`` this one."""
        return Origin(self.file, (*self.place, *inside))


@dataclass(slots=True)
class ProblemList:
    """The problems found so far, and the file texts that give their lines."""

    _texts: dict[str, str] = field(default_factory=dict)
    # A dict, so that the members of a fleet do not report the same problem again.
    _found: dict[tuple[Origin, str, int | None], None] = field(default_factory=dict)

    _lines: dict[str, Mapping[Place, int]] = field(default_factory=dict)
    """By file, where its parts are; made for the first problem."""

    def knows(self, file: str, text: str) -> None:
        """Remember the text of a TOML file, for line numbers."""
        self._texts[file] = text

    def add(self, origin: Origin, text: str, *, line: int | None = None) -> None:
        """Add one problem; ``line`` if it is known without looking the place up."""
        self._found[origin, text, line] = None

    def add_error(self, origin: Origin, error: ValueError) -> None:
        """Add what a check found, each problem at its own place."""
        parts = error.parts if isinstance(error, InvalidParts) else (((), str(error)),)
        for inside, text in parts:
            self.add(origin.at(*inside), text)

    def __bool__(self) -> bool:
        return bool(self._found)

    def raise_any(self) -> None:
        """Raise all problems as one error, in the order of files and lines, if there are any.

        Raises:
            ConfigError: something is wrong.
        """
        if not self._found:
            return
        faulty = {origin.file: None for origin, _, _ in self._found}
        files = [file for file in dict.fromkeys([*self._texts, *faulty]) if file in faulty]
        problems = sorted(
            (self._problem(*fault) for fault in self._found),
            key=lambda each: (files.index(each.file), each.line or 0),
        )
        fix = FIX_KEY if any(each.key for each in problems) else FIX
        raise ConfigError(_summary(len(problems), files), complaints=tuple(problems), fix=fix)

    def _problem(self, origin: Origin, text: str, line: int | None) -> ConfigProblem:
        if line is None and origin.place and origin.file in self._texts:
            from rolehop.config.toml.positions import index_lines, nearest_line

            if origin.file not in self._lines:  # once: there may be thousands of problems
                self._lines[origin.file] = index_lines(self._texts[origin.file])
            line = nearest_line(self._lines[origin.file], origin.place)
        return ConfigProblem(origin.file, line, dotted(origin.place), text)


def dotted(place: Iterable[str | int]) -> str:
    """Return ``chains.prod.hops[0].role``; keys that TOML would quote are quoted."""
    shown = ""
    for step in place:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            key = step if _BARE_KEY.fullmatch(step) else '"' + step.replace('"', '\\"') + '"'
            shown += f".{key}" if shown else key
    return shown


def _summary(count: int, files: list[str]) -> str:
    things = "1 problem" if count == 1 else f"{count} problems"
    names = [PurePath(file).name for file in files]
    if len(names) > 3:
        return f"{things} in {len(names)} config files"
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{things} in {listed}"
