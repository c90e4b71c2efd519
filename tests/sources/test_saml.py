"""SAML assertions: read safely, chosen from, exchanged at the double, and never shown."""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.aws.saml_assertion import LONGEST, read_assertion
from rolehop.aws.sts import StsClient
from rolehop.credentials import Secret
from rolehop.errors import NoTerminal, RolehopError, ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings
from rolehop.sources import build_source, diagnose, stamp_of
from rolehop.sources.context import SourceChanged
from rolehop.sources.saml import source as saml
from rolehop.sources.source_type import Login
from tests.doubles.saml import IdentityProvider
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
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

PROVIDER = "arn:aws:iam::111111111111:saml-provider/Corp"
OTHER = "arn:aws:iam::222222222222:role/Other"
THIRD = "arn:aws:iam::111111111111:role/Third"


@pytest.fixture
def world() -> Iterator[World]:
    with keyless_world() as world:
        role_for(world, {"Federated": PROVIDER}, "sts:AssumeRoleWithSAML")
        yield world


@pytest.fixture
def idp(world: World) -> IdentityProvider:
    idp = IdentityProvider(PROVIDER)
    world.sts.world.saml_providers[PROVIDER] = idp
    return idp


def by_variable(world: World, assertion: str, more: str = "") -> None:
    use(world, f'type = "saml"\nassertion_env = "SAML"\n{more}')
    world.more["SAML"] = assertion


def impatient(world: World) -> Callable[[str], StsClient]:
    """Return what makes clients that wait for an answer 0.2 s, once."""

    def client(region: str) -> StsClient:
        return StsClient(
            ClientSettings(
                region, endpoint_url=world.sts.url, read_timeout_seconds=0.2, max_attempts=1
            )
        )

    return client


def told_by(code: str, error: RolehopError) -> str:
    """Return AWS's words as they are told; throttling tells the attempts, too."""
    attempts = str(error.cause).partition(" (")[2]
    return f"{code}: so it is ({attempts}" if attempts else f"{code}: so it is"


def failure(world: World, **more: object) -> RolehopError:
    with pytest.raises(RolehopError) as caught:
        build_source(source_of(world), context_of(world, **more)).load()  # type: ignore[arg-type]
    return caught.value


