"""Names for what is imported: in the letters that a config's names have, and none twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rolehop.config.value_types import slug


def told_apart(name: str, taken: Collection[str]) -> str:
    """Return ``name``, or the first of ``name-2``, ``name-3``… that is not ``taken``."""
    number, candidate = 2, name
    while candidate in taken:
        candidate = f"{name}-{number}"
        number += 1
    return candidate


def names_of(originals: Iterable[str], members: Collection[str] = ()) -> dict[str, str]:
    """Return a name of its own for each of ``originals``; one that needs no change keeps its name.

    ``members``: those that a fleet gives its chains, which may have slashes.
    """
    each_one = list(dict.fromkeys(originals))
    plain = {name: _parts_slug(name) if name in members else slug(name) for name in each_one}
    found = {name: name for name in each_one if plain[name] == name}
    used = set(found)
    for original in each_one:
        if original not in found:
            found[original] = told_apart(plain[original], used)
            used.add(found[original])
    return found


def _parts_slug(name: str) -> str:
    return "/".join(slug(part) for part in name.split("/"))


def name_of_center(start_url: str) -> str:
    """Return what an Identity Center is called by the address of its portal."""
    from urllib.parse import urlsplit

    host = urlsplit(start_url).hostname or ""
    first = host.partition(".")[0]
    # An Identity Center without an alias is called by its directory: d-1234567890.
    return "sso" if not first or first.startswith("d-") or first.isdecimal() else slug(first)
