"""What a person sees of `each`: how far it is, and no escape sequence of what commands write."""

from __future__ import annotations

import json
import time

from tests.commands.each.fleet import classes_of, give_fleet
from tests.support.hostile import invisible_in
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World, mfa_code

WITH_MFA = '"environment"\nmfa_serial = "arn:aws:iam::111111111111:mfa/alice"'


def test_the_line_of_progress_counts_and_goes_and_output_is_visible_text(world: World) -> None:
    give_fleet(world, refused=("good",))
    script = "printf '\\033[31mred\\ta\\r\\n\\033]0;title\\007x'"
    words = ("each", "far/good", "far/loud", "far/quiet", "-j", "1", "--", "sh", "-c", script)
    with OnTerminal(
        world, SCRIPT, *words, stdout_too=True, stderr_too=True, rows=30, columns=100
    ) as person:
        person.expect("1 of 3 done, 1 running, 1 failed, about")
        person.expect("2 of 3 done, 1 running, 1 failed, about")
        person.expect("3 targets: 2 ok, 1 refused")
        assert person.ended().code == 1
    own = person.shown.replace("\x1b[2K", "").replace("\r\n", "\n").replace("\r", "")
    shown = own.split("==> far/loud", 1)[1].split("CHAIN", 1)[0]
    assert "[31mred        a\n]0;titlex\n" in shown
    assert invisible_in(shown.replace("\n", "")) == ""


def test_one_code_does_for_all_and_nothing_is_shown_over_the_question(world: World) -> None:
    give_fleet(world, refused=())
    world.config(world.config_file.read_text().replace('"environment"', WITH_MFA, 1))
    with OnTerminal(world, SCRIPT, "each", "far/*", "hub", "--", "echo", "{account}") as person:
        person.expect("MFA code of alice")
        person.types(mfa_code(world))
        done = person.ended()
    assert (done.code, len(done.out.splitlines())) == (0, 7), done.err
    assert person.shown.count("MFA code") == 1


def test_ctrl_c_at_a_question_ends_the_run_and_shows_the_table(world: World) -> None:
    """It hung: nothing is shown over a question, and nobody answered this one any more."""
    give_fleet(world, refused=())
    world.config(world.config_file.read_text().replace('"environment"', WITH_MFA, 1))
    with OnTerminal(world, SCRIPT, "each", "far/good", "far/slow", "--", "true") as person:
        person.expect("MFA code of alice")
        person.presses_ctrl_c()
        done = person.ended()
    assert (done.code, "2 targets: 2 not run" in done.err) == (130, True), done.err


def test_what_ctrl_c_ends_is_interrupted_and_is_run_again(world: World) -> None:
    give_fleet(world, refused=())
    script = "case {name} in good) exit 0;; slow) touch up; test -e again || sleep 1000;; esac"
    words = ("each", "far/good", "far/slow", "far/quiet", "-j", "1", "--format", "json")
    command = ("--", "sh", "-c", script)
    with OnTerminal(world, SCRIPT, *words, *command) as person:
        while not (world.home / "up").exists():
            time.sleep(0.05)
        person.presses_ctrl_c()
        done = person.ended()
    assert (done.code, classes_of(done)) == (
        130,
        {"good": "ok", "slow": "interrupted", "quiet": "not run"},
    )
    (world.home / "again").touch()
    rest = world.rolehop(*words, "--resume", *command)
    assert classes_of(rest) == {"slow": "ok", "quiet": "ok"}


def test_a_plan_names_target_and_chain(world: World) -> None:
    give_fleet(world)
    words = ("each", "far/good", "hub", "--region", "eu-west-1,us-east-1", "--dry-run", "--format")
    done = world.rolehop(*words, "json", "--", "echo", "{name}")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(each["target"], each["chain"], each["region"]) for each in found] == [
        (f"{chain} {region}", chain, region)
        for chain in ("far/good", "hub")
        for region in ("eu-west-1", "us-east-1")
    ]
    assert [each["role"] for each in found] == ["Far", "Far", "Hub", "Hub"]
    # Who has no name is called by its number.
    assert [each["command"][1] for each in found] == ["good", "good", *["222222222222"] * 2]
