from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from keyring.errors import PasswordDeleteError

from rolehop.base.errors import VaultAbsent, VaultFull
from rolehop.hotpath import keyctl
from rolehop.vault.kernel import KernelKeyring, Quota, quota
from tests.vault.as_user import NEEDS_MUCH, need_kernel_keyring, run


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


@pytest.mark.parametrize(
    "length",
    [
        *(1, 2_000),
        *(pytest.param(each, marks=NEEDS_MUCH) for each in (4_096, 4_097, 12_000, 32_000)),
    ],
)
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


def time_left(service: str) -> str:
    """Return what /proc says of a key's time; one that was replaced shows there for a moment, too."""
    found = keyctl.find(keyctl.description(service, "rolehop"))
    assert found is not None
    rows = (line.split() for line in Path("/proc/keys").read_text().splitlines())
    return next(row[3] for row in rows if int(row[0], 16) == found[1])


def test_the_kernel_ends_a_value_at_its_time_and_a_new_write_brings_a_new_time(
    keyring: KernelKeyring, service: str
) -> None:
    keyring.set_password_until(service, "rolehop", "x", 3_000)
    assert time_left(service) in ("49m", "50m")
    keyring.set_password_until(service, "rolehop", "y", 300)
    assert time_left(service) in ("4m", "5m")
    keyring.set_password(service, "rolehop", "z")
    assert time_left(service) == "perm"


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


# The session keyring that `run` joins is new and does not hold @u, so nobody possesses what is there.
_APART = """
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
    assert run(_APART, "first", clear=False) == ["first"]
    assert run(_APART, "second", clear=False) == ["second"]
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


@NEEDS_MUCH
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


_TAKES_THE_PLACE = """
keyring = kernel.KernelKeyring()
keyring.set_password("rolehop/1", "rolehop", "x" * 12_000)
keyring.delete_password("rolehop/1", "rolehop")
keyring.set_password_until("rolehop/2", "rolehop", "y" * 12_000, 1)
while keyring.get_password("rolehop/2", "rolehop") is not None:
    time.sleep(0.05)
