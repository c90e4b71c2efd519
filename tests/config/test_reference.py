from __future__ import annotations

import pytest

from rolehop.commands.config.check import render_reference
from rolehop.config.schema import MEMBER, NAMED, SINGLE, TOP, Key, Table
from tests.config.texts import TYPES

TABLES = [TOP, *SINGLE.values(), *NAMED.values(), MEMBER, *TYPES.values()]


def every_key(tables: list[Table]) -> list[Key]:
    keys = [key for table in tables for key in table.keys]
    inner = [key.table for key in keys if key.table is not None]
    return keys + (every_key(inner) if inner else [])


def test_it_fits_eighty_columns() -> None:
    assert max(map(len, render_reference(TYPES).splitlines())) <= 80


@pytest.mark.parametrize("key", every_key(TABLES), ids=lambda key: key.name)
def test_every_key_is_there_with_type_limit_default_and_sentence(key: Key) -> None:
    paragraphs = render_reference(TYPES).split("\n\n")
    texts = [" ".join(text.split()) for text in paragraphs if text.startswith(f"  {key.name}\n")]
    template = " (template)" if key.template else ""
    limit = f": {key.check.limit}" if key.check.limit else ""
    default = "required" if key.required else f"default: {key.default or 'none'}"
    assert f"{key.name} {key.check.kind}{template}{limit} {key.doc} {default}" in texts


def test_every_table_has_its_heading() -> None:
    lines = render_reference(TYPES).splitlines()
    for heading in (
        "[defaults]",
        "[vault]",
        "[console]",
        "[sources.NAME]",
        '[sources.NAME] with type = "keys"',
        "[chains.NAME]",
        "[[chains.NAME.hops]]",
        "[fleets.NAME]",
        "[fleets.NAME.chains.NAME]",
    ):
        assert heading in lines


def test_sentences_are_lower_case_without_full_stop() -> None:
    for key in every_key(TABLES):
        assert not key.doc.endswith(".")
        assert key.doc[:1] != key.doc[:1].upper() or key.doc[:2].isupper()
