"""Whatever the answer depended on has changed: the hot path steps aside, and the answer is right."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rolehop.hotpath.record import RECORD_SCHEMA
from tests.hotpath.paths import (
    KERNEL,
    Env,
    Item,
    add_keys,
    asked,
    forge,
    full,
    hot,
    prepared,
    record_file,
    record_of,
    warmed,
)
from tests.support.other_users import AS_ROOT
from tests.support.secret_service import BACKEND, SecretService
from tests.support.world import ADMIN, AUDIT, CONFIG, HUB, World

INCLUDED = """
[chains.included]
source = "me"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""


BOB = {"AWS_ACCESS_KEY_ID": "AKIABOB0000000000000", "AWS_SECRET_ACCESS_KEY": "secret-key-of-bob"}


@dataclass(frozen=True)
class Change:
    """One thing that happens after an answer, and what the next one takes."""

    make: Callable[[World], object] = lambda world: None
    called: Sequence[str] = ()
    """The roles that are assumed for the next answer; none: it is the same session."""

    env: Env | None = None
    """Variables that are different from here on."""

    chain: str = "admin"
    settles: bool = True
    """The hot path answers again after the full path did."""

    said: str = ""
    """What the next answer says on stderr."""


def edit_config(old: str, new: str) -> Callable[[World], None]:
    def edit(world: World) -> None:
        text = world.config_file.read_text()
        assert old in text
        world.config_file.write_text(text.replace(old, new))

    return edit


def edit_record(old: str, new: str) -> Callable[[World], None]:
    """Return a change of a record that is sealed again, as if rolehop had written it so."""
    return lambda world: forge(world, "admin", lambda lines: lines.replace(old, new, 1))


def edit_include(world: World) -> None:
    included(world, INCLUDED.replace("222222222222:role/Hub", "333333333333:role/Admin"))


def included(world: World, text: str = INCLUDED) -> None:
    (world.config_file.parent / "team.toml").write_text(text)


def bobs_credentials_file(world: World) -> None:
    world.aws_credentials(
        f"[alice]\naws_access_key_id = {BOB['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {BOB['AWS_SECRET_ACCESS_KEY']}\n"
    )


def bobs_keys(world: World) -> None:
    add_keys(world, BOB)


def other_config(world: World) -> None:
    other = world.home / "other" / "rolehop" / "config.toml"
    other.parent.mkdir(parents=True)
    other.write_text(CONFIG.replace("333333333333:role/Admin", "444444444444:role/Audit"))


def damage(change: Callable[[str], str]) -> Callable[[World], None]:
    def make(world: World) -> None:
        item = Item(world, "admin")
        item.text = change(item.text)

    return make


def ten_minutes_from_its_end(world: World) -> None:
    Item(world, "admin").moved(time.time() - 3000, time.time() + 600)


def write_index(text: str) -> Callable[[World], object]:
    return lambda world: (world.state / "index.json").write_text(text)


def of_another_schema(world: World) -> None:
    index = world.state / "index.json"
    index.write_text(index.read_text().replace('{"schema": 1', '{"schema": 999', 1))


