"""The keyring back end of the demo: plain files in its temporary home, and nowhere else.

Each command of the demo is a process of its own, so what one stores for the next needs a place:
the demo's home, one file an item, mode 0600, in plain text. No real secret may be stored so; these
are keys of an AWS that runs inside the demo and ends with it. The class refuses to work anywhere
but in the home of a running demo.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import quote, unquote

from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import PasswordDeleteError

from rolehop.base.files import entries_of, write_beside
from rolehop.commands.demo.home import HOME_VARIABLE, MARKER


class DemoKeyring(KeyringBackend):
    """Items as files in the demo's home."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._folder = demo_folder() / "keyring"

    @properties.classproperty
    def priority(cls) -> float:  # noqa: N805 - keyring asks the class
        """Return 1, as the keyrings of a system do: the demo's items need no better place.

        Raises:
            RuntimeError: this is not a demo.
        """
        demo_folder()
        return 1

    def get_password(self, service: str, username: str) -> str | None:
        """Return the item, or ``None``."""
        try:
            return self._path(service, username).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Write the item, mode 0600."""
        write_beside(self._path(service, username), password)

    def delete_password(self, service: str, username: str) -> None:
        """Delete the item.

        Raises:
            PasswordDeleteError: there is none.
        """
        try:
            self._path(service, username).unlink()
        except FileNotFoundError:
            raise PasswordDeleteError("no such item") from None

    def services_of(self, username: str) -> list[str]:
        """Return the services that have an item for ``username``."""
        names = [unquote(each.name) for each in entries_of(self._folder)]
        end = f":{username}"
        return [name.removesuffix(end) for name in names if name.endswith(end)]

    def _path(self, service: str, username: str) -> Path:
        return self._folder / quote(f"{service}:{username}", safe="")


def demo_folder() -> Path:
    """Return the home of the running demo.

    Raises:
        RuntimeError: no demo is running, or the folder is not one that it made.
    """
    named = os.environ.get(HOME_VARIABLE)
    if not named:
        raise RuntimeError("this back end works within rolehop demo only")
    folder = Path(named)
    if not (folder / MARKER).is_file() or not _is_private(folder):
        raise RuntimeError(f"{folder} is not the home of a demo")
    return folder


def _is_private(folder: Path) -> bool:
    if os.name != "posix":
        return True
    status = folder.stat()
    return status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o700