class TestSaml:
    def test_its_session_signs_the_next_hop_and_no_assertion_is_seen(
        self, world: World, idp: IdentityProvider
    ) -> None:
        assertion = idp.assertion([START])
        by_variable(world, assertion)
        assert chained_plan(world) == [3600, 3600]
        seen = walked(world)
        assert assertion not in seen
        assert "jane@example.com" not in seen.replace("assumed-role/Start/jane@example.com", "")
        first = world.sts.calls[0]
        assert (first.action, first.signer, first.role) == ("AssumeRoleWithSAML", "", START)
        assert "Start/jane@example.com" in world.sts.calls[1].signer

    @pytest.mark.parametrize("form", ["base64", "wrapped", "form", "xml"])
    def test_it_comes_in_the_forms_that_tools_print(
        self, form: str, world: World, idp: IdentityProvider
    ) -> None:
        text = idp.assertion([START], provider_first=form == "form")
        forms = {
            "base64": text,
            "wrapped": "\n".join(text[at : at + 76] for at in range(0, len(text), 76)) + "\n",
            "form": f"SAMLResponse={quote(text, safe='')}&RelayState=",
            "xml": base64.b64decode(text).decode(),
        }
        by_variable(world, forms[form])
        assert build_source(source_of(world), context_of(world)).load() is not None

    def test_a_command_signs_in_once_for_all_chains(
        self, world: World, idp: IdentityProvider
    ) -> None:
        tool = world.folder / "sign-in"
        runs = world.folder / "runs"
        tool.write_text(f"#!/bin/sh\necho run >> {runs}\necho {idp.assertion([START])}\n")
        tool.chmod(0o700)
        use(world, f'type = "saml"\nassertion_command = ["{tool}"]')
        walked(world)
        assert world.rolehop("credential-process", "own").code == 0
        assert runs.read_text() == "run\n"

    def test_a_file_is_read_and_another_person_in_it_is_another_source(
        self, world: World, idp: IdentityProvider
    ) -> None:
        file = world.config_file.with_name("assertion")
        use(world, 'type = "saml"\nassertion_file = "assertion"')  # beside the config
        file.write_text(idp.assertion([START]))
        assert world.rolehop("credential-process", "own").code == 0
        file.write_text(idp.assertion([START], lasts=timedelta(seconds=-1)))
        # The same person: the session that is kept needs no assertion.
        assert world.rolehop("credential-process", "own").code == 0
        assert len(world.sts.calls) == 2  # AssumeRoleWithSAML, GetCallerIdentity
        file.write_text(idp.assertion([START], who="joe@example.com"))
        done = world.rolehop("whoami", "own", "--format", "json")
        assert done.json["arn"].endswith("/joe@example.com")

    def test_a_pipe_signs_in(self, world: World, idp: IdentityProvider) -> None:
        use(world, 'type = "saml"')
        tokens = MemoryTokens()
        context = context_of(world, tokens=tokens)
        source = source_of(world)
        before = stamp_of(source, context)
        assert "needs a sign-in" in str(before.problem)
        assert "--stdin" in str(failure(world, tokens=tokens).fix)
        told = saml.login(source, context, Login(text=Secret(idp.assertion([START]))))
        assert told == f"source 's' is signed in as {START}"
        after = stamp_of(source, context)
        assert (after.value, after.kept, after.problem) == ("generation-1", True, None)
        calls = len(world.sts.calls)
        found = build_source(source, context).load()
        assert found is not None
        assert found.expires_at is not None
        assert len(world.sts.calls) == calls  # the session of the sign-in itself
        assert all(
            isinstance(tokens.documents["saml/s"][name], Secret)
            for name in ("secret_access_key", "session_token")
        )
        assert saml.logout(source, context)
        assert stamp_of(source, context).problem is not None

    def test_source_login_reads_a_pipe_and_keeps_it_in_the_keyring_alone(
        self, world: World, idp: IdentityProvider
    ) -> None:
        use(world, 'type = "saml"')
        assert world.rolehop("credential-process", "there").code == 4
        assertion = idp.assertion([START])
        done = world.rolehop("source", "login", "s", "--stdin", input=assertion)
        assert done.code == 0, done.err
        seen = done.out + done.err + walked(world)
        session = next(key for key in world.sts.world.keys.values() if key.role and key.token)
        for secret in (assertion, session.secret, str(session.token)):
            assert secret not in seen
        assert world.rolehop("source", "logout", "s").code == 0
        assert world.rolehop("credential-process", "own").code == 4

    def test_a_kept_sign_in_that_has_ended_is_not_used(
        self, world: World, idp: IdentityProvider
    ) -> None:
        use(world, 'type = "saml"')
        tokens = MemoryTokens()
        context = context_of(world, tokens=tokens)
        saml.login(source_of(world), context, Login(text=Secret(idp.assertion([START]))))
        later = datetime.now(UTC) + timedelta(hours=2)
        error = failure(world, tokens=tokens, now=lambda: later)
        assert "needs a sign-in" in error.what
        assert "the session of the last sign-in ended at" in str(error.cause)

    def test_the_assertions_duration_is_asked_for(
        self, world: World, idp: IdentityProvider
    ) -> None:
        world.sts.world.roles[START].max_session = 43_200
        by_variable(world, idp.assertion([START], seconds=28_800))
        build_source(source_of(world), context_of(world)).load()
        assert world.sts.calls[0].params["DurationSeconds"] == "28800"
        by_variable(world, idp.assertion([START], seconds=28_800), 'duration = "2h"')
        build_source(source_of(world), context_of(world)).load()
        assert world.sts.calls[1].params["DurationSeconds"] == "7200"

    def test_a_role_that_allows_less_is_asked_for_an_hour(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START], seconds=28_800))
        assert build_source(source_of(world), context_of(world)).load() is not None
        assert [call.params["DurationSeconds"] for call in world.sts.calls] == ["28800", "3600"]

    def test_a_session_ends_with_the_providers_own(
        self, world: World, idp: IdentityProvider
    ) -> None:
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=20)
        by_variable(world, idp.assertion([START], session_ends=ends))
        found = build_source(source_of(world), context_of(world)).load()
        assert found is not None
        assert found.expires_at == ends

    def test_a_session_of_the_provider_that_is_over_is_an_expired_assertion(
        self, world: World, idp: IdentityProvider
    ) -> None:
        ends = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=20)
        by_variable(world, idp.assertion([START], session_ends=ends))
        told = "the assertion of source 's' has expired"
        until = f"it was valid until {ends:%Y-%m-%dT%H:%M:%SZ}: assertions last minutes"
        error = failure(world)
        assert (error.exit_code, error.what, error.cause) == (4, told, until)
        planned = world.rolehop("plan", "there", "--format", "json")
        assert planned.json["hops"][0]["will_fail"] == f"{told}: {until}"
        assert world.sts.calls == []
        # Where this machine's clock is behind, AWS says it.
        begun = ends - timedelta(minutes=2)
        lasts = timedelta(hours=1)
        by_variable(world, idp.assertion([START], now=begun, lasts=lasts, session_ends=ends))
        with pytest.raises(SourceError) as caught:
            build_source(
                source_of(world), context_of(world, now=lambda: ends - timedelta(minutes=1))
            ).load()
        assert "ExpiredTokenException" in str(caught.value.cause)


