"""``python -m tests.lowest_versions``: the constraints for pip that are pyproject.toml's lower bounds."""

from __future__ import annotations

import re
import sys
import tomllib

from tests.support.environment import ROOT


def lowest_versions() -> list[str]:
    """Each dependency, those of the extras too, with the lowest version that is allowed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    asked = [*project["dependencies"], *(each for extra in extras for each in extra)]
    bounds = (re.fullmatch(r"([\w.-]+)(?:\[\w+\])?>=([\w.]+)", each) for each in asked)
    return [f"{found[1]}=={found[2]}" for found in bounds if found is not None]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest_versions()) + "\n")
