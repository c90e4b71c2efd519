"""Choose the keyring back end.

In this order: the class named in the config, by PYTHON_KEYRING_BACKEND or in keyringrc.cfg; the
platform's own, whose module is imported directly (keyring's discovery imports every back end and
takes ten times as long); on Linux without a Secret Service or KWallet the kernel's keyring, unless
other containers may share it; then keyring's discovery. A back end that discovery finds is refused if
it keeps plaintext: any package may install `keyrings.alt` as a dependency, which nobody chose. One
that is named is accepted, with a warning.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolehop.base.advice import Advice, ShellCommand
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import VaultAbsent
from rolehop.base.file_access import Distrust, distrust_of_folder
from rolehop.base.files import read_trusted
from rolehop.hotpath import PROPERTY
from rolehop.vault import (
    FREEDESKTOP,
    GPG_STORE,
    KERNEL,
    KWALLET,
    MACOS,
    PLAIN_NAMES,
    WINDOWS,
    backend_label,
    plain_name,
)

if TYPE_CHECKING:
    import configparser

    from keyring.backend import KeyringBackend

    from rolehop.vault.session_bus import BusProblem


def named_backend(
    named: str | None, environ: Mapping[str, str], platform: str
) -> tuple[str, str | None]:
    """Return what names a back end, and its ``module.Class``; ``None``: nothing does.

    Args:
        named: what the config names, a plain name or a class; ``None`` for ``auto``.
        environ: the environment.
        platform: as ``sys.platform``.

    Raises:
        VaultAbsent: keyringrc.cfg cannot be read, or others can write it.
    """
    if named is not None:
        classes = {plain: name for name, plain in PLAIN_NAMES.items()}
        return "[vault] backend", classes.get(named, named)
    if environ.get("PYTHON_KEYRING_BACKEND"):
        return "PYTHON_KEYRING_BACKEND", environ["PYTHON_KEYRING_BACKEND"]
    path = keyringrc(environ, platform)
    return str(path), None if path is None else _default_keyring(path)


def keyringrc(environ: Mapping[str, str], platform: str) -> Path | None:
    """Return the path of keyring's own settings (keyring.util.platform_), from ``environ``."""
    if platform == "win32":
        root = environ.get("LOCALAPPDATA")  # in ProgramData, it may be anybody's
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


# In place of the library's: the same items over a persistent connection.
_CONNECTED = "rolehop.vault.secret_service.ConnectedSecretService"

_ON_A_BUS = (FREEDESKTOP, KWALLET)

# Their classes, and those that are made of them (DBusKeyringKWallet4), ask on the session bus.
_BUS_MODULES = frozenset(
    [
        *("keyring.backends.SecretService", _CONNECTED.rpartition(".")[0]),
        *("keyring.backends.kwallet", "keyring.backends.libsecret"),
    ]
)

_NO_BACKENDS = ("keyring.backends.fail.", "keyring.backends.null.")

# The chainer writes to and deletes from its first back end only: a deleted session would come
# back from the second. Its members are considered one by one.
_CHAINER = "keyring.backends.chainer."
_PLAINTEXT = "keyrings.alt."

# Sessions have several lines, and this package's back end keeps the first one.
_UNFIT = {"keyring_pass.PasswordStoreBackend": GPG_STORE}

# CRED_MAX_CREDENTIAL_BLOB_SIZE is 2,560 bytes of UTF-16 (wincred.h).
_WINDOWS_LIMIT = 1_280

_FIX = (
    "unlock or install a keyring (gnome-keyring, KeePassXC, KWallet), or name another:"
    ' [vault] backend = "kernel"'
)

_BY_SSH = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")

