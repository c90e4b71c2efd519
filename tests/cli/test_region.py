"""Which region a walk uses and exports: flag, chain, variables, [defaults], profile."""

import pytest

from tests.support.world import CONFIG, World

WITH_DEFAULT = CONFIG.replace("[defaults]\n", '[defaults]\nregion = "eu-north-1"\n')


def exported(world: World, chain: str, **env: str | None) -> str | None:
    done = world.rolehop("export", chain, "--format", "dotenv", env=env)
    assert done.code == 0, done.err
    lines = [line.partition("=") for line in done.out.splitlines()]
    return {name: value for name, _, value in lines}.get("AWS_REGION")


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_variable_beats_the_defaults_and_is_left_alone(
    world: World, variable: str
) -> None:
    world.config(WITH_DEFAULT)
    world.sts.region = "eu-west-3"
    env = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None, variable: "eu-west-3"}
    assert exported(world, "hub", **env) is None
    assert world.sts.roles_called


def test_the_defaults_count_if_no_variable_is_set(world: World) -> None:
    world.config(WITH_DEFAULT)
    world.sts.region = "eu-north-1"
    env = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None}
    assert exported(world, "hub", **env) == "eu-north-1"


def test_a_chains_own_region_beats_the_variables(world: World) -> None:
    world.config(WITH_DEFAULT)
    world.sts.region = "eu-west-1"
    assert exported(world, "admin", AWS_REGION="eu-west-3") == "eu-west-1"


def test_a_variable_never_moves_a_chain_to_another_partition(world: World) -> None:
    world.config(WITH_DEFAULT)
    done = world.rolehop("credential-process", "hub", env={"AWS_REGION": "cn-north-1"})
    assert (done.code, done.out) == (3, "")
    assert "AWS_REGION=cn-north-1 is in partition aws-cn" in done.err
    assert "[defaults], eu-north-1, in aws" in done.err
    assert world.sts.calls == []


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_variable_that_names_no_region_is_named(world: World, variable: str) -> None:
    env = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None, variable: "junk!"}
    done = world.rolehop("plan", "hub", env=env)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"rolehop: {variable} names no region\n")
    assert world.rolehop("plan", "hub", env={"AWS_REGION": "aws-global"}).code == 0


def test_a_plan_says_that_a_variable_of_another_partition_is_passed_over(world: World) -> None:
    env = {"AWS_REGION": "us-gov-west-1", "AWS_DEFAULT_REGION": None}
    said = "not in AWS_REGION=us-gov-west-1: the roles are in partition aws\n"
    assert said in world.rolehop("plan", "hub", env=env).out
    assert "AWS_REGION=" not in world.rolehop("plan", "hub").out


ROLES_ANYWHERE = """\
[sources.ra]
type = "roles-anywhere"
trust_anchor = "arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/11111111-2222-3333-4444-555555555555"
profile = "arn:aws:rolesanywhere:eu-west-1:111111111111:profile/11111111-2222-3333-4444-555555555555"
role = "arn:aws:iam::111111111111:role/Start"
certificate = "c.pem"
private_key = "k.pem"
[chains.by-certificate]
source = "ra"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
"""


def test_the_aws_profile_in_use_counts_for_roles_anywhere_whose_profile_is_an_arn(
    world: World,
) -> None:
    world.config(ROLES_ANYWHERE)
    world.aws_config("[profile mine]\nregion = eu-central-1\n")
    done = world.rolehop("plan", "by-certificate", "-v", env={"AWS_PROFILE": "mine"})
    assert "STS in eu-central-1" in done.out
