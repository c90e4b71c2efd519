"""A session of one principal or role is never handed to another."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from rolehop.aws.saml_assertion import read_assertion
from rolehop.base.credentials import Secret
from rolehop.base.errors import SourceError
from rolehop.config.model import SourceConfig
from rolehop.sources import build_source, saml, stamp_of
from rolehop.sources.context import SourceChanged, SourceContext
from rolehop.sources.saml import principal_of
from rolehop.sources.source_type import Login
from tests.doubles.saml import AUDIENCE, IdentityProvider
from tests.sources.machines import (
    START,
    MemoryTokens,
    context_of,
    source_of,
    use,
)
from tests.sources.saml.helpers import (
    PROVIDER,
    THIRD,
    by_variable,
    clients,
)
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World


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
            person.expect("type to narrow")
            person.presses("Third\r")
            done = person.ended()
        assert "Third" in done.json["arn"]
        by_variable(world, idp.assertion([START, THIRD]))
        assert "Third" in world.rolehop("whoami", "own", "--format", "json").json["arn"]
        by_variable(world, idp.assertion([START]))
        assert "Start" in world.rolehop("whoami", "own", "--format", "json").json["arn"]

    def test_an_assertion_that_changes_under_a_walk_is_planned_again(
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

    def test_a_sign_in_under_a_walk_is_planned_again(
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

    def test_a_sign_in_at_the_global_endpoint_is_not_one_at_a_regional_endpoint(
        self, world: World, idp: IdentityProvider
    ) -> None:
        use(world, 'type = "saml"')
        source, tokens = source_of(world), MemoryTokens()

        def context(**env: str) -> SourceContext:
            environ = {**dict.fromkeys(world.sts.environ, ""), "AWS_REGION": "eu-west-1", **env}
            return context_of(world, tokens=tokens, environ=environ, sts=clients(world, 60))

        by_legacy = context(AWS_STS_REGIONAL_ENDPOINTS="legacy")
        saml.login(source, by_legacy, Login(text=Secret(idp.assertion([START]))))
        assert build_source(source, by_legacy).load() is not None
        assert build_source(source, context(AWS_REGION="aws-global")).load() is not None
        with pytest.raises(SourceError) as refused:
            build_source(source, context()).load()
        assert refused.value.cause == "the last sign-in was made at another STS endpoint"

    def test_a_command_does_not_reuse_the_sessions_of_an_ended_sign_in(
        self, world: World, idp: IdentityProvider
    ) -> None:
        tool = world.folder / "sign-in"
        tool.write_text(f"#!/bin/sh\necho {idp.assertion([START])}\n")
        tool.chmod(0o700)
        use(world, f'type = "saml"\nassertion_command = ["{tool}"]')
        tokens, source = MemoryTokens(), source_of(world)
        context = context_of(world, tokens=tokens)
        by_command = stamp_of(source, context)
        joe = idp.assertion([START], who="joe@example.com")
        saml.login(source, context, Login(text=Secret(joe)))
        assert stamp_of(source, context) != by_command
        later = context_of(
            world, tokens=tokens, now=lambda: datetime.now(UTC) + timedelta(minutes=50)
        )
        with pytest.raises(SourceChanged):
            build_source(source, later).load()
        assert stamp_of(source, context) == by_command
        assert build_source(source, context).load() is not None

    def test_a_command_does_not_use_a_sign_in_that_was_made_with_other_variables(
        self, world: World, idp: IdentityProvider
    ) -> None:
        tool = world.folder / "sign-in"
        tool.write_text(f"#!/bin/sh\necho {idp.assertion([START])}\n")
        tool.chmod(0o700)
        use(world, f'type = "saml"\nassertion_command = ["{tool}"]')
        tokens, source = MemoryTokens(), source_of(world)
        joes, mine = (
            context_of(world, {"AWS_PROFILE": name}, tokens=tokens) for name in ("joe", "me")
        )
        saml.login(source, joes, Login())
        assert stamp_of(source, joes) != stamp_of(source, mine)
        assert build_source(source, joes).load() is not None
        with pytest.raises(SourceChanged):
            build_source(source, mine).load()
        assert tokens.documents == {}

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


OWN = {"PrincipalTag:team": ["blue"], "TransitiveTagKeys": ["team"], "SourceIdentity": ["jane"]}


@pytest.mark.parametrize("way", ["file", "env"])
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"PrincipalTag:team": ["red"]}, id="session-tag"),
        pytest.param({"PrincipalTag:cost": ["7"]}, id="another-session-tag"),
        pytest.param({"TransitiveTagKeys": []}, id="transitive-tags"),
        pytest.param({"SourceIdentity": ["joe"]}, id="source-identity"),
        pytest.param({"RoleSessionName": ["jane"]}, id="session-name"),
        pytest.param({"RoleSessionName": ["jane@example.com  "]}, id="blanks-of-the-session-name"),
        pytest.param({"https://idp.example/groups": ["admins"]}, id="any-other-attribute"),
    ],
)
def test_assertions_that_carry_something_else_never_share_a_session(
    way: str, changed: dict[str, list[str]], world: World, idp: IdentityProvider
) -> None:
    file = world.config_file.with_name("assertion")
    settings = {"file": 'assertion_file = "assertion"', "env": 'assertion_env = "SAML"'}
    use(world, f'type = "saml"\n{settings[way]}')

    def key_id(attributes: dict[str, list[str]]) -> str:
        text = idp.assertion([START], attributes=attributes)
        file.write_text(text)
        world.more["SAML"] = text
        done = world.rolehop("credential-process", "own")
        assert done.code == 0, done.err
        return str(done.json["AccessKeyId"])

    first = key_id(OWN)
    assert key_id(OWN) == first  # another assertion of the same person, with the same content
    assert key_id({**OWN, **changed}) != first
    assert key_id(OWN) == first


def test_an_assertion_for_another_audience_gets_no_cached_session(
    world: World, idp: IdentityProvider
) -> None:
    by_variable(world, idp.assertion([START]))
    assert world.rolehop("credential-process", "own").code == 0
    by_variable(world, idp.assertion([START], audience="https://elsewhere.example"))
    done = world.rolehop("credential-process", "own")
    assert (done.code, done.out) == (5, "")
    assert "Incorrect audience" in done.err


def test_an_assertion_for_another_recipient_gets_no_cached_session(
    world: World, idp: IdentityProvider
) -> None:
    """A trust policy compares ``saml:aud`` with the recipient, not with the audience."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithSAML",
        "Condition": {"StringEquals": {"saml:aud": AUDIENCE}},
    }
    world.sts.world.role(START, policy={"Version": "2012-10-17", "Statement": [statement]})
    by_variable(world, idp.assertion([START]))
    assert world.rolehop("credential-process", "own").code == 0
    by_variable(world, idp.assertion([START], recipient=f"{AUDIENCE}/other"))
    done = world.rolehop("credential-process", "own")
    assert (done.code, done.out) == (5, "")
    assert "AccessDenied" in done.err


