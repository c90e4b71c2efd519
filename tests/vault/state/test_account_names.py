"""What AWS called accounts is kept for a while, and shown as old after a month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.app.account_names import KnownNames
from rolehop.app.context import App
from rolehop.base.digest import checked_line
from rolehop.vault.account_names import MOST, OLD, note_names, noted_names

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
PROD, DEV = "333333333333", "444444444444"


def names(folder: Path) -> dict[str, str]:
    return {account: noted.name for account, noted in noted_names(folder).items()}


def test_the_name_that_was_said_last_counts(tmp_path: Path) -> None:
    assert noted_names(tmp_path) == {}
    assert note_names(tmp_path, {PROD: "prod", DEV: "dev"}, NOW)
    assert note_names(tmp_path, {PROD: "acme-prod"}, NOW)
    assert names(tmp_path) == {PROD: "acme-prod", DEV: "dev"}
    assert (tmp_path / "account-names.json").stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_repeated_on_the_same_day_is_not_written_again(tmp_path: Path) -> None:
    note_names(tmp_path, {PROD: "prod"}, NOW)
    assert not note_names(tmp_path, {PROD: "prod"}, NOW + timedelta(hours=1))
    assert note_names(tmp_path, {PROD: "prod"}, NOW + timedelta(days=2))
    assert noted_names(tmp_path)[PROD].at == NOW + timedelta(days=2)


def test_a_name_is_one_visible_line_and_an_account_without_one_is_not_noted(tmp_path: Path) -> None:
    assert not note_names(tmp_path, {DEV: "", PROD: "\x1b"}, NOW)
    note_names(tmp_path, {PROD: "a\n\x1b[31mb\u202e" + "x" * 500}, NOW)
    assert names(tmp_path)[PROD].startswith("a [31mbxxx")
    assert len(names(tmp_path)[PROD]) == 128


def test_the_names_heard_longest_ago_are_dropped(tmp_path: Path) -> None:
    note_names(tmp_path, {PROD: "prod"}, NOW)
    many = {f"{number:012}": f"account {number}" for number in range(MOST)}
    note_names(tmp_path, many, NOW + timedelta(seconds=1))
    assert names(tmp_path) == many


@pytest.mark.parametrize(
    "accounts",
    [
        *("[]", "1", '{"333": ["a", 1]}', '{"333333333333": "a"}', '{"333333333333": ["a", "b"]}'),
        *('{"333333333333": [1, 1]}', '{"333333333333": ["a\\n", 1]}'),
        '{"333333333333": ["a", 1e99]}',
    ],
)
def test_a_damaged_note_names_nothing_and_is_written_anew(tmp_path: Path, accounts: str) -> None:
    path = tmp_path / "account-names.json"
    path.write_text(checked_line(f'{{"schema":1,"accounts":{accounts}}}'))
    path.chmod(0o600)
    assert noted_names(tmp_path) == {}
    note_names(tmp_path, {PROD: "prod"}, NOW)
    assert names(tmp_path) == {PROD: "prod"}


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not note_names(tmp_path / "file", {PROD: "prod"}, NOW)


def test_the_config_comes_first_and_an_old_name_is_marked_for_people(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'version = 1\n[accounts]\nmine = "{PROD}"\n')
    config.chmod(0o600)
    app = App({"HOME": str(tmp_path)}, tmp_path, config_file=str(config))
    assert not KnownNames(app).plain(DEV)
    app.learn_account_names({PROD: "AWS's", DEV: "dev"})
    assert dict(KnownNames(app)) == {PROD: "mine", DEV: "dev"}
    note_names(app.state_folder, {DEV: "dev"}, app.now() - OLD - timedelta(days=1))
    again = App({"HOME": str(tmp_path)}, tmp_path, config_file=str(config))
    assert (KnownNames(again).shown(DEV), KnownNames(again).plain(DEV)) == ("dev?", "dev")
    assert KnownNames(again).shown("5" * 12) == "5" * 12
    assert dict(KnownNames(again, load=False)) == {PROD: "mine", DEV: "dev?"}


def test_a_broken_config_hides_no_name_that_aws_said(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("version = 2\n")
    config.chmod(0o600)
    app = App({"HOME": str(tmp_path)}, tmp_path, config_file=str(config))
    assert not KnownNames(app)
    app.learn_account_names({DEV: "dev"})
    assert dict(KnownNames(app)) == {DEV: "dev"}
    unread = App({"HOME": str(tmp_path)}, tmp_path, config_file=str(config))
    assert dict(KnownNames(unread, load=False)) == {DEV: "dev"}
    assert not unread.is_config_loaded
