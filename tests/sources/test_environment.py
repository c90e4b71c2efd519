from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import RolehopError, SourceError
from rolehop.config.model import SourceConfig
from rolehop.plan.model import Stamp
from rolehop.sources import build_source, diagnose, stamp_of

if TYPE_CHECKING:
    from tests.sources.conftest import Home
else:
    Home = Any

SECRET = "wJalrSECRETSECRET/EXAMPLEKEY"
TOKEN = "IQoJTOKENTOKENTOKEN=="
NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
SOURCE = SourceConfig("env", "environment")
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": SECRET}
SESSION = {**KEYS, "AWS_SESSION_TOKEN": TOKEN}
NoSecret = Callable[[RolehopError], None]


def keys(token: str | None = None, expires_at: datetime | None = None) -> Credentials:
    return Credentials("AKIAENV", Secret(SECRET), Secret(token) if token else None, expires_at)


class TestEnvironment:
    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            pytest.param(KEYS, keys(), id="iam-user-keys"),
            pytest.param(SESSION, keys(TOKEN), id="a-session"),
            pytest.param({**KEYS, "AWS_SECURITY_TOKEN": TOKEN}, keys(TOKEN), id="legacy-token"),
            pytest.param(
                {**SESSION, "AWS_SECURITY_TOKEN": "first"}, keys("first"), id="legacy-token-first"
            ),
            pytest.param({**KEYS, "AWS_SESSION_TOKEN": ""}, keys(), id="an-empty-token-is-none"),
            pytest.param(
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "2026-08-01T13:00:00.5Z"},
                keys(TOKEN, NOW + timedelta(hours=1)),
                id="expiration",
            ),
            pytest.param(
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "2026-08-01T15:00:00+02:00"},
                keys(TOKEN, NOW + timedelta(hours=1)),
                id="expiration-elsewhere",
            ),
            pytest.param(
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "soon"}, keys(TOKEN), id="no-time"
            ),
            pytest.param(
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "2026-08-01T13:00:00"},
                keys(TOKEN),
                id="no-zone",
            ),
            pytest.param(
                {**KEYS, "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
                keys(),
                id="a-left-over-expiration-of-keys",
            ),
            pytest.param({**KEYS, "ROLEHOP_CHAIN": "prod"}, keys(), id="own-keys-after-a-chain"),
        ],
    )
    def test_the_variables_are_read_as_botocore_reads_them(
        self, environ: dict[str, str], expected: Credentials, home: Home
    ) -> None:
        home.environ |= environ
        context = home.context()
        found = build_source(SOURCE, context).load()
        assert found == expected
        assert stamp_of(SOURCE, context) == Stamp("AKIAENV", long_lived=expected.long_lived)

    @pytest.mark.parametrize(
        ("environ", "what", "cause"),
        [
            pytest.param(
                {}, "there are no credentials in the environment", "AWS_ACCESS_KEY_ID is not set",
                id="absent",
            ),
            pytest.param(
                {"AWS_ACCESS_KEY_ID": "AKIAENV"},
                "the credentials in the environment are not complete",
                "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not", id="partial",
            ),
            pytest.param(
                {"AWS_SECRET_ACCESS_KEY": SECRET},
                "there are no credentials in the environment", "AWS_ACCESS_KEY_ID is not set",
                id="a-secret-without-a-key",
            ),
            pytest.param(
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "2026-08-01T12:00:00Z"},
                "the session in the environment has expired",
                "AWS_CREDENTIAL_EXPIRATION is 2026-08-01T12:00:00Z", id="expired",
            ),
            pytest.param(
                {**SESSION, "ROLEHOP_CHAIN": "prod"},
                "the credentials in the environment are rolehop's own session of chain 'prod'",
                "a chain must not start from what another chain handed out", id="own-session",
            ),
        ],
    )  # fmt: skip
    def test_what_cannot_be_used_is_reported(
        self,
        environ: dict[str, str],
        what: str,
        cause: str,
        home: Home,
        tells_no_secret: NoSecret,
    ) -> None:
        home.environ |= environ
        context = home.context()
        with pytest.raises(SourceError) as caught:
            build_source(SOURCE, context).load()
        assert (caught.value.what, caught.value.cause) == (what, cause)
        tells_no_secret(caught.value)
        # Sessions that were made with an expired one may be good, so its key ID still tells whose.
        value = "AKIAENV" if "expired" in what else None
        problem = f"{what}: {cause}"
        assert stamp_of(SOURCE, context) == Stamp(value, long_lived=False, problem=problem)

    @pytest.mark.parametrize(
        ("environ", "found"),
        [
            (KEYS, [("IAM user keys …AENV", True)]),
            (SESSION, [("a session …AENV", True), ("not set", None)]),
            (
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "2026-08-01T13:00:00"},
                [("a session …AENV", True), ("not a time with a time zone", None)],
            ),
            (
                {**SESSION, "AWS_CREDENTIAL_EXPIRATION": "2026-08-01T13:00:00Z"},
                [("a session …AENV", True), ("until 2026-08-01T13:00:00Z", True)],
            ),
            (
                {},
                [
                    (
                        "there are no credentials in the environment: AWS_ACCESS_KEY_ID is not set",
                        False,
                    )
                ],
            ),
        ],
    )
    def test_source_test_says_what_the_variables_hold(
        self, environ: dict[str, str], found: list[tuple[str, bool | None]], home: Home
    ) -> None:
        home.environ |= environ
        findings = diagnose(SOURCE, home.context())
        assert [(each.found, each.good) for each in findings] == found

    def test_the_way_out_of_an_own_session_is_leave(self, home: Home) -> None:
        home.environ |= {**SESSION, "ROLEHOP_CHAIN": "prod"}
        with pytest.raises(SourceError) as caught:
            build_source(SOURCE, home.context()).load()
        assert "rolehop leave" in (caught.value.fix or "")
