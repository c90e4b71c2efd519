"""Profiles with a sign-in to Identity Center, resolved by botocore."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rolehop.errors import RolehopError, SourceError
from rolehop.sources import diagnose, expand, stamp_of
from rolehop.sources.shared.cli_sign_in import endpoints_digest
from rolehop.startup.dataclass import replace
from tests.support.ports import refusing_port

if TYPE_CHECKING:
    from tests.sources.conftest import Home, Loopback
else:
    Home = Loopback = Any


SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"


TOKEN = "IQoJTOKENTOKENTOKEN=="


ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


NoSecret = Callable[[RolehopError], None]


SSO = """
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[profile sso]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Developer
[profile legacy]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 111111111111
sso_role_name = Developer
[profile half]
sso_account_id = 111111111111
"""


# botocore fixes the folder of the AWS CLI's token cache when it is imported, so each case of
# Identity Center is a process of its own with a home of its own.
DRIVER = """
import json, os, sys, traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from rolehop.awsconfig import parse_aws_config
from rolehop.config.model import SourceConfig
from rolehop.errors import RolehopError
from rolehop.sources import build_source, expand
from rolehop.sources.context import SourceContext

config = Path(os.environ["HOME"], ".aws", "config")
context = SourceContext(
    environ=dict(os.environ), aws=parse_aws_config(config.read_text(), None),
    aws_files=(config, config.with_name("credentials")), keys=None,
    now=lambda: datetime.now(UTC),
)
base, _, _ = expand(SourceConfig("x", "profile", {"profile": sys.argv[1]}), context.aws)
try:
    found = build_source(base, context).load()
except RolehopError as error:
    traceback.print_exc()
    answer = [error.exit_code, error.what, error.cause, error.fix]
else:
    answer = [found.access_key_id, found.secret_access_key.reveal(),
              found.session_token.reveal(), found.expires_at.isoformat()]
