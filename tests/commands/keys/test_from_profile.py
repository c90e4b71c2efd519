"""`keys add --from-profile`: keys of AWS profiles are tried, stored and read back before they leave the file."""

from __future__ import annotations

import pytest

from tests.support.aws_files import pair, plain
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

OTHERS = "[other]\nregion = eu-west-1\n"


def credentials(world: World) -> str:
    return (world.home / ".aws" / "credentials").read_text()


def test_keys_leave_the_file_after_a_yes_and_are_in_no_other_file(world: World) -> None:
    text = f"[alice]\n{pair(world.alice)}region = eu-west-1\n{OTHERS}"
    world.aws_credentials(text)
    with OnTerminal(world, SCRIPT, "keys", "add", "me", "--from-profile", "alice") as person:
        person.expect(f"Remove 1 pair of keys from {world.home}/.aws/credentials? [y/N]")
        person.types("n")
        done = person.ended()
    assert done.code == 0, done.err
    assert "the keys are still in" in done.err
    assert credentials(world) == text
    with OnTerminal(world, SCRIPT, "keys", "add", "me", "--from-profile", "alice") as person:
        person.expect("[y/N]")
        person.types("y")
        done = person.ended()
    assert done.code == 0, done.err
    assert f"the keys of AWS profile 'alice' work: {world.alice.arn}" in done.err
    assert "rolehop profile install --take-over alice" in done.err
    assert f"moved to the keyring: me, out of {world.home}/.aws/credentials" in done.err
    assert plain(world) == []
    assert credentials(world) == (
        f"[alice]\n# rolehop has this in the keyring: aws_access_key_id = {world.alice.key.access_key_id}\n"
        f"# rolehop has this in the keyring: aws_secret_access_key={{me}}\nregion = eu-west-1\n{OTHERS}"
    )
    for shown in (done.out, done.err):
        assert world.alice.key.secret not in shown


def test_all_profiles_at_once_and_why_one_is_left_out(world: World) -> None:
    bob = world.sts.world.user("111111111111", "bob")
    dead = (
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x/gone/gone/gone/gone\n"
    )
    world.aws_config(f"[profile in-config]\n{pair(bob)}")
    world.aws_credentials(
        f"[default]\n{pair(world.alice)}[dead]\n{dead}[temporary]\n{pair(world.alice)}"
        "aws_session_token = x\n[half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"
    )
    done = world.rolehop("keys", "add", "--all-profiles", "--yes")
    assert done.code == 0, done.err
    for said in (
        "left out: AWS profile 'dead': InvalidClientTokenId",
        "left out: AWS profile 'temporary': they are the keys of a session",
        "left out: AWS profile 'half': it has half a pair of keys",
        "stored under 'in-config'",
    ):
        assert said in done.err
    # The same secret is in the profile that stays: nothing was moved out of the reach of programs.
    assert f"removed, but the same secret is still in {world.home}/.aws/credentials:9" in done.err
    names = [
        each["name"] for each in world.rolehop("keys", "list", "--format", "json").json["keys"]
    ]
    assert sorted(names) == ["default", "in-config"]
    assert bob.key.secret not in (world.home / ".aws" / "config").read_text()


def test_keys_of_profiles_whose_names_no_chain_can_have_are_the_imports_and_stay(
    world: World,
) -> None:
    """Without them, programs that use the profile would find other credentials, or none."""
    bob = world.sts.world.user("111111111111", "bob")
    world.config_file.unlink()
    text = f"[m\u00fcnchen]\n{pair(world.alice)}[a b]\n{pair(bob)}"
    own = pair(world.sts.world.user("111111111111", "own"))
    world.aws_credentials(f"{text}[a-b]\n{own}")
    assert world.rolehop("config", "import", "--yes").code == 0
    done = world.rolehop("keys", "add", "--all-profiles", "--yes")
    assert done.code == 0, done.err
    assert (
        "left out: AWS profile 'a b': those of 'a-b' get its name in the keyring, a-b" in done.err
    )
    assert "stay in the file, too: no chain can have its name" in done.err
    assert credentials(world).startswith(text)
    assert own not in credentials(world)
    assert world.rolehop("exec", "munchen", "--", "true").code == 0


