"""The demo's home: a folder that is removed at the end, and an environment that names no other."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rolehop.base.dataclass import dataclass
from rolehop.base.errors import RolehopError
from rolehop.base.files import make_private_folder, write_beside

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


_PATIENCE = 1.0  # seconds


class Children:
    """Starts programs in the demo's home and environment."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = dict(environ)
        self._folder = folder

    def run(
        self,
        argv: Sequence[str],
        *,
        line: Callable[[str], None],
        stdin: str | None = None,
        captured: bool = False,
    ) -> str:
        """Run a program to its end; each line of its output goes to ``line`` as it comes.

        Args:
            argv: the program and its arguments.
            line: gets each line of stdout and stderr, without the line end.
            stdin: what the program reads; ``None``: nothing.
            captured: stdout is returned and not given to ``line``.

        Raises:
            RolehopError: it failed.
        """
        with self._started(argv, captured=captured) as child:
            if stdin is not None and child.stdin is not None:
                child.stdin.write(stdin)
            if child.stdin is not None:
                child.stdin.close()
            for each in (child.stderr if captured else child.stdout) or ():
                line(each.rstrip("\n"))
            caught = child.stdout.read() if captured and child.stdout is not None else ""
        if child.returncode != 0:
            raise RolehopError(
                "a step of the demo failed",
                cause=f"{' '.join(argv[1:])} ended with exit code {child.returncode}",
                fix="report the output above; it contains no secret",
            )
        return caught

    @contextlib.contextmanager
    def _started(self, argv: Sequence[str], *, captured: bool) -> Iterator[subprocess.Popen[str]]:
        with (
            deferred() as release,
            subprocess.Popen(
                list(argv),
                env=self._environ,
                cwd=self._folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if captured else subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                # A group of its own, so that what the program started itself ends with it.
                process_group=0 if os.name == "posix" else None,
            ) as child,
        ):
            try:
                release()
                yield child
            except BaseException:
                _end(child)
                raise


def _end(child: subprocess.Popen[str]) -> None:
    """Kill a program and all that it started: it may be about to write files."""
    if os.name != "posix":
        child.kill()
        child.wait()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        # The rest of the group are not our children: poll until none is left, for a limited time,
        # since without an init (in a container) dead ones are never collected.
        patience = time.monotonic() + _PATIENCE
        while time.monotonic() < patience:
            os.killpg(child.pid, 0)
            time.sleep(0.005)
