"""What was got through one endpoint is never handed out as if it came from another."""

from __future__ import annotations

import hashlib
import json

import pytest

from rolehop.awsconfig import parse_aws_config
from rolehop.base.dataclass import replace
from rolehop.sources import expand, stamp_of
from rolehop.sources.cli_sign_in import endpoints_digest
from tests.doubles.metadata import session_of
from tests.sources.identity_center.corp import Corp
from tests.sources.machines import (
    answer,
    context_of,
    keyless_world,
    program,
    role_for,
    source_of,
    use,
)

ENDPOINTS = {
    "AWS_ENDPOINT_URL_SSO": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}
SESSION = """\
[profile dev]
sso_session = corp
sso_account_id = 111111111111
sso_role_name = Developer
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
"""


def without(corp: Corp, changes: dict[str, str]) -> dict[str, str | None]:
    """Return the environment with ``changes`` in the place of what points to the double."""
    return {**dict.fromkeys(corp.center.environ), **changes}


def test_an_endpoint_for_all_services_counts_for_identity_center(corp: Corp) -> None:
    corp.login()
    first = corp.world.rolehop("credential-process", "own")
    assert first.code == 0, first.err
    asked = len(corp.center.asked)
    env = without(corp, {"AWS_ENDPOINT_URL": f"{corp.center.url}/other"})
    done = corp.world.rolehop("credential-process", "own", env=env)
    assert (done.code, done.out) == (4, "")
    assert "rolehop source login corp" in done.err
    assert len(corp.center.asked) == asked
    assert corp.world.rolehop("credential-process", "own").out == first.out


def test_the_session_of_a_profile_stays_with_its_endpoints(corp: Corp) -> None:
    corp.login()
    token = corp.center.sessions[-1].access
    cache = corp.world.home / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    name = hashlib.sha1(b"corp", usedforsecurity=False).hexdigest()
    ends = f"{corp.center.sessions[-1].expires_at:%Y-%m-%dT%H:%M:%SZ}"
    cached = {"accessToken": token, "expiresAt": ends, "startUrl": corp.center.start_url}
    url = corp.center.url
    cached["rolehopEndpoints"] = endpoints_digest((("sso", url), ("sso-oidc", url)))
    (cache / f"{name}.json").write_text(json.dumps({**cached, "region": "eu-west-1"}))
    corp.world.aws_config(SESSION)
    first = corp.world.rolehop("credential-process", "dev")
    assert first.code == 0, first.err
    env = without(corp, {"AWS_ENDPOINT_URL_SSO": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"})
    done = corp.world.rolehop("credential-process", "dev", env=env)
    assert (done.code, done.out) == (4, "")
    assert "made against other endpoints" in done.err
    assert corp.world.rolehop("credential-process", "dev").out == first.out


@pytest.mark.parametrize("variable", [*ENDPOINTS, "AWS_ENDPOINT_URL_SIGNIN"])
def test_a_programs_session_stays_with_the_endpoints_of_its_environment(variable: str) -> None:
    with keyless_world() as world:
        role = role_for(world, {"AWS": "*"}, "sts:AssumeRole")
        text = json.dumps(answer(session_of(world.sts.world, role, "tool")))
        runs = world.home / "runs"
        program(world, f"open({str(runs)!r}, 'a').write('ran ')\nprint({text!r})")
        for env in ({}, {variable: "http://127.0.0.1:9"}, {}, {variable: "http://127.0.0.1:9"}):
            assert world.rolehop("credential-process", "there", env=env).code == 0
        assert runs.read_text() == "ran ran "


KINDS = {
    "web-identity": (
        "[profile dev]\nweb_identity_token_file = /token\nrole_arn = arn:aws:iam::1:role/R\n",
        ("STS",),
    ),
    "aws-login": (
        "[profile dev]\nlogin_session = arn:aws:iam::111111111111:user/alice\n",
        ("SIGNIN",),
    ),
    "process": (
        "[profile dev]\ncredential_process = tool\n",
        ("SSO", "SSO_OIDC", "SIGNIN", "STS"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_profile_is_stamped_with_the_endpoints_it_calls(kind: str) -> None:
    text, services = KINDS[kind]
    with keyless_world() as world:
        use(world, 'type = "profile"\nprofile = "dev"')
        aws = parse_aws_config(text, None)
        for service in ("SSO", "SSO_OIDC", "SIGNIN", "STS"):
            environ = {f"AWS_ENDPOINT_URL_{service}": "http://127.0.0.1:9"}
            context = replace(context_of(world), environ=environ, aws=aws)
            base, _, _ = expand(source_of(world), context.aws)
            found = dict(stamp_of(base, context).endpoints)
            name = service.lower().replace("_", "-")
            assert found == ({name: "http://127.0.0.1:9"} if service in services else {})