print(json.dumps(answer))
"""


class TestIdentityCenter:
    @pytest.fixture(autouse=True)
    def profiles(self, home: Home) -> None:
        home.write(SSO)

    def signed_in(self, home: Home, key: str, url: str | None = None, **changes: str) -> None:
        """Write the AWS CLI's token cache, for a sign-in at the portal ``url`` or at AWS's own."""
        cache = home.path / ".aws" / "sso" / "cache"
        cache.mkdir(parents=True)
        token = {
            "startUrl": "https://corp.awsapps.com/start",
            "region": "eu-west-1",
            "accessToken": TOKEN,
            "expiresAt": "2126-08-01T13:00:00Z",
            **({"rolehopEndpoints": endpoints_digest((("sso", url),))} if url else {}),
            **changes,
        }
        name = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
        (cache / f"{name}.json").write_text(json.dumps(token))

    def ask(self, home: Home, url: str, profile: str = "sso") -> list[object]:
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, profile],
            env={
                "HOME": str(home.path),
                "AWS_ENDPOINT_URL_SSO": url,
                "AWS_PROFILE": "missing",
                "AWS_ACCESS_KEY_ID": "AKIAENV",
                "AWS_SECRET_ACCESS_KEY": "x",
                "AWS_MAX_ATTEMPTS": "1",
                "PYTHONPATH": str(Path(__file__).parents[2]),
                "PATH": os.environ["PATH"],
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout, done.stderr
        assert SECRET not in done.stderr
        assert TOKEN not in done.stderr
        answer: list[object] = json.loads(done.stdout)
        return answer

    def portal(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str]:
        if headers.get("x-amz-sso_bearer_token") != TOKEN:
            return 401, json.dumps({"__type": "UnauthorizedException", "message": "no"})
        assert (method, path) == (
            "GET",
            "/federation/credentials?role_name=Developer&account_id=111111111111",
        )
        return 200, json.dumps(
            {
                "roleCredentials": {
                    "accessKeyId": "ASIASSO",
                    "secretAccessKey": SECRET,
                    "sessionToken": "tok",
                    "expiration": int(ENDS.timestamp()) * 1000,
                }
            }
        )

    @pytest.mark.parametrize(
        ("profile", "key"), [("sso", "corp"), ("legacy", "https://corp.awsapps.com/start")]
    )
    def test_the_signed_in_role_is_loaded(
        self, profile: str, key: str, home: Home, loopback: Loopback
    ) -> None:
        self.signed_in(home, key, loopback.url)
        loopback.answers.append(self.portal)
        assert self.ask(home, loopback.url, profile) == [
            "ASIASSO",
            SECRET,
            "tok",
            ENDS.isoformat(),
        ]

    @pytest.mark.parametrize(
        ("token", "cause"),
        [
            pytest.param(None, "does not exist", id="never-signed-in"),
            pytest.param(
                {"expiresAt": "2020-01-01T00:00:00Z"}, "has expired or was ended", id="expired"
            ),
            pytest.param(
                {"accessToken": "revoked"}, "has expired or was ended", id="no-longer-taken"
            ),
        ],
    )
    def test_a_sign_in_that_is_wanted_names_the_command(
        self, token: dict[str, str] | None, cause: str, home: Home, loopback: Loopback
    ) -> None:
        if token is not None:
            self.signed_in(home, "corp", loopback.url, **token)
        loopback.answers.append(self.portal)
        assert self.ask(home, loopback.url) == [
            4,
            "AWS profile 'sso' needs a sign-in",
            f"its Identity Center sign-in {cause}",
            "aws sso login --profile sso",
        ]

    def test_a_broken_sign_in_names_the_command(self, home: Home) -> None:
        self.signed_in(home, "corp", expiresAt=SECRET)
        code, _, cause, fix = self.ask(home, "http://127.0.0.1:9")
        assert (code, cause) == (4, "the saved sign-in is broken")
        assert fix == "aws sso login --profile sso"

    def test_a_role_that_is_not_assigned_is_refused(self, home: Home, loopback: Loopback) -> None:
        self.signed_in(home, "corp", loopback.url)
        loopback.answers.append(
            lambda *_: (403, json.dumps({"__type": "ForbiddenException", "message": "No access"}))
        )
        code, what, cause, _ = self.ask(home, loopback.url)
        assert (code, cause) == (5, "ForbiddenException: No access")
        assert what == "AWS refused credentials for profile 'sso'"

    def test_a_fault_of_the_portal_is_not_the_users(self, home: Home, loopback: Loopback) -> None:
        self.signed_in(home, "corp", loopback.url)
        loopback.answers.append(lambda *_: (503, "{}"))
        assert self.ask(home, loopback.url)[0] == 6

    def test_no_network_is_reported(self, home: Home) -> None:
        with refusing_port() as port:
            url = f"http://127.0.0.1:{port}"
            self.signed_in(home, "corp", url)
            code, what, cause, _ = self.ask(home, url)
        assert code == 6
        assert "profile 'sso'" in str(what)
        assert cause == "connection refused: nothing listens there"

    def test_what_the_profile_lacks_is_reported(self, home: Home) -> None:
        code, _, cause, _ = self.ask(home, "http://127.0.0.1:9", "half")
        assert code == 4
        assert "sso_role_name" in str(cause)

    @pytest.mark.parametrize(
        ("token", "found", "good"),
        [
            pytest.param(None, "not there", False, id="absent"),
            pytest.param({"expiresAt": "x"}, "broken: expiresAt is not a time", False, id="broken"),
            pytest.param(
                {"expiresAt": "2020-01-01T00:00:00Z"},
                "expired at 2020-01-01T00:00:00Z", False, id="expired",
            ),
            pytest.param(
                {"expiresAt": "2020-01-01T00:00:00Z", "refreshToken": "r"},
                "expired at 2020-01-01T00:00:00Z", None, id="renewable",
            ),
            pytest.param({}, "until 2126-08-01T13:00:00Z", True, id="alive"),
        ],
    )  # fmt: skip
    def test_source_test_distinguishes_the_states_of_the_sign_in(
        self, token: dict[str, str] | None, found: str, good: bool | None, home: Home
    ) -> None:
        if token is not None:
            self.signed_in(home, "corp", **token)
        context = replace(home.context(), home=home.path)
        base, _, _ = expand(home.source("sso"), context.aws)
        _, sign_in = diagnose(base, context)
        assert (sign_in.found, sign_in.good) == (found, good)

    def test_a_session_that_is_not_there_is_reported_alike_by_plan_and_walk(
        self, home: Home
    ) -> None:
        home.write(SSO.replace("sso_session = corp", "sso_session = crop"))
        context = home.context()
        base, _, _ = expand(home.source("sso"), context.aws)
        with pytest.raises(SourceError) as caught:
            home.load("sso")
        assert caught.value.what == (
            "AWS profile 'sso' names the sso-session 'crop', which does not exist"
        )
        assert caught.value.fix == "did you mean corp"
        _, session = diagnose(base, context)
        assert session.found == f"{caught.value.what}: {caught.value.cause}"
        assert session.good is False

    def test_its_stamp_is_its_sections_and_its_session_is_stored(self, home: Home) -> None:
        context = home.context()
        base, _, _ = expand(home.source("sso"), context.aws)
        stamp = stamp_of(base, context)
        assert (stamp.long_lived, stamp.stored, stamp.problem) == (False, True, None)
        home.write(SSO.replace("sso_region = eu-west-1", "sso_region = eu-west-2"))
        assert stamp_of(base, home.context()).value != stamp.value