class TestRoles:
    def test_one_of_several_is_picked_by_a_person(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([OTHER, START]))
        person = Typist(picks=START)
        found = build_source(source_of(world), context_of(world, person=person)).load()
        assert found is not None
        assert person.asked == [OTHER, START]

    def test_without_a_terminal_the_config_must_name_one(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([OTHER, START]))
        error = failure(world)
        assert isinstance(error, NoTerminal)
        assert error.cause == f"the assertion offers {OTHER}, {START}"
        for role in (START, "111111111111:role/Start"):
            by_variable(world, idp.assertion([OTHER, START]), f'role = "{role}"')
            assert build_source(source_of(world), context_of(world)).load() is not None

    def test_a_role_that_is_not_offered_is_told_before_any_call(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]), f'role = "{OTHER}"')
        error = failure(world)
        assert error.what == f"the assertion of source 's' does not offer {OTHER}"
        assert error.cause == f"it offers {START}"
        assert world.sts.calls == []

    @pytest.mark.parametrize(("named", "wanted"), [(f'role = "{START}"', START), ("", "any role")])
    def test_another_provider_is_told_with_the_one_wanted_and_those_found(
        self, named: str, wanted: str, world: World, idp: IdentityProvider
    ) -> None:
        elsewhere = PROVIDER.replace("Corp", "Elsewhere")
        by_variable(world, idp.assertion([START]), f'{named}\nprovider = "{elsewhere}"')
        error = failure(world)
        assert error.what == f"the assertion of source 's' does not offer {wanted} by {elsewhere}"
        assert error.cause == f"it offers {START} by {PROVIDER}"

    def test_an_assertion_without_a_role_is_told(self, world: World, idp: IdentityProvider) -> None:
        by_variable(world, idp.assertion([]))
        assert failure(world).what == "the assertion of source 's' offers no role"

    def test_an_encrypted_one_needs_role_and_provider_in_the_config(
        self, world: World, idp: IdentityProvider
    ) -> None:
        text = '<p:Response xmlns:p="p"><EncryptedAssertion>x</EncryptedAssertion></p:Response>'
        by_variable(world, text)
        assert failure(world).what == "the assertion of source 's' is encrypted"
        by_variable(world, text, f'role = "{START}"\nprovider = "{PROVIDER}"')
        failure(world)
        assert world.sts.calls[0].role == START  # AWS may be able to read it


