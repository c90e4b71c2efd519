"""Small ways to what one wants: the chain before, help by its name, words of other tools."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

import pytest

from tests.support.fork_server import AS_SHIPPED
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, SCRIPT, World


def with_keys(world: World) -> None:
    """Let the keys of the source rest in the vault, so that a shell can have sessions."""
    world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
    assert world.rolehop("keys", "add", "me", "--from-env", env={**world.alice.environ}).code == 0
    world.more = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "")


def test_assume_goes_back_and_forth(world: World) -> None:
    with_keys(world)
    script = """
    eval "$(rolehop assume hub)"; eval "$(rolehop assume admin)"
    eval "$(rolehop assume -)"; echo "$ROLEHOP_CHAIN"
    eval "$(rolehop assume -)"; echo "$ROLEHOP_CHAIN"
    eval "$(rolehop assume -)"; eval "$(rolehop assume hub)"; eval "$(rolehop assume -)"
    echo "$ROLEHOP_CHAIN"
    rolehop leave | grep ROLEHOP_PREVIOUS_CHAIN; eval "$(rolehop leave)"; eval "$(rolehop assume -)"
    echo "$ROLEHOP_CHAIN"
    unset "${!ROLEHOP@}"; rolehop assume - || echo "code $?"
    """
    with OnTerminal(world, "bash", "-c", script) as person:
        done = person.ended()
    left = ["export", "ROLEHOP_PREVIOUS_CHAIN='admin';", "admin"]
    assert done.out.split() == ["hub", "admin", "admin", *left, "false", "code", "2"], done.err
    assert "there is no chain to go back to" in done.err


def evaluated(text: str, environ: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return ``environ`` after statements for sh; ``None`` unsets a variable."""
    after = dict(environ)
    for line in text.splitlines():
        if line.startswith("export "):
            name, _, value = shlex.split(line.rstrip(";"))[1].partition("=")
            after[name] = value
        elif line.startswith("unset "):
            after[line.removeprefix("unset ").rstrip(";")] = None
    return after


def test_assume_goes_back_with_the_flags_of_the_chain_before(world: World) -> None:
    with_keys(world)
    environ: dict[str, str | None] = {}
    for arguments in (["admin", "-r", "--region", "us-east-1"], ["hub"]):
        done = world.rolehop("export", *arguments, "--shell", "sh", env=environ)
        environ = evaluated(done.out, environ)
    flags = next((world.state / "flags").iterdir())
    assert (environ["ROLEHOP_PREVIOUS_FLAGS"], flags.stem) == (
        "--read-only --region=us-east-1",
        environ["ROLEHOP_PREVIOUS_KEY_ID"],
    )
    assert environ["AWS_REGION"] != "us-east-1"
    back = world.rolehop("assume", "-", "-d", "20m", "--shell", "sh", env=environ)
    assert back.code == 0, back.err
    assert evaluated(back.out, environ)["AWS_REGION"] == "us-east-1"
    asked = world.sts.calls[-1].params
    assert asked["PolicyArns.member.1.arn"].endswith("ReadOnlyAccess")
    assert asked["DurationSeconds"] == "1200"
    flags.unlink()  # as after a week
    lost = world.rolehop("assume", "-", "--shell", "sh", env=environ)
    assert (lost.code, lost.out) == (3, "false\n")
    assert "rolehop assume admin --read-only" in lost.err
    current = evaluated(back.out, environ)
    next((world.state / "flags").iterdir()).unlink()
    assert "the note of its flags is gone" in world.rolehop("refresh", env=current).err
    left = evaluated(world.rolehop("leave", "--shell", "sh", env=current).out, current)
    assert {
        name: value for name, value in left.items() if name.startswith("ROLEHOP") and value
    } == {
        "ROLEHOP_PREVIOUS_CHAIN": "admin",
        "ROLEHOP_PREVIOUS_FLAGS": "--duration --read-only --region=us-east-1",
        "ROLEHOP_PREVIOUS_KEY_ID": current["AWS_ACCESS_KEY_ID"],
    }


