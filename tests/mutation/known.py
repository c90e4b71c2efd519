"""The mutants that are known to survive, each with the reason: ``survivors.toml``.

It has a table for each function, and in it the changes, by what they change into what: no line
numbers, so that an edit elsewhere leaves them alone. ``"*"`` stands for every change of a function.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("survivors.toml")
EVERY = "*"


@dataclass(frozen=True)
class Comparison:
    """What a run found, compared with the list."""

    unlisted: list[str]
    listed: list[str]
    """Those that survived as the list has it."""

    killed: list[str]
    """Those that did not, although the list has them."""

    gone: list[str]
    """Those on the list that no change is called any more."""


def read_known(file: Path = FILE) -> dict[tuple[str, str], str]:
    """Return the reason by ``FILE::FUNCTION`` and change."""
    return {
        (function, change): reason
        for function, changes in tomllib.loads(file.read_text()).items()
        for change, reason in changes.items()
    }


def entry(name: str) -> tuple[str, str]:
    """Return the function and the change that the name of a mutant has."""
    function, _, change = name.partition(" ")
    return function, change


def compare(
    known: dict[tuple[str, str], str],
    survived: Iterable[str],
    tried: Iterable[str],
    there: Iterable[str],
) -> Comparison:
    """Compare ``survived`` of ``tried`` with the list; ``there`` is every mutant of the files."""
    survivors, attempts, mutants = (
        {entry(each) for each in names} for names in (survived, tried, there)
    )
    names = {f"{function} {change}" for function, change in known}
    files = {function.split("::")[0] for function, _ in mutants}

    def lists(one: tuple[str, str]) -> bool:
        return one in known or (one[0], EVERY) in known

    single = {
        each for each in known if each[1] != EVERY and each[0].split("::")[0] in files
    }  # of the files of this run
    assert len(names) == len(known)
    return Comparison(
        unlisted=sorted(" ".join(each) for each in survivors if not lists(each)),
        listed=sorted(" ".join(each) for each in survivors if lists(each)),
        killed=sorted(" ".join(each) for each in single & attempts - survivors),
        gone=sorted(" ".join(each) for each in single - mutants),
    )


def toml_of(known: dict[tuple[str, str], str]) -> str:
    """Return the list as the file has it."""
    lines: list[str] = []
    last = ""
    for (function, change), reason in sorted(known.items()):
        if function != last:
            lines += ["", f"[{_quoted(function)}]"]
            last = function
        lines.append(f"{_quoted(change)} = {_quoted(reason)}")
    return "\n".join(lines).lstrip() + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
