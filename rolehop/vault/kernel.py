"""The Linux kernel's user keyring as a back end of the keyring library.

For machines without a session bus: nothing touches the disk, the kernel expires each key, and
everything is lost at reboot. Not registered as an entry point, so that other programs' choice of
back end does not change. The system calls are in ``rolehop.hotpath.keyctl``, which the hot path
shares.

Adding under an existing description updates the key and clears its timeout (keyctl(2)), so the
timeout is set after every write.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from rolehop.base.errors import VaultAbsent, VaultFull
from rolehop.hotpath.keyctl import (
    GONE,
    KINDS,
    USER_RING,
    NoSuchCalls,
    add_key,
    description,
    find,
    find_kind,
    keyctl,
    possessing,
    read,
)

LIMIT = 32_000
"""UTF-16 units; a ``user`` key holds 32,767 bytes, and rolehop's items are ASCII."""

_SETPERM, _DESCRIBE, _UNLINK, _SET_TIMEOUT = 5, 6, 9, 15
_LONGEST_DESCRIPTION = 4_200  # bytes; the kernel takes 4,095, and type and rights come first

# Possessor and user: all rights; group and others: none.
_FOR_THE_USER = 0x3F3F0000
_BLOCKED = frozenset({errno.EPERM, errno.ENOSYS})


class KernelKeyring(KeyringBackend):
    """Keys in ``@u``, described as ``SERVICE:USERNAME``."""

    priority = 1
    limit = LIMIT

    def get_password(self, service: str, username: str) -> str | None:
        """Return the payload, ``None`` if there is no such key or it has expired."""
        with _translated_errors():
            payload = _read(description(service, username))
        return None if payload is None else payload.decode("utf-8")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store ``password`` until the next reboot.

        Raises:
            VaultFull: the user's key quota is used up; the old value is unchanged.
            VaultAbsent: the kernel, or the container's seccomp filter, does not allow keys.
        """
        self.set_password_until(service, username, password, 0)

    def set_password_until(self, service: str, username: str, password: str, seconds: int) -> None:
        """Store ``password`` for ``seconds``, which the kernel enforces; 0: until the next reboot.

        Raises: as ``set_password``.
        """
        name = description(service, username)
        with _translated_errors():
            kind, key = _add(name, password.encode("utf-8"))
            try:
                possessing(lambda: keyctl(_SETPERM, key, _FOR_THE_USER))
                possessing(lambda: keyctl(_SET_TIMEOUT, key, seconds))
            except OSError as error:
                if not _is_removed(error, name, (kind, key)):
                    raise
            if kind != KINDS[-1]:
                # An older copy of the other type would be found once this one has expired.
                _unlink(name, KINDS[-1])

    def delete_password(self, service: str, username: str) -> None:
        """Remove the key from the user keyring.

        Raises:
            PasswordDeleteError: there is none.
        """
        name = description(service, username)
        with _translated_errors():
            # Both types, even if the first was found.
            deleted = [_unlink(name, kind) for kind in KINDS]
        if not any(deleted):
            raise PasswordDeleteError("no such key")

    def services_of(self, username: str) -> list[str]:
        """Return the services that have a key for ``username``."""
        end = f":{username}"
        with _translated_errors():
            return [each.removesuffix(end) for each in _descriptions() if each.endswith(end)]


def _descriptions() -> Iterator[str]:
    """Yield the descriptions of all keys in the user keyring."""
    ring = read(USER_RING) or b""
    for serial in struct.unpack(f"={len(ring) // 4}i", ring[: len(ring) // 4 * 4]):
        try:
            # "type;user;group;rights;description" and a zero byte (keyctl_describe(3))
            text = _described(serial)
        except OSError as error:
            if error.errno not in (*GONE, errno.EACCES):
                raise
        else:
            yield text.partition(b"\0")[0].split(b";", 4)[-1].decode("utf-8", "replace")


def _described(serial: int) -> bytes:
    buffer = ctypes.create_string_buffer(_LONGEST_DESCRIPTION)
    possessing(lambda: keyctl(_DESCRIBE, serial, buffer, _LONGEST_DESCRIPTION))
    return buffer.raw


def usable() -> str | None:
    """Return ``None`` if this process may use the kernel's keys, else the reason why not."""
    if sys.platform != "linux":
        return "only Linux has one"
    try:
        with _translated_errors():
            find(b"rolehop:probe")
    except VaultAbsent as error:
        return error.cause
    except OSError as error:
        return error.strerror
    return None


def _read(name: bytes) -> bytes | None:
    while True:
        found = find(name)
        try:
            return None if found is None else read(found[1])
        except OSError as error:
            if not _is_removed(error, name, found):
                raise


def _is_removed(error: OSError, name: bytes, found: tuple[bytes, int] | None) -> bool:
    """True if ``error`` came because another process removed the key since it was found.

    A key that is in no keyring of this process any more may not be used: EACCES.
    """
    return error.errno in GONE or (error.errno == errno.EACCES and find(name) != found)


def _add(name: bytes, payload: bytes) -> tuple[bytes, int]:
    rare, always = KINDS
    try:
        return rare, possessing(lambda: add_key(rare, name, payload))
    except OSError as error:
        # ENODEV: this kernel has no such type; EOPNOTSUPP: it has, without what it needs.
        if error.errno not in (errno.ENODEV, errno.EOPNOTSUPP):
            raise
    return always, possessing(lambda: add_key(always, name, payload))


def _unlink(name: bytes, kind: bytes) -> bool:
    key = find_kind(kind, name)
    if key is None:
        return False
    try:
        possessing(lambda: keyctl(_UNLINK, key, USER_RING))
    except OSError as error:
        if error.errno in GONE:
            return False
        raise
    return True


@contextmanager
def _translated_errors() -> Iterator[None]:
    """Map the kernel's error numbers to VaultErrors; others pass as OSError."""
    try:
        yield
    except NoSuchCalls:
        raise VaultAbsent(
            "no kernel keyring", cause="its system calls are not known here"
        ) from None
    except OSError as error:
        if error.errno == errno.EDQUOT:
            raise VaultFull(
                "the kernel keyring has no room left",
                cause="this user's quota of keys is used up (/proc/sys/kernel/keys)",
                fix="rolehop logout --all, or use a Secret Service",
            ) from None
        if error.errno in _BLOCKED:
            raise VaultAbsent(
                "no kernel keyring", cause="this system or container does not let keys be used"
            ) from None
        raise
