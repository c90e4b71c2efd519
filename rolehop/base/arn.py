"""Roles, sessions and partitions as values: an ARN is parsed once, and then known to be valid."""

from __future__ import annotations

from functools import lru_cache
from typing import Self

from rolehop.base.dataclass import dataclass
from rolehop.base.startup import Pattern

ACCOUNT_ID = Pattern(r"[0-9]{12}")
_PARTITION = r"aws(?:-[a-z]+)*"

# A role path is 1-512 characters of U+0021-U+007E between slashes; a role name is 1-64 of
# [\w+=,.@-] (IAM API reference, CreateRole).
_PATH_AND_NAME = r"(?P<path>/(?:[\x21-\x7e]{1,510}/)?)(?P<name>[A-Za-z0-9_+=,.@-]{1,64})"

_ROLE = Pattern(
    rf"arn:(?P<partition>{_PARTITION}):iam::(?P<account>[0-9]{{12}}):role{_PATH_AND_NAME}"
)

_SHORT_ROLE = Pattern(rf"(?P<account>[0-9]{{12}}):role{_PATH_AND_NAME}")

_SESSION = Pattern(
    rf"arn:{_PARTITION}:sts::(?P<account>[0-9]{{12}}):assumed-role/(?P<name>[^/]+)/(?P<session>[^/]+)"
)

_PRINCIPAL = Pattern(
    rf"arn:{_PARTITION}:(?:iam::[0-9]{{12}}:(?:root|(?:user|role)/[\x21-\x7e]+)"
    r"|sts::[0-9]{12}:(?:assumed-role/[^/\s]+|federated-user)/[^/\s]+)"
)

# Region prefixes by partition, from botocore's partitions.json; every other region is in the
# commercial partition.
_REGION_PREFIXES = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("eusc-", "aws-eusc"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
)

_DEFAULT_REGIONS = {
    "aws": "us-east-1",
    "aws-cn": "cn-northwest-1",
    "aws-us-gov": "us-gov-west-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
}

# From botocore's partitions.json; AWS opens a few new ones each year.
_REGIONS = frozenset(
    [
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "me-west-1",
        "mx-central-1",
        "sa-east-1",
        "sa-west-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
        "cn-north-1",
        "cn-northwest-1",
        "eusc-de-east-1",
        "us-iso-east-1",
        "us-iso-west-1",
        "us-isob-east-1",
        "us-isob-west-1",
        "eu-isoe-west-1",
        "us-isof-east-1",
        "us-isof-south-1",
        "us-gov-east-1",
        "us-gov-west-1",
    ]
)

# Regions that an account has to enable first (Account Management reference, "Enable or disable AWS
# Regions").
_OPT_IN = (
    "af-", "ap-east-", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
    "ap-southeast-6", "ap-southeast-7", "ca-west-", "eu-central-2", "eu-south-", "il-", "me-",
    "mx-", "sa-west-",
)  # fmt: skip

# The last word of every region's name.
_DIRECTIONS = frozenset(
    [
        "central",
        "east",
        "north",
        "northeast",
        "northwest",
        "south",
        "southeast",
        "southwest",
        "west",
    ]
)


@dataclass(frozen=True, slots=True)
class RoleArn:
    """An IAM role; ``path`` keeps both its slashes (``/`` or ``/team/x/``)."""

    partition: str
    account: str
    path: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a full role ARN.

        Raises:
            ValueError: quoting what was found.
        """
        match = _ROLE.fullmatch(text)
        if match is None:
            raise ValueError(f"not the ARN of a role: {text!r}")
        return cls(*match.groups())

    @classmethod
    def parse_in(cls, text: str, partition: str) -> Self:
        """Read a full ARN, or the short form ``ACCOUNT:role/NAME`` within ``partition``.

        Raises:
            ValueError: quoting what was found.
        """
        match = _SHORT_ROLE.fullmatch(text)
        if match is not None:
            return cls(partition, *match.groups())
        return cls.parse(text)

    def __str__(self) -> str:
        """Return the full ARN."""
        return f"arn:{self.partition}:iam::{self.short}"

    @property
    def short(self) -> str:
        """The short form, which the config takes as well: ``ACCOUNT:role/NAME``."""
        return f"{self.account}:role{self.path}{self.name}"


def account_of(arn: str) -> str | None:
    """Return the 12-digit account of any ARN, or ``None`` if it has none."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and ACCOUNT_ID.fullmatch(parts[4]) else None


