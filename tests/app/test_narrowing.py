"""A session that was narrowed never widens by itself: its flags go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rolehop.app.context import App
from rolehop.app.narrowing import carry_on
from rolehop.plan.walk_options import HOP_FLAGS, WalkOptions
from rolehop.vault.notes import without_seal
from tests.support.world import ADMIN, AUDITS, CONFIG, World

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
OTHER = "arn:aws:iam::aws:policy/Other"

MADE_WITH: dict[str, Any] = {
    "duration": 900,
    "read_only": True,
    "tags": (("team", "a"), ("Env", "test")),
    "source_identity": "me",
    "reason": "first",
}


def carried(
    tmp_path: Path, made_with: dict[str, Any], typed: dict[str, Any], *, required: bool = False
) -> tuple[WalkOptions, list[str]]:
    notes: list[str] = []
    app = App({}, tmp_path, notify=notes.append)
    options = carry_on(
        app, WalkOptions(**made_with), WalkOptions(**typed), reason_required=required
    )
    return options, notes


@pytest.mark.parametrize(
    ("made_with", "typed", "now", "note"),
    [
        (MADE_WITH, {}, MADE_WITH, ""),
        (MADE_WITH, {"reason": "second"}, {**MADE_WITH, "reason": "second"}, ""),
        (
            MADE_WITH,
            {"duration": 1800},
            {**MADE_WITH, "duration": 1800},
            "--duration of the session before gives way to --duration",
        ),
        (
            MADE_WITH,
            {"tags": (("TEAM", "b"), ("x", "y"))},
            {**MADE_WITH, "tags": (("Env", "test"), ("TEAM", "b"), ("x", "y"))},
            "--tag of the session before gives way to --tag",
        ),
        (
            {"read_only": True, "duration": 900},
            {"policy_arns": (OTHER,), "reason": "why"},
            {"policy_arns": (OTHER,), "duration": 900, "reason": "why"},
            "--read-only of the session before gives way to --policy-arn",
        ),
        (
            {"policy_arns": (OTHER,), "policy": "{}"},
            {"read_only": True},
            {"read_only": True},
            "--policy-arn, --session-policy of the session before gives way to --read-only",
        ),
        (
            {"policy_arns": (OTHER,)},
            {"policy": "{}"},
            {"policy": "{}"},
            "--policy-arn of the session before gives way to --session-policy",
        ),
        ({"policy_arns": (OTHER,)}, {"policy_arns": (OTHER,)}, {"policy_arns": (OTHER,)}, ""),
        ({"region": "eu-west-1"}, {"min_ttl": 60}, {"region": "eu-west-1", "min_ttl": 60}, ""),
        ({"region": "eu-west-1"}, {"region": "eu-west-2"}, {"region": "eu-west-2"}, ""),
    ],
)
def test_flags_go_on_unless_they_are_typed_anew(
    tmp_path: Path, made_with: dict[str, Any], typed: dict[str, Any], now: dict[str, Any], note: str
) -> None:
    options, notes = carried(tmp_path, made_with, typed)
    assert options == WalkOptions(**now)
    assert notes == ([note] if note else [])


@pytest.mark.parametrize("each", HOP_FLAGS, ids=lambda each: each.flag)
def test_no_flag_is_lost_when_another_one_is_typed(tmp_path: Path, each: Any) -> None:
    """A flag that is added later is carried on, too."""
    value = {**MADE_WITH, "policy_arns": (OTHER,), "policy": "{}"}[each.field]
    other = {"reason": "second"} if each.field != "reason" else {"duration": 900}
    options, notes = carried(tmp_path, {each.field: value}, other)
    assert (getattr(options, each.field), notes) == (
        "second" if each.field == "reason" and "reason" in other else value,
        [],
    )


def test_a_required_reason_is_given_anew_each_time(tmp_path: Path) -> None:
    """What was written down by another process proves nothing."""
    options, notes = carried(tmp_path, MADE_WITH, {}, required=True)
    assert (options.reason, options.read_only, notes) == (None, True, [])
    assert carried(tmp_path, MADE_WITH, {"reason": "x"}, required=True)[0].reason == "x"


@pytest.mark.parametrize(
    ("flags", "policies"),
    [
        (("--reason", "b"), READ_ONLY),
        (("--duration", "20m"), READ_ONLY),
        (("--tag", "a=b"), READ_ONLY),
        (("--source-identity", "me"), READ_ONLY),
        (("--policy-arn", OTHER), OTHER),
    ],
)
@pytest.mark.parametrize("again", ["refresh", "assume -"])
def test_a_shell_keeps_its_limit_whatever_else_is_typed(
    world: World, again: str, flags: tuple[str, ...], policies: str
) -> None:
    world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
    assert world.rolehop("keys", "add", "me", "--from-env").code == 0
    words = " ".join(flags)
    made = f"rolehop refresh --shell bash {words}"
    if again != "refresh":
        made = f"rolehop assume - {words}"
    between = "" if again == "refresh" else 'eval "$(rolehop assume hub --shell bash)"; '
    script = (
        'set -e; eval "$(rolehop assume admin --read-only --reason a --shell bash)"; '
        f'{between}eval "$({made})"; echo "$ROLEHOP_FLAGS"'
    )
    env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    done = world.run("bash", "-c", script, env=env)
    assert done.code == 0, done.err
    first, last = (call.params for call in world.sts.calls if call.role == ADMIN)
    assert first["PolicyArns.member.1.arn"] == READ_ONLY
    assert last["PolicyArns.member.1.arn"] == policies
    assert ("of the session before gives way to" in done.err) is (policies == OTHER)
    assert ("--read-only" in done.out) is (policies == READ_ONLY)


def test_a_run_that_is_resumed_keeps_the_limit_of_the_run(world: World) -> None:
    command = ("--", "sh", "-c", 'test -e ok-"$AWS_ACCOUNT_ID"')
    (world.home / "ok-444444444444").touch()
    assert world.rolehop("each", "spokes/*", "--read-only", "--duration", "20m", *command).code == 1
    (world.home / "ok-555555555555").touch()
    done = world.rolehop("each", "spokes/*", "--resume", "--reason", "again", *command)
    assert done.code == 0, done.err
    last = [call.params for call in world.sts.calls if call.role == AUDITS[1]][-1]
    assert last["PolicyArns.member.1.arn"] == READ_ONLY
    assert last["DurationSeconds"] == "1200"
    assert last["RoleSessionName"] == "me+again"


@pytest.mark.parametrize(
    "edited", ["unset ROLEHOP_FLAGS", "export ROLEHOP_FLAGS=--duration", "export ROLEHOP_FLAGS="]
)
@pytest.mark.parametrize("way_in", ["assume", "each"])
def test_a_variable_that_is_edited_drops_no_limit(world: World, way_in: str, edited: str) -> None:
    world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
    assert world.rolehop("keys", "add", "me", "--from-env").code == 0
    env = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    flags = ("admin", "--read-only", "--duration", "20m")
    script = f'{edited}; eval "$(rolehop refresh --shell bash)"; echo "has $ROLEHOP_FLAGS"'
    if way_in == "each":
        done = world.rolehop("each", *flags, "--", "bash", "-c", script, env=env)
    else:
        assumed = f'eval "$(rolehop assume {" ".join(flags)} --shell bash)"; '
        done = world.run("bash", "-c", assumed + script, env=env)
    assert done.code == 0, done.err
    assert "--read-only" in done.out.partition("has ")[2]
    policies = [
        call.params.get("PolicyArns.member.1.arn") for call in world.sts.calls if call.role == ADMIN
    ]
    assert policies == [READ_ONLY] * 2


FAILS = ("--", "sh", "-c", 'echo "has $ROLEHOP_FLAGS"; test -e ok-"$AWS_ACCOUNT_ID"')


def test_a_run_that_was_resumed_with_a_limit_keeps_it_the_next_time(world: World) -> None:
    """What was ok before stays so."""
    (world.home / "ok-444444444444").touch()
    assert world.rolehop("each", "spokes/*", *FAILS).code == 1
    assert world.rolehop("each", "spokes/*", "--resume", "--read-only", *FAILS).code == 1
    again = world.rolehop("each", "spokes/*", "--resume", *FAILS)
    assert (again.code, again.out.count("has --read-only")) == (1, 1), again.err
    assert "444444444444" not in again.err


def test_a_run_that_has_more_targets_is_the_last_one_of_each(world: World) -> None:
    assert world.rolehop("each", "spokes/444444444444", "--read-only", *FAILS).code == 1
    assert world.rolehop("each", "spokes/*", "--resume", *FAILS).code == 1
    again = world.rolehop("each", "spokes/555555555555", "--resume", *FAILS)
    assert (again.code, again.out.count("has --read-only")) == (1, 1), again.err


@pytest.mark.parametrize("trusted", [(), ("--trust-log",)])
def test_no_target_is_resumed_with_the_flags_of_another_ones_run(
    world: World, trusted: tuple[str, ...]
) -> None:
    assert world.rolehop("each", "spokes/444444444444", "--read-only", *FAILS).code == 1
    assert world.rolehop("each", "spokes/555555555555", *FAILS).code == 1
    done = world.rolehop("each", "spokes/*", "--resume", *trusted, *FAILS)
    assert (done.code, done.out) == (2, "")
    assert "spokes/444444444444" in done.err
    alone = world.rolehop("each", "spokes/444444444444", "--resume", *trusted, *FAILS)
    assert (alone.code, alone.out.count("has --read-only")) == (1, 1), alone.err


@pytest.mark.parametrize("changed", ["damaged", "gone"])
@pytest.mark.parametrize("pattern", ["spokes/*", "spokes/444444444444"])
def test_a_log_that_is_damaged_or_gone_gives_way_to_no_wider_run(
    world: World, changed: str, pattern: str
) -> None:
    """Also if it is not that of the last run."""
    assert world.rolehop("each", "spokes/*", *FAILS).code == 1
    assert world.rolehop("each", "spokes/444444444444", "--read-only", *FAILS).code == 1
    log = max((world.state / "runs").iterdir())
    if pattern == "spokes/*":
        assert world.rolehop("each", "spokes/555555555555", *FAILS).code == 1
    if changed == "gone":
        log.unlink()
    else:
        log.write_bytes(log.read_bytes()[1:])
    done = world.rolehop("each", pattern, "--resume", *FAILS)
    assert (done.code, done.out) == (2, ""), done.err
    assert "is not followed" in done.err
    trusting = world.rolehop("each", "spokes/444444444444", "--resume", "--trust-log", *FAILS)
    assert trusting.out.count("has ") == 1
    assert (f"{log} is damaged" in trusting.err) is (changed == "damaged")


def test_a_target_that_was_not_resumed_keeps_its_limit(world: World) -> None:
    """Also if another one of its run was resumed with other flags."""
    wide = ("--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess")
    assert world.rolehop("each", "spokes/*", "--read-only", *FAILS).code == 1
    assert world.rolehop("each", "spokes/444444444444", "--resume", *wide, *FAILS).code == 1
    other = world.rolehop("each", "spokes/555555555555", "--resume", *FAILS)
    assert (other.code, other.out) == (1, "has --read-only\n"), other.err
    both = world.rolehop("each", "spokes/*", "--resume", *FAILS)
    assert (both.code, both.out) == (2, "")


def test_a_run_that_goes_on_for_one_more_target_takes_no_other_one_over(world: World) -> None:
    """A later run of a target counts, with its flags and with what became of it."""
    (world.home / "ok-444444444444").touch()
    spokes = "spokes/444444444444", "spokes/555555555555"
    assert world.rolehop("each", *spokes, *FAILS).code == 1
    (world.home / "ok-444444444444").unlink()
    assert world.rolehop("each", spokes[0], "--read-only", *FAILS).code == 1
    assert world.rolehop("each", spokes[1], "hub", "--resume", *FAILS).code == 1
    again = world.rolehop("each", spokes[0], "--resume", *FAILS)
    assert (again.code, again.out) == (1, "has --read-only\n"), again.err


def test_targets_whose_runs_differ_only_in_the_reason_are_resumed_together(world: World) -> None:
    assert world.rolehop("each", "spokes/444444444444", "--reason", "a", *FAILS).code == 1
    assert world.rolehop("each", "spokes/555555555555", "--reason", "b", *FAILS).code == 1
    (world.home / "ok-444444444444").touch()
    one = world.rolehop("each", "spokes/444444444444", "--resume", "--reason", "c", *FAILS)
    assert one.code == 0, one.err
    both = world.rolehop("each", "spokes/*", "--resume", *FAILS)
    assert (both.code, both.out) == (1, "has --reason\n"), both.err


def test_what_went_on_from_a_log_that_nothing_proved_is_not_proven_either(world: World) -> None:
    """It took over which targets were ok, and which flags they had."""
    (world.home / "ok-444444444444").touch()
    assert world.rolehop("each", "spokes/*", *FAILS).code == 1
    log = max((world.state / "runs").iterdir())
    lines = log.read_text().splitlines()
    log.write_text("".join(f"{without_seal(each)[0].rstrip()}\n" for each in lines))
    trusting = "--resume", "--trust-log"
    assert world.rolehop("each", "spokes/*", *trusting, "--read-only", *FAILS).code == 1
    done = world.rolehop("each", "spokes/*", "--resume", *FAILS)
    assert (done.code, done.out) == (2, "")
    assert "nothing proved" in done.err
    assert "--trust-log" in done.err
    done = world.rolehop("each", "spokes/*", *trusting, *FAILS)
    assert (done.code, done.out) == (1, "has --read-only\n"), done.err
    assert world.rolehop("each", "spokes/*", *FAILS).code == 1
    assert world.rolehop("each", "spokes/*", "--resume", *FAILS).code == 1


def test_the_flags_of_a_session_are_noted_once_for_all_regions(world: World) -> None:
    """Each time would put a new file in the place of the note."""
    notes = str(world.state / "flags")
    regions = "--region", "us-east-1,eu-west-1"
    words = "each", "spokes/444444444444", *regions, "--read-only", "-j", "1"
    done = world.rolehop(*words, "--", "ls", "-i", notes)
    assert done.code == 0, done.err
    first, second = done.out.splitlines()
    assert first == second
