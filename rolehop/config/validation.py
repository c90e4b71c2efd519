"""Check tables against the schema, and collect everything that is wrong, to be reported at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import NamedTuple

from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ConfigError, ConfigProblem
from rolehop.base.startup import Pattern
from rolehop.base.text import quoted
from rolehop.config import value_types
from rolehop.config.schema import (
    CALLER,
    FIELDS,
    SAMPLES,
    Key,
    Table,
    fields_of,
    fill,
    mentions_field,
)
from rolehop.config.value_types import SECRET_WORDS, InvalidParts, Place, as_list, kind_of

_BARE_KEY = Pattern(r"[A-Za-z0-9_-]+")
FIX = "correct it, then: rolehop config check"
FIX_KEY = "correct it; for every key: rolehop config reference"


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
    _found: dict[tuple[Origin, str, int | None, int | None], None] = field(default_factory=dict)

    _lines: dict[str, Mapping[Place, int]] = field(default_factory=dict)
    """By file, where its parts are; made for the first problem."""

    def knows(self, file: str, text: str) -> None:
        """Remember the text of a TOML file, for line numbers."""
        self._texts[file] = text

    def add(
        self, origin: Origin, text: str, *, line: int | None = None, column: int | None = None
    ) -> None:
        """Add one problem; ``line`` if it is known without looking the place up."""
        self._found[origin, text, line, column] = None

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
        faulty = {origin.file: None for origin, *_ in self._found}
        files = [file for file in dict.fromkeys([*self._texts, *faulty]) if file in faulty]
        problems = sorted(
            (self._problem(*fault) for fault in self._found),
            key=lambda each: (files.index(each.file), each.line or 0),
        )
        fix = FIX_KEY if any(each.key for each in problems) else FIX
        raise ConfigError(_summary(len(problems), files), complaints=tuple(problems), fix=fix)

    def _problem(
        self, origin: Origin, text: str, line: int | None, column: int | None
    ) -> ConfigProblem:
        if line is None and origin.place and origin.file in self._texts:
            from rolehop.config.toml import index_lines, nearest_line

            if origin.file not in self._lines:  # once: there may be thousands of problems
                self._lines[origin.file] = index_lines(self._texts[origin.file])
            line = nearest_line(self._lines[origin.file], origin.place)
        return ConfigProblem(origin.file, line, dotted(origin.place), text, column)


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


Values = dict[str, object]
"""Checked values by key; absent and wrong ones are left out."""


def check_table(table: Table, found: object, origin: Origin, problems: ProblemList) -> Values:
    """Return the valid values of one table and report everything wrong with the others."""
    values = _well_formed(table, found)
    return _reported(table, found, origin, problems) if values is None else values


def _well_formed(table: Table, found: object) -> Values | None:
    """Return the values of a table in which nothing is wrong, else ``None``.

    Nearly every table is such a one, and there may be thousands: places are for problems.
    """
    if not isinstance(found, dict):
        return None
    values: Values = {}
    keys, required, of_role = _index(table)
    role = found.get("role") if len(found) == 1 else None
    if isinstance(role, str) and role in of_role:
        return of_role[role]
    try:
        for name, value in found.items():
            key = keys.get(name)
            if key is None:
                return None
            if key.table is None:
                values[name] = check_value(key, value, table.fields)
                continue
            if key.single:
                inner = _well_formed(key.table, value)
                if inner is None:
                    return None
                values[name] = inner
                continue
            tables = [_well_formed(key.table, each) for each in as_list(value)]
            if None in tables:
                return None
            values[name] = tables
        if not found.keys() >= required:
            return None
        if table.rule is not None:
            table.rule(values)
    except ValueError:
        return None
    if isinstance(role, str):
        of_role[role] = values
    return values


class _Index(NamedTuple):
    keys: dict[str, Key]
    required: set[str]
    of_role: dict[str, Values]
    """The values of hops that have a role only: thousands of chains go through the same hubs."""


def _index(table: Table) -> _Index:
    """Return a table's keys by name, and the names of those that must be there."""
    if id(table) not in _INDEXES:
        keys = {key.name: key for key in table.keys}
        required = {key.name for key in table.keys if key.required}
        # The table is kept: no other one gets its ID.
        _INDEXES[id(table)] = (table, _Index(keys, required, {}))
    return _INDEXES[id(table)][1]


_INDEXES: dict[int, tuple[Table, _Index]] = {}


