"""``rolehop completion``: the script for a shell, and the answers that need all of rolehop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

SCRIPTS = {
    "bash": "rolehop.bash",
    "zsh": "_rolehop",
    "fish": "rolehop.fish",
    "powershell": "rolehop.ps1",
}
