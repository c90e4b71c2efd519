"""Where the output of `each` goes, when its commands are ended, and what a resumed run does."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolehop.base.digest import checked_line
from rolehop.commands.each.output_folder import folder_name
from rolehop.hotpath.record import CHECK
from rolehop.terminal.output import copy_program_output
from rolehop.vault.notes import without_seal
from tests.commands.each.fleet import ACCOUNTS, classes_of, give_fleet, lines_of, role_of
from tests.support.secrets import found_in
from tests.support.world import HUB, SCRIPT, World, temporary_world


@pytest.fixture(scope="module")
def fleet() -> Iterator[World]:
    with temporary_world() as world:
        give_fleet(world, refused=())
        yield world


def test_with_prefix_each_line_comes_behind_its_chain(fleet: World) -> None:
    script = "echo 1 {account}; printf '2 no end'; echo to stderr >&2; head -c 70000 /dev/zero | tr '\\0' x"
    done = fleet.rolehop("each", "far/*", "--prefix", "--", "sh", "-c", script)
    assert done.code == 0, done.err
    for name, account in ACCOUNTS.items():
        own = [line for line in done.out.splitlines() if line.startswith(f"far/{name}: ")]
        assert own[0] == f"far/{name}: 1 {account}"
        rest = "".join(line.removeprefix(f"far/{name}: ") for line in own[1:])
        assert rest == "2 no end" + "x" * 70000
        assert f"far/{name}: to stderr\n" in done.err
    assert len(done.out.splitlines()) == 3 * len(ACCOUNTS)


def test_a_command_whose_output_is_not_taken_was_run_all_the_same(world: World) -> None:
    """Else `--resume` would run it again."""
    give_fleet(world, refused=())
    words = "each far/good far/failing -j1 --prefix -- sh -c 'echo hi; echo x >> ran'"
    done = world.run("sh", "-c", f"{SCRIPT} {words} > /dev/full")
    assert done.code == 1
    assert "2 targets: 1 ok, 1 not run" in done.err
    held = world.run("sh", "-c", f"{SCRIPT} {words.replace('--prefix', '')} > /dev/full")
    assert "rolehop: the output of far/good could not be written" in held.err
    assert "its command was run, and --resume leaves it out" in held.err
    assert (world.home / "ran").read_text() == "x\nx\n"


def test_a_command_that_hangs_is_ended_in_time(fleet: World) -> None:
    words = ("each", "far/good", "--timeout", "1s", "--format", "json")
    done = fleet.rolehop(*words, "--", "sleep", "1000")
    found = lines_of(done)["good"]
    assert (done.code, found["class"]) == (1, "timed out")
    assert found["error"]["what"] == "it was ended after 1 s"


def test_after_a_failure_nothing_more_begins_with_fail_fast(fleet: World) -> None:
    words = ("each", "far/*", "-j", "1", "--format", "json")
    done = fleet.rolehop(*words, "--fail-fast", "--", "sh", "-c", "test {account_name} != refused")
    assert (done.code, list(classes_of(done).values())) == (
        1,
        ["ok", "ok", "command failed", "not run", "not run", "not run"],
    )


def test_each_target_has_a_folder_with_its_output_and_its_result(fleet: World) -> None:
    script = "printf {account}; echo to stderr >&2; test {account_name} != failing"
    words = ("each", "far/*", "hub", "--output", "results", "--")
    done = fleet.rolehop(*words, "sh", "-c", script)
    assert (done.code, done.out) == (1, "")
    for name, account in ACCOUNTS.items():
        folder = fleet.home / "results" / "far" / name
        assert sorted(each.name for each in folder.iterdir()) == ["result.json", "stderr", "stdout"]
        assert (folder / "stdout").read_text() == account
        result = json.loads((folder / "result.json").read_text())
        expected = "command failed" if name == "failing" else "ok"
        assert (result["schema"], result["class"]) == ("rolehop.each/1", expected)
        assert (result["folder"], result["stdout"]) == (f"far/{name}", None)
        assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
    # What has no name is not filled in, which is in its folder, too.
    result = json.loads((fleet.home / "results" / "hub" / "result.json").read_text())
    assert result["class"] == "not filled in"
    # A link that somebody has put there is not followed.
    (fleet.home / "results" / "hub" / "stdout").symlink_to(fleet.home / "elsewhere")
    done = fleet.rolehop("each", "hub", "--output", "results", "--", "echo", "x")
    assert (done.code, (fleet.home / "elsewhere").exists()) == (1, False)
    assert "results/hub cannot be written" in done.err


@pytest.mark.parametrize("is_pipe", [True, False])
def test_what_is_no_plain_file_of_its_own_is_not_written(fleet: World, is_pipe: bool) -> None:
    """A pipe made the run wait for ever; a file with a second name was emptied."""
    folder = fleet.home / f"taken-{is_pipe}" / "hub"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    precious = fleet.home / "precious"
    precious.write_text("keep")
    if is_pipe:
        os.mkfifo(folder / "stderr")
    else:
        (folder / "stderr").hardlink_to(precious)
    done = fleet.rolehop("each", "hub", "--output", folder.parent.name, "--", "echo", "x")
    assert (done.code, precious.read_text()) == (1, "keep")
    assert "hub cannot be written" in done.err


def test_a_folder_that_others_can_write_gets_nothing(fleet: World) -> None:
    folder = fleet.home / "open"
    folder.mkdir()
    folder.chmod(0o777)
    done = fleet.rolehop("each", "hub", "--output", "open", "--", "env")
    assert (done.code, list(folder.iterdir())) == (2, [])
    assert "name a folder that only you can write" in done.err


@pytest.mark.parametrize("is_link", [True, False])
def test_a_folder_within_that_leads_elsewhere_or_is_open_gets_nothing(
    fleet: World, is_link: bool
) -> None:
    root, inner = fleet.home / f"inner-{is_link}", fleet.home / f"elsewhere-{is_link}"
    root.mkdir(mode=0o700)
    if is_link:
        inner.mkdir()
        (root / "far").symlink_to(inner)
    else:
        inner = root / "far"
        inner.mkdir()
        inner.chmod(0o777)
    done = fleet.rolehop("each", "far/good", "--output", root.name, "--", "echo", "x")
    assert (done.code, "far/good cannot be written" in done.err) == (1, True)
    assert [*inner.iterdir()] == []


@pytest.mark.parametrize(
    ("chain", "folder"),
    [
        ("prod/web", "prod/web"),
        ("..", "%2E."),
        ("../../etc/cron.d", "%2E./%2E./etc/cron.d"),
        ("/etc", "%/etc"),
        ("", "%"),
        (".ssh", "%2Essh"),
        ("a b\n\\", "a%20b%0A%5C"),
        ("prod/stdout", "prod/%73tdout"),
        ("prod/RESULT.json", "prod/%52ESULT.json"),
        ("NUL.txt", "%4EUL.txt"),
        ("%2E%2E", "%252E%252E"),
    ],
)
def test_the_name_of_a_folder_leads_nowhere_else(chain: str, folder: str) -> None:
    assert folder_name(chain) == folder
    assert folder_name(chain, "eu-west-1") == f"{folder}/eu-west-1"
    assert max(map(len, folder_name("x" * 300).split("/"))) < 120


# ---- resuming


def test_a_resumed_run_runs_exactly_what_is_missing(world: World) -> None:
    give_fleet(world)
    secret = "hunter2hunter2"
    script = "test -e {account} && exit 9; test {account_name} = failing && exit 3; touch {account}"
    words = ("each", "far/*", "--format", "json")
    command = ("--", "sh", "-c", script, secret)
    done = world.rolehop(*words, "-j", "1", "--fail-fast", *command)
    assert list(classes_of(done).values()) == ["ok", "command failed", *["not run"] * 4]
    for each in world.state.rglob("*"):
        assert not each.is_file() or secret not in each.read_bytes().decode("latin-1")
    done = world.rolehop(*words, "--resume", *command)
    assert classes_of(done) == {
        "failing": "command failed", "refused": "refused", "slow": "ok", "loud": "ok", "quiet": "ok",
    }  # fmt: skip
    world.sts.world.role(role_of("refused"), trusts=[HUB])
    (world.home / ACCOUNTS["failing"]).unlink(missing_ok=True)
    done = world.rolehop(*words, "--resume", *command)
    assert classes_of(done) == {"failing": "command failed", "refused": "ok"}
    # Another command is another run; the same one without the flag begins anew.
    assert world.rolehop("each", "far/*", "--resume", "--", "true").code == 2
    assert world.rolehop("each", "far/*", "--", "true").code == 0
    done = world.rolehop("each", "far/*", "--resume", "--", "true")
    assert (done.code, done.out) == (0, "")
    assert "nothing is left to run" in done.err


def test_a_log_that_was_torn_or_damaged_only_makes_more_run(world: World) -> None:
    give_fleet(world, refused=())
    words = ("each", "far/*", "--format", "json", "-j", "1")
    assert world.rolehop(*words, "--", "true").code == 0
    (log,) = (world.state / "runs").iterdir()
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines[:-2], "[1, 2", lines[-1][:-9]]))
    torn = log.read_bytes()
    done = world.rolehop(*words[:2], "--resume", "--dry-run", "--", "true")
    assert (done.code, log.read_bytes() == torn) == (0, True)
    assert "2 targets: nothing was run\n" in done.out
    done = world.rolehop(*words, "--resume", "--", "true")
    assert (done.code, list(lines_of(done))) == (0, list(ACCOUNTS)[-2:])
    assert world.rolehop(*words, "--resume", "--", "true").out == ""
    log.write_text("no log\n")
    assert world.rolehop(*words, "--resume", "--", "true").code == 2


def test_who_changes_a_log_and_its_digests_keeps_no_target_from_being_run(world: World) -> None:
    """He can write the state folder, and cannot read the keyring."""
    give_fleet(world, refused=())
    words = ("each", "far/*", "--format", "json", "-j", "1")
    command = ("--", "sh", "-c", "test {account_name} != failing")
    assert world.rolehop(*words, *command).code == 1
    (log,) = (world.state / "runs").iterdir()
    forged = log.read_text().replace("command failed", "ok")
    lines = (without_seal(line) for line in forged.splitlines())
    log.write_text(
        "".join(
            f"{checked_line(note.partition(CHECK)[0] + '}').rstrip()} {seal}\n"
            for note, seal in lines
        )
    )
    done = world.rolehop(*words, "--resume", *command)
    assert classes_of(done) == {"failing": "command failed"}
    trusting = world.rolehop(*words, "--resume", "--trust-log", "--dry-run", *command)
    assert (trusting.code, len(trusting.out.splitlines())) == (0, 1)  # the run just now says so


def test_without_a_keyring_a_run_is_resumed_if_its_log_is_trusted(world: World) -> None:
    give_fleet(world, refused=())
    none = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    words = ("each", "far/good", "far/failing", "--format", "json")
    command = ("--", "sh", "-c", "test {account_name} != failing")
    assert world.rolehop(*words, *command, env=none).code == 1
    done = world.rolehop(*words, "--resume", *command, env=none)
    assert (done.code, done.out) == (2, "")
    assert "--trust-log" in done.err
    done = world.rolehop(*words, "--resume", "--trust-log", *command, env=none)
    assert classes_of(done) == {"failing": "command failed"}
    alone = world.rolehop(*words, "--trust-log", *command)
    assert (alone.code, "--resume" in alone.err) == (2, True)


# ---- regions


def test_a_command_runs_in_each_region_that_is_named_with_one_walk(world: World) -> None:
    give_fleet(world, refused=())
    words = ("each", "far/good", "--region", "eu-west-1,us-east-1", "--format", "json", "--")
    done = world.rolehop(*words, "sh", "-c", "echo {region} $AWS_REGION $AWS_DEFAULT_REGION")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert sorted((each["region"], each["stdout"]) for each in found) == [
        (region, f"{region} {region} {region}\n") for region in ("eu-west-1", "us-east-1")
    ]
    assert world.sts.roles_called == [HUB, role_of("good")]
    done = world.rolehop("each", "far/good", "--region", "eu-wst-1", "--", "true")
    assert (done.code, len(world.sts.calls)) == (2, 2)


def test_enabled_regions_are_those_of_each_account(world: World) -> None:
    give_fleet(world)
    for name, regions in (("good", ("eu-west-1", "me-south-1")), ("loud", ("us-east-1",))):
        world.sts.world.regions[ACCOUNTS[name]] = regions
    words = ("each", "far/good", "far/loud", "far/slow", "far/refused", "--region", "enabled")
    done = world.rolehop(*words, "--format", "json", "--", "sh", "-c", "echo $AWS_REGION")
    found = {each["target"]: each for each in map(json.loads, done.out.splitlines())}
    assert (done.code, {name: each["class"] for name, each in found.items()}) == (
        1,
        {
            "far/good eu-west-1": "ok",
            "far/good me-south-1": "ok",
            "far/loud us-east-1": "ok",
            "far/slow enabled": "refused",
            "far/refused enabled": "refused",
        },
    )
    assert found["far/good me-south-1"]["stdout"] == "me-south-1\n"
    assert found["far/slow enabled"]["error"]["cause"].startswith("UnauthorizedOperation: You are")
    assert sorted(world.sts.roles_called) == sorted(
        [HUB, *map(role_of, ("good", "loud", "slow", "refused"))]
    )
    world.sts.world.regions[ACCOUNTS["slow"]] = ("eu-west-1",)
    done = world.rolehop(
        *words, "--resume", "--format", "json", "--", "sh", "-c", "echo $AWS_REGION"
    )
    assert sorted(json.loads(line)["target"] for line in done.out.splitlines()) == [
        "far/refused enabled", "far/slow eu-west-1",
    ]  # fmt: skip
    calls = len(world.sts.calls)
    done = world.rolehop(*words, "--dry-run", "-v", "--", "echo", "{region}")
    assert (done.code, len(world.sts.calls)) == (0, calls)
    assert "far/good enabled" in done.out


def test_patterns_of_regions_mean_those_that_are_enabled(world: World) -> None:
    give_fleet(world, refused=())
    enabled = ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2")
    world.sts.world.regions[ACCOUNTS["good"]] = enabled
    world.sts.world.regions[ACCOUNTS["loud"]] = ("us-east-1",)
    words = ("each", "far/good", "far/loud", "--region", "us-east-1,eu-*,us-*")
    done = world.rolehop(*words, "--format", "json", "--", "sh", "-c", "echo $AWS_REGION")
    found = {each["target"]: each for each in map(json.loads, done.out.splitlines())}
    assert {name: each["class"] for name, each in found.items()} == {
        **{f"far/good {each}": "ok" for each in enabled},
        "far/loud us-east-1": "ok",
        "far/loud eu-*": "refused",
    }
    assert all(
        each["stdout"] == f"{each['region']}\n" for each in found.values() if not each["error"]
    )
    assert found["far/loud eu-*"]["error"]["what"] == "no region that is enabled is like eu-*"
    calls = len(world.sts.calls)
    plain = world.rolehop("each", "far/loud", "--region", "us-east-1", "--", "true")
    assert (plain.code, len(world.sts.calls)) == (0, calls)


def test_a_fleet_may_say_its_regions(world: World) -> None:
    give_fleet(world, refused=())
    text = world.config_file.read_text()
    regions = 'regions = ["us-east-1", "eu-*"]'
    world.config(text.replace("[fleets.far]", f"[fleets.far]\n{regions}"))
    world.sts.world.regions[ACCOUNTS["good"]] = ("eu-west-1", "us-east-1")
    words = ("each", "far/good", "hub", "--format", "json")
    done = world.rolehop(*words, "--", "true")
    assert done.code == 0
    assert sorted(each["target"] for each in map(json.loads, done.out.splitlines())) == [
        "far/good eu-west-1", "far/good us-east-1", "hub",
    ]  # fmt: skip
    named = world.rolehop(*words, "--region", "me-south-1", "--", "true")
    assert {each["region"] for each in map(json.loads, named.out.splitlines())} == {"me-south-1"}


def test_a_hub_that_refuses_is_asked_once_for_all(world: World) -> None:
    give_fleet(world)
    world.sts.world.role(HUB, trusts=[])
    done = world.rolehop("each", "far", "--format", "json", "--", "true")
    assert (done.code, set(classes_of(done).values())) == (1, {"refused"})
    assert world.sts.roles_called == [HUB]


def test_no_secret_is_left_behind(world: World) -> None:
    give_fleet(world, refused=())
    assert world.rolehop("each", "far/*", "--", "sh", "-c", "env > /dev/null").code == 0
    for path in world.state.rglob("*"):
        if path.is_file():
            assert found_in(path.read_bytes().decode("latin-1"), world) == [], path
    assert '"class":"ok"' in next((world.state / "runs").iterdir()).read_text()


def test_a_run_for_other_chains_is_not_the_one_to_resume(fleet: World) -> None:
    """What had been ok was run a second time."""
    command = ("--", "sh", "-c", "echo once >> once")
    for chain in ("far/good", "far/loud"):
        assert fleet.rolehop("each", chain, *command).code == 0
    done = fleet.rolehop("each", "far/good", "--resume", *command)
    assert (done.code, "nothing is left to run in 1 target" in done.err) == (0, True)
    done = fleet.rolehop("each", "far/slow", "--resume", *command)
    assert (done.code, "there is no run to resume" in done.err) == (2, True)
    assert (fleet.home / "once").read_text() == "once\n" * 2
    # The name of the chain is the same, and its account another one.
    before = fleet.config_file.read_text()
    fleet.config(before.replace(ACCOUNTS["good"], "600000000077"))
    done = fleet.rolehop("each", "far/good", "--resume", "--dry-run", "--format", "json", *command)
    fleet.config(before)
    assert json.loads(done.out)["account"] == "600000000077"


# ---- several machines


def test_shards_part_a_run_and_their_results_are_merged(world: World) -> None:
    give_fleet(world)
    command = ("--", "sh", "-c", "test {account_name} != failing")
    for number in (1, 2, 3):
        shard = ("--shard", f"{number}/3", "--output", f"out-{number}")
        assert world.rolehop("each", "far/*", *shard, *command).code in (0, 1)
    folders = [f"out-{number}" for number in (1, 2, 3)]
    done = world.rolehop("each", "--report", *folders, "--format", "json")
    assert (done.code, classes_of(done)) == (
        1,
        dict.fromkeys(ACCOUNTS, "ok") | {"failing": "command failed", "refused": "refused"},
    )
    assert lines_of(done)["refused"]["error"]["hop"] == 2
    done = world.rolehop("each", "--report", *folders)
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[-1] == "6 targets: 4 ok, 1 command failed, 1 refused"
    done = world.rolehop("each", "--report", *folders[1:])
    assert (done.code, done.err) == (1, "rolehop: shards that are not here: 1/3\n")
    # A shard resumes its own part, and the newest result of a target counts.
    world.sts.world.role(role_of("refused"), trusts=[HUB])
    own = next(each for each in folders if (world.home / each / "far" / "refused").exists())
    resumed = ("--shard", f"{own[4:]}/3", "--output", own, "--resume")
    assert world.rolehop("each", "far/*", *resumed, *command).code in (0, 1)
    done = world.rolehop("each", "--report", *folders, "--format", "json")
    assert classes_of(done)["refused"] == "ok"


def test_a_folder_keeps_the_targets_of_earlier_runs_but_no_result_of_what_runs_again(
    fleet: World,
) -> None:
    """Else a killed run looks as if every account had been there: with yesterday's results."""
    words = ("each", "far/*", "--output", "several", "--")
    assert fleet.rolehop(*words, "true").code == 0
    script = "test ! -e several/far/quiet/result.json"
    assert fleet.rolehop(*words[:-1], "-j", "1", "--", "sh", "-c", script).code == 0
    assert fleet.rolehop("each", "hub", *words[2:], "true").code == 0
    (fleet.home / "several" / "far" / "slow" / "result.json").unlink()
    done = fleet.rolehop("each", "--report", "several", "--format", "json")
    assert (done.code, classes_of(done)["slow"], len(classes_of(done))) == (1, "not run", 7)
    done = fleet.rolehop("each", "far/*", "--shard", "1/2", *words[2:], "true")
    assert (done.code, "has the results of a run without --shard" in done.err) == (2, True)
    (fleet.home / "several" / "run.json").write_text('{"mine": 1}')
    done = fleet.rolehop(*words, "true")
    assert (done.code, "several/run.json is not what rolehop each writes" in done.err) == (2, True)


