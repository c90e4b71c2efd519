"""A small AWS, a home folder with a config, and the real `rolehop` script run in it.

with World(folder) as world:
    done = world.rolehop("export", "admin")
    assert done.code == 0, done.err
    assert world.sts.roles_called == [HUB, ADMIN]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from rolehop.base.dataclass import replace
from rolehop.vault.index_file import IndexStore
from tests.doubles.sts import StrictSts
from tests.doubles.sts_world import STEP_SECONDS
from tests.guide.json_page import differences
from tests.support import fork_server
from tests.support.environment import ROOT, for_coverage

LONGEST_RUN = 90  # seconds
SCRIPT = str(Path(sys.executable).parent / "rolehop")
PYTHON = str(Path(sys.executable).parent / "python")
"""The interpreter by its usual name, as installed lines have it; pytest may run as python3."""
FILE_BACKED = "tests.doubles.keyrings.FileBacked"

HUB = "arn:aws:iam::222222222222:role/Hub"
ADMIN = "arn:aws:iam::333333333333:role/Admin"
AUDIT = "arn:aws:iam::444444444444:role/Audit"
AUDITS = tuple(f"arn:aws:iam::{account}:role/Audit" for account in ("444444444444", "555555555555"))
MFA_SERIAL = "arn:aws:iam::111111111111:mfa/alice"

CONFIG = """\
version = 1
[defaults]
session_name = "{user}"

[sources.me]
type = "environment"

[chains.own]
source = "me"

[chains.hub]
source = "me"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]

[chains.admin]
description = "Admin in prod"
from = "hub"
region = "eu-west-1"
labels = { env = "prod" }
[[chains.admin.hops]]
role = "333333333333:role/Admin"

