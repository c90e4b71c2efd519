"""What a chain asks for before a handover, and who says so."""

from __future__ import annotations

import pytest

from rolehop.config.model import ChainConfig
from rolehop.plan.model import Guards
from rolehop.plan.resolve import guards_of

FIRST = ChainConfig("first")
CONFIRM = ChainConfig("asks", confirm=True)
REASON = ChainConfig("tells", reason_required=True)


@pytest.mark.parametrize(
    ("path", "guards"),
    [
        ((FIRST,), Guards()),
        ((CONFIRM,), Guards(confirm="asks")),
        ((REASON,), Guards(reason="tells")),
        ((CONFIRM, FIRST), Guards(confirm="asks")),
        ((FIRST, REASON), Guards(reason="tells")),
        ((CONFIRM, REASON, FIRST), Guards("asks", "tells")),
        ((CONFIRM, ChainConfig("nearer", confirm=True)), Guards(confirm="nearer")),
        ((REASON, ChainConfig("nearer", reason_required=True)), Guards(reason="nearer")),
    ],
)
def test_the_nearest_chain_that_asks_is_the_one(
    path: tuple[ChainConfig, ...], guards: Guards
) -> None:
    assert guards_of(path) == guards


@pytest.mark.parametrize(
    ("guards", "words"),
    [
        (Guards(confirm="admin"), "chain 'admin' has confirm = true"),
        (Guards(reason="admin"), "chain 'admin' has reason = \"required\""),
        (Guards("admin", "hub"), "chain 'admin' has confirm = true"),
        (Guards(confirm="hub"), "chain 'admin' continues 'hub', which has confirm = true"),
        (Guards(reason="hub"), "chain 'admin' continues 'hub', which has reason = \"required\""),
    ],
)
def test_a_chain_says_what_asks(guards: Guards, words: str) -> None:
    assert guards.any
    assert guards.why("admin") == words


def test_most_chains_ask_for_nothing() -> None:
    assert not Guards().any
