"""Sources whose service is a server of the test: each returns the variables that lead to it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from rolehop.sources.cli_sign_in import endpoints_digest
from tests.doubles.saml import IdentityProvider
from tests.sources.pki import issue
from tests.sources.roles_anywhere.helpers import with_files
from tests.support.world import HUB, World

START_URL = "https://corp.awsapps.com/start"

Source = Callable[[World, str], dict[str, str]]
"""Let the chain ``own`` start from a source whose service is at a URL; return the variables."""


def use_source(world: World, source: str) -> None:
    """Let the chain ``own`` start from a source with these settings."""
    world.config(f"version = 1\n[sources.s]\n{source}\n[chains.own]\nsource = 's'\n")


def instance(world: World, url: str) -> dict[str, str]:
    use_source(world, 'type = "instance"')
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url}


def container(world: World, url: str) -> dict[str, str]:
    use_source(world, 'type = "container"')
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/role"}


def github(world: World, url: str) -> dict[str, str]:
    use_source(world, f'type = "web-identity"\nrole = "{HUB}"\nci = "github"')
    return {
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/request",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "bearer",
    }


def roles_anywhere(world: World, url: str) -> dict[str, str]:
    with_files(world, issue("me"))
    return {"AWS_ENDPOINT_URL_ROLESANYWHERE": url}


def profile(world: World, url: str) -> dict[str, str]:
    """A profile with a web identity, which botocore resolves."""
    use_source(world, 'type = "profile"\nprofile = "web"')
    token = world.home / "token"
    token.write_text("e30.e30.c2ln")
    world.aws_config(f"[profile web]\nrole_arn = {HUB}\nweb_identity_token_file = {token}\n")
    return {"AWS_ENDPOINT_URL_STS": url}


def identity_center(world: World, url: str) -> dict[str, str]:
    """The access portal of Identity Center, with a sign-in of the AWS CLI."""
    use_source(
        world,
        f'type = "identity-center"\nstart_url = "{START_URL}"\nsso_region = "eu-west-1"\n'
        'account = "111111111111"\nrole = "Developer"\nshare_cli_cache = true',
    )
    store_cli_sign_in(world, rolehopEndpoints=endpoints_digest((("sso", url),)))
    return {"AWS_ENDPOINT_URL_SSO": url}


def web_token(world: World, url: str) -> dict[str, str]:
    use_source(world, f'type = "web-identity"\nrole = "{HUB}"\ntoken_env = "TOKEN"')
    claims = {"iss": "https://idp.example.com/", "sub": "me", "exp": 4_000_000_000}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return {"AWS_ENDPOINT_URL_STS": url, "TOKEN": f"e30.{body}.c2ln"}


def saml(world: World, url: str) -> dict[str, str]:
    use_source(world, 'type = "saml"\nassertion_env = "SAML"')
    provider = IdentityProvider("arn:aws:iam::222222222222:saml-provider/Corp")
    return {"AWS_ENDPOINT_URL_STS": url, "SAML": provider.assertion([HUB])}


def store_cli_sign_in(world: World, **more: str) -> None:
    """Write a sign-in as the AWS CLI would, with ``more`` fields."""
    name = hashlib.sha1(START_URL.encode(), usedforsecurity=False).hexdigest()
    path = Path(world.home, ".aws", "sso", "cache", f"{name}.json")
    path.parent.mkdir(parents=True)
    sign_in = {"accessToken": "token", "expiresAt": "2099-01-01T00:00:00Z", **more}
    path.write_text(json.dumps({**sign_in, "startUrl": START_URL, "region": "eu-west-1"}))
    path.chmod(0o600)
