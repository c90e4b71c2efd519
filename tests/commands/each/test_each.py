"""``each``: a command in every account, the exit code, and no account skipped silently."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from tests.commands.each.fleet import ACCOUNTS, CONFIG, classes_of, give_fleet, lines_of, role_of
from tests.guide.json_page import differences
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import AUDIT, AUDITS, HUB, SCRIPT, World, ended, temporary_world


@pytest.fixture(scope="module")
def fleet() -> Iterator[World]:
    with temporary_world() as world:
        give_fleet(world, refused=())
        yield world


UNNAMED = "{account_name} has no value: the account has no name"

# ---- what a command gets


def test_every_target_has_a_session_of_its_own_and_hops_are_shared(world: World) -> None:
    give_fleet(world, refused=())
    words = "echo {chain} {account} {account_name} {role}; env; cat; echo to stderr >&2"
    env = {"AWS_PROFILE": "other", "ROLEHOP_MFA_CODE": "123456", "ROLEHOP_ACCOUNT_NAME": "old"}
    done = world.rolehop(
        "each", "far", "hub", "--format", "json", "--", "sh", "-c",
        words.replace("{account_name}", "$ROLEHOP_ACCOUNT_NAME"), env=env, input="not for them",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = lines_of(done)
    assert found.keys() == {*ACCOUNTS, "hub"}
    for name, account in ACCOUNTS.items():
        first, *variables = found[name]["stdout"].splitlines()
        assert first == f"far/{name} {account} {name} Far"
        child = dict(line.partition("=")[::2] for line in variables)
        session = world.sts.world.keys[child["AWS_ACCESS_KEY_ID"]]
        assert session.arn == f"arn:aws:sts::{account}:assumed-role/Far/me"
        assert (child["AWS_ACCOUNT_ID"], child["ROLEHOP_CHAIN"]) == (account, f"far/{name}")
        assert not child.keys() & {"AWS_PROFILE", "ROLEHOP_MFA_CODE"}
        assert "not for them" not in found[name]["stdout"]
        assert found[name]["stderr"] == "to stderr\n"
        assert found[name]["error"] is None
    assert found["hub"]["stdout"].startswith("hub 222222222222 Hub\n")
    assert sorted(world.sts.roles_called) == sorted([HUB, *map(role_of, ACCOUNTS)])


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2)")
def test_a_command_does_not_read_the_other_sessions_in_the_memory_of_rolehop(world: World) -> None:
    """Nor the source's keys, which the environment of this process has."""
    as_anybody = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    reads = "head -c 9 /proc/$PPID/environ; exec 3</proc/$PPID/mem"
    words = ("each", "admin", "--format", "json", "--", "sh", "-c", reads)
    found = lines_of(world.run(*as_anybody, SCRIPT, *words))["admin"]
    assert (found["stdout"], found["stderr"].count("Permission denied")) == ("", 2)


def test_what_commands_write_comes_in_one_piece_and_the_table_is_on_stderr(fleet: World) -> None:
    script = (
        "for n in 1 2 3; do echo {account} $n; done; printf no-end; test {account} != "
        + (ACCOUNTS["failing"])
    )
    done = fleet.rolehop("each", "far/*", "-j", "3", "--", "sh", "-c", script)
    assert done.code == 1
    pieces = sorted(
        line for account in ACCOUNTS.values() for line in [f"{account} {n}" for n in "123"]
    )
    lines = done.out.splitlines()
    assert sorted(line for line in lines if line != "no-end") == pieces
    groups = [lines[at : at + 4] for at in range(0, len(lines), 4)]
    for group in groups:
        assert len({line.split()[0] for line in group[:3]}) == 1
        assert group[3] == "no-end"
    table = done.err[done.err.index("CHAIN ") :].splitlines()
    rows = [re.split(r"\s{3,}", line) for line in table[1:-2]]
    assert [row[0] for row in rows] == [f"far/{name}" for name in ACCOUNTS]
    assert [(*row[1:3], row[4]) for row in rows if row[0] == "far/failing"] == [
        ("failing", "1", "✗ command failed")
    ]
    assert table[-2:] == [
        "6 targets: 5 ok, 1 command failed",
        "retry the rest: add --resume",
    ]
    heads = [line for line in done.err.splitlines() if line.startswith("==> far/")]
    assert sorted(heads) == sorted(f"==> far/{n} ({n}, {a}) <==" for n, a in ACCOUNTS.items())


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 1), ("kill -9 $$", 1)])
def test_the_exit_code_is_1_if_any_command_failed(fleet: World, script: str, code: int) -> None:
    """Others exit with 0 then (c7n-org, cloud-custodian #2656)."""
    done = fleet.rolehop("each", "far/good", "--format", "json", "--", "sh", "-c", script)
    assert done.code == code
    assert lines_of(done)["good"]["exit_code"] == {"exit 0": 0, "exit 3": 3}.get(script, 137)


