"""Render every key of every table as plain text, from the schema that the loader follows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping

from rolehop.config.schema import (
    ACCOUNTS,
    CHAIN,
    CONSOLE,
    DEFAULTS,
    FLEET,
    HOP,
    ORGANIZATION,
    SOURCE,
    TOP,
    VAULT,
    Key,
    Table,
)
from rolehop.config.templates import FIELDS

_WIDTH = 80
_HEAD = (
    'Every key of the config file (TOML). Durations are like "90s", "30m", "1h30m", or whole'
    " seconds. Names are letters, digits, _ . @ + - and begin with a letter, a digit or _."
    ' If a key is a "template",'
)

_CALLER = (
    "In role session names and source identities also {caller}, the name that the source signed in"
    " with, as AWS says it: of IAM user keys (keys, environment, profile) the user's name; of"
    " identity-center the person's user name there; of web-identity, saml, roles-anywhere, instance,"
    " container and process the role session name, or the user's name if it gives a user's keys. It"
    " costs a call unless the source's session is stored or principal names a user or a session; plan,"
    ' which makes none, then says "unknown".'
)


def render_reference(source_types: Mapping[str, Table]) -> str:
    """Return the reference, at most 80 columns wide, with a final newline.

    ``source_types``: the keys of each source type, besides those that all have.
    """
    fields = ", ".join(f"{{{field}}}" for field in FIELDS)
    parts = [_wrapped(f"{_HEAD} {fields} are filled in. {_CALLER}", "")]
    parts += [_table("Top level", TOP), _table("[defaults]", DEFAULTS), _table("[vault]", VAULT)]
    parts.append(_table("[organization]", ORGANIZATION))
    parts.append(_table("[console]", CONSOLE))
    parts.append(_table("[accounts]", ACCOUNTS))
    parts.append(_table("[sources.NAME]", SOURCE))
    parts += [
        _table(f'[sources.NAME] with type = "{name}"', table)
        for name, table in source_types.items()
    ]
    parts.append(_table("[chains.NAME]", CHAIN))
    parts.append(_table("[[chains.NAME.hops]]", HOP))
    parts.append(_table("[fleets.NAME]", FLEET))
    return "\n\n".join(parts) + "\n"


def _table(title: str, table: Table) -> str:
    lines = [title, _wrapped(table.doc, "  ")]
    for key in table.keys:
        lines += ["", *_key(key)]
    return "\n".join(lines)


def _key(key: Key) -> Iterator[str]:
    yield f"  {key.name}"
    template = " (template)" if key.template else ""
    limit = f": {key.check.limit}" if key.check.limit else ""
    yield _wrapped(f"{key.check.kind}{template}{limit}", "      ")
    yield _wrapped(key.doc, "      ")
    yield _wrapped("required" if key.required else f"default: {key.default or 'none'}", "      ")


def _wrapped(text: str, indent: str) -> str:
    # No breaks inside words, so that each can be copied.
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
