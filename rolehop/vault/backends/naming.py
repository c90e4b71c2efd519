"""Which back end is named: in the config, by PYTHON_KEYRING_BACKEND or in keyringrc.cfg."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.errors import VaultAbsent
from rolehop.files import read_trusted
from rolehop.files.access import Distrust, distrust_of_folder

if TYPE_CHECKING:
    import configparser


def named_backend(
    named: str | None, environ: Mapping[str, str], platform: str
) -> tuple[str, str | None]:
    """Return what names a back end, and its ``module.Class``; ``None``: nothing does.

    Args:
        named: the class that the config names, ``None`` for ``auto``.
        environ: the environment.
        platform: as ``sys.platform``.

    Raises:
        VaultAbsent: keyringrc.cfg cannot be read, or others can write it.
    """
    if named is not None:
        return "[vault] backend", named
    if environ.get("PYTHON_KEYRING_BACKEND"):
        return "PYTHON_KEYRING_BACKEND", environ["PYTHON_KEYRING_BACKEND"]
    path = keyringrc(environ, platform)
    return str(path), None if path is None else _default_keyring(path)


def keyringrc(environ: Mapping[str, str], platform: str) -> Path | None:
    """Return the path of keyring's own settings (keyring.util.platform_), from ``environ``."""
    if platform == "win32":
        root = environ.get("LOCALAPPDATA") or environ.get("ProgramData")
        return Path(root, "Python Keyring", "keyringrc.cfg") if root else None
    home = environ.get("HOME")
    root = environ.get("XDG_CONFIG_HOME") or (home and str(Path(home, ".config")))
    return Path(root, "python_keyring", "keyringrc.cfg") if root else None


def _default_keyring(path: Path) -> str | None:
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from None
    if file is None:
        return None
    import configparser

    found = configparser.RawConfigParser()
    try:
        found.read_string(file.text)
    except configparser.Error as error:
        raise _unreadable(path, error) from None
    name = found.get("backend", "default-keyring", fallback="").strip()
    if name:
        _check_followed(path, "", path, file.distrust)
    place = found.get("backend", "keyring-path", fallback="").strip()
    if name and place:
        folder = _folder(path, place)
        _check_followed(path, f"its keyring-path {folder}", folder, distrust_of_folder(folder))
        sys.path.insert(0, str(folder))
    return name or None


def _folder(settings: Path, place: str) -> Path:
    try:
        folder = Path(place).expanduser()
        os.fsencode(folder)
        if "\0" not in place:
            return folder
    except (RuntimeError, UnicodeEncodeError):  # there is no such user, or no such name
        pass
    raise VaultAbsent(
        f"{settings} names no folder as keyring-path",
        cause=f"there can be none at {place}",
        fix="correct the file or remove it",
    )


def _check_followed(settings: Path, what: str, path: Path, distrust: Distrust | None) -> None:
    """Raise VaultAbsent if others can write what decides the code that keeps the secrets."""
    if distrust is not None:
        raise VaultAbsent(
            f"{settings} names a keyring and is not followed",
            cause=f"{what}: {distrust}" if what else str(distrust),
            fix=distrust.advice(str(path)),
        )


def _unreadable(
    path: Path, error: OSError | UnicodeDecodeError | configparser.Error
) -> VaultAbsent:
    return VaultAbsent(
        f"{path} cannot be read", cause=_why_unread(error), fix="correct the file or remove it"
    )


def _why_unread(error: OSError | UnicodeDecodeError | configparser.Error) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "no reason was given").lower()
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    line = getattr(error, "lineno", None)
    return f"it is not written as [section] and key = value{f', in line {line}' if line else ''}"
