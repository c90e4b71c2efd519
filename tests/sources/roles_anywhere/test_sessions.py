"""IAM Roles Anywhere: the signature by AWS's rules, and keys of every form."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rolehop.aws import roles_anywhere as rolesanywhere
from rolehop.aws import x509
from rolehop.base.credentials import Secret
from rolehop.base.errors import NoTerminal, SourceError
from rolehop.sources import roles_anywhere, stamp_of
from rolehop.sources.source_type import Login
from tests.doubles.roles_anywhere import RolesAnywhere
from tests.sources.machines import (
    MemoryTokens,
    Typist,
    chained_plan,
    context_of,
    failure,
    source_of,
    walked,
)
from tests.sources.pki import PASSPHRASE, Issued, ec_key, issue, key_pem, p12, pem, rsa_key, write
from tests.sources.roles_anywhere.helpers import (
    load,
    nobody,
    settings,
    with_files,
)
from tests.support.world import World

DATA = Path(__file__).parents[1] / "data"


class TestSignature:
    """The worked example: made with a throw-away key, trusted nowhere."""

    def signed(self) -> tuple[x509.CertificateIdentity, dict[str, str], bytes]:
        identity = x509.from_files(
            DATA / "worked-example.pem", DATA / "worked-example.key", None, nobody
        )
        account = "arn:aws:rolesanywhere:us-east-1:111122223333"
        request = rolesanywhere.SessionRequest(
            trust_anchor=f"{account}:trust-anchor/66666666-7777-8888-9999-000000000000",
            profile=f"{account}:profile/11111111-2222-3333-4444-555555555555",
            role="arn:aws:iam::111122223333:role/demo",
            duration_seconds=3600,
        )
        body = request.body()
        url = "https://rolesanywhere.us-east-1.amazonaws.com/sessions"
        when = datetime(2026, 8, 1, 12, tzinfo=UTC)
        return identity, rolesanywhere.signed_headers(identity, url, body, "us-east-1", when), body

    def test_it_is_the_worked_examples_byte_for_byte(self) -> None:
        _, headers, body = self.signed()
        assert (
            headers["authorization"] == (DATA / "worked-example.authorization").read_text().strip()
        )
        assert len(body) == 291

    def test_it_verifies_and_any_change_breaks_it(self) -> None:
        identity, headers, body = self.signed()
        text = {name: value for name, value in headers.items() if name != "authorization"}
        before = rolesanywhere.canonical_request("/sessions", text, body)
        for changed in (
            rolesanywhere.canonical_request("/sessions", text, body + b" "),
            rolesanywhere.canonical_request("/other", text, body),
            rolesanywhere.canonical_request("/sessions", {**text, "host": "x"}, body),
        ):
            assert changed != before
        key = identity.certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(identity.sign(b"text"), b"text", padding.PKCS1v15(), hashes.SHA256())

    def test_the_serial_number_is_decimal(self) -> None:
        _, headers, _ = self.signed()
        assert "Credential=128319969349875963958180/20260801/" in headers["authorization"]


class TestRolesAnywhere:
    def test_its_session_signs_the_next_hop_and_no_key_is_seen(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("server", root)
        encrypted = key_pem(leaf.key, passphrase=PASSPHRASE)
        command = write(world.folder / "ask", f"#!/bin/sh\necho '{PASSPHRASE}'\n".encode())
        command.chmod(0o700)
        with_files(world, leaf, encrypted, f'passphrase_command = ["{command}"]')
        assert chained_plan(world) == [3600, 3600]
        seen = walked(world)
        key = double.keys[0]
        assert world.sts.calls[0].signer == key.arn
        for secret in (PASSPHRASE, key.secret, str(key.token)):
            assert secret not in seen

    @pytest.mark.parametrize(
        ("form", "passphrase"),
        [
            ("PKCS8", None),
            ("TraditionalOpenSSL", None),
            ("PKCS8", PASSPHRASE),
            ("TraditionalOpenSSL", PASSPHRASE),
        ],
    )
    @pytest.mark.parametrize("make", [rsa_key, ec_key])
    def test_pem_keys_of_every_form(
        self,
        make: Any,
        form: str,
        passphrase: str | None,
        world: World,
        double: RolesAnywhere,
        root: Issued,
    ) -> None:
        leaf = issue("me", root, key=make())
        with_files(world, leaf, key_pem(leaf.key, form, passphrase))
        person = Typist(*([passphrase] if passphrase else []))
        assert load(world, person=person).access_key_id == double.keys[0].access_key_id
        assert person.answers == []

    @pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
    def test_pkcs12_brings_its_chain_along(
        self,
        passphrase: str | None,
        world: World,
        double: RolesAnywhere,
        root: Issued,
        middle: Issued,
    ) -> None:
        leaf = issue("me", middle)
        chain = [middle.certificate, root.certificate]
        write(world.config_file.with_name("me.p12"), p12(leaf, chain, passphrase))
        settings(world, 'pkcs12 = "me.p12"')
        assert load(world, person=Typist(PASSPHRASE)).access_key_id
        [sent] = [each.headers["X-Amz-X509-Chain"] for each in double.asked]
        assert base64.b64decode(sent) == x509.der(middle.certificate)  # neither leaf nor root

    def test_intermediates_come_from_a_file(
        self, world: World, double: RolesAnywhere, root: Issued, middle: Issued
    ) -> None:
        leaf = issue("me", middle)
        with_files(world, leaf)
        error = failure(world)
        assert "Untrusted signing certificate" in str(error.cause)
        assert "certificate_chain" in str(error.fix)
        with_files(world, leaf, chain=pem(middle.certificate, root.certificate))
        assert load(world).access_key_id

    def test_a_passphrase_is_stored_by_a_login_once_it_opens_the_key(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        tokens = MemoryTokens()
        context = context_of(world, tokens=tokens)
        source = source_of(world)
        with pytest.raises(SourceError, match="cannot be opened") as caught:
            roles_anywhere.login(source, context, Login(text=Secret("wrong\n")))
        assert caught.value.fix == "enter the passphrase that it was encrypted with"
        assert tokens.documents == {}
        message = roles_anywhere.login(source, context, Login(text=Secret(PASSPHRASE + "\n")))
        assert PASSPHRASE not in message
        assert tokens.documents["roles-anywhere/s"] == {"passphrase": Secret(PASSPHRASE)}
        assert load(world, tokens=tokens).access_key_id
        assert roles_anywhere.logout(source, context)
        nobody = failure(world, tokens=tokens)
        assert isinstance(nobody, NoTerminal)
        key = world.config_file.with_name("me.key")
        assert nobody.cause == f"{key} of source 's' needs one, and none is stored"
        assert "in a terminal or with --stdin: rolehop source login s" in str(nobody.fix)
        assert "passphrase_command" in str(nobody.fix)

    def test_a_logout_notes_that_sessions_stay(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        done = world.rolehop("source", "login", "s", "--stdin", input=PASSPHRASE)
        assert done.code == 0, done.err
        said = world.rolehop("source", "logout", "s").err
        assert "forgot the passphrase of 's'; sessions stay until they expire" in said
        assert "rolehop logout CHAIN" in said
        assert "the passphrase of 's' was not stored" in world.rolehop("source", "logout", "s").err

    def test_a_login_without_a_need_is_reported(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        with pytest.raises(SourceError, match="needs no passphrase"):
            roles_anywhere.login(source_of(world), context_of(world), Login())

    def test_duration_and_session_name_are_sent(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root), more='duration = "20m"\nsession_name = "jane"')
        error = failure(world)
        assert "session name" in str(error.cause)
        assert "leave session_name out" in str(error.fix)
        double.profile.accepts_session_name = True
        found = load(world)
        assert double.keys[0].arn.endswith("/jane")
        assert found.expires_at <= datetime.now(UTC) + timedelta(minutes=20)

    def test_the_stamp_is_the_certificates_fingerprint(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf)
        stamp = stamp_of(source_of(world), context_of(world))
        fingerprint = leaf.certificate.fingerprint(hashes.SHA256()).hex()
        value = f"{fingerprint} {double.url}"  # an emulator's session is not taken for a real one
        assert (stamp.value, stamp.stored, stamp.long_lived) == (value, True, False)
        del world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"]
        assert stamp_of(source_of(world), context_of(world)).value == fingerprint
        assert double.asked == []
