"""What a first config may start from: what was found here first, then every type of source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rolehop.app.first_config.machine import is_ec2_instance
from rolehop.arn import RoleArn
from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    credential_kind_of,
    current_profile,
    profile_setting,
    resolve_profile,
)
from rolehop.awsconfig.process_line import own_line
from rolehop.errors import RolehopError
from rolehop.importing.tools import AWS_CONFIG
from rolehop.show.picker import Choice
from rolehop.sources.container import FULL, RELATIVE
from rolehop.sources.shared.cli_sign_in import portal_address
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.importing.found_files import FoundFiles

PROFILE, CENTER, IMPORT, TYPE = "profile", "center", "import", "type"
"""What an offer's value is: an AWS profile, an Identity Center, a tool, a type of source."""


class FoundCenter(NamedTuple):
    """An Identity Center in the AWS config."""

    start_url: str
    region: str
    session: str | None
    """The name of its ``sso-session``, if it has one."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the first question."""

    kind: str
    value: str
    choice: Choice
    center: FoundCenter | None = None


# ---- found here


def found_offers(app: App, found: FoundFiles) -> list[Offer]:
    """Return what was found on this machine, the most likely first; nothing is called.

    ``found``: the AWS files and those of other tools, as they were read.
    """
    here = [*_of_environment(app), *_of_machine(app)]
    profiles = list(_profiles(app, found.aws))
    return [*here, *profiles, *_centers(found.aws), *_imports(found, len(profiles))]


def _of_environment(app: App) -> Iterator[Offer]:
    environ = app.shell_before
    # A session that rolehop itself put there is no source.
    if environ.get("AWS_ACCESS_KEY_ID") and not app.environ.get("ROLEHOP_CHAIN"):
        kind = "a session" if environ.get("AWS_SESSION_TOKEN") else "IAM user keys"
        yield _typed("environment", "The environment", f"{kind} in AWS_ACCESS_KEY_ID")
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environ.get("AWS_ROLE_ARN"):
        yield _typed("web-identity here", "This pod's token", "AWS_WEB_IDENTITY_TOKEN_FILE")


def _of_machine(app: App) -> Iterator[Offer]:
    environ = app.shell_before
    if environ.get(RELATIVE) or environ.get(FULL):
        yield _typed("container", "This container's role", "ECS or EKS")
    is_off = environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
    named = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if not is_off and (named or is_ec2_instance()):
        yield _typed("instance", "This EC2 instance's role", "its metadata service")


def _typed(value: str, name: str, detail: str) -> Offer:
    return Offer(TYPE, value, Choice(name, "", detail, "", labels=_WORDS.get(value, ())))


def _profiles(app: App, aws: AwsConfig) -> Iterator[Offer]:
    """Give the profiles that have credentials, the one that this shell names first."""
    current = current_profile(app.shell_before)
    for name in sorted(aws.profiles, key=lambda each: each != (current or "default")):
        detail = describe_profile(aws, name)
        if detail is not None:
            yield Offer(PROFILE, name, Choice(f"AWS profile {clean(name)}", "", detail, ""))


def describe_profile(aws: AwsConfig, name: str) -> str | None:
    """Return what a profile leads to; ``None``: it has no credentials, or has them of rolehop."""
    try:
        chain = resolve_profile(aws, name)
        kind = credential_kind_of(aws, chain.base_profile)
    except RolehopError:
        return None
    process = profile_setting(aws, chain.base_profile, "credential_process") or ""
    if kind is CredentialKind.PROCESS and own_line(process):
        return None
    if chain.base is ChainBase.PROFILE and kind is CredentialKind.NOTHING:
        return None
    if chain.hops:
        return clean(
            f"{_short(chain.hops[-1].role)}, from {_start(chain.base, chain.base_profile)}"
        )
    if kind is CredentialKind.SSO:
        role, account = (
            profile_setting(aws, name, key) or "?" for key in ("sso_role_name", "sso_account_id")
        )
        return clean(f"Identity Center: {role} in {account}")
    return str(kind.value)


