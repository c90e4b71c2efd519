"""The regions that an account has enabled: EC2's DescribeRegions, as the account's own credentials see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.base.arn import is_known_region
from rolehop.base.errors import ServiceError
from rolehop.base.startup import Pattern

if TYPE_CHECKING:
    from rolehop.aws.query_api import QueryClient
    from rolehop.base.credentials import Credentials

ACTION = "ec2:DescribeRegions"
_NAME = Pattern(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]{1,2}")


def enabled_regions(query: QueryClient, signer: Credentials) -> tuple[str, ...]:
    """Return the names of the regions that are enabled, in alphabetic order.

    Without ``AllRegions`` the call answers with those only (EC2 API reference, DescribeRegions).

    Raises:
        StsRefusal: AWS refused the call.
        ServiceError: there is no answer, throttling after retries, or an answer without regions.
    """
    found = query.call("ec2", "DescribeRegions", {}, signer)
    names = {each.text or "" for each in found.root.iter("regionName")}
    regions = tuple(
        sorted(name for name in names if is_known_region(name) or _NAME.fullmatch(name))
    )
    if not regions:
        raise ServiceError("EC2 names no region that is enabled", fix="name regions: --region A,B")
    return regions