# It takes the place of the daemon that runs, whose keyring no other command unlocks; what it reads
# is the password and nothing else, not even a line end (gnome-keyring 48).
_UNLOCK = ShellCommand('(read -rs P; printf %s "$P") | gnome-keyring-daemon --replace --unlock')


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen back end and its properties."""

    name: str
    """``module.Class``."""

    keyring: KeyringBackend

    warning: str | None = None
    """One line for the user: the back end was named and may keep plaintext, or replaces another."""

    asks_person: bool = False
    """The system may be asking the user to unlock it, so calls get a longer deadline."""

    lasting: bool = True
    """Its items survive a reboot."""

    limit: int | None = None
    """Longest value in UTF-16 units; ``None``: no practical limit."""

    unlock: str | None = None
    """How a person unlocks it from here; ``None``: in the desktop session."""

    deletes_first: bool = False
    """An old value must be deleted before a new one is set, or it remains under another name."""


def choose_backend(named: str | None, environ: Mapping[str, str], platform: str) -> Chosen:
    """Choose the back end. Imports keyring; may ask the session bus which services run.

    Args:
        named: what the config names, a plain name or a class; ``None`` for ``auto``.
        environ: the environment.
        platform: as ``sys.platform``.

    Raises:
        VaultAbsent: no back end can be used; the cause names those that were tried.
    """
    by, name = named_backend(named, environ, platform)
    if name is not None:
        return _on_purpose(name, by, environ, platform)
    tried: list[str] = []
    for candidate, warning in _platforms_own(environ, platform, tried):
        try:
            found = _load(candidate, environ)
            return _describe(candidate, found, environ, platform, warning=warning)
        except Exception as error:  # noqa: BLE001 - back ends raise anything while they are probed
            tried.append(f"{backend_label(candidate)}: {_reason(error)}")
    return _discovered(environ, platform, tried)


def import_ahead(named: str | None, environ: Mapping[str, str], platform: str) -> None:
    """Import what `choose_backend` will most likely need.

    Imports are slow when forty processes start on a busy machine, and must not count towards the
    keyring's deadline there.
    """
    from rolehop.vault.session_bus import session_bus_address

    if named or platform != "linux" or session_bus_address(environ) is None:
        return
    with suppress(Exception):  # `choose_backend` meets the same error and reports it
        importlib.import_module(_CONNECTED.rpartition(".")[0])


def _on_purpose(name: str, by: str, environ: Mapping[str, str], platform: str) -> Chosen:
    if name.startswith(_NO_BACKENDS):
        raise VaultAbsent(
            "there is no keyring",
            cause=f"{by} names {plain_name(name)}, which stores nothing",
            fix=_FIX,
        )
    if name in _UNFIT:
        raise VaultAbsent(
            f"the keyring {name} cannot be used",
            cause="it keeps only the first line of an item",
            fix=f'name rolehop\'s own: [vault] backend = "{plain_name(_UNFIT[name])}"',
        )
    try:
        chosen = _describe(name, _load(name, environ), environ, platform)
        weak = _weakness(name, chosen.keyring)
    except Exception as error:  # noqa: BLE001 - any class may be imported here
        raise VaultAbsent(
            f"the keyring {plain_name(name)} cannot be used",
            cause=f"{by} names it: {_reason(error)}",
            fix="correct the name, or install what it needs",
        ) from None
    if weak is None:
        return chosen
    return _describe(
        name, chosen.keyring, environ, platform, warning=f"{by} names {plain_name(name)}: {weak}"
    )


def _platforms_own(
    environ: Mapping[str, str], platform: str, tried: list[str]
) -> Iterator[tuple[str, str | None]]:
    """Yield each back end to try, with what the user must hear if it is the one."""
    warning = None
    if platform == "darwin":
        yield MACOS, None
    elif platform == "win32":
        yield WINDOWS, None
    else:
        problem = _bus_problem(environ)
        if problem is None:
            yield from ((name, None) for name in _ON_A_BUS)
        else:
            tried.append(f"Secret Service: {problem.text}")
            if problem.may_be_foreign:
                warning = f"{problem.text}: the kernel's keyring is used instead"
        if platform == "linux" and _is_shared():
            tried.append(
                "kernel keyring: other containers may use the same one, unless you name it"
            )
        elif platform == "linux":
            yield KERNEL, warning


def _bus_problem(environ: Mapping[str, str]) -> BusProblem | None:
    from rolehop.vault.session_bus import BusProblem, bus_problem, session_bus_address

    address = session_bus_address(environ)
    return BusProblem("there is no session bus", False) if address is None else bus_problem(address)


def _check_bus(found: object, environ: Mapping[str, str]) -> None:
    """Raise if the back end ``found``, a class or an object, would use a bus of somebody else.

    The chainer asks every back end that is installed whether it works, each on its bus; then its
    members are judged too.

    Raises:
        RuntimeError: it would.
    """
    kind = found if isinstance(found, type) else type(found)
    modules = {base.__module__ for base in kind.__mro__}
    is_chainer = any(each.startswith(_CHAINER.rstrip(".")) for each in modules)
    if sys.platform != "linux" or not (is_chainer or modules & _BUS_MODULES):
        return
    problem = _bus_problem(environ)
    if problem is not None and (problem.may_be_foreign or not is_chainer):
        raise RuntimeError(problem.text)
    if is_chainer and found is not kind:
        for each in getattr(found, "backends", ()):
            _check_bus(each, environ)


def _discovered(environ: Mapping[str, str], platform: str, tried: list[str]) -> Chosen:
    from keyring.backend import get_all_keyring

    problem = _bus_problem(environ) if platform == "linux" else None
    if problem is not None and problem.may_be_foreign:  # discovery would ask what runs on it
        raise VaultAbsent("there is no usable keyring", cause="; ".join(tried) or None, fix=_FIX)
    refused = []
    for keyring in sorted(get_all_keyring(), key=lambda each: -float(each.priority)):
        name = _name_of(keyring)
        if name.startswith((*_NO_BACKENDS, _CHAINER, *_ON_A_BUS, KERNEL)):
            continue
        if _weakness(name, keyring) is None:
            return _describe(name, keyring, environ, platform)
        refused.append(name)
    if refused:
        tried.append(
            f"{refused[0]} may keep secrets in plain text and was not chosen explicitly: refused"
        )
    raise VaultAbsent("there is no usable keyring", cause="; ".join(tried) or None, fix=_FIX)


def _load(name: str, environ: Mapping[str, str]) -> KeyringBackend:
    """Import and create the back end ``module.Class``; reading its priority proves that it works."""
    path = _CONNECTED if name == FREEDESKTOP else name
    module, _, class_name = path.rpartition(".")
    if not module:
        raise ImportError(f"{name!r} is not module.Class")
    found = getattr(importlib.import_module(module), class_name)
    _check_bus(found, environ)
    if name == KERNEL:
        _prove_kernel()
    found.priority  # noqa: B018 - raises RuntimeError if the back end cannot work here
    made = _made(name, found, environ)
    _check_bus(made, environ)
    return made


def _made(name: str, found: Any, environ: Mapping[str, str]) -> KeyringBackend:
    """Create a back end of class ``found`` with the properties that the environment gives it."""
    made: KeyringBackend
    if name == GPG_STORE:
        made = found(environ)
    elif name == FREEDESKTOP:
        made = found(_properties(environ))
    else:
        made = found()
        # keyring's own constructor has done so, if the class calls it.
        for key, value in _properties(environ).items():
            setattr(made, key, value)
    return made


def _properties(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the properties of back ends by name, in lower case, as keyring finds them."""
    parts = ((name.partition(PROPERTY), value) for name, value in environ.items())
    return {name.lower(): value for (_, prefix, name), value in parts if prefix}


