"""The Linux kernel's user keyring as a back end of the keyring library.

For machines without a session bus: nothing touches the disk, the kernel expires each key, and
everything is lost at reboot. Not registered as an entry point, so that other programs' choice of
back end does not change. The system calls are in ``rolehop.hotpath.keyctl``, which the hot path
shares, and which says who may use a key.

A new key has wide rights. So it is made in the keyring of this thread, which nobody shares, gets its
rights and its end there, and is linked into the user's when it is complete, in place of the old one.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from rolehop.base.errors import VaultAbsent, VaultFull
from rolehop.hotpath.keyctl import (
    EACCES,
    EKEYEXPIRED,
    EKEYREVOKED,
    GONE,
    KINDS,
    OWNER_ALONE,
    SEARCH,
    THREAD_RING,
    USER_RING,
    NoSuchCalls,
    add_key,
    describe,
    description,
    find,
    keyctl,
    read,
)

LIMIT = 32_000
"""UTF-16 units; a ``user`` key holds 32,767 bytes, and rolehop's items are ASCII."""

_SETPERM, _LINK, _UNLINK, _SET_TIMEOUT = 5, 8, 9, 15
_FIRST_PID_NAMESPACE, _FIRST_USER_NAMESPACE = 0xEFFFFFFC, 0xEFFFFFFD
"""The machine's own (include/linux/proc_ns.h)."""

_WAITS = (0.02, 0.08)
"""Seconds for the kernel to free what was removed, before a full quota is tried again."""

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
            if _store(name, password.encode("utf-8"), seconds) != KINDS[-1]:
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
    """Yield the descriptions of all keys in the user keyring that are this user's alone."""
    for serial in _serials():
        try:
            text = describe(serial)
        except OSError as error:
            if error.errno not in (*GONE, EACCES):
                raise
        else:
            if text is not None:
                yield text.decode("utf-8", "replace")


def _serials() -> tuple[int, ...]:
    ring = read(USER_RING) or b""
    return struct.unpack(f"={len(ring) // 4}i", ring[: len(ring) // 4 * 4])


def usable() -> str | None:
    """Return ``None`` if this process may use the kernel's keys, else the reason why not."""
    if sys.platform != "linux":
        return "only Linux has one"
    try:
        with _translated_errors():
            # Not `find`, to which a keyring that may not be searched is one without the key.
            keyctl(SEARCH, USER_RING, KINDS[-1], b"rolehop:probe", 0)
    except VaultAbsent as error:
        return error.cause
    except OSError as error:
        return None if error.errno in GONE else error.strerror
    return None


class Quota(NamedTuple):
    """How many keys and bytes of keys this user has, and may have."""

    keys: int
    most_keys: int
    bytes: int
    most_bytes: int

    @property
    def percent(self) -> int:
        """How full it is, by what is used up first."""
        return max(self.keys * 100 // self.most_keys, self.bytes * 100 // self.most_bytes)


def quota(table: Path = Path("/proc/key-users")) -> Quota | None:
    """Return the kernel's quota of this user; ``None``: it does not say (proc(5))."""
    try:
        for line in table.read_text("ascii").splitlines():
            user, _, _, keys, size = line.split()
            if int(user.rstrip(":")) == os.getuid():
                return Quota(*map(int, (*keys.split("/"), *size.split("/"))))
    except (OSError, ValueError, TypeError):
        pass
    return None


def shared_by_containers() -> bool:
    """True if other containers may have the same keyring, also where it is not known.

    A user's keyring belongs to his ID in a user namespace (user_namespaces(7)), and containers
    often have none of their own: then root of one is root of the next, and of the machine.
    """
    try:
        user, process = (Path("/proc/self/ns", each).stat().st_ino for each in ("user", "pid"))
    except OSError:  # there is no /proc
        return True
    # A distribution of WSL is like a container; all of them belong to one person.
    is_container = process != _FIRST_PID_NAMESPACE and not Path("/run/WSL").is_dir()
    return is_container and user == _FIRST_USER_NAMESPACE


def _read(name: bytes) -> bytes | None:
    while (found := find(name)) is not None:
        payload = read(found[1])
        if payload is not None:
            return payload
        # It has just expired, or another process has replaced it.
    return None


def _store(name: bytes, payload: bytes, seconds: int) -> bytes:
    """Store ``payload`` and return the kind of its key; no error if it was removed meanwhile.

    The kernel counts a key against the quota for some milliseconds after it was removed, and for
    minutes after it has expired (gc_delay in /proc/sys/kernel/keys).
    """
    for wait in _WAITS:
        try:
            return _stored_now(name, payload, seconds)
        except OSError as error:
            if error.errno != errno.EDQUOT:
                raise
        _remove_expired()
        time.sleep(wait)
    return _stored_now(name, payload, seconds)


def _stored_now(name: bytes, payload: bytes, seconds: int) -> bytes:
    rare, always = KINDS
    try:
        return _stored_as(rare, name, payload, seconds)
    except OSError as error:
        # ENODEV: this kernel has no such type; EOPNOTSUPP: it has, without what it needs.
        if error.errno not in (errno.ENODEV, errno.EOPNOTSUPP):
            raise
    return _stored_as(always, name, payload, seconds)


def _stored_as(kind: bytes, name: bytes, payload: bytes, seconds: int) -> bytes:
    """Store a key of ``kind``, or change one in place; return the kind that it has."""
    try:
        _replace(kind, name, payload, seconds)
    except OSError as error:
        old = find(name) if error.errno == errno.EDQUOT else None
        if old is None:
            raise
        kind, serial = old
        _update(kind, serial, name, payload, seconds)
    return kind


def _remove_expired() -> None:
    """Remove the keys that nobody can use any more, as the kernel will."""
    for serial in _serials():
        try:
            describe(serial)
        except OSError as error:
            if error.errno in (EKEYEXPIRED, EKEYREVOKED):
                with _removed_meanwhile():
                    keyctl(_UNLINK, serial, USER_RING)
            elif error.errno not in (*GONE, EACCES):
                raise


def _update(kind: bytes, old: int, name: bytes, payload: bytes, seconds: int) -> None:
    """Change a key in place, where the quota does not hold the old value and the new one."""
    with _removed_meanwhile():
        keyctl(_LINK, old, THREAD_RING)  # where a key that is added changes it
    try:
        _replace(kind, name, payload, seconds)
    finally:
        with _removed_meanwhile():
            keyctl(_UNLINK, old, THREAD_RING)


def _replace(kind: bytes, name: bytes, payload: bytes, seconds: int) -> None:
    """Put a new key into the user keyring; until then nobody else can use it, or find it there."""
    key = add_key(kind, name, payload, THREAD_RING)
    try:
        with _removed_meanwhile():
            keyctl(_SETPERM, key, OWNER_ALONE)
            keyctl(_SET_TIMEOUT, key, seconds)
            keyctl(_LINK, key, USER_RING)
    finally:
        with _removed_meanwhile():
            keyctl(_UNLINK, key, THREAD_RING)


def _unlink(name: bytes, kind: bytes) -> bool:
    """Take the key out of the user keyring, also if it is another user's; ``False``: there is none."""
    try:
        keyctl(_UNLINK, keyctl(SEARCH, USER_RING, kind, name, 0), USER_RING)
    except OSError as error:
        if error.errno in GONE or error.errno == EACCES:  # as `find_kind` has it
            return False
        raise
    return True


@contextmanager
def _removed_meanwhile() -> Iterator[None]:
    """Pass over the errors of a key that expired, or that another process removed."""
    try:
        yield
    except OSError as error:
        if error.errno not in GONE:
            raise


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