def test_a_report_names_what_has_no_result_and_no_other_files(world: World) -> None:
    """A killed run, too, must not look as if an account had not been there."""
    give_fleet(world, refused=())
    assert world.rolehop("each", "far/*", "--output", "out", "--", "true").code == 0
    (world.home / "out" / "far" / "slow" / "result.json").unlink()
    done = world.rolehop("each", "--report", "out", "--format", "json")
    assert (done.code, classes_of(done)["slow"]) == (1, "not run")
    assert sum(each == "ok" for each in classes_of(done).values()) == 5
    (world.home / "out" / "far" / "good" / "result.json").write_text('{"class": "great"}')
    done = world.rolehop("each", "--report", "out")
    assert (done.code, done.out) == (1, "")
    assert "out/far/good/result.json is not what rolehop each writes" in done.err
    done = world.rolehop("each", "--report", ".config")
    assert (done.code, "has no results of rolehop each" in done.err) == (2, True)


class Growing(io.BytesIO):
    """What a program wrote, and what it left in the background goes on to write."""

    def read(self, size: int | None = -1, /) -> bytes:
        data, at = super().read(size), self.tell()
        if len(self.getvalue()) < 100:
            self.write(b"more\n")
            self.seek(at)
        return data


def test_what_comes_after_the_end_of_a_command_is_not_waited_for(tmp_path: Path) -> None:
    with (tmp_path / "shown").open("w+") as shown:
        copy_program_output(Growing(b"one\n"), shown)
    assert (tmp_path / "shown").read_text() == "one\n"
