"""The IAM calls on a user's own access keys, with IAM's limit of two and its slow consistency."""

from __future__ import annotations

from tests.doubles.sts_params import Refused, Request
from tests.doubles.sts_world import Key, User, World


def create_access_key(world: World, request: Request) -> str:
    """Return the inside of CreateAccessKeyResult."""
    user = _user(world, request, "CreateAccessKey")
    if len(user.keys) >= 2:
        raise Refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409)
    key = world.new_key(user)
    key.unknown_for = world.settling
    return (
        f"<AccessKey><UserName>{_name(user)}</UserName><AccessKeyId>{key.access_key_id}"
        f"</AccessKeyId><Status>Active</Status><SecretAccessKey>{key.secret}</SecretAccessKey>"
        "<CreateDate>2026-08-01T12:00:00Z</CreateDate></AccessKey>"
    )


def list_access_keys(world: World, request: Request) -> str:
    """Return the inside of ListAccessKeysResult."""
    user = _user(world, request, "ListAccessKeys")
    members = "".join(
        f"<member><UserName>{_name(user)}</UserName><AccessKeyId>{key.access_key_id}</AccessKeyId>"
        f"<Status>{'Active' if key.active else 'Inactive'}</Status>"
        "<CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
        for key in user.keys
    )
    return f"<AccessKeyMetadata>{members}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"


def update_access_key(world: World, request: Request) -> str:
    """Carry UpdateAccessKey out."""
    user = _user(world, request, "UpdateAccessKey")
    _key(user, request).active = {"Active": True, "Inactive": False}[request.params["Status"]]
    return ""


def delete_access_key(world: World, request: Request) -> str:
    """Carry DeleteAccessKey out."""
    user = _user(world, request, "DeleteAccessKey")
    key = _key(user, request)
    user.keys.remove(key)
    world.forget_key(key.access_key_id)
    return ""


def _user(world: World, request: Request, action: str) -> User:
    signer = request.signer
    if signer.user is None or action in world.denied:
        raise _denied(signer, action)
    if signer.token is not None and signer.mfa_at is None:
        raise Refused(
            "InvalidClientTokenId", "The security token included in the request is invalid", 403
        )
    if signer.user.iam_wants_mfa and signer.mfa_at is None:
        raise _denied(signer, action)
    if "UserName" in request.params:
        raise Refused("ValidationError", "the double infers the user from the signature")
    return signer.user


def _key(user: User, request: Request) -> Key:
    wanted = request.params["AccessKeyId"]
    for key in user.keys:
        if key.access_key_id == wanted:
            return key
    raise Refused("NoSuchEntity", f"The Access Key with id {wanted} cannot be found.", 404)


def _name(user: User) -> str:
    return user.arn.rpartition("/")[2]


def _denied(signer: Key, action: str) -> Refused:
    text = f"User: {signer.arn} is not authorized to perform: iam:{action} on resource: user"
    return Refused("AccessDenied", text, 403)


OPERATIONS = {
    "CreateAccessKey": ("iam", create_access_key),
    "ListAccessKeys": ("iam", list_access_keys),
    "UpdateAccessKey": ("iam", update_access_key),
    "DeleteAccessKey": ("iam", delete_access_key),
}
