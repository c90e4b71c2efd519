"""IAM Roles Anywhere: the signature by AWS's rules, and keys in every form they come in."""

from __future__ import annotations

import base64
import builtins
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from rolehop.aws import pkcs11, x509
from rolehop.aws import roles_anywhere as rolesanywhere
from rolehop.credentials import Secret
from rolehop.errors import HopRefused, NoTerminal, RolehopError, ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings
from rolehop.sources import build_source, diagnose, stamp_of
from rolehop.sources.context import SourceChanged
from rolehop.sources.roles_anywhere import source as roles_anywhere
from rolehop.sources.source_type import Login
from tests.doubles.endpoint import Answer
from tests.doubles.roles_anywhere import ANCHOR, PROFILE, REGION, RolesAnywhere
from tests.sources.machines import (
    START,
    MemoryTokens,
    Typist,
    chained_plan,
    context_of,
    keyless_world,
    offline_problem,
    role_for,
    source_of,
    use,
    walked,
)
from tests.sources.pki import PASSPHRASE, Issued, ec_key, issue, key_pem, p12, pem, rsa_key, write
from tests.support.world import World

DATA = Path(__file__).with_name("data")
ACTIONS = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")


def nobody(named: str) -> Secret:
    raise AssertionError(f"asked for a passphrase of {named}")


class TestSignature:
    """The worked example: made with a throw-away key, trusted nowhere."""

    def signed(self) -> tuple[x509.Identity, dict[str, str], bytes]:
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


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("root", authority=True)


@pytest.fixture(scope="module")
def middle(root: Issued) -> Issued:
    return issue("middle", root, authority=True)


@pytest.fixture
def world(root: Issued) -> Iterator[World]:
    with keyless_world() as world:
        world.more |= {"AWS_MAX_ATTEMPTS": "1"}
        role_for(world, {"Service": "rolesanywhere.amazonaws.com"}, *ACTIONS)
        yield world


@pytest.fixture
def double(world: World, root: Issued) -> Iterator[RolesAnywhere]:
    with RolesAnywhere(world.sts.world, root.certificate) as double:
        double.profile.roles.append(START)
        world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"] = double.url
        yield double


def settings(world: World, more: str, role: str = START) -> None:
    use(
        world,
        f'type = "roles-anywhere"\ntrust_anchor = "{ANCHOR}"\nprofile = "{PROFILE}"\n'
        f'role = "{role}"\n{more}',
    )


def with_files(
    world: World, leaf: Issued, key: bytes | None = None, more: str = "", *, chain: bytes = b""
) -> None:
    """Write certificate and key beside the config, which names them by relative paths."""
    folder = world.config_file.parent
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "me.pem", pem(leaf.certificate))
    write(folder / "me.key", key or key_pem(leaf.key))
    if chain:
        write(folder / "chain.pem", chain)
        more += '\ncertificate_chain = "chain.pem"'
    settings(world, f'certificate = "me.pem"\nprivate_key = "me.key"\n{more}')


def load(world: World, **more: object) -> Any:
    return build_source(source_of(world), context_of(world, **more)).load()  # type: ignore[arg-type]


