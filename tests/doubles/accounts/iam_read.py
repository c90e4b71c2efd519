"""The IAM calls that read roles, users and policies, by who may read in an account; lists are one page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote
from xml.sax.saxutils import escape

from tests.doubles.sts_params import Refused, Request
from tests.doubles.sts_world import World


def get_role(world: World, request: Request) -> str:
    """Return the inside of GetRoleResult."""
    _check_reader(world, request, "GetRole")
    name = request.params["RoleName"]
    role = next(
        (e for e in world.roles.values() if (e.account, e.name) == (request.signer.account, name)),
        None,
    )
    if role is None:
        raise Refused("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    return (
        f"<Role><Path>/</Path><Arn>{role.arn}</Arn><RoleName>{name}</RoleName>"
        f"<RoleId>{role.role_id}</RoleId><MaxSessionDuration>{role.max_session}"
        f"</MaxSessionDuration><AssumeRolePolicyDocument>{quote(role.trust)}"
        "</AssumeRolePolicyDocument></Role>"
    )


def get_user(world: World, request: Request) -> str:
    """Return the inside of GetUserResult."""
    _check_reader(world, request, "GetUser")
    arn = _arn_of(request, "user")
    if arn not in world.users:
        raise Refused("NoSuchEntity", "The user cannot be found.", 404)
    user = world.users[arn]
    return (
        f"<User><Path>/</Path><UserName>{request.params['UserName']}</UserName><Arn>{arn}</Arn>"
        f"<UserId>{user.user_id}</UserId></User>"
    )


def _list_inline(kind: str) -> Callable[[World, Request], str]:
    def listed(world: World, request: Request) -> str:
        _check_reader(world, request, f"List{kind}Policies")
        names = world.inline.get(_arn_of(request, kind.lower()), {})
        members = "".join(f"<member>{escape(each)}</member>" for each in names)
        return f"<PolicyNames>{members}</PolicyNames><IsTruncated>false</IsTruncated>"

    return listed


def _get_inline(kind: str) -> Callable[[World, Request], str]:
    def got(world: World, request: Request) -> str:
        _check_reader(world, request, f"Get{kind}Policy")
        name = request.params["PolicyName"]
        text = world.inline.get(_arn_of(request, kind.lower()), {}).get(name)
        if text is None:
            raise Refused("NoSuchEntity", f"The policy {name} cannot be found.", 404)
        return (
            f"<PolicyName>{escape(name)}</PolicyName><PolicyDocument>{quote(text)}</PolicyDocument>"
        )

    return got


def _no_attached(kind: str) -> Callable[[World, Request], str]:
    def listed(world: World, request: Request) -> str:
        _check_reader(world, request, f"ListAttached{kind}Policies")
        return "<AttachedPolicies></AttachedPolicies><IsTruncated>false</IsTruncated>"

    return listed


def _no_groups(world: World, request: Request) -> str:
    _check_reader(world, request, "ListGroupsForUser")
    return "<Groups></Groups><IsTruncated>false</IsTruncated>"


def _get_managed(action: str, inside: str) -> Callable[[World, Request], str]:
    def got(world: World, request: Request) -> str:
        _check_reader(world, request, action)
        text = world.managed_policies.get(request.params["PolicyArn"])
        if text is None:
            raise Refused("NoSuchEntity", "The policy cannot be found.", 404)
        return inside.format(document=quote(text))

    return got


_VERSION = "<PolicyVersion><Document>{document}</Document></PolicyVersion>"


def _arn_of(request: Request, kind: str) -> str:
    name = request.params["RoleName" if kind == "role" else "UserName"]
    return f"arn:aws:iam::{request.signer.account}:{kind}/{name}"


def _check_reader(world: World, request: Request, action: str) -> None:
    signer = request.signer
    owner = signer.role or signer.user
    may = owner is not None and owner.arn in world.iam_readers
    if owner is None or not may or f"iam:{action}" in world.may_not.get(owner.arn, ()):
        raise Refused(
            "AccessDenied",
            f"User: {signer.arn} is not authorized to perform: iam:{action}",
            403,
        )


OPERATIONS: dict[str, tuple[str, Callable[[World, Request], str]]] = {
    "GetRole": ("iam", get_role),
    "GetUser": ("iam", get_user),
    "ListRolePolicies": ("iam", _list_inline("Role")),
    "ListUserPolicies": ("iam", _list_inline("User")),
    "GetRolePolicy": ("iam", _get_inline("Role")),
    "GetUserPolicy": ("iam", _get_inline("User")),
    "ListAttachedRolePolicies": ("iam", _no_attached("Role")),
    "ListAttachedUserPolicies": ("iam", _no_attached("User")),
    "ListGroupsForUser": ("iam", _no_groups),
    "GetPolicy": (
        "iam",
        _get_managed("GetPolicy", "<Policy><DefaultVersionId>v1</DefaultVersionId></Policy>"),
    ),
    "GetPolicyVersion": ("iam", _get_managed("GetPolicyVersion", _VERSION)),
}
