"""From a name to a source and hops: ``from``, templates, regions, partitions."""

from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError
from rolehop.config.account_query import IdentityCenterAccounts
from rolehop.config.model import (
    ChainConfig,
    ChainsByName,
    Config,
    Defaults,
    FleetListing,
    HopConfig,
    ListedAccount,
    ListedFleet,
    SourceConfig,
    WrittenHop,
    written_hops,
)
from rolehop.plan.resolve import (
    PlanContext,
    Resolved,
    ResolvedParts,
    no_such_chain,
    path_of,
    resolve,
    source_of,
)

FACTS = PlanContext("alice", "laptop")
CORP = SourceConfig("corp", "environment")
ONE, TWO = "111111111111", "222222222222"


def config(*chains: ChainConfig, **settings: Any) -> Config:
    return Config(
        sources={"corp": CORP},
        chains={chain.name: chain for chain in chains},
        **settings,
    )


def resolved(made: Config, name: str, facts: PlanContext = FACTS) -> Resolved:
    path = path_of(made, made.chains[name])
    return resolve(made, path, source_of(made, path), written_hops(path), facts)


def chain(name: str, *roles: str, continues: str | None = None, **settings: Any) -> ChainConfig:
    return ChainConfig(
        name,
        source=None if continues else "corp",
        continues=continues,
        hops=tuple(HopConfig(role) for role in roles),
        **settings,
    )


HUB = chain("hub", "222222222222:role/Hub")
PROD = chain("prod", "333333333333:role/Admin", continues="hub")


def test_from_puts_the_hops_of_the_other_chain_first() -> None:
    roles = [str(role) for role, _ in resolved(config(HUB, PROD), "prod").hops]
    assert roles == ["arn:aws:iam::222222222222:role/Hub", "arn:aws:iam::333333333333:role/Admin"]


def test_a_loop_is_shown_whole() -> None:
    loop = config(chain("a", continues="b"), chain("b", continues="a"))
    with pytest.raises(ConfigError) as caught:
        path_of(loop, loop.chains["a"])
    assert caught.value.what == "chain 'a' comes back to itself: a -> b -> a"


def test_a_loop_through_the_other_name_of_a_fleets_chain_ends() -> None:
    account = "111111111111"
    member = ChainConfig(
        "f/a", continues=f"f/{account}", fleet="f", account=account, account_name="a"
    )
    loop = Config(chains=ChainsByName([member]))
    with pytest.raises(ConfigError, match="comes back to itself: f/a -> f/a"):
        path_of(loop, loop.chains["f/a"])


def test_an_unknown_chain_is_an_error_that_proposes_and_picks_none() -> None:
    error = no_such_chain(config(HUB, PROD), "prd", ("profile-x",))
    assert error.what == "no chain or AWS profile is called 'prd'"
    assert error.fix == "did you mean prod? rolehop list"


@pytest.mark.parametrize("pattern", ["spokes/*", "label:env=prod", "pro?"])
def test_a_pattern_where_one_chain_is_needed_is_listed(pattern: str) -> None:
    fix = no_such_chain(config(HUB, PROD), pattern).fix
    quoted = pattern if pattern.startswith("label") else f"'{pattern}'"
    assert fix == f"name one of those that match: rolehop list {quoted}"


@pytest.mark.parametrize(
    ("role", "settings", "facts", "region", "first"),
    [
        (
            "222222222222:role/H",
            {},
            PlanContext("a", "b", environ={"AWS_REGION": "eu-west-1"}),
            "eu-west-1",
            "aws",
        ),
        ("222222222222:role/H", {"region": "us-gov-west-1"}, FACTS, "us-gov-west-1", "aws-us-gov"),
        (
            "222222222222:role/H",
            {},
            PlanContext("a", "b", region_flag="cn-north-1"),
            "cn-north-1",
            "aws-cn",
        ),
        ("arn:aws-cn:iam::222222222222:role/H", {}, FACTS, "cn-northwest-1", "aws-cn"),
        (
            "arn:aws-cn:iam::222222222222:role/H",
            {},
            PlanContext("a", "b", environ={"AWS_REGION": "eu-west-1"}),
            "cn-northwest-1",
            "aws-cn",
        ),
        ("222222222222:role/H", {}, FACTS, "us-east-1", "aws"),
    ],
)
def test_region_and_partition(
    role: str, settings: dict[str, Any], facts: PlanContext, region: str, first: str
) -> None:
    found = resolved(config(chain("x", role, **settings)), "x", facts)
    assert (found.region, found.hops[0][0].partition) == (region, first)


