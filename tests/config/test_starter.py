from __future__ import annotations

import re
from pathlib import Path

import pytest

from rolehop.config.loader import load_config
from rolehop.config.model import Config
from rolehop.config.starter import SOURCE_TYPES as STARTER_TYPES
from rolehop.config.starter import Answers, starter_text
from rolehop.files import FileText
from rolehop.sources import SOURCE_TABLES

ROLE = "arn:aws:iam::222222222222:role/Hub"


def load(text: str) -> Config:
    return load_config(
        [Path("config.toml")],
        explicit=True,
        read=lambda path: FileText(str(path), text),
        source_types=SOURCE_TABLES,
    )


def uncommented(text: str) -> str:
    """What the file says once every line that is TOML behind its ``#`` is made live."""
    return re.sub(r"(?m)^# (?=\[|[a-z_]+ = )", "", text)


def test_the_example_is_well_formed_and_sets_nothing_yet() -> None:
    config = load(starter_text())
    assert (dict(config.sources), dict(config.chains)) == ({}, {})


def test_the_example_works_when_its_lines_are_uncommented() -> None:
    config = load(uncommented(starter_text()))
    assert list(config.sources) == ["me"]
    assert list(config.chains) == [
        "hub",
        "prod-admin",
        "spokes/444444444444",
        "spokes/555555555555",
    ]


@pytest.mark.parametrize(
    "answers",
    [
        Answers("keys", "hub", ROLE, "eu-west-1"),
        Answers("profile", "hub", ROLE, None, "corp"),
        Answers("profile", "hub", ROLE, "us-east-1", 'we "quote" \\ ü \x7f'[:-1]),
        Answers("profile", "hub", ROLE),
        Answers("environment", "a.b@c+d-e", "222222222222:role/Hub", "eu-west-1"),
    ],
)
def test_answers_become_a_config_that_is_ready(answers: Answers) -> None:
    text = starter_text(answers)
    config = load(text)
    chain = config.chains[answers.chain]
    source = config.sources[chain.source or ""]
    assert [hop.role for hop in chain.hops] == [answers.role]
    assert config.defaults.region == answers.region
    assert source.type == answers.source_type
    if answers.source_type == "profile":
        assert source.settings["profile"] == (answers.profile or "default")
    assert len(load(uncommented(text)).chains) == 4


def test_it_offers_types_that_are_there() -> None:
    assert set(STARTER_TYPES) <= set(SOURCE_TABLES)
