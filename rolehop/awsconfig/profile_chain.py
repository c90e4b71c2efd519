"""Turns a profile with ``role_arn`` into what it stands for: a base, then hops in order.

The rules are those of botocore's ``AssumeRoleProvider``, with two differences that are said in
the notes: MFA stays with the first hop, since AWS honours it nowhere else, and a value that STS
is bound to refuse is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from rolehop.arn import RoleArn
from rolehop.awsconfig.credential_kind import Holds, holds, static_keys, why_nothing
from rolehop.awsconfig.model import AwsConfig, profile_of, text_in
from rolehop.config.model import HopConfig
from rolehop.config.sts_limits import EXTERNAL_ID_TEXT, MAX_DURATION, MIN_DURATION, NAME
from rolehop.errors import ConfigError
from rolehop.startup.dataclass import dataclass, replace

MAX_HOPS = 64  # a real path has three or four; this only bounds the work on a generated file


class Base(Enum):
    """Who signs the first hop. The last three are the values of ``credential_source``."""

    PROFILE = "profile"
    ENVIRONMENT = "Environment"
    INSTANCE = "Ec2InstanceMetadata"
    CONTAINER = "EcsContainer"


@dataclass(frozen=True, slots=True)
class ProfileChain:
    """A profile as a chain: its base and its hops."""

    profile: str
    """The one that was asked for."""

    base: Base
    base_profile: str
    """For ``Base.PROFILE`` the profile whose own credentials (role left aside) sign the first
    hop; else the one that names the ``credential_source``."""

    hops: tuple[HopConfig, ...] = ()
    """In the order they are walked. No role in the path: empty."""

    mfa_serial: str | None = None
    """The device that hop 1 asks for; it belongs to the base, whose user carries it."""

    notes: tuple[str, ...] = ()
    """What botocore, or we, leave out; for a person to read."""


def profile_path(aws: AwsConfig, name: str) -> ProfileChain:
    """Resolve profile ``name`` into its base and hops.

    Raises:
        SourceError: there is no such profile.
        ConfigError: botocore would refuse it (a loop, shown whole; a source profile that does not
            exist or has no credentials; both or neither of source_profile and credential_source),
            or STS would refuse what it says.
    """
    roles, base, base_profile = _follow(aws, name)
    notes: list[str] = []
    hops = tuple(_hop(aws, role, notes) for role in reversed(roles))
    if base is Base.PROFILE and base_profile not in roles and _has_role(aws, base_profile):
        notes.append(
            f"the role of AWS profile '{base_profile}' is skipped: a source profile with static "
            "keys is used for its keys, in botocore as here"
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


def _follow(aws: AwsConfig, name: str) -> tuple[list[str], Base, str]:
    """Return the role profiles from ``name`` down, then the base and the profile it is in."""
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
            return roles, Base.PROFILE, source
        at = source
    return roles, Base.PROFILE, at


def _has_role(aws: AwsConfig, name: str) -> bool:
    """Tell whether the profile assumes a role; with a web identity token it is a base instead."""
    profile = aws.profiles[name]
    return "role_arn" in profile and "web_identity_token_file" not in profile


def _has_keys(aws: AwsConfig, name: str) -> bool:
    """Tell whether botocore takes the profile for one with static keys: half a key is enough."""
    profile = aws.profiles[name]
    return "aws_access_key_id" in profile or "aws_secret_access_key" in profile


def _credential_source(aws: AwsConfig, name: str) -> Base | None:
    """Return the profile's ``credential_source``, having checked that it says one thing."""
    profile = aws.profiles[name]
    both = ("source_profile" in profile, "credential_source" in profile)
    if all(both):
        raise _refused(aws, name, "it has both source_profile and credential_source")
    if not any(both):
        raise _refused(aws, name, "its role_arn needs source_profile or credential_source")
    said = text_in(aws, name, "credential_source")
    if said is None:
        return None
    allowed = {base.value: base for base in Base if base is not Base.PROFILE}
    if said not in allowed:
        # botocore compares case-sensitively.
        raise _refused(aws, name, f"credential_source '{said}' is none of {', '.join(allowed)}")
    return allowed[said]


