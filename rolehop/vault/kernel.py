"""The Linux kernel's user keyring as a back end of the keyring library.

For machines without a session bus: nothing touches the disk, the kernel ends each key at its
time, and everything is gone at reboot. Not registered as an entry point, so that no other
program's choice of back end changes.

The rules it keeps (keyrings(7), keyctl(2), add_key(2)):

- Adding under an existing description updates the key and clears its timeout, so the timeout is
  set after every write.
- A process whose session keyring does not hold the user keyring may add to it and then not use
  what it added (EACCES). Linking ``@u`` into ``@s`` cures that. It is done on EACCES only: where
  there is no session keyring, the link makes one, which costs quota and would hide the user's
  session keyring from the programs that rolehop starts.
- ``big_key`` costs next to no quota but is not built into every kernel; ``user`` always is.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from rolehop.errors import VaultAbsent, VaultFull

T = TypeVar("T")

LIMIT = 32_000
"""UTF-16 units; a ``user`` key holds 32,767 bytes, and what rolehop keeps is ASCII."""

_USER_RING, _SESSION_RING = -4, -3
_SETPERM, _LINK, _UNLINK, _SEARCH, _READ, _SET_TIMEOUT = 5, 8, 9, 10, 11, 15
# Possessor and user: all rights; group and others: none.
_FOR_THE_USER = 0x3F3F0000
_TYPES = (b"big_key", b"user")
_SYSCALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl
# EKEYEXPIRED and relatives are missing from `errno` on other systems.
_NOKEY, _KEYEXPIRED, _KEYREVOKED = 126, 127, 128
_GONE = frozenset({errno.ENOENT, _NOKEY, _KEYEXPIRED, _KEYREVOKED})
_BLOCKED = frozenset({errno.EPERM, errno.ENOSYS})


class KernelKeyring(KeyringBackend):
    """Keys in ``@u``, described as ``SERVICE:USERNAME``."""

    priority = 1
    limit = LIMIT

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def get_password(self, service: str, username: str) -> str | None:
        """Return the payload, or ``None`` where there is no such key or its time is over."""
        found = _search(_description(service, username))
        if found is None:
            return None
        payload = _possessing(lambda: _read(found[1]))
        return None if payload is None else payload.decode("utf-8")

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep ``password`` until the next reboot.

        Raises:
            VaultFull: the user's key quota is used up; what was there before is left as it was.
            VaultAbsent: the kernel, or a container around us, does not let keys be used.
        """
        self.set_password_until(service, username, password, 0)

    def set_password_until(self, service: str, username: str, password: str, seconds: int) -> None:
        """Keep ``password`` for ``seconds``, which the kernel enforces; 0: until the next reboot.

        Raises: as ``set_password``.
        """
        description = _description(service, username)
        kind, key = _possessing(lambda: _add(description, password.encode("utf-8")))
        _possessing(lambda: _keyctl(_SETPERM, key, _FOR_THE_USER))
        _possessing(lambda: _keyctl(_SET_TIMEOUT, key, seconds))
        if kind == b"user":
            return
        # An older copy under the other type would be found once this one has expired.
        _unlink(description, b"user")

    def delete_password(self, service: str, username: str) -> None:
        """Take the key out of the user keyring.

        Raises:
            PasswordDeleteError: there is none.
        """
        description = _description(service, username)
        # Both types, whatever the first says.
        deleted = [_unlink(description, kind) for kind in _TYPES]
        if not any(deleted):
            raise PasswordDeleteError("no such key")


def usable() -> str | None:
    """Return ``None`` where this process may use the kernel's keys, else the reason why not."""
    if sys.platform != "linux":
        return "only Linux has one"
    try:
        _search(b"rolehop:probe")
    except (VaultAbsent, OSError) as error:
        return getattr(error, "cause", None) or os.strerror(getattr(error, "errno", 0))
    return None


def _description(service: str, username: str) -> bytes:
    return f"{service}:{username}".encode()


def _search(description: bytes) -> tuple[bytes, int] | None:
    for kind in _TYPES:
        found = _search_kind(description, kind)
        if found is not None:
            return kind, found
    return None


def _search_kind(description: bytes, kind: bytes) -> int | None:
    def search() -> int:
        return _keyctl(_SEARCH, _USER_RING, ctypes.c_char_p(kind), ctypes.c_char_p(description), 0)

    try:
        return _possessing(search)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


def _add(description: bytes, payload: bytes) -> tuple[bytes, int]:
    for kind in _TYPES:
        try:
            return kind, _add_key(kind, description, payload)
        except OSError as error:
            # ENODEV: this kernel has no such type; EOPNOTSUPP: it has, without what it needs.
            if kind == _TYPES[-1] or error.errno not in (errno.ENODEV, errno.EOPNOTSUPP):
                raise
    raise AssertionError("the last type returns or raises")


def _read(key: int) -> bytes | None:
    """Return the payload; a key that ended since it was found is ``None``."""
    size = 4096
    while True:
        room = ctypes.create_string_buffer(size)
        try:
            length = _keyctl(_READ, key, room, size)
        except OSError as error:
            if error.errno in _GONE:
                return None
            raise
        if length <= size:
            return room.raw[:length]
        size = length


def _unlink(description: bytes, kind: bytes) -> bool:
    key = _search_kind(description, kind)
    if key is None:
        return False
    try:
        _possessing(lambda: _keyctl(_UNLINK, key, _USER_RING))
    except OSError as error:
        if error.errno in _GONE:
            return False
        raise
    return True


def _possessing(call: Callable[[], T]) -> T:
    """Make ``call``; where the kernel says EACCES, link ``@u`` into ``@s`` and try once more."""
    try:
        return call()
    except PermissionError as error:
        if error.errno != errno.EACCES:
            raise
    _keyctl(_LINK, _USER_RING, _SESSION_RING)
    return call()


def _add_key(kind: bytes, description: bytes, payload: bytes) -> int:
    return _syscall(
        0,
        ctypes.c_char_p(kind),
        ctypes.c_char_p(description),
        ctypes.c_char_p(payload),
        ctypes.c_size_t(len(payload)),
        _USER_RING,
    )


def _keyctl(operation: int, *arguments: object) -> int:
    return _syscall(1, operation, *arguments)


def _syscall(which: int, *arguments: object) -> int:
    numbers = _SYSCALLS.get(os.uname().machine) if sys.maxsize > 2**32 else None
    if numbers is None:
        raise VaultAbsent("no kernel keyring", cause="its system calls are not known here")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    # A variadic C function: every integer is widened by hand.
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer: int = libc.syscall(ctypes.c_long(numbers[which]), *wide)
    if answer >= 0:
        return answer
    raise _error(ctypes.get_errno())


def _error(number: int) -> Exception:
    if number == errno.EDQUOT:
        return VaultFull(
            "the kernel keyring has no room left",
            cause="this user's quota of keys is used up (/proc/sys/kernel/keys)",
            fix="rolehop logout --all, or use a Secret Service",
        )
    if number in _BLOCKED:
        return VaultAbsent(
            "no kernel keyring", cause="this system or container does not let keys be used"
        )
    return OSError(number, os.strerror(number))
