"""The wheel, its completions, and rolehop installed from it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import rolehop
from manpages.pages import man_pages
from rolehop.commands.shell.scripts import completions_folder
from tests.support.environment import CHECKOUT, ROOT
from tests.support.world import PYTHON, World

COMPLETIONS = completions_folder()
SCRIPTS = {
    "bash": "rolehop.bash",
    "zsh": "_rolehop",
    "fish": "rolehop.fish",
    "powershell": "rolehop.ps1",
}
PLACES = {
    "bash": "share/bash-completion/completions/rolehop",
    "zsh": "share/zsh/site-functions/_rolehop",
    "fish": "share/fish/vendor_completions.d/rolehop.fish",
    "powershell": "share/rolehop/rolehop.ps1",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = os.environ.get("ROLEHOP_TEST_WHEEL")  # it is what all the tests run
    if built is not None:
        return Path(built)
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a venv with the wheel in it; its dependencies are those of this Python."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    quietly = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    subprocess.run([*pip, "install", *quietly, str(wheel)], check=True)
    # Behind the venv's own packages, so that the wheel's rolehop comes first.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "depends.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.mark.skipif("ROLEHOP_TEST_WHEEL" not in os.environ, reason=".ci/run tests its wheel")
def test_what_is_tested_is_the_wheel(wheel: Path, shared_world: World) -> None:
    package = Path(rolehop.__file__).parent
    assert not list((ROOT / "rolehop").rglob("*.py"))
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.startswith("rolehop/"):
                assert archive.read(name) == (package.parent / name).read_bytes(), name
    # Python begins its path with the folder that it is started in, and with PYTHONPATH.
    shown = shared_world.run(
        PYTHON, "-c", f"import os; os.chdir({str(ROOT)!r}); import rolehop; print(rolehop.__file__)"
    )
    assert shown.out == f"{rolehop.__file__}\n"


def test_the_wheel_holds_the_whole_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    ours = {
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "rolehop").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    ours |= {f"rolehop/completions/{name}" for name in SCRIPTS.values()}
    assert {name for name in held if name.startswith("rolehop/")} == ours
    assert "rolehop/py.typed" in ours
    assert not [name for name in held if name.startswith(("tests/", ".ci/"))]


@pytest.mark.parametrize("shell", PLACES)
def test_the_wheel_puts_completions_where_shells_look(wheel: Path, shell: str) -> None:
    inside = f"rolehop-{rolehop.__version__}.data/data/{PLACES[shell]}"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(inside) == (COMPLETIONS / SCRIPTS[shell]).read_bytes()


def test_the_wheel_puts_the_launcher_where_no_path_names_a_python(wheel: Path) -> None:
    inside = f"rolehop-{rolehop.__version__}.data/data/share/rolehop/launcher.py"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(inside) == archive.read("rolehop/hotpath/shared_launcher.py")


def test_the_wheel_has_the_man_pages(wheel: Path) -> None:
    inside = f"rolehop-{rolehop.__version__}.data/data/share/man/"
    with zipfile.ZipFile(wheel) as archive:
        held = {
            name.removeprefix(inside): archive.read(name).decode()
            for name in archive.namelist()
            if name.startswith(inside)
        }
    assert held == man_pages()


def test_the_wheel_states_the_version_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"rolehop-{rolehop.__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {rolehop.__version__}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata


def test_what_was_installed_from_the_wheel_runs(installed: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.defpath, "HOME": str(tmp_path)}
    for argv in (["bin/rolehop", "--version"], ["bin/python", "-m", "rolehop", "--version"]):
        done = subprocess.run(
            [installed / argv[0], *argv[1:]],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"rolehop {rolehop.__version__}\n"
    where = subprocess.run(
        [installed / "bin" / "python", "-c", "import rolehop; print(rolehop.__file__)"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(installed)


def test_the_installed_completions_are_in_place(installed: Path) -> None:
    for shell, place in PLACES.items():
        assert (installed / place).read_bytes() == (COMPLETIONS / SCRIPTS[shell]).read_bytes()


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_stored_completion_is_what_rolehop_prints(shell: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rolehop", "completion", shell],
        env={"PATH": os.defpath, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout == (COMPLETIONS / SCRIPTS[shell]).read_bytes()


def test_every_dependency_states_its_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = project["dependencies"] + [
        each for extra in project["optional-dependencies"].values() for each in extra
    ]
    assert [
        each for each in requirements if ">=" not in each and not each.startswith("rolehop[")
    ] == []


CONFIG = """\
[sources.me]
type = "environment"
[chains.hub]
source = "me"
hops = [{ role = "222222222222:role/Hub" }]
[chains.prod-admin]
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
[chains.prod-read]
from = "hub"
hops = [{ role = "333333333333:role/Read" }]
[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""

ASKED = [
    pytest.param("rolehop plan pro", ["prod-admin", "prod-read"], id="chains"),
    pytest.param("rolehop plan spokes/4", ["spokes/444444444444"], id="a fleet's chains"),
    pytest.param("rolehop exec hu", ["hub"], id="exec"),
    pytest.param("rolehop credential-p", ["credential-process"], id="commands"),
    pytest.param("rolehop keys re", ["remove"], id="commands of a command"),
    pytest.param("rolehop plan --str", ["--strict"], id="options"),
    pytest.param("rolehop plan nothing-like-it", [], id="nothing"),
]

BROKEN = [
    pytest.param(b"this is no config", id="no TOML"),
    pytest.param(b"[chains.x]\nhops = 3\n", id="a wrong type"),
    pytest.param(b"include = ['gone.toml']\n", id="a missing include"),
    pytest.param(b"\xff\xfe", id="no UTF-8"),
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    (folder / ".config" / "rolehop").mkdir(parents=True)
    write(folder, CONFIG.encode())
    (folder / "bin").mkdir()
    runner = folder / "bin" / "rolehop"
    runner.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rolehop "$@"\n')
    runner.chmod(0o755)
    return folder


def write(home: Path, config: bytes) -> None:
    path = home / ".config" / "rolehop" / "config.toml"
    path.write_bytes(config)
    path.chmod(0o600)


def environ_of(home: Path) -> dict[str, str]:
    path = os.pathsep.join((str(home / "bin"), os.environ["PATH"]))
    return {"PATH": path, "HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "dumb"}


def in_bash(line: str, home: Path) -> tuple[list[str], str]:
    """Complete ``line`` with the script for bash; return the candidates and stderr."""
    script = """
        source "$1"
        read -ra COMP_WORDS <<< "$2"
        COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
        COMPREPLY=()
        _rolehop_completion rolehop "${COMP_WORDS[COMP_CWORD]}"
        (( ${#COMPREPLY[@]} )) && printf '%s\\n' "${COMPREPLY[@]}"
        complete -p rolehop >&2
    """
    argv = ["bash", "--norc", "-c", script, "-", str(COMPLETIONS / "rolehop.bash"), line]
    done = subprocess.run(argv, env=environ_of(home), capture_output=True, text=True, check=True)
    return done.stdout.split(), done.stderr


def in_fish(line: str, home: Path) -> tuple[list[str], str]:
    """Complete ``line`` with the script for fish."""
    script = "source $argv[1]; complete -C $argv[2]"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script, str(COMPLETIONS / "rolehop.fish"), line],
        env=environ_of(home),
        capture_output=True,
        text=True,
        check=True,
    )
    return [each.split("\t")[0] for each in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize(("line", "offered"), ASKED)
def test_bash_completes(line: str, offered: list[str], home: Path) -> None:
    found, said = in_bash(line, home)
    assert (found, said) == (offered, "complete -o nosort -F _rolehop_completion rolehop\n")


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize(("line", "offered"), ASKED)
def test_fish_completes(line: str, offered: list[str], home: Path) -> None:
    assert in_fish(line, home) == (offered, "")


@pytest.mark.parametrize("config", BROKEN)
def test_completion_is_silent_if_the_config_is_broken(config: bytes, home: Path) -> None:
    write(home, config)
    found, said = in_bash("rolehop plan pro", home)
    assert (found, said) == ([], "complete -o nosort -F _rolehop_completion rolehop\n")
    assert in_bash("rolehop credential-p", home)[0] == ["credential-process"]


def test_completion_is_silent_if_others_can_write_the_config(home: Path) -> None:
    (home / ".config" / "rolehop" / "config.toml").chmod(0o666)
    assert in_bash("rolehop plan pro", home)[0] == []


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "shown"),
    [("rolehop plan spokes/4", "44444444444"), ("rolehop credential-p", "rocess")],
)
def test_zsh_completes(typed: str, shown: str, home: Path) -> None:
    shutil.copy(COMPLETIONS / "_rolehop", home / "_rolehop")
    # The prompt is written in two parts, so that what is typed does not look like it.
    prepare = f"fpath=({home} $fpath); autoload -U compinit; compinit -u -D; PS1='rea''dy> '"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["zsh", "-f", "-i"],
        env=environ_of(home),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as shell:
        os.close(theirs)
        try:
            os.write(ours, f"{prepare}\n".encode())
            assert "ready> " in wait_for(ours, "ready> ")
            os.write(ours, f"{typed}\t".encode())
            assert shown in wait_for(ours, shown)
        finally:
            shell.kill()
            os.close(ours)


def wait_for(terminal: int, text: str) -> str:
    """Read until ``text`` is shown, or two minutes are over."""
    seen, until = "", time.monotonic() + 120
    while text not in seen and time.monotonic() < until:
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace").replace("\r", "")
    return seen
