"""The picker: a list on the terminal device, whatever stdin and stdout are."""

from __future__ import annotations

import signal

import pytest

from rolehop.app.ports import Choice
from rolehop.terminal.picker import Picker, as_cells, matching, widths
from rolehop.vault.notes import HALF_LIFE, in_order, used
from tests.support.pseudo_terminal import OnTerminal
from tests.support.source_code import calls_of
from tests.support.world import CONFIG, MFA_SERIAL, SCRIPT, World

CHOICES = [
    Choice("hub", "The hub", "222222222222:role/Hub", "43 min left"),
    Choice("prod-admin", "Break-glass admin", "333333333333:role/X", "", labels=("777777777777",)),
    Choice("prod-read", "Audit", "333333333333:role/Y", "", labels=("label:env=prod",)),
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["hub", "prod-admin", "prod-read"]),
        ("PROD", ["prod-admin", "prod-read"]),
        ("admin 333", ["prod-admin"]),
        ("333 glass", ["prod-admin"]),
        ("aud", ["prod-read"]),
        ("role/x", ["prod-admin"]),
        ("label:env=prod", ["prod-read"]),
        ("hub 333", []),
        ("777777777777", ["prod-admin"]),
        ("prodd", []),
    ],
)
def test_every_typed_word_must_match(typed: str, found: list[str]) -> None:
    assert [each.name for each in matching(CHOICES, typed)] == found


def test_the_name_that_was_typed_comes_first_then_those_that_start_with_it() -> None:
    chains = [Choice(each, "", "", "") for each in ("x-dev", "dev-2", "dev")]
    assert [each.name for each in matching(chains, "dev")] == ["dev", "dev-2", "x-dev"]


def test_what_was_typed_is_underlined() -> None:
    picker = Picker(CHOICES)
    picker.narrow("prod glass")
    shown = [text for style, text, *_ in picker.lines(80, 20) if "underline" in style]
    assert shown == ["prod", "glass"]


def test_a_key_shows_the_plan_of_the_marked_chain_and_hides_it(world: World) -> None:
    assert world.rolehop("credential-process", "hub").code == 0
    with OnTerminal(world, SCRIPT, "assume", rows=24, columns=80) as person:
        person.expect("5 chains; type to narrow, Enter picks, Tab shows the plan, Esc leaves")
        person.presses("adm\t")
        person.expect("Admin in prod")
        person.expect("cached, 1 h left")
        person.expect("will call AWS")
        person.presses("\r")
        assert person.ended().code == 0


def test_the_chain_of_the_last_handover_is_marked_first(world: World) -> None:
    for chain in ("hub", "hub", "hub", "admin"):
        assert world.rolehop("exec", chain, "--", "true").code == 0
    with OnTerminal(world, SCRIPT, "exec", "--", "printenv", "ROLEHOP_CHAIN") as person:
        person.expect("5 chains")
        person.presses("\r")
        assert person.ended().out == "admin\n"


@pytest.mark.parametrize("columns", [12, 20, 40, 80, 200])
def test_a_line_fits_the_terminal_as_long_as_anything_can(columns: int) -> None:
    long = [Choice("n" * 60, "d" * 300, f"333333333333:role/{'r' * 64}", "43 min left"), *CHOICES]
    across = widths(long, columns)
    for choice in long:
        name, rest = as_cells(choice, across)
        assert len(name + rest) <= columns


def test_one_long_name_does_not_squeeze_the_others_nor_all_roles() -> None:
    role = "400000000000:role/Audit (billing)"
    names = ["spokes/prod-data-lake", f"spokes/prod-{'n' * 48}-write"]
    choices = [Choice(each, "", role, "") for each in names]
    lines = ["".join(as_cells(each, widths(choices, 57))) for each in choices]
    assert lines == [
        f"spokes/prod-data-lake     {role[:30]}…",
        f"spokes/prod-…nnnnn-write  {role[:30]}…",
    ]
    picker = Picker(choices, color=False)
    assert [len(picker.lines(columns, 10)[-1][1]) <= columns for columns in (60, 40, 30, 20)] == (
        [True] * 4
    )
    assert picker.lines(40, 10)[-1][1] == "  2 chains; Enter picks, Esc leaves"


def test_texts_without_columns_have_all_the_room() -> None:
    roles = [Choice(f"arn:aws:iam::{n}11111111111:role/Administrator", "", "", "") for n in "12"]
    lines = Picker(roles, question="which role?").lines(80, 10)
    shown = [each[1].strip() for each in lines]
    assert [text for text in shown if "arn:" in text] == [each.name for each in roles]


def test_a_key_measures_the_columns_of_5000_chains_no_second_time() -> None:
    picker = Picker([Choice(f"c{n}\x7f", "", "", "") for n in range(5000)], color=False)
    assert calls_of(lambda: picker.lines(80, 24)) > 10_000
    picker.narrow("c1")
    assert calls_of(lambda: picker.lines(80, 24)) < 5000  # 21 lines are drawn


def test_chains_used_often_and_recently_come_first() -> None:
    uses = used(used(used({}, "b", 0), "b", 0), "c", 0)
    assert in_order(["a", "b", "c"], uses, 0) == ["b", "c", "a"]
    later = used(uses, "c", 2 * HALF_LIFE)
    assert in_order(["a", "b", "c"], later, 2 * HALF_LIFE) == ["c", "b", "a"]


