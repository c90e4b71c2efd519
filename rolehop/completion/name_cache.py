"""The names that completion offers, cached with all that they depend on, and read at every Tab.

Written by the full path, read without click, TOML or AWS files: only modules that Python has
loaded anyway are imported. One line an entry, fields separated by tabs:

    rolehop-names  SCHEMA  VERSION  UID
    file           STAMP   PATH           one per file that was read, or looked for in vain
    var            NAME    MARK           one per variable that was read (as in ``record``)
    chain, fleet, source, profile   NAME  DESCRIPTION
    check          LENGTH  REMAINDER      of all bytes before this line
"""

import os

from rolehop import __version__
from rolehop.fastpath.record import read_own, stamp_holds, state_folder, variable_mark

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA = "2"
_NAMES = ("chain", "fleet", "source", "profile")
# The largest prime below 2 ** 64: no changed byte leaves the remainder as it was.
_PRIME = 18446744073709551557

Names = dict[str, dict[str, str]]
"""``chain``, ``fleet``, ``source`` (described by its type), ``profile``: name to description."""


def no_names() -> Names:
    """Return a cache without names."""
    return {kind: {} for kind in _NAMES}


def names_path(folder: str) -> str:
    """Return the cache's path in the state folder."""
    return f"{folder}/names"


def as_text(names: Names, files: "Mapping[str, str]", variables: "Mapping[str, str]") -> str | None:
    """Return the file's text, ``None`` if a path or variable does not fit on one line.

    ``files``: path to stamp; ``variables``: name to mark. Names that do not fit on a line are left
    out; a description becomes one line.
    """
    depends = [
        *(("file", stamp, path) for path, stamp in files.items()),
        *(("var", name, mark) for name, mark in variables.items()),
    ]
    if any(set("\t\n") & set(field) for row in depends for field in row):
        return None
    offered = [
        (kind, name, plain_line(description))
        for kind in _NAMES
        for name, description in names[kind].items()
        if name.isprintable()
    ]
    head = ("rolehop-names", _SCHEMA, __version__, str(os.geteuid()))
    return checked("".join("\t".join(row) + "\n" for row in (head, *depends, *offered)))


def plain_line(text: str) -> str:
    """Return a description as one line without invisible characters."""
    line = " ".join(text.split())
    return "".join(each if each.isprintable() else "?" for each in line)


def read_text(data: bytes, environ: "Mapping[str, str]") -> Names | None:
    """Return the names if all that they depend on is unchanged, else ``None``."""
    text = unchecked(data)
    if text is None:
        return None
    rows = [row.split("\t") for row in text.split("\n")]
    if rows[0] != ["rolehop-names", _SCHEMA, __version__, str(os.geteuid())]:
        return None
    if rows.pop() != [""]:
        return None
    names = no_names()
    for row in rows[1:]:
        if len(row) != 3:
            return None
        kind, first, second = row
        if kind in names:
            names[kind][first] = second
        elif kind == "file":
            if not stamp_holds(second, first):
                return None
        elif kind != "var" or variable_mark(first, environ.get(first)) != second:
            return None
    return names


def cached_names(environ: "Mapping[str, str]") -> Names | None:
    """Return the cached names, ``None`` if there are none or they are outdated."""
    folder = state_folder(environ)
    data = None if folder is None else read_own(names_path(folder))
    return None if data is None else read_text(data, environ)


def checked(text: str) -> str | None:
    """Return ``text``, which ends a line, with a last line that proves it whole.

    ``None``: it is no UTF-8 (a file name or a value may be none).
    """
    try:
        return text + _check(text.encode()).decode()
    except UnicodeEncodeError:
        return None


def unchecked(data: bytes) -> str | None:
    """Return the text that ``checked`` was given, ``None`` if ``data`` was changed since."""
    end = data.rfind(b"\n", 0, -1) + 1
    if data[end:] != _check(data[:end]):
        return None
    try:
        return data[:end].decode()
    except UnicodeDecodeError:
        return None


def _check(data: bytes) -> bytes:
    return b"check\t%d\t%d\n" % (len(data), int.from_bytes(data, "big") % _PRIME)
