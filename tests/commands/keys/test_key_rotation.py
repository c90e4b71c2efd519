"""Rotation of access keys against the strict double: a working key survives every interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from rolehop.aws.iam_access_keys import IamKeys
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.query_api import QueryClient
from rolehop.aws.sts import StsClient
from rolehop.base.advice import Advice
from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import replace
from rolehop.base.errors import RolehopError, ServiceError, SourceError, VaultBroken
from rolehop.commands.keys.access_keys import Rotation
from rolehop.walk.ports import MfaCode, StsRefusal
from tests.doubles.sts import StrictSts
from tests.doubles.sts_world import User


@dataclass
class Scene:
    """One user, its key in the vault, and a rotation of that key."""

    sts: StrictSts
    settings: ClientSettings
    client: StsClient
    user: User
    stored: Credentials | None
    notes: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    store: Callable[[Credentials], None] | None = None
    with_mfa: Callable[[], Credentials] | None = None

    def keep(self, new: Credentials) -> None:
        self.stored = new

    def rotation(self) -> Rotation:
        return Rotation(
            source="alice",
            iam=self.client.iam_keys,
            caller=self.client.caller,
            load=lambda: self.stored,
            store=self.store or self.keep,
            with_mfa=self.with_mfa,
            note=self.notes.append,
            sleep=self.waits.append,
        )

    @property
    def actions(self) -> list[str]:
        return [call.action for call in self.sts.calls]

    def works(self) -> bool:
        """Return whether AWS accepts the key in the vault."""
        assert self.stored is not None
        try:
            self.client.caller(self.stored)
        except StsRefusal:
            return False
        return True

    @property
    def keys(self) -> list[tuple[str, bool]]:
        return [(key.access_key_id, key.active) for key in self.user.keys]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with StrictSts() as sts:
        user = sts.world.user("111111111111", "alice")
        settings = ClientSettings(
            region="eu-west-1", endpoint_url=sts.url, iam_endpoint_url=sts.url, max_attempts=3
        )
        with StsClient(settings, sleep=lambda seconds: None) as client:
            yield Scene(sts, settings, client, user, user.credentials)


class TestRotate:
    def test_the_new_key_takes_the_place_of_the_old(self, scene: Scene) -> None:
        old = scene.user.key
        new = scene.rotation().run()
        assert scene.stored is not None
        assert scene.stored.access_key_id == new != old.access_key_id
        assert scene.keys == [(new, True)]
        assert scene.actions == [
            "ListAccessKeys",
            "CreateAccessKey",
            *["GetCallerIdentity"] * 3,
            "UpdateAccessKey",
            "DeleteAccessKey",
        ]
        assert {call.access_key_id for call in scene.sts.calls[-2:]} == {new}
        assert scene.works()

    def test_it_waits_until_aws_accepts_the_new_key(self, scene: Scene) -> None:
        scene.sts.world.settling = 4
        scene.rotation().run()
        assert scene.works()
        assert len(scene.waits) == 5

    def test_no_secret_is_shown(self, scene: Scene) -> None:
        old = scene.user.key.secret
        scene.rotation().run()
        said = "".join(scene.notes)
        assert old not in said
        assert scene.user.key.secret not in said

    def test_policies_that_require_mfa_get_it(self, scene: Scene) -> None:
        scene.user.iam_wants_mfa = True
        with pytest.raises(SourceError) as caught:
            scene.rotation().run()
        assert 'mfa_serial = "auto"' in str(caught.value.fix)
        device = scene.sts.world.mfa_device(scene.user)

        def with_mfa() -> Credentials:
            code = MfaCode(device.serial, device.code(scene.sts.now))
            assert scene.stored is not None
            return scene.client.session_token(scene.stored, 900, code).credentials

        scene.with_mfa = with_mfa
        scene.rotation().run()
        assert len(scene.keys) == 1
        assert scene.works()
        assert scene.actions.count("GetSessionToken") == 1


class TestLimit:
    def test_a_second_key_is_named_and_can_be_removed(self, scene: Scene) -> None:
        other = scene.user.keys[0]
        mine = scene.sts.world.new_key(scene.user)
        scene.stored = mine.credentials
        with pytest.raises(SourceError) as caught:
            scene.rotation().run()
        assert "has 2 access keys" in caught.value.what
        assert f"{other.access_key_id} (active)" in str(caught.value.cause)
        assert f"--finish {other.access_key_id}" in str(caught.value.fix)
        assert "CreateAccessKey" not in scene.actions
        scene.rotation().finish(other.access_key_id)
        assert scene.keys == [(mine.access_key_id, True)]

    def test_the_key_in_use_is_never_finished(self, scene: Scene) -> None:
        assert scene.stored is not None
        with pytest.raises(SourceError, match="is the key in use"):
            scene.rotation().finish(scene.stored.access_key_id)
        with pytest.raises(SourceError, match="is not a key of this user"):
            scene.rotation().finish("AKIAUNKNOWNUNKNOWN12")
        assert scene.works()


def refuse(new: Credentials) -> None:
    raise VaultBroken("the keyring did not keep the key")


def interrupt(new: Credentials) -> None:
    raise KeyboardInterrupt


class TestInterruptions:
    def test_a_refused_creation_changes_nothing(self, scene: Scene) -> None:
        scene.sts.world.denied.add("CreateAccessKey")
        before = scene.keys
        with pytest.raises(SourceError, match="IAM refused creating a key"):
            scene.rotation().run()
        assert scene.keys == before
        assert scene.works()

    def test_a_lost_response_is_not_requested_again(self, scene: Scene) -> None:
        class Truncating(IamKeys):
            def create(self, signer: Credentials) -> Credentials:
                scene.sts.truncate()
                return super().create(signer)

        query = QueryClient(scene.settings)
        broken = replace(scene.rotation(), iam=Truncating(lambda: query))
        with query, pytest.raises(ServiceError):
            broken.run()
        assert scene.actions.count("CreateAccessKey") == 1
        assert scene.works()
        # The next run finds the unknown key, and says how to remove it.
        with pytest.raises(SourceError) as caught:
            scene.rotation().run()
        assert scene.user.key.access_key_id in str(caught.value.fix)

    @pytest.mark.parametrize("store", [refuse, interrupt])
    def test_a_key_that_cannot_be_stored_is_deleted(
        self, store: Callable[[Credentials], None], scene: Scene
    ) -> None:
        before = scene.keys
        scene.store = store
        with pytest.raises((RolehopError, KeyboardInterrupt)):
            scene.rotation().run()
        assert scene.keys == before
        assert scene.works()
        assert "nothing has changed" in scene.notes[-1]

    def test_a_key_that_was_stored_after_all_is_not_deleted(self, scene: Scene) -> None:
        def stored_and_interrupted(new: Credentials) -> None:
            scene.keep(new)
            raise KeyboardInterrupt

        scene.store = stored_and_interrupted
        with pytest.raises(KeyboardInterrupt):
            scene.rotation().run()
        assert len(scene.keys) == 2
        assert scene.works()
        assert "two keys remain at AWS" in scene.notes[-1]

    def test_a_key_that_never_works_is_deleted(self, scene: Scene) -> None:
        before = scene.keys
        scene.sts.world.settling = 1_000
        with pytest.raises(ServiceError, match="does not work yet"):
            scene.rotation().run()
        assert scene.keys == before
        assert scene.works()

    @pytest.mark.parametrize(
        ("denied", "state"), [("UpdateAccessKey", "active"), ("DeleteAccessKey", "inactive")]
    )
    def test_an_old_key_that_remains_is_named_with_the_next_step(
        self, denied: str, state: str, scene: Scene
    ) -> None:
        old = scene.user.key.access_key_id
        scene.sts.world.denied.add(denied)
        with pytest.raises(SourceError) as caught:
            scene.rotation().run()
        assert caught.value.what == (
            f"the old key {old} remains at AWS, {state}; the new one is in use"
        )
        assert caught.value.fix == f"rolehop keys rotate alice --finish {old}"
        assert scene.works()
        scene.sts.world.denied.clear()
        scene.rotation().finish(old)
        assert len(scene.keys) == 1
        assert scene.works()

    def test_a_new_key_that_cannot_be_deleted_is_named(self, scene: Scene) -> None:
        scene.store = refuse
        scene.sts.world.denied.add("DeleteAccessKey")
        with pytest.raises(VaultBroken):
            scene.rotation().run()
        new = scene.user.key.access_key_id
        assert f"--finish {new}" in scene.notes[-1]
        assert scene.works()

    def test_advice_after_ctrl_c_is_quoted_for_the_shell_of_whoever_reads_it(
        self, scene: Scene
    ) -> None:
        class Interrupted(IamKeys):
            def deactivate(self, signer: Credentials, access_key_id: str) -> None:
                raise KeyboardInterrupt

        old = scene.user.key.access_key_id
        iam = Interrupted(scene.client.query)
        with pytest.raises(KeyboardInterrupt):
            replace(scene.rotation(), iam=iam, source="a b").run()
        said = scene.notes[-1]
        assert isinstance(said, Advice)
        assert said.in_shell(lambda text: f"<{text}>").endswith(
            f"remains at AWS, active: rolehop keys rotate <a b> --finish {old}"
        )

    def test_missing_keys_are_reported(self, scene: Scene) -> None:
        scene.stored = None
        with pytest.raises(SourceError, match="no keys are in the keyring"):
            scene.rotation().run()

    def test_a_key_that_no_longer_works_is_reported(self, scene: Scene) -> None:
        scene.user.key.active = False
        with pytest.raises(SourceError) as caught:
            scene.rotation().run()
        assert "the key in the keyring does not work" in str(caught.value.fix)
