"""Record what an answer depends on: every variable that is read, every file that is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rolehop.fastpath.record import file_stamp, sealed_stamp, variable_mark


class DependencyTracker:
    """The variables and files that were read since it was made.

    Attributes:
        variables: variable name to its mark in the record.
        files: absolute path to its stamp, taken *before* the file was read, so that a change in
            between is noticed.
        items: name of another keyring item, without ``rolehop/``, to the JSON member that it must
            hold; empty: there must be no such item.
        uncacheable: the answer depends on something that no record can hold, or on all variables,
            so the lists above are not complete.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.variables: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.items: dict[str, str] = {}
        self.uncacheable = False

    def add_variable(self, name: str) -> None:
        """Note that the answer depends on variable ``name``."""
        if name not in self.variables:
            self.variables[name] = variable_mark(name, self._environ.get(name))

    def mark_uncacheable(self) -> None:
        """Mark the answer as uncacheable: it depends on a token or a secret, for example."""
        self.uncacheable = True

    def add_file(self, path: Path) -> Path:
        """Note that the answer depends on the file at ``path`` or on its absence; return ``path``.

        A relative path names another file in another folder, so the answer is uncacheable.
        """
        if not path.is_absolute():
            self.mark_uncacheable()
        name = str(path.absolute())
        self.files.setdefault(name, file_stamp(name))
        return path

    def add_item(self, name: str, member: str) -> None:
        """Note that the answer depends on ``member`` of the keyring item ``name``."""
        self.items.setdefault(name, member)

    def add_index(self, path: Path) -> None:
        """Note that the answer depends on those parts of the index at ``path`` that plans use."""
        if str(path) in self.files:
            return
        stamp = sealed_stamp(str(path))
        if stamp is None:
            self.mark_uncacheable()
        else:
            self.files.setdefault(str(path), stamp)


class TrackedEnvironment(Mapping[str, str]):
    """An environment that notes each variable that is read.

    ``derived_from`` lists, for a variable whose value was computed, those it was computed from.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        tracker: DependencyTracker,
        derived_from: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._environ = environ
        self._tracker = tracker
        self._derived_from = derived_from or {}

    def __getitem__(self, name: str) -> str:
        for each in (name, *self._derived_from.get(name, ())):
            self._tracker.add_variable(each)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        self._tracker.mark_uncacheable()
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
