from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

from rolehop.base.errors import VaultAbsent, VaultFull
from rolehop.hotpath import keyctl
from rolehop.vault.kernel import KernelKeyring
from tests.vault.as_user import need_kernel_keyring, run


@pytest.fixture
def service() -> str:
    # A deleted key shows in /proc for a moment, so each test has a name of its own.
    return f"rolehop/test-{os.urandom(8).hex()}"


@pytest.fixture
def keyring(service: str) -> Iterator[KernelKeyring]:
    need_kernel_keyring(room=1_000)
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]  # keyring leaves it open
    yield keyring
    with suppress(PasswordDeleteError):
        keyring.delete_password(service, "rolehop")


@pytest.mark.parametrize("length", [1, 4_096, 4_097, 12_000, 32_000])
def test_a_value_comes_back_whole(keyring: KernelKeyring, service: str, length: int) -> None:
    need_kernel_keyring(room=length + 500)
    keyring.set_password(service, "rolehop", "é" + "x" * (length - 1))
    assert keyring.get_password(service, "rolehop") == "é" + "x" * (length - 1)


def test_what_is_not_there_is_none_and_cannot_be_deleted(
    keyring: KernelKeyring, service: str
) -> None:
    assert keyring.get_password(service, "rolehop") is None
    with pytest.raises(PasswordDeleteError):
        keyring.delete_password(service, "rolehop")


def test_its_services_are_found(keyring: KernelKeyring, service: str) -> None:
    keyring.set_password(service, "rolehop", "value")
    assert service in keyring.services_of("rolehop")
    assert service not in keyring.services_of("hop")


def test_a_deleted_value_is_gone(keyring: KernelKeyring, service: str) -> None:
    keyring.set_password(service, "rolehop", "x")
    keyring.delete_password(service, "rolehop")
    assert keyring.get_password(service, "rolehop") is None


def timeouts() -> dict[str, str]:
    """Return what /proc says of each key's time left, by description."""
    rows = (line.split() for line in Path("/proc/keys").read_text().splitlines())
    return {row[8].rstrip(":"): row[3] for row in rows if len(row) > 8}


def test_the_kernel_ends_a_value_at_its_time_and_a_new_write_brings_a_new_time(
    keyring: KernelKeyring, service: str
) -> None:
    name = f"{service}:rolehop"
    keyring.set_password_until(service, "rolehop", "x", 3_000)
    assert timeouts()[name] in ("49m", "50m")
    keyring.set_password_until(service, "rolehop", "y", 300)
    assert timeouts()[name] in ("4m", "5m")
    keyring.set_password(service, "rolehop", "z")
    assert timeouts()[name] == "perm"


_EXPIRES = """
import time
keyring = kernel.KernelKeyring()
keyring.set_password_until("rolehop/a", "rolehop", "x", 1)
while (found := keyring.get_password("rolehop/a", "rolehop")) is not None:
    time.sleep(0.05)
keyring.set_password("rolehop/a", "rolehop", "y")
print(keyring.get_password("rolehop/a", "rolehop"))
"""


def test_an_expired_value_is_none_and_its_name_can_be_used_again() -> None:
    assert run(_EXPIRES) == ["y"]


# The session keyring that `run` joins is new and does not hold @u: adding works there, and then
# nothing else does, unless the back end links them.
_TRAP = """
keyring = kernel.KernelKeyring()
keyring.set_password_until("rolehop/trap", "rolehop", sys.argv[1], 600)
print(keyring.get_password("rolehop/trap", "rolehop"))
"""
_READ = """
keyring = kernel.KernelKeyring()
print(keyring.get_password("rolehop/trap", "rolehop"))
keyring.delete_password("rolehop/trap", "rolehop")
print(keyring.get_password("rolehop/trap", "rolehop"))
"""


def test_a_session_keyring_without_the_user_keyring_works() -> None:
    assert run(_TRAP, "first", clear=False) == ["first"]
    assert run(_TRAP, "second", clear=False) == ["second"]
    # Another log-in session of the same user.
    assert run(_READ, clear=False) == ["second", "None"]


_FULL = """
from rolehop.base.errors import VaultFull
keyring = kernel.KernelKeyring()
keyring.set_password("rolehop/1", "rolehop", "x" * 12_000)
try:
    keyring.set_password("rolehop/2", "rolehop", "y" * 12_000)
except VaultFull as full:
    print(full.what)
print(len(keyring.get_password("rolehop/1", "rolehop")), keyring.get_password("rolehop/2", "rolehop"))
keyring.set_password("rolehop/1", "rolehop", "short")
try:
    keyring.set_password("rolehop/1", "rolehop", "z" * 25_000)
except VaultFull as full:
    print(full.what)
print(keyring.get_password("rolehop/1", "rolehop"))
"""


def test_a_full_quota_is_an_error_and_keeps_the_old_value() -> None:
    shown = run(_FULL, room=18_000)
    if shown == ["12000 " + "y" * 12_000, "z" * 25_000]:
        pytest.skip("this kernel has big_key, which costs no quota")
    assert shown == [
        "the kernel keyring has no room left",
        "12000 None",
        "the kernel keyring has no room left",
        "short",
    ]


_UNKNOWN_MACHINE = """
import posix
from rolehop.base.errors import VaultAbsent
posix.uname = lambda: type("uname", (), {"machine": "pdp11"})
print(kernel.usable())
try:
    kernel.KernelKeyring().get_password("rolehop/a", "rolehop")
except VaultAbsent as absent:
    print(absent.what)
"""


