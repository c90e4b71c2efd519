"""Any profile of the AWS config: its roles become hops, and what is below them is the source.

`expand` comes first, always: it turns a profile with ``role_arn`` into its base and hops, so that
every hop is planned, cached and explained like any other. `stamp` and `build` take what it gives.
Static keys are read here; whatever needs a sign-in or a program is left to botocore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.arn import default_region, partition_of
from rolehop.awsconfig import (
    AwsConfig,
    Base,
    Holds,
    holds,
    profile_path,
    profile_sections,
    profile_setting,
    region_of,
    static_keys,
)
from rolehop.config import checks
from rolehop.config.schema import Key, Table
from rolehop.errors import SourceError
from rolehop.plan import Stamp
from rolehop.sources.loops import refuse_loop, with_resolving
from rolehop.sources.mfa import MFA_KEYS
from rolehop.sources.source_type import Expanded, SourceType
from rolehop.values import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Source
    from rolehop.sources.inputs import Inputs

TABLE = Table(
    "sources.NAME (profile)",
    "any profile of the AWS config; its roles become hops before the chain's own",
    (
        Key("profile", checks.TEXT, "the profile's name in ~/.aws/config", required=True),
        *MFA_KEYS,
    ),
)

BASE = "base"
"""A setting that only `expand` sets: which `Base` the profile stands for. Without it a profile
with static keys and a role could be taken for its keys, which is somebody else."""

# What must not be taken for the profile's own by a process that asks AWS on its behalf.
_LEAKING = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
    }
)


def expand(source: SourceConfig, aws: AwsConfig) -> Expanded:
    """Return the base of a ``profile`` source, the hops of its roles, and notes for a person.

    The hops come before the chain's own. The base is of type ``profile`` or ``environment`` and
    carries the device that hop 1 asks for as its ``mfa_serial``, unless the config names one.
    A base that this gave is returned as it is.

    Raises:
        SourceError: there is no such profile.
        ConfigError: the profile cannot be followed.
    """
    if BASE in source.settings:
        return source, (), ()
    path = profile_path(aws, str(source.settings["profile"]))
    settings = {key: value for key, value in source.settings.items() if key != "profile"}
    if path.mfa_serial is not None:
        settings.setdefault("mfa_serial", path.mfa_serial)
    if path.base is Base.ENVIRONMENT:
        return replace(source, type="environment", settings=settings), path.hops, path.notes
    settings |= {"profile": path.base_profile, BASE: path.base.value}
    return replace(source, settings=settings), path.hops, path.notes


def stamp(source: SourceConfig, inputs: Inputs) -> Stamp:
    """Return the digest of the sections that the profile is made of.

    Not known before loading for a role of this machine. For a process its definition is all there
    is; who it signs in as can change unseen, which ``principal`` pins.

    Raises:
        SourceError: the profile's process leads back to the profile.
    """
    name, base = _asked(source)
    if base is not Base.PROFILE:
        return Stamp(None, long_lived=False)
    try:
        held = holds(inputs.aws, name)
        keys = static_keys(inputs.aws, name) if held is Holds.KEYS else None
        value = profile_sections(inputs.aws, name)
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=error.what)
    if keys is not None:
        return Stamp(value, long_lived=keys.long_lived)
    if held is Holds.NOTHING:
        # botocore goes on to the container's or the instance's role: whose, only they know.
        return Stamp(None, long_lived=False)
    if held is Holds.PROCESS:
        refuse_loop(name, inputs)
    return Stamp(value, long_lived=False, kept=True)


def build(source: SourceConfig, inputs: Inputs) -> Source:
    """Make the source; nothing is read or run before it is loaded."""
    name, base = _asked(source)
    return _Profile(name, base, source.region, inputs)


def _asked(source: SourceConfig) -> tuple[str, Base]:
    if BASE not in source.settings:
        raise ValueError(f"source '{source.name}' must be expanded before it is used")
    return str(source.settings["profile"]), Base(source.settings[BASE])


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str
    base: Base
    region: str | None
    inputs: Inputs

    def load(self) -> Credentials:
        """Return the profile's own credentials, its role left aside.

        Raises:
            SourceError: it gives none, wants a sign-in, or leads back to itself.
            ServiceError: the network or AWS failed.
        """
        if self.base is Base.PROFILE:
            held = holds(self.inputs.aws, self.name)
            if held is Holds.KEYS:
                return static_keys(self.inputs.aws, self.name)
            if held is Holds.PROCESS:
                refuse_loop(self.name, self.inputs)
        return self._resolved()

    def _resolved(self) -> Credentials:
        from rolehop.aws import profiles

        config_file, credentials_file = self.inputs.aws_files
        return profiles.resolve(
            profiles.Request(
                profile=self.name,
                base=self.base,
                holds=holds(self.inputs.aws, self.name),
                config_file=config_file,
                credentials_file=credentials_file,
                region=self._region(),
                environ=with_resolving(_without_credentials(self.inputs.environ), self.name),
                run=self.inputs.run,
                now=self.inputs.now(),
            )
        )

    def _region(self) -> str:
        """Return where a web identity is exchanged, in the order of the design."""
        environ, aws = self.inputs.environ, self.inputs.aws
        role = profile_setting(aws, self.name, "role_arn") or ""
        return (
            self.region
            or environ.get("AWS_REGION")
            or environ.get("AWS_DEFAULT_REGION")
            or region_of(aws, self.name)
            or default_region(partition_of(role) or "aws")
        )


def _without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _LEAKING}


TYPE = SourceType(TABLE, stamp, build, expand=expand)