def _is_shared() -> bool:
    from rolehop.vault.kernel import shared_by_containers

    return shared_by_containers()


def _prove_kernel() -> None:
    from rolehop.vault.kernel import usable

    reason = usable()
    if reason is not None:
        raise RuntimeError(reason)


def _describe(
    name: str,
    keyring: KeyringBackend,
    environ: Mapping[str, str],
    platform: str,
    *,
    warning: str | None = None,
) -> Chosen:
    windows = name == WINDOWS
    if windows:
        # Otherwise it roams with a domain profile to other machines.
        keyring.persist = "local machine"  # type: ignore[attr-defined]
    return Chosen(
        name=name,
        keyring=keyring,
        warning=warning,
        asks_person=_asks_person(name, environ, platform),
        lasting=name != KERNEL,
        limit=_WINDOWS_LIMIT if windows else _limit(keyring),
        deletes_first=windows,
        unlock=how_to_unlock(name, environ, platform),
    )


def how_to_unlock(name: str, environ: Mapping[str, str], platform: str) -> str | None:
    """Return the command for a session over SSH, where no desktop asks for the password."""
    if name == GPG_STORE:
        return Advice("give GnuPG the passphrase in a terminal: ", ShellCommand("rolehop doctor"))
    if not any(environ.get(each) for each in _BY_SSH) or name == KERNEL:
        return None
    if platform == "darwin":
        return Advice("unlock it here: ", ShellCommand("security unlock-keychain"))
    if platform != "linux" or _has_display(environ):
        return None
    kernel = ShellCommand(f'[vault] backend = "{plain_name(KERNEL)}"')
    here = () if name == KWALLET else (" or unlock it with its password: ", _UNLOCK)
    return Advice("use the kernel's keyring, which lasts until reboot: ", kernel, *here)


def _limit(keyring: KeyringBackend) -> int | None:
    """Return the class's own ``limit``; KEYRING_PROPERTY_LIMIT could set anything on the object."""
    limit = getattr(type(keyring), "limit", None)
    return limit if isinstance(limit, int) else None


def _asks_person(name: str, environ: Mapping[str, str], platform: str) -> bool:
    if name == KERNEL:
        return False
    if name == GPG_STORE:
        return True  # GnuPG asks on the terminal
    return platform in ("darwin", "win32") or _has_display(environ)


def _has_display(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _weakness(name: str, keyring: KeyringBackend) -> str | None:
    if name.startswith(_PLAINTEXT) or float(keyring.priority) < 1:
        return "it may keep secrets in plain text"
    return None


def _name_of(keyring: KeyringBackend) -> str:
    return f"{type(keyring).__module__}.{type(keyring).__qualname__}"


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"there is no Python module {error.name}"
    if isinstance(error, AttributeError):
        return f"its module has no {error.name}"
    return " ".join(str(error).split()) or f"it raises {type(error).__name__}"
