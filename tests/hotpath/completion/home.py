"""A home folder with a config and AWS files, and rolehop asked in it as a shell asks it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support import fork_server
from tests.support.environment import for_coverage
from tests.support.world import LONGEST_RUN, SCRIPT

ROOT = Path(__file__).parents[3]
CONFIG = """\
include = ["team.toml"]
[sources.me]
type = "environment"
[sources.alice]
type = "keys"
[chains.hub]
source = "me"
hops = [{ role = "222222222222:role/Hub" }]
[chains."prod@eu+1"]
description = "Break: glass"
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
[chains.prod-admin]
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts_file = "accounts"
"""
TEAM = """\
[chains.team]
source = "me"
hops = [{ role = "444444444444:role/Team" }]
"""
ACCOUNTS = "444444444444\n555555555555\n"
AWS = '[profile a:b]\n[profile "my profile"]\nsso_account_id = 1\n[profile hub]\n'

CHAINS = ["team", "hub", "prod@eu+1", "prod-admin", "spokes/444444444444", "spokes/555555555555"]
PROFILES = ["a:b", "my profile"]


class Home:
    """What a shell's user has; ``more`` are variables of every program run from here on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / ".config" / "rolehop" / "config.toml"
        self.names = folder / ".local" / "state" / "rolehop" / "names"
        self.more: dict[str, str] = {}
        self.write(".config/rolehop/config.toml", CONFIG)
        self.write(".config/rolehop/team.toml", TEAM)
        self.write(".config/rolehop/accounts", ACCOUNTS)
        self.write(".aws/config", AWS)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_DIRS": str(self.folder / "site"),
            **self.more,
            **for_coverage(),
        }

    def asks(
        self, *words: str, by: str = "fish", env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        if by == "powershell":  # its script does so, too
            words = (*words[:-1], f"={words[-1]}")
        argv = [SCRIPT, "completion", "--", *words]
        environ = {**self.environ, "_ROLEHOP_COMPLETE": by, **(env or {})}
        environ |= {"LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"}
        assert fork_server.may_serve(environ)
        served = fork_server.run(argv, environ, self.folder, None, LONGEST_RUN)
        assert served is not None
        return subprocess.CompletedProcess(argv, *served)

    def offers(self, *words: str, by: str = "fish", env: dict[str, str] | None = None) -> list[str]:
        """Return the words that are offered, without their descriptions; nothing else is said."""
        done = self.asks(*words, by=by, env=env)
        assert (done.returncode, done.stderr) == (0, "")
        first, *lines = done.stdout.splitlines()
        assert first == "words"
        return [line.split("\t")[0] for line in lines]

    def loads(self, *words: str) -> set[str]:
        """Return the modules that answering loads."""
        code = (
            "import os, sys; before = set(sys.modules)\n"
            "def leave(code): raise SystemExit\n"
            "os._exit = leave; sys.argv[1:] = ['completion', '--', *sys.argv[1:]]\n"
            "from rolehop.__main__ import main\n"
            "try: main()\n"
            "finally: sys.stderr.write(' '.join(set(sys.modules) - before))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**self.environ, "_ROLEHOP_COMPLETE": "bash"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith(("words\n", "program ", "files\n"))
        return set(done.stderr.split())
