"""Sign-ins at rest: whole documents, generations in the index, and five ways a keyring can fail."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend

from rolehop.base.credentials import Secret, StoredDocument
from rolehop.base.errors import VaultAbsent, VaultBroken, VaultLocked
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.documents import KeyringTokenStore
from rolehop.vault.index_file import IndexStore
from rolehop.vault.storage import BackendHandle
from tests.doubles.keyrings import InMemory

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECRET = "a-refresh-token-of-somebody"
DOCUMENT: StoredDocument = {"refresh_token": Secret(SECRET), "client_id": "abc"}


class Shelved:
    """A token store over an in-memory keyring; ``said`` is what was shown."""

    def __init__(
        self, folder: Path, keyring: KeyringBackend | None, limit: int | None = None
    ) -> None:
        self.said: list[str] = []
        self.index = IndexStore(folder, now=lambda: NOW, machine_start=lambda now: NOW)
        self.keyring = keyring

        def choose() -> Chosen:
            if keyring is None:
                raise VaultAbsent("there is no keyring")
            return Chosen("double.InMemory", keyring, limit=limit)

        self.store = KeyringTokenStore(
            BackendHandle(choose, self.said.append), self.index, self.said.append
        )


def test_a_document_comes_back_with_its_secrets_hidden(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path, InMemory())
    shelved.store.put("sso/x", DOCUMENT)
    found = shelved.store.get("sso/x")
    assert found == DOCUMENT
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("2026-06-02T01:30:00.5+02:00", datetime(2026, 6, 1, 23, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59-23:59", None),
        ("2026-06-02T01:30:00", None),
        ("", None),
    ],
    ids=["of-another-zone", "beyond-the-calendar", "of-no-zone", "none"],
)
def test_the_index_knows_when_a_sign_in_ends(
    tmp_path: Path, said: str, end: datetime | None
) -> None:
    shelved = Shelved(tmp_path, InMemory())
    shelved.store.begin("sso/x", {**DOCUMENT, "expires_at": said})
    shelved.store.put("sso/x", {**DOCUMENT, "expires_at": said})
    assert shelved.index.load().sign_in_ends["sso/x"].ends_at == end


def test_a_long_document_is_chunked(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path, InMemory(), limit=1280)
    long: StoredDocument = {"access_token": Secret("x" * 5_000)}
    shelved.store.put("sso/x", long)
    assert shelved.store.get("sso/x") == long
    assert shelved.store.remove("sso/x")
    assert shelved.store.get("sso/x") is None


def test_each_sign_in_has_a_generation_of_its_own_known_without_the_keyring(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path, InMemory())
    first, second = (shelved.store.begin("sso/x", DOCUMENT) for _ in range(2))
    assert first != second
    found = shelved.store.get("sso/x")
    assert found is not None
    assert found["generation"] == second
    assert Shelved(tmp_path, None).store.generation("sso/x") == second


def test_a_refresh_keeps_the_generation(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path, InMemory())
    generation = shelved.store.begin("sso/x", DOCUMENT)
    shelved.store.put("sso/x", {**(shelved.store.get("sso/x") or {}), "client_id": "other"})
    assert shelved.store.generation("sso/x") == generation
    assert (shelved.store.get("sso/x") or {})["generation"] == generation


def test_removing_forgets_both_and_returns_whether_there_was_something(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path, InMemory())
    shelved.store.begin("sso/x", DOCUMENT)
    assert shelved.store.remove("sso/x")
    assert shelved.store.generation("sso/x") is None
    assert not shelved.store.remove("sso/x")


def test_without_a_keyring_it_lasts_as_long_as_the_process_and_one_note_says_so(
    tmp_path: Path,
) -> None:
    shelved = Shelved(tmp_path, None)
    assert shelved.store.get("sso/x") is None
    generation = shelved.store.begin("sso/x", DOCUMENT)
    assert shelved.store.get("sso/x") == {**DOCUMENT, "generation": generation}
    assert set(shelved.said) == {"sign-ins are not stored: there is no keyring"}
    assert shelved.store.remove("sso/x")
    assert shelved.store.get("sso/x") is None


def test_a_sign_in_that_the_index_cannot_note_keeps_its_generation_in_this_process(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    state.write_text("a file where the folder should be")
    shelved = Shelved(state, InMemory())
    generation = shelved.store.begin("sso/x", DOCUMENT)
    assert shelved.store.generation("sso/x") == generation
    assert shelved.store.remove("sso/x")
    assert shelved.store.generation("sso/x") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"schema": 9}', '{"schema": 1, "plain": {"a": 1}}'])
def test_a_damaged_item_is_an_error_that_quotes_nothing(tmp_path: Path, text: str) -> None:
    keyring = InMemory()
    keyring.set_password("rolehop/tokens/sso/x", "rolehop", text)
    with pytest.raises(VaultBroken, match="cannot be read") as caught:
        Shelved(tmp_path, keyring).store.get("sso/x")
    assert text not in str(caught.value)


def test_the_index_holds_names_and_generations_and_no_secret(tmp_path: Path) -> None:
    shelved = Shelved(tmp_path, InMemory())
    shelved.store.begin("sso/x", DOCUMENT)
    text = shelved.index.path.read_text()
    assert "sso/x" in text
    assert SECRET not in text


def test_a_locked_keyring_is_an_error_for_who_reads_and_is_not_written_to(tmp_path: Path) -> None:
    class Locked(InMemory):
        def get_password(self, service: str, username: str) -> str | None:
            raise VaultLocked("the keyring is locked")

    keyring = Locked()
    shelved = Shelved(tmp_path, keyring)
    with pytest.raises(VaultLocked):
        shelved.store.get("sso/x")
    shelved.store.put("sso/x", DOCUMENT)
    assert shelved.said
    assert shelved.store.get("sso/x") == DOCUMENT
