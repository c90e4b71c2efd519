"""Names are cached with all that they depend on: fast while that is unchanged, and never stale."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rolehop.hotpath.completion import (
    as_text,
    cached_names,
    checked,
    no_names,
    read_text,
    unchecked,
)
from tests.hotpath.completion.home import ACCOUNTS, CHAINS, CONFIG, PROFILES, TEAM, Home
from tests.hotpath.foreign_files import FOREIGN_FILES, damages

ALL = CHAINS + PROFILES
SLOW = {
    "click", "rich", "boto3", "botocore", "urllib3", "keyring", "json", "re", "dataclasses",
    "typing", "platformdirs", "tomllib", "configparser", "enum", "pathlib", "subprocess", "socket",
}  # fmt: skip
NEW = '[chains.new]\nsource = "me"\n'


@pytest.mark.parametrize(
    "words", [["plan", "pr"], ["keys", "add", ""], ["cred"], ["exec", "hub", "l"]]
)
def test_an_answer_from_cached_names_loads_next_to_nothing(words: list[str], home: Home) -> None:
    assert home.offers("plan", "") == ALL
    assert not home.loads(*words) & SLOW
    assert home.offers("plan", "") == ALL


def test_the_first_answer_needs_neither_click_nor_aws_nor_the_keyring(home: Home) -> None:
    loaded = home.loads("plan", "pr")
    assert "rolehop.config.loader" in loaded
    assert not loaded & {"click", "rich", "boto3", "botocore", "urllib3", "keyring"}


def test_options_need_neither_aws_nor_the_keyring(home: Home) -> None:
    loaded = home.loads("plan", "--stri")
    assert "click" in loaded
    assert not loaded & {"boto3", "botocore", "urllib3", "keyring"}


def edited(name: str, text: str) -> Callable[[Home], None]:
    def change(home: Home) -> None:
        home.write(name, text)

    return change


def with_variables(**variables: str) -> Callable[[Home], None]:
    def change(home: Home) -> None:
        home.write("other/config.toml", f'[sources.me]\ntype = "environment"\n{NEW}')
        home.write("other/aws", "[profile new]\n")
        home.more = {name: value.format(home=home.folder) for name, value in variables.items()}

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(edited(".config/rolehop/config.toml", CONFIG + NEW), id="config"),
        pytest.param(edited(".config/rolehop/team.toml", TEAM + NEW), id="include"),
        pytest.param(
            edited(".config/rolehop/accounts", ACCOUNTS + "666666666666\n"), id="accounts"
        ),
        pytest.param(edited(".aws/config", "[profile new]\n"), id="aws-config"),
        pytest.param(edited(".aws/credentials", "[new]\n"), id="aws-credentials-appear"),
        pytest.param(
            edited("site/rolehop/config.toml", '[chains.new]\nsource = "alice"\n'),
            id="site-config-appears",
        ),
        pytest.param(
            with_variables(ROLEHOP_CONFIG="{home}/other/config.toml"), id="ROLEHOP_CONFIG"
        ),
        pytest.param(
            with_variables(ROLEHOP_CONFIG="other/config.toml"), id="ROLEHOP_CONFIG-relative"
        ),
        pytest.param(with_variables(AWS_CONFIG_FILE="{home}/other/aws"), id="AWS_CONFIG_FILE"),
        pytest.param(with_variables(AWS_CONFIG_FILE="other/aws"), id="AWS_CONFIG_FILE-relative"),
        pytest.param(
            with_variables(ROLEHOP_CONFIG="~/other/config.toml"), id="ROLEHOP_CONFIG-at-home"
        ),
    ],
)
def test_names_are_never_stale(change: Callable[[Home], None], home: Home) -> None:
    assert home.offers("plan", "") == ALL
    change(home)
    for _ in range(2):
        after = home.offers("plan", "")
        assert {"new", "spokes/666666666666"} & set(after)
    home.more = {}


def test_names_are_cached_again_after_a_change(home: Home) -> None:
    home.offers("plan", "")
    home.write(".config/rolehop/config.toml", CONFIG + NEW)
    assert "rolehop.config.loader" in home.loads("plan", "")
    assert "rolehop.config.loader" not in home.loads("plan", "")


@pytest.mark.parametrize("value", ["", "~/.config/rolehop/config.toml"])
def test_names_are_cached_if_the_config_is_named_from_home_or_not_at_all(
    value: str, home: Home
) -> None:
    home.more = {"ROLEHOP_CONFIG": value}
    assert home.offers("plan", "") == ALL
    assert "rolehop.config.loader" not in home.loads("plan", "")


def test_names_of_another_home_are_not_offered(home: Home) -> None:
    home.more = {
        "XDG_STATE_HOME": str(home.folder / "state"),
        "ROLEHOP_CONFIG": str(home.config),
    }
    assert home.offers("plan", "") == ALL
    home.write("elsewhere/.aws/config", "[profile new]\n")
    home.more["HOME"] = str(home.folder / "elsewhere")
    assert home.offers("plan", "") == [*CHAINS, "new"]


def test_names_that_are_damaged_anywhere_are_not_offered(home: Home) -> None:
    home.offers("plan", "")
    good = home.names.read_bytes()
    assert cached_names(home.environ) is not None
    for _ in damages(home.names):
        assert cached_names(home.environ) is None
    assert home.offers("plan", "") == ALL
    assert home.names.read_bytes() == good


def test_names_cached_with_an_unreadable_file_recover(home: Home) -> None:
    home.offers("plan", "")
    good = home.names.read_bytes()
    text = unchecked(good) or ""
    assert ".aws/config\n" in text
    home.names.write_text(checked(text.replace(".aws/config\n", ".aws/\0onfig\n")) or "")
    assert home.offers("plan", "") == ALL
    assert home.names.read_bytes() == good


@pytest.mark.parametrize("put", FOREIGN_FILES)
def test_what_is_no_file_of_ours_is_replaced(put: Callable[[Path], None], home: Home) -> None:
    home.offers("plan", "")
    good = home.names.read_text()
    put(home.names)
    assert cached_names(home.environ) is None
    assert home.offers("plan", "") == ALL
    if home.names.is_file():  # a folder stays, and is as good as nothing
        assert home.names.read_text() == good
        assert home.names.stat().st_uid == os.geteuid()


@pytest.mark.parametrize(
    "text",
    ["", "rolehop-names\t9\t0\t0\n", "\x00\xff", "rolehop-names", "{}"],
    ids=["empty", "another-version", "no-text", "torn", "another-form"],
)
def test_a_damaged_file_of_names_is_rewritten(text: str, home: Home) -> None:
    home.offers("plan", "")
    good = home.names.read_text()
    home.names.write_bytes(text.encode("latin-1"))
    assert home.offers("plan", "") == ALL
    assert home.names.read_text() == good


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_a_file_that_is_cut_short_is_not_believed(cut: int) -> None:
    names = {**no_names(), "chain": {"one": "", "two": "x"}}
    data = (as_text(names, {}, {"HOME": "=/x"}) or "").encode()
    assert read_text(data, {"HOME": "/x"}) == names
    assert read_text(data[:-cut], {"HOME": "/x"}) is None


def test_a_name_or_description_cannot_make_a_line_of_its_own() -> None:
    names = {
        **no_names(),
        "chain": {"a": "x\ty\nchain\tb\t\x1b[1m"},
        "profile": {"b\tc": "", "d\n": ""},
    }
    data = (as_text(names, {}, {}) or "").encode()
    assert read_text(data, {}) == {**no_names(), "chain": {"a": "x y chain b ?[1m"}}


def test_the_file_of_names_is_private(home: Home) -> None:
    home.offers("plan", "")
    assert home.names.stat().st_mode & 0o777 == 0o600


def test_a_state_folder_that_cannot_be_written_is_no_matter(home: Home) -> None:
    home.write(".local/state", "a file")
    assert home.offers("plan", "") == ALL


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
@pytest.mark.parametrize(
    "config",
    ["this is no config", "[chains.x]\nhops = 3\n", 'include = ["gone.toml"]\n'],
    ids=["no-toml", "wrong-type", "missing-include"],
)
def test_a_broken_config_gives_no_names_and_says_nothing(
    config: str, shell: str, home: Home
) -> None:
    home.offers("plan", "")
    home.config.write_text(config)
    for words in (["plan", ""], ["plan", "--strict", ""], ["keys", "add", ""]):
        assert home.offers(*words, by=shell) == []
    assert "credential-process" in home.asks("cred", by=shell).stdout
    assert "--strict" in home.asks("plan", "--stri", by=shell).stdout
    home.write(".config/rolehop/config.toml", CONFIG)
    assert home.offers("plan", "") == ALL


def test_a_broken_aws_file_leaves_the_chains(home: Home) -> None:
    home.write(".aws/config", "[profile x\n")
    assert home.offers("plan", "") == CHAINS
