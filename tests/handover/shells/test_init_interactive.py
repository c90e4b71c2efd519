"""`rolehop init` under a person: an interactive shell, its start-up file, its prompt."""

from __future__ import annotations

import pytest

from tests.handover.shells.interactive import LINES, init_shell
from tests.support.aws_cli import aws_cli
from tests.support.world import ADMIN, HUB, World

ARN = "arn:aws:sts::333333333333:assumed-role/Admin/me"

every_shell = pytest.mark.parametrize("name", LINES)
HOOKED = ("bash", "zsh", "fish")
shells_with_hooks = pytest.mark.parametrize("name", HOOKED)


@every_shell
def test_assume_refresh_and_leave_change_the_shell_itself(
    name: str, world_with_keys: World
) -> None:
    with init_shell(name, world_with_keys) as shell:
        assumed = shell.does("rolehop assume admin")
        assert assumed.code == 0
        assert "AWS_SECRET_ACCESS_KEY" not in assumed.shown
        if name != "tcsh":
            shell.shows_prompt(r"admin (\d+m|1h00m) READY> ")
        who = shell.does(f"{aws_cli()} sts get-caller-identity --region eu-west-1")
        assert (who.code, ARN in who.shown) == (0, True)

        first, calls = shell.sees("AWS_ACCESS_KEY_ID"), len(world_with_keys.sts.roles_called)
        assert shell.does("rolehop refresh").code == 0
        second = shell.sees("AWS_ACCESS_KEY_ID")
        assert world_with_keys.sts.roles_called[calls:] == [HUB, ADMIN], shell.plain
        assert first != second
        assert world_with_keys.sts.world.keys[second or ""].arn == ARN

        assert shell.does("rolehop leave").code == 0
        shell.shows_prompt(r"(?<!m )READY> ")
        for variable in ("ROLEHOP_CHAIN", "ROLEHOP_EXPIRES_AT", "AWS_SESSION_TOKEN", "AWS_REGION"):
            assert shell.sees(variable) is None
        assert shell.does("rolehop leave").code == 0


@every_shell
def test_a_failure_keeps_its_code_and_changes_nothing(name: str, world_with_keys: World) -> None:
    with init_shell(name, world_with_keys) as shell:
        assert shell.does("rolehop assume hub").code == 0
        key = shell.sees("AWS_ACCESS_KEY_ID")
        # tcsh learns of a failure by evaluating one.
        for line, code in {
            "rolehop assume admn": 3,
            "rolehop assume refused": 5,
            "rolehop assume --nonsense": 2,
            "rolehop refresh admn": 3,
            "rolehop leave --nonsense": 2,
        }.items():
            failed = shell.does(line)
            assert failed.code == (1 if name == "tcsh" else code), line
            assert "rolehop: " in failed.shown
        assert shell.does("rolehop plan admn").code == 3
        if name in HOOKED:
            assert shell.does("command rolehop plan admn").code == 3
        assert shell.sees("ROLEHOP_CHAIN") == "hub"
        assert shell.sees("AWS_ACCESS_KEY_ID") == key


@every_shell
def test_everything_else_goes_to_the_program_as_it_is(name: str, world_with_keys: World) -> None:
    with init_shell(name, world_with_keys) as shell:
        assert "rolehop 0." in shell.does("rolehop --version").shown
        assert "Walk a chain and hand" in shell.does("rolehop assume --help").shown
        assert "Walk a chain and hand" in shell.does("rolehop assume -h").shown
        assert "Usage: rolehop [OPTIONS]" in shell.does("rolehop --help").shown
        answer = shell.does("rolehop exec hub -- printf '[%s]' 'a  b' 'c;$d'")
        assert "[a  b][c;$d]" in answer.shown
        assert shell.sees("ROLEHOP_CHAIN") is None