@lru_cache(maxsize=4096)  # thousands of chains go through the same roles
def partition_of(arn: str) -> str | None:
    """Return the partition of any ARN, or ``None`` if ``arn`` is not one."""
    parts = arn.split(":")
    return parts[1] if len(parts) > 5 and parts[0] == "arn" else None


def region_of(arn: str) -> str | None:
    """Return the region that an ARN names, or ``None``."""
    parts = arn.split(":")
    return parts[3] or None if len(parts) > 5 and parts[0] == "arn" else None


def partition_of_region(region: str) -> str:
    """Return the partition of ``region`` (e.g. ``us-gov-west-1``)."""
    for prefix, partition in _REGION_PREFIXES:
        if region.startswith(prefix):
            return partition
    return "aws"


def is_known_region(region: str) -> bool:
    """True if AWS had a region of this name when this version of rolehop was made."""
    return region in _REGIONS


def known_regions(partition: str) -> list[str]:
    """Return the known regions of a partition: its default, those open to every account, the rest."""
    found = [each for each in _REGIONS if partition_of_region(each) == partition]
    default = default_region(partition)
    return sorted(found, key=lambda each: (each != default, each.startswith(_OPT_IN), each))


def regions_beside(region: str) -> list[str]:
    """Return the known regions that differ from ``region`` in the number only."""
    place = region.rpartition("-")[0]
    return sorted(each for each in _REGIONS if each.rpartition("-")[0] == place)


def region_meant(region: str) -> str | None:
    """Return the known region that ``region`` may be a misspelling of."""
    from rolehop.base.text import nearest

    plain = region.strip().casefold().replace("_", "-").replace(" ", "-")
    return next(iter(nearest(plain, sorted(_REGIONS), 1, cutoff=0.8)), None)


def is_misspelt_region(region: str) -> bool:
    """True if no region can be called so, and one is called nearly so: ``eu-wst-1``."""
    words = region.split("-")
    return len(words) > 2 and words[-2] not in _DIRECTIONS and region_meant(region) is not None


def default_region(partition: str) -> str:
    """Return the region that is used in ``partition`` if none is named."""
    return _DEFAULT_REGIONS.get(partition, _DEFAULT_REGIONS["aws"])


def is_role(text: str) -> bool:
    """True if ``text`` is the ARN of a role, or its short form, whose partition is not known."""
    return _ROLE.fullmatch(text) is not None or _SHORT_ROLE.fullmatch(text) is not None


def is_principal(text: str) -> bool:
    """True if ``text`` is the ARN of a user, role, session, federated user or root."""
    return _PRINCIPAL.fullmatch(text) is not None


def is_same_principal(wanted: str, found: str) -> bool:
    """True if the caller ARN ``found`` belongs to the principal ``wanted``.

    ``wanted`` is the same ARN, or the ARN of a role of which ``found`` is a session. A session's
    ARN lacks the role's path (IAM user guide, identifiers), so roles are compared by partition,
    account and name.
    """
    if wanted == found:
        return True
    session = _SESSION.fullmatch(found)
    role = _ROLE.fullmatch(wanted)
    if session is None or role is None:
        return False
    same_partition = partition_of(wanted) == partition_of(found)
    return same_partition and (session["account"], session["name"]) == (
        role["account"],
        role["name"],
    )
