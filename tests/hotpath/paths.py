"""Both paths of `credential-process` in one world, and the record and item of the hot one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from keyring.backend import KeyringBackend

from rolehop.base.credentials import Secret, Session
from rolehop.base.dataclass import replace
from rolehop.hotpath import USERNAME, answer
from rolehop.hotpath.record import Record, read_record, record_path, started_at, state_folder
from rolehop.hotpath.writer import as_record, sealed
from rolehop.vault.kernel import KernelKeyring
from rolehop.vault.serialization import as_item, read_item, record_key_of
from tests.support.secret_service import LibraryKeyring
from tests.support.world import CONFIG, Done, World

KERNEL = "rolehop.vault.kernel.KernelKeyring"
STORED = f"stored-{os.getpid()}"
"""A source with keys in the keyring, which other test processes use, too."""
Env = Mapping[str, str | None]


def hot(
    world: World, chain: str, env: Env | None = None, now: Callable[[], float] = time.time
) -> str | None:
    """Return what the hot path prints, ``None`` where it steps aside."""
    started = started_at(time.time())  # another ``now`` is later, on a clock that was not set
    line = answer(["credential-process", chain], world.environ_with(env), now, lambda _: started)
    return None if line is None else f"{line}\n"


def full(world: World, chain: str, env: Env | None = None) -> Done:
    """Ask the full path: the hot one knows no flag."""
    return world.rolehop("credential-process", "--no-prompt", chain, env=env)


def asked(world: World, chain: str, env: Env | None = None) -> Done:
    """Ask as an SDK does."""
    return world.rolehop("credential-process", chain, env=env)


def warmed(world: World, chain: str, env: Env | None = None) -> str:
    """Walk a chain so that the hot path answers from here on; return the answer."""
    done = full(world, chain, env)
    assert (done.code, done.err) == (0, "")
    assert hot(world, chain, env) == done.out
    return done.out


def record_file(world: World, chain: str) -> Path:
    folder = state_folder(world.environ)
    assert folder is not None
    return Path(record_path(folder, chain))


def record_of(world: World, chain: str) -> Record:
    record = read_record(record_file(world, chain).read_bytes())
    assert record is not None
    return record


def never_wrong_where_a_variable_changes(
    world: World, chain: str, env: dict[str, str | None] | None = None
) -> None:
    """Unset, empty and change each variable of a chain's record: hot is what full is, or not."""
    env = env or {}
    warmed(world, chain, env)
    file, variables = record_file(world, chain), record_of(world, chain).variables
    good = file.read_bytes()
    for name in variables:
        for value in (None, "", "junk"):
            changed = {**env, name: value}
            line = hot(world, chain, changed)
            if line is None or world.environ_with(changed) == world.environ_with(env):
                continue
            done = full(world, chain, changed)
            assert (done.code, done.out) == (0, line), (name, value, done.err)
            file.write_bytes(good)


def forge(world: World, chain: str, edit: Callable[[str], str]) -> None:
    """Change the lines of a record and seal it again, which nobody can without the item."""
    item = Item(world, chain)
    lines = as_record(record_of(world, chain))
    assert lines is not None
    changed = edit(lines)
    assert changed != lines
    text = sealed(changed, item.record_key)
    record_file(world, chain).write_text(text or "")


class Item:
    """A chain's last session, as it is stored in the keyring of this world."""

    def __init__(self, world: World, chain: str) -> None:
        self.key = record_of(world, chain).key
        made = KernelKeyring if world.backend == KERNEL else LibraryKeyring
        self._keyring: KeyringBackend = made()

    @property
    def text(self) -> str:
        text = self._keyring.get_password(f"rolehop/{self.key}", USERNAME)
        assert text is not None
        return text

    @text.setter
    def text(self, value: str) -> None:
        self._keyring.set_password(f"rolehop/{self.key}", USERNAME, value)

    @property
    def session(self) -> Session:
        return read_item(self.text, self.key)

    @property
    def record_key(self) -> str:
        return record_key_of(self.text).reveal()

    def delete(self) -> None:
        self._keyring.delete_password(f"rolehop/{self.key}", USERNAME)

    def moved(self, issued_at: float, expires_at: float) -> None:
        """Write it with other times (epoch seconds), as rolehop would."""
        session = read_item(self.text, self.key)
        begins, ends = (datetime.fromtimestamp(int(each), UTC) for each in (issued_at, expires_at))
        credentials = replace(session.credentials, expires_at=ends)
        changed = replace(session, credentials=credentials, issued_at=begins, expires_at=ends)
        self.text = as_item(changed, self.key, self.record_key)

    def rewrite(self, **changes: str) -> None:
        """Write it with another ``record_key`` or ``secret_access_key``, as rolehop would."""
        session = read_item(self.text, self.key)
        secret = changes.get("secret_access_key")
        if secret is not None:
            credentials = replace(session.credentials, secret_access_key=Secret(secret))
            session = replace(session, credentials=credentials)
        self.text = as_item(session, self.key, changes.get("record_key", self.record_key))


CHAINS_OF_EVERY_KIND = f"""
[sources.{STORED}]
type = "keys"
[sources.file]
type = "profile"
profile = "alice"
[chains.by-keys]
source = "{STORED}"
hops = [{{ role = "arn:aws:iam::222222222222:role/Hub" }}]
[chains.by-profile]
source = "file"
hops = [{{ role = "arn:aws:iam::222222222222:role/Hub" }}]
[chains.short]
from = "hub"
hops = [{{ role = "333333333333:role/Admin", duration = "15m" }}]
[chains.asks]
from = "hub"
confirm = true
"""

AWS_CONFIG = """\
[profile alice]
region = eu-west-1
[profile through-hub]
source_profile = alice
role_arn = arn:aws:iam::222222222222:role/Hub
role_session_name = me
"""


def prepared(world: World) -> World:
    world.config(CONFIG + CHAINS_OF_EVERY_KIND)
    world.aws_config(AWS_CONFIG)
    world.aws_credentials(
        f"[alice]\naws_access_key_id = {world.alice.environ['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {world.alice.environ['AWS_SECRET_ACCESS_KEY']}\n"
    )
    return world


def add_keys(world: World, env: Env | None = None) -> None:
    arguments = ("keys", "add", STORED, "--from-env", "--replace", "--until-reboot")
    done = world.rolehop(*arguments, env=env)
    assert done.code == 0, done.err
