"""What is stored can be seen and forgotten while the config is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.lost_index import without_broken_config
from rolehop.base.errors import ConfigError
from rolehop.commands.keys.access_keys import key_rows, remove_keys
from rolehop.commands.sessions.stored import (
    Forgotten,
    failures_of,
    forget_sessions,
    keys_of_stored,
    stored,
)
from rolehop.commands.uninstall.removal import find_holdings
from rolehop.plan.model import Step
from rolehop.vault import GPG_STORE, KERNEL
from rolehop.vault.index import Index, KeyEntry, make_entry
from tests.support.world import FILE_BACKED, World
from tests.vault.samples import NOW, hop_step, key_of, keys, session, source_step

BROKEN = 'version = 1\n[chains.hub]\nsource = "alice"\n'


class Home:
    """A home with stored sessions of two chains, alice's keys, and a broken config."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.keyring = FILE_BACKED
        self.said: list[str] = []
        self.config.write_text("version = 1\n")
        vault = self.app.vault
        life = NOW - self.app.now()  # years
        for step, chain in (
            (source_step(), "hub"),
            (hop_step(), "hub"),
            (hop_step(), "prod/web"),
            (hop_step("web", parent="hub", number=2), "prod/web"),
            (hop_step("other"), "other"),
        ):
            vault.put(step, session(issued_at=self.app.now(), life=life), chain)
        vault.keys.add("alice", keys(), replace=False, until_reboot=True)
        (self.app.state_folder / "history").touch()
        self.config.write_text(BROKEN)

    @property
    def app(self) -> App:
        """A new process's."""
        environ = {
            "PYTHON_KEYRING_BACKEND": self.keyring,
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        config, note = str(self.config), self.said.append
        return App(environ, self.folder, config_file=config, notify=note)

    def usable(self) -> App:
        return without_broken_config(self.app)

    def names(self) -> set[str]:
        known = {key_of(each): each for each in ("source", "hub", "web", "other")}
        return {known[key] for key in self.app.index.sessions}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("ROLEHOP_TEST_KEYRING", str(tmp_path / "vault"))
    return Home(tmp_path)


def test_every_session_is_forgotten_and_the_problem_is_named_once(home: Home) -> None:
    assert forget_sessions(home.usable(), None) == Forgotten(4, {}, 0)
    assert home.names() == set()
    (said,) = home.said
    assert said.startswith(f"the config is not used: {home.config}:3: chains.hub.source: ")


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        pytest.param("prod/*", {"source", "hub", "other"}, id="shared-hops-stay"),
        pytest.param("prod", {"source", "hub", "other"}, id="a-fleet"),
        pytest.param("hub", {"source", "other"}, id="what-hangs-below-goes"),
    ],
)
def test_a_pattern_means_the_chains_of_stored_sessions(
    home: Home, pattern: str, left: set[str]
) -> None:
    forget_sessions(home.usable(), [pattern])
    assert home.names() == left


def test_a_shared_source_session_stays_where_the_chain_has_no_hop_left() -> None:
    def index(*steps: tuple[Step, str]) -> Index:
        found = Index()
        for step, chain in steps:
            found = found.with_session(make_entry(step, session(), chain, "b", None, NOW))
        return found

    source, db = source_step(), hop_step("db")
    shared = index((source, "web"), (source, "db"), (db, "db"))
    assert keys_of_stored(shared, {"web"}) == []
    assert keys_of_stored(shared, {"web", "db"}) == sorted([source.key, db.key])
    unnoted = index((source, "web"), (db, "db"))  # db found it there
    assert keys_of_stored(unnoted, {"web"}) == []
    assert keys_of_stored(index((source, "web")), {"web"}) == [source.key]


@pytest.mark.parametrize("pattern", ["nobody", "label:env=prod", "prod/*.org"])
def test_what_a_pattern_means_may_be_known_to_the_config_alone(home: Home, pattern: str) -> None:
    for ask in (forget_sessions, stored, failures_of):
        with pytest.raises(ConfigError, match="no stored session is known to be one of"):
            ask(home.usable(), ["hub", pattern])
    assert len(home.names()) == 4


def test_sessions_and_keys_are_seen(home: Home) -> None:
    app = home.usable()
    assert len(stored(app).sessions) == 4
    seen = [each.key for each in stored(app, ["prod/*"]).sessions]
    assert seen == [key_of(each) for each in ("source", "hub", "web")]
    assert failures_of(app, ["hub"]) == []
    assert [each.name for each in key_rows(app)] == ["alice"]
    assert find_holdings(app).sessions == 4
    assert remove_keys(app, "alice", confirmed=True) is not None
    assert key_rows(app) == []


def test_a_lost_index_stays_lost_and_what_it_had_is_not_known(home: Home) -> None:
    home.app.index_store.path.unlink()
    assert len(home.names()) == 0
    home.keyring = "tests.doubles.keyrings.Unlisted"
    assert forget_sessions(home.usable(), None) == Forgotten(0, {}, 0, may_be_more=True)
    with pytest.raises(ConfigError, match="nothing was removed: what is stored cannot be seen"):
        find_holdings(home.usable())
    assert not stored(home.usable()).all_known
    assert home.app.index.lost
    home.keyring = FILE_BACKED
    with pytest.raises(ConfigError, match="nothing was removed"):
        find_holdings(home.usable())  # alice's keys, which no keyring lists
    assert forget_sessions(home.usable(), None) == Forgotten(4, {}, 0)


def test_a_new_machine_has_nothing_to_search_for(home: Home) -> None:
    home.app.index_store.path.unlink()
    (home.app.state_folder / "history").unlink()
    assert forget_sessions(home.usable(), None) == Forgotten(0, {}, 0)


def test_a_back_end_is_taken_from_the_index_only_if_rolehop_knows_it(home: Home) -> None:
    def named(*backends: str, **environ: str) -> str | None:
        app = App(
            {"XDG_STATE_HOME": str(home.folder / "empty"), **environ},
            home.folder,
            config_file=str(home.config),
        )
        for name in backends:
            entry = KeyEntry("AKIAIOSFODNN7EXAMPLE", name, NOW)
            app.index_store.change(lambda index: index.with_key(name, entry))  # noqa: B023 - called now
        return without_broken_config(app).config.vault_backend

    assert named() is None
    assert named("evil.Module") is None
    home.folder.joinpath("empty", "rolehop", "index.json").unlink()
    assert named(KERNEL) == KERNEL
    assert named(PYTHON_KEYRING_BACKEND=FILE_BACKED) is None
    assert named(GPG_STORE) is None  # which of both, nobody knows


@pytest.mark.parametrize("command", ["logout --all", "keys list", "status"])
def test_commands_that_need_the_index_alone(shared_world: World, command: str) -> None:
    shared_world.config(BROKEN)
    done = shared_world.rolehop(*command.split())
    assert done.code == 0
    assert "config.toml:3: chains.hub.source: " in done.err