[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""


@dataclass(frozen=True)
class Done:
    """How one run of a program ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed; it is as ``rolehop guide json`` has it."""
        document = json.loads(self.out)
        assert not (wrong := differences(document)), wrong
        return document


class World:
    """A context manager; everything in ``folder``, which is best short (sockets lie in it)."""

    def __init__(self, folder: Path, *, backend: str = FILE_BACKED) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.vault = folder / "vault"
        self.sts = StrictSts()
        aws = self.sts.world
        self.alice = aws.user("111111111111", "alice")
        self.device = aws.mfa_device(self.alice)
        aws.role(HUB, trusts=[self.alice.arn])
        aws.role(ADMIN, trusts=[HUB])
        for role in AUDITS:
            aws.role(role, trusts=[HUB])
        self.more: dict[str, str] = {}
        """Variables of every program run from here on."""
        self.backend = backend
        self.config_file = self.home / ".config" / "rolehop" / "config.toml"
        self.state = self.home / ".local" / "state" / "rolehop"

    def __enter__(self) -> Self:
        self.sts.__enter__()
        (self.home / ".aws").mkdir(parents=True)
        self.config()
        return self

    def __exit__(self, *_: object) -> None:
        self.sts.__exit__()

    @property
    def environ(self) -> dict[str, str]:
        """What a program gets: alice's keys, the double's endpoints, and nothing of this machine."""
        return {
            "PATH": f"{Path(SCRIPT).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "LOGNAME": "me",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
            "XDG_CONFIG_DIRS": str(self.folder / "site"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "PYTHON_KEYRING_BACKEND": self.backend,
            "ROLEHOP_TEST_KEYRING": str(self.vault),
            **self.sts.environ,
            **self.alice.environ,
            **self.more,
            **for_coverage(),
        }

    def environ_with(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return it changed; ``None`` removes a variable."""
        changed = {**self.environ, **(changes or {})}
        return {name: value for name, value in changed.items() if value is not None}

    def only_programs(self, *names: str) -> None:
        """Let programs find just these on ``PATH``, and rolehop: not what a machine has besides."""
        folder = self.folder / "bin"
        folder.mkdir()
        for name in ("rolehop", *names):
            found = shutil.which(name, path=self.environ["PATH"])
            if found is not None:
                (folder / name).symlink_to(found)
        self.more["PATH"] = str(folder)

    def config(self, text: str = CONFIG) -> None:
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(text, encoding="utf-8")

    def aws_config(self, text: str) -> None:
        (self.home / ".aws" / "config").write_text(text, encoding="utf-8")

    def aws_credentials(self, text: str) -> None:
        (self.home / ".aws" / "credentials").write_text(text, encoding="utf-8")

    def start(
        self, *argv: str, env: Mapping[str, str | None] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a program in this world, its stdout and stderr piped."""
        given: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "start_new_session": True,  # the terminal of whoever runs the tests is not for them
            **options,
        }
        return subprocess.Popen(
            argv,
            env=self.environ_with(env),
            cwd=self.home,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            **given,
        )

    def may_fork(self, env: Mapping[str, str | None] | None = None) -> bool:
        """True if a fork can stand for a process with these variables."""
        return fork_server.may_serve(self.environ_with(env))

    def fork(
        self, *arguments: str, env: Mapping[str, str | None] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """Start rolehop in this world, in a fork; its stdout and stderr are piped.

        ``options``: of `fork_server.ForkedProgram`.
        """
        assert self.may_fork(env), "Python reads one of these variables when it starts"
        streams = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        return fork_server.ForkedProgram(
            [SCRIPT, *arguments],
            env=self.environ_with(env),
            cwd=self.home,
            **{**streams, **options},
        )

    def run(
        self,
        *argv: str,
        env: Mapping[str, str | None] | None = None,
        input: str | None = None,
        **options: Any,
    ) -> Done:
        """Run a program in this world to its end."""
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        with self.start(*argv, env=env, stdin=stdin, **options) as process:
            return ended(process, input)

    def rolehop(
        self,
        *arguments: str,
        env: Mapping[str, str | None] | None = None,
        input: str | None = None,
        before: str = "",
        **options: Any,
    ) -> Done:
        """Run the console script to its end: in a fork, unless the process itself is different.

        ``before``: code that is run in the fork first.
        """
        if before:
            stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
            with self.fork(*arguments, env=env, before=before, stdin=stdin) as process:
                return ended(process, input)
        environ = self.environ_with(env)
        if not options and fork_server.may_serve(environ):
            argv = [SCRIPT, *arguments]
            served = fork_server.run(argv, environ, self.home, input, LONGEST_RUN)
            if served is not None:
                return Done(*served)
        return self.run(SCRIPT, *arguments, env=env, input=input, **options)

    def files(self) -> list[Path]:
        """Return every file of the home folder, locks and index included."""
        return [path for path in self.home.rglob("*") if path.is_file()]

    def items(self) -> list[Path]:
        """Return what the file-backed keyring holds, one file an item."""
        return sorted(self.vault.glob("*.json")) if self.vault.exists() else []

    def items_for_aws(self) -> list[Path]:
        """Return all items but the key of seals, which gives nobody anything and outlives a logout."""
        return [path for path in self.items() if "seals" not in path.name]


def ended(
    process: subprocess.Popen[str], input: str | None = None, seconds: float = LONGEST_RUN
) -> Done:
    """Wait for a program; one that hangs is killed and fails the test."""
    try:
        out, err = process.communicate(input, timeout=seconds)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out, err)


def at_time(moment: float, *, ticks: bool = False) -> str:
    """Return code to run before rolehop: its clock shows ``moment`` (seconds of the epoch).

    And goes on showing it, unless it ``ticks``: however long this machine takes.
    """
    return f"import time_machine; time_machine.travel({moment!r}, tick={ticks}).start()"


def mfa_code(world: World) -> str:
    """Return the code the device shows now, with some seconds left to use it."""
    left = STEP_SECONDS - time.time() % STEP_SECONDS
    if left < 3:
        time.sleep(left)
    return world.device.code(datetime.now(UTC))


def lengthen_window(world: World, seconds: float) -> None:
    """Let the window of the MFA code that was sent last be over after ``seconds``, or 30 s later."""
    window = int(time.time() + seconds) // STEP_SECONDS
    IndexStore(world.state).change(
        lambda index: replace(
            index, mfa={name: replace(each, window=window) for name, each in index.mfa.items()}
        )
    )


@contextmanager
def temporary_world(backend: str = FILE_BACKED) -> Iterator[World]:
    """Open a world in a temporary folder with a short path."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder), backend=backend) as world,
    ):
        yield world


def wrong_codes(world: World) -> list[str]:
    """Return three codes that the device never shows around now."""
    around = (datetime.now(UTC) + timedelta(seconds=each) for each in range(-120, 181, 30))
    right = {world.device.code(each) for each in around}
    return [code for code in map("{:06d}".format, range(20)) if code not in right][:3]
