"""Which credentials a profile has, and with ``role_arn`` its chain: base credentials, then hops.

The rules are those of botocore's ``AssumeRoleProvider``, with two differences, which the notes
mention: MFA applies to the first hop only, since AWS accepts it nowhere else, and a value that
STS is certain to refuse is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from enum import Enum

from rolehop.awsconfig.parse import AwsConfig, Section, plain_setting, profile_of
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.durations import read_moment
from rolehop.base.errors import ConfigError, SourceError
from rolehop.base.text import nearest
from rolehop.config.model import HopConfig
from rolehop.config.sts_limits import EXTERNAL_ID_TEXT, MAX_DURATION, MIN_DURATION, NAME

_CREDENTIAL_SETTINGS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "web_identity_token_file",
)
"""The settings that define where credentials come from (AWS CLI user guide, "Configuration and
credential file settings")."""

_SIMILARITY = 0.88
"""How similar a misspelling must be: high enough that aws_account_id is not sso_account_id."""


class CredentialKind(Enum):
    """Where botocore takes the credentials of a profile from."""

    WEB_IDENTITY = "web identity"
    SSO = "Identity Center"
    KEYS = "static keys"
    LOGIN = "aws login"
    PROCESS = "credential_process"
    NOTHING = "nothing"


def credential_kind_of(aws: AwsConfig, name: str) -> CredentialKind:
    """Return the kind of credentials of profile ``name``, in botocore's order of precedence.

    It is the order of ``ProfileProviderBuilder``: static keys of the credentials file come before
    ``login_session`` and ``credential_process``, those of the config file after them.

    Raises:
        SourceError: there is no such profile.
    """
    profile = profile_of(aws, name)
    found = {
        CredentialKind.WEB_IDENTITY: bool(profile.get("web_identity_token_file")),
        CredentialKind.SSO: "sso_role_name" in profile or "sso_account_id" in profile,
        CredentialKind.KEYS: "aws_access_key_id" in aws.credentials_sections.get(name, {}),
        CredentialKind.LOGIN: "login_session" in profile,
        CredentialKind.PROCESS: "credential_process" in profile,
    }
    first = next((kind for kind, here in found.items() if here), None)
    if first is not None:
        return first
    in_config = "aws_access_key_id" in aws.config_profiles.get(name, {})
    return CredentialKind.KEYS if in_config else CredentialKind.NOTHING


def files_with_credentials(aws: AwsConfig, name: str) -> tuple[bool, bool]:
    """Return whether the config and the credentials file say where profile ``name`` gets its own."""
    sections = aws.config_profiles.get(name, {}), aws.credentials_sections.get(name, {})
    in_config, in_credentials = (
        any(key in section for key in _CREDENTIAL_SETTINGS) for section in sections
    )
    return in_config, in_credentials


def missing_credentials(aws: AwsConfig, name: str) -> str:
    """Return the reason why profile ``name`` has no credentials: a typo, or an incomplete setting.

    Raises:
        SourceError: there is no such profile.
    """
    keys = profile_of(aws, name).keys()
    typos = [f"{key}: did you mean {right}?" for key in keys if (right := _intended_setting(key))]
    if typos:
        return "; ".join(typos)
    half = ", ".join(key for key in _CREDENTIAL_SETTINGS if key in keys)
    return f"it has only {half}" if half else "it has no keys, no sign-in and no process"


def _intended_setting(key: str) -> str | None:
    """Return the setting of which ``key`` is a misspelling (a letter or a hyphen), or ``None``."""
    plain = key.replace("-", "_")
    if key in _CREDENTIAL_SETTINGS:
        return None
    return next(iter(nearest(plain, _CREDENTIAL_SETTINGS, 1, cutoff=_SIMILARITY)), None)


def static_keys(aws: AwsConfig, name: str) -> Credentials:
    """Return the keys written in profile ``name``, whose kind is ``KEYS``.

    A session token makes them temporary; when they expire is not known.

    Raises:
        SourceError: a part is missing or empty.
    """
    in_credentials = aws.credentials_sections.get(name, {})
    here = "aws_access_key_id" in in_credentials
    section = in_credentials if here else aws.config_profiles.get(name, {})
    file = aws.credentials_file if here else aws.config_file
    access_key_id = section.get("aws_access_key_id")
    secret = section.get("aws_secret_access_key")
    if not isinstance(access_key_id, str) or not access_key_id:
        raise _partial(name, "aws_access_key_id", file)
    if not isinstance(secret, Secret) or not secret:
        raise _partial(name, "aws_secret_access_key", file)
    return Credentials(access_key_id, secret, _token(section))


_ENDS = (
    "aws_expiration",  # aws-azure-login
    "x_security_token_expires",  # saml2aws
    "aws_session_expiration",  # aws-google-auth
    "expiration",  # awsume
)


def written_ends(aws: AwsConfig, name: str) -> list[datetime]:
    """Return when the session of profile ``name`` ends, as tools say that left it there; AWS has no key."""
    found = []
    for key in _ENDS:
        with suppress(ValueError):
            moment = read_moment(aws.profiles[name].get(key))
            found.append(moment.replace(microsecond=0))
    return found


def _token(section: Section) -> Secret | None:
    """Return the session token; as in botocore, the legacy name comes first."""
    for key in ("aws_security_token", "aws_session_token"):
        if key in section:
            token = section[key]
            return token if isinstance(token, Secret) and token else None
    return None


def _partial(name: str, key: str, file: str) -> SourceError:
    return SourceError(
        f"the keys of AWS profile '{name}' are not complete",
        cause=f"{key} is missing or empty in {file}",
        fix=f"add {key} next to the other half of the key, in the same file",
    )


MAX_HOPS = 64  # real chains have three or four; this bounds the work on a generated file


class ChainBase(Enum):
    """What signs the first hop. The last three are the values of ``credential_source``."""

    PROFILE = "profile"
    ENVIRONMENT = "Environment"
    INSTANCE = "Ec2InstanceMetadata"
    CONTAINER = "EcsContainer"


@dataclass(frozen=True, slots=True)
class ProfileChain:
    """A profile as a chain: its base credentials and its hops."""

    profile: str
    """The profile that was resolved."""

    base: ChainBase
    base_profile: str
    """For ``ChainBase.PROFILE`` the profile whose own credentials (not its role) sign the first
    hop; otherwise the profile with the ``credential_source``."""

    hops: tuple[HopConfig, ...] = ()
    """In the order in which they are walked; empty if the profile has no role."""

    mfa_serial: str | None = None
    """The device that hop 1 asks for; it belongs to the IAM user behind the base credentials."""

    notes: tuple[str, ...] = ()
    """Settings that botocore, or rolehop, ignores; for people to read."""


def resolve_profile(aws: AwsConfig, name: str) -> ProfileChain:
    """Resolve profile ``name`` into its base and hops.

    Raises:
        SourceError: there is no such profile.
        ConfigError: botocore would refuse it (a loop, shown whole; a source profile that does not
            exist or has no credentials; both or neither of source_profile and credential_source),
            or STS would refuse its values.
    """
    roles, base, base_profile = _follow(aws, name)
    notes: list[str] = []
    hops = tuple(_hop(aws, role, notes) for role in reversed(roles))
    if base is ChainBase.PROFILE and base_profile not in roles and _has_role(aws, base_profile):
        notes.append(
            f"the role of AWS profile '{base_profile}' does not count: like botocore, rolehop starts"
            " from its keys"
        )
    mfa_serial = _mfa_of_base(aws, base, base_profile, hops, notes)
    return ProfileChain(
        profile=name,
        base=base,
        base_profile=base_profile,
        hops=tuple(_without_mfa(hops, notes)),
        mfa_serial=mfa_serial,
        notes=tuple(notes),
    )


def _follow(aws: AwsConfig, name: str) -> tuple[list[str], ChainBase, str]:
    """Return the role profiles from ``name`` on, then the base and the profile that defines it."""
    profile_of(aws, name)
    roles: list[str] = []
    visited = [name]
    at = name
    while _has_role(aws, at):
        roles.append(at)
        if len(roles) > MAX_HOPS:
            raise _refused(aws, name, f"its path has more than {MAX_HOPS} roles")
        credential_source = _credential_source(aws, at)
        if credential_source is not None:
            return roles, credential_source, at
        source = _source_profile(aws, at, visited)
        visited.append(source)
        if _has_keys(aws, source) or not _has_role(aws, source):
            _check_gives(aws, source, at)
            return roles, ChainBase.PROFILE, source
        at = source
    return roles, ChainBase.PROFILE, at


def _has_role(aws: AwsConfig, name: str) -> bool:
    """True if the profile assumes a role; with a web identity token it is a base instead."""
    profile = aws.profiles[name]
    return "role_arn" in profile and "web_identity_token_file" not in profile


def _has_keys(aws: AwsConfig, name: str) -> bool:
    """True if botocore takes the profile for one with static keys; half a key is enough."""
    profile = aws.profiles[name]
    return "aws_access_key_id" in profile or "aws_secret_access_key" in profile


def _credential_source(aws: AwsConfig, name: str) -> ChainBase | None:
    """Return the profile's ``credential_source``, or ``None`` if it has a ``source_profile``."""
    profile = aws.profiles[name]
    both = ("source_profile" in profile, "credential_source" in profile)
    if all(both):
        raise _refused(aws, name, "it has both source_profile and credential_source")
    if not any(both):
        raise _refused(aws, name, "its role_arn needs source_profile or credential_source")
    value = plain_setting(aws, name, "credential_source")
    if value is None:
        return None
    allowed = {base.value: base for base in ChainBase if base is not ChainBase.PROFILE}
    if value not in allowed:
        # botocore compares case-sensitively.
        raise _refused(aws, name, f"credential_source '{value}' is none of {', '.join(allowed)}")
    return allowed[value]


def _source_profile(aws: AwsConfig, name: str, visited: list[str]) -> str:
    """Return the profile's ``source_profile``, once it is known to exist and to form no loop."""
    source = plain_setting(aws, name, "source_profile") or ""
    if source not in aws.profiles:
        raise _refused(aws, name, f"its source_profile '{source}' does not exist")
    # A profile may name itself, but only to use its own static keys.
    if source in visited and (source != name or not _has_keys(aws, source)):
        loop = " -> ".join([*visited[visited.index(source) :], source])
        raise _refused(aws, visited[0], f"its source profiles form a loop: {loop}")
    return source


def _check_gives(aws: AwsConfig, source: str, role_profile: str) -> None:
    """Refuse a source profile without credentials: botocore looks no further than the profile."""
    if credential_kind_of(aws, source) is CredentialKind.NOTHING:
        why = (
            f"its source_profile '{source}' has no credentials: {missing_credentials(aws, source)}"
        )
        raise _refused(aws, role_profile, why)


def _hop(aws: AwsConfig, name: str, notes: list[str]) -> HopConfig:
    """Return the hop that one role profile describes."""
    session_name = plain_setting(aws, name, "role_session_name")
    if session_name is not None and not NAME.fullmatch(session_name):
        raise _refused(
            aws, name, "role_session_name must be 2-64 characters from A-Z a-z 0-9 _+=,.@-"
        )
    external_id = plain_setting(aws, name, "external_id")
    if external_id is not None and not EXTERNAL_ID_TEXT.fullmatch(external_id):
        raise _refused(
            aws, name, "external_id must be 2-1224 characters from A-Z a-z 0-9 _+=,.@:/-"
        )
    return HopConfig(
        role=_role(aws, name),
        session_name=session_name,
        external_id=external_id,
        duration_seconds=_duration(aws, name, notes),
        mfa_serial=plain_setting(aws, name, "mfa_serial"),
    )


def _role(aws: AwsConfig, name: str) -> str:
    arn = plain_setting(aws, name, "role_arn") or ""
    try:
        return str(RoleArn.parse(arn))
    except ValueError:
        raise _refused(aws, name, f"role_arn '{arn}' is not the ARN of a role") from None


def _duration(aws: AwsConfig, name: str, notes: list[str]) -> int | None:
    """Return ``duration_seconds``; like botocore, ignore it if it is not a whole number."""
    text = plain_setting(aws, name, "duration_seconds")
    if text is None:
        return None
    try:
        seconds = int(text)
    except ValueError:
        notes.append(f"duration_seconds of AWS profile '{name}' is not a whole number: ignored")
        return None
    if not MIN_DURATION <= seconds <= MAX_DURATION:
        raise _refused(aws, name, f"duration_seconds {seconds} is not within 900-43200")
    return seconds


def _mfa_of_base(
    aws: AwsConfig,
    base: ChainBase,
    base_profile: str,
    hops: tuple[HopConfig, ...],
    notes: list[str],
) -> str | None:
    """Return the device of hop 1, if the base may be an IAM user that can use it."""
    serial = hops[0].mfa_serial if hops else None
    if serial is None or base is ChainBase.ENVIRONMENT:
        return serial
    kind = credential_kind_of(aws, base_profile) if base is ChainBase.PROFILE else None
    # What a process returns is not known before it has run.
    if kind is CredentialKind.PROCESS or (
        kind is CredentialKind.KEYS and static_keys(aws, base_profile).long_lived
    ):
        return serial
    notes.append("mfa_serial of hop 1 is ignored: only IAM user keys can use MFA")
    return None


def _without_mfa(hops: tuple[HopConfig, ...], notes: list[str]) -> Iterator[HopConfig]:
    """Remove MFA from the hops: the first one's is the base's, later ones can never be met."""
    for number, hop in enumerate(hops, start=1):
        if number > 1 and hop.mfa_serial is not None:
            notes.append(f"mfa_serial of hop {number} is ignored: a role session cannot use MFA")
        yield replace(hop, mfa_serial=None)


def _refused(aws: AwsConfig, name: str, cause: str) -> ConfigError:
    return ConfigError(
        f"the AWS profile '{name}' cannot be followed",
        cause=cause,
        fix=f"correct it in {aws.config_file}",
    )