keyring.set_password("rolehop/3", "rolehop", "z" * 12_000)
print(len(keyring.get_password("rolehop/3", "rolehop")))
"""


@NEEDS_MUCH
def test_what_was_removed_and_what_has_expired_leaves_its_room() -> None:
    assert run(_TAKES_THE_PLACE, room=18_000) == ["12000"]


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
    """The system calls for two keyrings, as keyctl(2) has them; some fail as they are told to."""

    def __init__(self) -> None:
        self._serials = count(1)
        self._made: dict[int, tuple[bytes, bytes, bytes]] = {}
        self._thread: set[int] = set()
        self._user: set[int] = set()
        self.failing: dict[int, list[int]] = {}
        """Error numbers by call, for the next times that it is made."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What another process does before the first of these."""
        self._before: dict[int, Callable[[], object]] = {}

    @property
    def keys(self) -> list[tuple[bytes, bytes, bytes]]:
        """What the user keyring holds."""
        return [self._made[each] for each in sorted(self._user)]

    @property
    def serials(self) -> set[int]:
        """The serial numbers of these."""
        return set(self._user)

    def add(self, kind: bytes, name: bytes, payload: bytes) -> None:
        """Put a key into the user keyring, as another process of this user does."""
        self._link(self._new(kind, name, payload))

    def clear(self) -> None:
        self._user.clear()

    def fail(
        self, call: int, *numbers: int, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.failing[call], self.meanwhile = [*numbers], meanwhile

    def before(self, call: int, action: Callable[[], object]) -> None:
        """Let another process act before the next ``call``."""
        self._before[call] = action

    def __call__(self, which: int, *arguments: object) -> int:
        call, *given = (ADD, *arguments) if which == 0 else arguments
        self._before.pop(call, lambda: None)()  # type: ignore[call-overload]
        if self.failing.get(call):  # type: ignore[call-overload]
            number = self.failing[call].pop(0)  # type: ignore[index]
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
            raise OSError(number, os.strerror(number))
        return self._answer(call, *given)

    def _new(self, kind: bytes, name: bytes, payload: bytes) -> int:
        self._made[serial := next(self._serials)] = kind, name, payload
        return serial

    def _link(self, serial: int) -> None:
        name = self._made[serial][:2]
        self._user = {each for each in self._user if self._made[each][:2] != name} | {serial}

    def _answer(self, call: object, *given: Any) -> int:
        if call == ADD:
            assert given[4] == keyctl.THREAD_RING
            serial = next((each for each in self._thread if self._made[each][:2] == given[:2]), 0)
            serial = serial or self._new(*given[:3])
            self._made[serial] = given[:3]
            self._thread.add(serial)
            return serial
        if call == LINK:
            serial, ring = given
            if ring == keyctl.USER_RING:
                self._link(serial)
            else:
                self._thread.add(serial)
        if call == UNLINK:
            found = self._user if given[1] == keyctl.USER_RING else self._thread
            if given[0] not in found:
                raise OSError(errno.ENOENT, "it is not there")
            found.remove(given[0])
        if call == SEARCH:
            serials = [each for each in self._user if self._made[each][:2] == given[1:3]]
            if not serials:
                raise OSError(errno.ENOKEY, "no such key")
            return serials[0]
        if call not in (READ, DESCRIBE):
            return 0
        kind, name, text = self._made.get(given[0], (b"", b"", b""))
        if call == DESCRIBE:
            text = b"%s;%d;0;%08x;%s\0" % (kind, os.geteuid(), keyctl.OWNER_ALONE, name)
        elif given[0] == keyctl.USER_RING:
            text = struct.pack(f"={len(self._user)}i", *sorted(self._user))
        ctypes.memmove(given[1], text, len(text))
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
    kernel.fail(READ, errno.ENOKEY, meanwhile=lambda: kernel.add(BIG, NAME, b"of another"))
    assert keyring.get_password("rolehop/a", "rolehop") == "of another"
    kernel.fail(READ, errno.EACCES)
    with pytest.raises(PermissionError):
        keyring.get_password("rolehop/a", "rolehop")


def test_a_key_that_is_removed_while_it_is_read_is_none(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    keyring.set_password("rolehop/a", "rolehop", "old")
    kernel.fail(READ, errno.ENOKEY, meanwhile=kernel.clear)
    assert keyring.get_password("rolehop/a", "rolehop") is None


def test_a_key_that_is_removed_while_it_is_written_is_no_error(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.add(USER, NAME, b"an older copy")
    kernel.fail(UNLINK, errno.ENOKEY)
    keyring.set_password("rolehop/a", "rolehop", "y")
    assert keyring.get_password("rolehop/a", "rolehop") == "y"


@pytest.mark.parametrize("call", [SETPERM, TIMEOUT, LINK])
def test_a_key_that_expires_while_it_is_written_is_no_error(kernel: Kernel, call: int) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.fail(call, errno.EKEYEXPIRED)
    keyring.set_password("rolehop/a", "rolehop", "x")
    assert keyring.get_password("rolehop/a", "rolehop") is None


def test_a_key_that_is_removed_while_it_is_changed_in_place_is_there_again(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.add(USER, NAME, b"old")
    # This kernel has no `big_key`, and room for one value only.
    kernel.fail(ADD, errno.ENODEV, errno.EDQUOT)
    kernel.before(LINK, kernel.clear)
    keyring.set_password("rolehop/a", "rolehop", "new")
    assert keyring.get_password("rolehop/a", "rolehop") == "new"


def test_a_key_of_either_kind_is_changed_in_place_where_there_is_no_room(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    for kind in (USER, BIG):
        kernel.clear()
        kernel.add(kind, NAME, b"old")
        serials = kernel.serials
        kernel.fail(ADD, errno.EDQUOT)
        keyring.set_password("rolehop/a", "rolehop", "new")
        assert kernel.keys == [(kind, NAME, b"new")]
        assert kernel.serials == serials


def test_room_that_the_kernel_makes_a_moment_later_is_used(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.fail(ADD, errno.EDQUOT, errno.EDQUOT)
    keyring.set_password("rolehop/a", "rolehop", "x")
    assert keyring.get_password("rolehop/a", "rolehop") == "x"


def test_a_kernel_that_has_big_keys_by_now_keeps_no_older_copy(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.fail(ADD, errno.ENODEV)
    keyring.set_password("rolehop/a", "rolehop", "old")
    assert [kind for kind, _, _ in kernel.keys] == [USER]
    keyring.set_password("rolehop/a", "rolehop", "new")
    assert kernel.keys == [(BIG, NAME, b"new")]


def test_a_key_that_is_removed_while_they_are_listed_is_left_out(kernel: Kernel) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    for service in ("rolehop/a", "rolehop/ab"):
        keyring.set_password(service, "rolehop", "x")
    kernel.fail(DESCRIBE, errno.EKEYREVOKED)
    assert keyring.services_of("rolehop") == ["rolehop/ab"]


@pytest.mark.parametrize("call", [ADD, SETPERM, TIMEOUT, LINK, READ, DESCRIBE, UNLINK])
@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EDQUOT, VaultFull), (errno.EPERM, VaultAbsent), (errno.EIO, OSError)],
)
def test_an_error_of_the_kernel_is_never_passed_over(
    kernel: Kernel, call: int, number: int, error: type[Exception]
) -> None:
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]
    kernel.add(BIG, NAME, b"x")
    kernel.fail(call, *[number] * 20)

    def every_call() -> None:
        keyring.services_of("rolehop")
        keyring.get_password("rolehop/a", "rolehop")
        keyring.set_password("rolehop/a", "rolehop", "y")
        keyring.delete_password("rolehop/a", "rolehop")

    with pytest.raises(error):
        every_call()


def test_how_full_it_is_is_read_from_the_kernels_table(tmp_path: Path) -> None:
    table = tmp_path / "key-users"
    assert quota(table) is None
    table.write_text(f"    7:  1 1/1 9/10 9/10\n{os.getuid():5}:    43 42/42 37/200 15000/20000\n")
    assert quota(table) == Quota(37, 200, 15_000, 20_000)
    assert Quota(37, 200, 15_000, 20_000).percent == 75
    assert Quota(190, 200, 100, 20_000).percent == 95
    table.write_text(f"{os.getuid()}: not a table\n")
    assert quota(table) is None
