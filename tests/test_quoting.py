"""Texts that a shell or TOML reads, at the limits of what needs quotes, as tables."""

from __future__ import annotations

import sys
import tomllib

import pytest

from rolehop.base.advice import (
    Advice,
    Argument,
    install_extra,
    is_plain,
    one_line,
    posix_argument,
    typed,
)
from rolehop.base.text import (
    did_you_mean,
    elided,
    is_visible,
    json_escape,
    meant,
    nearest,
    pluralize,
    quoted,
    visible,
    visible_json,
)
from rolehop.config.draft import ChainDraft, chain_text
from rolehop.config.model import HopConfig
from rolehop.config.toml import toml_key, toml_line, toml_text


def marked(text: str) -> str:
    return f"<{text}>"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a", True),
        ("prod-admin", True),
        ("a@b=c:d+e/f_g.h", True),
        ("@a", False),  # PowerShell, zsh
        ("=a", False),
        ("-a", False),
        ("", False),
        ("a b", False),
        ("a\n", False),
        ("a;b", False),
        ("~a", False),
        ("ä", False),
    ],
)
def test_what_every_shell_reads_as_one_argument(text: str, plain: bool) -> None:
    assert is_plain(text) is plain
    expected = text if plain else f"-- <{text}>" if text[:1] == "-" else marked(text)
    assert typed(text, marked) == ("NAME" if text == "a\n" else expected)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a", "a"),
        ("a@b", "a@b"),
        ("a b", "'a b'"),
        ("", "''"),
        ("it's", "'it'\"'\"'s'"),
        ("-a", "-- -a"),
        ("-a b", "-- '-a b'"),
        ("a\u202eb", "NAME"),
        ("a\x1bb", "NAME"),
    ],
)
def test_an_argument_for_a_posix_shell(text: str, written: str) -> None:
    assert posix_argument(text) == written


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("rolehop plan ", Argument("a b")), "rolehop plan 'a b'"),
        (("rolehop plan ", Argument("-x")), "rolehop plan -- -x"),
        # The value of an option, which must be one word with it
        (("rolehop plan --as ", Argument("-x")), "rolehop plan --as=-x"),
        (("rolehop plan --as ", Argument("x")), "rolehop plan --as x"),
        (("rolehop plan --as x ", Argument("-y")), "rolehop plan --as x -- -y"),
        (("x -- ", "-- y"), "x -- -- y"),
        ((Advice("rolehop plan ", Argument("a b")), "; or: ", Argument("c d")),
         "rolehop plan 'a b'; or: 'c d'"),
        ((), ""),
    ],
)  # fmt: skip
def test_advice_quotes_its_arguments_and_nothing_else(parts: tuple[str, ...], text: str) -> None:
    advice = Advice(*parts)
    assert advice == text
    assert advice.in_shell(posix_argument) == text
    assert "".join(advice.parts) == "".join(map(str, parts)).replace(" 'a b'", " a b")
    assert Advice(advice).parts == advice.parts
    assert one_line(advice, posix_argument) == text


def test_blanks_of_a_message_are_one_and_those_of_an_argument_stay() -> None:
    assert one_line("a  b\nc", posix_argument) == "a b c"
    assert one_line(Advice("x  ", Argument("a  b")), marked) == "x  <a  b>"


# ---- TOML

FULL = HopConfig(
    "222222222222:role/Hub",
    session_name="me",
    external_id="x-42",
    duration_seconds=900,
    policy='{"a": "b\\n"}',
    policy_arns=("arn:a", "arn:b"),
    tags=(("team", "a b"), ("x y", "ü\u202e")),
    transitive_tags=("team",),
    source_identity="you",
    mfa_serial="auto",
)


def test_a_chain_is_written_whole() -> None:
    text = chain_text(ChainDraft("a b", source="so'urce", hops=(FULL, HopConfig("r"))))
    assert tomllib.loads(text) == {
        "chains": {
            "a b": {
                "source": "so'urce",
                "hops": [
                    {
                        "role": FULL.role,
                        "session_name": "me",
                        "external_id": "x-42",
                        "source_identity": "you",
                        "policy": FULL.policy,
                        "mfa_serial": "auto",
                        "duration": "15m",
                        "tags": dict(FULL.tags),
                        "transitive_tags": ["team"],
                        "policy_arns": ["arn:a", "arn:b"],
                    },
                    {"role": "r"},
                ],
            }
        }
    }
    assert is_visible(text.replace("\n", ""))
    assert text.endswith('"\n')


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("a-b_1", "a-b_1"),
        ("-", "-"),
        ("a b", '"a b"'),
        ("ä", '"ä"'),
        ("a.b", '"a.b"'),
        ("", '""'),
    ],
)
def test_a_key_is_bare_if_toml_allows_it(name: str, key: str) -> None:
    assert toml_key(name) == key
    assert tomllib.loads(f"{key} = 1") == {name: 1}


