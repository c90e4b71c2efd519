"""Which region a call goes to: the order in which regions count, written once.

``--region``, the chain's own, ``AWS_REGION``, ``AWS_DEFAULT_REGION``, ``[defaults]``, the source's,
the AWS profile's, and then the default of the partition. The variables beat ``[defaults]``, as
users of AWS tools expect; but if a flag or the config names a region, no variable decides the
partition.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from rolehop.base.arn import default_region, partition_of_region
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError
from rolehop.config.value_types import REGION

VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")


class NamedBy(Enum):
    """What names a region; the value is how messages call it."""

    FLAG = "--region"
    OWN = "the chain's region"
    VARIABLE = "the environment"
    DEFAULTS = "the region of [defaults]"
    SOURCE = "the source's region"
    PROFILE = "the AWS profile's region"


_DECIDES_PARTITION = (NamedBy.FLAG, NamedBy.OWN, NamedBy.DEFAULTS, NamedBy.SOURCE)

# Programs read the variables and the AWS profile themselves; a source's region is its own affair.
_EXPORTED = (NamedBy.FLAG, NamedBy.OWN, NamedBy.DEFAULTS)


@dataclass(frozen=True, slots=True)
class NamedRegion:
    """A region and who names it."""

    region: str
    named_by: NamedBy
    variable: str = ""
    """The variable's name, if it is one."""

    @property
    def partition(self) -> str:
        """The partition of the region."""
        return partition_of_region(self.region)


@dataclass(frozen=True, slots=True)
class Regions:
    """The regions named for one call, the first in order first."""

    named: tuple[NamedRegion, ...]

    @property
    def first(self) -> NamedRegion | None:
        """The region that wins, ``None`` if none is named."""
        return self.named[0] if self.named else None

    @property
    def exported(self) -> str | None:
        """What the handover exports as AWS_REGION: a region that a flag or the config chose."""
        first = self.first
        return first.region if first and first.named_by in _EXPORTED else None

    def decided_partition(self) -> str | None:
        """Return the partition that a flag or the config decides; ``None``: neither names a region.

        Raises:
            ConfigError: a variable comes first, and its region is in another partition.
        """
        decider = next((each for each in self.named if each.named_by in _DECIDES_PARTITION), None)
        if decider is None or self.first is None:
            return None
        if self.first.partition != decider.partition:
            raise _conflict(self.first, decider)
        return decider.partition

    def passed_over(self, partition: str) -> str | None:
        """Return a note on a variable that comes first and whose region is of another partition."""
        first = self.first
        if first is None or not first.variable or first.partition == partition:
            return None
        return (
            f"STS is called in {self.within(partition)}, not in {first.variable}={first.region}: the"
            f" roles are in partition {partition}"
        )

    def within(self, partition: str | None) -> str:
        """Return the first region of ``partition``, else the partition's default.

        ``None``: the partition is not known, so the first region decides it.
        """
        if partition is None:
            partition = self.first.partition if self.first else "aws"
        named = (each.region for each in self.named if each.partition == partition)
        return next(named, default_region(partition))


def regions_in_order(
    environ: Mapping[str, str],
    *,
    flag: str | None = None,
    own: str | None = None,
    defaults: str | None = None,
    source: str | None = None,
    profile: str | None = None,
) -> Regions:
    """Return the regions that are named, in order.

    ``environ`` is the environment as it was before rolehop's own assume. ``own`` is the region key
    of what makes the call: the chain's, or the source's for a source's own calls.

    Raises:
        ConfigError: a variable names no region, and nothing before it names one.
    """
    # Both are read, always: the record of a cached answer lists what was read.
    variables = [(environ.get(name), NamedBy.VARIABLE, name) for name in VARIABLES]
    order: tuple[tuple[str | None, NamedBy, str], ...] = (
        (flag, NamedBy.FLAG, ""),
        (own, NamedBy.OWN, ""),
        *variables,
        (defaults, NamedBy.DEFAULTS, ""),
        (source, NamedBy.SOURCE, ""),
        (profile, NamedBy.PROFILE, ""),
    )
    if not (flag or own):
        for value, _, name in variables:
            _check_variable(name, value)
    return Regions(tuple(NamedRegion(region, by, name) for region, by, name in order if region))


def _check_variable(name: str, value: str | None) -> None:
    """Check a variable by the rule of ``--region``; a pseudo region of botocore is one, too."""
    if not value or value == "aws-global":
        return
    try:
        REGION.run(value)
    except ValueError as error:
        raise ConfigError(
            f"{name} names no region", cause=str(error), fix=f"set {name} to a region, or unset it"
        ) from None


def _conflict(first: NamedRegion, decider: NamedRegion) -> ConfigError:
    return ConfigError(
        f"{first.variable} and the config name regions of different partitions",
        cause=f"{first.variable}={first.region} is in partition {first.partition},"
        f" {decider.named_by.value}, {decider.region}, in {decider.partition}",
        fix=f"unset {first.variable}, give --region, or give the chain a region of its own",
    )
