"""Flags that apply to the last hop, and chains that require a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from rolehop.base.digest import checked_line
from rolehop.vault.notes import without_seal
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, CONFIG, HUB, World

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}'
REASON = CONFIG.replace('labels = { env = "prod" }', 'reason = "required"')
OWN_POLICY = CONFIG.replace(
    'role = "333333333333:role/Admin"',
    'role = "333333333333:role/Admin"\npolicy_arns = ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]',
)


@pytest.mark.parametrize(
    ("flags", "parameters"),
    [
        (["--read-only"], {"PolicyArns.member.1.arn": READ_ONLY}),
        (
            ["--policy-arn", READ_ONLY, "--policy-arn", f"{READ_ONLY}2"],
            {"PolicyArns.member.1.arn": READ_ONLY, "PolicyArns.member.2.arn": f"{READ_ONLY}2"},
        ),
        (["--session-policy", "p.json"], {"Policy": POLICY}),
        (
            ["--tag", "a=b=c", "--tag", "d="],
            {"Tags.member.1.Value": "b=c", "Tags.member.2.Key": "d"},
        ),
        (["--source-identity", "me@home"], {"SourceIdentity": "me@home"}),
        (["--duration", "20m"], {"DurationSeconds": "1200"}),
        (["--reason", "fix  the build"], {"RoleSessionName": "me+fix-the-build"}),
    ],
)
def test_a_flag_changes_the_last_hop_alone_and_makes_it_a_session_of_its_own(
    world: World, flags: list[str], parameters: Mapping[str, str]
) -> None:
    (world.home / "p.json").write_text(POLICY + "\n")
    assert world.rolehop("credential-process", "admin").code == 0
    first, second = (world.rolehop("export", "admin", "--format", "json", *flags) for _ in "12")
    assert (first.code, first.out) == (0, second.out), first.err
    assert world.sts.roles_called == [HUB, ADMIN, ADMIN]
    plain, flagged = (call.params for call in world.sts.calls if call.role == ADMIN)
    assert {name: flagged.get(name) for name in parameters} == parameters
    assert all(plain.get(name) != value for name, value in parameters.items())


def test_a_tag_wins_over_the_same_key_of_the_config(world: World) -> None:
    world.config(
        CONFIG.replace(
            'role = "333333333333:role/Admin"',
            'role = "333333333333:role/Admin"\ntags = { Team = "a", Env = "b" }',
        )
    )
    done = world.rolehop("plan", "admin", "-v", "--tag", "team=c")
    assert "hop 2 tags: Team=c, Env=b" in done.out


@pytest.mark.parametrize(
    ("config", "arguments", "words"),
    [
        (CONFIG, ["plan", "own", "--source-identity", "me"], "--source-identity has no hop to"),
        (CONFIG, ["plan", "own", "--tag", "a=b", "--reason", "x"], "--tag has no hop to change"),
        (CONFIG, ["plan", "admin", "--tag", "a"], "a tag is KEY=VALUE"),
        (CONFIG, ["plan", "admin", "--tag", "a=1", "--tag", "A=2"], "--tag: A has two values"),
        (CONFIG, ["plan", "admin", "--tag", "aws:a=b"], "reserved by AWS"),
        (CONFIG, ["plan", "admin", "--policy-arn", "ReadOnlyAccess"], "not the ARN of a managed"),
        (CONFIG, ["plan", "admin", "--session-policy", "none.json"], "none.json: No such file"),
        (
            CONFIG,
            ["plan", "admin", "--session-policy", "/dev/null"],
            "/dev/null: it is a device",
        ),
        (CONFIG, ["plan", "admin", "--source-identity", "a b"], "not a source identity"),
        (CONFIG, ["plan", "admin", "--reason", " "], "a reason needs a letter or a digit"),
        (CONFIG, ["plan", "admin", "--reason=--"], "a reason needs a letter or a digit"),
        (CONFIG, ["plan", "admin", "--reason", "\u2800"], "a reason needs a letter or a digit"),
        (CONFIG, ["plan", "admin", "--config", ""], "the path of the config file is empty"),
        (CONFIG, ["plan", "admin", *["--policy-arn", READ_ONLY] * 2], "is listed twice"),
        (
            CONFIG,
            ["plan", "admin", "--read-only", "--policy-arn", f"{READ_ONLY}2"],
            "cannot be combined with",
        ),
        (OWN_POLICY, ["plan", "admin", "--read-only"], "has its own"),
    ],
)
def test_impossible_flags_are_refused_before_any_call(
    world: World, config: str, arguments: list[str], words: str
) -> None:
    world.config(config)
    done = world.rolehop(*arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert world.sts.calls == []


def test_policies_by_flag_replace_those_of_the_config_and_the_plan_shows_it(world: World) -> None:
    world.config(OWN_POLICY)
    done = world.rolehop("plan", "admin", "-v", "--policy-arn", READ_ONLY)
    assert f"hop 2 policy ARNs: {READ_ONLY}\n" in done.out
    assert "replace the last hop's own" in done.out


def test_a_reason_can_be_a_tag_and_stays_whole_there(world: World) -> None:
    world.config(REASON.replace('reason = "required"', 'reason_in = "tag"'))
    assert world.rolehop("assume", "admin", "--reason", "fix the build").code == 0
    params = world.sts.calls[-1].params
    assert (params["Tags.member.1.Key"], params["Tags.member.1.Value"]) == (
        "reason",
        "fix the build",
    )
    assert params["RoleSessionName"] == "me"


@pytest.mark.parametrize(
    ("reason", "said"),
    [("修理", "no character of the reason fits"), ("w" * 70, "is cut to fit"), ("why, 修理", "")],
)
def test_a_reason_that_does_not_fit_the_session_name_is_told(
    world: World, reason: str, said: str
) -> None:
    done = world.rolehop("plan", "admin", "--reason", reason)
    assert (done.code, said in done.out) == (0, True)
    assert ('reason_in = "tag" keeps all of it' in done.out) == bool(said)


def test_a_required_reason_is_asked_on_the_terminal_inside_a_capture(world: World) -> None:
    world.config(REASON)
    with OnTerminal(world, "bash", "-c", 'eval "$(rolehop assume admin)" && env') as person:
        person.expect("admin: why do you need it?")
        person.types("")
        person.expect("admin: why do you need it?")
        person.types("INC 42")
        done = person.ended()
    assert (done.code, "ROLEHOP_CHAIN=admin" in done.out) == (0, True), done.err
    assert world.sts.calls[-1].params["RoleSessionName"] == "me+INC-42"


@pytest.mark.parametrize("command", ["assume", "export", "exec", "shell", "refresh", "whoami"])
def test_without_a_terminal_a_required_reason_is_exit_8_before_any_call(
    world: World, command: str
) -> None:
    world.config(REASON)
    done = world.rolehop(command, "admin", *(["--", "true"] if command == "exec" else []))
    assert (done.code, done.out) == (8, "false\n" if command in ("assume", "export") else "")
    assert "--reason TEXT" in done.err
    assert world.sts.calls == []


def test_credential_process_takes_no_reason(world: World) -> None:
    """One in a line of an AWS config looks like one that was typed, and is none."""
    world.config(REASON)
    done = world.rolehop("credential-process", "admin", "--reason", "nightly")
    assert (done.code, done.out) == (2, ""), done.err


def test_refresh_renews_a_shells_session_with_the_flags_it_was_made_with(world: World) -> None:
    # A session of this very second counts as new.
    renew = 'sleep 1; eval "$(rolehop refresh --no-prompt --shell bash)"'
    script = f'set -e; eval "$(rolehop assume admin --read-only --reason why)"; {renew}; {renew}'
    world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
    assert world.rolehop("keys", "add", "me", "--from-env").code == 0
    env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    done = world.run("bash", "-c", script, env=env)
    assert done.code == 0, done.err
    hops = [call.params for call in world.sts.calls if call.role == ADMIN]
    assert len(hops) == 3, done.err
    assert {each.get("PolicyArns.member.1.arn") for each in hops} == {READ_ONLY}
    assert {each["RoleSessionName"] for each in hops} == {"me+why"}


@pytest.mark.parametrize("keyring", [None, "keyring.backends.fail.Keyring"])
def test_who_changes_the_note_of_flags_and_its_digest_widens_nothing(
    world: World, keyring: str | None
) -> None:
    """He can write the state folder, and cannot read the keyring; nor can who has none prove the note."""
    env = {} if keyring is None else {"PYTHON_KEYRING_BACKEND": keyring}
    given = world.rolehop(
        "export", "admin", "--read-only", "--format", "env", "--shell", "sh", env=env
    )
    assert given.code == 0, given.err
    (note,) = (world.state / "flags").iterdir()
    text, seal = without_seal(note.read_text())
    fields = json.loads(text)
    del fields["check"]
    forged = checked_line(json.dumps({**fields, "read_only": False, "policy_arns": [ADMIN_ACCESS]}))
    if keyring is None:
        note.write_text(f"{forged.rstrip()} {seal}\n")
    script = f"{given.out}\nunset ROLEHOP_FLAGS; rolehop refresh --no-prompt --shell sh"
    calls = len(world.sts.calls)
    done = world.run("sh", "-c", script, env=env)
    assert (done.code, done.out.strip()) == (3, "false")
    assert "the note of its flags does not count" in done.err
    assert len(world.sts.calls) == calls


ADMIN_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
