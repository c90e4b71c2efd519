"""What people read: every reason has words, and every line fits a terminal of 80 columns."""

from __future__ import annotations

import pytest

from rolehop.show.plain import as_text
from rolehop.show.reasons import hint, sentence
from rolehop.show.verdict import verdict_view
from rolehop.trust import Finding, Reason, Truth
from rolehop.trust.chain import judge_chain
from rolehop.trust.hops import Setting, Start, requests
from rolehop.trust.records import Records
from tests.trust.test_broken import ALICE, BROKEN, NOW, Breaks, Case, broken, healthy, records


def shown(case: Case, known: Records, *, verbose: bool = False) -> str:
    asked = requests(Start(ALICE, long_lived=True, mfa=False), case.asked(), Setting(known, NOW))
    return as_text(verdict_view(judge_chain("chain", "me", asked), verbose=verbose))


@pytest.mark.parametrize("breaks", [each[0] for each in BROKEN.values()], ids=BROKEN)
@pytest.mark.parametrize("verbose", [False, True], ids=["short", "verbose"])
def test_an_explanation_fits_and_says_what_to_do(breaks: Breaks, verbose: bool) -> None:
    case = broken(breaks)
    text = shown(case, records(case), verbose=verbose)
    assert max(map(len, text.splitlines())) <= 80
    assert "would be refused" in text
    assert "to mend it, account " in text


def test_without_documents_it_names_the_commands_that_would_show_them() -> None:
    text = shown(healthy(), Records())
    assert "can't tell" in text
    assert "aws iam get-role --role-name Admin (in 333333333333)" in text
    assert "get-account-authorization-details (in 222222222222)" in text
    assert max(map(len, text.splitlines())) <= 80


def test_an_allowed_hop_says_what_is_assumed() -> None:
    assert "assuming that no SCP or RCP stands in the way" in shown(healthy(), records(healthy()))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_words_of_its_own(reason: Reason) -> None:
    finding = Finding("Condition StringEquals sts:ExternalId", Truth.FALSE, reason, "x", "y")
    assert " " in sentence(finding) or reason is Reason.MATCHES


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("sts:ExternalId", "external_id"),
        ("aws:MultiFactorAuthPresent", "mfa_serial"),
        ("aws:RequestTag/team", "tags ="),
        ("aws:SourceIp", None),
    ],
)
def test_what_the_chain_itself_can_do_is_hinted(key: str, words: str | None) -> None:
    finding = Finding(f"Condition StringEquals {key}", Truth.FALSE, Reason.KEY_ABSENT, "x")
    assert (hint(finding) is None) is (words is None)
    assert (words or "") in (hint(finding) or "")
