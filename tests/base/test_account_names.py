"""Names of accounts in a text: beside what can be copied, in place of what is only an ID."""

from __future__ import annotations

import pytest

from rolehop.base.advice import Advice, Argument, Whole, account_label, with_account_names

NAMES = {"444444444444": "billing"}
ROLE = "arn:aws:iam::444444444444:role/Audit"


@pytest.mark.parametrize(
    ("text", "plain", "numbers"),
    [
        ("of 444444444444", "of billing", "of billing (444444444444)"),
        ("in 444444444444.", "in billing.", "in billing (444444444444)."),
        ("of '444444444444'", "of 'billing'", "of 'billing (444444444444)'"),
        (f"refused {ROLE}: no", f"refused {ROLE} (billing): no", f"refused {ROLE} (billing): no"),
        ("444444444444:role/Audit", "444444444444:role/Audit (billing)",
         "444444444444:role/Audit (billing)"),
        # It is there already, or stands between the brackets that follow a name.
        (f"{ROLE} (billing)", f"{ROLE} (billing)", f"{ROLE} (billing)"),
        ("billing (444444444444)", "billing (444444444444)", "billing (444444444444)"),
        # Other accounts, parts of other names, and what AWS said.
        ("of 555555555555", "of 555555555555", "of 555555555555"),
        ("spokes/444444444444", "spokes/444444444444", "spokes/444444444444"),
        ('"of 444444444444 it"', '"of 444444444444 it"', '"of 444444444444 it"'),
        (f"{ROLE} (billing-x)", f"{ROLE} (billing) (billing-x)", f"{ROLE} (billing) (billing-x)"),
        (f"{ROLE} (audit)", f"{ROLE} (billing) (audit)", f"{ROLE} (billing) (audit)"),
    ],
)  # fmt: skip
def test_a_text_gets_names(text: str, plain: str, numbers: str) -> None:
    assert with_account_names(text, NAMES) == plain
    assert with_account_names(text, NAMES, numbers=True) == numbers
    assert with_account_names(text, {}) is text


def test_of_advice_what_is_to_be_typed_stays() -> None:
    role, whole = Argument(ROLE), Whole("rolehop plan 444444444444")
    advice = Advice("in 444444444444: ", whole, " or rolehop plan ", role)
    found = with_account_names(advice, NAMES)
    assert isinstance(found, Advice)
    assert found.parts == ("in billing: ", whole, " or rolehop plan ", role)
    assert with_account_names(advice, {}) is advice


def test_the_label_of_an_account() -> None:
    assert account_label("444444444444", NAMES) == "billing (444444444444)"
    assert account_label("555555555555", NAMES) == "555555555555"
