"""The folder of a devcontainer's feature, made as the recipe says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any


def feature(text: str, folder: Path) -> dict[str, Any]:
    """Do what the recipe says in ``folder``; return what the feature's own file has."""
    subprocess.run(["sh", "-eu"], cwd=folder, input=text, text=True, check=True)
    made = folder / ".devcontainer" / "rolehop"
    assert {each.name for each in made.iterdir()} == {"devcontainer-feature.json", "install.sh"}
    found: dict[str, Any] = json.loads((made / "devcontainer-feature.json").read_text())
    return found
