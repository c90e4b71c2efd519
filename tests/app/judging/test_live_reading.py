"""What is read of IAM with sessions at hand, and which chain is advised where there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.live_iam import LiveIam, _is_complete
from rolehop.app.planning import Planning
from rolehop.policy.inventory import Entity, IamInventory
from rolehop.vault.index import make_entry
from tests.support.world import ADMIN, FILE_BACKED, HUB, World
from tests.vault.samples import NOW, session, source_step

READER = "arn:aws:iam::333333333333:role/Reader"
LIMIT = "arn:aws:iam::222222222222:policy/Limit"
OVER = make_entry(
    source_step(),
    session(issued_at=datetime(2020, 1, 1, tzinfo=UTC)),
    "admin",
    FILE_BACKED,
    None,
    NOW,
)
CONFIG = f"""\
version = 1
[sources.me]
type = "process"
command = ["false"]
[chains.admin]
source = "me"
hops = [{{ role = "{HUB}", policy_arns = ["{LIMIT}"] }}, {{ role = "{ADMIN}", policy_arns = ["{LIMIT}"] }}]
[chains.reader]
source = "me"
hops = [{{ role = "{READER}" }}]
"""


@pytest.mark.parametrize(
    ("config", "refused", "says"),
    [
        (CONFIG, None, "no session of chain 'admin' is stored; get one: rolehop assume admin"),
        (CONFIG, 2, "is stored; get one: rolehop assume reader"),
        (
            CONFIG.replace("Reader", "Admin"),
            2,
            "no session of 222222222222, 333333333333 is stored",
        ),
    ],
)
def test_another_chain_is_advised_than_the_refused_one(
    config: str, refused: int | None, says: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(config)
    file.chmod(0o600)
    notes: list[str] = []
    app = App({"HOME": str(tmp_path)}, tmp_path, config_file=str(file), notify=notes.append)
    app.index_store.change(lambda index: index.with_session(OVER))
    plan = Planning(app).plan("admin")
    inventory, _ = LiveIam(app).read(plan, PolicyOptions(), refused=refused)
    assert inventory == IamInventory()
    assert len(notes) == 1
    assert notes[0].startswith("IAM is not read: ")
    assert notes[0].endswith(says)


@pytest.mark.parametrize(
    ("found", "complete"),
    [
        (IamInventory(missing_roles=frozenset({ADMIN})), True),
        (IamInventory({HUB: Entity(HUB)}), False),
        (IamInventory({HUB: Entity(HUB, inline={}, boundary=LIMIT)}), False),
        (IamInventory({HUB: Entity(HUB, inline={}, boundary=LIMIT)}, managed={LIMIT: "{}"}), True),
    ],
)
def test_a_role_is_read_on_until_nothing_is_hidden(found: IamInventory, complete: bool) -> None:
    assert _is_complete(found) == complete


def test_a_session_that_iam_takes_no_longer_is_shown_no_more(world: World) -> None:
    assert world.rolehop("exec", "admin", "--", "true").code == 0
    assert len(world.rolehop("status", "--format", "json").json["sessions"]) == 2
    aws = world.sts.world
    (admin,) = [key for key, each in aws.keys.items() if "/Admin/" in each.arn]
    aws.forget_key(admin)
    world.rolehop("explain", "admin")
    arns = [each["arn"] for each in world.rolehop("status", "--format", "json").json["sessions"]]
    assert arns == ["arn:aws:sts::222222222222:assumed-role/Hub/me"]
