"""The lines that people are advised to type, pasted into each shell: a name is never a command."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rolehop.base.advice import PLACEHOLDER
from rolehop.handover.shells.registry import SHELLS, dialect
from tests.handover.shells.interactive import NO_KEYS, Interactive
from tests.support.hostile import FORTY, VISIBLE
from tests.support.world import World

# How each shell runs a script without anybody's start-up file.
SCRIPTS = {
    "bash": ("bash", "--norc"),
    "zsh": ("zsh", "-f"),
    "dash": ("dash",),
    "ksh": ("ksh",),
    "fish": ("fish", "--no-config"),
    "tcsh": ("tcsh", "-f"),
    "elvish": ("elvish", "-norc"),
    "xonsh": ("xonsh", "--no-rc"),
    "nu": ("nu", "-n"),
}
RECORDER = """\
#!/bin/sh
{ printf '%s\\037' "$@"; echo; } >>arguments
"""

PASTED = "arn:aws:iam::333333333333:role/Pasted"
PROFILES = (
    "x;touch bad",
    "$(touch bad)",
    "`touch bad`",
    "it's",
    "a!b !! !$",
    "$HOME",
    "two  blanks",
)


def carried(name: str, text: str) -> str:
    """Return what a command should get: the text, or the placeholder if it cannot be typed."""
    return PLACEHOLDER if dialect(name).argument(text).endswith(PLACEHOLDER) else text


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("line", ["{}", "eval"])
def test_a_name_stays_one_argument(
    name: str, line: str, world_with_keys: World, tmp_path: Path
) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    form = dialect(name).eval_command if line == "eval" else line
    recorder = tmp_path / "bin" / "rolehop"
    recorder.parent.mkdir()
    recorder.write_text(RECORDER)
    recorder.chmod(0o700)
    lines = [form.format(f"rolehop plan {dialect(name).argument(each)}") for each in FORTY]
    script = tmp_path / "script"
    script.write_text("\n".join([f"cd '{tmp_path}'", *lines, ""]))
    path = f"{recorder.parent}:{world_with_keys.environ['PATH']}"
    env = {"PATH": path, "XONSH_DATA_DIR": str(tmp_path), "TERM": "xterm"}
    done = world_with_keys.run(*SCRIPTS[name], str(script), env=env)
    recorded = (tmp_path / "arguments").read_text().splitlines()
    got = [[word for word in each.split("\x1f") if word != "--"][1] for each in recorded]
    assert got == [carried(name, each) for each in FORTY], done.err
    assert not list(tmp_path.rglob("bad"))


@pytest.mark.parametrize("name", SHELLS)
def test_what_cannot_be_typed_is_a_placeholder_and_nearly_all_can(name: str) -> None:
    typed = [dialect(name).argument(each) for each in FORTY]
    assert all(each.isprintable() for each in typed)
    placeholders = [each for each in VISIBLE if dialect(name).argument(each) == PLACEHOLDER]
    assert len(placeholders) <= {"cmd": 15, "tcsh": 5, "powershell": 1}.get(name, 0)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "tcsh", "elvish"])
def test_the_line_that_assume_advises_assumes_that_chain(name: str, world_with_keys: World) -> None:
    startup = {
        "tcsh": "set prompt = 'READY> '",
        "elvish": "set edit:prompt = { put 'READY> ' }",
        "fish": "function fish_prompt; echo -n 'READY> '; end",
    }.get(name, "PS1='READY> '")
    world_with_keys.sts.world.role(PASTED, trusts=[world_with_keys.alice.arn])
    roles = (
        f'[profile "{each}"]\nsource_profile = base\nrole_arn = {PASTED}\n' for each in PROFILES
    )
    keys = (
        f"aws_access_key_id = {world_with_keys.alice.key.access_key_id}\n"
        f"aws_secret_access_key = {world_with_keys.alice.key.secret}\n"
    )
    world_with_keys.aws_config("".join(roles) + f"[profile base]\n{keys}")
    with Interactive(world_with_keys, name, startup, env=NO_KEYS) as shell:
        shell.does("true")
        for each in PROFILES:
            shown = shell.does(f"rolehop assume {dialect(name).quote(each)}").shown
            (advised,) = re.findall(r"type:\s+(.*?)\r", shown)
            if PLACEHOLDER not in advised:
                assert shell.does(advised).code == 0
                assert shell.sees("ROLEHOP_CHAIN") == each
    assert not (world_with_keys.home / "bad").exists()
