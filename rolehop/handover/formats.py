"""The container credentials protocol: what an SDK asks for, and the variables that send it there.

As ECS and EKS speak it (AWS SDKs and Tools reference, "Container credential provider").
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from hashlib import sha256

from rolehop.credentials import Secret, Session
from rolehop.handover.environment import Change, plain_token, timestamp

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - likewise
METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"

_OTHERS = (
    RELATIVE_URI,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Variables that SDKs follow before they ask an endpoint, or that describe another session."""


def as_container(session: Session) -> bytes:
    """Return the answer of a credentials endpoint; every SDK needs the first four members.

    Raises:
        ValueError: ``session`` has no session token.
    """
    return json.dumps(_members(session)).encode()


def as_instance(session: Session) -> bytes:
    """Return what an EC2 instance's metadata service has as ``iam/security-credentials/ROLE``.

    Raises:
        ValueError: ``session`` has no session token.
    """
    made = {"Code": "Success", "LastUpdated": timestamp(session.issued_at), "Type": "AWS-HMAC"}
    return json.dumps({**made, **_members(session)}).encode()


def _members(session: Session) -> dict[str, str]:
    members = {
        "AccessKeyId": session.credentials.access_key_id,
        "SecretAccessKey": session.credentials.secret_access_key.reveal(),
        "Token": plain_token(session),
        "Expiration": timestamp(session.expires_at),
    }
    if session.account:
        members["AccountId"] = session.account
    return members


def metadata_changes(address: str) -> tuple[Change, ...]:
    """Return the changes that lead SDKs to a metadata service, version 2, at ``address``."""
    return (
        (METADATA, address),
        ("AWS_EC2_METADATA_V1_DISABLED", "true"),
        ("AWS_EC2_METADATA_DISABLED", None),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", None),
    )


def endpoint_changes(
    uri: str, token: Secret, token_file: str | None, region: str | None
) -> tuple[Change, ...]:
    """Return the changes that lead SDKs to an endpoint and to nothing else.

    Both variables have the token: some SDKs read only the one, some only the other.
    ``token_file`` holds it, too; ``None``: there is no such file.
    """
    regions = ((name, region) for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if region)
    return (
        *((name, None) for name in _OTHERS),
        (FULL_URI, uri),
        (TOKEN, token.reveal()),
        (TOKEN_FILE, token_file),
        *regions,
    )


def token_digest(token: Secret) -> str:
    """Return what a server keeps of its token: to compare with what requests have."""
    return digest_of_text(token.reveal().encode())


def digest_of_text(given: bytes) -> str:
    """Return what `token_digest` returns for the token whose text ``given`` is."""
    return sha256(given).hexdigest()


def token_check(token: Secret) -> Callable[[bytes], bool]:
    """Return a function that is true of the token only, in constant time."""
    digest = token_digest(token)
    return lambda given: hmac.compare_digest(digest_of_text(given), digest)


def token_text(token: Secret) -> str:
    """Return what a token's file holds: no line end, which SDKs would send, or refuse."""
    return token.reveal()
