"""EC2's DescribeRegions: the regions of an account that are enabled, unless all are asked for."""

from __future__ import annotations

from tests.doubles.sts_params import Refused, Request
from tests.doubles.sts_world import World


def describe_regions(world: World, request: Request) -> str:
    """Return the inside of DescribeRegionsResponse."""
    if request.params:
        raise Refused("InvalidParameterValue", "no parameter is known here")
    names = world.regions.get(request.signer.account)
    if names is None:
        text = "You are not authorized to perform this operation. User: x is not authorized to perform: ec2:DescribeRegions"
        raise Refused("UnauthorizedOperation", text, 403)
    items = "".join(
        f"<item><regionName>{name}</regionName><regionEndpoint>ec2.{name}.amazonaws.com"
        f"</regionEndpoint><optInStatus>opt-in-not-required</optInStatus></item>"
        for name in names
    )
    return f"<regionInfo>{items}</regionInfo>"


OPERATIONS = {"DescribeRegions": ("ec2", describe_regions)}
