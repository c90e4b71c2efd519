"""The workflows on GitHub: what they run is pinned to commits, and each job may do no more than it needs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.environment import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(path.name for path in FOLDER.glob("*"))
MAY_WRITE = {
    ("publish.yml", "attest"): {"attestations", "id-token"},
    ("publish.yml", "publish"): {"id-token"},
}
every_file = pytest.mark.parametrize("name", FILES)


def workflow(name: str) -> dict[Any, Any]:
    loaded = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in workflow(name)["jobs"].values():
        yield from job.get("steps", [])


def test_there_are_tests_and_a_release() -> None:
    assert FILES == ["publish.yml", "tests.yml"]


@every_file
def test_each_action_is_pinned_to_a_commit_and_names_its_version(name: str) -> None:
    uses = re.findall(r"- uses: (.*)", (FOLDER / name).read_text(encoding="utf-8"))
    assert len(uses) == sum("uses" in step for step in steps(name)) > 0
    for each in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_one_action_has_one_commit() -> None:
    uses = {step["uses"] for name in FILES for step in steps(name) if "uses" in step}
    actions = [each.partition("@")[0] for each in uses]
    assert len(actions) == len(set(actions))


@every_file
def test_a_job_may_do_only_what_it_needs(name: str) -> None:
    assert workflow(name)["permissions"] == {}
    for job_name, job in workflow(name)["jobs"].items():
        given = job["permissions"]
        writes = {scope for scope, access in given.items() if access != "read"}
        assert writes == MAY_WRITE.get((name, job_name), set()), job_name
        assert set(given) - writes <= {"contents"}, job_name
        assert "uses" in job or job["timeout-minutes"] <= 60, job_name


@every_file
def test_no_workflow_has_a_secret_or_runs_the_text_of_others(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r"\bsecrets\b", text)
    assert "pull_request_target" not in text
    assert "workflow_run" not in text
    for step in steps(name):
        assert "${{" not in step.get("run", "")  # a branch's name would be code
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "password" not in step.get("with", {})  # PyPI trusts the workflow itself


def test_what_builds_a_release_is_pinned_by_hash() -> None:
    """A build backend runs in the job whose files are published: what is newest then may be anybody's."""
    runs = "\n".join(step.get("run", "") for step in steps("publish.yml"))
    assert re.findall(r"pip install (.*)", runs) == [
        "-q --require-hashes --only-binary :all: -r .github/build-requirements.txt"
    ]
    assert re.findall(r"-m build\b([^#\n]*)", runs) == [" --no-isolation "]
    text = (ROOT / ".github" / "build-requirements.txt").read_text(encoding="utf-8")
    lines = [each for each in text.splitlines() if each and not each.startswith("#")]
    pins = [
        re.fullmatch(r"([a-z-]+)==([0-9.]+)( --hash=sha256:[0-9a-f]{64})+", each) for each in lines
    ]
    assert all(pins), lines
    pinned = {pin[1]: pin[2] for pin in pins if pin is not None}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*map(Requirement, project["build-system"]["requires"]), Requirement("build")]
    for each in wanted:
        assert each.specifier.contains(pinned[each.name]), each


def test_what_is_published_was_tested_built_and_attested_before() -> None:
    jobs = workflow("publish.yml")["jobs"]
    assert jobs["tests"]["uses"] == "./.github/workflows/tests.yml"
    assert jobs["tests"]["with"] == {"linux-alone": True}  # the others have not run yet
    assert workflow("tests.yml")["jobs"]["others"]["if"] == "${{ !inputs.linux-alone }}"
    assert jobs["build"]["needs"] == "tests"
    assert "workflow_call" in workflow("tests.yml")[True]  # YAML reads `on` as a truth value
    assert jobs["publish"]["needs"] == ["build", "attest"]
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert jobs["publish"]["steps"][-1]["with"] == {"attestations": True}
    assert [each for each, job in jobs.items() if "id-token" in job["permissions"]] == [
        "attest",
        "publish",
    ]
