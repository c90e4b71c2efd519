"""Check one table of the file against one ``Table`` of the schema."""

from __future__ import annotations

from rolehop.config import value_types
from rolehop.config.problems import Origin, ProblemList
from rolehop.config.schema import Key, Table
from rolehop.config.templates import CALLER, FIELDS, SAMPLES, fields_of, fill, mentions_field
from rolehop.config.value_types import kind_of
from rolehop.text import quoted

Values = dict[str, object]
"""Checked values by key; absent and wrong ones are left out."""

_SECRET_WORDS = ("secret", "token", "password", "passphrase", "access_key")


def check_table(table: Table, found: object, origin: Origin, problems: ProblemList) -> Values:
    """Return the valid values of one table and report everything wrong with the others."""
    if not isinstance(found, dict):
        problems.add(origin, f"must be a table, not {kind_of(found)}")
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
    """Return one value, checked; templates, which may contain ``fields``, stay templates.

    Raises:
        ValueError: it is not what its key requires.
    """
    if key.table is not None:
        return _check_tables(key.table, value, origin, problems)
    if not isinstance(value, str) or key.check.prose:
        return key.check.run(value)
    if key.template:
        return _check_template(key, value, (*fields, CALLER) if key.names_caller else fields)
    if mentions_field(value):
        raise ValueError(f"templates are not filled in here: {quoted(value)}")
    return key.check.run(value)


def check_name(name: str, origin: Origin, problems: ProblemList) -> bool:
    """True if a chain, source or fleet may have ``name``; a problem is reported if not."""
    try:
        value_types.NAME.run(name)
    except ValueError as error:
        problems.add(origin, str(error))
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
        raise ValueError(f"must be an array of tables, not {kind_of(value)}")
    return [
        check_table(table, item, origin.at(index), problems) for index, item in enumerate(value)
    ]


def _unknown(name: str, known: list[str]) -> str:
    from rolehop.text import did_you_mean

    hint = did_you_mean(name, known)
    if hint:
        return f"unknown key{hint}"
    if any(word in name.casefold() for word in _SECRET_WORDS):
        return "unknown key; secrets do not belong in a config: store them with rolehop keys add"
    return f"unknown key; known here: {', '.join(known)}"