def test_chains_are_chosen_by_globs_labels_and_fleets_and_left_out(fleet: World) -> None:
    def chosen(*words: str) -> list[str]:
        done = fleet.rolehop("each", *words, "--dry-run", "--format", "json", "--", "true")
        return [json.loads(line)["chain"] for line in done.out.splitlines()]

    names = [f"far/{name}" for name in ACCOUNTS]
    assert chosen("far") == chosen("far/*") == chosen("label:env=test") == names
    assert chosen("hub", "far/s*", "hub") == ["hub", "far/slow"]
    assert (
        chosen("*", "--exclude", "far", "--exclude", "nothing*") == []
    )  # a mistyped one is an error
    assert chosen("*", "--exclude", "far/*") == ["hub"]
    done = fleet.rolehop("each", "far", "--exclude", "faar", "--", "true")
    assert (done.code, done.out) == (3, "")


# ---- what goes wrong, for some of them


def test_every_way_to_fail_has_its_class_and_the_others_still_run(world: World) -> None:
    """Denied accounts end the run, or are skipped, elsewhere (cloud-custodian #7478)."""
    give_fleet(world)
    world.sts.throttle(4, role=role_of("slow"))
    script = f"""
        case {{account}} in
        {ACCOUNTS["failing"]}) exit 7;;
        {ACCOUNTS["loud"]}) head -c 100000000 /dev/zero | tr '\\0' x;;
        {ACCOUNTS["quiet"]}) printf unfinished;;
        *) echo fine;;
        esac"""
    done = world.rolehop(
        "each", "far/*", "hub", "--format", "json", "--", "sh", "-c", script,
        env={"AWS_MAX_ATTEMPTS": "2"},
    )  # fmt: skip
    found = lines_of(done)
    assert (done.code, {name: each["class"] for name, each in found.items()}) == (
        1,
        {
            "good": "ok",
            "failing": "command failed",
            "refused": "refused",
            "slow": "ok",  # its walk was tried again
            "loud": "ok",
            "quiet": "ok",
            "hub": "ok",
        },
    )
    assert found["failing"]["exit_code"] == 7
    refused = found["refused"]
    assert (refused["exit_code"], refused["seconds"], refused["stdout"]) == (None, None, None)
    assert refused["error"]["what"].startswith("AWS refused hop 2 of far/refused, ")
    assert "is not authorized to perform: sts:AssumeRole" in refused["error"]["cause"]
    assert (refused["account"], refused["role"]) == (ACCOUNTS["refused"], "Far")
    assert found["quiet"]["stdout"] == "unfinished"
    assert (len(found["loud"]["stdout"]), found["loud"]["cut"]) == (1 << 20, True)
    called = world.sts.roles_called
    assert (called.count(HUB), called.count(role_of("slow"))) == (1, 5)


def test_a_person_is_needed_once_not_for_every_account(world: World) -> None:
    give_fleet(world, refused=())
    world.config(
        CONFIG.replace('"environment"', '"keys"') + 'a = "1"\n'.replace('"1"', '"111111111111"')
    )
    done = world.rolehop("each", "far", "hub", "--format", "json", "--", "true")
    assert (done.code, set(classes_of(done).values())) == (1, {"no sign-in"})
    assert world.sts.calls == []


def test_a_name_that_a_shell_would_read_is_not_filled_in(world: World) -> None:
    hostile = "x$(touch got-in)"
    world.aws_config(f'[profile "{hostile}"]\nrole_arn = {HUB}\nsource_profile = base\n')
    key = world.alice.key
    world.aws_credentials(
        f"[base]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"
    )
    done = world.rolehop("each", hostile, "--format", "json", "--", "sh", "-c", "echo {chain}")
    (found,) = lines_of(done).values()
    assert (done.code, found["class"]) == (1, "not filled in")
    assert not (world.home / "got-in").exists()
    assert world.sts.calls == []
    done = world.rolehop("each", hostile, "--", "sh", "-c", 'printf %s "$ROLEHOP_CHAIN"')
    assert (done.code, done.out) == (0, f"{hostile}\n")


# ---- before anything is run