def failure(world: World, **more: object) -> RolehopError:
    with pytest.raises(RolehopError) as caught:
        load(world, **more)
    return caught.value


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

    def test_a_passphrase_is_kept_by_a_login_once_it_is_proved(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        tokens = MemoryTokens()
        context = context_of(world, tokens=tokens)
        source = source_of(world)
        with pytest.raises(SourceError, match="cannot be opened") as caught:
            roles_anywhere.login(source, context, Login(text=Secret("wrong\n")))
        assert caught.value.fix == "give the passphrase that it was encrypted with"
        assert tokens.documents == {}
        told = roles_anywhere.login(source, context, Login(text=Secret(PASSPHRASE + "\n")))
        assert PASSPHRASE not in told
        assert tokens.documents["roles-anywhere/s"] == {"passphrase": Secret(PASSPHRASE)}
        assert load(world, tokens=tokens).access_key_id
        assert roles_anywhere.logout(source, context)
        nobody = failure(world, tokens=tokens)
        assert isinstance(nobody, NoTerminal)
        key = world.config_file.with_name("me.key")
        assert nobody.cause == f"{key} of source 's' needs one, and none is stored"
        assert "rolehop source login s, in a terminal" in str(nobody.fix)
        assert "passphrase_command" in str(nobody.fix)

    def test_a_logout_says_that_sessions_stay(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        told = world.rolehop("source", "login", "s", "--stdin", input=PASSPHRASE)
        assert told.code == 0, told.err
        said = world.rolehop("source", "logout", "s").err
        assert "forgot the passphrase of 's'; sessions stay until they expire" in said
        assert "rolehop logout CHAIN" in said
        assert "the passphrase of 's' was not stored" in world.rolehop("source", "logout", "s").err

    def test_a_login_without_a_need_is_told(
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
        assert (stamp.value, stamp.kept, stamp.long_lived) == (value, True, False)
        del world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"]
        assert stamp_of(source_of(world), context_of(world)).value == fingerprint
        assert double.asked == []


class TestFailures:
    def test_absent_files_are_told_apart_from_broken_ones(
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
        assert failure(world).cause == "it holds no PEM certificate"
        assert double.asked == []

    @pytest.mark.parametrize(
        ("key", "cause"),
        [
            (b"hello", "it holds no PEM private key"),
            (
                b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                "the private key is damaged, or of a kind that is not known",
            ),
            (b"-----BEGIN TSS2 PRIVATE KEY-----\n", "it is a TPM's key"),
        ],
    )
    def test_a_broken_key_is_told(
        self, key: bytes, cause: str, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root), key)
        assert str(failure(world).cause).startswith(cause)

    def test_a_wrong_passphrase_is_told_and_not_quoted(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        error = failure(world, person=Typist("a wrong secret"))
        assert error.cause == "the passphrase is wrong, or the key is damaged"
        assert error.fix == "check it; rolehop source login s stores the right passphrase"
        assert "wrong secret" not in f"{error.what}{error.cause}{error.fix}"
        write(world.config_file.with_name("me.p12"), p12(leaf, [], PASSPHRASE))
        settings(world, 'pkcs12 = "me.p12"')
        assert "the passphrase is wrong" in str(failure(world, person=Typist("other")).cause)

    def test_a_file_that_is_no_pkcs12_is_told_unasked(
        self, world: World, double: RolesAnywhere
    ) -> None:
        write(world.config_file.with_name("me.p12"), b"hello")
        settings(world, 'pkcs12 = "me.p12"')
        assert failure(world).cause == "it is no PKCS#12 file"

    def test_another_certificates_key_is_told(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root), key_pem(ec_key()))
        assert "does not belong to the certificate" in failure(world).what

    def test_a_key_of_another_kind_is_told(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        key = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        with_files(world, issue("me", root), key)
        assert "takes RSA and ECDSA keys" in str(failure(world).cause)

    def test_a_certificate_past_its_end_is_told_before_any_call(
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
    def test_an_end_that_is_near_is_warned_of(
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

    def test_an_end_within_the_hour_is_told_in_minutes(self, root: Issued) -> None:
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
        told = "the program of passphrase_command, /no/such/tool: it is not there"
        planned = world.rolehop("plan", "there", "--format", "json").json["hops"][0]["will_fail"]
        assert planned == (told if stands_in_the_way else None)
        (row,) = world.rolehop("source", "list", "--format", "json").json["sources"]
        assert row["problem"] == planned

    def test_a_role_that_the_profile_does_not_list_is_told(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        double.profile.roles.clear()
        with_files(world, issue("me", root))
        error = failure(world)
        assert error.what == f"IAM Roles Anywhere refused a session of {START}"
        assert f"Unable to assume role for {START}" in str(error.cause)
        assert "sts:SetSourceIdentity" in str(error.fix)

    def test_a_stranger_is_refused(self, world: World, double: RolesAnywhere) -> None:
        with_files(world, issue("me", issue("other root", authority=True)))
        assert "Untrusted signing certificate" in str(failure(world).cause)

    @pytest.mark.parametrize(
        ("answer", "kind", "words"),
        [
            (Answer(503, b"{}"), ServiceError, "HTTP 503"),
            (
                Answer(429, b"", {"X-Amzn-ErrorType": "ThrottlingException"}),
                ServiceError,
                "ThrottlingException",
            ),
            (Answer(201, b"<html>"), ServiceError, "it is no JSON object"),
            (Answer(201, b'{"credentialSet": []}'), ServiceError, "there is no credential set"),
            (
                Answer(404, b"", {"X-Amzn-ErrorType": "ResourceNotFoundException"}),
                HopRefused,
                "ResourceNotFoundException",
            ),
            (
                Answer(403, b'{"message": "no"}', {"X-Amzn-ErrorType": "AccessDeniedException"}),
                HopRefused,
                "AccessDeniedException: no",
            ),
            (
                Answer(400, b"", {"X-Amzn-ErrorType": "ValidationException"}),
                HopRefused,
                "ValidationException",
            ),
        ],
    )
    def test_faults_and_malformed_answers(
        self,
        answer: Answer,
        kind: type[RolehopError],
        words: str,
        world: World,
        double: RolesAnywhere,
        root: Issued,
    ) -> None:
        with_files(world, issue("me", root))
        double.says = [answer]
        error = failure(world)
        assert isinstance(error, kind)
        assert words in str(error.cause)
        assert error.fix

    def test_an_anchor_of_another_region_is_refused(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        text = world.config_file.read_text().replace(REGION, "eu-central-1")
        world.config_file.write_text(text)
        error = failure(world)
        assert (error.exit_code, error.hop) == (5, None)
        assert "Credential scope is not valid" in str(error.cause)
        done = world.rolehop("credential-process", "there")
        assert (done.code, done.out) == (5, "")

    def test_a_service_that_hangs_is_given_up(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf)
        folder = world.config_file.parent
        double.hangs = True
        with pytest.raises(ServiceError) as caught:
            rolesanywhere.create_session(
                rolesanywhere.SessionRequest(ANCHOR, PROFILE, START),
                x509.from_files(folder / "me.pem", folder / "me.key", None, nobody),
                ClientSettings(REGION, read_timeout_seconds=0.2, max_attempts=1),
                endpoint_url=double.url,
                now=lambda: datetime.now(UTC),
            )
        assert caught.value.cause == "no answer within 0.2 s"

    def test_an_address_that_is_none_names_the_variable(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"] = "nonsense"
        error = failure(world)
        assert error.exit_code == 3
        assert "AWS_ENDPOINT_URL…" in f"{error.what} {error.fix}"

    def test_a_command_without_a_passphrase_is_told(
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

    def test_a_kept_passphrase_that_is_wrong_is_forgotten(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        leaf = issue("me", root)
        with_files(world, leaf, key_pem(leaf.key, passphrase=PASSPHRASE))
        tokens = MemoryTokens()
        tokens.put("roles-anywhere/s", {"passphrase": Secret("an old one")})
        error = failure(world, tokens=tokens)
        assert "rolehop source login s" in str(error.fix)
        assert tokens.documents == {}

    def test_a_certificate_that_changes_under_a_walk_is_planned_anew(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        planned = build_source(source_of(world), context_of(world))
        with_files(world, issue("you", root))
        with pytest.raises(SourceChanged):
            planned.load()
        write(world.config_file.with_name("me.p12"), p12(issue("me", root), [], None))
        settings(world, 'pkcs12 = "me.p12"')
        planned = build_source(source_of(world), context_of(world))
        write(world.config_file.with_name("me.p12"), p12(issue("you", root), [], None))
        with pytest.raises(SourceChanged):
            planned.load()
        assert double.asked == []

    def test_another_certificate_gets_a_session_of_its_own(
        self, world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        me, you = issue("me", root), issue("you", root)
        for leaf, sessions in ((me, 1), (me, 1), (you, 2), (me, 2)):
            with_files(world, leaf)
            done = world.rolehop("credential-process", "own")
            assert done.code == 0, done.err
            assert len(double.keys) == sessions

    def test_no_answer_is_told(self, world: World, double: RolesAnywhere, root: Issued) -> None:
        with_files(world, issue("me", root))
        world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"] = "http://127.0.0.1:9"
        error = failure(world)
        assert (error.exit_code, error.what) == (6, "cannot reach 127.0.0.1:9")

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
        assert error.fix == 'pip install "rolehop[roles-anywhere]"'

    @pytest.mark.parametrize(
        ("more", "complaint"),
        [
            ("", 'needs one of "certificate"'),
            ('certificate = "a"', '"private_key" goes with "certificate"'),
            ('certificate = "a"\nprivate_key = "b"\npkcs12 = "c"', 'needs one of "certificate"'),
            ('pkcs11 = "pkcs11:token=a?pin-value=1234"', "a PIN does not belong in a config"),
            ('pkcs11 = "/usr/lib/token"', "not a PKCS#11 URI"),
            ('pkcs12 = "~/me.p12"', '"~" means nothing here'),
        ],
    )
    def test_the_config_is_strict(self, more: str, complaint: str, world: World) -> None:
        settings(world, more)
        done = world.rolehop("config", "check")
        assert done.code == 3
        assert complaint in done.err
        assert "1234" not in done.out


class TestOfflineProblems:
    """What is plain already is told by plan, source list and source test, before any call."""

    def problem(self, world: World) -> str:
        told = offline_problem(world)
        tested = world.rolehop("source", "test", "s", "--no-prompt", "--format", "json")
        assert tested.code == 4, tested.err
        assert False in [each["good"] for each in tested.json["findings"]]
        return told

    def test_each_is_told_apart(self, world: World, double: RolesAnywhere, root: Issued) -> None:
        leaf, folder = issue("me", root), world.config_file.parent
        now = datetime.now(UTC).replace(microsecond=0)
        with_files(world, leaf)
        (folder / "me.pem").unlink()
        assert f"there is no file {folder / 'me.pem'}" in self.problem(world)
        write(folder / "me.pem", b"hello")
        assert "it holds no PEM certificate" in self.problem(world)
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
        assert "it holds no PEM private key" in self.problem(world)
        for key in (rsa_key(), ec_key()):
            with_files(world, leaf, key_pem(key))
            assert "the private key does not belong to the certificate" in self.problem(world)
        with_files(world, leaf, chain=b"hello")
        assert f"{folder / 'chain.pem'} cannot be used" in self.problem(world)
        settings(world, 'pkcs12 = "me.p12"')
        assert f"there is no file {folder / 'me.p12'}" in self.problem(world)
        write(folder / "me.p12", b"hello")
        assert "it is no PKCS#12 file" in self.problem(world)
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


PIN = "937214"
SO_PIN = "55555555"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SoftHSM token, empty but for what a test imports; its module's path."""
    module = next((str(path) for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so")), None)
    if shutil.which("softhsm2-util") is None or module is None:
        pytest.skip("softhsm2 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "conf"))
        subprocess.run(
            f"softhsm2-util --init-token --free --label work --pin {PIN} --so-pin {SO_PIN}".split(),
            check=True,
            capture_output=True,
        )
        yield module


def import_key(folder: Path, leaf: Issued, label: str, number: str) -> None:
    """Put key and certificate on the token, as a token's own tools do."""
    import pkcs11 as lib

    write(folder / "import.key", key_pem(leaf.key))
    subprocess.run(
        [
            *f"softhsm2-util --token work --label {label} --id {number} --pin {PIN}".split(),
            "--import",
            str(folder / "import.key"),
        ],
        check=True,
        capture_output=True,
    )
    module = next(str(path) for path in Path("/usr/lib").glob("**/softhsm/libsofthsm2.so"))
    library = lib.lib(module)
    library.reinitialize()  # softhsm2-util has written behind its back
    with library.get_token(token_label="work").open(user_pin=PIN, rw=True) as session:
        session.create_object(
            {
                lib.Attribute.CLASS: lib.ObjectClass.CERTIFICATE,
                lib.Attribute.CERTIFICATE_TYPE: lib.CertificateType.X_509,
                lib.Attribute.TOKEN: True,
                lib.Attribute.LABEL: label,
                lib.Attribute.ID: bytes.fromhex(number),
                lib.Attribute.SUBJECT: leaf.certificate.subject.public_bytes(),
                lib.Attribute.VALUE: x509.der(leaf.certificate),
            }
        )


class TestToken:
    @pytest.mark.parametrize(("make", "number"), [(rsa_key, "01"), (ec_key, "02")])
    def test_keys_sign_without_leaving_the_token(
        self,
        make: Any,
        number: str,
        token: str,
        world: World,
        double: RolesAnywhere,
        root: Issued,
        tmp_path: Path,
    ) -> None:
        leaf = issue("on token", root, key=make())
        import_key(tmp_path, leaf, f"key{number}", number)
        settings(world, f'pkcs11 = "pkcs11:token=work;id=%{number}?module-path={token}"')
        person = Typist(PIN)
        assert load(world, person=person).access_key_id == double.keys[0].access_key_id
        assert PIN not in "".join(person.asked)
        fingerprint = leaf.certificate.fingerprint(hashes.SHA256()).hex()
        value = stamp_of(source_of(world), context_of(world)).value
        assert value == f"{fingerprint} {double.url}"
        beyond: list[str] = []
        watching = context_of(world, beyond_record=lambda: beyond.append("token"))
        assert stamp_of(source_of(world), watching).problem is None
        assert beyond  # another token may be plugged in: the quick path steps aside
        error = failure(world, person=Typist("000000"))
        assert error.cause == "the PIN is wrong"
        assert error.fix == "check it; rolehop source login s stores the right PIN"
        settings(world, f'pkcs11 = "pkcs11:token=work;object=key{number}?module-path={token}"')
        told = roles_anywhere.login(
            source_of(world), context_of(world, tokens=MemoryTokens()), Login(text=Secret(PIN))
        )
        assert told == "the PIN of source 's' is in the keyring"

    def test_what_is_not_there_is_told(
        self, token: str, world: World, double: RolesAnywhere
    ) -> None:
        settings(world, f'pkcs11 = "pkcs11:token=other?module-path={token}"')
        assert failure(world).what == "no token answers to token=other"
        settings(world, f'pkcs11 = "pkcs11:token=work;object=none?module-path={token}"')
        assert failure(world).what == "no certificate answers to token=work;object=none"
        settings(world, 'pkcs11 = "pkcs11:token=work?module-path=/nonexistent.so"')
        assert failure(world).what == "the PKCS#11 module /nonexistent.so cannot be loaded"

    @pytest.mark.parametrize(
        ("text", "parts"),
        [
            ("pkcs11:token=A%20B;id=%01%ff", {"token": "A B", "id": b"\x01\xff"}),
            (
                "pkcs11:object=k;slot-id=3?module-path=/x.so",
                {"label": "k", "slot": 3, "module": "/x.so"},
            ),
            ("pkcs11:serial=1;manufacturer=m;model=o;type=private", {"serial": "1", "model": "o"}),
        ],
    )
    def test_uris_are_read_by_rfc_7512(self, text: str, parts: dict[str, object]) -> None:
        uri = pkcs11.parse_uri(text)
        assert {name: getattr(uri, name) for name in parts} == parts

    @pytest.mark.parametrize(
        "text",
        ["http:x", "pkcs11:colour=red", "pkcs11:token", "pkcs11:slot-id=x", "pkcs11:?pin-value=1"],
    )
    def test_other_uris_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"PKCS#11|attribute|number|PIN"):
            pkcs11.parse_uri(text)
