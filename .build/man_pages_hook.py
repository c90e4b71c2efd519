"""Adds the man pages to the wheel, under ``share/man``; they are made of the program's own texts."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPages(BuildHookInterface):  # type: ignore[type-arg]
    """Writes them into a folder that lasts as long as the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name each page, and where it belongs."""
        folders = [self.root, str(Path(__file__).parent)]  # of rolehop, and of manpages
        sys.path[:0] = folders
        try:
            from manpages.pages import man_pages
        finally:
            del sys.path[: len(folders)]
        self._folder = tempfile.TemporaryDirectory(prefix="rolehop-man-")
        for name, text in man_pages().items():
            path = Path(self._folder.name, Path(name).name)
            path.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(path)] = f"share/man/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder."""
        self._folder.cleanup()
