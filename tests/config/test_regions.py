"""The order of regions, and who decides the partition."""

from typing import Any

import pytest

from rolehop.base.errors import ConfigError
from rolehop.config.regions import regions_in_order

IN_ORDER: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {"flag": "us-east-2"}),
    ({}, {"own": "eu-west-1"}),
    ({"AWS_REGION": "eu-west-2"}, {}),
    ({"AWS_DEFAULT_REGION": "eu-west-3"}, {}),
    ({}, {"defaults": "eu-north-1"}),
    ({}, {"source": "eu-south-1"}),
    ({}, {"profile": "sa-east-1"}),
]
REGIONS = [next(iter({**environ, **named}.values())) for environ, named in IN_ORDER]


@pytest.mark.parametrize("count", range(len(IN_ORDER)))
def test_each_region_beats_those_after_it(count: int) -> None:
    environ, named = {}, {}
    for more_environ, more_named in IN_ORDER[count:]:
        environ.update(more_environ)
        named.update(more_named)
    regions = regions_in_order(environ, **named)
    assert [each.region for each in regions.named] == REGIONS[count:]
    assert regions.within("aws") == REGIONS[count]


@pytest.mark.parametrize(
    ("environ", "named", "exported"),
    [
        ({}, {"flag": "us-east-2"}, "us-east-2"),
        ({"AWS_REGION": "eu-west-2"}, {"own": "eu-west-1"}, "eu-west-1"),
        ({}, {"defaults": "eu-north-1"}, "eu-north-1"),
        ({"AWS_REGION": "eu-west-2"}, {"defaults": "eu-north-1"}, None),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, {"defaults": "eu-north-1"}, None),
        ({"AWS_REGION": ""}, {"defaults": "eu-north-1"}, "eu-north-1"),
        ({}, {"source": "eu-south-1"}, None),
        ({}, {"profile": "sa-east-1"}, None),
        ({}, {}, None),
    ],
)
def test_what_is_exported_is_what_a_flag_or_the_config_chose(
    environ: dict[str, str], named: dict[str, Any], exported: str | None
) -> None:
    assert regions_in_order(environ, **named).exported == exported


@pytest.mark.parametrize(
    ("named", "decided"),
    [
        ({"flag": "cn-north-1", "defaults": "eu-north-1"}, "aws-cn"),
        ({"own": "us-gov-west-1", "defaults": "eu-north-1"}, "aws-us-gov"),
        ({"defaults": "eu-north-1"}, "aws"),
        ({"source": "eu-south-1"}, "aws"),
        ({"profile": "cn-north-1"}, None),
        ({}, None),
    ],
)
def test_a_flag_or_the_config_decides_the_partition(
    named: dict[str, Any], decided: str | None
) -> None:
    environ = {"AWS_REGION": "eu-west-2"}
    assert regions_in_order(environ, **named).decided_partition() == decided


@pytest.mark.parametrize("named", [{"defaults": "eu-north-1"}, {"source": "eu-north-1"}])
def test_a_variable_and_the_config_in_two_partitions_are_a_conflict(named: dict[str, Any]) -> None:
    regions = regions_in_order({"AWS_DEFAULT_REGION": "cn-north-1"}, **named)
    with pytest.raises(ConfigError, match="AWS_DEFAULT_REGION and the config") as caught:
        regions.decided_partition()
    assert "AWS_DEFAULT_REGION=cn-north-1 is in partition aws-cn" in str(caught.value.cause)
    assert "eu-north-1, in aws" in str(caught.value.cause)


def test_a_region_of_another_partition_than_the_roles_is_passed_over() -> None:
    regions = regions_in_order(
        {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "cn-north-1"}, profile="us-west-2"
    )
    assert regions.within("aws-cn") == "cn-north-1"
    assert regions.within("aws-us-gov") == "us-gov-west-1"
    assert regions.within(None) == "eu-west-1"
