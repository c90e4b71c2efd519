"""Names and answers that others chose reach the terminal as visible text, and no shell as commands."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from rolehop.base.advice import PLACEHOLDER
from rolehop.cli.root import root
from rolehop.hotpath import command_table
from tests.support.hostile import INVISIBLE, VISIBLE, invisible_in
from tests.support.many_runs import COMMANDS, runs_of
from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, World, temporary_world

# Each name holds several of the forty: every string goes through every command.
WITH_LINE_END, HIDDEN, ODD = NAMES = [
    " ".join(part) for part in (INVISIBLE[:8], INVISIBLE[8:], VISIBLE)
]
GUARDED = f"guarded {ODD}"
CONFIG_OF_OTHERS = (
    CONFIG
    + f"""
[chains.described]
description = {json.dumps(" ".join(VISIBLE))}
from = "hub"
[chains.profile]
source = "theirs"
[sources.theirs]
type = "profile"
profile = {json.dumps(VISIBLE[0])}
"""
)


def section(name: str) -> str:
    """Return the heading of a profile whose name may hold anything but a line end."""
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'[profile "{quoted}"]\n'


@pytest.fixture(scope="module")
def others() -> Iterator[World]:
    """A world whose AWS config was written by somebody else."""
    with temporary_world() as world:
        world.config(CONFIG_OF_OTHERS)
        starts = {HIDDEN: "source_profile = base", ODD: "source_profile = base"}
        starts[GUARDED] = f"source_profile = base\nmfa_serial = {MFA_SERIAL}"
        profiles = (f"{section(name)}{start}\nrole_arn = {HUB}\n" for name, start in starts.items())
        key = world.alice.key
        keys = f"aws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"
        world.aws_config("".join(profiles) + f"[profile base]\n{keys}")
        yield world


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES, ids=["with-line-ends", "hidden", "odd"])
def test_a_name_shows_nothing_but_text_wherever_it_goes(name: str, others: World) -> None:
    runs = [(columns, [*command, name]) for columns in (0, 80) for command in COMMANDS]
    for (columns, words), (_, shown) in zip(runs, runs_of(others, runs), strict=True):
        assert "Traceback" not in shown, (words, shown)
        if not columns and (words[0] in ("assume", "export") or words[:2] == ["config", "path"]):
            continue  # what a program reads is exact
        assert invisible_in(shown) == "", (columns, words, shown)


def _options(command: click.Command) -> Iterator[str]:
    """Yield the options that take any text, of a command and those below it."""
    for each in command.params:
        takes_text = isinstance(each, click.Option) and not (each.is_flag or each.count)
        if takes_text and not isinstance(each.type, click.Choice):
            yield max(each.opts, key=len)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _options(below)


def test_a_name_goes_through_every_command_and_option() -> None:
    commands = {
        (name, inner)
        for name, command in command_table.COMMANDS.items()
        for inner in command.commands or [""]
    }
    rows = {(words[0], inner) for words in COMMANDS if words for inner in ("", *words[1:2])}
    assert commands - rows == set(), "add a row to tests/support/many_runs.py"
    last = {words[-1] for words in COMMANDS if words}
    assert set(_options(root)) - last == set(), "add a row to tests/support/many_runs.py"


def test_a_command_that_is_advised_takes_a_name_as_one_argument(others: World) -> None:
    """Python is no shell, so advice is for sh."""
    runs = [(columns, ["credential-process", "--no-prompt", GUARDED]) for columns in (0, 250)]
    for code, shown in runs_of(others, runs):
        (advised,) = re.findall(r"rolehop assume .*", shown)
        assert (code, shlex.split(advised)) == (8, ["rolehop", "assume", GUARDED])


# The program as on Windows, which does not tell which shell called it.
ON_WINDOWS = """
from rolehop.cli import context
context._ON_WINDOWS = True
"""


@pytest.mark.parametrize(
    ("name", "advised"),
    [
        ("a&calc&", PLACEHOLDER),
        ("a|calc", PLACEHOLDER),
        ("%PATH%", PLACEHOLDER),
        ('say "hi"', PLACEHOLDER),
        ("$(calc)", PLACEHOLDER),
        ("x“;calc;“", PLACEHOLDER),  # PowerShell ends a text at such a quote
        ("two  blanks", '"two  blanks"'),
        ("it;calc", '"it;calc"'),
        ("a b\\", '"a b\\\\"'),
    ],
)
def test_advice_on_windows_runs_nothing_in_cmd_nor_in_powershell(
    name: str, advised: str, world: World
) -> None:
    world.aws_config(
        f"{section(name)}source_profile = base\nrole_arn = {HUB}\nmfa_serial = {MFA_SERIAL}\n"
        f"[profile base]\naws_access_key_id = {world.alice.key.access_key_id}\n"
        f"aws_secret_access_key = {world.alice.key.secret}\n"
    )
    done = world.rolehop("credential-process", "--no-prompt", "--", name, before=ON_WINDOWS)
    assert done.code == 8, done.err
    assert f"rolehop assume {advised}\n" in done.err


def test_the_terminal_shows_which_line_to_type_for_a_name(others: World) -> None:
    flags = ["-r", "--shell", "bash"]
    ((code, shown),) = runs_of(others, [(250, ["assume", ODD, *flags])])
    assert code == 0, shown
    line = shown.splitlines()[-1].strip()
    (command,) = re.findall(r"^eval \"\$\((.*)\)\"$", line)
    assert shlex.split(command) == ["rolehop", "assume", ODD, *flags]
    ((code, shown),) = runs_of(others, [(250, ["assume", HIDDEN, *flags])])
    line = f'eval "$(rolehop assume {PLACEHOLDER} -r --shell bash)"'
    assert shown.splitlines()[-1].strip() == line


ANSWER = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>{}</Arn><UserId>{}</UserId><Account>222222222222</Account>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>"
)
# XML has no C0, so this is what AWS can send at worst.
IN_XML = "".join(each for each in INVISIBLE if not re.search(r"[\x00-\x1f]", each))


def test_what_aws_answers_is_shown_as_text(others: World) -> None:
    assert others.rolehop("export", "hub").code == 0  # so that whoami asks AWS one thing only
    arn = f"arn:aws:sts::222222222222:assumed-role/Hub/{IN_XML}"
    others.sts.say(ANSWER.format(arn, IN_XML).encode(), times=2)
    others.sts.fail(1, status=403, code="AccessDenied", text=f"no{IN_XML}")
    shown = runs_of(
        others,
        [
            (250, ["whoami", "hub", "--format", "table"]),
            (250, ["whoami", "hub", "--format", "json"]),
            (0, ["refresh", "hub"]),
        ],
    )
    assert [(code, invisible_in(text)) for code, text in shown] == [(0, ""), (0, ""), (5, "")]


def test_json_keeps_every_character_as_its_escape(others: World) -> None:
    assert others.rolehop("export", "hub").code == 0
    arn = f"arn:aws:sts::222222222222:assumed-role/Hub/{IN_XML}é"
    others.sts.say(ANSWER.format(arn, "x").encode())
    done = others.rolehop("whoami", "hub", "--format", "json")
    assert done.json["arn"] == arn
    assert "é" in done.out
    assert invisible_in(done.out) == ""


def test_a_shell_is_offered_no_name_that_it_could_not_show(others: World) -> None:
    done = others.rolehop("completion", "--", "plan", "", env={"_ROLEHOP_COMPLETE": "fish"})
    words = [line.split("\t")[0] for line in done.out.splitlines()[1:]]
    assert ODD in words
    assert all(each.isprintable() for each in words)


def test_a_program_that_is_to_be_run_or_made_executable_is_one_argument(others: World) -> None:
    program = others.home / "it's;touch bad"
    program.write_text("#!/bin/sh\nexit 3\n")
    others.config(
        f'version = 1\n[sources.run]\ntype = "process"\ncommand = ["{program}"]\n[chains.run]\nsource = "run"\n'
    )
    fixes = (r"chmod \+x (.*)", "run (.*) by hand")
    for mode, form in zip((0o600, 0o700), fixes, strict=True):
        program.chmod(mode)
        (advised,) = re.findall(form, others.rolehop("export", "run").err)
        assert shlex.split(advised) == [str(program)]
    others.config(CONFIG_OF_OTHERS)


def test_a_policy_that_a_text_names_is_no_command(others: World) -> None:
    arn = "arn:aws:organizations::111111111111:policy/o-1/service_control_policy/p-1|touch${IFS}bad"
    text = (
        f"User: arn:aws:sts::222222222222:assumed-role/Hub/me is not authorized to perform:"
        f" sts:AssumeRole on resource: {ADMIN} with an explicit deny in a service control policy: {arn}"
    )
    shown = others.rolehop("explain", "--error", text, "--offline").out
    (command,) = re.findall(r"aws organizations .*", shown)
    assert command == f"aws organizations describe-policy --policy-id {PLACEHOLDER} > FILE"
