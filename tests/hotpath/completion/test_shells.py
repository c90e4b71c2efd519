"""The scripts in the shells themselves: somebody types, presses Tab, and the command line is whole.

``rolehop`` is a function here that shows the words it was given, so what is proved is what the
shell would have run: quotes, breaks at ``@`` and ``=``, and words with blanks included.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolehop.commands.shell.scripts import completions_folder
from tests.handover.shells.interactive import Interactive
from tests.hotpath.completion.home import Home
from tests.support.world import World

SCRIPTS = completions_folder()
SHOW = """
function rolehop { printf '[%s]' "$@"; }
inner() { printf '[%s]' inner "$@"; }
"""
INIT = "autoload -Uz compinit; compinit -u -D; setopt no_beep"
INNER_ZSH = "_inner() { compadd alpha beta }; compdef _inner inner"
STARTUPS = {
    "bash": f". '{SCRIPTS}/rolehop.bash'; complete -W 'alpha beta' inner {SHOW}",
    "zsh": f"{INIT}; . '{SCRIPTS}/_rolehop'; {INNER_ZSH} {SHOW}",
    "zsh-fpath": f"fpath=('{SCRIPTS}' $fpath); {INIT}; {INNER_ZSH} {SHOW}",
    "fish": f"""source '{SCRIPTS}/rolehop.fish'
        complete -c inner -f -a 'alpha beta'
        function inner; end
        function rolehop; printf '[%s]' $argv; end
        function fish_prompt; echo '> '; end""",
}

Typing = tuple[Interactive, Home]


@pytest.fixture(scope="module", params=STARTUPS)
def typing(request: pytest.FixtureRequest) -> Iterator[Typing]:
    """A shell that somebody sits at, with completion on."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
    ):
        home = Home(world.home)
        name = request.param.partition("-")[0]
        # A shell offers every program that it finds, fish those with the word inside, too.
        world.only_programs("sh", name)
        with Interactive(world, name, STARTUPS[request.param]) as shell:
            yield shell, home


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("credential-p", ["credential-process"], id="a-command"),
        pytest.param("keys rem", ["keys", "remove"], id="a-command-of-a-command"),
        pytest.param("plan te", ["plan", "team"], id="a-chain-of-an-include"),
        pytest.param("plan spokes/4", ["plan", "spokes/444444444444"], id="a-fleet's-chain"),
        pytest.param("plan 5555", ["plan", "spokes/555555555555"], id="an-account's-number"),
        pytest.param("plan prod@", ["plan", "prod@eu+1"], id="broken-at-an-at"),
        pytest.param("plan prod@eu+", ["plan", "prod@eu+1"], id="with-a-plus"),
        pytest.param("plan a:", ["plan", "a:b"], id="broken-at-a-colon"),
        pytest.param("plan my", ["plan", "my profile"], id="a-blank-is-quoted"),
        pytest.param("plan my\\ ", ["plan", "my profile"], id="a-quoted-blank"),
        pytest.param("plan 'my p", ["plan", "my profile"], id="inside-quotes"),
        pytest.param("keys add a", ["keys", "add", "alice"], id="a-source"),
        pytest.param("plan --stri", ["plan", "--strict"], id="an-option"),
        pytest.param("plan --format=j", ["plan", "--format=json"], id="a-value"),
        pytest.param("--color al", ["--color", "always"], id="a-value-of-its-own"),
        pytest.param("plan --strict te", ["plan", "--strict", "team"], id="behind-an-option"),
        pytest.param("init xon", ["init", "xonsh"], id="a-shell"),
        pytest.param("--config .aws/conf", ["--config", ".aws/config"], id="a-file"),
        pytest.param("exec hub ", ["exec", "hub", "--"], id="two-dashes"),
        pytest.param(
            "exec prod@eu+1 -- inner al", ["exec", "prod@eu+1", "--", "inner", "alpha"], id="inner"
        ),
        pytest.param("exec hub inner al", ["exec", "hub", "inner", "alpha"], id="inner-no-dashes"),
        pytest.param("exec hub -- credentia", ["exec", "hub", "--", "credentia"], id="none"),
        pytest.param(
            "exec hub -- rolehop plan te",
            ["exec", "hub", "--", "rolehop", "plan", "team"],
            id="nested",
        ),
    ],
)
def test_tab_completes_the_word(typed: str, meant: list[str], typing: Typing) -> None:
    answer = typing[0].does(f"rolehop {typed}\t")
    found = re.search(r"(\[[^]\n]*\])+", answer.shown[answer.shown.index("\n") :])
    assert found, answer.shown
    assert found[0] == "".join(f"[{word}]" for word in meant)


def test_a_broken_config_says_nothing_in_a_shell(typing: Typing) -> None:
    config = typing[1].config
    good = config.read_text()
    config.write_text("this is no config")
    try:
        answer = typing[0].does("rolehop plan prod-ad\t")
    finally:
        config.write_text(good)
    assert "[plan][prod-ad]" in answer.shown
    assert "rolehop:" not in answer.shown


def in_bash(script: str, home: Home) -> str:
    argv = ["bash", "--norc", "-c", f". '{SCRIPTS}/rolehop.bash'\n{script}"]
    done = subprocess.run(argv, env=home.environ, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize("function", ["_comp_command_offset", "_command_offset"])
def test_the_package_bash_completion_takes_over_if_it_is_there(function: str, home: Home) -> None:
    """It gets the index of bash's word that begins the command; bash breaks words at ``@``."""
    asked = f"""
        {function}() {{ COMPREPLY=("from $1"); }}
        COMP_LINE='rolehop exec prod@eu+1 -- inner al' COMP_POINT=35 COMP_CWORD=7
        COMP_WORDS=(rolehop exec prod @ eu+1 -- inner al)
        _rolehop_completion rolehop al inner
        echo "${{COMPREPLY[@]}}"
    """
    assert in_bash(asked, home) == "from 6\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_shows_descriptions(home: Home) -> None:
    script = "source $argv[1]; complete -C 'rolehop assume pr'; complete -C 'rolehop assu'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script, str(SCRIPTS / "rolehop.fish")],
        env=home.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "prod@eu+1\tBreak: glass",
        "prod-admin",
        "assume\tWalk a chain and hand its session to this shell.",
    ]


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="PowerShell is not installed")
def test_powershell_completes(home: Home) -> None:
    script = (
        f". '{SCRIPTS}/rolehop.ps1'; foreach ($line in 'rolehop plan prod@', 'rolehop plan my',"
        " 'rolehop exec hub ', 'rolehop exec hub ''--'' rolehop plan te')"
        " { (TabExpansion2 $line $line.Length).CompletionMatches.CompletionText }"
    )
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-NonInteractive", "-Command", script],
        env=home.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["prod@eu+1", "'my profile'", "'--'", "team"]