CHANGES = {
    # config
    "a-comment-in-the-config": Change(edit_config("[chains.hub]", "# hello\n[chains.hub]")),
    "another-role-in-the-config": Change(
        edit_config("333333333333:role/Admin", "444444444444:role/Audit"), [AUDIT]
    ),
    "another-min-ttl": Change(edit_config("[defaults]", '[defaults]\nmin_ttl = "15m"')),
    "the-chain-before-edited": Change(
        edit_config('"arn:aws:iam::222222222222:role/Hub" }', f'"{HUB}", duration = "30m" }}'),
        [HUB, ADMIN],
    ),
    "include-edited": Change(edit_include, [ADMIN], chain="included"),
    "config-named-by-a-variable": Change(
        other_config, [AUDIT], env={"ROLEHOP_CONFIG": "{home}/other/rolehop/config.toml"}
    ),
    "config-in-another-home": Change(
        other_config, [AUDIT], env={"XDG_CONFIG_HOME": "{home}/other"}
    ),
    # sources
    "another-aws-profile": Change(env={"AWS_PROFILE": "alice"}),
    "other-keys-in-the-environment": Change(called=[HUB, ADMIN], env=BOB),
    "another-region-in-the-environment": Change(env={"AWS_REGION": "eu-central-1"}),
    "other-keys-in-the-credentials-file": Change(bobs_credentials_file, [HUB], chain="by-profile"),
    "a-comment-in-the-credentials-file": Change(
        lambda world: world.aws_credentials(
            "# hello\n" + (world.home / ".aws" / "credentials").read_text()
        ),
        chain="by-profile",
    ),
    "another-credentials-file": Change(
        bobs_credentials_file,
        [HUB],
        chain="by-profile",
        env={"AWS_SHARED_CREDENTIALS_FILE": "{home}/.aws/bobs"},
    ),
    "keys-replaced": Change(bobs_keys, [HUB], chain="by-keys"),
    "another-endpoint-in-the-aws-config": Change(
        lambda world: world.aws_config("[default]\nregion = us-east-2\n")
    ),
    # what is stored in the keyring
    "item-deleted": Change(lambda world: Item(world, "admin").delete(), [ADMIN]),
    "logged-out": Change(lambda world: world.rolehop("logout", "admin"), [ADMIN]),
    "all-logged-out": Change(lambda world: world.rolehop("logout", "--all"), [HUB, ADMIN]),
    "ten-minutes-from-its-end": Change(ten_minutes_from_its_end, [ADMIN]),
    **{
        name: Change(damage(how), [ADMIN], said="a session in the keyring is damaged")
        for name, how in {
            "item-cut-short": lambda text: text[:-1],
            "item-without-its-second-line": lambda text: text.partition("\n")[0],
            "item-of-another-schema": lambda text: text.replace('"schema":3', '"schema":4'),
            "item-with-something-behind": lambda text: text + " ",
            "item-of-another-account": lambda text: text.replace(
                '"account":"333333333333"', '"account":"444444444444"'
            ),
            "item-with-an-empty-token": lambda text: (
                text[: text.index('"SessionToken":"') + 16] + text[text.index('","Expiration') :]
            ),
            "item-that-is-something-else": lambda text: "hello",
        }.items()
    },
    # the record and the index
    "index-damaged": Change(write_index("{")),
    "index-emptied": Change(write_index("")),
    "index-of-another-version": Change(of_another_schema),
    "record-of-another-user": Change(edit_record("who\t", "who\t1")),
    "record-of-another-machine": Change(
        lambda world: edit_record(record_of(world, "admin").host, "elsewhere")(world)
    ),
    "record-of-another-version": Change(
        edit_record(f"rolehop-record\t{RECORD_SCHEMA}\t", f"rolehop-record\t{RECORD_SCHEMA}\t0")
    ),
    "record-of-another-schema": Change(
        edit_record(f"rolehop-record\t{RECORD_SCHEMA}", "rolehop-record\t1")
    ),
    "record-of-a-file-that-cannot-be": Change(edit_record("/.aws/config\t", "/.aws/\0onfig\t")),
    "record-damaged": Change(edit_record("life\t", "life ")),
    "record-removed": Change(lambda world: record_file(world, "admin").unlink()),
    "record-that-is-no-text": Change(
        lambda world: record_file(world, "admin").write_bytes(b"rolehop-record\t\xff\n")
    ),
    # the choice of a keyring
    "another-keyring-named": Change(
        called=[HUB, ADMIN],
        env={"PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.FileBacked"},
        settles=False,
    ),
    "a-keyring-attribute-set": Change(env={"KEYRING_PROPERTY_NOTE": "x"}, settles=False),
}


def with_bob(world: World) -> World:
    """A world with every kind of source, in which bob may do what alice may."""
    prepared(world)
    text = world.config_file.read_text()
    world.config('include = ["team.toml"]\n' + text)
    included(world)
    aws = world.sts.world
    bob = aws.user("111111111111", "bob")
    del aws.keys[bob.key.access_key_id]
    bob.key.access_key_id, bob.key.secret = BOB.values()
    aws.keys[bob.key.access_key_id] = bob.key
    people = [world.alice.arn, bob.arn]
    aws.role(HUB, trusts=people)
    aws.role(ADMIN, trusts=[*people, HUB])
    bobs_credentials_file(world)
    file = world.home / ".aws" / "credentials"
    file.rename(file.with_name("bobs"))
    return prepared_files(world)


def prepared_files(world: World) -> World:
    world.aws_credentials(
        f"[alice]\naws_access_key_id = {world.alice.environ['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {world.alice.environ['AWS_SECRET_ACCESS_KEY']}\n"
    )
    return world


