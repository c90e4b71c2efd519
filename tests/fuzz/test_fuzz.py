"""A few inputs for every parser; `.ci/run` tries thousands, and `python -m tests.fuzz` more."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from math import ceil
from typing import Any

import pytest

from rolehop.hotpath.record import read_record
from rolehop.vault.index_file import read_text
from tests.fuzz import documents, foreign, services, stored, wire
from tests.fuzz.run import Parser, fuzz
from tests.fuzz.samples import (
    CONFIGS,
    INDEX,
    INVENTORY,
    ITEM,
    OWN_DOCUMENT,
    PROCESS,
    RECORD,
    SAML,
    SIGN_IN,
    TOKENS,
)

_PATIENT = 60  # seconds for one input on a busy machine


_MODULES = {documents: 3, services: 3, foreign: 1, stored: 1, wire: 1}
"""With how many inputs for each share; `.ci/run` tries whole programs, too."""


@pytest.mark.parametrize("module", _MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_nothing_that_is_read_ends_in_an_accident(module: Any) -> None:
    with ExitStack() as stack:
        parsers: list[Parser] = stack.enter_context(module.parsers())
        for each in parsers:
            count = ceil(_MODULES[module] * each.share)
            assert fuzz(each, count, 1, hang_seconds=_PATIENT) > 0, each.name


def test_the_samples_are_read_without_a_complaint() -> None:
    """Else all their changes would be refused for one and the same reason."""
    with documents.parsers() as parsers:
        named = {each.name: each for each in parsers}
        for config in CONFIGS:
            named["config"].read(config.encode())
        for name, sample in {
            "stored sessions": ITEM,
            "stored documents": OWN_DOCUMENT,
            "SAML": SAML[0],
            "JWT": TOKENS[1],
            "credential_process output": json.dumps(PROCESS).encode(),
            "the AWS CLI's sign-ins": json.dumps(SIGN_IN).encode(),
            "IAM inventories": json.dumps(INVENTORY[0]),
        }.items():
            named[name].read(sample)
    assert read_record(RECORD.encode()) is not None
    assert len(read_text(json.dumps(INDEX), datetime.now(UTC)).sessions) == 1
