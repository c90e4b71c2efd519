"""A `profile` source in a config becomes one of type `keys`, and nothing else changes."""

from __future__ import annotations

import pytest

from rolehop.config.keys_source import with_keys_source

OTHERS = """\
# [sources.me]
version = 1
[sources.other]
type = "profile"
profile = "base"
"""
TABLE = """\
[ sources . 'me' ]   # mine
type = "profile" # for now
mfa_serial = "auto"
  profile = 'base'
[chains.x]
source = "me"
type = "profile"
"""
SAID = 'note = """\n[sources.me]\ntype = "profile"\nprofile = "x"\n"""\n'


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("region", [None, "eu-west-1"])
def test_two_lines_of_one_table_change(region: str | None, newline: str) -> None:
    text = (OTHERS + TABLE).replace("\n", newline)
    own = f'  region = "{region}"\n' if region else ""
    new = TABLE.replace('"profile" # for', '"keys" # for').replace("  profile = 'base'\n", own)
    assert with_keys_source(text, "me", region) == (OTHERS + new).replace("\n", newline)


@pytest.mark.parametrize(
    "text",
    [
        OTHERS,
        'sources.me = { type = "profile", profile = "base" }\n',
        '[sources.me]\ntype = "keys"\n',
        '[sources.me]\ntype = "profile"\nregion = "x"\nprofile = "base"\n',
        f'{SAID}[sources]\nme.type = "profile"\n',
        "no TOML",
    ],
)
def test_what_is_written_otherwise_is_left_to_a_person(text: str) -> None:
    assert with_keys_source(text, "me", "eu-west-1") is None
