"""The reader of plain TOML returns what tomllib does, and nothing where tomllib finds a mistake."""

from __future__ import annotations

import json
import random
import tomllib
from textwrap import dedent

import pytest

from rolehop.config.toml.reader import read_plain, read_toml

PLAIN = dedent("""\
    # comment = "with a key"
    version = 1
    include = ["one.toml", "two ] # \t.toml",]  # a comment

    [defaults]
    region = "eu-west-1"
      duration = 3600
    [sources.me]
    share = true
    empty = ""
    [chains.hub]
    source = "me"
    hops = [{ role = "x" }, {role="y" , duration = 900}]
    labels = { env = "prod", tier = "1" }
    [chains."dotted.name"]
    hops = [
      { role = "z" },
      { role = "[chains.no]", mfa = false },
    ]
    none = {}
    nothing = []
    [chains.prod]
    from = "hub"
    [[chains.prod.hops]]
    role = "one"
    [[chains.prod.hops]]
    role = "two"
    [chains.prod.hops.tags]
    team = "t"
    [a-1.b_2.C]
    [0]
    """)
# What a mutation puts in: all that has a meaning in TOML.
PIECES = [
    *('"', "'", "[", "]", "{", "}", "=", ",", ".", "#", "\\", "\n", "\r", " ", "\t", "\x00", "\x7f"),
    *("[[", "]]", '""', '"""', "'''", "true", "1_0", "007", "0x1", "-1", "1.5", "inf", "é", "\x85"),
    *("1979-05-27", "a.b = 1\n", "[chains]\n", "[chains.prod]\n", "[[chains.prod]]\n", "[chains.prod.hops]\n"),
    *("[chains.hub.hops]\n", "[chains.hub.labels]\n", "[[chains.hub.hops]]\n", "[defaults.region]\n", "[[0]]\n"),
    *('role = "x"\n', "[version.x]\n", '[chains."prod"]\n', "[ chains . x ]\n", ", }", ",\n}", "# x\n", "[]", "[,]"),
]  # fmt: skip


def test_plain_texts_are_read_without_tomllib() -> None:
    assert json.dumps(read_plain(PLAIN)) == json.dumps(tomllib.loads(PLAIN))


def test_a_long_text_is_read_as_tomllib_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = PLAIN + "".join(
        f'[chains.c{n}]\r\nsource = "s"\r\nhops = [{{ role = "r{n}" }}]\n' for n in range(1000)
    )
    wanted = tomllib.loads(text)
    monkeypatch.setattr(tomllib, "loads", None)
    assert read_toml(text) == wanted


def test_mutated_texts_are_read_as_tomllib_reads_them_or_not_at_all() -> None:
    dice, read = random.Random(1), 0  # noqa: S311
    for _ in range(1_500):
        text = mutated(dice)
        found = read_plain(text)
        read += found is not None
        # An error of tomllib fails the test: the text should have been left to it.
        assert found is None or json.dumps(found) == json.dumps(tomllib.loads(text)), text
    assert read > 100


def mutated(dice: random.Random) -> str:
    """Return a part of the plain text with some characters replaced or removed, and lines moved."""
    lines = PLAIN.splitlines(keepends=True)
    lines = lines[dice.randrange(12) :]
    for _ in range(dice.randrange(3)):
        lines.insert(dice.randrange(len(lines)), lines.pop(dice.randrange(len(lines))))
    text = "".join(lines)
    for _ in range(dice.randrange(3)):
        at = dice.randrange(len(text))
        text = text[:at] + dice.choice([*PIECES, ""]) + text[at + dice.choice((0, 0, 1, 3)) :]
    return text