def _source_profile(aws: AwsConfig, name: str, visited: list[str]) -> str:
    """Return the profile's ``source_profile``, having checked that it exists and is no loop."""
    source = text_in(aws, name, "source_profile") or ""
    if source not in aws.profiles:
        raise _refused(aws, name, f"its source_profile '{source}' does not exist")
    # A profile may name itself, but only to use its own static keys.
    if source in visited and (source != name or not _has_keys(aws, source)):
        loop = " -> ".join([*visited[visited.index(source) :], source])
        raise _refused(aws, visited[0], f"its source profiles form a loop: {loop}")
    return source


def _check_gives(aws: AwsConfig, source: str, role_profile: str) -> None:
    """Refuse a source profile that gives nothing: botocore looks no further than the profile."""
    if holds(aws, source) is Holds.NOTHING:
        why = f"its source_profile '{source}' has no credentials: {why_nothing(aws, source)}"
        raise _refused(aws, role_profile, why)


def _hop(aws: AwsConfig, name: str, notes: list[str]) -> HopConfig:
    """Make the hop that one role profile describes."""
    session_name = text_in(aws, name, "role_session_name")
    if session_name is not None and not NAME.fullmatch(session_name):
        raise _refused(
            aws, name, "role_session_name must be 2-64 characters out of A-Z a-z 0-9 _+=,.@-"
        )
    external_id = text_in(aws, name, "external_id")
    if external_id is not None and not EXTERNAL_ID_TEXT.fullmatch(external_id):
        raise _refused(
            aws, name, "external_id must be 2-1224 characters out of A-Z a-z 0-9 _+=,.@:/-"
        )
    return HopConfig(
        role=_role(aws, name),
        session_name=session_name,
        external_id=external_id,
        duration_seconds=_duration(aws, name, notes),
        mfa_serial=text_in(aws, name, "mfa_serial"),
    )


def _role(aws: AwsConfig, name: str) -> str:
    said = text_in(aws, name, "role_arn") or ""
    try:
        return str(RoleArn.parse(said))
    except ValueError:
        raise _refused(aws, name, f"role_arn '{said}' is not the ARN of a role") from None


def _duration(aws: AwsConfig, name: str, notes: list[str]) -> int | None:
    """Return ``duration_seconds``; what is no whole number is left out, as botocore does."""
    said = text_in(aws, name, "duration_seconds")
    if said is None:
        return None
    try:
        seconds = int(said)
    except ValueError:
        notes.append(f"duration_seconds of AWS profile '{name}' is no whole number: left out")
        return None
    if not MIN_DURATION <= seconds <= MAX_DURATION:
        raise _refused(aws, name, f"duration_seconds {seconds} is not within 900-43200")
    return seconds


def _mfa_of_base(
    aws: AwsConfig, base: Base, base_profile: str, hops: tuple[HopConfig, ...], notes: list[str]
) -> str | None:
    """Return the device of hop 1, where the base may be an IAM user that can use it."""
    serial = hops[0].mfa_serial if hops else None
    if serial is None or base is Base.ENVIRONMENT:
        return serial
    held = holds(aws, base_profile) if base is Base.PROFILE else None
    # What a process gives is not known before it has run.
    if held is Holds.PROCESS or (held is Holds.KEYS and static_keys(aws, base_profile).long_lived):
        return serial
    notes.append("mfa_serial of hop 1 is left out: only IAM user keys carry MFA")
    return None


def _without_mfa(hops: tuple[HopConfig, ...], notes: list[str]) -> Iterator[HopConfig]:
    """Take MFA off the hops: the first one's is the base's, and later ones can never be met."""
    for number, hop in enumerate(hops, start=1):
        if number > 1 and hop.mfa_serial is not None:
            notes.append(
                f"mfa_serial of hop {number} is left out: a role's session cannot carry MFA"
            )
        yield replace(hop, mfa_serial=None)


def _refused(aws: AwsConfig, name: str, cause: str) -> ConfigError:
    return ConfigError(
        f"the AWS profile '{name}' cannot be followed",
        cause=cause,
        fix=f"correct it in {aws.config_file}",
    )
