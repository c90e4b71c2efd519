"""Find the files of the config: roots, what they include, and whether they can be trusted."""

from __future__ import annotations

import os.path
import tomllib
from collections.abc import Callable
from pathlib import Path

from rolehop.base.dataclass import dataclass, field
from rolehop.base.files import FileText
from rolehop.base.text import quoted
from rolehop.config.schema import TOP
from rolehop.config.validation import Origin, ProblemList, check_key

Read = Callable[[Path], FileText | None]
MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Document:
    """One trusted TOML file, and those that it includes, in order."""

    file: str
    """The path as it is shown."""

    folder: Path
    data: dict[str, object]
    """Its tables and keys, without ``version`` and ``include``, which have been handled."""

    included: tuple[tuple[Origin, Document], ...] = ()
    """Each with the place of its entry."""


@dataclass(slots=True)
class Gatherer:
    """Reads files through ``read`` and records every path, there or not, in ``looked_at``."""

    read: Read
    problems: ProblemList
    looked_at: dict[str, None] = field(default_factory=dict)
    # A file that two others include is read once, and its problems are reported once.
    _documents: dict[str, Document | None] = field(default_factory=dict)

    def root(self, path: Path, *, explicit: bool) -> Document | None:
        """Return the document at ``path``; ``None``: not there, or its problems were reported."""
        origin = Origin(str(path))
        text = self._text(path, origin, "", "there is no such file" if explicit else None)
        return None if text is None else self._document(path, text, (path,))

    def side_file(self, folder: Path, name: str, origin: Origin) -> tuple[str, str] | None:
        """Return the path to show and the text of a file that is named at ``origin``.

        ``None``: its problem was reported at ``origin``.
        """
        path = self.beside(folder, name, origin)
        text = None if path is None else self._named(path, origin)
        return None if text is None else (str(path), text)

    def _document(self, path: Path, text: str, trail: tuple[Path, ...]) -> Document | None:
        origin = Origin(str(path))
        self.problems.knows(origin.file, text)
        data = self._parse(text, origin)
        if data is None or not self._is_this_version(data, origin):
            return None
        included = []
        for index, name in enumerate(self._include_names(data, origin.at("include"))):
            entry = origin.at("include", index)
            document = self._include(path.parent, name, entry, trail)
            if document is not None:
                included.append((entry, document))
        return Document(origin.file, path.parent, data, tuple(included))

    def _include(
        self, folder: Path, name: str, origin: Origin, trail: tuple[Path, ...]
    ) -> Document | None:
        path = self.beside(folder, name, origin)
        if path is None:
            return None
        absolute = _absolute(path)
        open_now = [_absolute(each) for each in trail]
        if absolute in open_now:
            loop = " -> ".join(each.name for each in (*trail[open_now.index(absolute) :], path))
            self.problems.add(origin, f"the file includes itself: {loop}")
            return None
        if len(trail) > MAX_DEPTH:
            self.problems.add(origin, f"this would be more than {MAX_DEPTH} includes deep")
            return None
        if absolute not in self._documents:
            text = self._named(path, origin)
            self._documents[absolute] = (
                None if text is None else self._document(path, text, (*trail, path))
            )
        return self._documents[absolute]

    def beside(self, folder: Path, name: str, origin: Origin) -> Path | None:
        """Return the path of ``name`` as a file in ``folder`` means it.

        ``None``: its problem was reported at ``origin``.
        """
        if name.startswith("~"):
            self.problems.add(
                origin, f'"~" is not expanded here; write the full path: {quoted(name)}'
            )
            return None
        return Path(_beside(folder, name))

    def _named(self, path: Path, origin: Origin) -> str | None:
        return self._text(path, origin, f"{path} ", f"there is no file {path}")

    def _text(self, path: Path, origin: Origin, subject: str, absent: str | None) -> str | None:
        """Read one file; ``subject`` is how messages at ``origin`` begin."""
        self.looked_at[_absolute(path)] = None
        try:
            found = self.read(path)
        except OSError as error:
            self.problems.add(origin, f"{subject}cannot be read: {error.strerror or error}")
            return None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            where = f" (line {line})" if subject else ""
            self.problems.add(
                origin,
                f"{subject}is not UTF-8 text{where}; save it as UTF-8",
                line=None if subject else line,
            )
            return None
        if found is None:
            if absent is not None:
                self.problems.add(origin, absent)
            return None
        if found.distrust is not None:
            self.problems.add(
                origin,
                f"{subject}is not used, since whoever changed it could act as you: {found.distrust}",
            )
            return None
        return found.text.removeprefix("\ufeff")  # many Windows editors write one

    def _parse(self, text: str, origin: Origin) -> dict[str, object] | None:
        try:
            return tomllib.loads(text)
        except RecursionError:
            self.problems.add(origin, "not TOML: it is nested too deeply to be read")
            return None
        except ValueError as error:  # an integer of too many digits is a plain ValueError
            from rolehop.config.toml_mistakes import syntax_problem

            line, column, said = syntax_problem(str(error), text)
            self.problems.add(origin, said, line=line, column=column)
            return None

    def _is_this_version(self, data: dict[str, object], origin: Origin) -> bool:
        """Check ``version`` and remove it; every key of another version would be reported as unknown."""
        key = TOP.key("version")
        if key is None or "version" not in data:
            return True
        try:
            check_key(key, data.pop("version"), origin.at("version"), self.problems)
        except ValueError as error:
            self.problems.add_error(origin.at("version"), error)
            return False
        return True

    def _include_names(self, data: dict[str, object], origin: Origin) -> tuple[str, ...]:
        key = TOP.key("include")
        if key is None or "include" not in data:
            return ()
        try:
            names = check_key(key, data.pop("include"), origin, self.problems)
        except ValueError as error:
            self.problems.add_error(origin, error)
            return ()
        return names if isinstance(names, tuple) else ()


def command_beside(folder: Path, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return a command of a file in ``folder``, its paths in full.

    These are the program, unless it is looked for on ``PATH``, and words that begin with ``./`` or
    ``../``. Any other word may be anything; ``~`` and ``$`` are left for the error to explain.
    """
    program, *arguments = words
    is_path = ("/" in program or os.sep in program) and not program.startswith(("~", "$"))
    return (
        _beside(folder, program) if is_path else program,
        *(_beside(folder, each) if each.startswith(_RELATIVE) else each for each in arguments),
    )


_RELATIVE = ("./", "../", f".{os.sep}", f"..{os.sep}")


def _beside(folder: Path, word: str) -> str:
    return os.path.normpath(folder / word)


def _absolute(path: Path) -> str:
    """Return the absolute path; links are not followed, since that would be I/O."""
    return os.path.normpath(path.absolute())