@pytest.mark.parametrize(
    ("roles", "variable", "partition"),
    [
        (("222222222222:role/H", "arn:aws-cn:iam::333333333333:role/A"), "eu-west-1", "aws-cn"),
        (("arn:aws-cn:iam::222222222222:role/H", "333333333333:role/A"), "eu-west-1", "aws-cn"),
        (("222222222222:role/H", "333333333333:role/A"), "cn-north-1", "aws-cn"),
    ],
)
def test_a_short_role_is_in_the_partition_of_one_that_is_written_whole(
    roles: tuple[str, ...], variable: str, partition: str
) -> None:
    facts = PlanContext("a", "b", environ={"AWS_REGION": variable})
    found = resolved(config(chain("x", *roles)), "x", facts)
    assert [role.partition for role, _ in found.hops] == [partition] * 2


@pytest.mark.parametrize(
    ("made", "facts", "exported"),
    [
        (config(HUB), FACTS, None),
        (config(HUB), PlanContext("a", "b", environ={"AWS_REGION": "eu-west-1"}), None),
        (config(HUB), PlanContext("a", "b", region_flag="eu-west-2"), "eu-west-2"),
        (config(chain("hub", "222222222222:role/Hub", region="us-west-2")), FACTS, "us-west-2"),
        (config(HUB, defaults=Defaults(region="eu-north-1")), FACTS, "eu-north-1"),
    ],
)
def test_only_a_region_that_a_flag_or_the_config_chose_is_exported(
    made: Config, facts: PlanContext, exported: str | None
) -> None:
    assert resolved(made, "hub", facts).export_region == exported


@pytest.mark.parametrize(
    "chains",
    [
        (chain("x", "arn:aws-cn:iam::222222222222:role/H", "arn:aws:iam::333333333333:role/A"),),
        (chain("x", "arn:aws:iam::222222222222:role/H", region="cn-north-1"),),
    ],
)
def test_a_hop_that_leaves_the_partition_is_refused(chains: tuple[ChainConfig, ...]) -> None:
    with pytest.raises(ConfigError, match="leaves its partition"):
        resolved(config(*chains), "x")


def test_a_variable_that_is_passed_over_is_noted() -> None:
    made = config(chain("x", "arn:aws-cn:iam::222222222222:role/H"))
    (note,) = resolved(made, "x", PlanContext("a", "b", environ={"AWS_REGION": "eu-west-1"})).notes
    assert "STS is called in cn-northwest-1" in note
    assert resolved(made, "x").notes == ()


def test_a_role_that_is_none_is_named_by_its_hop() -> None:
    with pytest.raises(ConfigError, match="hop 2 has no valid role") as caught:
        resolved(config(chain("x", "222222222222:role/H", "{user}")), "x")
    assert caught.value.hop == 2


def test_templates_are_filled_by_the_chain_that_wrote_the_hop() -> None:
    hub = ChainConfig(
        "hub",
        source="corp",
        hops=(HopConfig("222222222222:role/Hub", session_name="{user}-{chain}-{account}"),),
    )
    member = ChainConfig(
        "spokes/444444444444",
        continues="hub",
        fleet="spokes",
        account="444444444444",
        hops=(HopConfig("{account}:role/Audit", session_name="{chain}", source_identity="{user}"),),
    )
    (_, first), (role, second) = resolved(config(hub, member), "spokes/444444444444").hops
    assert first.session_name == "alice-hub-222222222222"
    assert str(role) == "arn:aws:iam::444444444444:role/Audit"
    assert (second.session_name, second.source_identity) == ("spokes-444444444444", "alice")


def test_the_role_session_name_says_who_and_where() -> None:
    assert resolved(config(HUB), "hub").hops[0][1].session_name == "alice@laptop"


