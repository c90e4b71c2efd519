"""A world whose programs that import rolehop are on another system."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.environment import ROOT
from tests.support.world import PYTHON, SCRIPT, Done, World
from tests.systems.lacking import MODULES, lacking

MACOS, WINDOWS = "darwin", "win32"
SYSTEMS = (MACOS, WINDOWS)
_START = Path(__file__).with_name("start")
_FOLDERS = {MACOS: "Library/Application Support", WINDOWS: "AppData/Local"}


class SimulatedWorld(World):
    """Its home, config and state are where that system has them."""

    def __init__(self, folder: Path, system: str) -> None:
        super().__init__(folder)
        self.system = system
        self.config_file = self.home / _FOLDERS[system] / "rolehop" / "config.toml"
        self.state = self.config_file.parent / "state"
        self.temporary = folder / "T"
        self.temporary.mkdir(mode=0o700)
        self.site = folder / "ProgramData" / "rolehop" / "config.toml"
        """Where a site's config would be on Windows: any user can create this folder there."""

        self._bin = folder / "bin"
        """What is on PATH there: programs by their endings."""

        self._bin.mkdir()
        for name in ("env", "sh", "cat", "sleep"):
            (self._bin / f"{name}.exe").symlink_to(shutil.which(name) or "")
        (self._bin / "python.exe").symlink_to(PYTHON)
        (self._bin / "rolehop.exe").symlink_to(SCRIPT)
        self._lacking = folder / "lacking.json"
        names = {module: sorted(lacking(module, system)) for module in MODULES}
        self._lacking.write_text(json.dumps(names), encoding="utf-8")

    @property
    def environ(self) -> dict[str, str]:
        """What a program gets, as on that system."""
        found = super().environ
        for name in [each for each in found if each.startswith("XDG_")]:
            del found[name]
        del found["PYTHON_KEYRING_BACKEND"]
        ours = {
            "PYTHONPATH": f"{_START}:{ROOT}",
            "ROLEHOP_TEST_SYSTEM": self.system,
            "ROLEHOP_TEST_LACKING": str(self._lacking),
        }
        if self.system == MACOS:
            ours["TMPDIR"] = str(self.temporary)
        else:
            ours |= {
                "PATH": str(self._bin),
                "USERPROFILE": str(self.home),
                "USERNAME": "me",
                "LOCALAPPDATA": str(self.config_file.parent.parent),
                "PROGRAMDATA": str(self.site.parent.parent),
                "ALLUSERSPROFILE": str(self.site.parent.parent),
                "TEMP": str(self.temporary),
                "PATHEXT": ".COM:.EXE:.BAT:.CMD",
                "COMSPEC": str(self._bin / "sh.exe"),
            }
        return {**found, **ours, **self.more}

    def simulated(self, *arguments: str, **options: Any) -> Done:
        """Run rolehop to its end."""
        return self.run(PYTHON, "-m", "rolehop", *arguments, **options)


@contextmanager
def simulated_world(system: str) -> Iterator[SimulatedWorld]:
    """Open a world of that system in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        SimulatedWorld(Path(folder), system) as world,
    ):
        yield world