@pytest.mark.parametrize("command", ["assume", "keys", "help"])
def test_help_is_a_command_too(shared_world: World, command: str) -> None:
    usual = shared_world.rolehop(command, "--help").out
    assert shared_world.rolehop("help", command).out == usual
    assert shared_world.rolehop("help").out == shared_world.rolehop("--help").out
    below = shared_world.rolehop("help", "keys", "rotate")
    assert below.out == shared_world.rolehop("keys", "rotate", "--help").out
    assert shared_world.rolehop("help", "assume", "rotate").code == 2


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("asume", "assume"), ("keys roate", "rotate"), ("unset", ""), ("x", ""), ("hub", "")],
)
def test_help_about_a_wrong_command_is_the_answer_of_that_command(
    shared_world: World, wrong: str, meant: str
) -> None:
    asked = shared_world.rolehop("help", *wrong.split())
    assert (asked.code, asked.err) == (2, shared_world.rolehop(*wrong.split()).err)
    assert len(asked.err.splitlines()) <= 3
    assert (f"Did you mean '{meant}'?" in asked.err) == bool(meant)
    assert ("\n  rolehop assume hub" in asked.err) == (wrong == "hub")


@pytest.mark.parametrize("wrong", ["plant-x", "insert", "--list", "--format"])
def test_nothing_is_meant_by_a_word_that_is_not_near(shared_world: World, wrong: str) -> None:
    done = shared_world.rolehop(wrong)
    assert done.code == 2
    assert "mean" not in done.err


@pytest.mark.parametrize(
    ("word", "ours"),
    [("print", "rolehop export"), ("env", "rolehop export"), ("run", "rolehop exec")],
)
def test_words_of_other_tools_are_answered_with_ours(
    shared_world: World, word: str, ours: str
) -> None:
    done = shared_world.rolehop(word)
    assert done.code == 2
    assert ours in done.err


def test_the_common_flags_are_short(world: World) -> None:
    hop = world.rolehop("plan", "admin", "-r", "-d", "30m", "--format", "json").json["hops"][-1]
    assert hop["duration"] == 1800
    assert world.rolehop("exec", "admin", "-r", "-d", "15m", "--", "true").code == 0
    assert world.sts.calls[-1].params["PolicyArns.member.1.arn"].endswith("ReadOnlyAccess")


def test_a_refresh_of_many_counts_and_ends_with_one_line(world: World) -> None:
    accounts = ", ".join(f'"{number:012d}"' for number in range(1, 201))
    text = world.config_file.read_text()
    world.config(
        f'{text}\n[fleets.many]\nfrom = "hub"\nrole = "{{account}}:role/Audit"\n'
        f"accounts = [{accounts}]\n"
    )
    for number in range(1, 201):
        world.sts.world.role(
            f"arn:aws:iam::{number:012d}:role/Audit", trusts=["arn:aws:iam::222222222222:role/Hub"]
        )
    with OnTerminal(world, SCRIPT, "refresh", "many/*", stderr_too=True) as person:
        person.expect("of 200 chains walked", 60)
        person.expect("of 201 sessions stored", 60)
        done = person.ended(90)
    assert done.code == 0, person.shown
    assert "rolehop: 200 refreshed, 0 failed, " in person.shown


def test_a_slow_call_says_what_it_waits_for(world: World) -> None:
    command = (SCRIPT, "exec", "hub", "--", "true")
    with (
        world.sts.held(),
        OnTerminal(world, *command, stderr_too=True, before=AS_SHIPPED) as person,
    ):
        person.expect_match(r"hop 1 of 1  222222222222:role/Hub  waiting for AWS for \d+ s")
        world.sts.let_go()
        done = person.ended()
    assert done.code == 0
    assert "hop 1 of 1  222222222222:role/Hub  called, 1 h left" in person.shown


def test_names_that_people_type_are_the_commands_they_mean(world: World) -> None:
    assert world.rolehop("ls").out == world.rolehop("list").out
    assert "Sign in to a source" in world.rolehop("login", "--help").out
    assert world.rolehop("-V").out == world.rolehop("--version").out


def test_rolehop_alone_shows_its_help_the_commands_of_every_day_first(world: World) -> None:
    done = world.rolehop()
    assert (done.code, done.err) == (0, "")
    assert done.out == world.rolehop("--help").out
    heads = [line for line in done.out.splitlines() if line.endswith(":")]
    assert heads == ["Every day:", "Walk:", "Inspect:", "Set up:", "Global:"]
    options = [
        line for line in world.rolehop("exec", "--help").out.splitlines() if line[-1:] == ":"
    ]
    assert options[-4:] == ["Session:", "Policies:", "Global:", "Examples:"]


def test_a_remark_that_an_example_has_no_room_for_stands_above_it(world: World) -> None:
    shown = world.rolehop("assume", "--help", env={"COLUMNS": "80"}).out
    assert "\n  # back to the chain before this one\n  rolehop assume -\n" in shown
    assert "  # bash, zsh, sh\n" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "\n\n\n" not in shown
