"""What tomllib cannot read is reported with its place and, if it is a usual one, the mistake."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.config.toml_mistakes import syntax_problem


def explained(text: str) -> tuple[int | None, int | None, str]:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(text)
    return syntax_problem(str(caught.value), text)


ONE_LINE = "TOML 1.0 allows no line break between { and }"
STRING = "a string stands in quotes"
COMMA = "a comma or a bracket is missing, here or above"
COMMENT = "only a comment can follow a value, and it begins with #"
CURLY = "these quotes are curly, and TOML takes straight ones"
QUOTE = "the quote at the end of a string is missing"
TRUTH = "it is written true or false, in small letters"
TWICE = "this name is there already: keep one of the two"
BLANK = "a name has no blank"
SIGN = "one = stands between a key and its value"
BRACKET = "a bracket is missing at the end of the header"
ESCAPE = r"between double quotes \ begins an escape: a Windows path stands in single ones"
ELSE = "and a config is TOML: move it away, and rolehop config init writes one"


@pytest.mark.parametrize(
    ("text", "line", "column", "mistake"),
    [
        ('[chains.a]\nsource = "x"\n[chains.a]\n', 3, 10, TWICE),
        ('[chains.a]\nfrom = "x"\nfrom = "y"\n', 3, 11, TWICE),
        ('[f]\naccounts = { a = "1", a = "2" }', 2, 30, TWICE),
        ("[chains.a]\nhops = []\n[[chains.a.hops]]", 3, 16, TWICE),
        ("[d]\nregion = “eu-west-1”", 2, 10, CURLY),
        ('[d]\nregion = "eu-west-1”\n', 2, 21, CURLY),
        ("[c]\nconfirm = True", 2, 11, TRUTH),
        ("[c]\nx = [TRUE, no]", 2, 6, TRUTH),
        ("[c]\nconfirm = off", 2, 11, TRUTH),
        ("[c]\nregion = null", 2, 10, "TOML has no null: leave the key out"),
        ("[c]\nregion = # x\n", 2, 10, "the value is missing"),
        ("[c]\nregion = eu-west-1", 2, 10, STRING),
        ("[c]\naccount = 012345678901", 2, 12, STRING),
        ("[c]\nduration = 30m", 2, 14, STRING),
        ("[c]\nlabels = { env = prod }", 2, 18, STRING),
        ("[c]\naccounts = [1, 012345678901]", 2, 17, STRING),
        ("[c]\naccounts = [\n  012345678901,\n]", 3, 4, STRING),
        ("[c]\nhops = [{ role = 222222222222:role/a }] # b", 2, 30, STRING),
        ('[c]\na = ["1" "2"]', 2, 10, COMMA),
        ('[c]\nhops = [{ role = "a" external_id = "b" }]', 2, 22, COMMA),
        ('[c]\naccounts = [\n  "1"\n  "2",\n]', 4, 3, COMMA),
        ('hops = [{ role = "a" }\n[d]', 2, 1, COMMA),
        ('hops = [{ role = "a" ]\n', 1, 22, COMMA),
        ('[c]\nregion = "eu-west-1\nx = 1', 2, 20, QUOTE),
        ("[c]\nregion = '''eu\nx = 1\n", 4, None, f"{QUOTE}, here or above"),
        ('[c]\nregion = """eu\nx = 1\n', 4, None, f"{QUOTE}, here or above"),
        ("[chains.my prod]", 1, 12, BLANK),
        ('session name = "x"', 1, 9, BLANK),
        ('accounts = { prod web = "444444444444" }', 1, 19, BLANK),
        ("[chain hub]", 1, 8, "write [chains.NAME]"),
        ("[chains.prod\n", 1, 13, BRACKET),
        ("[[chains.prod.hops]\n", 1, 19, BRACKET),
        ("[chains.prod]]\n", 1, 14, "only a comment can follow a header"),
        ('region: "x"', 1, 7, SIGN),
        ('region => "x"', 1, 9, SIGN),
        ('[c]\nlabels = { env: "prod" }', 2, 15, SIGN),
        ('region "x"', 1, 8, "= is missing between a key and its value"),
        ('hops = [\r\n  { role = "a",\r\n    external_id = "b" },\r\n]', 2, 16, ONE_LINE),
        ('accounts = { # ours\n  a = "1",\n}\n', 1, 14, ONE_LINE),
        ('accounts = { a = "1"\n}\n', 1, 21, ONE_LINE),
        ('a = [{ b = "c", }]', 1, 17, "TOML 1.0 allows no comma before }"),
        ('[c]\nx = "C:\\Users\\x"', 2, 10, ESCAPE),
        ('[c]\nx = "C:\\Work"', 2, 10, ESCAPE),
        ('[c]\nx = "y" // z', 2, 9, COMMENT),
        ("[c]\nx = true;", 2, 9, COMMENT),
        ("[c]\n<<<<<<< HEAD\n", 2, 1, "a merge has left its marks"),
        ('{\n "version": 1\n}\n', 1, 1, f"this is JSON, {ELSE}"),
        ("version: 1\nchains:\n  hub:\n", 1, 8, f"this is YAML, {ELSE}"),
        (
            "[profile x]\nregion = eu",
            1,
            10,
            "this is an AWS config: rolehop config import reads it",
        ),
        ("a = ]", 1, 5, None),
    ],
)
def test_a_usual_mistake_has_its_place_and_its_name(
    text: str, line: int, column: int, mistake: str | None
) -> None:
    at, beside, words = explained(text)
    said, _, known = words.partition("; ")
    assert (at, beside, known.partition(": write a")[0] or None) == (line, column, mistake)
    assert said.startswith("not TOML: ")


def test_names_are_written_as_toml_writes_them() -> None:
    _, _, words = explained("[chains.a]\n[chains.a]\n")
    assert words == f"not TOML: cannot declare chains.a twice; {TWICE}"


VALID = """\
[chains.a]
source = "me"
confirm = true
hops = [{ role = "1:role/A", external_id = "hush-hush" }, { role = "2:role/B" }]
"""


@given(st.integers(0, len(VALID) - 1), st.sampled_from(["", '"', "]", " ", "=", "\n", ",", "”"]))
def test_any_one_character_that_is_wrong_is_reported_without_a_value(at: int, instead: str) -> None:
    text = VALID[:at] + instead + VALID[at + 1 :]
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, column, said = syntax_problem(str(error), text)
        assert line is not None
        assert 0 < line <= text.count("\n") + 1
        assert column is None or 0 < column <= len(text.split("\n")[line - 1]) + 1
        assert "hush" not in said
