"""Where a fix is written: never over anything but the document it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.judging.evidence import PolicyOptions, StoredOrganization, store_organization
from rolehop.app.judging.explaining import explain_chain
from rolehop.base.errors import UsageError
from rolehop.commands.explain.fixed_document import write_fixed_document
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import ChainVerdict
from rolehop.policy.inventory import NamedPolicy, Organization, Target
from tests.commands.explain.documents import ALICE, USER, role
from tests.support.policies import policy_text
from tests.support.world import ADMIN, HUB

READS = policy_text({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
CONFIG = f"""\
version = 1
[sources]
me = {{ type = "environment", principal = "{ALICE}" }}
[chains]
admin = {{ source = "me", hops = [{{ role = "{HUB}" }}, {{ role = "{ADMIN}" }}] }}
limited = {{ source = "me", hops = [{{ role = "{HUB}", policy = '{READS}' }}, {{ role = "{ADMIN}" }}] }}
"""


class Folder:
    """A config, and documents by which a hop of its chains is refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.toml"
        self.config.write_text(CONFIG)
        self.config.chmod(0o600)
        self.app = App({"HOME": str(path)}, path, config_file=str(self.config))
        self.policies = PolicyOptions(documents=(str(path / "all.json"),))

    def judged(self, chain: str, **condition: object) -> ChainVerdict:
        roles = [role(HUB, ALICE), role(ADMIN, HUB, **condition)]
        text = json.dumps({"UserDetailList": [USER], "RoleDetailList": roles})
        (self.path / "all.json").write_text(text)
        return explain_chain(self.app, chain, self.policies, WalkOptions(), offline=True)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_fixed_config_goes_to_a_new_file_alone(folder: Folder) -> None:
    verdict = folder.judged("admin", StringEquals={"sts:ExternalId": "x-1"})
    other = folder.path / "policy.json"
    other.write_text(json.dumps({"Policy": {"Content": '{"Version": "2012-10-17"}'}}))
    with pytest.raises(UsageError, match="is JSON without that policy, and was not changed"):
        write_fixed_document(verdict, other, folder.policies)
    beside = folder.path / "fixed.toml"
    fixed = write_fixed_document(verdict, beside, folder.policies)
    assert not fixed.is_moved
    assert 'external_id = "x-1"' in beside.read_text()


def test_a_session_policy_that_was_changed_meanwhile_is_not_replaced(folder: Folder) -> None:
    verdict = folder.judged("limited")
    now = CONFIG.replace("s3:*", "ec2:*")
    folder.config.write_text(now)
    with pytest.raises(UsageError, match="is a config without that policy"):
        write_fixed_document(verdict, folder.config, folder.policies)
    assert folder.config.read_text() == now


@pytest.mark.parametrize("number", ["p-1", "p-2"])
def test_an_scp_that_was_read_is_known_by_its_id(number: str, folder: Folder) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denies = policy_text(everything, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    known = Organization(
        "999999999999",
        {"111111111111": ("r-1",)},
        {"r-1": Target("root r-1", ("p-1",), ())},
        {"p-1": NamedPolicy("Guard", denies)},
    )
    stored = StoredOrganization(known, folder.app.now(), "hub")
    store_organization(folder.app.state_folder, stored)
    file = folder.path / "scp.json"
    summary = {"Id": number, "Type": "SERVICE_CONTROL_POLICY", "Name": "Guard"}
    text = json.dumps({"Policy": {"PolicySummary": summary, "Content": denies}})
    file.write_text(text)
    verdict = folder.judged("admin")
    if number == "p-2":
        with pytest.raises(UsageError, match="was not changed"):
            write_fixed_document(verdict, file, folder.policies)
        assert file.read_text() == text
    else:
        write_fixed_document(verdict, file, folder.policies)
        assert file.read_text() != text
