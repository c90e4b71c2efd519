"""The rows of a fleet, whose roles are told from those of its first member, are those of each alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.listing import chain_rows
from rolehop.app.planning import Planning
from rolehop.config.listed_fleets import with_spelled_names
from rolehop.config.model import FleetListing, ListedAccount
from rolehop.vault.fleet_accounts import fleet_path, store_listing
from tests.support.seals import seals_in

CONFIG = """
version = 1
[sources.me]
type = "environment"
principal = "arn:aws:iam::111111111111:user/alice"
[sources.china]
type = "environment"
principal = "arn:aws-cn:iam::111111111111:user/alice"
[sources.sso]
type = "identity-center"
start_url = "https://x.awsapps.com/start"
sso_region = "eu-west-1"
account = "{account}"
role = "Admin"
[sources.profile]
type = "profile"
profile = "through"
[chains.hub]
source = "me"
hops = [{ role = "222222222222:role/Hub", session_name = "{chain}" }]
[chains.over]
from = "fleet/444444444444"
hops = [{ role = "777777777777:role/Over" }]
[fleets.fleet]
"""
ACCOUNTS = 'accounts = ["444444444444", "555555555555", "000000000001"]'
NAMED = 'accounts = { prod = "444444444444", web = "555555555555" }'


@pytest.mark.parametrize(
    "fleet",
    [
        f'from = "hub"\nrole = "{{account}}:role/Audit"\n{ACCOUNTS}',
        f'source = "china"\nrole = "arn:aws-cn:iam::{{account}}:role/Audit"\n{ACCOUNTS}',
        f'source = "china"\nregion = "cn-north-1"\nrole = "{{account}}:role/Audit"\n{ACCOUNTS}',
        f'from = "hub"\nrole = "{{account}}:role/{{account}}/A-{{account}}-444444444444"\n{ACCOUNTS}',
        f'from = "hub"\nrole = "{{account}}:role/{{account_name}}"\n{NAMED}',
        f'from = "hub"\nrole = "666666666666:role/{{chain}}"\n{NAMED}',
        f'from = "hub"\nrole = "666666666666:role/Same"\n{NAMED}',
        f'source = "sso"\nrole = "{{account}}:role/Audit"\n{NAMED}',
        f'source = "profile"\nrole = "{{account}}:role/Audit"\n{NAMED}',
        f'source = "sso"\n{ACCOUNTS}',
    ],
)
def test_the_roles_of_every_member(tmp_path: Path, fleet: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG + fleet)
    config.chmod(0o600)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[profile through]\nrole_arn = arn:aws:iam::333333333333:role/Through\n"
        "source_profile = base\n[profile base]\naws_access_key_id = AKIAEXAMPLE\n"
        "aws_secret_access_key = example\n"
    )
    app = App({"HOME": str(tmp_path)}, tmp_path, config_file=str(config))
    alone = {
        name: tuple(str(role) for role, _ in Planning(app).resolve(name).hops)
        for name in app.config.chains
    }
    assert {row.name: row.roles for row in chain_rows(app)} == alone
    assert len(alone) >= 4


def test_only_a_chain_of_a_listed_fleet_depends_on_its_list(tmp_path: Path) -> None:
    config, state = tmp_path / "config.toml", tmp_path / ".local/state/rolehop"
    listed = 'from = "hub"\nrole = "{account}:role/Audit"\naccounts = { organization = "hub" }'
    config.write_text(CONFIG.replace("fleet/444444444444", "fleet/web") + listed)
    config.chmod(0o600)
    file = fleet_path(state, "fleet")

    def app() -> App:
        return App({"HOME": str(tmp_path)}, tmp_path, config_file=str(config))

    accounts = with_spelled_names([ListedAccount("4" * 12, "web"), ListedAccount("5" * 12)])
    query = app().config.listed_fleets["fleet"].query
    listing = FleetListing(accounts, App.now())
    store_listing(file, seals_in(), "fleet", query.definition, listing)
    for name, depends in (("hub", False), ("over", True), ("fleet/555555555555", True)):
        used = app()
        Planning(used).plan(name)
        assert (str(file) in used.dependencies.files) == depends, name
    rows = {row.name: row.roles[-1] for row in chain_rows(app())}
    assert rows["fleet/web"] == "arn:aws:iam::444444444444:role/Audit"
    assert list(rows) == ["hub", "over", "fleet/555555555555", "fleet/web"]
