"""The scope of a chain or a fleet: what it may say, and that nothing continues it."""

from __future__ import annotations

import pytest

from rolehop.config.model import ScopeConfig
from tests.config.texts import complaints_of, load

SOURCE = 'version = 1\n[sources.s]\ntype = "keys"\n'
POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}'


def of_chain(scope: str) -> str:
    return f"{SOURCE}[chains.x]\nsource = 's'\nscope = {{ {scope} }}\n"


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("read_only = true", ScopeConfig(read_only=True)),
        (f"policy = '{POLICY}'", ScopeConfig(policy=POLICY)),
        ("policy_file = 'p.json'", ScopeConfig(policy=POLICY)),
        ("duration = '15m'", ScopeConfig(duration_seconds=900)),
        ("duration = 60", ScopeConfig(duration_seconds=60)),
        (
            "read_only = true, duration = '36h', description = 'the nightly rün'",
            ScopeConfig(True, None, 129_600, "the nightly rün"),
        ),
        (f"read_only = false, policy = '{POLICY}'", ScopeConfig(policy=POLICY)),
    ],
)
def test_what_a_scope_says(scope: str, wanted: ScopeConfig) -> None:
    config = load({"config.toml": of_chain(scope), "p.json": POLICY + "\n"})
    assert config.chains["x"].scope == wanted


def test_a_scope_may_be_a_table_of_its_own_and_a_fleets() -> None:
    text = (
        f"{SOURCE}[fleets.f]\nsource = 's'\nrole = '{{account}}:role/A'\n"
        "accounts = ['111111111111', '222222222222']\n[fleets.f.scope]\nread_only = true\n"
    )
    chains = load(text).chains
    assert [each.scope for each in chains.values()] == [ScopeConfig(read_only=True)] * 2


def test_most_chains_have_none() -> None:
    assert load(f"{SOURCE}[chains.x]\nsource = 's'\n").chains["x"].scope is None


@pytest.mark.parametrize(
    ("scope", "key", "said"),
    [
        ("", "chains.x.scope", "narrows nothing"),
        ("read_only = false", "chains.x.scope", "narrows nothing"),
        ("description = 'why'", "chains.x.scope", "narrows nothing"),
        (
            f"read_only = true, policy = '{POLICY}'",
            "chains.x.scope",
            "keep one of read_only and policy",
        ),
        (
            "read_only = true, policy_file = 'p.json'",
            "chains.x.scope",
            "keep one of read_only and policy_file",
        ),
        (
            f"policy = '{POLICY}', policy_file = 'p.json'",
            "chains.x.scope.policy_file",
            "keep one of policy",
        ),
        ("policy_file = 'none.json'", "chains.x.scope.policy_file", "none.json"),
        ("policy = '{}'", "chains.x.scope.policy", "Statement"),
        (
            f"policy = '{POLICY.replace('s3:*', 's3:' + 'x' * 2000)}'",
            "chains.x.scope.policy",
            "at most 2,048",
        ),
        ("duration = '59s'", "chains.x.scope.duration", "shorter than allowed"),
        ("duration = 129601", "chains.x.scope.duration", "longer than allowed"),
        ("duration = '1h', description = 'x'", "chains.x.scope.description", "2 to 256 characters"),
        ("duration = '1h', description = '漢字'", "chains.x.scope.description", "up to U+00FF"),
        ("read_only = 'true'", "chains.x.scope.read_only", "must be true or false"),
        ("policy_arns = []", "chains.x.scope.policy_arns", "unknown key"),
    ],
)
def test_what_it_must_not_say(scope: str, key: str, said: str) -> None:
    files = {"config.toml": of_chain(scope), "p.json": POLICY}
    ((_, _, where, text),) = complaints_of(files)
    assert (where, said in text) == (key, True), text


def test_it_is_a_table() -> None:
    text = f"{SOURCE}[chains.x]\nsource = 's'\nscope = 'read-only'\n"
    ((_, line, where, said),) = complaints_of(text)
    assert (line, where) == (6, "chains.x.scope")
    assert said == "must be a table, not a string"


@pytest.mark.parametrize(
    "before",
    [
        "[chains.hub]\nsource = 's'\nscope = { read_only = true }\n",
        (
            "[fleets.hub]\nsource = 's'\nrole = '{account}:role/A'\nscope = { duration = '15m' }\n"
            "accounts = ['111111111111']\n"
        ),
        (
            "[fleets.hub]\nsource = 's'\nrole = '{account}:role/A'\nscope = { duration = '15m' }\n"
            "accounts = { organization = 'org' }\n[chains.org]\nsource = 's'\n"
        ),
    ],
    ids=["a-chain", "a-fleet", "a-listed-fleet"],
)
@pytest.mark.parametrize(
    "after", ["hops = [{ role = '222222222222:role/B' }]", "", "scope = { duration = '15m' }"]
)
def test_nothing_continues_it(before: str, after: str) -> None:
    name = "hub/111111111111" if "fleets" in before else "hub"
    text = f"{SOURCE}{before}[chains.x]\nfrom = '{name}'\n{after}\n"
    ((_, _, where, said),) = complaints_of(text)
    assert where == "chains.x.from"
    assert said == (
        f'chain "{name}" has a scope, which ends a chain: continue the chain that it comes from'
    )


def test_a_chain_with_a_scope_continues_one_without() -> None:
    text = f"{SOURCE}[chains.hub]\nsource = 's'\n[chains.x]\nfrom = 'hub'\nscope = {{ read_only = true }}\n"
    assert load(text).chains["x"].scope == ScopeConfig(read_only=True)