def test_the_region_nearest_to_the_chain_counts_and_no_other_chain_gets_it() -> None:
    first = chain("first", f"{TWO}:role/Hub", region="eu-west-1")
    second = chain("second", f"{TWO}:role/Hub", continues="first", region="eu-west-2")
    third = chain("third", f"{TWO}:role/Hub", continues="second")
    made, parts = config(first, second, third), ResolvedParts()
    eu = PlanContext("alice", "laptop", region_flag="eu-north-1")
    profile = PlanContext("alice", "laptop", profile_region="us-west-1")

    def region(name: str, facts: PlanContext = FACTS, source: SourceConfig = CORP) -> str:
        path = path_of(made, made.chains[name])
        return resolve(made, path, source, written_hops(path), facts, parts=parts).region

    assert [region(each) for each in made.chains] == ["eu-west-1", "eu-west-2", "eu-west-2"]
    assert region("first", eu) == "eu-north-1"
    plain = chain("plain", f"{TWO}:role/Hub")
    made = config(plain)
    assert region("plain", profile) == "us-west-1"
    assert region("plain") == "us-east-1"
    assert (
        region("plain", source=SourceConfig("corp", "environment", region="ca-west-1"))
        == "ca-west-1"
    )


MEMBER = ChainConfig("spokes/prod", continues="hub", fleet="spokes", account=ONE)
OTHER = ChainConfig(f"my spokes/{ONE}", continues="hub", fleet="my spokes", account=ONE)


@pytest.mark.parametrize(
    ("chains", "name", "profiles", "fix"),
    [
        ([HUB], "profile-y", ("profile-x",), "did you mean profile-x? rolehop list"),
        ([HUB, MEMBER], "spoke", (), "did you mean spokes/prod? rolehop list spokes"),
        ([HUB, OTHER], "my spokes", (), "rolehop list 'my spokes'"),
        ([HUB], "far", (), "rolehop list"),
        ([], "far", (), "add one to FILE"),
    ],
)
def test_what_a_name_may_have_meant(
    chains: list[ChainConfig], name: str, profiles: tuple[str, ...], fix: str
) -> None:
    error = no_such_chain(config(*chains), name, profiles, first_step="add one to FILE")
    assert str(error.fix).startswith(fix)
    is_fleet = any(each.fleet == name for each in chains)
    assert error.what.startswith(f"'{name}' is a fleet" if is_fleet else "no chain or AWS profile")


@pytest.mark.parametrize(
    ("name", "listing", "what"),
    [
        ("f/prodd", FleetListing((ListedAccount(ONE, spelled="prod"),)), "has no chain 'f/prodd'"),
        ("f/prod", FleetListing(problem="never asked"), "the accounts of fleet 'f' are not known"),
        ("f", FleetListing(problem="never asked"), "the accounts of fleet 'f' are not known"),
        ("f", FleetListing(), "fleet 'f' has no accounts"),
    ],
)
def test_a_name_of_a_fleet_says_what_is_known_of_its_accounts(
    name: str, listing: FleetListing, what: str
) -> None:
    def chains(fleet: ListedFleet, account: ListedAccount) -> list[ChainConfig]:
        return [ChainConfig(f"{fleet.name}/{account.spelled}", account=account.account)]

    fleet = ListedFleet("f", IdentityCenterAccounts("corp"), HUB, lambda _: listing, chains)
    error = no_such_chain(config(listed_fleets={"f": fleet}), name)
    assert what in error.what
    assert error.chain == name
    assert ("did you mean f/prod?" in str(error.fix)) == ("has no chain" in what)


def test_a_header_of_the_aws_config_that_names_no_profile_is_explained() -> None:
    error = no_such_chain(config(), "dev", wrong="[dev] is no profile")
    assert (error.cause, error.fix) == ("[dev] is no profile", "write [profile dev]")


