"""An index that was damaged, while the keyring is locked or another rolehop makes it anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.lost_index import load_index
from rolehop.base.dataclass import replace
from rolehop.vault.index import Index, KeyEntry, make_entry
from rolehop.vault.index_file import IndexStore, as_text
from tests.support.world import FILE_BACKED
from tests.vault.samples import NOW, key_of, session, source_step

HERE = make_entry(source_step(), session(), "of-another-config", FILE_BACKED, None, NOW)
KEY = KeyEntry("AKIAIOSFODNN7EXAMPLE", FILE_BACKED, NOW)


class Damaged(App):
    """An application whose index has an entry, and a changed bit; ``said`` is what it showed."""

    def __init__(self, folder: Path, keyring: str) -> None:
        self.said: list[str] = []
        environ = {"PYTHON_KEYRING_BACKEND": keyring, "XDG_STATE_HOME": str(folder / "state")}
        super().__init__(environ, folder, notify=self.shown)
        self.index_store.seal()
        text = as_text(Index().with_session(HERE).with_key("alice", KEY), NOW)
        self.index_store.path.write_text(text.replace('"hop": 0', '"hop": 1'))
        assert self.index.damaged

    def shown(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(autouse=True)
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLEHOP_TEST_KEYRING", str(tmp_path / "vault"))


def test_what_another_process_found_meanwhile_stays(tmp_path: Path) -> None:
    class Overtaken(Damaged):
        def shown(self, line: str) -> None:
            super().shown(line)
            other = IndexStore(self.state_folder)
            other.change(lambda index: replace(index, lost=False, damaged=False))

    app = Overtaken(tmp_path, FILE_BACKED)
    load_index(app)
    assert app.said == ["the list of stored sessions was damaged: it is made anew from the keyring"]
    assert [*app.index.sessions] == [key_of("source")]
    assert not app.index.lost


def test_a_keyring_that_is_locked_leaves_it_damaged_and_says_so(tmp_path: Path) -> None:
    app = Damaged(tmp_path, "tests.doubles.keyrings.Locked")
    load_index(app)
    assert app.said[-1].startswith("the list of stored sessions is damaged, until the keyring can")
    assert [*app.index.sessions] == [key_of("source")]
    assert app.index.damaged
