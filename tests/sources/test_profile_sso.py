"""Profiles with a sign-in to Identity Center: each is a source of that type, or says what is wrong.

How such a source signs in is in ``identity_center``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rolehop.base.errors import SourceError
from rolehop.sources import build_source, diagnose, expand, portal_role, stamp_of
from rolehop.sources.center_client import DEFAULT_SCOPES, center_of

if TYPE_CHECKING:
    from tests.sources.conftest import Home
else:
    Home = Any

URL = "https://corp.awsapps.com/start"
ROLE = "sso_account_id = 111111111111\nsso_role_name = Developer\n"
SSO = f"""
[sso-session corp]
sso_start_url = {URL}
sso_region = eu-west-1
[profile sso]
sso_session = corp
{ROLE}
[profile legacy]
sso_start_url = {URL}
sso_region = eu-west-1
{ROLE}
[profile both]
sso_session = corp
sso_region = eu-west-1
{ROLE}
[profile hub]
role_arn = arn:aws:iam::222222222222:role/Hub
source_profile = legacy
mfa_serial = arn:aws:iam::111111111111:mfa/me
[profile admin]
role_arn = arn:aws:iam::333333333333:role/Admin
source_profile = hub
"""


@pytest.mark.parametrize(
    ("profile", "base", "roles"),
    [
        ("sso", "sso", []),
        ("legacy", "legacy", []),
        ("both", "both", []),
        ("admin", "legacy", ["Hub", "Admin"]),
    ],
)
def test_it_is_a_source_of_that_type_whatever_profiles_lead_to_it(
    profile: str, base: str, roles: list[str], home: Home
) -> None:
    home.write(SSO)
    context = home.context()
    found, hops, _ = expand(home.source(profile), context.aws)
    assert (found.name, found.type) == ("x", "identity-center")
    settings = {"start_url": URL, "sso_region": "eu-west-1", "account": "111111111111"}
    assert found.settings == {**settings, "role": "Developer", "profile": base}
    assert [each.role.rpartition("/")[2] for each in hops] == roles
    assert expand(found, context.aws)[0] is found
    role = portal_role(found, context)
    assert role is not None
    assert (role.start_url, role.account, role.role) == (URL, "111111111111", "Developer")
    assert stamp_of(found, context).problem == (
        f"nobody is signed in to {URL} (rolehop source login x)"
    )


def test_profiles_of_one_center_share_a_sign_in_and_scopes_and_endpoints_tell_them_apart(
    home: Home,
) -> None:
    home.write(
        f"{SSO}[sso-session wide]\nsso_start_url = {URL}/\nsso_region = eu-west-1\n"
        f"sso_registration_scopes = sso:account:access, codewhisperer:completions\n"
        f"[profile wide]\nsso_session = wide\n{ROLE}"
        f"[services vpc]\nsso =\n  endpoint_url = https://vpce.example.com\n"
        f"[profile vpc]\nsso_session = corp\nservices = vpc\n{ROLE}"
    )
    home.environ["AWS_PROFILE"] = "vpc"  # whose endpoints are not those of other profiles
    context = home.context()
    bases = {name: expand(home.source(name), context.aws)[0] for name in context.aws.profiles}
    centers = {name: center_of(base, context) for name, base in bases.items()}
    names = {name: each.token_name for name, each in centers.items()}
    assert names["sso"] == names["legacy"] == names["both"] == names["admin"]
    assert len({names["sso"], names["wide"], names["vpc"]}) == 3
    assert (centers["legacy"].scopes, centers["sso"].session) == (DEFAULT_SCOPES, "corp")
    assert centers["wide"].scopes == ("sso:account:access", "codewhisperer:completions")


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (
            "sso_account_id = 111111111111\n",
            "its sign-in has no sso_start_url, sso_region, sso_role_name",
        ),
        (f"sso_session = crop\n{ROLE}", "~/.aws/config has no [sso-session crop]"),
        (
            f"sso_session = corp\nsso_region = eu-west-2\n{ROLE}",
            "its sso_region is not that of [sso-session corp]",
        ),
        (
            f"sso_start_url = http://corp\nsso_region = eu-west-1\n{ROLE}",
            'sso_start_url: not an https address: "http://corp"',
        ),
        (
            f"sso_start_url = {URL}\nsso_region = evil.com/#\n{ROLE}",
            'sso_region: not a region: "evil.com/#"',
        ),
        (
            "sso_session = corp\nsso_account_id = 1234\nsso_role_name = A\n",
            'sso_account_id: not an account ID: "1234"; it has 4 digits and needs 12, as in "012345678901"',
        ),
    ],
)
def test_what_is_wrong_with_it_is_reported_alike_by_plan_walk_and_test(
    lines: str, wrong: str, home: Home
) -> None:
    home.write(f"{SSO}[profile x]\n{lines}")
    context = home.context()
    base, _, _ = expand(home.source("x"), context.aws)
    with pytest.raises(SourceError) as caught:
        build_source(base, context).load()
    assert (caught.value.exit_code, caught.value.cause) == (4, wrong)
    (found,) = diagnose(base, context)
    assert (found.found, found.good) == (f"{caught.value.what}: {wrong}", False)
    assert stamp_of(base, context).problem == found.found