@pytest.mark.parametrize("tag", ["Assertion", "EncryptedAssertion"])
def test_a_response_with_two_assertions_shares_no_principal(tag: str) -> None:
    """Which of them counts is for AWS to say, so everything in the response does."""
    alone = base64.b64decode(IdentityProvider(PROVIDER).assertion([START])).decode()
    space = "urn:oasis:names:tc:SAML:2.0:assertion"
    both = [
        alone.replace("</p:Response>", f'<{tag} xmlns="{space}" ID="{each}" /></p:Response>')
        for each in "ab"
    ]
    assert len({read_assertion(Secret(each)).digest for each in (alone, *both)}) == 3


# Few short texts, with those among them that a careless join or cut would take for one another.
TEXTS = st.text(alphabet="ab ,:\u200b\u00ad", min_size=1, max_size=3)
SAID = {
    "issuer": TEXTS,
    "who": TEXTS,
    "audience": TEXTS,
    "recipient": TEXTS,
    "attributes": st.dictionaries(
        st.sampled_from(
            ["PrincipalTag:team", "TransitiveTagKeys", "SourceIdentity", "https://own"]
        ),
        st.lists(TEXTS, max_size=2),
        max_size=2,
    ),
    "role": st.sampled_from([START, THIRD]),
}
"""What an assertion may say, by name."""


@given(st.fixed_dictionaries(SAID), st.sampled_from(sorted(SAID)), st.data())
def test_two_assertions_share_a_principal_only_if_nothing_differs(
    said: dict[str, Any], name: str, data: st.DataObject
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())

    def principal(values: dict[str, Any], minute: int) -> str:
        rest = {each: value for each, value in values.items() if each not in ("issuer", "role")}
        rest["attributes"] = dict(sorted(rest["attributes"].items()))  # their order is a difference
        idp = IdentityProvider(PROVIDER, values["issuer"], key)
        text = idp.assertion(
            [values["role"]], now=datetime(2030, 1, 1, 0, minute, tzinfo=UTC), **rest
        )
        source = SourceConfig("s", "saml", {})
        return principal_of(source, read_assertion(Secret(text)))

    changed = {**said, name: data.draw(SAID[name])}
    assert (principal(said, 1) == principal(changed, 2)) == (said == changed)