def test_keys_that_were_moved_are_said_to_be(world: World) -> None:
    world.aws_credentials(f"[alice]\n{pair(world.alice)}")
    assert world.rolehop("keys", "add", "me", "--from-profile", "alice", "--yes").code == 0
    done = world.rolehop("keys", "add", "you", "--from-profile", "alice", "--yes")
    assert done.code == 2
    assert "they were moved to the keyring, as 'me'" in done.err


@pytest.mark.parametrize(
    ("text", "code", "said"),
    {
        "no such profile": (OTHERS, 4, "there is no AWS profile 'alice'"),
        "no keys": ("[alice]\nregion = x\n", 2, "it has no keys in a file"),
        "refused": (
            "[alice]\naws_access_key_id=AKIAIOSFODNN7EXAMPLE\naws_secret_access_key=x/gone/gone/gone\n",
            4,
            "AWS refuses the keys of AWS profile 'alice', and they stay where they are",
        ),
    }.values(),
)
def test_keys_that_do_not_work_are_not_stored(
    world: World, text: str, code: int, said: str
) -> None:
    world.aws_credentials(text)
    done = world.rolehop("keys", "add", "alice", "--from-profile", "alice", "--yes")
    assert done.code == code
    assert said in done.err
    assert (credentials(world), world.items_for_aws()) == (text, [])


def test_other_keys_under_the_name_are_not_replaced_unasked(world: World) -> None:
    bob = world.sts.world.user("111111111111", "bob")
    assert world.rolehop("keys", "add", "alice", "--from-env").code == 0
    world.aws_credentials(f"[alice]\n{pair(bob)}")
    done = world.rolehop("keys", "add", "alice", "--from-profile", "alice", "--yes")
    assert done.code == 2
    assert "other keys are stored under 'alice'" in done.err
    done = world.rolehop("keys", "add", "alice", "--from-profile", "alice", "--yes", "--replace")
    assert done.code == 0, done.err
    assert bob.key.secret not in credentials(world)


def test_the_only_copy_of_other_keys_is_not_replaced(world: World) -> None:
    bob = world.sts.world.user("111111111111", "bob")
    world.aws_credentials(f"[alice]\n{pair(world.alice)}[bob]\n{pair(bob)}")
    assert world.rolehop("keys", "add", "me", "--from-profile", "alice", "--yes").code == 0
    replace = ("keys", "add", "me", "--from-profile", "bob", "--yes", "--replace")
    done = world.rolehop(*replace)
    assert done.code == 2
    assert "'me' has the only copy of the keys of AWS profile 'alice'" in done.err
    assert world.alice.key.secret in "".join(each.read_text() for each in world.items())
    assert "still has keys" not in world.rolehop("doctor", "-v").out, "no backup has them"


def test_where_no_keyring_lasts_the_ways_out_are_named_before_anything_is_asked(
    world: World,
) -> None:
    text = f"[alice]\n{pair(world.alice)}"
    world.aws_credentials(text)
    none = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    for how in ([], ["--from-profile", "alice", "--yes"], ["--stdin"]):
        with OnTerminal(world, SCRIPT, "keys", "add", "alice", *how, env=none) as person:
            done = person.ended()
        assert done.code == 7, how
        assert "try" in done.err
        assert "Access key ID" not in done.out
    assert credentials(world) == text


def test_keys_that_a_source_reads_in_the_file_stay_there(world: World) -> None:
    text = f"[alice]\n{pair(world.alice)}"
    world.aws_credentials(text)
    world.config('version = 1\n[sources.me]\ntype = "profile"\nprofile = "alice"\n')
    done = world.rolehop("keys", "add", "--from-profile", "alice", "--yes")
    assert done.code == 0, done.err
    assert "stay in the file, too: source 'me' reads them there" in done.err
    assert credentials(world) == text


def test_without_a_terminal_they_are_stored_and_stay(world: World) -> None:
    text = f"[alice]\n{pair(world.alice)}"
    world.aws_credentials(text)
    done = world.rolehop("keys", "add", "--from-profile", "alice")
    assert done.code == 8
    assert "the keys are stored, and still in" in done.err
    assert credentials(world) == text


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["alice", "--yes"],
        ["alice", "--all-profiles"],
        ["alice", "--from-env", "--from-profile", "x"],
        ["--all-profiles", "--replace"],
    ],
    ids=" ".join,
)
def test_what_does_not_go_together_is_refused(world: World, arguments: list[str]) -> None:
    assert world.rolehop("keys", "add", *arguments).code == 2