@shells_with_hooks
def test_options_may_stand_before_the_command(name: str, world_with_keys: World) -> None:
    with init_shell(name, world_with_keys) as shell:
        assert (
            shell.does(
                f"rolehop -q --config {world_with_keys.config_file} assume --min-ttl 1m hub"
            ).code
            == 0
        )
        assert shell.sees("ROLEHOP_CHAIN") == "hub"
        # `assume` is the value of an option here, so there is no command: the help.
        assert shell.does("rolehop --config assume").code == 0
        # A help text is shown, not evaluated, however it is asked for.
        assert "Usage: rolehop assume" in shell.does("rolehop assume -qh").shown
        assert shell.does("rolehop --color=never leave").code == 0
        assert shell.sees("ROLEHOP_CHAIN") is None


@shells_with_hooks
def test_the_long_way_still_works(name: str, world_with_keys: World) -> None:
    """Scripts and habits have `eval "$(rolehop assume X)"`, and a pipe gets what the program prints."""
    typed = 'eval "$(rolehop assume hub)"' if name != "fish" else "rolehop assume hub | source"
    with init_shell(name, world_with_keys) as shell:
        assert shell.does(typed).code == 0
        assert shell.sees("ROLEHOP_CHAIN") == "hub"
        if name != "fish":
            assert shell.does("(rolehop assume admin; env | grep ^ROLEHOP_CHAIN= )").code == 0
            assert "ROLEHOP_CHAIN=admin" in shell.plain
            assert shell.sees("ROLEHOP_CHAIN") == "hub"


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("bash", "set -eu"),
        ("bash", "set -o posix; set -u; IFS=01"),
        ("bash", "alias rolehop='rolehop -q'; alias command=false"),
        ("bash", "PROMPT_COMMAND='true; '"),
        ("bash", "PROMPT_COMMAND=(true 'echo two >/dev/null')"),
        ("zsh", "setopt err_exit no_unset"),
        ("zsh", "setopt ksh_arrays sh_word_split no_unset warn_create_global warn_nested_var"),
        ("zsh", "setopt ksh_glob extended_glob rc_quotes no_bang_hist glob_subst all_export"),
        ("zsh", "alias rolehop='rolehop -q'"),
        ("zsh", "alias -g hub=nothub; setopt no_aliases pipe_fail"),
        ("zsh", "autoload -Uz compinit; compinit -u -D"),
        ("fish", "alias rolehop 'rolehop -q'"),
    ],
)
def test_it_lives_with_what_people_set(name: str, before: str, world_with_keys: World) -> None:
    """The line stands there twice, as in files that include each other."""
    line = "\n".join([LINES[name]] * 2)
    with init_shell(name, world_with_keys, before=before, line=line) as shell:
        noise = shell.does("true").shown
        for each in ("error", "not found", "defining function", "unbound", "created globally"):
            assert each not in noise
        assert shell.does("rolehop assume hub").code == 0
        shell.shows_prompt(r"hub (\d+m|1h00m) READY> ")
        assert shell.sees("ROLEHOP_CHAIN") == "hub"
        assert shell.does("rolehop leave").code == 0
        assert shell.sees("ROLEHOP_CHAIN") is None


@shells_with_hooks
def test_a_nested_shell_shows_the_chain_it_inherits(name: str, world_with_keys: World) -> None:
    with init_shell(name, world_with_keys) as shell:
        assert shell.does("rolehop assume admin").code == 0
        shell.starts(name)
        shell.does("true")
        shell.shows_prompt(r"admin (\d+m|1h00m) READY> ")
        assert shell.does("rolehop leave").code == 0
        assert shell.sees("ROLEHOP_CHAIN") is None
        shell.starts("exit")
        assert shell.sees("ROLEHOP_CHAIN") == "admin"


@shells_with_hooks
def test_it_comes_from_a_file_as_well(name: str, world_with_keys: World) -> None:
    installed = world_with_keys.rolehop("init", name, "--install")
    assert installed.code == 0, installed.err
    file = next((world_with_keys.home / ".local/share/rolehop").glob(f"init.{name}"))
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(file) in installed.out
    with init_shell(name, world_with_keys, line=installed.out) as shell:
        assert shell.does("rolehop assume hub").code == 0
        shell.shows_prompt(r"hub (\d+m|1h00m) READY> ")


