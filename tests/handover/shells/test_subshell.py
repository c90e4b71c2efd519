"""`rolehop shell` under a person: the mark in the prompt, nesting, and the way back."""

from __future__ import annotations

import shutil

import pytest

from tests.handover.shells.interactive import LINES, NO_KEYS, PROMPTS, Interactive
from tests.support.world import ADMIN, HUB, World

PLAIN = {
    "bash": "PS1='READY> '; MINE=bash",
    "zsh": "PROMPT='READY> '; MINE=zsh",
    "fish": "function fish_prompt; echo -n 'READY> '; end; set -g MINE fish",
}
marked_shells = pytest.mark.parametrize("name", PLAIN)


def start_shell(name: str, world: World, startup: str, **env: str | None) -> Interactive:
    program = shutil.which(name, path=world.environ["PATH"])
    return Interactive(world, name, startup, env={**NO_KEYS, "SHELL": program, **env})


@marked_shells
def test_the_prompt_shows_the_chain_on_top_of_the_users_own_start_up(
    name: str, world_with_keys: World
) -> None:
    with start_shell(name, world_with_keys, PLAIN[name], AWS_PROFILE="other") as shell:
        shell.starts("rolehop shell admin")
        shell.shows_prompt(r"admin (\d+|1h00)m READY> ")
        assert shell.sees("ROLEHOP_CHAIN") == "admin"
        assert shell.sees("ROLEHOP_SHELL_LEVEL") == "1"
        assert shell.sees("AWS_PROFILE") is None
        assert (
            world_with_keys.sts.world.keys[shell.sees("AWS_ACCESS_KEY_ID") or ""].role is not None
        )
        assert f"[{name}]" in shell.does('echo "[$MINE]"').shown
        shell.shows_prompt(r"(?<!m )admin (\d+|1h00)m READY> ")
        for variable in ("ZDOTDIR", "ROLEHOP_ZDOTDIR"):
            assert shell.sees(variable) is None
        shell.starts("exit")
        assert shell.sees("ROLEHOP_CHAIN") is None
        assert shell.sees("AWS_PROFILE") == "other"
        shell.shows_prompt(r"(?<!m )READY> ")


@marked_shells
def test_what_start_up_files_name_does_not_take_the_place_of_the_session(
    name: str, world_with_keys: World
) -> None:
    """AWS's SDK for JavaScript prefers a profile to keys in the environment, all prefer other keys."""
    exports = "set -gx {} {}" if name == "fish" else "export {}={}"
    profile, key = (
        exports.format("AWS_PROFILE", "mine"),
        exports.format("AWS_ACCESS_KEY_ID", "AKIA"),
    )
    with start_shell(name, world_with_keys, f"{PLAIN[name]}; {profile}") as shell:
        shell.starts("rolehop shell hub")
        assert shell.sees("AWS_PROFILE") is None
        assert "other AWS keys" not in shell.shown
    if name == "fish":
        return  # what was there before is not known then
    with start_shell(name, world_with_keys, f"{PLAIN[name]}; {key}") as shell:
        shell.starts("rolehop shell hub")
        shell.shows("have put other AWS keys" if name == "zsh" else "has put other AWS keys")


@marked_shells
def test_it_nests_and_leave_goes_back_one_level(name: str, world_with_keys: World) -> None:
    with start_shell(name, world_with_keys, PLAIN[name]) as shell:
        shell.starts("rolehop shell hub")
        shell.shows_prompt(r"hub (\d+|1h00)m READY> ")
        shell.starts("rolehop shell admin")
        shell.shows_prompt(r"admin (\d+|1h00)m READY> ")
        assert shell.sees("ROLEHOP_SHELL_LEVEL") == "2"
        assert shell.does("rolehop assume spokes/444444444444").code == 0
        assert shell.sees("ROLEHOP_CHAIN") == "spokes/444444444444"
        shell.starts("rolehop leave")
        assert shell.sees("ROLEHOP_CHAIN") == "hub"
        shell.shows_prompt(r"hub (\d+|1h00)m READY> ")
        shell.starts("rolehop leave")
        assert shell.sees("ROLEHOP_CHAIN") is None
        assert shell.sees("ROLEHOP_SHELL_LEVEL") is None


@marked_shells
def test_a_prompt_that_shows_the_chain_already_shows_it_once(
    name: str, world_with_keys: World
) -> None:
    startup = f"{LINES[name]}\n{PROMPTS[name]}"
    with start_shell(name, world_with_keys, startup) as shell:
        shell.starts("rolehop shell hub")
        shell.does("true")
        shell.shows_prompt(r"(?<!m )hub (\d+|1h00)m READY> ")
        shell.starts("rolehop leave")
        assert shell.sees("ROLEHOP_CHAIN") is None


