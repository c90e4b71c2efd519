"""Rules of chains and fleets: which line and key, and what is said."""

import pytest

from tests.config.texts import NAME_HINT, check_one_problem

CASES = [
    # chains
    ("[chains.x]", 6, "chains.x", 'needs a "source", or the chain that it continues as "from"'),
    (
        '[chains.x]\nsource = "alice"\nfrom = "hub"',
        8,
        "chains.x.from",
        "a chain has a source or continues another, not both",
    ),
    (
        '[chains.x]\nsource = "alcie"',
        7,
        "chains.x.source",
        'no source is called "alcie"; did you mean "alice"?',
    ),
    ('[chains.x]\nsource = "zz"', 7, "chains.x.source", 'no source is called "zz"'),
    (
        '[chains.x]\nsource = "hub"',
        7,
        "chains.x.source",
        'no source is called "hub"; there is a chain of that name: write from = "hub"',
    ),
    (
        '[chains.x]\nfrom = "hbu"',
        7,
        "chains.x.from",
        'no chain is called "hbu"; did you mean "hub"?',
    ),
    (
        '[chains.x]\nfrom = "alice"',
        7,
        "chains.x.from",
        'no chain is called "alice"; there is a source of that name: write source = "alice"',
    ),
    (
        "[chains.c0]\nsource = 'alice'\n"
        + "".join(f"[chains.c{n}]\nfrom = 'c{n - 1}'\n" for n in range(1, 103)),
        207,
        "chains.c100.from",
        "continues more than 99 chains",
    ),
    ('[chains.x]\nfrom = "x"', 7, "chains.x.from", "comes back to itself: x -> x"),
    (
        '[fleets.f]\nfrom = "f/111111111111"\naccounts = { a = "222222222222", b = "111111111111" }',
        7,
        "fleets.f.from",
        "comes back to itself: f/b -> f/b",
    ),
    (
        (
            '[chains.a]\nfrom = "b"\n[chains.b]\nfrom = "c"\n[chains.c]\nfrom = "a"\n'
            '[chains.in]\nfrom = "c"'
        ),
        7,
        "chains.a.from",
        "comes back to itself: a -> b -> c -> a",
    ),
    (
        '[chains.x]\nfrom = "hub"\nconfirm = "yes"',
        8,
        "chains.x.confirm",
        "must be true or false, not a string",
    ),
    (
        '[chains.x]\nfrom = "hub"\ncolor = "rde"',
        8,
        "chains.x.color",
        'not one of the allowed values: "rde"; did you mean "red"?',
    ),
    (
        '[chains.x]\nfrom = "hub"\nlabels = { env = 1 }',
        8,
        "chains.x.labels.env",
        "must be a string, not an integer; write it in quotes",
    ),
    (
        '[chains.x]\nfrom = "hub"\nlabels = { "a=b" = "c" }',
        8,
        'chains.x.labels."a=b"',
        f'not a name {NAME_HINT}: "a=b"; write a-b = "c"',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = {}',
        8,
        "chains.x.hops",
        'must be an array of tables, not a table; write hops = [{ role = "ACCOUNT:role/NAME" }]',
    ),
    (
        '[chains.x]\nfrom = "hub"\nhops = ["arn"]',
        8,
        "chains.x.hops",
        'must be an array of tables, not of strings; write hops = [{ role = "arn" }]',
    ),
    (
        '[chains.x]\nfrom = "hub"\nregion = "cn-north-1"',
        8,
        "chains.x.region",
        'cn-north-1 is in partition aws-cn, but hop 1 of chain "hub" in aws',
    ),
    # fleets
    (
        '[fleets.f]\nfrom = "hub"',
        6,
        "fleets.f",
        'needs one of "accounts", "accounts_file" and "chains"',
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = []\naccounts_file = "a"',
        6,
        "fleets.f",
        'needs one of "accounts", "accounts_file" and "chains"',
    ),
    (
        "[fleets.f]\naccounts = []",
        6,
        "fleets.f",
        'needs a "source", or the chain that it continues as "from"',
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = [\n"444444444444",\n"44"]',
        10,
        "fleets.f.accounts[1]",
        'not an account ID: "44"; it has 2 digits and needs 12, as in "012345678901"',
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = [444444444444]',
        8,
        "fleets.f.accounts[0]",
        "must be a string, not an integer; write the account ID in quotes",
    ),
    (
        '[fleets.f]\nfrom = "hub"\naccounts = ["444444444444", "444444444444"]',
        8,
        "fleets.f.accounts[1]",
        "account 444444444444 is listed twice",
    ),
    (
        '[fleets.f]\nfrom = "hbu"\naccounts = ["444444444444", "555555555555"]',
        7,
        "fleets.f.from",
        'no chain is called "hbu"; did you mean "hub"?',
    ),
    (
        '[fleets.f]\nfrom = "hub"\nrole = "{acount}:role/A"\naccounts = ["444444444444"]',
        8,
        "fleets.f.role",
        "unknown field {acount}; did you mean {account}?",
    ),
    (
        '[fleets.f]\nfrom = "hub"\nexternal_id = "x1"\naccounts = ["444444444444"]',
        8,
        "fleets.f.external_id",
        "needs a role in the same table",
    ),
    (
        (
            '[fleets.f]\nfrom = "hub"\nrole = "arn:aws-cn:iam::{account}:role/A"\n'
            'accounts = ["444444444444", "555555555555"]'
        ),
        8,
        "fleets.f.role",
        (
            'the role is in partition aws-cn, but hop 1 of chain "hub" in aws;'
            " a chain cannot leave its partition"
        ),
    ),
    (
        '[fleets.f]\nfrom = "hub"\nacounts = []\naccounts = []',
        8,
        "fleets.f.acounts",
        'unknown key; did you mean "accounts"?',
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "said"), CASES)
def test_one_thing_wrong_is_one_problem(text: str, line: int, key: str, said: str) -> None:
    check_one_problem(text, line, key, said)
