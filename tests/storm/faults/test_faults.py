"""A slice of the storm of faults; `python -m tests.storm.faults` has all of it."""

from __future__ import annotations

import pytest

from tests.storm.faults.kinds import KINDS
from tests.storm.faults.storm import blow
from tests.vault.as_user import need_kernel_keyring


@pytest.mark.parametrize(
    "names",
    [["answer: another role's session", "answer: connection cut after success"]],
    ids=["of-the-network"],
)
def test_faults_are_survived(names: list[str]) -> None:
    need_kernel_keyring()
    kinds = [KINDS[each] for each in names]
    report = blow(faults=len(kinds), seed=1, lanes=["kernel"], kinds=kinds)
    assert report.wrong == []
    assert report.survived == report.injected
    assert set(report.injected) == set(names)
