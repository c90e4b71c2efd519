"""The demo's home: a folder that is removed at the end, and an environment that names no other."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rolehop.errors import RolehopError
from rolehop.files import make_private_folder, write_beside
from rolehop.startup.dataclass import dataclass

HOME_VARIABLE = "ROLEHOP_DEMO_HOME"
"""The variable with the folder in which the demo's keyring may write."""

MARKER = ".rolehop-demo"
"""A file that only the demo's home has."""

# What a program needs to start and to write readable text; nothing of AWS, keyrings or proxies.
_PASSED_ON = (
    "PATH",
    "PYTHONPATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TERM",
    "NO_COLOR",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
)
_STOPS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@dataclass(frozen=True, slots=True)
class DemoHome:
    """A home folder of mode 0700 and its files."""

    folder: Path

    @property
    def config(self) -> Path:
        """Rolehop's own config."""
        return self.folder / ".config" / "rolehop" / "config.toml"

    @property
    def aws_config(self) -> Path:
        """The AWS config, where programs look for profiles."""
        return self.folder / ".aws" / "config"

    def write(self, path: Path, text: str) -> None:
        """Write a file whole, mode 0600."""
        write_beside(path, text)

    def environ(self, before: Mapping[str, str], endpoint: str | None = None) -> dict[str, str]:
        """Return an environment in which this is the home and ``endpoint`` is all of AWS."""
        folder = str(self.folder)
        passed_on = {name: before[name] for name in _PASSED_ON if name in before}
        homes = {
            "HOME": folder,
            "USERPROFILE": folder,
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "XDG_STATE_HOME": str(self.folder / ".local" / "state"),
            "XDG_DATA_HOME": str(self.folder / ".local" / "share"),
            "XDG_CACHE_HOME": str(self.folder / ".cache"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            # Without this, platformdirs asks Windows itself for these folders.
            "WIN_PD_OVERRIDE_LOCAL_APPDATA": folder,
        }
        aws = {
            "AWS_CONFIG_FILE": str(self.aws_config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / ".aws" / "credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "*",
        }
        if endpoint is not None:
            aws["AWS_ENDPOINT_URL"] = endpoint
        # So that the output of programs can be read on every system.
        own = {"PYTHONUTF8": "1", "ROLEHOP_CONFIG": str(self.config), HOME_VARIABLE: folder}
        return {**passed_on, **homes, **aws, **own}


@contextmanager
def demo_home() -> Iterator[DemoHome]:
    """Make the home; remove it whatever happens, even after a second Ctrl-C.

    Only SIGKILL leaves it behind, with keys of an AWS that ended with the process.
    """
    try:
        home = DemoHome(Path(tempfile.mkdtemp(prefix="rolehop-demo-")))
    except OSError as error:  # also if no folder for temporary files has room
        raise RolehopError(
            "there is no place for the files of the demo",
            cause=(error.strerror or str(error)).lower(),
            fix="free some space, or name another folder by the variable TMPDIR",
        ) from None
    try:
        home.write(home.folder / MARKER, "removed when the demo ends\n")
        make_private_folder(home.folder / "run")
        yield home
    finally:
        with _undisturbed():
            shutil.rmtree(home.folder, ignore_errors=True)


@contextmanager
def only_environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Replace the environment of this process with ``environ`` for a while.

    The AWS library in the demo's process would follow the user's AWS_PROFILE, proxies and config,
    and moto its MOTO_… variables.
    """
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an orderly exit with the code that a shell gives them."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {each: signal.signal(each, stop) for each in _STOPS if each != signal.SIGINT}
    try:
        yield
    finally:
        _restore(before)


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Defer Ctrl-C, SIGTERM and SIGHUP until the yielded function is called.

    So no signal arrives between the start of a program and the moment from which it is ended with
    us. The call raises a signal that came meanwhile.
    """
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in _STOPS}

    def release() -> None:
        _restore(before)
        before.clear()
        if came:
            signal.raise_signal(came.pop(0))

    try:
        yield release
    finally:
        release()


@contextmanager
def _undisturbed() -> Iterator[None]:
    before = {each: signal.signal(each, signal.SIG_IGN) for each in _STOPS}
    try:
        yield
    finally:
        _restore(before)


def _restore(handlers: Mapping[int, object]) -> None:
    for number, handler in handlers.items():
        # None: a handler that was not set by Python and cannot be restored.
        if callable(handler) or isinstance(handler, int):
            signal.signal(number, handler)