def test_chains_that_share_a_written_hop_have_each_their_own() -> None:
    """A fleet's chains have one template; what fills it is another account each."""
    hop = HopConfig("{account}:role/Audit", session_name="{account_name}")
    plain = HopConfig("{account}:role/Audit", session_name="{chain}")
    parts, made = ResolvedParts(), config(HUB)
    path = path_of(made, HUB)

    def filled(*written: WrittenHop) -> tuple[str, str | None]:
        (found,) = resolve(made, path, CORP, written, FACTS, parts=parts).hops
        return str(found[0]), found[1].session_name

    role = "arn:aws:iam::{}:role/Audit"
    for _ in range(2):
        assert filled(WrittenHop(hop, "f/a", 1, ONE, account_name="dev")) == (
            role.format(ONE),
            "dev",
        )
        assert filled(WrittenHop(hop, "f/b", 1, TWO, account_name="dev")) == (
            role.format(TWO),
            "dev",
        )
        assert filled(WrittenHop(hop, "f/c", 1, ONE, account_name="ops")) == (
            role.format(ONE),
            "ops",
        )
        assert filled(WrittenHop(plain, "f-a", 1, ONE)) == (role.format(ONE), "f-a")
        assert filled(WrittenHop(plain, "f-b", 1, ONE)) == (role.format(ONE), "f-b")


ROLE, CHAIN = f"{TWO}:role/Hub", "{chain}"
BY_CHAIN = HopConfig(f"{TWO}:role/{CHAIN}", session_name=CHAIN, source_identity=CHAIN)
CHINA = PlanContext("alice", "laptop", region_flag="cn-north-1")


@pytest.mark.parametrize(
    ("hops", "chains", "others"),
    [
        ([HopConfig(ROLE)], "a", CHINA),
        ([HopConfig(ROLE, session_name="{caller}")], "a", replace(FACTS, caller="bob")),
        ([HopConfig(f"{TWO}:role/{CHAIN}", session_name="me")], "ab", FACTS),
        ([HopConfig(ROLE, session_name="me", source_identity=CHAIN)], "ab", FACTS),
        ([HopConfig(ROLE)], "ab", FACTS),  # the defaults' session name has it
        ([BY_CHAIN], "ab", FACTS),
        ([BY_CHAIN, replace(BY_CHAIN, session_name="me")], "a", FACTS),
    ],
)
def test_a_shared_hop_is_filled_in_for_each_that_differs(
    hops: list[HopConfig], chains: str, others: PlanContext
) -> None:
    made = config(HUB, defaults=Defaults(session_name=CHAIN))
    path, parts = path_of(made, HUB), ResolvedParts()

    def filled(hop: HopConfig, name: str, facts: PlanContext, shared: ResolvedParts) -> HopConfig:
        written = (WrittenHop(hop, name, 1),)
        return resolve(made, path, CORP, written, facts, parts=shared).hops[0][1]

    walks = [(hop, name, facts) for hop in hops for name in chains for facts in (FACTS, others)]
    alone = [filled(*each, ResolvedParts()) for each in walks]
    assert [filled(*each, parts) for each in walks] == alone
    assert len(set(alone)) == 2


@pytest.mark.parametrize(
    ("account", "of_aws", "names", "name"),
    [
        (ONE, None, {}, ONE),
        (ONE, "dev", {}, "dev"),
        (ONE, "dev", {ONE: "prod", TWO: "hub"}, "prod"),
        (None, None, {}, TWO),  # the role's own account, where the chain is in none
        (None, None, {ONE: "prod", TWO: "hub"}, "hub"),
    ],
)
def test_an_account_is_named_by_the_config_then_by_aws_then_by_its_number(
    account: str | None, of_aws: str | None, names: dict[str, str], name: str
) -> None:
    made = config(HUB, account_names=names)
    hop = HopConfig(ROLE, session_name="{account_name}", source_identity="of-{account}")
    written = (WrittenHop(hop, "a", 1, account, account_name=of_aws),)
    ((role, found),) = resolve(made, path_of(made, HUB), CORP, written, FACTS).hops
    assert found.role == str(role) == f"arn:aws:iam::{ROLE}"
    assert (found.session_name, found.source_identity) == (name, f"of-{account or TWO}")


@pytest.mark.parametrize(("caller", "name"), [(None, "{caller} x"), ("bob b", "bob-b-x")])
def test_a_name_is_left_as_it_is_until_the_caller_is_known(caller: str | None, name: str) -> None:
    hop = HopConfig(ROLE, session_name="{caller} x", source_identity="{caller} x")
    written, facts = (WrittenHop(hop, "x", 1),), replace(FACTS, caller=caller)
    ((_, found),) = resolve(config(HUB), (HUB,), CORP, written, facts).hops
    assert (found.session_name, found.source_identity) == (name, name)
