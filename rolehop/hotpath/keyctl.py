"""The Linux kernel's key calls: find a key of this user alone and read it.

Used by the kernel back end of the vault and by the hot path of ``credential-process``, so only the
half of ``ctypes`` that is written in C is imported: the other half takes six times as long. The
numbers are Linux's (add_key(2), keyctl(2), errno(3)).

Whoever has the user keyring in a keyring of his own possesses what is in it (keyrings(7)): with
pam_keyinit's link, or one that any program made in the session keyring, also another user whom
``su``, ``runuser`` or a daemon started from that session became. So rolehop's keys give possessors
nothing and their owner everything, and no keyring is ever linked to use them. Such a user may still
put keys into the user keyring: one that is not its owner's alone is none of ours.
"""

import _ctypes
import sys

if sys.platform == "linux":
    import posix as os  # which is built in; os takes a tenth of a start without site
else:
    import os

THREAD_RING, USER_RING = -1, -4
DESCRIBE, SEARCH, READ = 6, 10, 11
OWNER_ALONE = 0x003F0000
"""The owner: all rights; possessors, group and others: none."""

# ``big_key`` costs next to no quota but is not built into every kernel; ``user`` always is.
KINDS = (b"big_key", b"user")
ENOENT, EACCES = 2, 13
ENOKEY, EKEYEXPIRED, EKEYREVOKED = 126, 127, 128
GONE = (ENOENT, ENOKEY, EKEYEXPIRED, EKEYREVOKED)
_SYSCALLS = {"x86_64": (248, 250), "aarch64": (217, 219)}  # add_key, keyctl
_FIRST_GUESS = 8192  # bytes; a session with a large token fits
_LONGEST_DESCRIPTION = 4_200  # bytes; the kernel takes 4,095, and type and rights come first


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
    """Return kind and serial of the key called ``name`` that is this user's alone, ``None``: none is.

    Raises:
        OSError: the kernel returns any error but that there is no such key, or that it gives this
            user nothing (EACCES): then it is another one's.
        NoSuchCalls: the architecture is not known.
    """
    for kind in KINDS:
        serial = find_kind(kind, name)
        if serial is not None:
            return kind, serial
    return None


def find_kind(kind: bytes, name: bytes) -> int | None:
    """Return the serial of the key of ``kind`` called ``name``, as ``find`` does. Raises as ``find``."""
    try:
        serial = keyctl(SEARCH, USER_RING, kind, name, 0)
        return None if describe(serial) is None else serial
    except OSError as error:
        if error.errno in GONE or error.errno == EACCES:
            return None
        raise


def describe(serial: int) -> bytes | None:
    """Return a key's description, ``None`` if it is not this user's alone.

    Raises:
        OSError: as ``find``; also if there is no such key, and if it may not be seen.
    """
    buffer = (_Char * _LONGEST_DESCRIPTION)()
    length = keyctl(DESCRIBE, serial, buffer, _LONGEST_DESCRIPTION)
    # "type;user;group;rights;description" and a zero byte (keyctl_describe(3))
    _, user, _, rights, text = bytes(buffer)[: length - 1].split(b";", 4)
    is_own = int(user) == os.geteuid() and int(rights, 16) == OWNER_ALONE
    return text if is_own else None


def read(serial: int) -> bytes | None:
    """Return a key's payload, ``None`` if it expired since it was found. Raises as ``find``."""
    size = _FIRST_GUESS
    while True:
        buffer = (_Char * size)()
        try:
            length = keyctl(READ, serial, buffer, size)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise
        if length <= size:
            return bytes(buffer)[:length]
        size = length


def add_key(kind: bytes, name: bytes, payload: bytes, ring: int) -> int:
    """Add or update a key in ``ring``; return its serial. Raises as ``keyctl``."""
    return _call(0, kind, name, payload, len(payload), ring)


def keyctl(operation: int, *arguments: object) -> int:
    """Make one keyctl call.

    Raises:
        OSError: the kernel returns an error, also one of `GONE`.
        NoSuchCalls: the architecture is not known.
    """
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
