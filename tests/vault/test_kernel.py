from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

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
from rolehop.errors import VaultFull
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
from rolehop.errors import VaultAbsent
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
