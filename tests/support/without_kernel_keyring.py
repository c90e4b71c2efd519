"""Run a program without the kernel's keyring, as containers do: its system calls fail.

    python -m tests.support.without_kernel_keyring rolehop …

A seccomp filter (seccomp(2)) answers EPERM to add_key, request_key and keyctl; it stays over exec.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

_NUMBERS = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def block() -> None:
    """Block the three system calls for this process and all programs that it runs."""
    numbers = _NUMBERS[os.uname().machine]
    lines = [struct.pack("HBBI", _LOAD, 0, 0, 0)]  # the number of the call
    for at, number in enumerate(numbers):
        lines.append(struct.pack("HBBI", _JUMP_IF_EQUAL, len(numbers) - at, 0, number))
    lines.append(struct.pack("HBBI", _RETURN, 0, 0, _ALLOW))
    lines.append(struct.pack("HBBI", _RETURN, 0, 0, _ERRNO | errno.EPERM))
    code = ctypes.create_string_buffer(b"".join(lines))
    program = _Program(len(lines), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for arguments in (
        (_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero),
        (_SET_SECCOMP, ctypes.c_ulong(_FILTER), ctypes.byref(program), zero, zero),
    ):
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "no seccomp filter can be set here")


if __name__ == "__main__":
    block()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - that is what it is for
