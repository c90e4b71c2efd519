"""The views and documents of ``source list`` and ``source test``, and the document of a sign-in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from rolehop.base.advice import AccountNames, with_account_names
from rolehop.base.durations import rfc3339, show_end
from rolehop.base.text import clean
from rolehop.commands.source.sources import SourceRow, Tested
from rolehop.terminal.layout import (
    FINE,
    LABEL,
    WRONG,
    Grid,
    Line,
    StyledText,
    View,
    account_role,
    blocks,
    facts,
    few_names,
    line,
    row,
)


def sources_view(rows: Iterable[SourceRow]) -> View:
    """Show sources with their type, their state and the chains that start there; a fleet is one."""
    drawn = [
        row(
            StyledText(each.name, "bold"),
            each.type,
            StyledText(each.state, "red" if each.problem else ""),
            few_names(list(_chains(each)), verbose=False),
            under=clean(each.problem or each.warning or each.description),
        )
        for each in rows
    ]
    return [Grid(("SOURCE", "TYPE", "STATE", "CHAINS"), drawn)]


def _chains(source: SourceRow) -> Iterator[str]:
    """Yield the names of a source's chains, and each fleet as `list` shows a large one."""
    yield from (each for each in source.chains if each not in source.fleet_of)
    counts = Counter(source.fleet_of.values())
    yield from (f"{fleet}/ ({count:,})" for fleet, count in counts.items())


def sources_document(rows: Iterable[SourceRow]) -> dict[str, object]:
    """Return the JSON of ``source list``."""
    return {
        "schema": "rolehop.sources/1",
        "sources": [
            {
                "name": each.name,
                "type": each.type,
                "description": each.description,
                "state": each.state,
                "problem": each.problem,
                "warning": each.warning,
                "chains": list(each.chains),
            }
            for each in rows
        ],
    }


def tested_view(tested: Tested, now: datetime, names: AccountNames, home: str) -> View:
    """Show what was found, and the caller's identity; ``home``: the folder that is shown as ``~``."""
    head = line(StyledText(tested.name, "bold"), f"  {tested.type}")
    return blocks([head, *_found(tested, names, home)], _identity(tested, now, names))


def _found(tested: Tested, names: AccountNames, home: str) -> Iterator[Line]:
    marks = {True: FINE, False: WRONG, None: StyledText("·", LABEL)}
    for looked_for, found, good in tested.findings:
        text = with_account_names(f"{clean(looked_for)}: {clean(found)}", names)
        text = text.replace(f"{home}/", "~/")
        yield line(marks[good], f" {text}")._replace(hanging=2)


def _identity(tested: Tested, now: datetime, names: AccountNames) -> View:
    if tested.error is not None:
        return [line(WRONG, f" {clean(tested.error)}")._replace(hanging=2)]
    ends = show_end(tested.expires_at, now + tested.clock_offset, long_lived=tested.long_lived)
    return [
        facts(
            ("account", account_role(tested.account or "–", names=names, verbose=True)),
            ("arn", clean(tested.arn or "")),
            ("lasts", ends),
            ("next hop", next_hop(tested)),
        )
    ]


def next_hop(tested: Tested) -> str:
    """Return how long the next hop's session can last, for people."""
    if tested.hops_of_profile:
        roles = "a role" if tested.hops_of_profile == 1 else f"{tested.hops_of_profile} roles"
        return f"1 h at most: the profile itself assumes {roles} first"
    if not tested.long_lived:
        return "1 h at most: a session that assumes a role is chaining"
    if tested.made_a_session:
        return "1 h at most: these IAM user keys become a session first (GetSessionToken)"
    longest = "up to the role's own maximum (12 h at most)"
    if tested.mfa:
        return (
            f"1 h at most by the shared MFA session; {longest} where the hop has its own MFA code"
        )
    return f"{longest}: these are IAM user keys"


def tested_document(tested: Tested) -> dict[str, object]:
    """Return the JSON of ``source test``."""
    chained = bool(tested.hops_of_profile) or not tested.long_lived or tested.made_a_session
    return {
        "schema": "rolehop.source-test/1",
        "source": tested.name,
        "type": tested.type,
        "findings": [
            {"looked_for": looked_for, "found": found, "good": good}
            for looked_for, found, good in tested.findings
        ],
        "arn": tested.arn,
        "account": tested.account,
        "expires_at": rfc3339(tested.expires_at),
        "next_hop_ceiling": None if tested.error else (3600 if chained else 43_200),
        "error": tested.error,
    }


def sign_in_document(name: str, kind: str, message: str, *, signed_in: bool) -> dict[str, object]:
    """Return the JSON of ``source login`` and ``source logout``; ``message`` is for a person."""
    return {
        "schema": "rolehop.sign-in/1",
        "source": name,
        "type": kind,
        "signed_in": signed_in,
        "message": message,
    }
