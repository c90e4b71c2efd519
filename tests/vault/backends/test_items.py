"""Items of a back end that stores one at a time, lists nothing, or does not delete."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from keyring.errors import KeyringError, PasswordDeleteError

from rolehop.base.errors import VaultBroken, VaultDenied, VaultFull
from rolehop.vault.storage import Deadline, Storage
from tests.doubles.keyrings import InMemory
from tests.vault.samples import chosen

TEXTS: Mapping[str, tuple[str, int]] = {f"rolehop/{each}": (each, 60) for each in "abc"}


class Picky(InMemory):
    """Refuses some services, and tries to delete in vain as often as it is told."""

    def __init__(self, refused: Mapping[str, Exception], in_vain: int = 0) -> None:
        super().__init__()
        self.refused, self.in_vain = refused, in_vain

    def set_password(self, service: str, username: str, password: str) -> None:
        if service in self.refused:
            raise self.refused[service]
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        if self.in_vain:
            self.in_vain -= 1
            raise PasswordDeleteError("could not")
        super().delete_password(service, username)


def storage(keyring: InMemory) -> Storage:
    return Storage(chosen(keyring), Deadline(60))


@pytest.mark.parametrize(
    ("refused", "kinds", "there"),
    [
        ({}, {}, "abc"),
        ({"rolehop/a": OSError(28, "No space left on device")}, {"rolehop/a": VaultFull}, "bc"),
        (
            {"rolehop/a": PermissionError(13, "denied")},
            dict.fromkeys(TEXTS, VaultDenied),
            "",
        ),
        (
            {"rolehop/b": KeyringError("broken")},
            dict.fromkeys(("rolehop/b", "rolehop/c"), VaultBroken),
            "a",
        ),
    ],
)
def test_only_a_full_keyring_is_asked_for_the_next_item(
    refused: Mapping[str, Exception], kinds: Mapping[str, type[Exception]], there: str
) -> None:
    kept = storage(Picky(refused))
    failed = kept.put_all(TEXTS)
    assert {service: type(error) for service, error in failed.items()} == kinds
    assert kept.get_all(list(TEXTS)) == {f"rolehop/{each}": each for each in there}


@pytest.mark.parametrize("in_vain", [0, 1, 2])
def test_an_item_that_is_still_there_is_deleted_again(in_vain: int) -> None:
    kept = storage(Picky({}, in_vain))
    kept.put("rolehop/a", "a")
    assert kept.delete("rolehop/a")
    assert not kept.delete("rolehop/a")


def test_an_item_that_stays_is_an_error() -> None:
    kept = storage(Picky({}, 3))
    kept.put("rolehop/a", "a")
    with pytest.raises(VaultBroken):
        kept.delete("rolehop/a")
    assert kept.get("rolehop/a") == "a"


def test_a_back_end_that_lists_nothing_has_no_list_of_sessions() -> None:
    assert storage(InMemory()).session_keys() is None
