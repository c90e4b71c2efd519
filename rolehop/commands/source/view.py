"""The views and documents of ``source list`` and ``source test``, and the document of a sign-in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rolehop.base.durations import rfc3339, show_end
from rolehop.base.text import clean
from rolehop.commands.source.sources import SourceRow, Tested
from rolehop.terminal.layout import Grid, Line, StyledText, View, line, row


def sources_view(rows: Iterable[SourceRow]) -> View:
    """Show sources with their type, their state and the chains that start there."""
    drawn = [
        row(
            StyledText(each.name, "bold"),
            each.type,
            StyledText(each.state, "red" if each.problem else ""),
            ", ".join(each.chains[:3]) + (" …" if len(each.chains) > 3 else ""),
            under=clean(each.problem or each.warning or each.description),
        )
        for each in rows
    ]
    return [Grid(("SOURCE", "TYPE", "STATE", "CHAINS"), drawn)]


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


def tested_view(tested: Tested, now: datetime) -> View:
    """Show what was found, and the caller's identity."""
    return [line(StyledText(tested.name, "bold"), f"  {tested.type}"), *_lines(tested, now)]


def _lines(tested: Tested, now: datetime) -> Iterator[Line]:
    marks = {True: _label("found", "green"), False: _label("trouble", "red"), None: _label("")}
    for looked_for, found, good in tested.findings:
        yield line(marks[good], f"{clean(looked_for)}: {clean(found)}")
    if tested.error is not None:
        yield line(_label("failed", "red"), clean(tested.error))
        return
    yield line(_label("is", "green"), clean(tested.arn or ""))
    yield line(_label("account"), tested.account or "")
    ends = show_end(tested.expires_at, now + tested.clock_offset, long_lived=tested.long_lived)
    yield line(_label("lasts"), ends)
    yield line(_label("next hop"), next_hop(tested))


def _label(text: str, style: str = "") -> StyledText:
    return StyledText(f"{text:10}", style)


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
