"""What tomllib cannot read is explained, at its line and with the right one."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.config.toml_syntax import syntax_problem

QUOTE, COMMA = "a quote is missing; write ", "a comma is missing; write "
ONE_LINE = "TOML 1.0 allows no line break between { and }"
BELOW = f"{ONE_LINE}; write [*] after the other keys of its table, and below it"
COMMENT = "only a comment can follow a value, and it begins with #"
SIGN = "a key and its value have = between them"
BRACKET, CURLY = (
    "a bracket is missing; write ",
    "these quotes are curly, and TOML takes straight ones",
)
TEXT, TRUTH = (
    "a text stands in quotes",
    "true and false are written in small letters; write ",
)


def explained(text: str) -> tuple[int | None, str]:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    return syntax_problem(str(caught.value), text)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            '[chains.a]\nsource = "x"\n[chains.a]',
            3,
            "[chains.a] is there already, in line 1; put its keys there, or name this one [chains.a-2]",
        ),
        ("[vault]\n[vault]", 2, "[vault] is there already, in line 1; put its keys there"),
        (
            '[chains.a]\nfrom = "x"\nfrom = "y"',
            3,
            'from is there already, in line 2; keep one of them, e.g. from = "x"',
        ),
        ("[d]\nregion = “eu-west-1”", 2, f'{CURLY}; write region = "eu-west-1"'),
        ('[d]\nregion = "eu-west-1”\n', 2, f'{CURLY}; write region = "eu-west-1"'),
        ("[c]\nconfirm = True", 2, f"{TRUTH}confirm = true"),
        ("[c]\nx = [TRUE, no]", 2, f"{TRUTH}x = [true, false]"),
        ("[c]\nconfirm = no", 2, "no is written false; write confirm = false"),
        ("[c]\naccounts = [1, 012345678901]", 2, f'{TEXT}; write accounts = [1, "012345678901"]'),
        ("[c]\naccounts = [\n  012345678901,\n]", 3, f'{TEXT}; write "012345678901",'),
        ("[c]\nlabels = { env = prod }", 2, f'{TEXT}; write labels = {{ env = "prod" }}'),
        (
            "[c]\nhops = [{ role = 222222222222:role/a }] # b",
            2,
            f'{TEXT}; write hops = [{{ role = "222222222222:role/a" }}] # b',
        ),
        ('[c]\naccounts = [\n  "1"\n  "2",\n]', 3, f'{COMMA}"1",'),
        ('a = [\n{ role = "a" } # b\n{ role = "c" }\n]', 2, f'{COMMA}{{ role = "a" }}, # b'),
        ('[c]\na = ["1" "2"]', 2, f'{COMMA}a = ["1", "2"]'),
        (
            '[c]\nhops = [{ role = "a" external_id = "b" }]',
            2,
            f'{COMMA}hops = [{{ role = "a", external_id = "b" }}]',
        ),
        (
            '[c]\nhops = [{ role = "a" }{ role = "b" }]',
            2,
            f'{COMMA}hops = [{{ role = "a" }}, {{ role = "b" }}]',
        ),
        ('[c]\nregion = "eu-west-1\nx = 1', 2, f'{QUOTE}region = "eu-west-1"'),
        ('[c]\nregion = eu-west-1"\n', 2, f'{QUOTE}region = "eu-west-1"'),
        ('[c]\nhops = [{ role = "arn:a }]\n', 2, f'{QUOTE}hops = [{{ role = "arn:a" }}]'),
        ('[c]\nhops = [{ role = arn:a" }]\n', 2, f'{QUOTE}hops = [{{ role = "arn:a" }}]'),
        ("[c]\nregion = eu-west-1", 2, f'{TEXT}; write region = "eu-west-1"'),
        ("[c]\naccount = 012345678901", 2, f'{TEXT}; write account = "012345678901"'),
        ("[c]\nduration = 30m", 2, f'{TEXT}; write duration = "30m"'),
        ("[c]\nsecret_key = abc", 2, TEXT),
        ("[chains.my prod]", 1, "a name has no blank; write [chains.my-prod]"),
        ('session name = "x"', 1, 'a key has no blank; write session_name = "x"'),
        ('session name="x"', 1, 'a key has no blank; write session_name = "x"'),
        ("[chains.prod", 1, f"{BRACKET}[chains.prod]"),
        ("[[chains.prod.hops]\n", 1, f"{BRACKET}[[chains.prod.hops]]"),
        ('hops = [{ role = "a" }\n[d]', 1, f'{BRACKET}hops = [{{ role = "a" }}]'),
        ('hops = [{ role = "a" ]\n', 1, f'{BRACKET}hops = [{{ role = "a" }}]'),
        ('region: "x"', 1, f'{SIGN}; write region = "x"'),
        (
            'hops = [\n  { role = "a",\n    external_id = "b" },\n]',
            2,
            f'{ONE_LINE}; write {{ role = "a", external_id = "b" }},',
        ),
        ('a = [{ b = "c", }]', 1, 'TOML 1.0 allows no comma before }; write a = [{ b = "c" }]'),
        (
            '[fleets.f]\naccounts = { # ours\n  a = "1", # one\n  b = "2",\n}\nregion = "x"',
            2,
            BELOW.replace("*", "fleets.f.accounts") + ' a line for each, such as a = "1"',
        ),
        (
            '[fleets.f]\naccounts = {\n  a = "1"\n  b = "2"\n  c: "3"\n}\n',
            2,
            BELOW.replace("*", "fleets.f.accounts") + ' a line for each, such as a = "1"',
        ),
        (
            'hops = [{\n  role = "a"\n  external_id = "b"\n}]',
            1,
            f'{ONE_LINE}; write hops = [{{ role = "a", external_id = "b" }}]',
        ),
        (
            "[chains.c]\nlabels = {\n[d]",
            2,
            f"{BELOW.replace('*', 'chains.c.labels')} a line for each",
        ),
        (
            '[f]\naccounts = { a = "1", a = "2" }',
            2,
            "a is there twice between { and }; keep one of them, or call the other a-2",
        ),
        ('a = [{ b = "1", b = "2" }]', 1, "b is there twice between { and }; keep one of them"),
        ('[c]\nlabels = { env: "prod" }', 2, f'{SIGN}; write labels = {{ env = "prod" }}'),
        (
            '[c]\nx = "C:\\Users\\x"',
            2,
            r"between double quotes, \ begins an escape; use single ones; write x = 'C:\Users\x'",
        ),
        ('[c]\nx = "y" – z', 2, f'{COMMENT}; write x = "y" # – z'),  # noqa: RUF001
        ('[c]\nx = "y" // z', 2, f'{COMMENT}; write x = "y" # z'),
        ("[c]\nx = true;", 2, "remove the ; after the value; write x = true"),
        ("[chain hub]", 1, "a dot stands before the name; write [chains.hub]"),
        (
            'accounts = { prod web = "444444444444" }',
            1,
            'a name has no blank; write accounts = { prod-web = "444444444444" }',
        ),
        ('prod web = "444444444444"', 1, 'a name has no blank; write prod-web = "444444444444"'),
        ('{\n "version": 1\n}\n', 1, "this is JSON, and a config is TOML"),
        ("version: 1\nchains:\n  hub:\n", 1, "this is YAML, and a config is TOML"),
        ("[a]\nb = 1\n[c]\nd: 2\n[e]\nf = 3", 4, f"{SIGN}; write d = 2"),
        ("a = = 2", 1, "not TOML: invalid value (column 5)"),
        (
            "[chains.a]\nhops = []\n[[chains.a.hops]]",
            3,
            "not TOML: chains.a.hops is there already (column 16)",
        ),
    ],
)
def test_a_usual_mistake_is_explained_with_the_right_line(text: str, line: int, said: str) -> None:
    found, words = explained(text)
    # Versions of tomllib differ in the columns that they name.
    words = words.removesuffix("; once it is moved away, rolehop config init writes one")
    assert (found, words.partition(" (column")[0]) == (line, said.partition(" (column")[0])


def test_a_long_config_is_not_read_again_for_each_try(monkeypatch: pytest.MonkeyPatch) -> None:
    chains = "".join(f'[chains.c{n}]\nsource = "me"\n' for n in range(1000))
    text = f"""{chains}accounts = [{" ".join(f'"{n}"' for n in range(60))}]]"""
    read: list[int] = []
    load = tomllib.loads

    def counted(text: str) -> object:
        read.append(len(text))
        return load(text)

    monkeypatch.setattr("rolehop.config.toml_syntax.tomllib.loads", counted)
    explained(text)
    assert len(read) > 50
    assert sum(read) < 10 * len(text)


VALID = """\
[chains.a]
source = "me"
confirm = true
hops = [{ role = "1:role/A", duration = "30m" }, { role = "2:role/B" }]
"""


@given(st.integers(0, len(VALID) - 1), st.sampled_from(["", '"', "]", " ", "=", "\n", ",", "”"]))
def test_any_one_character_that_is_wrong_is_explained_or_read(at: int, instead: str) -> None:
    text = VALID[:at] + instead + VALID[at + 1 :]
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, said = syntax_problem(str(error), text)
        assert said
        assert line is None or 0 < line <= text.count("\n") + 1