@pytest.mark.parametrize("name", CHANGES)
def test_it_steps_aside_and_the_answer_is_right(hot_world: World, name: str) -> None:
    change = CHANGES[name]
    with_bob(hot_world)
    if change.chain == "by-keys":
        add_keys(hot_world)
    before = warmed(hot_world, change.chain)
    calls = len(hot_world.sts.calls)
    change.make(hot_world)
    env = {
        key: value and value.format(home=hot_world.home)
        for key, value in (change.env or {}).items()
    }
    assert hot(hot_world, change.chain, env) is None

    done = asked(hot_world, change.chain, env)
    assert done.code == 0, done.err
    assert [call.role for call in hot_world.sts.calls[calls:]] == list(change.called)
    assert (done.out == before) == (not change.called)
    assert change.said in done.err
    if change.env == BOB or "keys" in name:
        assert hot_world.sts.calls[calls].signer.endswith(":user/bob")
    assert full(hot_world, change.chain, env).out == done.out
    if change.settles:
        assert hot(hot_world, change.chain, env) == done.out


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_both_region_variables_are_recorded_whichever_is_set(
    hot_world: World, variable: str
) -> None:
    prepared(hot_world)
    warmed(hot_world, "hub", {variable: "eu-west-3"})
    assert {"AWS_REGION", "AWS_DEFAULT_REGION"} <= record_of(hot_world, "hub").variables.keys()


def test_the_clock_that_was_set_back_is_for_the_full_path(hot_world: World) -> None:
    warmed(hot_world, "admin")
    Item(hot_world, "admin").moved(time.time() + 60, time.time() + 3600)
    assert hot(hot_world, "admin") is None
    done = asked(hot_world, "admin")
    assert done.code == 0
    assert done.json["AccessKeyId"] == full(hot_world, "admin").json["AccessKeyId"]
    assert hot(hot_world, "admin", now=lambda: time.time() + 60) == done.out


@pytest.mark.parametrize(
    ("later", "answers"), [(-1, False), (0, True), (3600 - 960 - 5, True), (3600 - 960 + 5, False)]
)
def test_a_session_with_less_than_min_ttl_left_is_not_handed_out(
    hot_world: World, later: int, answers: bool
) -> None:
    first = warmed(hot_world, "admin")
    Item(hot_world, "admin").moved(1_900_000_000, 1_900_003_600)
    found = hot(hot_world, "admin", now=lambda: 1_900_000_000 + later)
    assert (found is not None) == answers
    assert found != first


def test_a_relative_path_to_the_config_is_never_answered_hot(hot_world: World) -> None:
    there = hot_world.home / "there"
    there.mkdir()
    other = hot_world.config_file.read_text().replace(
        "333333333333:role/Admin", "444444444444:role/Audit"
    )
    (there / "mine.toml").write_text(other)
    (hot_world.home / "mine.toml").write_text(hot_world.config_file.read_text())
    env = {"ROLEHOP_CONFIG": "mine.toml"}
    here = asked(hot_world, "admin", env)
    assert here.json["AccountId"] == "333333333333"
    assert hot(hot_world, "admin", env) is None
    script = f"cd '{there}' && rolehop credential-process admin"
    elsewhere = hot_world.run("sh", "-c", script, env=env)
    assert elsewhere.json["AccountId"] == "444444444444"


def test_a_locked_keyring_is_for_the_full_path(
    world: World, own_secret_service: SecretService
) -> None:
    world.backend = BACKEND
    world.more = {
        name: own_secret_service.environ[name]
        for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
    }
    first = warmed(world, "admin")
    own_secret_service.lock()
    assert hot(world, "admin") is None
    done = asked(world, "admin")
    assert done.code == 0
    assert "the keyring is locked" in done.err
    assert done.out != first
    own_secret_service.unlock()
    assert asked(world, "admin").out == first
    assert hot(world, "admin") == first


def test_a_bus_that_comes_up_is_asked_before_the_kernel(hot_world: World, tmp_path: Path) -> None:
    if hot_world.backend != KERNEL:
        pytest.skip("about the kernel's keyring")
    warmed(hot_world, "admin")
    assert (
        hot(hot_world, "admin", {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={tmp_path}/bus"}) is None
    )
    (hot_world.folder / "run").mkdir(exist_ok=True)
    (hot_world.folder / "run" / "bus").touch()
    assert hot(hot_world, "admin") is None


@AS_ROOT
def test_another_users_record_is_not_believed(hot_world: World) -> None:
    warmed(hot_world, "admin")
    os.chown(record_file(hot_world, "admin"), 65534, -1)
    assert hot(hot_world, "admin") is None
