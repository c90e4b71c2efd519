"""What the prompts show of a name that holds control characters: text, and nothing else."""

from __future__ import annotations

import shutil

import pytest

from tests.handover.shells.interactive import LINES, NO_KEYS, Interactive
from tests.handover.shells.scripts import SEGMENT, run, scripted
from tests.support.hostile import INVISIBLE, VISIBLE, invisible_in
from tests.support.world import World

HIDDEN = " ".join(INVISIBLE)
ODD = " ".join(VISIBLE)
PROMPTS = {"nu": "print (rolehop-prompt)", "xonsh": 'print($PROMPT_FIELDS["rolehop"]())'}


def shown_by(name: str, world: World, chain: str) -> str:
    env = {**NO_KEYS, "ROLEHOP_CHAIN": chain}
    if name in SEGMENT:
        done = run(world, name, SEGMENT[name], env)
    else:
        suffix = {"xonsh": "xsh"}.get(name, name)
        done = scripted(world, name, suffix, f"\n{PROMPTS[name]}\n", env={"ROLEHOP_CHAIN": chain})
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.mark.parametrize("name", [*SEGMENT, *PROMPTS])
def test_a_prompt_shows_nothing_but_text(name: str, world_with_keys: World) -> None:
    shown = shown_by(name, world_with_keys, HIDDEN)
    assert invisible_in(shown) == ""
    assert shown.count("?") >= len(INVISIBLE)
    shown = shown_by(name, world_with_keys, ODD)
    assert "日本" in shown
    assert "$(touch bad)" in shown
    assert not (world_with_keys.home / "bad").exists()


def test_the_prompt_of_elvish_shows_nothing_but_text(world_with_keys: World) -> None:
    if shutil.which("elvish") is None:
        pytest.skip("elvish is not installed")
    env = {**NO_KEYS, "ROLEHOP_CHAIN": f"<{HIDDEN}>"}
    with Interactive(world_with_keys, "elvish", LINES["elvish"], env=env) as shell:
        shell.does("true")
        (prompt, *_) = [line for line in shell.plain.splitlines() if "READY>" in line]
    assert "<a?]0;title?b" in prompt
    assert invisible_in(prompt) == ""
