"""``explain --last``: the hop that STS refused, as it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.explain.documents import AS, files, world_with_documents
from tests.support.world import ADMIN, HUB, World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        yield world


def test_the_last_refused_hop_is_explained(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    walked = world.rolehop("credential-process", "admin")
    assert walked.code == 5
    assert "to see which policy refused: rolehop explain admin\n" in walked.err
    done = world.rolehop(
        "explain", "--last", "--offline", *AS, *files("bad.json"), "--format", "json"
    )
    assert done.code == 5
    assert [hop["hop"] for hop in done.json["hops"]] == [2]
    note = world.state / "refused.json"
    saved = json.loads(note.read_text())
    assert (saved["chain"], saved["hop"], saved["code"]) == ("admin", 2, "AccessDenied")
    assert note.stat().st_mode & 0o777 == 0o600


def last(world: World, *more: str) -> Any:
    arguments = ("--offline", *AS, *files("good.json"), "--format", "json", *more)
    return world.rolehop("explain", "--last", *arguments)


def test_the_last_refused_hop_is_explained_as_it_was_asked(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[HUB], actions=("sts:AssumeRole",))
    walked = world.rolehop("export", "admin", "--tag", "team=x")
    assert walked.code == 5
    assert "to see which policy refused: rolehop explain --last\n" in walked.err
    (hop,) = last(world).json["hops"]
    assert hop["verdict"] == "refused"
    assert hop["lanes"][0]["findings"][0]["found"] == "sts:TagSession"
    # The config has no such tag, so no change of it is proposed.
    assert (hop["mend"]["account"], hop["mend"]["otherwise"]) == ("333333333333", None)
    # The flags of a walk can be named as well.
    arguments = ("explain", "admin", "--offline", *AS, *files("good.json"), "--format", "json")
    flagged = world.rolehop(*arguments, "--tag", "team=x").json["hops"]
    assert flagged[1] == hop
    assert world.rolehop(*arguments).json["verdict"] == "allowed"
    # A later success clears it.
    assert world.rolehop("export", "admin").code == 0
    over = last(world)
    assert over.code == 2
    assert "no refused hop is known" in over.err


def test_a_call_that_sts_refused_is_never_called_allowed(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    assert (
        world.rolehop("export", "admin", "--source-identity", "bob", "--duration", "15m").code == 5
    )
    arguments = ("--offline", *AS, "--context", "aws:SourceIp=203.0.113.9")
    whole = json.loads((world.home / "good.json").read_text())
    statement = whole["RoleDetailList"][0]["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Action"] = "sts:*"
    (world.home / "wide.json").write_text(json.dumps(whole))
    user = json.loads((world.home / "two.json").read_text())
    user["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] = "*"
    (world.home / "two-wide.json").write_text(json.dumps(user))
    given = [f"--policies={name}" for name in ("one.json", "two-wide.json", "wide.json")]
    shown = world.rolehop("explain", "--last", *arguments, *given)
    assert "hop 2: the documents allow it, but STS refused it at 20" in shown.out
    assert "something that is not visible here refused it" in " ".join(shown.out.split())
    assert max(map(len, shown.out.splitlines())) <= 80
    found = world.rolehop("explain", "--last", *arguments, *given, "--format", "json", "--strict")
    assert (found.code, found.json["verdict"]) == (5, "unknown")
    assert found.json["hops"][0]["unknowns"] == ["sts-refusal"]
    same = ("explain", "admin", "--source-identity", "bob", "--duration", "15m")
    again = world.rolehop(*same, *arguments, *given, "--format", "json").json
    assert again["hops"][1] == found.json["hops"][0]