@pytest.mark.parametrize(
    ("name", "sets", "shows"),
    [
        *((shell, "set -x", "+") for shell in ("bash", "zsh")),
        *((shell, "set -v", "\ntrue") for shell in ("bash", "zsh")),
        ("bash", "set -xv", "+"),
        ("fish", "set -g fish_trace 1", "> true"),
        ("tcsh", "set echo", "\ntrue"),
        ("tcsh", "set verbose", "\ntrue"),
    ],
)
def test_a_trace_does_not_show_the_session(
    name: str, sets: str, shows: str, world_with_keys: World
) -> None:
    with init_shell(name, world_with_keys) as shell:
        shell.does(sets)
        assert shell.does("rolehop assume hub").code == 0
        key = world_with_keys.sts.world.keys[shell.sees("AWS_ACCESS_KEY_ID") or ""]
        assert key.secret not in shell.shown
        assert (key.token or "-") not in shell.shown
        assert shows in shell.does("true").shown.replace("\r", ""), "the trace goes on"


@shells_with_hooks
def test_names_of_chains_are_completed(name: str, world_with_keys: World) -> None:
    before = "autoload -Uz compinit; compinit -u -D" if name == "zsh" else ""
    with init_shell(name, world_with_keys, before=before) as shell:
        shell.does("true")  # it is ready for keys
        shell.types_keys("rolehop show adm\t")
        shell.shows(r"rolehop show admin")
        assert shell.does("").code == 0
        assert "333333333333" in shell.plain


AGED = {"AWS_ACCESS_KEY_ID": "ASIAOLD", "AWS_SESSION_TOKEN": "old", "AWS_SECRET_ACCESS_KEY": "old"}


@shells_with_hooks
def test_an_expiring_session_is_refreshed_before_a_command_if_wanted(
    name: str, world_with_keys: World
) -> None:
    env = {
        "ROLEHOP_AUTO_REFRESH": "1",
        "ROLEHOP_CHAIN": "admin",
        "ROLEHOP_EXPIRES_AT": "1000",
        **AGED,
    }
    calls = len(world_with_keys.sts.roles_called)
    with init_shell(name, world_with_keys, env=env) as shell:
        shell.does("true")
        shell.does("true")
        # No call at all if another shell has refreshed it within the same second.
        assert world_with_keys.sts.roles_called[calls:] in ([HUB, ADMIN], []), shell.plain
        assert world_with_keys.sts.world.keys[shell.sees("AWS_ACCESS_KEY_ID") or ""].arn == ARN
        shell.shows_prompt(r"admin (\d+m|1h00m) READY> ")


@shells_with_hooks
def test_a_refresh_that_fails_is_tried_once_and_keeps_the_status(
    name: str, world_with_keys: World
) -> None:
    env = {
        "ROLEHOP_AUTO_REFRESH": "1",
        "ROLEHOP_CHAIN": "gone",
        "ROLEHOP_EXPIRES_AT": "1000",
        **AGED,
    }
    with init_shell(name, world_with_keys, env=env) as shell:
        for _ in range(3):
            shell.does("true")
        assert shell.does("false").code == 1
        assert shell.plain.count("no chain or AWS profile is called 'gone'") == 1
        shell.shows_prompt("gone expired READY> ")


@shells_with_hooks
def test_nothing_is_refreshed_unasked(name: str, world_with_keys: World) -> None:
    calls = len(world_with_keys.sts.roles_called)
    env = {"ROLEHOP_CHAIN": "admin", "ROLEHOP_EXPIRES_AT": "1000", **AGED}
    with init_shell(name, world_with_keys, env=env) as shell:
        shell.does("true")
        shell.shows_prompt("admin expired READY> ")
    assert world_with_keys.sts.roles_called[calls:] == []
