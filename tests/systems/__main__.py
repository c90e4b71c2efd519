"""Daily commands on this very system, with its own keyring, against the double of AWS.

The workflows run this on macOS and Windows. On macOS the Keychain is a temporary one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.environment import needed_variables
from tests.support.world import ADMIN, HUB, World

_CHILD = "import os; print(os.environ['ROLEHOP_CHAIN'], os.environ['AWS_ACCESS_KEY_ID'][:4])"
COMMANDS = (
    ("config", "check"),
    ("list",),
    ("credential-process", "admin"),
    ("credential-process", "admin"),
    ("status",),
    ("exec", "admin", "--", sys.executable, "-c", _CHILD),
    ("exec", "--server", "admin", "--", sys.executable, "-c", "import sys; sys.exit(0)"),
    ("each", "spokes/*", "--", sys.executable, "-c", _CHILD),
    ("doctor",),
    ("logout", "hub"),
    ("uninstall", "--yes"),
)


def make_keychain(environ: Mapping[str, str]) -> None:
    """Make a Keychain of the world's own, and open it."""
    (Path(environ["HOME"]) / "Library" / "Preferences").mkdir(parents=True)
    for words in (
        ("create-keychain", "-p", "", "rolehop.keychain"),
        ("list-keychains", "-d", "user", "-s", "rolehop.keychain"),
        ("default-keychain", "-d", "user", "-s", "rolehop.keychain"),
        ("unlock-keychain", "-p", "", "rolehop.keychain"),
        ("set-keychain-settings", "rolehop.keychain"),  # it does not lock itself
    ):
        subprocess.run(["/usr/bin/security", *words], env=dict(environ), check=True)


def main() -> None:
    """Run all commands; exit with what is said at the first that fails."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
    ):
        environ = {**needed_variables(), **world.environ}
        environ |= {"ROLEHOP_CONFIG": str(world.config_file), "USERPROFILE": str(world.home)}
        environ["WIN_PD_OVERRIDE_LOCAL_APPDATA"] = str(world.home / "local")
        if sys.platform != "linux":
            del environ["PYTHON_KEYRING_BACKEND"]
        if sys.platform == "darwin":
            make_keychain(environ)
        for command in COMMANDS:
            done = subprocess.run(
                [sys.executable, "-m", "rolehop", *command],
                env=environ, cwd=world.home, check=False, capture_output=True,
                encoding="utf-8", errors="replace",
            )  # fmt: skip
            sys.stderr.write(f"{done.returncode} rolehop {' '.join(command)}\n")
            if done.returncode:
                sys.exit(f"{done.stdout}\n{done.stderr}")
        called = world.sts.roles_called
        if called[:2] != [HUB, ADMIN] or ADMIN in called[2:]:
            sys.exit(f"the session was not read back from the keyring: {called}")
        if not world.config_file.exists():
            sys.exit("the config is gone")


if __name__ == "__main__":
    main()
