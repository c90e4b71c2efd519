"""The ``graph`` command, and its two notations parsed by their rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

from rolehop.commands.explain.graph import Path, Step, as_dot, as_mermaid, tree_view
from rolehop.terminal.drawing import as_text
from tests.support.world import ADMIN, HUB, World

PATHS = [
    Path("hub", "me", (Step(HUB, "allowed"),)),
    Path("admin", "me", (Step(HUB, "allowed"), Step(ADMIN, "refused"))),
    Path("own", "me", ()),
]
HOSTILE = [Path('a"b', 'm"]; end', (Step("arn:aws:iam::222222222222:role/a=b+c,d@e"),))]


def test_shared_hops_are_drawn_once() -> None:
    assert as_text(tree_view(PATHS)).splitlines() == [
        "source me  own",
        "└─ 222222222222:role/Hub  allowed  hub",
        "   └─ 333333333333:role/Admin  refused  admin",
    ]


OK = Path("c", "me", (Step(HUB, "allowed"), Step(ADMIN, "allowed")))
TAGGED = Path("tagged", "me", (Step(HUB, "refused"), Step(ADMIN, "unknown")))


@pytest.mark.parametrize("paths", [[OK, TAGGED], [TAGGED, OK]], ids=["c first", "tagged first"])
def test_each_chain_keeps_its_verdict_if_others_take_the_same_roles(paths: list[Path]) -> None:
    tree = as_text(tree_view(paths)).replace("├", "└").replace("│", " ").splitlines()
    parts = {
        "c": [
            "└─ 222222222222:role/Hub  allowed",
            "   └─ 333333333333:role/Admin  allowed  c",
        ],
        "tagged": [
            "└─ 222222222222:role/Hub  refused",
            "   └─ 333333333333:role/Admin  can't tell  tagged",
        ],
    }
    assert tree == ["source me", *(line for path in paths for line in parts[path.chain])]
    mermaid = as_mermaid(paths, {}).splitlines()
    arrows = [line.strip() for line in mermaid if "-->" in line]
    styles = [line.rpartition(":")[2] for line in mermaid if "linkStyle" in line]
    assert set(zip(arrows, styles, strict=True)) == {
        ('n0 -->|"c"| n1', "green"),
        ('n0 -->|"tagged"| n1', "red"),
        ('n1 -->|"c"| n2', "green"),
        ('n1 -->|"tagged"| n2', "orange"),
    }
    assert {line.strip() for line in as_dot(paths, {}).splitlines() if "->" in line} == {
        'n0 -> n1 [color=green, label="c"];',
        'n0 -> n1 [color=red, label="tagged"];',
        'n1 -> n2 [color=green, label="c"];',
        'n1 -> n2 [color=orange, label="tagged"];',
    }


def test_mermaid() -> None:
    assert as_mermaid(PATHS, {}).splitlines() == [
        "flowchart LR",
        '  n0(["source me"])',
        '  subgraph a222222222222["222222222222"]',
        '    n1["Hub"]',
        "  end",
        '  subgraph a333333333333["333333333333"]',
        '    n2["Admin"]',
        "  end",
        "  n0 --> n1",
        "  n1 --> n2",
        "  linkStyle 0 stroke:green",
        "  linkStyle 1 stroke:red",
    ]


def test_a_name_cannot_end_its_label() -> None:
    labels = re.findall(r'\["(.*)"\]', as_mermaid(HOSTILE, {}))
    assert labels
    assert not any('"' in label or "]" in label for label in labels)


@pytest.mark.parametrize(
    "paths", [PATHS, HOSTILE, [OK, TAGGED]], ids=["plain", "hostile", "two verdicts"]
)
def test_graphviz_takes_the_dot(paths: list[Path]) -> None:
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")
    done = subprocess.run(
        ["dot", "-Tplain"], input=as_dot(paths, {}), text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    drawn = {(path.source, path.steps[: n + 1]) for path in paths for n in range(len(path.steps))}
    assert done.stdout.count("\nedge ") == len(drawn)


def test_the_command_draws_what_is_configured(shared_world: World) -> None:
    tree = shared_world.rolehop("graph")
    assert (tree.code, tree.err) == (0, "")
    assert "333333333333:role/Admin  admin" in tree.out
    assert "spokes/" not in shared_world.rolehop("graph", "admin").out
    assert shared_world.rolehop("graph", "--format", "mermaid").out.startswith("flowchart LR\n")
    assert shared_world.rolehop("graph", "--format", "dot").out.startswith("digraph")
    svg = shared_world.rolehop("graph", "--format", "svg")
    assert ET.fromstring(svg.out).tag.endswith("svg")  # noqa: S314 - our own output
    assert not re.search(r"url\(\W*http", svg.out), "the picture calls somebody"


LONG = f"222222222222:role/{'x' * 200}/Hub"


def test_a_long_role_is_not_folded_in_the_svg(world: World) -> None:
    hops = f'hops = [{{ role = "{LONG}" }}]'
    world.config(
        f'version = 1\n[sources.me]\ntype = "environment"\n[chains.long]\nsource = "me"\n{hops}\n'
    )
    svg = world.rolehop("graph", "--format", "svg").out
    drawn = [each.text or "" for each in ET.fromstring(svg).iter()]  # noqa: S314 - our own output
    assert any(LONG in each for each in drawn)


def test_a_federated_sources_own_role_is_drawn_with_policies_and_without(world: World) -> None:
    own = "arn:aws:iam::222222222222:role/Own"
    world.config(
        f'version = 1\n[sources.ci]\ntype = "web-identity"\nci = "github"\nrole = "{own}"\n'
        f'[chains.on]\nsource = "ci"\nhops = [{{ role = "{ADMIN}" }}]\n'
    )
    assert world.rolehop("graph").out.splitlines() == [
        "source ci",
        "└─ 222222222222:role/Own",
        "   └─ 333333333333:role/Admin  on",
    ]
    (world.home / "role.json").write_text(json.dumps({"Role": {"Arn": own}}))
    judged = world.rolehop("graph", "--policies", "role.json").out.splitlines()
    assert judged[1] == "└─ 222222222222:role/Own  can't tell"


def test_with_policies_each_hop_has_its_verdict(shared_world: World) -> None:
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "1" * 12}, "Action": "s3:*"}]}
    file = shared_world.home / "roles.json"
    file.write_text(json.dumps({"Role": {"Arn": HUB, "AssumeRolePolicyDocument": trust}}))
    done = shared_world.rolehop("graph", "admin", "--policies", "roles.json")
    assert "222222222222:role/Hub  refused" in done.out
    assert "333333333333:role/Admin  can't tell" in done.out


def test_json_has_every_hop_with_its_account(world: World) -> None:
    found = world.rolehop("graph", "admin", "--format", "json").json
    assert found == {
        "schema": "rolehop.graph/1",
        "chains": [
            {
                "chain": "admin",
                "source": "me",
                "hops": [
                    {"hop": 1, "role": HUB, "account": "222222222222", "verdict": None},
                    {"hop": 2, "role": ADMIN, "account": "333333333333", "verdict": None},
                ],
            }
        ],
    }
