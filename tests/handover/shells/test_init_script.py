"""What the text of `rolehop init` does while a shell reads it, and what its prompt says."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path

import click
import pytest

from rolehop.commands.shell import assume
from rolehop.handover.shells.dialect import InitScript
from rolehop.handover.shells.registry import SHELLS, dialect
from rolehop.hotpath.command_table import INIT_SHELLS
from tests.handover.shells.interactive import NO_KEYS
from tests.handover.shells.scripts import SEGMENT, STARTS, run, scripted
from tests.support.world import CONFIG, World

every_shell = pytest.mark.parametrize("name", STARTS)
COMPLETED = ("bash", "zsh", "fish", "powershell")


def script_of(name: str) -> InitScript:
    found = dialect(name).init
    assert found is not None
    return found


@every_shell
@pytest.mark.parametrize("times", [1, 3])
def test_reading_it_starts_no_process_and_says_nothing(
    name: str, times: int, world_with_keys: World
) -> None:
    # Field 11 of /proc/self/stat counts the page faults of children that ended: none, no child.
    count = {
        "bash": "read -r stat </proc/self/stat; set -- ${stat##*) }; echo $9",
        "zsh": "read -r stat </proc/self/stat; set -- ${=${stat##*\\) }}; echo $9",
        "fish": "read stat </proc/self/stat; echo (string split ' ' (string replace -r '.*\\) ' '' $stat))[9]",
    }[name]
    reading = "\n".join(["INIT"] * times)
    quiet = run(
        world_with_keys,
        name,
        f"{reading}\n{count}",
        {"PATH": str(world_with_keys.folder / "nothing-here")},
    )
    assert (quiet.code, quiet.out.strip(), quiet.err) == (0, "0", "")
    forked = run(world_with_keys, name, f"{'(:)' if name != 'fish' else '/bin/true'}\n{count}")
    assert int(forked.out) > 0, "the count does not count"


@every_shell
@pytest.mark.parametrize("color", ["red", None])
@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (-1, "expired"),
        (30, "<1m"),
        (100, "1m"),
        (43 * 60 + 30, "43m"),
        (3600 + 90, "1h01m"),
        (12 * 3600 - 30, "11h59m"),
    ],
)
def test_the_segment_shows_the_chain_and_its_time(
    name: str, color: str | None, left: int, shown: str, world_with_keys: World
) -> None:
    chain = "admin" if color else "hub"
    env = {
        "ROLEHOP_CHAIN": chain,
        "ROLEHOP_EXPIRES_AT": str(int(time.time()) + left),
        "TERM": "xterm",
    }
    done = run(world_with_keys, name, SEGMENT[name], env)
    assert done.err == ""
    text = f"{chain} {shown}"
    plain = {"bash": f"[{text} ]", "zsh": f"[{text} ]", "fish": f"{text} "}
    red = {
        "bash": f"[\x01\x1b[31m\x02{text}\x01\x1b[0m\x02 ]",
        "zsh": f"[%F{{1}}{text}%f ]",
        "fish": f"\x1b[31m{text}",
    }
    said = done.out.replace("\x1b(B\x1b[m", "").replace("\x1b[m", "")
    assert said.strip("\n").startswith((red if color else plain)[name])
    assert "\x1b" not in run(world_with_keys, name, SEGMENT[name], env | {"NO_COLOR": "1"}).out


@every_shell
@pytest.mark.parametrize(
    ("chain", "ends"),
    [
        ("", "1000"),
        ("$(touch bad)`touch bad`", "1000"),
        ("%F{red}%n", "x[$(touch bad)]"),
        ("a\x1b]0;title\x07", ""),
        ("-n", "0x10"),
        ("  two  ", "99999999999999999999"),
        ("*", "08"),
    ],
)
def test_the_prompt_trusts_nothing_that_it_finds_in_the_environment(
    name: str, chain: str, ends: str, world_with_keys: World
) -> None:
    done = run(
        world_with_keys, name, SEGMENT[name], {"ROLEHOP_CHAIN": chain, "ROLEHOP_EXPIRES_AT": ends}
    )
    assert (done.code, done.err) == (0, "")
    assert not (world_with_keys.home / "bad").exists()
    assert "\x1b]" not in done.out
    if not chain:
        assert done.out in ("[]", "")
    elif name == "zsh":
        assert chain.replace("%", "%%")[: 1 + chain.startswith("%")] in done.out
    else:
        assert chain[:1] in done.out


@every_shell
@pytest.mark.parametrize(
    "name_of_chain", ["it's", "a b", "$x", "`id`", "*", "[a]", "?", "é", "a\\b", "%", "@HIDDEN@"]
)
def test_a_colour_belongs_to_one_chain_whatever_its_name(
    name: str, name_of_chain: str, world_with_keys: World
) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    file = world_with_keys.home / "odd"
    file.write_text(script_of(name).text({name_of_chain: "bright_blue"}, None))
    tells = "__rolehop_color" if name == "fish" else "__rolehop_set_color; echo $rolehop_color"
    for chain, color in ((name_of_chain, "brblue" if name == "fish" else "12"), ("other", "")):
        done = world_with_keys.run(
            name, *STARTS[name], "-c", f". {file}; {tells}", env={"ROLEHOP_CHAIN": chain}
        )
        if name == "fish" and set(name_of_chain) & set("*?["):
            color = ""
        assert (done.out.strip(), done.err) == (color, "")


@every_shell
def test_a_chain_that_is_called_like_a_place_in_the_text_has_its_colour(name: str) -> None:
    """The places are filled in one pass; a name that was filled in is not filled in again."""
    chains = {"x@HIDDEN@": "red", "x@COLORS@": "green"}
    config = "".join(
        f'[chains."{chain}"]\nfrom = "hub"\ncolor = "{color}"\n'
        'hops = [{ role = "333333333333:role/X" }]\n'
        for chain, color in chains.items()
    )
    with tempfile.TemporaryDirectory(prefix="rh-") as folder, World(Path(folder)) as world:
        world.config(CONFIG + config)
        file = world.home / "text"
        made = world.rolehop("init", name)
        assert (made.code, made.err) == (0, "")
        file.write_text(made.out)
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        numbers = {"red": "1", "green": "2"}
        tells = "__rolehop_color" if name == "fish" else "__rolehop_set_color; echo $rolehop_color"
        for chain, color in chains.items():
            script = f". {file}; {tells}"
            done = world.run(name, *STARTS[name], "-c", script, env={"ROLEHOP_CHAIN": chain})
            assert done.out.strip() == (color if name == "fish" else numbers[color])


@pytest.mark.parametrize("name", ["bash", "zsh"])
@pytest.mark.parametrize(
    "setting", ["set -eu", "set -euo pipefail", "set -e; trap 'echo trap' ERR"]
)
def test_a_strict_script_ends_with_the_code_of_the_failure(
    name: str, setting: str, world_with_keys: World
) -> None:
    good = run(
        world_with_keys,
        name,
        f"{setting}; INIT; INIT; rolehop assume hub -q; echo $ROLEHOP_CHAIN; rolehop leave",
    )
    assert (good.code, good.out, good.err) == (0, "hub\n", "")
    bad = run(world_with_keys, name, f"{setting}; INIT; rolehop assume admn; echo on")
    assert (bad.code, bad.out.replace("trap\n", "")) == (3, "")


# A server that is not stopped ends by itself: so does a shell that waits for it.
_SERVED = """
eval "$(rolehop serve hub --print-env -q --idle-timeout 1m &)"
(rolehop serve --nothing; echo "code $?")
rolehop serve --stop
"""


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_server_in_the_background_leaves_no_shell_that_is_waited_for(
    name: str, world_with_keys: World
) -> None:
    done = run(world_with_keys, name, f"INIT\n{_SERVED}")
    assert re.search(r"rolehop: the server of hub \(process \d+\) has ended", done.err)
    assert done.out == "code 2\n"


@every_shell
def test_a_broken_config_breaks_no_shell(name: str, world_with_keys: World) -> None:
    broken = world_with_keys.home / "broken.toml"
    broken.write_text("[chains.x\n")
    done = world_with_keys.rolehop("init", name, env={"ROLEHOP_CONFIG": str(broken)})
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert "rolehop config check" in done.err
    assert "function rolehop" in done.out


def test_help_names_every_shell_that_can_be_written_for() -> None:
    (option,) = (each for each in assume.command.params if each.name == "shell")
    assert isinstance(option, click.Option)
    named = re.findall(r"\w+", (option.help or "").partition(": ")[2].partition(".")[0])
    assert [each for each in named if each != "or"] == [*SHELLS]


@pytest.mark.parametrize("name", INIT_SHELLS)
def test_nothing_is_left_to_fill_in(name: str, world_with_keys: World) -> None:
    done = world_with_keys.rolehop("init", name)
    assert (done.code, done.err) == (0, "")
    assert "@CO" not in done.out
    assert ("_rolehop_completion" in done.out or "Register-ArgumentCompleter" in done.out) == (
        name in COMPLETED
    )


@pytest.mark.parametrize("name", INIT_SHELLS)
def test_the_file_can_lie_in_a_folder_of_any_name(name: str, world_with_keys: World) -> None:
    folder = world_with_keys.home / 'it\'s $HOME "here" é'
    done = world_with_keys.rolehop("init", name, "--install", env={"XDG_DATA_HOME": str(folder)})
    assert done.code == 0, done.err
    suffix = script_of(name).extension
    (file,) = (path for path in (folder / "rolehop").iterdir() if path.suffix == suffix)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == world_with_keys.rolehop("init", name).out
    if name in STARTS and shutil.which(name):
        read = world_with_keys.run(
            name, *STARTS[name], "-c", f"{done.out}\ntype rolehop", env=NO_KEYS
        )
        assert "function" in read.out, read.err


def test_a_folder_that_others_can_write_gets_no_file_that_every_shell_would_read(
    world_with_keys: World,
) -> None:
    shared = world_with_keys.folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    done = world_with_keys.rolehop("init", "bash", "--install", env={"XDG_DATA_HOME": str(shared)})
    assert (done.code, done.out, list(shared.iterdir())) == (3, "", [])
    assert f"everybody on this machine can write {shared}" in done.err


def test_nushell_reads_its_file_and_takes_sessions(world_with_keys: World) -> None:
    lines = """
        rolehop assume admin -q
        print (^env | lines | where $it =~ '^ROLEHOP_CHAIN' | str join)
        print (rolehop-prompt)
        rolehop -q refresh
        rolehop leave
        rolehop leave
        print $"[(rolehop-prompt)]"
        try { rolehop assume admn } catch {|error| print $error.exit_code }
        rolehop plan admn
    """
    done = scripted(world_with_keys, "nu", "nu", lines)
    assert done.code == 3, done.err
    assert done.out.splitlines()[0] == "ROLEHOP_CHAIN=admin"
    assert "\x1b[31madmin " in done.out.splitlines()[1]
    assert done.out.splitlines()[2:] == ["[]", "3"]


def test_xonsh_reads_its_file_and_takes_sessions(world_with_keys: World) -> None:
    lines = """
rolehop assume admin -q
env | grep ^ROLEHOP_CHAIN
print($PROMPT_FIELDS["rolehop"]())
rolehop -q refresh
rolehop leave
rolehop leave
print($PROMPT_FIELDS["rolehop"]())
rolehop assume admn && echo on || echo failed
"""
    done = scripted(world_with_keys, "xonsh", "xsh", lines)
    assert done.code == 0, done.err
    first, second, *rest = done.out.splitlines()
    assert first == "ROLEHOP_CHAIN=admin"
    assert second.startswith("{RED}admin ")
    assert rest == ["None", "failed"]
