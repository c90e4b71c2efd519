"""Check one table of the file against one ``Table`` of the schema."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from rolehop.config import value_types
from rolehop.config.problems import Origin, ProblemList, dotted
from rolehop.config.schema import Key, Table
from rolehop.config.templates import CALLER, FIELDS, SAMPLES, fields_of, fill, mentions_field
from rolehop.config.value_types import as_list, kind_of
from rolehop.text import quoted

Values = dict[str, object]
"""Checked values by key; absent and wrong ones are left out."""

SECRET_WORDS = ("secret", "token", "password", "passphrase", "access_key")
"""A key whose name has one of these holds a secret: its value is not repeated in a message."""


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
    from rolehop.config.toml_writer import toml_text

    return toml_text(text)


def _unknown(name: str, known: list[str]) -> str:
    from rolehop.text import did_you_mean

    hint = did_you_mean(name, known)
    if hint:
        return f"unknown key{hint}"
    if any(word in name.casefold() for word in SECRET_WORDS):
        return "unknown key; secrets do not belong in a config: store them with rolehop keys add"
    return f"unknown key; known here: {', '.join(known)}"