@marked_shells
def test_leave_by_eval_ends_it_too(name: str, world_with_keys: World) -> None:
    typed = "command rolehop leave | source" if name == "fish" else 'eval "$(rolehop leave)"'
    with start_shell(name, world_with_keys, PLAIN[name]) as shell:
        shell.starts("rolehop shell hub")
        shell.starts(typed)
        assert shell.sees("ROLEHOP_CHAIN") is None


@pytest.mark.parametrize("name", ["tcsh", "elvish"])
def test_a_shell_without_a_mark_says_so_and_has_the_session(
    name: str, world_with_keys: World
) -> None:
    startup = "set prompt = 'READY> '" if name == "tcsh" else "set edit:prompt = { put 'READY> ' }"
    with start_shell(name, world_with_keys, startup) as shell:
        shell.does("true")
        shell.starts("rolehop shell hub")
        shell.shows("does not show the chain in its prompt")
        assert shell.sees("ROLEHOP_CHAIN") == "hub"
        typed = 'eval "`rolehop leave`"' if name == "tcsh" else "eval (rolehop leave | slurp)"
        shell.starts(typed)
        assert shell.sees("ROLEHOP_CHAIN") is None


def test_zsh_finds_its_files_where_the_user_keeps_them(world_with_keys: World) -> None:
    folder = world_with_keys.home / "zdot"
    folder.mkdir()
    (world_with_keys.home / ".zshenv").write_text(f"ZDOTDIR={folder}\nENVREAD=1\n")
    (folder / ".zshrc").write_text("PROMPT='READY> '; MINE=moved\n")
    try:
        with start_shell("zsh", world_with_keys, "PROMPT='WRONG> '") as shell:
            shell.starts("rolehop shell hub")
            shell.shows_prompt(r"hub (\d+|1h00)m READY> ")
            answer = shell.does('echo "[$MINE $ENVREAD $ZDOTDIR ${HISTFILE-none}]"')
            assert f"[moved 1 {folder} " in answer.shown
            assert "/shell/zsh/" not in answer.shown
    finally:
        (world_with_keys.home / ".zshenv").unlink()


def test_a_value_of_the_chains_name_is_never_run(world_with_keys: World) -> None:
    """Names of AWS profiles may hold anything."""
    world_with_keys.aws_config(
        '[profile "$(touch gone)`touch gone`%~ x"]\n'
        "source_profile = base\n"
        f"role_arn = {HUB}\n[profile base]\n"
        f"aws_access_key_id = {world_with_keys.alice.key.access_key_id}\n"
        f"aws_secret_access_key = {world_with_keys.alice.key.secret}\n"
    )
    chain = "'$(touch gone)`touch gone`%~ x'"
    for name, startup in {**PLAIN, "zsh": f"setopt prompt_subst; {PLAIN['zsh']}"}.items():
        with start_shell(name, world_with_keys, startup) as shell:
            shell.starts(f"rolehop shell {chain}")
            shell.does("true")
            shell.shows_prompt(r"\$\(touch gone\)`touch gone`%~ x (\d+|1h00)m READY> ")
        assert not (world_with_keys.home / "gone").exists()


def test_the_mark_of_zsh_is_never_run_though_prompts_are_expanded_from_now_on(
    world_with_keys: World,
) -> None:
    chain = "'$(touch gone)`touch gone` x'"
    world_with_keys.aws_config(
        '[profile "$(touch gone)`touch gone` x"]\n'
        f"role_arn = {HUB}\ncredential_source = Environment\n"
    )
    keys = world_with_keys.alice.environ
    with start_shell("zsh", world_with_keys, PLAIN["zsh"], **keys) as shell:
        shell.starts(f"rolehop shell {chain}")
        shell.shows_prompt(r"\?\(touch gone\)\?touch gone\? x (\d+|1h00)m READY> ")
        shell.does("setopt prompt_subst")
        shell.shows_prompt(r"(?<!m )\$\(touch gone\)`touch gone` x (\d+|1h00)m READY> ")
    assert not (world_with_keys.home / "gone").exists()


def test_the_exit_code_is_the_shells_own_and_a_script_on_stdin_is_run(
    world_with_keys: World,
) -> None:
    for name in PLAIN:
        if shutil.which(name) is None:
            continue
        text = "printenv ROLEHOP_CHAIN ROLEHOP_SHELL_LEVEL\nexit 7\n"
        done = world_with_keys.rolehop("shell", "admin", "--shell", name, env=NO_KEYS, input=text)
        assert (done.code, done.out) == (7, "admin\n1\n"), done.err
    missing = world_with_keys.rolehop("shell", "admin", "--shell", "no-such-shell", env=NO_KEYS)
    assert missing.code == 127
    assert world_with_keys.sts.roles_called.count(ADMIN) >= 1
