"""Assertions that cannot be used, and what STS says about them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pytest

from rolehop.aws.saml_assertion import LONGEST
from rolehop.base.credentials import Secret
from rolehop.base.errors import ServiceError, SourceError
from rolehop.sources import diagnose, saml, stamp_of
from rolehop.sources.source_type import Login
from tests.doubles.saml import IdentityProvider
from tests.sources.machines import (
    START,
    Typist,
    context_of,
    failure,
    offline_problem,
    source_of,
    use,
)
from tests.sources.saml.helpers import (
    OTHER,
    PROVIDER,
    by_variable,
    clients,
    shown_cause,
)
from tests.support.world import World


class TestFailures:
    def test_absent_is_distinguished_from_broken(self, world: World, idp: IdentityProvider) -> None:
        use(world, 'type = "saml"\nassertion_env = "SAML"')
        error = failure(world)
        assert (error.exit_code, error.what) == (4, "source 's' has no assertion")
        assert error.cause == "the variable SAML is not set"
        use(world, 'type = "saml"\nassertion_file = "/nonexistent/a"')
        assert failure(world).cause == "there is no file /nonexistent/a"
        folder = world.home / "folder"
        folder.mkdir()
        use(world, f'type = "saml"\nassertion_file = "{folder}"')
        error = failure(world)
        assert error.cause == f"{folder}: is a directory"
        assert error.fix == "check its owner and mode"
        by_variable(world, "hello")
        assert failure(world).what == "the assertion of source 's' cannot be read"
        done = world.rolehop("credential-process", "there")
        assert done.code == 4
        assert "cannot be read" in done.err

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            (" \n", "it is empty"),
            ("secret text", "it is neither base64 nor XML"),
            ("<secret", "it is not well-formed XML without a document type"),
            (
                '<!DOCTYPE r [<!ENTITY a "secret">]><r>&a;</r>',
                "it is not well-formed XML without a document type",
            ),
            ("<r>&secret;</r>", "it is not well-formed XML without a document type"),
            ("<secret/>", "it is XML, but not a SAML response"),
            ("<Response/>", "the identity provider's response contains no assertion"),
            ("A" * (LONGEST + 1), "it is longer than STS takes (100,000 characters)"),
        ],
    )
    def test_broken_text_is_reported_and_not_quoted(
        self, text: str, cause: str, world: World
    ) -> None:
        by_variable(world, text)
        error = failure(world)
        assert error.cause == cause
        assert "secret" not in f"{error.what}{error.cause}{error.fix}"

    @pytest.mark.parametrize("command", [("source", "test", "s"), ("credential-process", "there")])
    def test_a_command_that_prints_the_assertion_and_fails_shows_none_of_it(
        self, command: tuple[str, ...], world: World, idp: IdentityProvider
    ) -> None:
        written = world.home / "assertion"
        written.write_text(idp.assertion([START]))
        script = f"base64 -d {written} | base64 >&2; cat {written} >&2; exit 1"
        use(world, f'type = "saml"\nassertion_command = ["sh", "-c", "{script}"]')
        done = world.rolehop(*command)
        assert done.code == 4
        assert "rolehop: [hidden]" in done.err
        assert "cause  sh ended with code 1; its messages are above" in done.err
        text = written.read_text()
        shown = done.out + done.err
        assert not [
            text[at : at + 40] for at in range(0, len(text), 40) if text[at : at + 40] in shown
        ]

    def test_an_expired_one_is_reported_before_any_call(
        self, world: World, idp: IdentityProvider
    ) -> None:
        begun = datetime.now(UTC) - timedelta(minutes=10)
        by_variable(world, idp.assertion([START], now=begun))
        error = failure(world)
        assert error.what == "the assertion of source 's' has expired"
        ends = begun + timedelta(minutes=5)
        assert f"{ends:%Y-%m-%dT%H:%M:%SZ}" in str(error.cause)
        assert world.sts.calls == []

    def test_one_of_the_future_blames_the_clock(self, world: World, idp: IdentityProvider) -> None:
        by_variable(world, idp.assertion([START], now=datetime.now(UTC) + timedelta(days=1)))
        assert failure(world).fix == "check this machine's clock"

    def test_a_wrong_audience_is_refused_and_reported(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START], audience="https://elsewhere.example"))
        error = failure(world)
        assert error.exit_code == 5
        assert "InvalidIdentityToken: Incorrect audience" in str(error.cause)
        assert "audience" in str(error.fix)

    def test_a_forged_one_is_refused(self, world: World, idp: IdentityProvider) -> None:
        forger = IdentityProvider(PROVIDER)
        by_variable(world, forger.assertion([START]))
        error = failure(world)
        assert error.exit_code == 5
        assert "Response signature invalid" in str(error.cause)

    def test_a_role_that_does_not_trust_the_provider_is_reported(
        self, world: World, idp: IdentityProvider
    ) -> None:
        world.sts.world.role(START, trusts=["*"], actions=["sts:AssumeRole"])
        by_variable(world, idp.assertion([START]))
        error = failure(world)
        assert error.exit_code == 5
        assert "AccessDenied" in str(error.cause)
        assert "sts:AssumeRoleWithSAML" in str(error.fix)

    @pytest.mark.parametrize(
        ("code", "exit_code"),
        [
            ("ValidationError", 5),
            ("IDPRejectedClaim", 5),
            ("RegionDisabledException", 5),
            ("MalformedPolicyDocument", 5),
            ("ExpiredTokenException", 4),
            ("IDPCommunicationError", 6),
            ("Throttling", 6),
        ],
    )
    def test_what_aws_answers_decides_the_exit_code(
        self, code: str, exit_code: int, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]))
        world.sts.fail(9, status=400, code=code, text="so it is")
        error = failure(world)
        assert (error.exit_code, error.cause) == (exit_code, shown_cause(code, error))
        assert error.fix

    def test_an_assertion_too_old_for_aws_names_the_sign_in(
        self, world: World, idp: IdentityProvider
    ) -> None:
        use(world, 'type = "saml"')
        world.sts.fail(status=400, code="ExpiredTokenException")
        text = Secret(idp.assertion([START]))
        with pytest.raises(SourceError) as caught:
            saml.login(source_of(world), context_of(world), Login(text=text))
        assert caught.value.fix == "TOOL | rolehop source login s --stdin"

    def test_an_sts_that_hangs_is_given_up(self, world: World, idp: IdentityProvider) -> None:
        by_variable(world, idp.assertion([START]))
        world.sts.delay_seconds = 30
        error = failure(world, sts=clients(world, 0.2))
        assert error.exit_code == 6
        assert error.cause == "no answer within 0.2 s"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<html>", "a web page answered instead of 127.0.0.1"),
            (b"<AssumeRoleWithSAMLResponse/>", "something unexpected"),
        ],
    )
    def test_an_answer_that_is_invalid_is_reported(
        self, body: bytes, words: str, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]))
        world.sts.say(body)
        error = failure(world)
        assert error.exit_code == 6
        assert words in error.what

    def test_no_answer_of_sts_is_not_the_assertions_fault(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]))
        world.sts.fail(3)
        error = failure(world)
        assert isinstance(error, ServiceError)
        assert error.exit_code == 6

    def test_a_command_that_prints_nothing_is_reported(self, world: World) -> None:
        use(world, f'type = "saml"\nassertion_command = ["{sys.executable}", "-c", ""]')
        assert "printed nothing" in failure(world).what

    def test_findings_say_what_is_there(self, world: World, idp: IdentityProvider) -> None:
        by_variable(world, idp.assertion([START]))
        [found] = diagnose(source_of(world), context_of(world))
        assert found.good
        assert found.found.startswith(f"it offers {START}, until ")
        by_variable(world, "broken")
        [found] = diagnose(source_of(world), context_of(world))
        assert found.good is False
        by_variable(world, idp.assertion([START, OTHER]))
        [found] = diagnose(source_of(world), context_of(world))
        assert found.good is False
        assert "names no role" in found.found

    @pytest.mark.parametrize(
        "values",
        [
            {"assertion_file": "a", "assertion_env": "b"},
            {"role": OTHER, "provider": PROVIDER},
        ],
    )
    def test_the_config_refuses_what_cannot_work(self, values: dict[str, object]) -> None:
        assert saml.TABLE.rule is not None
        with pytest.raises(ValueError, match=r"keep one|role's account"):
            saml.TABLE.rule(values)


class TestOfflineProblems:
    """Problems that plan and source list report before any call."""

    def test_absent_broken_expired_and_of_another_role_are_four_things(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, "")
        assert "has no assertion: the variable SAML is empty" in offline_problem(world)
        by_variable(world, "<Response/>")
        assert "cannot be read: " in offline_problem(world)
        begun = datetime.now(UTC) - timedelta(minutes=10)
        by_variable(world, idp.assertion([START], now=begun))
        assert "has expired: it was valid until " in offline_problem(world)
        by_variable(world, idp.assertion([OTHER]), f'role = "{START}"')
        assert f"does not offer {START}: it offers {OTHER}" in offline_problem(world)

    def test_a_command_whose_program_is_missing_is_seen_without_running_it(
        self, world: World
    ) -> None:
        use(world, 'type = "saml"\nassertion_command = "no-such-tool --saml"')
        problem = "the program of assertion_command, no-such-tool: it is not on PATH"
        assert offline_problem(world) == problem

    def test_several_roles_want_somebody_who_picks(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([OTHER, START]))
        assert f"nobody can choose one here: {OTHER}, {START}" in offline_problem(world)
        assert stamp_of(source_of(world), context_of(world, person=Typist())).problem is None

    def test_a_session_that_still_holds_needs_no_assertion(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]))
        assert world.rolehop("credential-process", "there").code == 0
        by_variable(world, idp.assertion([START], lasts=timedelta(seconds=-1)))
        done = world.rolehop("plan", "there", "--format", "json")
        assert [hop["will_fail"] for hop in done.json["hops"]] == [None, None]
        assert world.rolehop("credential-process", "there").code == 0
