"""What IAM Roles Anywhere answers, and whose session it is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rolehop.aws import roles_anywhere as rolesanywhere
from rolehop.aws import x509
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.base.errors import HopRefused, RolehopError, ServiceError
from rolehop.sources import build_source
from rolehop.sources.context import SourceChanged
from tests.doubles.endpoint import Answer
from tests.doubles.roles_anywhere import ANCHOR, PROFILE, REGION, RolesAnywhere
from tests.sources.machines import (
    START,
    context_of,
    failure,
    source_of,
)
from tests.sources.pki import Issued, issue, p12, write
from tests.sources.roles_anywhere.helpers import (
    nobody,
    settings,
    with_files,
)
from tests.support.world import World


class TestService:
    def test_a_role_that_the_profile_does_not_list_is_reported(
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
            (Answer(201, b"<html>"), ServiceError, "got the page"),
            (Answer(201, b'{"credentialSet": []}'), ServiceError, "it contains no credential set"),
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

    @pytest.mark.parametrize("url", ["nonsense", "http://["])
    def test_an_address_that_is_invalid_names_the_variable(
        self, world: World, double: RolesAnywhere, root: Issued, url: str
    ) -> None:
        with_files(world, issue("me", root))
        world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"] = url
        error = failure(world)
        assert error.exit_code == 3
        assert "AWS_ENDPOINT_URL…" in f"{error.what} {error.fix}"

    def test_no_answer_is_reported(self, world: World, double: RolesAnywhere, root: Issued) -> None:
        with_files(world, issue("me", root))
        world.more["AWS_ENDPOINT_URL_ROLESANYWHERE"] = "http://127.0.0.1:9"
        error = failure(world)
        assert (error.exit_code, error.what) == (6, "cannot reach 127.0.0.1:9")

    @pytest.mark.parametrize(
        "changes",
        [
            {"assumedRoleUser": {"arn": "arn:aws:sts::111111111111:assumed-role/Other/x"}},
            {"assumedRoleUser": {"arn": START.replace(":iam:", ":sts:").replace("1:", "2:")}},
            {"assumedRoleUser": None},
            {"roleArn": "arn:aws:iam::111111111111:role/Other"},
        ],
    )
    def test_a_session_of_another_role_is_neither_stored_nor_handed_out(
        self, changes: dict[str, object], world: World, double: RolesAnywhere, root: Issued
    ) -> None:
        with_files(world, issue("me", root))
        double.changes = changes
        done = world.rolehop("credential-process", "own")
        assert (done.code, done.out) == (6, "")
        assert world.items() == []


class TestPrincipals:
    def test_a_certificate_that_changes_under_a_walk_is_planned_again(
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