def test_a_dry_run_shows_the_plan_of_each_and_calls_nobody(world: World) -> None:
    give_fleet(world)
    words = ("each", "far/good", "hub", "--dry-run", "-v", "--", "deploy {account_name} ${chain}")
    env = {"PATH": f"{world.home}:{world.environ['PATH']}"}
    script = world.home / words[-1]
    script.write_text("")
    script.chmod(0o755)
    done = world.rolehop(*words, env=env)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1:] == [
        f"far/good   good ({ACCOUNTS['good']})   Far    no",
        "  deploy good ${chain}",
        "hub        222222222222          Hub    no",
        f"  will fail: {UNNAMED}; deploy {{account_name}} ${{chain}}",
        "2 targets: nothing was run; 1 of them will fail",
    ]
    assert world.sts.calls == []


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("--", "true"), 2, "missing pattern"),
        (("far",), 2, "missing command"),
        (("far", "true"), 2, "missing command"),
        (("far", "--", "no-such-program"), 2, "no-such-program: no such command"),
        (("nowhere/*", "--", "true"), 3, "no chain matches 'nowhere/*'"),
        (("far", "--exclude", "far", "--", "true"), 2, "no chain is left"),
        (("far", "--confirm", "--", "true"), 8, "a confirmation is needed"),
    ],
)
def test_a_mistake_runs_nothing(
    fleet: World, words: tuple[str, ...], code: int, error: str
) -> None:
    before = len(fleet.sts.calls)
    done = fleet.rolehop("each", *words)
    assert (done.code, done.out, len(fleet.sts.calls)) == (code, "", before), done.err
    assert error in done.err


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_chains_that_ask_are_confirmed_once_with_the_list(
    world: World, answer: str, code: int
) -> None:
    give_fleet(world, refused=())
    text = world.config_file.read_text()
    world.config(text.replace('labels = { env = "test" }', 'confirm = true\nreason = "required"'))
    with OnTerminal(world, SCRIPT, "each", "far", "hub", "--", "true") as person:
        person.expect("6 chains above. Continue? [y/N]")
        assert f"far/loud: role Far in account loud ({ACCOUNTS['loud']})" in person.shown
        assert "hub:" not in person.shown
        person.types(answer)
        if answer == "y":
            person.expect("why do you need it?")
            person.types("an audit")
        done = person.ended()
    assert done.code == code, done.err
    assert len(world.sts.calls) == (8 if answer == "y" else 0)


# ---- it is stopped


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_when_it_is_stopped_commands_are_ended_and_the_table_is_shown(
    fleet: World, number: int
) -> None:
    script = "trap ': > ended-{account}; exit 1' INT TERM; echo > began-{account}; while :; do sleep 0.05; done"
    for each in fleet.home.glob("*-6*"):
        each.unlink()
    with fleet.fork("each", "far/*", "-j", "2", "--", "sh", "-c", script) as process:
        while len(began := list(fleet.home.glob("began-*"))) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        done = ended(process)
    assert done.code == 128 + number, done.err
    assert {each.name[6:] for each in fleet.home.glob("ended-*")} == {
        each.name[6:] for each in began
    }
    assert "6 targets: 2 interrupted, 4 not run" in done.err


def test_a_dry_run_says_what_aws_refused_lately(world: World) -> None:
    def planned() -> dict[str, str | None]:
        done = world.rolehop("each", "spokes", "--dry-run", "--format", "json", "--", "true")
        rows = [json.loads(each) for each in done.out.splitlines()]
        assert not any(differences(each) for each in rows)
        return {each["chain"]: each["refused_at"] for each in rows}

    assert set(planned().values()) == {None}
    role = world.sts.world.roles.pop(AUDIT)
    assert world.rolehop("assume", "spokes/444444444444", "--shell", "sh").code == 5
    assert [each is None for each in planned().values()] == [False, True]
    shown = world.rolehop("each", "spokes", "--dry-run", "--", "true").out
    assert "AWS refused it " in shown
    assert "AWS refused 1 of them lately" in shown
    world.sts.world.roles[AUDIT] = role
    time.sleep(5.1)  # for so long a refused hop is not tried again
    assert world.rolehop("assume", "spokes/444444444444", "--shell", "sh").code == 0
    assert set(planned().values()) == {None}


def test_what_several_targets_failed_for_is_said_once_above_the_table(world: World) -> None:
    give_fleet(world, refused=("good", "slow"))
    world.sts.world.role(HUB, trusts=[])
    done = world.rolehop("each", "far/*", "--", "true")
    assert done.code == 1
    above = done.err.partition("CHAIN ")[0]
    assert above.startswith("✗ 6 targets: AWS refused hop 1, Hub in 222222222222: the trust")
    assert done.err.count("AWS refused hop 1") == 1


def test_what_last_hops_of_a_fleet_failed_for_is_said_once(world: World) -> None:
    for role in AUDITS:
        world.sts.world.role(role, trusts=[])
    shown = world.rolehop("each", "spokes/*", "--", "true").err
    assert shown.startswith("✗ 2 targets: AWS refused hop 2, Audit: the trust policy")
    assert shown.count("AWS refused hop 2") == 1
