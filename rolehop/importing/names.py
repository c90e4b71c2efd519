"""Names that a config can have, made of those that other tools have."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rolehop.config.value_types import name_meant


def slug(name: str) -> str:
    """Return ``name`` in the letters that a config's names have, with hyphens for all others."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return name_meant(plain) or "profile"


def told_apart(name: str, taken: Collection[str]) -> str:
    """Return ``name``, or the first of ``name-2``, ``name-3``… that is not ``taken``."""
    number, candidate = 2, name
    while candidate in taken:
        candidate = f"{name}-{number}"
        number += 1
    return candidate


def names_of(originals: Iterable[str]) -> dict[str, str]:
    """Return a name of its own for each of ``originals``; one that needs no change keeps its name."""
    each_one = list(dict.fromkeys(originals))
    found = {name: name for name in each_one if slug(name) == name}
    used = set(found)
    for original in each_one:
        if original not in found:
            found[original] = told_apart(slug(original), used)
            used.add(found[original])
    return found
