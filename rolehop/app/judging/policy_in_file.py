"""The file that a fixed policy is written to: it must hold the policy that the fix is for."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rolehop.app.host import read_or_none
from rolehop.app.judging.named_owner import Owner, is_of_another, said_of
from rolehop.errors import RolehopError, UsageError
from rolehop.files import is_plain_file, mode_of
from rolehop.policy.remedies.policy_change import PolicyChange, apply_changes
from rolehop.startup.dataclass import dataclass
from rolehop.text import visible_json

_Place = tuple[str | int, ...]
"""The keys that lead to a value of a JSON document."""


@dataclass(frozen=True, slots=True)
class FoundPolicy:
    """A file with a policy in it: alone, or as AWS CLI commands print it."""

    text: str
    whole: Any
    place: _Place

    def with_changes(self, changes: Sequence[PolicyChange]) -> str:
        """Return the text with the policy changed, and indented as it is now."""
        found = _at(self.whole, self.place)
        if isinstance(found, str):  # Organizations prints a policy as a text
            changed: Any = json.dumps(apply_changes(_parsed(found), changes), ensure_ascii=False)
        else:
            changed = apply_changes(found, changes)
        return _written_as(self.text, _put(self.whole, self.place, changed))


def refuse_unwritable(path: Path) -> None:
    """Refuse what is no file to change, or one that its owner made read-only.

    Raises:
        UsageError: it is ``-``, or a file whose mode lets nobody read or write it.
    """
    if str(path) == "-":
        raise UsageError("--apply-to writes a file, not stdout", fix="name a file")
    if not is_plain_file(path):
        return
    for bits, text in ((0o222, "it is read-only"), (0o444, "its mode lets nobody read it")):
        if not mode_of(path.resolve()) & bits:  # root could write it all the same
            raise UsageError(f"{path} was not changed", cause=text)


def find_policy(path: Path, policy: dict[str, Any], owner: Owner) -> FoundPolicy | str:
    """Return where the file has ``policy``, or what the file has instead, in words.

    Two policies are the same if IAM reads them alike: a list of one is as good as its element. Where
    the file says whose a policy is, it must be that of ``owner``.
    """
    try:
        text = (read_or_none(path) or "").removeprefix("\ufeff")
    except RolehopError as error:
        return f"a file that cannot be read: {error.cause}"
    try:
        whole = _parsed(text)
    except ValueError:
        return "a config of rolehop" if _is_config(text) else "a file that is not JSON"
    wanted = _plain(policy)
    alike = [place for place, found in _policies(whole) if _plain(found) == wanted]
    places = [place for place in alike if not is_of_another(whole, place, owner)]
    if len(places) == 1:
        return FoundPolicy(text, whole, places[0])
    if places:
        return f"a document with that policy in {len(places)} places"
    if alike:
        return "a document in which a policy with that text is another one"
    alone = isinstance(whole, dict) and "Statement" in whole
    return "another policy, or another version of it" if alone else "JSON without that policy"


def said_in(path: Path) -> Owner:
    """Return what a file says of the only policy in it: name and ID of an SCP or RCP."""
    try:
        whole = _parsed((read_or_none(path) or "").removeprefix("\ufeff"))
    except (RolehopError, ValueError):
        return {}
    places = [place for place, _ in _policies(whole)]
    return said_of(whole, places[0]) if len(places) == 1 else {}


def _is_config(text: str) -> bool:
    try:
        return bool({"chains", "sources", "fleets", "version"} & set(tomllib.loads(text)))
    except tomllib.TOMLDecodeError:
        return False


def _parsed(text: str) -> Any:
    """Parse JSON; raise ValueError also if a key is repeated, since one of the two would be lost."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key is repeated")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _policies(value: Any, place: _Place = ()) -> Iterator[tuple[_Place, Any]]:
    """Yield every policy of a JSON document, with its place."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield place, value
            return
        for key, each in value.items():
            yield from _policies(each, (*place, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _policies(each, (*place, number))
    elif isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            found = _parsed(value)
        except ValueError:
            return
        if isinstance(found, dict) and "Statement" in found:
            yield place, found


def _plain(value: Any) -> Any:
    """Return a policy in one form: no list of one."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 else [_plain(each) for each in value]
    return value


def _at(value: Any, place: _Place) -> Any:
    for key in place:
        value = value[key]
    return value


def _put(value: Any, place: _Place, new: Any) -> Any:
    if not place:
        return new
    _at(value, place[:-1])[place[-1]] = new
    return value


def _written_as(text: str, document: Any) -> str:
    """Write JSON on one line, or indented, as ``text`` is; its line ends stay, too."""
    lines = text.strip().splitlines()
    second = lines[1] if len(lines) > 1 else ""
    indent = second[: len(second) - len(second.lstrip())] or ("  " if second else None)
    tight = (",", ":") if indent is None and '": ' not in text else None
    written = json.dumps(document, ensure_ascii=False, indent=indent, separators=tight)
    ended = visible_json(written) + text[len(text.rstrip()) :].replace("\r\n", "\n")
    return ended.replace("\n", "\r\n") if "\r\n" in text else ended
