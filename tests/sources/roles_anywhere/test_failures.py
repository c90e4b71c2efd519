"""Certificates and keys that cannot be used."""

from __future__ import annotations

import builtins
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, UnrecognizedExtension
from cryptography.x509.oid import ExtensionOID, NameOID

from rolehop.aws import x509
from rolehop.base.advice import install_extra
from rolehop.base.credentials import Secret
from rolehop.base.errors import SourceError
from rolehop.sources import diagnose, stamp_of
from tests.doubles.roles_anywhere import RolesAnywhere
from tests.sources.machines import (
    MemoryTokens,
    Typist,
    context_of,
    failure,
    source_of,
)
from tests.sources.pki import PASSPHRASE, Issued, ec_key, issue, key_pem, p12, write
from tests.sources.roles_anywhere.helpers import (
    load,
    settings,
    with_files,
)
from tests.support.world import World


class TestFailures:
    def test_absent_files_are_distinguished_from_broken_ones(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        folder = world.config_file.parent
        (folder / "me.pem").unlink()
        assert failure(world).what == f"there is no file {folder / 'me.pem'}"
        stamp = stamp_of(source_of(world), context_of(world))
        assert str(stamp.problem).startswith(f"there is no file {folder / 'me.pem'}")
        [first, *_] = diagnose(source_of(world), context_of(world))
        assert (first.found, first.good) == ("not there", False)
        write(folder / "me.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        assert failure(world).cause == "a certificate in it is damaged"
        write(folder / "me.pem", b"hello")
        assert failure(world).cause == "it contains no PEM certificate"
        assert double.asked == []

    @pytest.mark.parametrize(
        ("key", "cause"),
        [
            (b"hello", "it contains no PEM private key"),
            (
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "the private key is damaged, or of an unknown kind",
            ),
            (b"-----BEGIN TSS2 PRIVATE KEY-----\n", "it is the key of a TPM"),
        ],
    )
    def test_a_broken_key_is_reported(
        self, key: bytes, cause: str, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root), key)
        assert str(failure(world).cause).startswith(cause)

    def test_a_wrong_passphrase_is_reported_and_not_quoted(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        error = failure(world, person=Typist("a wrong secret"))
        assert error.cause == "the passphrase is wrong, or the key is damaged"
        assert error.fix == "check it; store the right passphrase: rolehop source login s"
        assert "wrong secret" not in f"{error.what}{error.cause}{error.fix}"
        write(world.config_file.with_name("me.p12"), p12(leaf, [], PASSPHRASE))
        settings(world, 'pkcs12 = "me.p12"')
        assert "the passphrase is wrong" in str(failure(world, person=Typist("other")).cause)

    def test_a_file_that_is_not_a_pkcs12_is_reported_without_asking(
        self, world: World, double: RolesAnywhere
    ) -> None:
        write(world.config_file.with_name("me.p12"), b"hello")
        settings(world, 'pkcs12 = "me.p12"')
        assert failure(world).cause == "it is not a PKCS#12 file"

    def test_another_certificates_key_is_reported(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root), key_pem(ec_key()))
        assert "does not belong to the certificate" in failure(world).what

    def test_a_key_of_another_kind_is_reported(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        key = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        with_files(world, issue("me", root), key)
        assert "accepts RSA and ECDSA keys" in str(failure(world).cause)

    def test_a_certificate_that_has_expired_is_reported_before_any_call(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        ends = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        with_files(world, issue("me", root, ends=ends))
        assert f"expired at {ends:%Y-%m-%dT%H:%M:%SZ}" in failure(world).what
        begins = datetime.now(UTC) + timedelta(hours=1)
        with_files(world, issue("me", root, begins=begins))
        assert failure(world).fix == "check this machine's clock"
        assert double.asked == []

    @pytest.mark.parametrize(
        ("life", "left", "warned"),
        [
            (timedelta(days=365), timedelta(days=40), False),
            (timedelta(days=365), timedelta(days=9, hours=1), True),
            (timedelta(hours=24), timedelta(hours=20), False),
            (timedelta(hours=24), timedelta(hours=7), True),
        ],
    )
    def test_a_warning_precedes_the_expiry(
        self,
        life: timedelta,
        left: timedelta,
        warned: bool,
        world: World,
        double: RolesAnywhere,
        root: Issued,
    ) -> None:
        ends = datetime.now(UTC) + left
        with_files(world, issue("me", root, begins=ends - life, ends=ends))
        notes: list[str] = []
        load(world, note=notes.append)
        assert [("ends in" in note) for note in notes] == [True] * warned
        planned = world.rolehop("plan", "there").out
        assert ("note: the certificate of CN=me ends in" in planned) is warned
        (row,) = world.rolehop("source", "list", "--format", "json").json["sources"]
        assert (row["state"], row["problem"]) == ("ready", None)
        assert str(row["warning"]).startswith("the certificate of CN=me ends in") is warned
        assert ("ends in" in world.rolehop("source", "list").out) is warned

    def test_an_end_within_the_hour_is_reported_in_minutes(self, root: Issued) -> None:
        now = datetime(2026, 8, 1, 12, tzinfo=UTC)
        leaf = issue("me", root, ends=now + timedelta(minutes=28, seconds=30), begins=now)
        warning = x509.check_validity(leaf.certificate, now + timedelta(seconds=20 * 60))
        assert str(warning).startswith("the certificate of CN=me ends in 8 min: ")

    @pytest.mark.parametrize(
        ("passphrase", "stands_in_the_way"), [("secret words", True), (None, False)]
    )
    @pytest.mark.parametrize("sealed", ["key", "p12"])
    def test_a_passphrase_command_whose_program_is_missing_is_seen_without_running_it(
        self,
        passphrase: str | None,
        stands_in_the_way: bool,
        sealed: str,
        world: World,
        root: Issued,
    ) -> None:
        leaf = issue("me", root)
        command = 'passphrase_command = "/no/such/tool"'
        with_files(world, leaf, key_pem(leaf.key, passphrase=passphrase), command)
        if sealed == "p12":
            write(world.config_file.parent / "me.p12", p12(leaf, [], passphrase))
            settings(world, f'pkcs12 = "me.p12"\n{command}')
        problem = "the program of passphrase_command, /no/such/tool: it is not there"
        planned = world.rolehop("plan", "there", "--format", "json").json["hops"][0]["will_fail"]
        assert planned == (problem if stands_in_the_way else None)
        (row,) = world.rolehop("source", "list", "--format", "json").json["sources"]
        assert row["problem"] == planned

    def test_a_command_without_a_passphrase_is_reported(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        encrypted = key_pem(leaf.key, passphrase=PASSPHRASE)
        with_files(world, leaf, encrypted, 'passphrase_command = ["true"]')
        error = failure(world)
        assert error.what == "the passphrase_command of source 's' printed nothing"
        assert error.cause
        assert error.fix
        with_files(world, leaf, encrypted, 'passphrase_command = ["echo", "wrong"]')
        assert "correct passphrase_command" in str(failure(world).fix)

    def test_a_stored_passphrase_that_is_wrong_is_forgotten(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        tokens = MemoryTokens()
        tokens.put("roles-anywhere/s", {"passphrase": Secret("an old one")})
        error = failure(world, tokens=tokens)
        assert "rolehop source login s" in str(error.fix)
        assert tokens.documents == {}

    def test_without_the_extra_it_is_named(
        self, world: World, double: RolesAnywhere, root: Issued, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with_files(world, issue("me", root))
        real = builtins.__import__

        def without(name: str, *rest: Any) -> Any:
            if name == "rolehop.aws" and "x509" in (rest[2] or ()):
                raise ModuleNotFoundError("No module", name="cryptography")
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", without)
        error = failure(world)
        assert error.fix == install_extra("roles-anywhere")

    @pytest.mark.parametrize(
        ("more", "complaint"),
        [
            ("", 'needs one of "certificate"'),
            ('certificate = "a"', '"private_key" goes with "certificate"'),
            ('certificate = "a"\nprivate_key = "b"\npkcs12 = "c"', 'needs one of "certificate"'),
            ('pkcs11 = "pkcs11:token=a?pin-value=1234"', "a PIN does not belong in a config"),
            ('pkcs11 = "/usr/lib/token"', "not a PKCS#11 URI"),
            ('pkcs12 = "~/me.p12"', '"~" is not expanded here'),
        ],
    )
    def test_the_config_is_strict(self, more: str, complaint: str, world: World) -> None:
        settings(world, more)
        done = world.rolehop("config", "check")
        assert done.code == 3
        assert complaint in done.err
        assert "1234" not in done.out


_EC_KEY = bytes.fromhex("2a8648ce3d0201")  # the object identifier id-ecPublicKey
_X400_NAME = bytes.fromhex("3002a300")


def test_a_key_of_an_unknown_kind_is_no_accident() -> None:
    """Nor is a key that is damaged; the certificate itself can be read."""
    issued = issue("me")
    data = x509.der(issued.certificate)
    assert _EC_KEY in data
    leaf = x509.certificate_from_der(data.replace(_EC_KEY, _EC_KEY[:-1] + b"\x2d"), "a test")
    with pytest.raises(SourceError, match="the certificate of CN=me cannot be used"):
        x509.kind_of(leaf)
    with pytest.raises(SourceError, match="does not belong to the certificate"):
        x509.identity(leaf, (), issued.key, "me.key")


def test_names_in_a_certificate_that_cannot_be_read_are_none() -> None:
    key = ec_key()
    name = Name([NameAttribute(NameOID.COMMON_NAME, "me")])
    builder = CertificateBuilder(
        name,
        name,
        key.public_key(),
        1,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    ).add_extension(
        UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, _X400_NAME), critical=False
    )
    found = x509.attributes(builder.sign(key, hashes.SHA256()))
    assert (found["x509Subject/CN"], found["x509SAN/DNS"]) == (("me",), ())