class TestFailures:
    def test_absent_is_told_apart_from_broken(self, world: World, idp: IdentityProvider) -> None:
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
            ("<secret", "it is no well-formed XML without a document type"),
            (
                '<!DOCTYPE r [<!ENTITY a "secret">]><r>&a;</r>',
                "it is no well-formed XML without a document type",
            ),
            ("<r>&secret;</r>", "it is no well-formed XML without a document type"),
            ("<secret/>", "it is XML, but no SAML response"),
            ("<Response/>", "the identity provider's response holds no assertion"),
            ("A" * (LONGEST + 1), "it is longer than STS takes (100,000 characters)"),
        ],
    )
    def test_broken_text_is_told_and_not_quoted(self, text: str, cause: str, world: World) -> None:
        by_variable(world, text)
        error = failure(world)
        assert error.cause == cause
        assert "secret" not in f"{error.what}{error.cause}{error.fix}"

    @pytest.mark.parametrize("command", [("source", "test", "s"), ("credential-process", "there")])
    def test_a_command_that_says_the_assertion_and_fails_shows_none_of_it(
        self, command: tuple[str, ...], world: World, idp: IdentityProvider
    ) -> None:
        written = world.home / "assertion"
        written.write_text(idp.assertion([START]))
        script = f"base64 -d {written} | base64 >&2; cat {written} >&2; exit 1"
        use(world, f'type = "saml"\nassertion_command = ["sh", "-c", "{script}"]')
        done = world.rolehop(*command)
        assert done.code == 4
        assert "rolehop: [hidden]" in done.err
        assert "cause: sh ended with code 1; its words stand above" in done.err
        text = written.read_text()
        shown = done.out + done.err
        assert not [
            text[at : at + 40] for at in range(0, len(text), 40) if text[at : at + 40] in shown
        ]

    def test_an_expired_one_is_told_before_any_call(
        self, world: World, idp: IdentityProvider
    ) -> None:
        begun = datetime.now(UTC) - timedelta(minutes=10)
        by_variable(world, idp.assertion([START], now=begun))
        error = failure(world)
        assert error.what == "the assertion of source 's' has expired"
        ends = begun + timedelta(minutes=5)
        assert f"{ends:%Y-%m-%dT%H:%M:%SZ}" in str(error.cause)
        assert world.sts.calls == []

    def test_one_of_tomorrow_blames_the_clock(self, world: World, idp: IdentityProvider) -> None:
        by_variable(world, idp.assertion([START], now=datetime.now(UTC) + timedelta(days=1)))
        assert failure(world).fix == "check this machine's clock"

    def test_a_wrong_audience_is_refused_and_told(
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

    def test_a_role_that_does_not_trust_the_provider_is_told(
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
    def test_what_aws_answers_decides_whose_fault_it_is(
        self, code: str, exit_code: int, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]))
        world.sts.fail(9, status=400, code=code, text="so it is")
        error = failure(world)
        assert (error.exit_code, error.cause) == (exit_code, told_by(code, error))
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
        error = failure(world, sts=impatient(world))
        assert error.exit_code == 6
        assert error.cause == "no answer within 0.2 s"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<html>", "something unexpected"),
            (b"<AssumeRoleWithSAMLResponse/>", "something unexpected"),
        ],
    )
    def test_an_answer_that_makes_no_sense_is_told(
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

    def test_a_command_that_prints_nothing_is_told(self, world: World) -> None:
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
    """What is plain already is told by plan and source list, before any call."""

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
        told = "the program of assertion_command, no-such-tool: it is not on PATH"
        assert offline_problem(world) == told

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


class TestWhoseSession:
    """A session walked as one principal, or as one role, is never handed to another."""

    @pytest.fixture(autouse=True)
    def other_role(self, world: World) -> None:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Federated": PROVIDER},
                    "Action": "sts:AssumeRoleWithSAML",
                }
            ],
        }
        world.sts.world.role(THIRD, policy=trust)

    @pytest.mark.parametrize("way", ["file", "env", "stdin"])
    def test_another_role_or_person_in_the_assertion_gets_a_session_of_its_own(
        self, way: str, world: World, idp: IdentityProvider
    ) -> None:
        file = world.config_file.with_name("assertion")
        settings = {"file": 'assertion_file = "assertion"', "env": 'assertion_env = "SAML"'}
        use(world, f'type = "saml"\n{settings.get(way, "")}')

        def reached(*roles: str, who: str = "jane@example.com") -> str:
            text = idp.assertion(roles, who=who)
            file.write_text(text)
            world.more["SAML"] = text
            if way == "stdin":
                done = world.rolehop("source", "login", "s", "--stdin", input=text)
                assert done.code == 0, done.err
            done = world.rolehop("whoami", "own", "--format", "json")
            assert done.code == 0, done.err
            return str(done.json["arn"]).partition("assumed-role/")[2]

        assert reached(START) == "Start/jane@example.com"
        assert reached(THIRD) == "Third/jane@example.com"
        assert reached(THIRD, who="joe@example.com") == "Third/joe@example.com"
        assert reached(START) == "Start/jane@example.com"

    def test_what_was_picked_holds_while_the_same_is_offered(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([THIRD, START]))
        with OnTerminal(world, SCRIPT, "whoami", "own", "--format", "json") as person:
            person.expect("number, or a part")
            person.types("Third")
            done = person.ended()
        assert "Third" in done.json["arn"]
        by_variable(world, idp.assertion([START, THIRD]))
        assert "Third" in world.rolehop("whoami", "own", "--format", "json").json["arn"]
        by_variable(world, idp.assertion([START]))
        assert "Start" in world.rolehop("whoami", "own", "--format", "json").json["arn"]

    def test_an_assertion_that_changes_under_a_walk_is_planned_anew(
        self, world: World, idp: IdentityProvider
    ) -> None:
        file = world.config_file.with_name("assertion")
        file.write_text(idp.assertion([START]))
        use(world, 'type = "saml"\nassertion_file = "assertion"')
        planned = build_source(source_of(world), context_of(world))
        file.write_text(idp.assertion([START], who="joe@example.com"))
        with pytest.raises(SourceChanged):
            planned.load()
        assert world.sts.calls == []

    def test_a_sign_in_under_a_walk_is_planned_anew(
        self, world: World, idp: IdentityProvider
    ) -> None:
        use(world, 'type = "saml"')
        context = context_of(world, tokens=MemoryTokens())
        source = source_of(world)
        saml.login(source, context, Login(text=Secret(idp.assertion([START]))))
        planned = build_source(source, context)
        joe = idp.assertion([START], who="joe@example.com")
        saml.login(source, context, Login(text=Secret(joe)))
        with pytest.raises(SourceChanged):
            planned.load()

    def test_a_sign_in_for_one_role_is_not_used_for_another(
        self, world: World, idp: IdentityProvider
    ) -> None:
        use(world, 'type = "saml"')
        text = idp.assertion([START])
        assert world.rolehop("source", "login", "s", "--stdin", input=text).code == 0
        use(world, 'type = "saml"\nrole = "111111111111:role/Start"')
        assert world.rolehop("credential-process", "own").code == 0
        for named in (f'role = "{THIRD}"', f'provider = "{PROVIDER}2"'):
            use(world, f'type = "saml"\n{named}')
            done = world.rolehop("credential-process", "own")
            assert (done.code, done.out) == (4, "")
            assert f"the last sign-in was for {START} by {PROVIDER}" in done.err
        use(world, 'type = "saml"')
        elsewhere = world.sts.url.replace("127.0.0.1", "localhost")
        done = world.rolehop("credential-process", "own", env={"AWS_ENDPOINT_URL_STS": elsewhere})
        assert done.code == 4
        assert "made at another STS endpoint" in done.err

    def test_a_command_does_not_go_on_where_a_sign_in_has_ended(
        self, world: World, idp: IdentityProvider
    ) -> None:
        tool = world.folder / "sign-in"
        tool.write_text(f"#!/bin/sh\necho {idp.assertion([START])}\n")
        tool.chmod(0o700)
        use(world, f'type = "saml"\nassertion_command = ["{tool}"]')
        tokens, source = MemoryTokens(), source_of(world)
        context = context_of(world, tokens=tokens)
        assert stamp_of(source, context).value == "command"
        joe = idp.assertion([START], who="joe@example.com")
        saml.login(source, context, Login(text=Secret(joe)))
        assert stamp_of(source, context).value == "generation-1"
        later = context_of(
            world, tokens=tokens, now=lambda: datetime.now(UTC) + timedelta(minutes=50)
        )
        with pytest.raises(SourceChanged):
            build_source(source, later).load()
        assert stamp_of(source, context).value == "command"
        assert build_source(source, context).load() is not None

    def test_principal_pins_who_a_command_must_be(
        self, world: World, idp: IdentityProvider
    ) -> None:
        tool = world.folder / "sign-in"
        tool.write_text(f"#!/bin/sh\necho {idp.assertion([START])}\n")
        tool.chmod(0o700)
        settings = f'type = "saml"\nassertion_command = ["{tool}"]'
        use(world, f'{settings}\nprincipal = "{START}"')
        assert world.rolehop("credential-process", "there").code == 0
        use(world, f'{settings}\nprincipal = "{THIRD}"')  # what is cached does not count any more
        done = world.rolehop("credential-process", "there")
        assert (done.code, done.out) == (4, "")
        assert f"the config says it must be {THIRD}" in done.err


@given(st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()))
def test_whatever_the_text_only_valueerror_comes_out(text: str) -> None:
    with contextlib.suppress(ValueError):
        read_assertion(Secret(text))