@pytest.mark.parametrize("stdout_too", [False, True])
def test_a_chain_is_picked_by_some_of_its_words(world: World, stdout_too: bool) -> None:
    with OnTerminal(world, SCRIPT, "assume", stdout_too=stdout_too) as person:
        before = person.attributes()
        person.expect("5 chains")
        person.presses("prod adm")
        person.expect("1 of 5 chains")
        person.presses("\r")
        done = person.ended()
        assert person.attributes() == before
        said = person.shown + (done.out or "")
    assert done.code == 0, done.err
    assert ("admin is ready" if stdout_too else "export ROLEHOP_CHAIN='admin'") in said


def test_the_last_one_used_is_marked_first_inside_a_capture_and_with_a_pipe_on_stdin(
    world: World,
) -> None:
    assert world.rolehop("assume", "spokes/444444444444").code == 0
    script = 'echo piped | { eval "$(rolehop assume)"; echo "$ROLEHOP_CHAIN $(cat)"; }'
    with OnTerminal(world, "bash", "-c", script) as person:
        person.expect("> ")
        person.presses("\r")
        done = person.ended()
    assert done.out == "spokes/444444444444 piped\n", done.err


def test_the_list_fills_the_window_and_shows_roles_and_the_whole_help(world: World) -> None:
    """300 chains, 60 columns, 50 rows."""
    accounts = ", ".join(f'"{number:012d}"' for number in range(1, 299))
    world.config(
        f'{CONFIG}\n[fleets.many]\nfrom = "hub"\nrole = "{{account}}:role/Audit"\n'
        f"accounts = [{accounts}]\n"
    )
    with OnTerminal(world, SCRIPT, "assume", rows=50, columns=60) as person:
        person.expect("303 chains; type to narrow, Enter picks, Esc leaves")
        assert "many/000000000041" in person.shown
        assert "000000000041 · Audit" in person.shown
        person.presses("many/000000000298 298")
        person.expect("1 of 303 chains; type to narrow, Enter picks, Esc leaves")
        person.presses("\x1b")
        assert person.ended().code == 130


@pytest.mark.parametrize("command", ["plan", "show", "explain"])
def test_commands_that_look_pick_too(world: World, command: str) -> None:
    with OnTerminal(world, SCRIPT, command) as person:
        person.expect("5 chains")
        person.presses("hub\r")
        done = person.ended()
    assert done.code == 0, done.err
    assert "222222222222" in done.out


def test_exec_and_shell_pick_too(world: World) -> None:
    for arguments in (
        ["exec", "--", "printenv", "ROLEHOP_CHAIN"],
        ["shell", "--shell", "printenv"],
    ):
        with OnTerminal(world, SCRIPT, *arguments) as person:
            person.expect("5 chains")
            # The one used last is in the first line then.
            person.presses("\x1b[B\r" if arguments[0] == "exec" else "\r")
            done = person.ended()
        assert done.code == 0, done.err
        assert "hub" in done.out


def test_a_similar_name_is_never_picked(world: World) -> None:
    with OnTerminal(world, SCRIPT, "assume") as person:
        person.expect("5 chains")
        person.presses("admn\r")
        person.expect("nothing matches")
        person.presses("\x1b")
        done = person.ended()
    assert (done.code, done.out) == (130, "false\n")
    assert done.err == "rolehop: no chain was picked, so nothing was done\n"


@pytest.mark.parametrize("key", ["\x1b", "\x03", "\x04", "SIGTERM", "SIGINT"])
def test_leaving_the_picker_is_130_and_restores_the_terminal(world: World, key: str) -> None:
    with OnTerminal(world, SCRIPT, "assume") as person:
        before = person.attributes()
        person.expect("5 chains")
        assert person.attributes() != before
        if key.startswith("SIG"):
            person.process.send_signal(getattr(signal, key))
        else:
            person.presses(key)
        done = person.ended()
        assert person.attributes() == before
    assert (done.code, done.out) == (130, "false\n")
    assert world.sts.calls == []
    assert not (world.state / "usage.json").exists()


@pytest.mark.parametrize("arguments", [["assume"], ["shell"], ["exec", "--", "true"]])
def test_without_a_terminal_a_missing_chain_is_exit_2(world: World, arguments: list[str]) -> None:
    done = world.rolehop(*arguments)
    assert done.code == 2
    assert "no chain is named" in done.err


WITH_ALL = CONFIG.replace(
    'labels = { env = "prod" }', 'confirm = true\nreason = "required"'
).replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"', 1)


@pytest.mark.parametrize("stop_at", ["Continue?", "why do you need it?", "MFA code of alice"])
def test_ctrl_c_at_every_question_leaves_the_terminal_and_the_state_as_they_were(
    world: World, stop_at: str
) -> None:
    world.config(WITH_ALL)
    answers = {"Continue?": "y", "why do you need it?": "x", "MFA code of alice": ""}
    with OnTerminal(world, SCRIPT, "assume", "admin") as person:
        before = person.attributes()
        for question, answer in answers.items():
            person.expect(question)
            if question == stop_at:
                break
            person.types(answer)
        person.presses_ctrl_c()
        done = person.ended()
        assert person.attributes() == before
    assert (done.code, done.out) == (130, "false\n")
    assert list(world.state.glob("locks/*")) == []
    assert (world.items(), world.sts.calls) == ([], [])
