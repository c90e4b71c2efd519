"""SAML assertions: parsed safely, chosen from, and exchanged at the STS double."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.aws.saml_assertion import read_assertion
from rolehop.base.credentials import Secret
from rolehop.base.errors import NoTerminal, SourceError
from rolehop.sources import build_source, saml, stamp_of
from rolehop.sources.source_type import Login
from tests.doubles.saml import IdentityProvider
from tests.sources.machines import (
    START,
    MemoryTokens,
    Typist,
    chained_plan,
    context_of,
    failure,
    source_of,
    use,
    walked,
)
from tests.sources.saml.helpers import (
    OTHER,
    PROVIDER,
    by_variable,
)
from tests.support.world import World


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
        # The same person: the stored session needs no assertion.
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
        message = saml.login(source, context, Login(text=Secret(idp.assertion([START]))))
        assert message == f"source 's' is signed in as {START}"
        after = stamp_of(source, context)
        assert (after.value, after.stored, after.problem) == ("generation-1", True, None)
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

    def test_source_login_reads_a_pipe_and_stores_it_in_the_keyring_alone(
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

    def test_a_stored_sign_in_that_has_ended_is_not_used(
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
        what = "the assertion of source 's' has expired"
        until = f"it was valid until {ends:%Y-%m-%dT%H:%M:%SZ}: assertions last minutes"
        error = failure(world)
        assert (error.exit_code, error.what, error.cause) == (4, what, until)
        planned = world.rolehop("plan", "there", "--format", "json")
        assert planned.json["hops"][0]["will_fail"] == f"{what}: {until}"
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

    def test_a_role_that_is_not_offered_is_reported_before_any_call(
        self, world: World, idp: IdentityProvider
    ) -> None:
        by_variable(world, idp.assertion([START]), f'role = "{OTHER}"')
        error = failure(world)
        assert error.what == f"the assertion of source 's' does not offer {OTHER}"
        assert error.cause == f"it offers {START}"
        assert world.sts.calls == []

    @pytest.mark.parametrize(("named", "wanted"), [(f'role = "{START}"', START), ("", "any role")])
    def test_another_provider_is_reported_with_the_one_wanted_and_those_found(
        self, named: str, wanted: str, world: World, idp: IdentityProvider
    ) -> None:
        elsewhere = PROVIDER.replace("Corp", "Elsewhere")
        by_variable(world, idp.assertion([START]), f'{named}\nprovider = "{elsewhere}"')
        error = failure(world)
        assert error.what == f"the assertion of source 's' does not offer {wanted} by {elsewhere}"
        assert error.cause == f"it offers {START} by {PROVIDER}"

    def test_an_assertion_without_a_role_is_reported(
        self, world: World, idp: IdentityProvider
    ) -> None:
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


@given(st.text() | st.binary().map(lambda data: base64.b64encode(data).decode()))
def test_whatever_the_text_only_valueerror_comes_out(text: str) -> None:
    with contextlib.suppress(ValueError):
        read_assertion(Secret(text))
