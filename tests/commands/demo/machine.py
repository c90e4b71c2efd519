"""A machine on which `rolehop demo` runs, whose settings must not affect it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

DEMO = [sys.executable, "-m", "rolehop", "demo"]
ROOT = Path(__file__).parents[3]

# Records every address that a Python of the demo connects to or looks up.
WATCH = """
import os, sys

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        note(arguments[1][0])
    elif event == "socket.getaddrinfo":
        note(arguments[0])

def note(host):
    with open({file!r}, "a") as file:
        file.write(f"{{host}}\\n")

sys.addaudithook(watch)
"""


class Machine:
    """A machine whose user has a config, a keyring and AWS variables that must not be touched."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.keyring = folder / "keyring"
        self.reached = folder / "reached"
        self.site = folder / "site"
        for each in (self.home / ".config" / "rolehop", self.temporary, self.site):
            each.mkdir(parents=True)
        (self.home / ".config" / "rolehop" / "config.toml").write_text("this is no config")
        self.startup(WATCH.format(file=str(self.reached)))

    def startup(self, text: str) -> None:
        """Run ``text`` at the start of each Python."""
        (self.site / "sitecustomize.py").write_text(text)

    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join((str(self.site), str(ROOT))),
            "TERM": "xterm-256color",
            "PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.FileBacked",
            "ROLEHOP_TEST_KEYRING": str(self.keyring),
            "ROLEHOP_CHAIN": "mine",
            "AWS_PROFILE": "there-is-none",
            "AWS_ACCESS_KEY_ID": "AKIAOFTHEUSER0000000",
            "AWS_SECRET_ACCESS_KEY": "of the user",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_CA_BUNDLE": "/there/is/none",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "MOTO_ACCOUNT_ID": "999999999999",
        }

    def files(self) -> list[str]:
        """Return the files of the home, the temporary folder and the keyring."""
        places = (self.home, self.temporary, self.keyring)
        return [
            str(path) for place in places for path in sorted(place.rglob("*")) if path.is_file()
        ]
