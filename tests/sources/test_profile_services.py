"""Profiles with a web identity, the machine's own role, or `aws login`, resolved by botocore."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rolehop.base.advice import install_extra
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, RolehopError, ServiceError, SourceError
from rolehop.config.model import SourceConfig
from rolehop.sources import build_source, diagnose, expand, stamp_of
from tests.support.moto_server import moto_server
from tests.support.ports import refusing_port

if TYPE_CHECKING:
    from tests.sources.conftest import Home, Loopback
else:
    Home = Loopback = Any


SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"


TOKEN = "IQoJTOKENTOKENTOKEN=="


NoSecret = Callable[[RolehopError], None]


ROLE = "arn:aws:iam::111111111111:role/A"


@pytest.fixture(scope="module")
def sts() -> Iterator[str]:
    with moto_server() as url:
        yield url


_PLAIN = f"[profile w]\nrole_arn = {ROLE}\nweb_identity_token_file = {{}}\n"
_SERVICES = "services = s\n[services s]\nsts =\n"
_WITH_SERVICES = f"{_PLAIN}{_SERVICES}  timeout = 1\n"


class TestWebIdentity:
    def profile(self, home: Home, token: Path) -> None:
        home.write(f"[profile w]\nrole_arn = {ROLE}\nweb_identity_token_file = {token}\n")

    def test_the_token_is_exchanged_at_sts(
        self, sts: str, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        monkeypatch.setenv("AWS_PROFILE", "missing")
        token = home.path / "token"
        token.write_text(TOKEN)
        self.profile(home, token)
        home.now = datetime.now(UTC)  # what moto's sessions go by
        found = home.load("w")
        assert found is not None
        assert found.access_key_id.startswith("ASIA")
        assert not found.long_lived
        assert found.expires_at is not None
        assert found.expires_at.tzinfo is UTC

    @pytest.mark.parametrize(
        ("config", "credentials"),
        [
            (_PLAIN.replace(ROLE, f"{ROLE}oot"), ""),
            (
                _PLAIN,
                "[w]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n",
            ),
            (f"{_WITH_SERVICES}  endpoint_url = http://127.0.0.1:9\n", ""),
        ],
        ids=["another-role", "keys", "another-endpoint"],
    )
    def test_a_profile_that_was_changed_since_the_plan_was_made_gives_nothing(
        self,
        config: str,
        credentials: str,
        sts: str,
        home: Home,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The session would be kept, and handed out, as that of the planned principal."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        token = home.path / "token"
        token.write_text(TOKEN)
        home.write((_WITH_SERVICES if _SERVICES in config else _PLAIN).format(token))
        context = home.context()
        base, _, _ = expand(home.source("w"), context.aws)
        source = build_source(base, context)
        home.write(config.format(token), credentials)
        with pytest.raises(SourceError, match="'w' was changed while it was used"):
            source.load()

    def test_neither_token_nor_session_is_in_the_logs_of_the_program(
        self,
        sts: str,
        home: Home,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """At the level DEBUG botocore logs what it sends, and what is answered."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        token = home.path / "token"
        token.write_text(TOKEN)
        self.profile(home, token)
        home.now = datetime.now(UTC)
        with caplog.at_level(1):
            found = home.load("w")
        assert found is not None
        assert found.session_token is not None
        assert "botocore.hooks" in caplog.text
        for secret in (TOKEN, found.secret_access_key.reveal(), found.session_token.reveal()):
            assert secret not in caplog.text

    def test_it_is_one_base_without_hops(self, home: Home) -> None:
        self.profile(home, home.path / "token")
        context = home.context()
        base, hops, _ = expand(home.source("w"), context.aws)
        assert hops == ()
        assert stamp_of(base, context).stored

    def test_a_token_file_that_is_not_there_is_reported(self, home: Home) -> None:
        self.profile(home, home.path / "token")
        with pytest.raises(SourceError) as caught:
            home.load("w")
        assert caught.value.cause == f"{home.path / 'token'}: no such file or directory"
        assert caught.value.fix == "check web_identity_token_file of the profile"

    def test_a_token_file_with_a_null_character_is_the_configs_fault(self, home: Home) -> None:
        for name in ("/to\0ken", "~\0/token"):
            self.profile(home, Path(name))
            context = home.context()
            base, _, _ = expand(home.source("w"), context.aws)
            for use in (stamp_of, diagnose):
                with pytest.raises(ConfigError, match="web_identity_token_file of AWS profile 'w'"):
                    use(base, context)

    @pytest.mark.parametrize("there", [True, False])
    def test_whether_its_token_file_is_there_is_seen_without_a_call(
        self, there: bool, home: Home
    ) -> None:
        token = home.path / "token"
        if there:
            token.write_text(TOKEN)
        self.profile(home, token)
        watched: list[Path] = []

        def watch(path: Path) -> Path:
            watched.append(path)
            return path

        context = replace(home.context(), watched=watch)
        base, _, _ = expand(home.source("w"), context.aws)
        _, file = diagnose(base, context)
        assert (file.looked_for, file.good) == (f"its web_identity_token_file, {token}", there)
        assert watched == [token]

    def test_a_token_that_sts_refuses_is_reported(
        self,
        home: Home,
        loopback: Loopback,
        monkeypatch: pytest.MonkeyPatch,
        tells_no_secret: NoSecret,
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", loopback.url)
        (home.path / "token").write_text(TOKEN)
        self.profile(home, home.path / "token")
        refusal = "<Code>ExpiredTokenException</Code><Message>Token expired</Message>"
        answer = f"<ErrorResponse><Error>{refusal}</Error></ErrorResponse>"
        loopback.answers.append(lambda *_: (400, answer))
        with pytest.raises(SourceError) as caught:
            home.load("w")
        assert caught.value.cause == "ExpiredTokenException: Token expired"
        tells_no_secret(caught.value)

    def test_no_network_is_reported(
        self, home: Home, monkeypatch: pytest.MonkeyPatch, tells_no_secret: NoSecret
    ) -> None:
        (home.path / "token").write_text(TOKEN)
        self.profile(home, home.path / "token")
        with refusing_port() as port:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{port}")
            with pytest.raises(ServiceError) as caught:
                home.load("w")
        assert caught.value.cause == "connection refused: nothing listens there"
        tells_no_secret(caught.value)


class TestMachine:
    """Roles of this machine, by ``credential_source``: beside a ``role_arn``, or alone."""

    DOCUMENT = json.dumps(
        {
            "Code": "Success",
            "AccessKeyId": "ASIAMACHINE000000001",
            "SecretAccessKey": SECRET,
            "Token": TOKEN,
            "Expiration": "2026-08-01T13:00:00Z",
        }
    )
    FOUND = Credentials(
        "ASIAMACHINE000000001", Secret(SECRET), Secret(TOKEN), datetime(2026, 8, 1, 13, tzinfo=UTC)
    )

    def imds(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        if (method, path) == ("PUT", "/latest/api/token"):
            return 200, "imds-token"
        assert headers["x-aws-ec2-metadata-token"] == "imds-token"
        listing = "/latest/meta-data/iam/security-credentials/"
        return 200, "Web" if path == listing else self.DOCUMENT

    @pytest.mark.parametrize("role", [f"role_arn = {ROLE}\n", ""])
    def test_the_instances_role(self, role: str, home: Home, loopback: Loopback) -> None:
        home.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = loopback.url
        loopback.answers.append(self.imds)
        home.write(f"[profile m]\n{role}credential_source = Ec2InstanceMetadata\n")
        assert home.load("m") == self.FOUND

    @pytest.mark.parametrize("role", [f"role_arn = {ROLE}\n", ""])
    def test_version_1_of_the_metadata_is_never_asked(
        self, role: str, home: Home, loopback: Loopback
    ) -> None:
        home.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = loopback.url
        loopback.answers.append(lambda *_: (404, ""))
        home.write(f"[profile m]\n{role}credential_source = Ec2InstanceMetadata\n")
        with pytest.raises(SourceError):
            home.load("m")
        assert {method for method, _, _ in loopback.asked} == {"PUT"}

    @pytest.mark.parametrize("role", [f"role_arn = {ROLE}\n", ""])
    def test_the_containers_role(self, role: str, home: Home, loopback: Loopback) -> None:
        home.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{loopback.url}/role"
        home.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "bearer"
        loopback.answers.append(lambda *_: (200, self.DOCUMENT))
        home.write(f"[profile m]\n{role}credential_source = EcsContainer\n")
        assert home.load("m") == self.FOUND
        assert loopback.asked[0][2]["authorization"] == "bearer"

    @pytest.mark.parametrize(
        ("source", "kind", "problem"),
        [
            ("Ec2InstanceMetadata", "instance", None),
            ("EcsContainer", "container", "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor"),
        ],
    )
    def test_it_is_a_source_of_the_machines_own_type(
        self, source: str, kind: str, problem: str | None, home: Home
    ) -> None:
        home.write(f"[profile m]\nrole_arn = {ROLE}\ncredential_source = {source}\n")
        context = home.context()
        asked = SourceConfig("x", "profile", {"profile": "m", "mfa_serial": "auto"})
        base, hops, _ = expand(asked, context.aws)
        assert (base.type, base.settings, len(hops)) == (kind, {}, 1)
        stamp = stamp_of(base, context)
        assert (stamp.value, stamp.long_lived) == (None, False)
        assert str(stamp.problem).startswith(str(problem))

    @pytest.mark.parametrize(
        ("body", "cause"),
        [
            pytest.param(
                "aws_acess_key_id = AKIAX\naws_secret_acess_key = y\n",
                "aws_acess_key_id: did you mean aws_access_key_id?; "
                "aws_secret_acess_key: did you mean aws_secret_access_key?",
                id="typos",
            ),
            pytest.param(
                "credential-process = x\n",
                "credential-process: did you mean credential_process?",
                id="a-hyphen",
            ),
            pytest.param(
                "aws_secret_access_key = y\n",
                "it has only aws_secret_access_key",
                id="half",
            ),
            pytest.param(
                "region = eu-west-1\naws_account_id = 111111111111\nsso_region = eu-west-1\n",
                "it has no keys, no sign-in and no process",
                id="region-only",
            ),
            pytest.param(
                "credential_source = Moon\n",
                "it has only credential_source",
                id="no-source",
            ),
        ],
    )
    @pytest.mark.parametrize("name", ["m", "default"])
    def test_a_profile_with_nothing_never_falls_through_to_the_machines_role(
        self, name: str, body: str, cause: str, home: Home, loopback: Loopback
    ) -> None:
        home.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = loopback.url
        loopback.answers.append(self.imds)
        home.write("", f"[{name}]\n{body}")
        with pytest.raises(SourceError) as caught:
            home.load(name)
        assert (caught.value.exit_code, caught.value.cause) == (4, cause)
        assert caught.value.what == f"there are no credentials for AWS profile '{name}'"
        assert "use a source of type instance" in str(caught.value.fix)
        context = home.context()
        base, _, _ = expand(home.source(name), context.aws)
        problem = f"{caught.value.what}: {cause}"
        assert stamp_of(base, context).problem == problem
        assert [(each.found, each.good) for each in diagnose(base, context)] == [(problem, False)]
        assert loopback.asked == []

    def test_keys_of_the_default_profile_are_its_own(self, home: Home) -> None:
        home.write("", f"[default]\naws_access_key_id = AKIAX\naws_secret_access_key = {SECRET}\n")
        assert home.load("default") == Credentials("AKIAX", Secret(SECRET))

    @pytest.mark.parametrize("status", [403, 503])
    def test_a_container_endpoint_that_fails_is_reported(
        self, status: int, home: Home, loopback: Loopback
    ) -> None:
        home.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{loopback.url}/role"
        home.environ["AWS_METADATA_SERVICE_NUM_ATTEMPTS"] = "1"
        loopback.answers.append(lambda *_: (status, '{"secret": "anothersecret"}'))
        home.write(f"[profile m]\nrole_arn = {ROLE}\ncredential_source = EcsContainer\n")
        with pytest.raises(RolehopError) as caught:
            home.load("m")
        assert caught.value.cause == f"HTTP {status}"
        assert caught.value.exit_code == (6 if status == 503 else 4)


class TestLogin:
    def test_a_login_session_that_cannot_be_read_is_reported(self, home: Home) -> None:
        home.write("[profile l]\nlogin_session = arn:aws:iam::111111111111:user/alice\n")
        with pytest.raises(SourceError) as caught:
            home.load("l")
        # With the extra a sign-in is missing, without it the extra is.
        assert caught.value.fix in (
            "aws login --profile l",
            install_extra("aws-login"),
        )

    @pytest.mark.parametrize("shared", ["cache", "cache/file"])
    def test_a_login_session_that_others_could_have_put_there_is_not_followed(
        self, shared: str, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = "arn:aws:iam::111111111111:user/alice"
        home.write(f"[profile l]\nlogin_session = {user}\n")
        cache = home.path / "cache"
        cache.mkdir()
        monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", str(cache))
        file = cache / f"{hashlib.sha256(user.encode()).hexdigest()}.json"
        file.write_text("{}")
        path = cache if shared == "cache" else file
        path.chmod(0o777)
        with pytest.raises(SourceError, match="not followed") as caught:
            home.load("l")
        assert caught.value.cause == (f"{path}: everybody on this machine can write it (chmod o-w)")
        assert caught.value.fix == f"chmod go-w {path}"

    @pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_SIGNIN", "AWS_ENDPOINT_URL"])
    def test_a_login_session_is_not_sent_to_an_overridden_endpoint(
        self, name: str, home: Home
    ) -> None:
        home.environ[name] = "http://127.0.0.1:9"
        home.write("[profile l]\nlogin_session = arn:aws:iam::111111111111:user/alice\n")
        with pytest.raises(SourceError) as caught:
            home.load("l")
        assert caught.value.cause == "made against other endpoints"

    @pytest.mark.parametrize("installed", [True, False])
    def test_whether_its_library_is_there_is_seen_without_a_call(
        self, installed: bool, home: Home, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", [str(home.path)])
        for name in [each for each in sys.modules if each.partition(".")[0] == "awscrt"]:
            monkeypatch.delitem(sys.modules, name)
        if installed:
            (home.path / "awscrt.py").write_text("")
        home.write("[profile l]\nlogin_session = arn:aws:iam::111111111111:user/alice\n")
        context = home.context()
        base, _, _ = expand(home.source("l"), context.aws)
        _, library = diagnose(base, context)
        assert library.good is installed
        assert (install_extra("aws-login") in library.found) is not installed
