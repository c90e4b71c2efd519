"""The Linux kernel's key calls: find a key of this user and read it.

Used by the kernel back end of the vault and by the hot path of ``credential-process``, so only the
half of ``ctypes`` that is written in C is imported: the other half takes six times as long. The numbers are Linux's (add_key(2), keyctl(2), errno(3)).
"""

import _ctypes
import sys

if sys.platform == "linux":
    import posix as os  # which is built in; os takes a tenth of a start without site
else:
    import os

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

USER_RING, SESSION_RING = -4, -3
LINK, SEARCH, READ = 8, 10, 11
# ``big_key`` costs next to no quota but is not built into every kernel; ``user`` always is.
KINDS = (b"big_key", b"user")
ENOENT, EACCES = 2, 13
ENOKEY, EKEYEXPIRED, EKEYREVOKED = 126, 127, 128
GONE = (ENOENT, ENOKEY, EKEYEXPIRED, EKEYREVOKED)
_SYSCALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl
_FIRST_GUESS = 8192  # bytes; a session with a large token fits


class _Char(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class _Function(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


class NoSuchCalls(Exception):
    """The system call numbers are not known for this architecture."""


def description(service: str, username: str) -> bytes:
    """Return a key's description."""
    return f"{service}:{username}".encode()


def read_text(service: str, username: str) -> str | None:
    """Return the text that the kernel back end stored, ``None`` if there is none. Raises as ``find``."""
    found = find(description(service, username))
    payload = None if found is None else read(found[1])
    return None if payload is None else payload.decode("utf-8", "replace")


def find(name: bytes) -> tuple[bytes, int] | None:
    """Return kind and serial of the key called ``name``, ``None`` if there is none.

    Raises:
        OSError: the kernel returns any error but "no such key".
        NoSuchCalls: the architecture is not known.
    """
    for kind in KINDS:
        serial = find_kind(kind, name)
        if serial is not None:
            return kind, serial
    return None


def find_kind(kind: bytes, name: bytes) -> int | None:
    """Return the serial of the key of ``kind`` called ``name``. Raises as ``find``."""

    def search() -> int:
        return keyctl(SEARCH, USER_RING, kind, name, 0)

    try:
        return possessing(search)
    except OSError as error:
        if error.errno in GONE:
            return None
        raise


def read(serial: int) -> bytes | None:
    """Return a key's payload, ``None`` if it expired since it was found. Raises as ``find``."""
    size = _FIRST_GUESS
    while True:
        buffer = (_Char * size)()
        try:
            length = possessing(lambda: keyctl(READ, serial, buffer, size))  # noqa: B023 - called now
        except OSError as error:
            if error.errno in GONE:
                return None
            raise
        if length <= size:
            return bytes(buffer)[:length]
        size = length


def possessing(call: "Callable[[], T]") -> "T":
    """Make ``call``; on EACCES, link ``@u`` into ``@s`` and try once more.

    A process whose session keyring does not contain the user keyring may find keys there, but not
    use them (keyrings(7), possession). The link is made on EACCES only: without a session keyring
    it creates one, which costs quota and would hide the user's own from children.
    """
    try:
        return call()
    except PermissionError as error:
        if error.errno != EACCES:
            raise
    keyctl(LINK, USER_RING, SESSION_RING)
    return call()


def add_key(kind: bytes, name: bytes, payload: bytes) -> int:
    """Add or update a key in the user keyring; return its serial. Raises as ``find``."""
    return _call(0, kind, name, payload, len(payload), USER_RING)


def keyctl(operation: int, *arguments: object) -> int:
    """Make one keyctl call. Raises as ``find``."""
    return _call(1, operation, *arguments)


def _call(which: int, *arguments: object) -> int:
    numbers = _SYSCALLS.get(os.uname().machine) if sys.maxsize > 2**32 else None
    if numbers is None:
        raise NoSuchCalls
    program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # of the program itself
    syscall = _Function(_ctypes.dlsym(program, "syscall"))
    # A variadic C function: every integer is widened by hand.
    wide = [_Long(each) if isinstance(each, int) else each for each in arguments]
    answer: int = syscall(_Long(numbers[which]), *wide)
    if answer >= 0:
        return answer
    number = _ctypes.get_errno()
    raise OSError(number, os.strerror(number))