def _reported(table: Table, found: object, origin: Origin, problems: ProblemList) -> Values:
    if not isinstance(found, dict):
        role = isinstance(found, str) and table.key("role") is not None
        shown = f"; write {{ role = {_as_toml(str(found))} }}" if role else ""
        problems.add(origin, f"must be a table, not {kind_of(found)}{shown}")
        return {}
    values: Values = {}
    valid = True
    for name, value in found.items():
        key = table.key(name)
        if key is None:
            problems.add(origin.at(name), _unknown(name, [each.name for each in table.keys]))
            valid = False
            continue
        try:
            values[name] = check_key(key, value, origin.at(name), problems, table.fields)
        except ValueError as error:
            problems.add_error(origin.at(name), error)
            valid = False
    for key in table.keys:
        if key.required and key.name not in found:
            problems.add(origin, f'"{key.name}" is missing')
            valid = False
    if valid and table.rule is not None:
        try:
            table.rule(values)
        except ValueError as error:
            problems.add_error(origin, error)
    return values


def check_key(
    key: Key,
    value: object,
    origin: Origin,
    problems: ProblemList,
    fields: tuple[str, ...] = FIELDS,
) -> object:
    """Return one value, checked; ``origin`` is its place.

    Raises:
        ValueError: it is not what its key requires.
    """
    if key.table is not None and key.single:
        return check_table(key.table, value, origin, problems)
    if key.table is not None:
        return _check_tables(key.table, value, origin, problems)
    return check_value(key, value, fields)


def check_value(key: Key, value: object, fields: tuple[str, ...]) -> object:
    """Return the value of a key without tables, checked.

    Templates, which may contain ``fields``, stay templates.

    Raises:
        ValueError: it is not what its key requires.
    """
    if not isinstance(value, str):
        return key.check.run(value)
    if key.check.prose or ("{" not in value and "}" not in value):
        return _run_check(key.check.run, value)
    if key.template:
        return _check_template(key, value, (*fields, CALLER) if key.names_caller else fields)
    if mentions_field(value):
        raise ValueError(f"templates are not filled in here: {quoted(value)}")
    return key.check.run(value)


@lru_cache(maxsize=4096)
def _run_check(run: Callable[[object], object], text: str) -> object:
    """Check a text; thousands of chains name the same source and the same hubs."""
    return run(text)


def check_name(name: str, origin: Origin, problems: ProblemList) -> bool:
    """True if a chain, source or fleet may have ``name``; a problem is reported if not."""
    try:
        value_types.NAME.run(name)
    except ValueError as error:
        meant = value_types.name_meant(name)
        table = origin.place[:-1]
        shown = f"; write [{dotted((*table, meant))}]" if meant and table else ""
        problems.add(origin, f"{error}{shown}")
        return False
    return True


def _check_template(key: Key, template: str, fields: tuple[str, ...]) -> str:
    """Check ``template`` as it will be once it is filled in."""
    fields_of(template, fields)
    filled = fill(template, SAMPLES)
    try:
        key.check.run(filled)
    except ValueError as error:
        # Show the template, not the sample that was filled in.
        raise ValueError(str(error).replace(quoted(filled), quoted(template))) from None
    return template


def _check_tables(
    table: Table, value: object, origin: Origin, problems: ProblemList
) -> list[Values]:
    if not isinstance(value, list):
        role = value.get("role") if isinstance(value, dict) else value
        shown = _as_toml(role) if isinstance(role, str) else '"ACCOUNT:role/NAME"'
        raise ValueError(
            f"must be an array of tables, not {kind_of(value)}; write hops = [{{ role = {shown} }}]"
        )
    roles = [item for item in value if isinstance(item, str)]
    if roles and len(roles) == len(value) and table.key("role") is not None:
        shown = ", ".join(f"{{ role = {_as_toml(role)} }}" for role in roles)
        raise ValueError(f"must be an array of tables, not of strings; write hops = [{shown}]")
    return [
        check_table(table, item, origin.at(index), problems) for index, item in enumerate(value)
    ]


def _as_toml(text: str) -> str:
    from rolehop.config.toml import toml_text

    return toml_text(text)


def _unknown(name: str, known: list[str]) -> str:
    from rolehop.base.text import did_you_mean

    hint = did_you_mean(name, known)
    if hint:
        return f"unknown key{hint}"
    if any(word in name.casefold() for word in SECRET_WORDS):
        return "unknown key; secrets do not belong in a config: store them with rolehop keys add"
    return f"unknown key; known here: {', '.join(known)}"
