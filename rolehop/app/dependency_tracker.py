"""Notes what an answer depends on: every variable that is read, every file that is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rolehop.fastpath.record import file_stamp, sealed_stamp, variable_mark


class Watch:
    """What was looked at since it was made.

    Attributes:
        variables: name to what the record says of it.
        files: path to its stamp, taken *before* the file was read: a change in between is then
            seen as one.
        everything: somebody went through all variables, or looked at what no record can hold, so no
            list can be whole.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.variables: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.everything = False

    def variable(self, name: str) -> None:
        """Note that the answer depends on variable ``name``."""
        self.variables.setdefault(name, variable_mark(name, self._environ.get(name)))

    def beyond(self) -> None:
        """Note that the answer depends on what no record can hold: a token, a secret."""
        self.everything = True

    def file(self, path: Path) -> Path:
        """Note that the answer depends on what is at ``path``, or on nothing being there.

        A relative path is another file in another folder, which no record can say.
        """
        if not path.is_absolute():
            self.beyond()
        name = str(path.absolute())
        self.files.setdefault(name, file_stamp(name))
        return path

    def index(self, path: Path) -> None:
        """Note that the answer depends on the index at ``path``: on what plans read of it."""
        stamp = sealed_stamp(str(path))
        if stamp is None:
            self.beyond()
        else:
            self.files.setdefault(str(path), stamp)


class Watched(Mapping[str, str]):
    """An environment whose reader is noted; ``stands_for`` names the variables behind one."""

    def __init__(
        self,
        environ: Mapping[str, str],
        watch: Watch,
        stands_for: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._environ = environ
        self._watch = watch
        self._stands_for = stands_for or {}

    def __getitem__(self, name: str) -> str:
        self._watch.variable(name)
        for other in self._stands_for.get(name, ()):
            self._watch.variable(other)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        self._watch.everything = True
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)