@pytest.mark.parametrize("text", ["", '"', "\\", "\n", "\x7f", "\u202e", "\U000e0100", "'ü"])
def test_a_text_is_read_back_and_shows_nothing_hidden(text: str) -> None:
    assert tomllib.loads(f"a = {toml_text(text)}") == {"a": text}
    assert is_visible(toml_text(text))
    assert tomllib.loads(toml_line("a", [text, "b"])) == {"a": [text, "b"]}
    assert tomllib.loads(toml_line("a", {text: text, "b b": "c"})) == {
        "a": {text: text, "b b": "c"}
    }


# ---- texts


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abc…fg"),
        ("abcdefg", 5, "ab…fg"),
        ("abcdefg", 1, "…"),
        ("abcdefg", 0, ""),
        ("", 0, ""),
    ],
)
def test_a_long_text_keeps_both_ends(text: str, width: int, shown: str) -> None:
    assert elided(text, width) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a", '"a"'),
        ("a" * 60, f'"{"a" * 60}"'),
        ("a" * 61, f'"{"a" * 57}..."'),
        ("a\nb\x1b\u202e", '"a\\nb\\x1b\\u202e"'),
        ("é\\", '"é\\"'),
    ],
)
def test_a_value_in_a_message(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_small_words() -> None:
    assert (pluralize(1, "chain"), pluralize(2, "chain"), pluralize(0, "chain")) == (
        "1 chain",
        "2 chains",
        "0 chains",
    )
    assert (meant([]), meant(["a"])) == ("", "did you mean a? ")
    assert meant(["a", "b", "c"]) == "did you mean a, b or c? "
    assert (json_escape("\u202e"), json_escape("\U000e0100")) == ("\\u202e", "\\udb40\\udd00")
    assert json_escape("\udcff") == "\\udcff"


@pytest.mark.parametrize("mark", "\u3164\u034f\u180f\ufe00\ufe0f\U000e0100\U000e01ef")
def test_a_mark_without_a_width_is_not_visible(mark: str) -> None:
    assert not is_visible(f"é{mark}")
    assert is_visible("éX\ufe10\ufdfc")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a b", "a b"),
        ("a\tb\u00a0c\u2028d\n", "a b c d "),
        ("a\x1b[31mé\u202e\x85b", "a[31mé b"),
        ("\u3164\ufe0f\udcff", ""),
    ],
)
def test_a_line_for_a_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"\x7fé"', '"\\u007fé"'),
        ('"\x7fa"', '"\\u007fa"'),
        ('{\n"é\u202eü": "\x7f\x7f"}', '{\n"é\\u202eü": "\\u007f\\u007f"}'),
    ],
)
def test_a_json_text_shows_nothing_hidden(text: str, shown: str) -> None:
    assert visible_json(text) == shown


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("PRDO", ["Prod", "dev"], ["Prod"]),
        ("prod", ["prod-22", "PROD", "x", "prod-333", "prod-1"], ["PROD", "prod-1", "prod-22"]),
        ("abcde", ["abxyz"], []),
        ("", ["a"], []),
    ],
)
def test_the_nearest_words(word: str, known: list[str], near: list[str]) -> None:
    assert nearest(word, known) == near
    assert nearest(word, known, 1) == near[:1]
    assert nearest("abcd", ["abxd"], cutoff=0.8) == []
    assert nearest("abcd", ["abxd"], cutoff=0.7) == ["abxd"]


@pytest.mark.parametrize(
    ("word", "meant_one"),
    [
        ("External-ID", '; did you mean "external_id"?'),
        ("externl_id", '; did you mean "external_id"?'),
        ("rol", '; did you mean "Role"?'),
        ("ROLE", '; did you mean "Role"?'),
        ("tags", ""),
    ],
)
def test_a_word_that_may_be_misspelled(word: str, meant_one: str) -> None:
    assert did_you_mean(word, ["external_id", "Role", "x-y"]) == meant_one
    assert did_you_mean("_A_", ["-a-"], form="<{}>") == "; did you mean <-a->?"
    assert did_you_mean("-a-", ["_A_"], form="<{}>") == "; did you mean <_A_>?"


@pytest.mark.parametrize(
    ("platform", "python", "shown"),
    [
        ("linux", "/opt/v/bin/python", "/opt/v/bin/python -m pip install 'rolehop[qr]'"),
        ("linux", "/a b/python", "'/a b/python' -m pip install 'rolehop[qr]'"),
        ("linux", "/a;b/python", "'/a;b/python' -m pip install 'rolehop[qr]'"),
        # PowerShell runs no program whose name is quoted, unless it has to be.
        ("win32", r"C:\v\python.exe", r"C:\v\python.exe -m pip install 'rolehop[qr]'"),
        ("win32", r"C:\a b\python.exe", r"'C:\a b\python.exe' -m pip install 'rolehop[qr]'"),
    ],
)
def test_an_extra_is_added_by_the_python_that_runs(
    monkeypatch: pytest.MonkeyPatch, platform: str, python: str, shown: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(sys, "executable", python)
    assert install_extra("qr") == shown
