"""Problems that are reported before any call, and keys on a PKCS#11 token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rolehop.sources import diagnose, stamp_of
from tests.doubles.roles_anywhere import RolesAnywhere
from tests.sources.machines import (
    context_of,
    offline_problem,
    source_of,
)
from tests.sources.pki import PASSPHRASE, Issued, ec_key, issue, key_pem, p12, rsa_key, write
from tests.sources.roles_anywhere.helpers import (
    settings,
    with_files,
)
from tests.support.world import World


class TestOfflineProblems:
    """Problems that plan, source list and source test report before any call."""

    def problem(self, world: World) -> str:
        problem = offline_problem(world)
        tested = world.rolehop("source", "test", "s", "--no-prompt", "--format", "json")
        assert tested.code == 4, tested.err
        assert False in [each["good"] for each in tested.json["findings"]]
        return problem

    def test_each_is_distinguished(self, world: World, double: RolesAnywhere, root: Issued) -> None:
        leaf, folder = issue("me", root), world.config_file.parent
        now = datetime.now(UTC).replace(microsecond=0)
        with_files(world, leaf)
        (folder / "me.pem").unlink()
        assert f"there is no file {folder / 'me.pem'}" in self.problem(world)
        write(folder / "me.pem", b"hello")
        assert "it contains no PEM certificate" in self.problem(world)
        write(folder / "me.pem", b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n")
        assert "a certificate in it is damaged" in self.problem(world)
        with_files(world, issue("me", root, ends=now - timedelta(hours=1)))
        assert "the certificate of CN=me expired at " in self.problem(world)
        with_files(world, issue("me", root, begins=now + timedelta(hours=1)))
        assert "the certificate of CN=me is valid from " in self.problem(world)
        with_files(world, leaf)
        (folder / "me.key").unlink()
        assert f"there is no file {folder / 'me.key'}" in self.problem(world)
        with_files(world, leaf, b"hello")
        assert "it contains no PEM private key" in self.problem(world)
        for key in (rsa_key(), ec_key()):
            with_files(world, leaf, key_pem(key))
            assert "the private key does not belong to the certificate" in self.problem(world)
        with_files(world, leaf, chain=b"hello")
        assert f"{folder / 'chain.pem'} cannot be used" in self.problem(world)
        settings(world, 'pkcs12 = "me.p12"')
        assert f"there is no file {folder / 'me.p12'}" in self.problem(world)
        write(folder / "me.p12", b"hello")
        assert "it is not a PKCS#12 file" in self.problem(world)
        assert double.asked == []

    def test_what_a_passphrase_seals_is_no_problem(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        assert stamp_of(source_of(world), context_of(world)).problem is None
        *_, found = diagnose(source_of(world), context_of(world))
        ends = leaf.certificate.not_valid_after_utc
        assert (found.found, found.good) == (f"CN=me, until {ends:%Y-%m-%dT%H:%M:%SZ}", True)
        write(world.config_file.with_name("me.p12"), p12(leaf, [], PASSPHRASE))
        settings(world, 'pkcs12 = "me.p12"')
        assert stamp_of(source_of(world), context_of(world)).problem is None
        *_, found = diagnose(source_of(world), context_of(world))
        assert (found.found.partition(",")[0], found.good) == ("in the PKCS#12 file", None)

    def test_a_session_that_still_holds_needs_no_certificate(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        assert world.rolehop("credential-process", "there").code == 0
        world.config_file.with_name("me.key").unlink()
        done = world.rolehop("plan", "there", "--format", "json")
        assert [hop["will_fail"] for hop in done.json["hops"]] == [None, None]
        assert world.rolehop("credential-process", "there").code == 0