def _start(base: ChainBase, profile: str) -> str:
    return profile if base is ChainBase.PROFILE else base.value


def _short(role: str) -> str:
    """Return a role as ``Admin in 333333333333``."""
    try:
        found = RoleArn.parse_in(role, "aws")
    except ValueError:
        return role
    return f"{found.name} in {found.account}"


def centers_in(aws: AwsConfig) -> list[FoundCenter]:
    """Return every Identity Center of the AWS config once, those of an ``sso-session`` first."""
    sections = [
        *((name, keys) for name, keys in aws.sso_sessions.items()),
        *((None, keys) for keys in aws.profiles.values()),
    ]
    found = dict[tuple[str, str], FoundCenter]()
    for session, keys in sections:
        url, region = keys.get("sso_start_url"), keys.get("sso_region")
        if isinstance(url, str) and isinstance(region, str) and url and region:
            center = FoundCenter(url, region, session)
            found.setdefault((portal_address(url), region), center)
    return list(found.values())


def _centers(aws: AwsConfig) -> Iterator[Offer]:
    for center in centers_in(aws):
        name = f"Identity Center {clean(center.session)}" if center.session else "Identity Center"
        address = clean(center.start_url.partition("://")[2])
        choice = Choice(name, "", address, "", labels=_WORDS["identity-center"])
        yield Offer(CENTER, "", choice, center)


def _imports(found: FoundFiles, profiles: int) -> Iterator[Offer]:
    """Give the tools whose chains can be taken over as a whole."""
    for tool in found.tools:
        if tool != AWS_CONFIG:
            choice = Choice(f"Everything of {tool}", "", "its profiles become chains", "")
            yield Offer(IMPORT, tool, choice)
    if AWS_CONFIG in found.tools and profiles > 1:
        choice = Choice("All AWS profiles", "", f"{profiles} profiles become chains", "")
        yield Offer(IMPORT, AWS_CONFIG, choice)


# ---- every type of source

_WORDS = {
    "identity-center": ("sso", "aws sso", "single sign-on", "login"),
    "keys": ("access key", "static", "long-lived", "akia"),
    "profile": ("~/.aws/config", "credentials file"),
    "environment": ("variables", "env"),
    "instance": ("ec2", "imds", "instance profile", "metadata"),
    "container": ("ecs", "eks", "fargate", "pod identity", "docker"),
    "web-identity": ("oidc", "openid connect", "github", "gitlab", "ci", "irsa", "jwt"),
    "web-identity sign-in": ("oidc", "openid connect", "okta", "entra", "google"),
    "saml": ("okta", "adfs", "entra", "azure", "saml2aws", "sso"),
    "roles-anywhere": ("x.509", "x509", "pki", "pkcs", "hardware token"),
    "process": ("credential_process", "tool", "script"),
}
"""Other words that find a type of source."""

_TYPES = (
    ("identity-center", "IAM Identity Center, SSO", "sign in with a browser"),
    ("keys", "IAM user keys", "kept in the keyring"),
    ("profile", "An AWS profile, by name", "of ~/.aws/config"),
    ("environment", "The environment", "AWS_ACCESS_KEY_ID and others"),
    ("instance", "An EC2 instance's role", "its metadata service"),
    ("container", "A container's role", "ECS, EKS"),
    ("web-identity", "OpenID Connect, by file", "GitHub, GitLab, IRSA"),
    ("web-identity sign-in", "OpenID Connect, sign-in", "with a browser"),
    ("saml", "SAML", "an identity provider's assertion"),
    ("roles-anywhere", "A certificate", "IAM Roles Anywhere"),
    ("process", "Another program", "credential_process"),
)


def typed_offers(found: list[Offer]) -> list[Offer]:
    """Return one offer for each type of source that was not ``found``."""
    there = {each.value for each in found if each.kind == TYPE}
    return [_typed(*each) for each in _TYPES if each[0] not in there]
