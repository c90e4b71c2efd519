"""Build what is measured: a fresh environment with the wheel of this tree, worlds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rolehop.vault.kernel import usable
from tests.benchmarks.measuring import ROOT
from tests.support.secret_service import BACKEND, missing, start_secret_service
from tests.support.world import World

KERNEL = "rolehop.vault.kernel.KernelKeyring"
_FOREIGN = ("PYTHONPATH", "PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE")


@contextmanager
def fresh_environment(named: str | None) -> Iterator[Path]:
    """Give a virtual environment with rolehop in it: ``named``, or one made for this run.

    The wheel is built from the tree and installed by the newest pip, so that the console script
    is what a user of today gets.
    """
    if named is not None:
        yield Path(named).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="rh-bench-") as folder:
        venv, wheels = Path(folder, "venv"), Path(folder, "wheels")
        _run(sys.executable, "-m", "venv", str(venv))
        pip = (str(venv / "bin" / "python"), "-m", "pip")
        _run(*pip, "install", "-q", "-U", "pip")
        _run(*pip, "wheel", "-q", "--no-deps", "-w", str(wheels), str(ROOT))
        _run(*pip, "install", "-q", "--compile", *map(str, wheels.glob("*.whl")))
        yield venv


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def environ_of(world: World, venv: Path) -> dict[str, str]:
    """Return the environment of the measured programs: that of a user, not of a test."""
    environ = {name: value for name, value in world.environ.items() if name not in _FOREIGN}
    return {**environ, "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def no_bus() -> str | None:
    """Return why nothing can be measured over a Secret Service, or ``None``."""
    return missing()


def no_kernel() -> str | None:
    """Return why nothing can be measured over the kernel keyring, or ``None``."""
    return usable()


@contextmanager
def on_the_bus() -> Iterator[World]:
    """Give a world whose sessions are in a real Secret Service of its own."""
    with (
        _folder() as service_folder,
        start_secret_service(service_folder) as service,
        _world() as world,
    ):
        world.backend = BACKEND
        names = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
        world.more = {name: service.environ[name] for name in names}
        yield world


@contextmanager
def in_the_kernel() -> Iterator[World]:
    """Give a world whose sessions are in the kernel keyring; they are removed at the end."""
    with _world() as world:
        world.backend = KERNEL
        try:
            yield world
        finally:
            world.rolehop("logout", "--all")


@contextmanager
def _world() -> Iterator[World]:
    with _folder() as folder, World(folder) as world:
        yield world


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def aws_cli_2(named: str | None) -> str | None:
    """Return an AWS CLI of version 2: ``named``, the one on PATH, or the distribution's."""
    for program in filter(None, (named, shutil.which("aws"), "/usr/bin/aws")):
        if Path(program).exists():
            said = subprocess.run([program, "--version"], capture_output=True, text=True)
            if said.stdout.startswith("aws-cli/2."):
                return program
    return None
