"""How the STS double checks a web identity token: signature, audience, times, trust policy."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.doubles.sts_params import Refused, check_params, credentials_xml, end_of
from tests.doubles.sts_trust import Who, judge_trust
from tests.doubles.sts_world import World


def assume_role_with_web_identity(
    world: World, params: Mapping[str, str], now: datetime, token_length: int
) -> str:
    """Return the inside of AssumeRoleWithWebIdentityResult."""
    check_params(params, ("RoleArn", "RoleSessionName", "WebIdentityToken"))
    if "ProviderId" in params:
        raise Refused("InvalidIdentityToken", "ProviderId is not for OpenID Connect")
    claims, signed, signature = _parsed(params["WebIdentityToken"])
    account = params["RoleArn"].split(":")[4]
    host = str(claims.get("iss", "")).partition("://")[2]
    partition = params["RoleArn"].split(":")[1]
    arn = f"arn:{partition}:iam::{account}:oidc-provider/{host}"
    provider = world.oidc_providers.get(arn)
    if provider is None:
        text = f"No OpenIDConnect provider found in your account for {claims.get('iss')}"
        raise Refused("InvalidIdentityToken", text)
    public, audiences = provider
    _verify(public, signed, signature)
    if not all(type(claims.get(name)) is int for name in ("iat", "exp")):
        raise Refused("InvalidIdentityToken", "Token must have timestamps that are integers")
    if datetime.fromtimestamp(claims["exp"], UTC) <= now:
        raise Refused("ExpiredTokenException", "Token expired: current date/time must be before")
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if not set(audience) & set(audiences):
        raise Refused("InvalidIdentityToken", "Incorrect token audience")
    context = {
        f"{host}:sub": [str(claims["sub"])],
        f"{host}:aud": [str(each) for each in audience],
        "sts:rolesessionname": [params["RoleSessionName"]],
    }
    action = "sts:AssumeRoleWithWebIdentity"
    role = world.roles.get(params["RoleArn"])
    who = Who("", frozenset((arn,)))
    if role is None or not judge_trust(role.trust, action, who, context).allowed:
        raise Refused("AccessDenied", f"Not authorized to perform {action}", 403)
    seconds = int(params.get("DurationSeconds", "3600"))
    if not 900 <= seconds <= role.max_session:
        text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        raise Refused("ValidationError", text)
    name = params["RoleSessionName"]
    session = world.issue(
        token_length,
        account=account,
        arn=f"arn:{partition}:sts::{account}:assumed-role/{role.name}/{name}",
        user_id=f"{role.role_id}:{name}",
        role=role,
        expires_at=end_of(now, seconds),
    )
    return (
        f"{credentials_xml(session)}<AssumedRoleUser><AssumedRoleId>{session.user_id}"
        f"</AssumedRoleId><Arn>{session.arn}</Arn></AssumedRoleUser>"
        f"<SubjectFromWebIdentityToken>{claims['sub']}</SubjectFromWebIdentityToken>"
        f"<Audience>{audience[0]}</Audience><Provider>{arn}</Provider>"
    )


def _parsed(token: str) -> tuple[dict[str, Any], bytes, bytes]:
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
    head, claims, signature = (
        base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts
    )
    if json.loads(head).get("alg") != "RS256":
        raise Refused("InvalidIdentityToken", "Token must be signed with RS256")
    return json.loads(claims), f"{parts[0]}.{parts[1]}".encode(), signature


def _verify(public: rsa.RSAPublicKey, signed: bytes, signature: bytes) -> None:
    try:
        public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise Refused("InvalidIdentityToken", "Token signature invalid") from None
