"""Reading a key by system call gives what the vault's kernel back end gives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keyring.errors import PasswordDeleteError

from rolehop.hotpath import keyctl
from rolehop.vault.kernel import KernelKeyring
from tests.vault.as_user import NEEDS_MUCH, need_kernel_keyring, run

NAME = f"rolehop/hot-{os.urandom(8).hex()}"


@pytest.fixture
def keyring() -> Iterator[KernelKeyring]:
    need_kernel_keyring(room=1_000)
    keyring = KernelKeyring()  # type: ignore[no-untyped-call]  # keyring leaves it open
    yield keyring
    with suppress(PasswordDeleteError):
        keyring.delete_password(NAME, "rolehop")


def payload() -> bytes | None:
    found = keyctl.find(keyctl.description(NAME, "rolehop"))
    return None if found is None else keyctl.read(found[1])


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=st.text(st.characters(codec="utf-8"), min_size=1, max_size=500))
def test_it_reads_the_same_as_the_back_end(keyring: KernelKeyring, value: str) -> None:
    need_kernel_keyring(room=len(value.encode()))
    keyring.set_password(NAME, "rolehop", value)
    assert payload() == value.encode()
    assert keyring.get_password(NAME, "rolehop") == value


@pytest.mark.parametrize(
    "length",
    [
        *(1, 2_000),
        *(pytest.param(each, marks=NEEDS_MUCH) for each in (8_191, 8_192, 8_193, 15_000)),
    ],
)
def test_a_long_value_comes_whole(keyring: KernelKeyring, length: int) -> None:
    need_kernel_keyring(room=length + 500)
    keyring.set_password(NAME, "rolehop", "x" * length)
    assert payload() == b"x" * length


def test_a_missing_key_is_none(keyring: KernelKeyring) -> None:
    assert payload() is None
    keyring.set_password(NAME, "rolehop", "x")
    assert payload() == b"x"
    keyring.delete_password(NAME, "rolehop")
    assert payload() is None


_UNPRIVILEGED = """
keyring = kernel.KernelKeyring()
keyring.set_password("rolehop/hot", "rolehop", "x" * 2_000)
found = keyctl.find(keyctl.description("rolehop/hot", "rolehop"))
print(keyctl.read(found[1]).decode() == keyring.get_password("rolehop/hot", "rolehop"))
"""


def test_it_reads_as_an_unprivileged_user_too() -> None:
    assert run(_UNPRIVILEGED) == ["True"]
