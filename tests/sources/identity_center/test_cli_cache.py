"""The sign-in in the AWS CLI's cache."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from tests.sources.identity_center.corp import BY_SESSION, CONFIG, SESSION, Corp


def test_the_sign_in_of_the_aws_cli_is_enough(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = corp.cli_signs_in(lasts=timedelta(hours=1))
    before = path.read_text()
    done = corp.world.rolehop("whoami", "own")
    assert done.code == 0, done.err
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["{", "[]", '{"accessToken": "x"}', ""])
def test_a_broken_cache_file_is_reported_by_source_test_and_never_followed(
    corp: Corp, text: str
) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = corp.cli_cache("my-sso")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = corp.world.rolehop("source", "test", "corp", "--no-prompt")
    assert done.code == 4
    named = path.relative_to(corp.world.home)
    assert f"✗ the AWS CLI's sign-in, ~/{named}: broken: " in done.out
    for command in (("export", "own"), ("plan", "hub"), ("source", "list")):
        shown = corp.world.rolehop(*command, "--format", "json")
        assert f"the AWS CLI's sign-in, {path}: broken: " in shown.out + shown.err


def test_an_expired_sign_in_of_the_aws_cli_is_not_the_same_as_none(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = corp.cli_signs_in(lasts=timedelta(minutes=-1))
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert done.code == 4
    ended = json.loads(path.read_text())["expiresAt"]
    assert f"the AWS CLI's sign-in, {path}: expired at {ended}" in done.err
    path.unlink()
    absent = corp.world.rolehop("export", "own", "--format", "json")
    assert "nobody is signed in, neither here nor in the AWS CLI" in absent.err


def test_a_sign_in_of_the_aws_cli_to_another_region_is_reported(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = corp.cli_signs_in(lasts=timedelta(hours=1, seconds=59))
    assert re.search(
        r"signed in until .*\d\d:\d\d, by the AWS CLI\n", corp.world.rolehop("status").out
    )
    path.write_text(path.read_text().replace("eu-west-1", "us-east-1"))
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert done.code == 4
    assert "of another sso_region (us-east-1)" in done.err


def test_the_cache_of_the_aws_cli_is_written_when_asked_and_only_then(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    corp.login()
    path = corp.cli_cache("my-sso")
    assert not path.exists()
    corp.world.config(
        BY_SESSION.replace('role = "Developer"', 'role = "Developer"\nshare_cli_cache = true')
    )
    corp.login()
    cached = json.loads(path.read_text())
    assert cached["accessToken"] == corp.center.sessions[-1].access
    assert cached["startUrl"] == corp.center.start_url
    assert path.stat().st_mode & 0o777 == 0o600
    left = path.with_name(f".{path.name}.123.01234567")  # by a process that was killed
    left.touch(0o600)
    assert corp.world.rolehop("source", "logout", "corp").code == 0
    assert not path.exists()
    assert not left.exists()


def test_a_sign_in_that_the_aws_cli_shares_is_not_ended_under_it(corp: Corp) -> None:
    shared = CONFIG.replace('role = "Developer"', 'role = "Developer"\nshare_cli_cache = true')
    corp.world.config(shared)
    for _ in range(2):
        corp.login()
    assert not any(each.ended for each in corp.center.sessions)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "https://other.awsapps.com/start",
            "of another start URL (https://other.awsapps.com/start)",
        ),
        ("", "of an unknown start URL"),
    ],
)
def test_a_sign_in_of_the_aws_cli_to_another_start_url_is_never_sent(
    corp: Corp, url: str, words: str
) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = corp.cli_signs_in(lasts=timedelta(hours=1), url=url)
    before = len(corp.center.asked)
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert (done.code, done.out) == (4, "")
    assert f"the AWS CLI's sign-in, {path}: {words}" in done.err
    assert len(corp.center.asked) == before


@pytest.mark.parametrize("end", ["", "/", "/#/", "#/"])
def test_a_last_slash_makes_no_other_start_url(corp: Corp, end: str) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    corp.cli_signs_in(lasts=timedelta(hours=1), url=corp.center.start_url + end)
    done = corp.world.rolehop("whoami", "own")
    assert done.code == 0, done.err


def test_logout_leaves_the_aws_clis_sign_in_to_another_start_url(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(
        BY_SESSION.replace('role = "Developer"', 'role = "Developer"\nshare_cli_cache = true')
    )
    path = corp.cli_signs_in(lasts=timedelta(hours=1), url="https://other.awsapps.com/start")
    assert corp.world.rolehop("source", "logout", "corp").code == 0
    assert path.exists()
