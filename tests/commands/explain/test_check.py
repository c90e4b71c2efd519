"""The ``check`` command: verdicts of every chain, exit codes, and the formats that CI reads."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest

from rolehop.base.arn import account_of
from tests.commands.explain.documents import ALICE, AS, USER, role
from tests.support.world import ADMIN, CONFIG, HUB, World, temporary_world

HOSTILE = 'a<b>&"]]>\x01é'
OTHER = "arn:aws:iam::999999999999:role/Other"
REFUSING = tuple(f"arn:aws:iam::{number:012}:role/Audit" for number in range(200, 250))
NAMES_ANOTHER = (
    "the trust policy, Allow statement 1: the statement names an account other than the caller's"
)
BREAKS = """
[sources.gone]
type = "profile"
profile = "gone"
[chains.lost]
source = "gone"
hops = [{ role = "333333333333:role/Admin" }]
[chains.linked]
from = "hub"
hops = [{ role = "333333333333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX" }]
[chains.last]
from = "hub"
hops = [{ role = "333333333333:role/Admin" }]
"""
TEAM = """\
[chains.team]
from = "hub"
hops = [
  { role = "444444444444:role/Audit", session_name = "ci" },
  { role = "333333333333:role/Admin" },
]
"""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with temporary_world() as world:
        asks = {"StringEquals": {"sts:RoleSessionName": HOSTILE}}
        files = {
            "hub.json": {"UserDetailList": [USER], "RoleDetailList": [role(HUB, ALICE)]},
            "admin.json": {"RoleDetailList": [role(ADMIN, HUB, **asks)]},
        }
        for name, content in files.items():
            (world.home / name).write_text(json.dumps(content))
        yield world


POLICIES = (*AS, "--policies", "hub.json", "--policies", "admin.json")


def check(world: World, *arguments: str, style: str = "json", code: int = 5) -> Any:
    done = world.rolehop("check", *arguments, *POLICIES, "--format", style)
    assert (done.code, done.err) == (code, "")
    return done.json if style in ("json", "sarif") else done.out


def test_every_chain_or_those_named(world: World) -> None:
    every = check(world)
    assert every["schema"] == "rolehop.check/1"
    assert {each["chain"]: each["verdict"] for each in every["chains"]} == {
        "own": "allowed",
        "hub": "allowed",
        "admin": "refused",
        "spokes/444444444444": "unknown",
        "spokes/555555555555": "unknown",
    }
    assert [each["chain"] for each in check(world, "hub", code=0)["chains"]] == ["hub"]
    check(world, "spokes/*", code=0)
    check(world, "spokes/*", "--strict", code=5)


def test_the_keyring_is_looked_into_once_for_all_chains_of_a_source() -> None:
    with temporary_world("tests.doubles.keyrings.Counted") as world:
        world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
        done = world.rolehop("check", "--offline", *AS, "--format", "json")
        assert (done.code, len(done.json["chains"])) == (0, 5)
        assert len((world.vault / "looks").read_text().splitlines()) == 1


def test_text_fits_and_counts(world: World) -> None:
    text = check(world, style="text")
    assert "5 chains, 1 refused, 2 can't tell" in text
    (why,) = [each for each in text.splitlines() if each.startswith("admin ")]
    assert why.split()[1:5] == ["333333333333", "refused", "hop", "2:"]
    assert ": the trust policy, Allow statement 1: " in why
    both = "spokes/444444444444, spokes/555555555555: hop 2: can't tell without knowing the\n"
    assert f"{both}  role's trust policy\n" in text
    assert "  aws iam get-account-authorization-details > 444444444444.json\n" in text
    assert "  1 hop refused by the trust policy\n" in text
    assert "  2 hops not known: the role's trust policy\n" in text
    assert "rolehop explain CHAIN" in text
    assert max(len(each) for each in text.splitlines() if each != why) <= 80
    assert "1 chain, 0 refused, 0 can't tell" in check(world, "hub", style="text", code=0)


def test_of_many_chains_each_that_breaks_is_a_line_and_what_is_not_known_one_for_all(
    world: World,
) -> None:
    accounts = ", ".join(f'"{number:012}"' for number in range(300))
    (world.home / "many.toml").write_text(
        CONFIG.replace("accounts = [", f"accounts = [{accounts}, ")
    )
    (world.home / "few.json").write_text(
        json.dumps({"RoleDetailList": [role(each, OTHER) for each in REFUSING]})
    )
    few = world.rolehop(
        "--config", "many.toml", "check", "spokes", *POLICIES, "--policies", "few.json"
    )
    rows = [each.split() for each in few.out.splitlines() if " refused   hop 2: " in each]
    assert [each[1] for each in rows] == [account_of(each) for each in REFUSING]
    assert {" ".join(each[5:]) for each in rows} == {NAMES_ANOTHER}
    done = world.rolehop("--config", "many.toml", "check", *POLICIES)
    assert len(done.out.splitlines()) < 30
    assert "305 chains, 1 refused, 302 can't tell" in done.out
    assert "spokes/000000000000, spokes/000000000001, spokes/000000000002 and 299 more:" in done.out
    assert "(and 297 more accounts)" in done.out
    counted = world.rolehop("--config", "many.toml", "check", *POLICIES, "--format", "json").json
    assert counted["causes"] == [
        {"verdict": "refused", "cause": "the trust policy", "hops": 1},
        {"verdict": "unknown", "cause": "the role's trust policy", "hops": 302},
    ]


class TestBrokenChains:
    """A chain that cannot work is one finding, and the others are judged all the same."""

    @pytest.fixture
    def flags(self, world: World) -> tuple[str, ...]:
        (world.home / "breaks.toml").write_text(CONFIG + BREAKS)
        return ("--config", "breaks.toml", "lost", "linked", "last")

    def test_each_is_a_verdict_with_its_account_and_its_error(
        self, world: World, flags: tuple[str, ...]
    ) -> None:
        found = check(world, *flags, code=3)
        assert [(each["chain"], each["account"], each["verdict"]) for each in found["chains"]] == [
            ("lost", "333333333333", "broken"),
            ("linked", "333333333333", "broken"),
            ("last", "333333333333", "refused"),
        ]
        lost, linked, last = (each["problem"] for each in found["chains"])
        assert (lost["code"], lost["what"]) == (4, "there is no AWS profile 'gone'")
        assert (linked["code"], linked["hop"]) == (3, 2)
        assert linked["cause"].startswith("role: it is a service-linked role")
        assert last is None
        causes = [(each["verdict"], each["cause"]) for each in found["causes"]]
        assert causes[:2] == [("broken", "the source"), ("broken", "the config")]
        check(world, "--config", "breaks.toml", "lost", code=4)

    def test_text_has_a_line_for_each(self, world: World, flags: tuple[str, ...]) -> None:
        text = check(world, *flags, style="text", code=3)
        rows = {each.split()[0]: each.split()[1:] for each in text.splitlines() if each.strip()}
        assert rows["lost"][:6] == ["333333333333", "broken", "there", "is", "no", "AWS"]
        assert rows["linked"][:3] == ["333333333333", "broken", "hop"]
        assert "3 chains, 2 broken, 1 refused, 0 can't tell" in text

    def test_junit_and_sarif_have_a_result_for_each(
        self, world: World, flags: tuple[str, ...]
    ) -> None:
        suites = ET.fromstring(check(world, *flags, style="junit", code=3))  # noqa: S314 - our own
        broken = [each for each in suites.iter("failure") if each.get("type") == "broken"]
        assert [str(each.get("message"))[:20] for each in broken] == [
            "there is no AWS prof", "hop 2 cannot work: a"
        ]  # fmt: skip
        for suite in (suites, *suites):
            assert suite.get("tests") == str(len(list(suite.iter("testcase"))))
        log = check(world, *flags, style="sarif", code=3)
        results = [each for each in log["runs"][0]["results"] if each["ruleId"] == "chain-broken"]
        assert {each["level"] for each in results} == {"error"}
        here = line(CONFIG + BREAKS, "[chains.lost]"), line(CONFIG + BREAKS, "[chains.linked]") + 2
        assert [(key, at) for key, _, at in places(log) if key in ("lost#", "linked#2")][:2] == [
            ("lost#", here[0]),
            ("linked#2", here[1]),
        ]

    def test_a_fleet_that_was_not_listed_is_one(self, world: World) -> None:
        fleet = '[fleets.far]\nfrom = "hub"\naccounts = { organization = "hub" }\n'
        (world.home / "fleet.toml").write_text(CONFIG + fleet)
        found = check(world, "--config", "fleet.toml", code=3)
        assert [each["chain"] for each in found["chains"]][-2:] == ["spokes/555555555555", "far/*"]
        assert "rolehop fleet refresh far" in found["chains"][-1]["problem"]["fix"]
        log = check(world, "--config", "fleet.toml", style="sarif", code=3)
        assert ("far/*#", "fleet.toml", line(CONFIG + fleet, "[fleets.far]")) in places(log)

    def test_a_keyring_that_does_not_open_is_no_finding_about_chains(self) -> None:
        with temporary_world("tests.doubles.keyrings.Locked") as world:
            world.config(CONFIG.replace('type = "environment"', 'type = "keys"'))
            assert world.rolehop("check").code == 7


class TestJUnit:
    def test_every_failed_hop_is_a_failure_with_its_words(self, world: World) -> None:
        suites = ET.fromstring(check(world, style="junit"))  # noqa: S314 - our own
        assert suites.attrib == {
            "name": "rolehop check", "tests": "7", "failures": "1", "skipped": "2", "errors": "0"
        }  # fmt: skip
        (failure,) = suites.iter("failure")
        assert failure.get("type") == "refused"
        assert "refused by the trust policy" in (failure.get("message") or "")
        said = failure.text or ""
        # XML cannot hold all characters, and control characters are removed.
        assert 'wanted a<b>&"]]>é' in said
        assert "to fix it, " in said
        assert [each.get("message") for each in suites.iter("skipped")] == [
            "can't tell without knowing the role's trust policy"
        ] * 2

    def test_counts_are_those_of_the_elements(self, world: World) -> None:
        for strict in ((), ("--strict",)):
            suites = ET.fromstring(check(world, *strict, style="junit"))  # noqa: S314 - our own
            for suite in (suites, *suites):
                for name, tag in (
                    ("tests", "testcase"),
                    ("failures", "failure"),
                    ("skipped", "skipped"),
                ):
                    assert suite.get(name) == str(len(list(suite.iter(tag))))

    def test_strict_makes_unknown_a_failure(self, world: World) -> None:
        out = check(world, "spokes/*", "--strict", style="junit")
        suites = ET.fromstring(out)  # noqa: S314 - our own
        assert {each.get("type") for each in suites.iter("failure")} == {"unknown"}
        assert not list(suites.iter("skipped"))


def places(log: Any) -> list[tuple[str, str, int]]:
    """Return chain and hop, file and line of each result, as code scanning reads them."""
    found = []
    for result in log["runs"][0]["results"]:
        assert result["message"]["text"]
        (location,) = result["locations"]
        physical = location["physicalLocation"]
        fingerprint = result["partialFingerprints"]["chainHop/v1"]
        uri = physical["artifactLocation"]["uri"]
        assert ("uriBaseId" in physical["artifactLocation"]) is not uri.startswith("file:")
        found.append((fingerprint, uri, physical["region"]["startLine"]))
    return found


def line(text: str, start: str) -> int:
    (found,) = [n for n, each in enumerate(text.splitlines(), 1) if each.startswith(start)]
    return found


class TestSarif:
    def test_it_has_what_code_scanning_requires(self, world: World) -> None:
        log = check(world, style="sarif")
        assert log["version"] == "2.1.0"
        (run,) = log["runs"]
        rules = run["tool"]["driver"]["rules"]
        for rule in rules:
            assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        levels = [(each["ruleId"], each["level"]) for each in run["results"]]
        assert levels == [("hop-refused", "error"), *[("hop-unknown", "warning")] * 2]
        strict = check(world, "--strict", style="sarif")["runs"][0]["results"]
        assert {each["level"] for each in strict} == {"error"}

    def test_each_result_points_at_the_line_of_its_hop(self, world: World) -> None:
        file = os.path.relpath(world.config_file, world.home)
        assert places(check(world, style="sarif")) == [
            ("admin#2", file, line(CONFIG, "[[chains.admin.hops]]")),
            ("spokes/444444444444#2", file, line(CONFIG, 'role = "{account}')),
            ("spokes/555555555555#2", file, line(CONFIG, 'role = "{account}')),
        ]

    def test_an_inherited_hop_points_at_the_chain_that_defines_it(self, world: World) -> None:
        (world.home / "team file.toml").write_text(TEAM)
        more = '[chains.end]\nfrom = "team"\nhops = [{ role = "555555555555:role/Audit" }]\n'
        (world.home / "all.toml").write_text(f'include = ["team file.toml"]\n{CONFIG}\n{more}')
        log = check(world, "--config", "all.toml", "end", style="sarif")
        team = "team%20file.toml"
        assert places(log) == [
            ("end#2", team, 4),
            ("end#3", team, 5),
            ("end#4", "all.toml", len(CONFIG.splitlines()) + 5),
        ]

    def test_a_file_elsewhere_has_its_whole_uri(self, world: World) -> None:
        file = world.folder / "c.toml"
        file.write_text(CONFIG)
        found = places(check(world, "--config", str(file), "admin", style="sarif"))
        assert [(place, at) for _, place, at in found] == [
            (file.as_uri(), line(CONFIG, "[[chains.admin.hops]]"))
        ]

    def test_a_hop_of_a_profile_points_at_the_aws_config(self, world: World) -> None:
        world.aws_config(
            f"[default]\nregion = eu-west-1\n\n[profile deep]\nrole_arn = {ADMIN}\n"
            "credential_source = Environment\n"
        )
        log = check(world, "deep", style="sarif")
        assert places(log) == [("deep#1", ".aws/config", 4)]


def test_a_broken_config_is_exit_3(world: World) -> None:
    (world.home / "broken.toml").write_text("version = 1\n[chains.x]\nsource = 'no'\n")
    done = world.rolehop("check", "--offline", "--config", "broken.toml")
    assert done.code == 3