def test_a_machine_with_unknown_system_calls_has_no_kernel_keyring() -> None:
    assert run(_UNKNOWN_MACHINE, clear=False) == [
        "its system calls are not known here",
        "no kernel keyring",
    ]


# ---- what a kernel answers in a moment that no test can bring about

ADD, SETPERM, DESCRIBE, LINK, UNLINK, SEARCH, READ, TIMEOUT = 0, 5, 6, 8, 9, 10, 11, 15


class Kernel:
    """The system calls for one user keyring, as keyctl(2) has them; some fail as they are told to."""

    def __init__(self) -> None:
        self._serials = count(1)
        self.keys: dict[int, tuple[bytes, bytes, bytes]] = {}
        self.failing: dict[int, list[int]] = {}
        """Error numbers by call, for the next times that it is made."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What another process does before the first of these."""

    def add(self, kind: bytes, name: bytes, payload: bytes) -> int:
        self.keys = {at: key for at, key in self.keys.items() if key[:2] != (kind, name)}
        self.keys[serial := next(self._serials)] = kind, name, payload
        return serial

    def fail(
        self, call: int, *numbers: int, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.failing[call], self.meanwhile = [*numbers], meanwhile

    def __call__(self, which: int, *arguments: object) -> int:
        call, *given = (ADD, *arguments) if which == 0 else arguments
        if self.failing.get(call):  # type: ignore[call-overload]
            number = self.failing[call].pop(0)  # type: ignore[index]
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
            raise OSError(number, os.strerror(number))
        return self._answer(call, *given)

    def _answer(self, call: object, *given: object) -> int:
        if call == ADD:
            return self.add(*given[:3])  # type: ignore[arg-type]
        if call == SEARCH:
            found = [at for at, key in self.keys.items() if key[:2] == tuple(given[1:3])]
            if not found:
                raise OSError(errno.ENOKEY, "no such key")
            return found[0]
        if call == UNLINK:
            del self.keys[given[0]]  # type: ignore[arg-type]
        if call not in (READ, DESCRIBE):
            return 0
        kind, name, text = self.keys.get(given[0], (b"", b"", b""))  # type: ignore[call-overload]
        if call == DESCRIBE:
            text = b"%s;0;0;3f3f0000;%s\0" % (kind, name)
        elif given[0] == keyctl.USER_RING:
            text = struct.pack(f"={len(self.keys)}i", *self.keys)
        ctypes.memmove(given[1], text, len(text))  # type: ignore[arg-type]
        return len(text)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(keyctl, "_call", kernel)
    return kernel


BIG, USER = keyctl.KINDS
NAME = b"rolehop/a:rolehop"


def test_a_key_that_is_replaced_while_it_is_read_is_read_anew(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    keyring.set_password("rolehop/a", "rolehop", "old")
    # It is in no keyring any more: the second try, after the user's was linked, is refused, too.
    kernel.fail(
        READ, errno.EACCES, errno.EACCES, meanwhile=lambda: kernel.add(BIG, NAME, b"of another")
    )
    assert keyring.get_password("rolehop/a", "rolehop") == "of another"
    kernel.fail(READ, errno.EACCES, errno.EACCES)
    with pytest.raises(PermissionError):
        keyring.get_password("rolehop/a", "rolehop")


def test_a_key_that_is_removed_while_it_is_written_is_no_error(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.fail(SETPERM, errno.ENOKEY, meanwhile=kernel.keys.clear)
    keyring.set_password("rolehop/a", "rolehop", "x")
    kernel.add(USER, NAME, b"an older copy")
    kernel.fail(UNLINK, errno.ENOKEY)
    keyring.set_password("rolehop/a", "rolehop", "y")
    assert keyring.get_password("rolehop/a", "rolehop") == "y"


def test_a_kernel_that_has_big_keys_by_now_keeps_no_older_copy(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.fail(ADD, errno.ENODEV)
    keyring.set_password("rolehop/a", "rolehop", "old")
    assert [kind for kind, _, _ in kernel.keys.values()] == [USER]
    keyring.set_password("rolehop/a", "rolehop", "new")
    assert [*kernel.keys.values()] == [(BIG, NAME, b"new")]


def test_a_key_that_is_removed_while_they_are_listed_is_left_out(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    for service in ("rolehop/a", "rolehop/ab"):
        keyring.set_password(service, "rolehop", "x")
    kernel.fail(DESCRIBE, errno.EKEYREVOKED)
    assert keyring.services_of("rolehop") == ["rolehop/ab"]


@pytest.mark.parametrize("call", [ADD, SETPERM, TIMEOUT, READ, DESCRIBE, UNLINK])
@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EDQUOT, VaultFull), (errno.EPERM, VaultAbsent), (errno.EIO, OSError)],
)
def test_an_error_of_the_kernel_is_never_passed_over(
    kernel: Kernel, call: int, number: int, error: type[Exception]
) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.add(BIG, NAME, b"x")
    kernel.fail(call, number)

    def every_call() -> None:
        keyring.services_of("rolehop")
        keyring.get_password("rolehop/a", "rolehop")
        keyring.set_password("rolehop/a", "rolehop", "y")
        keyring.delete_password("rolehop/a", "rolehop")

    with pytest.raises(error):
        every_call()
